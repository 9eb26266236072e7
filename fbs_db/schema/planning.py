"""The plan of a run: its script, its locks, and the user columns it ties."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fbs_db.database.connection import shown
from fbs_db.database.session import Session
from fbs_db.files import HOST_LINK, ISOLATION, ROLES, USER_LINK, MigrationFile, provided
from fbs_db.reports import DryRunReport, Operation, PlannedColumn, TableLock
from fbs_db.schema.history import Backend
from fbs_db.schema.run import Run, in_groups

_USER_COLUMN = re.compile(r"\('(\w+)', '(\w+)', '(cascade|set null)'\)")
_BLOCKS = {
    "ACCESS EXCLUSIVE": "everything",
    "EXCLUSIVE": "writes",
    "SHARE ROW EXCLUSIVE": "writes",
    "SHARE": "writes",
    "SHARE UPDATE EXCLUSIVE": "ddl",
}


class _Undone(Exception):
    """Rolls back the transaction of a trial."""


def tried_locks(backend: Backend, tried: list[MigrationFile]) -> list[TableLock]:
    """The locks that files take on existing tables. The files run in a transaction that is rolled back."""
    locks: list[TableLock] = []
    try:
        with backend.run_transaction():
            cursor = backend.cursor()
            cursor.execute("set local statement_timeout = '10s'")
            cursor.execute(
                "select array_agg(oid) from pg_catalog.pg_class where relkind in ('r', 'p', 'f', 'm', 'v')"
                " and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
            )
            before = cursor.fetchone() or (None,)
            for file in tried:
                backend.run(file, file.sql_for_run)
                backend.run(file, backend.record_sql(file, "apply"))
                locks += _new_locks(backend, before, file.id, locks)
            raise _Undone
    except _Undone:
        return locks


def _new_locks(backend: Backend, before: Sequence[object], what: str, known: list[TableLock]) -> list[TableLock]:
    rows = backend.cursor().execute(
        "select distinct l.relation::regclass::text, upper(trim(regexp_replace("
        "replace(l.mode, 'Lock', ''), '([A-Z])', ' \\1', 'g')))"
        " from pg_catalog.pg_locks as l where l.pid = pg_backend_pid() and l.relation = any(%s) order by 1, 2",
        before,
    )
    seen = {(lock.table, lock.mode) for lock in known}
    return [
        TableLock(what, table, mode, _BLOCKS.get(mode, "nothing"))  # type: ignore[arg-type]
        for table, mode in rows
        if (table, mode) not in seen
    ]


def planned(run: Run, every: list[MigrationFile], pending: list[MigrationFile]) -> DryRunReport:
    """The plan, as far as it is known without running the files."""
    session, backend = run.session, run.backend
    in_force = [file for file in every if file.id in run.applied or file in pending]
    features = provided(in_force, {file.id for file in in_force})
    users = _user_columns(session, backend, in_force, run.applied)
    untied = [column for column in users if not column.tied]
    here = {name for file in in_force if file not in pending for kind, name in file.creates if kind == "table"}
    host_table = backend.user_table.removeprefix(f"{session.schema}.").removeprefix(f"{session.quoted_schema}.")
    tables = [host_table] if untied else []
    tables += sorted({column.table_name for column in untied} & here)
    finish = [session.calling("fbs_compile_rules")] if pending and HOST_LINK in features else []
    finish += [session.calling("fbs_keep_isolated")] if pending and ISOLATION in features else []
    finish += [session.calling("fbs_grant_roles")] if pending and ROLES in features else []
    finish += [session.calling("fbs_link_users", backend.user_table)] if untied else []
    text = script(backend, pending, "apply", finish)
    checks = [session.calling("fbs_check_user_column", row.table_name, row.column_name, False) for row in users]
    return DryRunReport(
        database=shown(session.connection),
        schema=session.schema,
        pending=tuple(file.id for file in pending),
        sql="\n".join([text, *checks, ""]) if checks else text,
        locks=tuple(TableLock("attach users", table, "SHARE ROW EXCLUSIVE", "writes") for table in tables),
        untried=tuple(file.id for file in pending),
        users=tuple(untied),
        user_table=backend.user_table,
    )


def _user_columns(
    session: Session, backend: Backend, in_force: list[MigrationFile], applied: set[str]
) -> list[PlannedColumn]:
    """The user columns that are not validated yet once these files are in force."""
    link = next((file for file in in_force if USER_LINK in file.provides), None)
    if not backend.user_table or link is None:
        return []
    made = {name for file in in_force for kind, name in file.creates if kind == "table"}
    known: dict[tuple[str, str], tuple[bool, bool]] = {}
    if link.id in applied:
        query = "select table_name, column_name, user_table is not null, validated from {fbs}fbs_user_columns"
        known = {(table, column): (tied, valid) for table, column, tied, valid in session.select(query)}
    found = []
    for table, column, rule in sorted(_USER_COLUMN.findall(link.sql)):
        tied, valid = known.get((table, column), (False, False))
        if table in made and not valid:
            found.append(PlannedColumn(table, column, rule, tied))
    return found


def script(backend: Backend, chosen: list[MigrationFile], operation: Operation, finish: Sequence[str] = ()) -> str:
    """The statements of a run, for psql."""
    groups = in_groups(chosen, operation, bool(finish))
    parts: list[str] = []
    for number, (transactional, together) in enumerate(groups, 1):
        if transactional:
            parts += ["begin;", backend.settings_sql()]
            parts += [_file_script(backend, file, operation) for file in together]
            parts += [*(finish if number == len(groups) else ()), "commit;"]
        else:
            for file in together:
                parts += [backend.settings_sql().replace("set local ", "set "), file.sql.strip()]
                parts += ["begin;", backend.settings_sql(), backend.record_sql(file, operation), "commit;"]
    return "\n\n".join(parts) + "\n" if parts else ""


def _file_script(backend: Backend, file: MigrationFile, operation: Operation) -> str:
    record = backend.record_sql(file, operation)
    if operation == "apply":
        return f"{file.sql_for_run.strip()}\n\n{record}"
    return f"{record}\n\n{(file.rollback_sql or '').strip()}"
