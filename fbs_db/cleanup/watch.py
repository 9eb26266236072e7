"""Which of the databases that solutions have of their own a worker looks into.

The queues of a thousand databases are not polled. The server counts what is written in each of its databases: a worker
asks it for all of them at once, and looks into those in which something was written since.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import psycopg

from fbs_db.cleanup.queue import logger, reason_of, told
from fbs_db.database import fleet, project
from fbs_db.database.config import EVERY, DatabaseConfig
from fbs_db.database.connection import connected, errors_of_server
from fbs_db.database.patterns import at_server, member_of, server_of
from fbs_db.errors import ConnectionFailed, FbsDbError

#: Seconds after which a database is looked into, whatever the server has counted.
_LATEST = 600.0
#: Seconds between two looks, for each database of the pattern: what keeps writing must not keep the worker.
_GAP = 0.02
#: Seconds for which the answer of a query for the solutions is used.
_ANSWER = 30.0
#: Seconds between tries to ask a server that cannot be asked, and the longest between looks where something waits.
_AGAIN, _LONGEST = 10.0, 60.0
#: Databases that are looked into before it is the turn of the single ones again.
AT_ONCE = 50

_WRITTEN = """
    select s.datname::text, s.tup_inserted + s.tup_updated + s.tup_deleted
    from pg_catalog.pg_stat_database as s
    inner join pg_catalog.pg_database as d on s.datid = d.oid
    where d.datallowconn and not d.datistemplate
"""


@dataclass
class _Member:
    """What is known of a database.

    Attributes:
        config: the database.
        written: rows written in it, as the server counts, now.
        seen: those at the last look.
        at: when that was, on the monotonic clock.
        again: when to look again, though nothing is written.
        pause: the last pause while something waits there, in seconds.
    """

    config: DatabaseConfig
    written: int = 0
    seen: int = -1
    at: float = 0.0
    again: float = 0.0
    pause: float = 0.0


class Watch:
    """The databases of solutions, as a worker sees them.

    Attributes:
        application: name under which the server lists the connections.
        poll: seconds between looks.
    """

    def __init__(self, application: str, poll: float) -> None:
        self.application, self.poll = application, poll
        self._members: dict[DatabaseConfig, dict[str, _Member | None]] = {}
        self._servers: dict[str, tuple[ExitStack, psycopg.Connection]] = {}
        self._answers: dict[str, tuple[float, set[str]]] = {}
        self._tried: dict[str, float] = {}

    def due(self) -> list[DatabaseConfig]:
        """The databases to look into now, those that wait the longest first; `AT_ONCE` at most."""
        now = time.monotonic()
        patterns = project.configuration().patterns.values()
        self._members = {pattern: self._members.get(pattern, {}) for pattern in patterns}
        found: list[_Member] = []
        for pattern in patterns:
            members = self._listed(pattern)
            gap = max(self.poll, _GAP * len(members))
            found += [one for one in members if now >= one.again or (one.written != one.seen and now - one.at >= gap)]
        return [one.config for one in sorted(found, key=lambda one: one.at)[:AT_ONCE]]

    def looked_into(self, database: DatabaseConfig, *, waiting: bool) -> None:
        """Note that a database was looked into, and whether something waits there: then it is looked into again."""
        for members in self._members.values():
            if (one := members.get(database.name)) and one.config == database:
                one.seen, one.at = one.written, time.monotonic()
                one.pause = min(max(2 * one.pause, self.poll), _LONGEST) if waiting else 0.0
                one.again = one.at + (one.pause or _LATEST)

    def _listed(self, pattern: DatabaseConfig) -> list[_Member]:
        """The databases of a pattern that there are; none where the server cannot be asked."""
        now = time.monotonic()
        if now < self._tried.get(pattern.name, 0.0):
            return []
        try:
            self._count(pattern)
            wanted = self._wanted(pattern)
        except FbsDbError as error:
            if pattern.name not in self._tried:
                fields = {"event": "trouble", "target": pattern.name, "reason": reason_of(error)}
                logger.warning("%s", told(error), extra=fields)
            self._tried[pattern.name] = now + _AGAIN
            return []
        self._tried.pop(pattern.name, None)
        members = (one for one in self._members[pattern].values() if one)
        return [one for one in members if wanted is None or one.config.solution in wanted]

    def _count(self, pattern: DatabaseConfig) -> None:
        """Ask the server for its databases, and for the number of rows written in each."""
        before = self._members[pattern]
        counts = dict(self._ask(pattern))
        new = fleet.solutions_among(pattern, counts.keys() - before.keys())
        members = {name: before.get(name) for name in counts}
        members |= {name: _Member(member_of(pattern, solution)) for name, solution in new.items()}
        for name, one in members.items():
            if one:
                one.written = counts[name]
        self._members[pattern] = members

    def _ask(self, pattern: DatabaseConfig) -> list[tuple[str, int]]:
        where = server_of(pattern)
        if where not in self._servers:
            stack = ExitStack()
            try:
                self._servers[where] = stack, stack.enter_context(connected(where, self.application))
            except ConnectionFailed:
                # It may be another database by which this server is asked, and which must not be kept in use.
                with at_server(pattern) as connection, errors_of_server(connection):
                    return connection.execute(_WRITTEN.encode()).fetchall()
        stack, connection = self._servers[where]
        try:
            with errors_of_server(connection):
                return connection.execute(_WRITTEN.encode()).fetchall()
        except FbsDbError:
            del self._servers[where]
            stack.close()
            raise

    def _wanted(self, pattern: DatabaseConfig) -> set[str] | None:
        """The solutions that a list or a query names; None where all are meant."""
        if pattern.solutions == EVERY:
            return None
        if isinstance(pattern.solutions, tuple):
            return set(pattern.solutions)
        until, answer = self._answers.get(pattern.name, (0.0, set[str]()))
        if time.monotonic() >= until:
            answer = set(fleet.wanted_by(pattern))
            self._answers[pattern.name] = time.monotonic() + _ANSWER, answer
        return answer

    def close(self) -> None:
        """Close the connections to the servers."""
        for stack, _ in self._servers.values():
            with suppress(FbsDbError, psycopg.Error):
                stack.close()
        self._servers.clear()
