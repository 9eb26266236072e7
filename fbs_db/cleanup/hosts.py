"""Host tables: attaching and detaching them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fbs_db.database import project
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import Database, Session, open_session
from fbs_db.errors import FbsDbError, RowsAtStake, TargetError
from fbs_db.reports import Progress, Report, silent
from fbs_db.schema.migrate import migrate
from fbs_db.wording import counted

#: Components with tables that FBS's own rules apply to.
RULED = ("core", "approvals", "workflow", "dms")


@dataclass(frozen=True)
class Host(Report):
    """An attached host table.

    Attributes:
        table: its present name; an OID where the table was dropped.
        model_name: the model name in FBS's rows that point at it.
        key_column: its key column.
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
    """Attach a host table: from then on, deleting its rows cleans up FBS's rows.

    Attaching again is harmless, and restores lost triggers. Attaching it under another model
    name renames the model in FBS's rows. Clean-ups for components in other databases are
    queued; a database without components gets the base migrations, for the queue.

    Parameters:
        table: the table, such as ``tenants_tenant``.
        model: the model name in FBS's rows that point at it, such as ``tenants.tenant``.
        key: its key column; None for the primary key.
        rename_rows: whether FBS's rows may be renamed to this model.
        database, schema, progress: as for `fbs_db.migrate`.

    Returns:
        The table as it is attached.

    Raises:
        RowsAtStake: rows have the former model name, and ``rename_rows`` is False.
        TargetError: there is no such table or column, the key's type is not supported, or the
            model is attached to another table.
        LockTimeout: the table is in use for longer than all tries.

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
            # Other databases first: if this breaks off, the next try still finds the former name here.
            with open_session(other, None, application="fbs-db attach host") as there:
                there.call("fbs_rename_model", former[0][0], model)
        session.call("fbs_set_cleanup_targets", [other.name for other in others])
        session.retry_call(progress, "fbs_attach_host", name, model, key)
        return next(host for host in hosts_of(session) if host.model_name == model)


def _refuse_rename(session: Session, others: Sequence[DatabaseConfig], table: str, former: str, model: str) -> None:
    """Refuse another model name where rows have the former one."""
    found = {session.config.name: session.call("fbs_rows_of_model", former)[0][0]}
    for other in others:
        with open_session(other, None, application="fbs-db attach host") as there:
            found[other.name] = there.call("fbs_rows_of_model", former)[0][0]
    if rows := sum(found.values()):
        raise RowsAtStake(
            f"{table} is attached as {former}, and {counted(rows, 'row', 'has', 'have')} that model name."
            f" This renames the model in them to {model}.",
            hint="Nothing was changed. To rename them: rename_rows=True, or --yes on the command line.",
            rows=found,
        )


def _install_base(session: Session) -> None:
    """Install the base migrations, with the queue, in a database without components."""
    migrate(session.config, schema=session.schema)


def may_hold_orphans(config: DatabaseConfig) -> bool:
    """Whether FBS's own rules apply to tables of a database."""
    return any(config.holds(component) for component in RULED)


def _other_databases(session: Session) -> list[DatabaseConfig]:
    """The other configured databases with FBS rows that may point at host rows of this one."""
    others = [config for config in project.configuration().databases.values() if config.name != session.config.name]
    return [config for config in others if may_hold_orphans(config) or _has_rules(config)]


def _has_rules(config: DatabaseConfig) -> bool:
    """Whether a host has added a rule there; True where the database cannot be reached."""
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
    """Tell each configured database with attached hosts which other databases hold FBS rows.

    Parameters:
        moved_to: the database that a component has moved to. Deletions during the move may
            have missed its rows, so a sweep of it is queued in every database.
    """
    for config in project.configuration().databases.values():
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
                # A target that is added gets a sweep.
                session.call("fbs_set_cleanup_targets", [name for name in others if name != moved_to])
                session.call("fbs_set_cleanup_targets", others)


def detach_host(table: str, database: Database = None, *, schema: str | None = None) -> bool:
    """Detach a host table: drop FBS's triggers on it. FBS's rows stay.

    Parameters:
        table: the table, such as ``tenants_tenant``.
        database, schema: as for `fbs_db.migrate`.

    Returns:
        Whether it was attached.

    Raises:
        TargetError: there is no such table, or FBS is not installed in the schema.
        LockTimeout: the table is in use for longer than all tries.

    Calls ``fbs_detach_host``.
    """
    with open_session(database, schema, application="fbs-db detach host") as session:
        name = session.table(table)
        return bool(session.retry_call(silent, "fbs_detach_host", name)[0][0])


def list_hosts(database: Database = None, *, schema: str | None = None) -> list[Host]:
    """The attached host tables, ordered by model name.

    Parameters:
        database, schema: as for `fbs_db.migrate`.

    Raises:
        TargetError: FBS is not installed in the schema, or the role may not read ``fbs_hosts``;
            the hint names the privilege to grant.

    Reads ``fbs_hosts``.
    """
    with open_session(database, schema, application="fbs-db hosts") as session:
        require_hosts(session)
        return hosts_of(session)


def require_hosts(session: Session) -> None:
    """Refuse a role that may not read ``fbs_hosts``.

    Raises:
        TargetError: the hint names the privilege to grant.
    """
    if missing := session.grants("fbs_hosts"):
        raise TargetError(f"The role may not read fbs_hosts in schema {session.schema}.", hint=missing)


def hosts_of(session: Session) -> list[Host]:
    """The same as `list_hosts`, on a session."""
    rows = session.select("select host_table::text, model_name, key_column from {fbs}fbs_hosts order by model_name")
    return [Host(*row) for row in rows]
