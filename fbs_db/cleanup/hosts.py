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
from fbs_db.wording import command, counted

#: Components with tables that FBS's own rules apply to.
RULED = ("core", "approvals", "workflow", "dms")


@dataclass(frozen=True)
class Host(Report):
    """An attached host table.

    Attributes:
        table: its present name; an OID where the table was dropped.
        model_name: the model name in FBS's rows that point at it.
        key_column: its key column.
        solution: the solution whose rows in FBS it cleans up; None for the rows of every solution.
        follows_keys: whether FBS's rows follow when a key changes.
        solution_column: its column that names the solution of each row, in whose own database rows in FBS
            are cleaned up; None where those of every solution are.
    """

    table: str
    model_name: str
    key_column: str
    solution: str | None = None
    follows_keys: bool = False
    solution_column: str | None = None

    @property
    def name(self) -> str:
        """Its model name, with the solution where it has one."""
        return named(self.model_name, self.solution)


def attach_host(
    table: str,
    model: str,
    database: Database = None,
    *,
    key: str | None = None,
    solution: str | None = None,
    solution_column: str | None = None,
    follow_keys: bool | None = None,
    rename_rows: bool = True,
    schema: str | None = None,
    progress: Callable[[Progress], None] = silent,
) -> Host:
    """Attach a host table: from then on, deleting its rows cleans up FBS's rows.

    Attaching again is harmless, and restores lost triggers; without key, solution, solution_column
    and follow_keys these stay as they are. Attaching it under another model
    name renames the model in FBS's rows. Clean-ups for components in other databases are
    queued; a database without components gets the base migrations, for the queue. No database that
    a solution has of its own is connected to, however many there are.

    Parameters:
        table: the table, such as ``tenants_tenant``.
        model: the model name in FBS's rows that point at it, such as ``tenants.tenant``.
        key: its key column; by default the primary key.
        solution: clean up the rows of this solution only; by default those of every solution.
            Needed where two tables have one model name.
        solution_column: the table's column that names each row's solution. Its clean-ups reach that
            solution's own database, and not those of the others; a row that names none reaches all.
        follow_keys: whether FBS's rows follow when a key changes; by default unless the key is
            an identity or serial. A table with fixed keys has no trigger on updates.
        rename_rows: whether FBS's rows may be renamed to this model.
        database, schema, progress: as for `fbs_db.migrate`.

    Returns:
        The table as it is attached.

    Raises:
        RowsAtStake: rows have the former model name, and ``rename_rows`` is False.
        TargetError: there is no such table or column, the key is not unique or its type is not
            supported, another table has the model name and not each has a solution of its own, or
            another model name is asked for while solutions have databases of their own.
        LockTimeout: the table is in use for longer than all tries.

    Calls ``fbs_attach_host``, ``fbs_set_cleanup_targets`` and ``fbs_rename_model``.
    """
    with open_session(database, schema, application="fbs-db attach host") as session:
        name = session.table(table)
        if session.config.components == ():
            _install_base(session)
        others, patterns = _other_databases(session), patterns_beside(session.config)
        former = next(iter(hosts_of(session, name)), None)
        if former is None and solution is None and solution_column is None and (others or patterns):
            solution = session.config.solution  # the same keys are other rows in the tables of other solutions
        if former and former.model_name != model:
            _refuse_rename_in_solutions(patterns, name, former.model_name, model)
            if not rename_rows:
                _refuse_rename(session, others, name, former.model_name, model)
            for other in others:
                # Other databases first: if this breaks off, the next try still finds the former name here.
                with open_session(other, None, application="fbs-db attach host") as there:
                    there.call("fbs_rename_model", former.model_name, model, former.solution)
        _set_targets(session, others, patterns)
        session.retry_call(progress, "fbs_attach_host", name, model, key, solution, follow_keys, solution_column)
        return hosts_of(session, name)[0]


def _refuse_rename_in_solutions(patterns: Sequence[DatabaseConfig], table: str, former: str, model: str) -> None:
    """Refuse another model name where it would have to be changed in the databases of all solutions."""
    if patterns:
        raise TargetError(
            f"{table} is attached as {former}, and rows in the solutions' own databases may have that model name.",
            hint="Nothing was changed. Rows with that name keep it, if you type:"
            f" {command('detach', 'host', table)} && {command('attach', 'host', table, '--model', model)}",
        )


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


def databases_beside(config: DatabaseConfig) -> list[DatabaseConfig]:
    """The other single databases that are configured."""
    return [other for other in project.configuration().databases.values() if other.name != config.name]


def patterns_beside(config: DatabaseConfig) -> list[DatabaseConfig]:
    """The patterns whose databases may hold FBS rows that point at host rows of a database.

    A table in a solution's own database is of interest to no other solution.
    """
    return [
        pattern
        for pattern in project.configuration().patterns.values()
        if any(pattern.holds(one) and not (config.solution and config.holds(one)) for one in RULED)
    ]


def _other_databases(session: Session) -> list[DatabaseConfig]:
    """The other single databases with FBS rows that may point at host rows of this one."""
    return [other for other in databases_beside(session.config) if may_hold_orphans(other) or _has_rules(other)]


def _set_targets(session: Session, others: Sequence[DatabaseConfig], patterns: Sequence[DatabaseConfig]) -> None:
    """Say for which databases clean-ups are queued."""
    session.call("fbs_set_cleanup_targets", [one.name for one in others], [one.name for one in patterns])


def _has_rules(config: DatabaseConfig) -> bool:
    """Whether a host has added a rule there; True where the database cannot be reached."""
    try:
        with open_session(config, None, application="fbs-db attach host") as there:
            return there.select("select exists (select from {fbs}fbs_rule_states where table_id is not null)") == [
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
            others, patterns = _other_databases(session), patterns_beside(config)
            with session.connection.transaction():
                if config.name == moved_to:
                    session.select(
                        "insert into {fbs}fbs_cleanup_queue (model_name, solution, operation)"
                        " select model_name, solution, 'sweep' from {fbs}fbs_hosts"
                    )
                # A target that is added gets a sweep.
                _set_targets(session, [other for other in others if other.name != moved_to], patterns)
                _set_targets(session, others, patterns)


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
    """The attached host tables, ordered by model name and solution.

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


def hosts_of(session: Session, table: str | None = None) -> list[Host]:
    """The same as `list_hosts`, on a session; of one table, by its name for SQL, the one row or none."""
    rows = session.select(
        "select host_table::text, model_name, key_column, solution, follows_keys, solution_column from {fbs}fbs_hosts"
        " where host_table = coalesce(%s::regclass, host_table) order by model_name, solution",
        table,
    )
    return [Host(*row) for row in rows]


def named(model: str, solution: str | None) -> str:
    """A model name, with the solution where there is one."""
    return f"{model} ({solution})" if solution else model
