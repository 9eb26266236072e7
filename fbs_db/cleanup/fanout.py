"""Clean-ups for the databases that solutions have of their own: of one in the queue, one for each database.

A deletion is noted once, however many solutions there are. Who works the queue off asks the server which
databases there are, connects to none of them, and queues one clean-up for each.
"""

from __future__ import annotations

from collections.abc import Set
from contextlib import suppress

import psycopg

from fbs_db.cleanup.across import KEYS, Backoff, hold, name_holder, pause
from fbs_db.cleanup.queue import logger, reason_of, sqlstate_of
from fbs_db.database import fleet, project
from fbs_db.database.config import EVERY, DatabaseConfig
from fbs_db.database.patterns import member_of, solution_in
from fbs_db.database.session import Session, isolated
from fbs_db.errors import FbsDbError, TargetError, UsageError
from fbs_db.wording import counted

#: Queue entries that are made in one transaction, about.
_ENTRIES = 20_000


def fan_out(session: Session, pattern: DatabaseConfig, backoff: Backoff) -> tuple[int, int]:
    """Make, of clean-ups for the databases of a pattern, one for each of these.

    Parameters:
        session: on the database whose queue it is.
        pattern: the pattern.
        backoff: gets a pause where the server of the pattern cannot be asked.

    Returns:
        How many entries were taken off the queue, and how many were put there.
    """
    failure: psycopg.Error | FbsDbError | None = None
    with isolated(session, "read committed"):
        claimed = session.call("fbs_claim_fan_out", pattern.name)
        if not claimed:
            name_holder(session, pattern.name, backoff)
            return 0, 0
        try:
            # Asked while they are claimed: none of them is about a solution that came later.
            reached = _Reached(pattern)
        except FbsDbError as error:
            failure = error
            session.call(
                "fbs_cleanup_carried", [row[0] for row in claimed], sqlstate_of(error), reason_of(error), False
            )
        else:
            if not reached.there:
                hold(session, pattern.name, backoff, _none_there(pattern))
                return 0, 0
            taken, solutions = _some(claimed, len(reached.every))
            of_each = [(EVERY, name) for name in reached.every.values()] if EVERY in solutions else []
            named = reached.names_of(solutions - {EVERY})
            of_each += named.items()
            ((made,),) = session.call(
                "fbs_fan_out", taken, [solution for solution, _ in of_each], [name for _, name in of_each]
            )
            lost = sorted(solutions - {EVERY} - named.keys() - reached.elsewhere)
    pause(backoff, session, pattern.name, failure)
    if failure is not None:
        return 0, 0
    if lost:
        fields = {"event": "no database", "target": pattern.name, "solutions": lost}
        names = f"{', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}"
        text = f"{counted(len(lost), 'solution')} that cannot have a database by {pattern.name} left out: {names}"
        logger.warning("%s", text, extra=fields)
    return len(taken), int(made)


class _Reached:
    """The databases that clean-ups for a pattern reach. One that is away, as while it is restored, is one of them.

    Attributes:
        there: the solutions whose database by this pattern is on its server.
        elsewhere: those that have one by another pattern.
        every: the names of all these databases, by solution.
    """

    def __init__(self, pattern: DatabaseConfig) -> None:
        self._pattern = pattern
        self.there = fleet.on_server(pattern, closed=True)
        self.elsewhere: set[str] = set()
        self._taken: set[str] = set()
        self._earlier: list[DatabaseConfig] = []
        self._ask_others()
        wanted = set(fleet.wanted_by(pattern, self.there))
        # A query may leave out for a moment what it named before.
        self.every = self.names_of(wanted if isinstance(pattern.solutions, tuple) else wanted | self.there)

    def names_of(self, solutions: Set[str]) -> dict[str, str]:
        """The names of the databases of those of these solutions that can have one by this pattern, in order."""
        pattern, named = self._pattern, dict[str, str]()
        for solution in sorted(solutions):
            if solution in self.there or solution not in self.elsewhere:
                with suppress(UsageError):
                    named[member_of(pattern, solution).name] = solution
        ours = fleet.solutions_among(pattern, named.keys())
        return {
            solution: name
            for name, solution in named.items()
            if name in ours
            # The row that names the solution may be gone from what a query reads.
            and (not isinstance(pattern.solutions, tuple) or solution in pattern.solutions)
            and name not in self._taken
            and (solution in self.there or all(solution_in(one, name) is None for one in self._earlier))
        }

    def _ask_others(self) -> None:
        """Of solutions that are spread over servers, each pattern knows some. A name on two servers is of the first."""
        is_earlier = True
        for one in project.configuration().patterns.values():
            if one.name == self._pattern.name:
                is_earlier = False
                continue
            self._earlier += [one] if is_earlier else []
            with suppress(FbsDbError):  # its own clean-ups wait for that server
                found = fleet.on_server(one, closed=True)
                self.elsewhere |= found
                self._taken |= {member_of(one, solution).name for solution in found if is_earlier}


def _none_there(pattern: DatabaseConfig) -> TargetError:
    return TargetError(f"No database by {pattern.name} is on its server.")


def _some(claimed: list[tuple[int, str, str, int]], databases: int) -> tuple[list[int], set[str]]:
    """The first of these clean-ups, so many that not too many are made of them, and their solutions."""
    taken: list[int] = []
    solutions: set[str] = set()
    entries = 0.0
    for number, solution, operation, keys in claimed:
        of_each = databases if solution == EVERY else 1
        # Deletions of single rows are put together.
        entries += of_each * (keys / KEYS if operation == "delete" else 1)
        if taken and entries > _ENTRIES:
            break
        taken.append(number)
        solutions.add(solution)
    return taken, solutions
