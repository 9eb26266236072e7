"""A view for health checks: whether FBS is healthy in the host's databases, by ``fbs_db.check(quick=True)``."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

import fbs_db
from fbs_db.database import project
from fbs_db.errors import FbsDbError

logger = logging.getLogger("fbs_db")

#: Seconds for which an answer is kept: a check takes a tenth of a second of the server, whoever asks.
_KEPT = 5.0


@dataclass
class _Seen:
    """What the last check of a database saw.

    Attributes:
        until: when to check again, on the monotonic clock.
        found: the number of findings by severity and kind.
        lock: held while it is checked: requests that come meanwhile wait for its answer.
    """

    until: float = 0.0
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


_seen: dict[str, _Seen] = {}
os.register_at_fork(after_in_child=_seen.clear)  # whoever held a lock is not there


def _health(request: HttpRequest) -> JsonResponse:
    """Answer 200 if FBS is healthy, else 503; with the number of findings by severity and kind.

    It looks at the databases of ``FBS_DB``, but for those of solutions, or at that of ``?database=``. It names no
    object and no error: the log does. An answer is at most five seconds old.
    """
    found: Counter[tuple[str, str]] = Counter()
    try:
        known = project.configuration().databases
        named = request.GET.get("database")
        if named is not None and named not in known:
            return _answer({"healthy": False, "error": "unknown database"}, 404)
        for alias in known if named is None else [named]:
            found += _checked(alias)
    except Exception:
        logger.exception("The health of FBS could not be checked.")
        found["error", "settings"] += 1
    healthy = all(severity == "note" for severity, _ in found)
    counts: dict[str, dict[str, int]] = {}
    for (severity, kind), count in sorted(found.items()):
        counts.setdefault(severity, {})[kind] = count
    return _answer({"healthy": healthy, "findings": counts}, 200 if healthy else 503)


def _checked(alias: str) -> Counter[tuple[str, str]]:
    seen = _seen.setdefault(alias, _Seen())
    with seen.lock:
        if time.monotonic() >= seen.until:
            try:
                report = fbs_db.check(project.configuration().databases[alias], quick=True)
                seen.found = Counter((one.severity, one.kind) for one in report.findings)
            except FbsDbError as error:
                logger.warning("Database %s could not be checked: %s", alias, error.message)
                seen.found = Counter({("error", "database"): 1})
            seen.until = time.monotonic() + _KEPT
        return seen.found


def _answer(content: dict[str, Any], status: int) -> JsonResponse:
    # Django 4.2's own cache keeps what is no-store.
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store, private"})


#: The view, for ``path("health/fbs/", fbs_db.django.health.view)``.
view = require_safe(_health)
for _alias in settings.DATABASES:  # a database that is away is an answer, not an error before the view
    view = transaction.non_atomic_requests(using=_alias)(view)
view.login_required = False  # as login_not_required of Django 5.1
