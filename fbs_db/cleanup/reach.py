"""The sessions of a worker: one for each database it is at, and few at once, however many databases there are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg
from psycopg import pq

from fbs_db.cleanup.queue import has_queue, logger, told
from fbs_db.database import fleet, project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.patterns import member_of
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import FbsDbError

#: Sessions at once. Those on single databases, which are few, do not make room for others.
_PLACES = 7


@dataclass
class _Opened:
    session: Session
    stack: ExitStack
    used: float

    def close(self) -> None:
        with suppress(FbsDbError, psycopg.Error):
            self.stack.close()


class Reach:
    """Gives the session on a database: it is opened once, and anew where it broke.

    A session on a solution's own database makes room for another, unless it is in a transaction.

    Attributes:
        application: name under which the server lists the connections.
        asked: the database that the caller named.
        schema: the schema there; other databases have their own.
    """

    def __init__(self, application: str, asked: Database, schema: str | None) -> None:
        self.application, self.asked, self.schema = application, asked, schema
        self._opened: dict[Database, _Opened] = {}  # last the one that was used last

    def __call__(self, database: Database, beside: Session | None = None) -> Session:
        """The session on a database.

        Parameters:
            database: the database.
            beside: a session that is needed further on.
        """
        found = self._opened.pop(database, None)
        if found and (found.session.connection.closed or found.session.connection.broken):
            found.close()
            found = None
        if found is None:
            self._make_room(beside)
            stack = ExitStack()
            of_asked = self.schema if database is self.asked else None
            session = stack.enter_context(open_session(database, of_asked, application=self.application))
            if session.config.solution is not None:  # one that is locked must not keep the others waiting
                session.connection.execute("set lock_timeout = '3s'")
            found = _Opened(session, stack, 0)
        found.used = time.monotonic()
        self._opened[database] = found
        return found.session

    def _make_room(self, beside: Session | None) -> None:
        for database in self._of_solutions(beside):
            if len(self._opened) < _PLACES:
                break
            self._opened.pop(database).close()

    def close_idle(self, seconds: float) -> None:
        """Close the sessions on solutions' own databases that were not used for so long: one may be dropped."""
        for database in self._of_solutions(None):
            if time.monotonic() - self._opened[database].used >= seconds:
                self._opened.pop(database).close()

    def _of_solutions(self, beside: Session | None) -> list[Database]:
        return [
            database
            for database, opened in self._opened.items()
            if isinstance(database, DatabaseConfig)
            and database.solution is not None
            and opened.session is not beside
            and opened.session.connection.info.transaction_status
            not in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.ACTIVE)
        ]

    def close(self) -> None:
        for opened in self._opened.values():
            opened.close()
        self._opened.clear()


@contextmanager
def reaching(application: str, asked: Database, schema: str | None) -> Iterator[Reach]:
    """A block that can reach databases; all sessions are closed at its end."""
    reach = Reach(application, asked, schema)
    try:
        yield reach
    finally:
        reach.close()


def databases_of(asked: Database) -> list[Database]:
    """The database that the caller named; else every single one that is configured."""
    if asked is not None:
        return [asked]
    known = project.configuration()
    return [None] if len(known.databases) == 1 and not known.patterns else list(known.databases.values())


def sessions_on(asked: Database, reach: Reach) -> Iterator[Session]:
    """A session on each of these databases, those of solutions included; of several, on those that have a queue."""
    for database in _each_of(asked):
        try:
            session = reach(database)
            wanted = database is asked or has_queue(session)
        except FbsDbError as error:
            if database is asked:
                raise
            logger.warning("%s", told(error))
            continue
        if wanted:
            yield session


@contextmanager
def others_go_on(session: Session) -> Iterator[list[FbsDbError]]:
    """A block of which an error is logged, and listed, if the session is on one of the databases of solutions."""
    errors: list[FbsDbError] = []
    try:
        yield errors
    except FbsDbError as error:
        if session.config.solution is None:
            raise
        errors.append(error)
        logger.warning("%s: %s", session.config.name, told(error))


def _each_of(asked: Database) -> Iterator[Database]:
    yield from databases_of(asked)
    for pattern in project.configuration().patterns.values() if asked is None else ():
        try:
            solutions = fleet.solutions_of(pattern)
        except FbsDbError as error:
            logger.warning("%s", told(error))
            continue
        yield from (member_of(pattern, solution) for solution in solutions)
