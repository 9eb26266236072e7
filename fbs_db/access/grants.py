"""The rights of roles: granting what a work needs, taking it back, and looking at what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, get_args

from fbs_db.database.session import Database, Session, open_session, told_what_stays
from fbs_db.errors import TargetError, UsageError
from fbs_db.reports import Report
from fbs_db.schema.rights import refuse_rights_of_others
from fbs_db.wording import command

Work = Literal["app", "reader", "worker", "monitor"]

#: The kinds of work a role can be granted.
WORKS: tuple[Work, ...] = get_args(Work)
#: The name under which the rights of all roles are listed.
PUBLIC = "PUBLIC"


@dataclass(frozen=True)
class Granted(Report):
    """A work that a role was granted.

    Attributes:
        work: ``app``, ``reader``, ``worker`` or ``monitor``.
        solutions: the solutions whose rows it sees while isolation is on.
        shared: whether it sees the solution that ``fbs.solution`` names.
    """

    work: Work
    solutions: tuple[str, ...] = ()
    shared: bool = False


@dataclass(frozen=True)
class Difference(Report):
    """Rights that a role lacks, or has beyond what its work needs.

    Attributes:
        kind: ``schema``, ``table`` (or view), ``sequence`` or ``routine``; ``role`` for what the role itself is.
        objects: the objects; none where the kind is ``role``.
        rights: the rights, such as ``select, insert``; of a role what it is, such as ``is a superuser``.
        mend: the statement that grants or revokes them; empty text where there is none.
    """

    kind: str
    objects: tuple[str, ...]
    rights: str
    mend: str


@dataclass(frozen=True)
class Role(Report):
    """A role with rights on FBS's objects.

    Attributes:
        name: its name; ``PUBLIC`` for the rights of all roles.
        exists: whether there is such a role.
        works: what it was granted; none where `grant` did not grant it anything.
        lacks: what its work needs and it has not.
        beyond: what it has and its work does not need.
    """

    name: str
    exists: bool
    works: tuple[Granted, ...]
    lacks: tuple[Difference, ...] = ()
    beyond: tuple[Difference, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it has exactly the rights that its work needs. Roles without a work may have what they have."""
        return self.exists and not self.lacks and not (self.beyond and (self.works or self.name == PUBLIC))

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "fits": self.fits}


@dataclass(frozen=True)
class RightsReport(Report):
    """What `grant` or `revoke` did, or would do.

    Attributes:
        role: the role.
        sql: exactly the statements, for psql; empty text where there was nothing to do.
        done: False for a dry run.
        now: the role as it is now; None where it has neither a work nor rights.
    """

    role: str
    sql: str
    done: bool
    now: Role | None


def grant(
    role: str,
    work: Work,
    database: Database = None,
    *,
    solutions: Sequence[str] | None = None,
    shared: bool | None = None,
    dry_run: bool = False,
    schema: str | None = None,
) -> RightsReport:
    """Grant a role exactly what its work needs. `migrate` grants it what comes later.

    The call can be repeated, and restores what is missing. A role can have several works.

    Parameters:
        role: an existing role, that is neither a superuser nor a member of FBS's owner.
        work: ``app``: reads and writes the rows of FBS's models; ``reader``: reads them, but for secrets;
            ``worker``: calls the worker's functions; ``monitor``: reads the state of FBS itself.
        solutions: the solutions whose rows it sees and writes while isolation is on. With None and without
            ``shared`` they stay as they are.
        shared: whether it sees the solution that ``fbs.solution`` names in each transaction.
        dry_run: return the statements, and change nothing.
        database, schema: as for `fbs_db.migrate`; no server is created.

    Raises:
        TargetError: there is no such role, or it has more rights than any work needs, or the solutions do not
            fit the work, or FBS's owner may not grant the use of the schema, or others may create in it.
        LockTimeout: a migration is running.

    Calls ``fbs_grant_role``.
    """
    with open_session(database, schema, application="fbs-db grant") as session:
        chosen = None if solutions is None else list(solutions)
        return _changed(session, role, dry_run, "fbs_grant_role", work, chosen, shared)


def revoke(
    role: str,
    work: Work | None = None,
    database: Database = None,
    *,
    dry_run: bool = False,
    schema: str | None = None,
) -> RightsReport:
    """Take a work from a role, or all: it keeps the rights that its other works need, and no other on FBS's objects.

    Parameters:
        role: the role; it may have been dropped.
        work: the work; None for all.
        dry_run: return the statements, and change nothing.
        database, schema: as for `fbs_db.migrate`; no server is created.

    Raises:
        TargetError: there is no such role.
        LockTimeout: a migration is running.

    Calls ``fbs_revoke_role``.
    """
    with open_session(database, schema, application="fbs-db revoke") as session:
        return _changed(session, role, dry_run, "fbs_revoke_role", work)


def list_roles(database: Database = None, *, schema: str | None = None) -> list[Role]:
    """The roles that were granted a work, those with other rights on FBS's objects, and ``PUBLIC`` where it has any.

    Members of FBS's owner and superusers, who have all rights, are listed only where they were granted a work.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Raises:
        TargetError: FBS is not installed in the schema, or the role may not read ``fbs_roles``.

    Reads ``fbs_roles`` and ``fbs_role_differences``.
    """
    with open_session(database, schema, application="fbs-db roles") as session:
        if session.grants("fbs_roles"):
            raise TargetError(
                f"The role may not read fbs_roles in schema {session.schema}.",
                hint=f"As FBS's owner, type: {command('grant', session.role(), '--as', 'monitor')}",
            )
        return list(_roles(session))


def _roles(session: Session) -> Iterator[Role]:
    """The same as `list_roles`, on a session."""
    works: dict[str, list[Granted]] = {}
    query = "select role_name, work, solutions, is_shared from {fbs}fbs_roles order by role_name, work"
    for name, work, solutions, shared in session.select(query):
        works.setdefault(name, []).append(Granted(work, tuple(solutions), shared))
    found: dict[tuple[str, str], list[Difference]] = {}
    for name, _, change, kind, objects, rights, mend in session.call("fbs_role_differences"):
        found.setdefault((name, change), []).append(Difference(kind, tuple(objects or ()), rights, mend))
    others = sorted({name for name, _ in found} - works.keys() - {PUBLIC})
    for name in (*works, *others, *({PUBLIC} & {name for name, _ in found})):
        yield Role(
            name,
            (name, "missing") not in found,
            tuple(works.get(name, ())),
            tuple(found.get((name, "grant"), ())),
            tuple(found.get((name, "revoke"), ())),
        )


def _changed(session: Session, role: str, dry_run: bool, function: str, *arguments: object) -> RightsReport:
    """Call a function that changes the rights of a role, or lists the statements that would."""
    if "\0" in role:
        raise UsageError("The name of a role cannot contain a NUL character.")
    refuse_rights_of_others(session)  # as whoever calls FBS's functions trusts who may write them
    lock = nullcontext() if dry_run else session.lock()
    with told_what_stays(), lock, session.translated(), session.connection.transaction():
        statements = [text for (text,) in session.call(function, role, *arguments, dry_run)]
        now = next((one for one in _roles(session) if one.name == role), None)
    script = "\n".join(["begin;", *statements, "commit;", ""]) if statements else ""
    return RightsReport(role, script, not dry_run, now)
