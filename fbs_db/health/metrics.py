"""Figures for Prometheus: the view ``fbs_metrics``, with the state of the migrations, which only the files tell."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg

from fbs_db import files
from fbs_db.database import fleet, project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.many import on_many
from fbs_db.database.patterns import member_of
from fbs_db.database.session import Database, Session, isolated, open_session
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.schema.history import history_of
from fbs_db.schema.rights import read_unsafe
from fbs_db.schema.status import statuses
from fbs_db.wording import command

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

logger = logging.getLogger("fbs_db")

_JOBS = 4
_UP, _MIGRATIONS, _LAST_RUN = "fbs_up", "fbs_migrations", "fbs_worker_last_run_timestamp_seconds"
_OF_CLEANUP = ("model", "target", "state")
#: The metrics in their order, each with its help and its labels: columns of ``fbs_metrics``.
_FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    _UP: ("Whether FBS could be read: 1 or 0.", ()),
    "fbs_info": ("1, with the version of fbs-db that applied the last migration.", ("version",)),
    _MIGRATIONS: (
        "Migrations: applied, pending, edited, missing (applied, but without a file), or newer than this fbs-db.",
        ("state",),
    ),
    "fbs_findings": ("Findings of fbs_health().", ("severity", "kind")),
    "fbs_cleanup_entries": ("Queued clean-ups: waiting, or failed.", _OF_CLEANUP),
    "fbs_cleanup_oldest_seconds": ("Age of the oldest queued clean-up; 0 where there is none.", _OF_CLEANUP),
    _LAST_RUN: ("When a worker last ran, to the minute; 0 where none ever did.", ()),
    "fbs_table_bytes": ("Size of a table with its indexes.", ("table",)),
}
#: Those of which databases of one pattern have the highest together; of others they have the sum.
_HIGHEST = ("fbs_info", "fbs_cleanup_oldest_seconds")

#: The values by name and labels.
_Figures = dict[tuple[str, tuple[str, ...]], float]


def metrics(
    database: Database = None, *, schema: str | None = None, all_databases: bool = False
) -> list[GaugeMetricFamily]:
    """The gauges of ``fbs-db metrics``, as a collector of prometheus_client gives them.

    Where a database cannot be read, ``fbs_up`` is 0 and all that is said of it; the reason is logged.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.
        all_databases: all databases of the project, with the label ``database``. Those of solutions have the name of
            their pattern, and together one figure: the sum; for ages the highest.

    Returns:
        The families, each with its samples. Sizes are in bytes, ages in seconds, times in seconds since 1970.

    Raises:
        UsageError: the configuration, or the name of the schema, is wrong.

    Reads ``fbs_metrics`` and ``fbs_migrations``.
    """
    from prometheus_client.core import GaugeMetricFamily

    figures = dict(_of_all(schema)) if all_databases else {"": _figures_of(database, schema)}
    families = []
    for name, (help_text, labels) in _FAMILIES.items():
        family = GaugeMetricFamily(name, help_text, labels=[*(["database"] if all_databases else []), *labels])
        for label, values in figures.items():
            for (metric, texts), value in sorted(values.items()):
                if metric == name:
                    family.add_metric([*([label] if all_databases else []), *texts], value)
        families.append(family)
    return families


def _of_all(schema: str | None) -> Iterator[tuple[str, _Figures]]:
    """The figures by database, or by pattern."""
    known = project.configuration()
    for done in on_many(known.databases.values(), lambda one: _figures_of(one, schema), _JOBS):
        yield done.database.name, done.answer or _down(done.database.name, done.error)
    for pattern in known.patterns.values():
        try:
            members = [member_of(pattern, solution) for solution in fleet.solutions_of(pattern)]
        except FbsDbError as error:
            yield pattern.name, _down(pattern.name, error)
            continue
        total: _Figures = {}
        for done in on_many(members, lambda one: _figures_of(one, schema), _JOBS):
            for key, value in (done.answer or _down(done.database.name, done.error)).items():
                total[key] = _together(key[0], total[key], value) if key in total else value
        yield pattern.name, total


def _together(name: str, one: float, other: float) -> float:
    return min(one, other) if name == _UP else max(one, other) if name in _HIGHEST else one + other


def _down(name: str, error: FbsDbError | None) -> _Figures:
    logger.warning("%s could not be read: %s", name or "The database", " ".join(str(error).split()))
    return {(_UP, ()): 0.0}


def _figures_of(database: Database, schema: str | None) -> _Figures:
    try:
        with (
            open_session(database, schema, application="fbs-db metrics") as session,
            isolated(session, "repeatable read", read_only=True),
        ):
            return _read(session)
    except UsageError:
        raise
    except FbsDbError as error:
        return _down(database.name if isinstance(database, DatabaseConfig) else "", error)


def _read(session: Session) -> _Figures:
    if unsafe := read_unsafe(session):
        raise TargetError(
            f"Nothing of schema {session.schema} is called: {unsafe[0][2]}: {unsafe[0][3]}.",
            hint=f"Type: {command('check')}",
        )
    columns = dict.fromkeys(label for _, labels in _FAMILIES.values() for label in labels)
    named = ", ".join(f'"{name}"' for name in columns)
    try:
        rows = session.select(f"select value, metric, {named} from {{fbs}}fbs_metrics")
    except psycopg.errors.InsufficientPrivilege as error:
        role = session.role()
        raise TargetError(
            f"Role {role} may not read fbs_metrics: {error.diag.message_primary}.",
            hint=f"As FBS's owner, type: {command('grant', role, '--as', 'monitor')}",
        ) from error
    figures: _Figures = {(_UP, ()): 1.0}
    for value, name, *texts in rows:
        if name in _FAMILIES:  # a later release may have others
            labels = dict(zip(columns, texts, strict=True))
            figures[name, tuple(labels[label] for label in _FAMILIES[name][1])] = float(value)
    states = Counter[str](one.state for one in statuses(session.config, files.load(), history_of(session)))
    figures |= {
        (_MIGRATIONS, (state,)): states[state] for state in ("applied", "pending", "edited", "missing", "newer")
    }
    if session.config.solution is not None:  # where a worker does not note it
        figures.pop((_LAST_RUN, ()), None)
    return figures
