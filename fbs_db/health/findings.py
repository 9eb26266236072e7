"""A finding of a check, and those that the functions of FBS return."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg

from fbs_db.database.connection import raise_if_lost
from fbs_db.database.session import Session
from fbs_db.errors import TargetError
from fbs_db.reports import Report
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Key
from fbs_db.wording import command, completed

Severity = Literal["error", "warning", "note"]

#: The kinds of findings, to choose from with ``only``.
KINDS = (
    "migration",
    "component",
    *snapshot.KINDS,
    "users",
    "user key",
    "host",
    "clean-up",
    "isolation",
    "file",
    "rows",
    "owner",
    "right",
    "privilege",
)


@dataclass(frozen=True)
class Finding(Report):
    """One difference from the schema as it should be, or something that waits for attention.

    Attributes:
        severity: ``error``: FBS needs it; ``warning``: look at it; ``note``: there is nothing to do.
        kind: one of `KINDS`.
        object: its name, such as ``fbs_kpis.target_value``.
        problem: ``missing``, ``changed``, ``not part of FBS``, ``disabled``, ...
        found: the definition or state that was found; None where nothing is there.
        expected: the definition or state that should be there; None where ``problem`` implies it.
        mend: the repair: a shell command or, with a semicolon at the end, SQL; empty text where there is none.
    """

    severity: Severity
    kind: str
    object: str
    problem: str
    found: str | None = None
    expected: str | None = None
    mend: str = ""


@dataclass(frozen=True)
class CheckReport(Report):
    """The findings of a check.

    Attributes:
        database: the database, as a URL without password.
        schema: the schema.
        objects: the number of objects that were compared; none by a quick check.
        findings: errors first, then warnings, then notes.
        quick: whether it was a quick check, which looks at less.
    """

    database: str
    schema: str
    objects: int
    findings: tuple[Finding, ...]
    quick: bool = False

    @property
    def healthy(self) -> bool:
        """Whether there are no errors and no warnings."""
        return all(finding.severity == "note" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {"healthy": self.healthy, **super().as_dict()}


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then notes."""
    found = tuple(findings)
    severities = ("error", "warning", "note")
    kinds = [*KINDS, *(one.kind for one in found)]  # a later release may have more
    return tuple(sorted(found, key=lambda one: (severities.index(one.severity), kinds.index(one.kind), one.object)))


def asked(session: Session, function: str, found: Collection[Key], *arguments: str) -> Iterator[Finding]:
    """The findings of one of FBS's functions; where it fails, a note."""
    if not any(kind == "function" and name.startswith(f"{function}(") for kind, name in found):
        return  # its absence is a finding of its own
    try:
        with session.connection.transaction():
            rows = session.call(function, *arguments)
    except psycopg.errors.InsufficientPrivilege as error:
        said = f"{error.diag.message_primary}"
        for_all = function == "fbs_health"
        mend = command("grant", session.role(), "--as", "monitor") if for_all else session.grants(*arguments)
        yield Finding("note", "privilege", " ".join((function, *arguments)), "not looked at", said, None, mend)
        return
    except psycopg.errors.QueryCanceled:
        raise  # the statement timeout: nothing is known
    except (psycopg.Error, TargetError) as error:
        raise_if_lost(session.connection, error)
        yield Finding("note", "function", " ".join((function, *arguments)), "could not answer", _said(error))
        return
    for row in rows:
        mend = command("repair") if row[-1].startswith("fbs-db repair") else completed(row[-1])
        yield replace(Finding(*row), mend=mend)


def _said(error: psycopg.Error | TargetError) -> str:
    return (error.diag.message_primary if isinstance(error, psycopg.Error) else error.message) or str(error)
