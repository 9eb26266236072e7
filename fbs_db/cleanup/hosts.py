"""Tying FBS to the host: to its users, and to the tables its rows point at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import Database, Session, call_patiently, open_session
from fbs_db.errors import FbsDbError, RowsAtStake, TargetError
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema.migrate import migrate
from fbs_db.wording import counted

#: Components that hold tables for which FBS has rules of its own.
RULED = ("core", "approvals", "workflow", "dms")


@dataclass(frozen=True)
class Host(Report):
    """One of the host's tables that FBS's rows may point at.

    Attributes:
        table: its name now; a number where it was dropped.
        model_name: name by which FBS's rows point at it.
        key_column: its key.
    """

    table: str
    model_name: str
    key_column: str


def attach_host(
    table: str,
    model: str,
    database: Database = None,
    *,
    key: str | None = None,
    rename_rows: bool = True,
    schema: str | None = None,
    progress: Callable[[Progress], None] = silent,
) -> Host:
    """Attach a host's table: from then on its deletions clean up FBS's rows.

    Again does no harm, and puts back triggers that were lost. Under another model name,
    FBS's rows get that name. Where components live in other databases, what happens to
    the table's rows is queued for them; a database that holds nothing of FBS gets the
    queue and what it needs.

    Parameters:
        table: the table, such as ``tenants_tenant``.
        model: name by which FBS's rows point at it, such as ``tenants.tenant``.
        key: its key column; None for the primary key.
        rename_rows: whether FBS's rows may get that name, where they point at the table by another.
        database, schema, progress: as for `fbs_db.migrate`.

    Raises:
        RowsAtStake: there are such rows, and they may not.
        TargetError: no such table or column, no fit key, or the model is attached to
            another table.

    Calls ``fbs_attach_host``, ``fbs_set_cleanup_targets`` and ``fbs_rename_model``.
    """
    with open_session(database, schema, application="fbs-db attach host") as session:
        name = session.table(table)
        if session.config.components == ():
            _install_base(session)
        others = _other_databases(session)
        former = session.select("select model_name from {fbs}fbs_hosts where host_table = %s::regclass", name)
        renamed = former not in ([], [(model,)])
        if renamed and not rename_rows:
            _refuse_rename(session, others, name, former[0][0], model)
        for other in others if renamed else ():
            # Before it is renamed here: broken off in between, the next try finds the old name again.
            with open_session(other, None, application="fbs-db attach host") as there:
                there.call("fbs_rename_model", former[0][0], model)
        session.call("fbs_set_cleanup_targets", [other.name for other in others])
        call_patiently(session, progress, "fbs_attach_host", name, model, key)
        return next(host for host in hosts_of(session) if host.model_name == model)


def _refuse_rename(session: Session, others: Sequence[DatabaseConfig], table: str, former: str, model: str) -> None:
    """Refuse another model name where rows point at the table by the one that it has."""
    found = {session.config.name: session.call("fbs_rows_of_model", former)[0][0]}
    for other in others:
        with open_session(other, None, application="fbs-db attach host") as there:
            found[other.name] = there.call("fbs_rows_of_model", former)[0][0]
    if rows := sum(found.values()):
        raise RowsAtStake(
            f"{table} is attached as {former}, by which {counted(rows, 'row', 'points', 'point')} at it."
            f" This renames the model there to {model}.",
            hint="Nothing was changed. To do it all the same: rename_rows=True, or --yes on the command line.",
            rows=found,
        )


def _install_base(session: Session) -> None:
    """What a host's database needs that holds no component: the base, with its queue."""
    migrate(session.config, schema=session.schema)


def may_hold_orphans(config: DatabaseConfig) -> bool:
    """Whether rules of FBS's own are for tables of a database."""
    return any(config.holds(component) for component in RULED)


def _other_databases(session: Session) -> list[DatabaseConfig]:
    """The configured databases whose rows of FBS may point at host rows of this one."""
    others = [config for config in project.read().databases.values() if config.name != session.config.name]
    return [config for config in others if may_hold_orphans(config) or _has_rules(config)]


def _has_rules(config: DatabaseConfig) -> bool:
    """Whether a host has added a rule there; it may have where that cannot be told now."""
    try:
        with open_session(config, None, application="fbs-db attach host") as there:
            return there.select("select exists (select from {fbs}fbs_cleanup_rules where clean_sql is not null)") == [
                (True,)
            ]
    except TargetError:  # FBS is not installed there yet
        return False
    except FbsDbError:
        return True


def tell_targets(moved_to: str = "") -> None:
    """Let each configured database that has hosts attached know which others hold rows of FBS.

    Parameters:
        moved_to: a database to which rows have moved: what its own deletions, or those of
            others, missed while they did is looked for.
    """
    for config in project.read().databases.values():
        with open_session(config, None, application="fbs-db placement") as session:
            if not session.may("insert", "fbs_cleanup_targets") or not hosts_of(session):
                continue
            others = [other.name for other in _other_databases(session)]
            with session.connection.transaction():
                if config.name == moved_to:
                    session.select(
                        "insert into {fbs}fbs_cleanup_queue (model_name, operation)"
                        " select model_name, 'sweep' from {fbs}fbs_hosts"
                    )
                # One that is told of anew is swept.
                session.call("fbs_set_cleanup_targets", [name for name in others if name != moved_to])
                session.call("fbs_set_cleanup_targets", others)


def detach_host(table: str, database: Database = None, *, schema: str | None = None) -> bool:
    """Detach a host's table: its triggers go, FBS's rows stay.

    Returns:
        Whether it was attached.

    Calls ``fbs_detach_host``.
    """
    with open_session(database, schema, application="fbs-db detach host") as session:
        name = session.table(table)
        return bool(call_patiently(session, silent, "fbs_detach_host", name)[0][0])


def list_hosts(database: Database = None, *, schema: str | None = None) -> list[Host]:
    """The host's tables that are attached, by name of their model.

    Raises:
        TargetError: FBS is not installed here, or the role may not read ``fbs_hosts``.

    Reads ``fbs_hosts``.
    """
    with open_session(database, schema, application="fbs-db hosts") as session:
        require_hosts(session)
        return hosts_of(session)


def require_hosts(session: Session) -> None:
    """Refuse a role that may not read which tables are attached.

    Raises:
        TargetError: what is to be granted is its hint.
    """
    if missing := session.grants("fbs_hosts"):
        raise TargetError(f"The role may not read fbs_hosts in schema {session.schema}.", hint=missing)


def hosts_of(session: Session) -> list[Host]:
    """What `list_hosts` answers, on a session that is there."""
    rows = session.select("select host_table::text, model_name, key_column from {fbs}fbs_hosts order by model_name")
    return [Host(*row) for row in rows]
