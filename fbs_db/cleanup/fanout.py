"""Clean-ups for the databases that solutions have of their own: of one in the queue, one for each database.

A deletion is noted once, however many solutions there are. Who works the queue off asks the server which
databases there are, connects to none of them, and queues one clean-up for each.
"""

from __future__ import annotations

import psycopg

from fbs_db.cleanup.across import KEYS, Backoff, name_holder, pause
from fbs_db.cleanup.queue import logger, reason_of, sqlstate_of
from fbs_db.database import fleet, project
from fbs_db.database.config import EVERY, DatabaseConfig
from fbs_db.database.patterns import member_of
from fbs_db.database.session import Session, isolated
from fbs_db.errors import FbsDbError
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
            there = fleet.on_server(pattern, closed=True)
            every = [one for one in fleet.wanted_by(pattern, there) if one in there]
        except FbsDbError as error:
            failure = error
            session.call(
                "fbs_cleanup_carried", [row[0] for row in claimed], sqlstate_of(error), reason_of(error), False
            )
        else:
            taken, solutions = _some(claimed, len(every))
            of_each = [(EVERY, solution) for solution in every] if EVERY in solutions else []
            # A row that names the solution may be gone from what the query reads.
            listed = set(pattern.solutions) if isinstance(pattern.solutions, tuple) else there
            of_each += [(solution, solution) for solution in sorted(solutions & there & listed)]
            names = [member_of(pattern, solution).name for _, solution in of_each]
            ((made,),) = session.call("fbs_fan_out", taken, [one for one, _ in of_each], names)
            lost = sorted(solutions - {EVERY} - {one for one, _ in of_each})
    pause(backoff, session, pattern.name, failure)
    if failure is not None:
        return 0, 0
    # Of solutions that are spread over servers, each pattern knows some.
    if lost and len(project.configuration().patterns) == 1:
        fields = {"event": "no database", "target": pattern.name, "solutions": lost}
        named = f"{', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}"
        text = f"{counted(len(lost), 'solution')} without a database by {pattern.name} left out: {named}"
        logger.warning("%s", text, extra=fields)
    return len(taken), int(made)


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
