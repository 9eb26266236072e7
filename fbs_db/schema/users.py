"""The foreign keys of user columns to the host's user table."""

from __future__ import annotations

from collections.abc import Callable

from fbs_db.database.locks import Retries
from fbs_db.database.session import Database, Session, open_session, sentences, told_what_stays
from fbs_db.errors import FbsDbError, LockTimeout, TargetError
from fbs_db.reports import Progress, UserColumn, silent
from fbs_db.schema.history import Backend
from fbs_db.wording import command, counted

#: How long a try for the locks of the user columns lasts: less than deadlock_timeout, so that in a deadlock
#: the host's session is not the one that is cancelled.
_WAIT_MS = 800
_WAITED_FOR = """
select exists (
    select from pg_catalog.pg_locks as l
    where not l.granted and l.pid <> pg_backend_pid() and pg_backend_pid() = any(pg_blocking_pids(l.pid))
)
"""


def attach_users(
    table: str,
    database: Database = None,
    *,
    repair: bool = False,
    schema: str | None = None,
    progress: Callable[[Progress], None] = silent,
) -> list[UserColumn]:
    """Tie the user columns to the host's user table, by foreign keys with their rules on delete.

    The call can be repeated. All keys are added in one transaction, without a check of the rows.
    Then each column is validated by itself, under short locks.

    Parameters:
        table: the user table, such as ``auth_user``.
        repair: apply the column's rule to rows whose user is gone: delete them, or set the column to NULL.
        database, schema, progress: as for `fbs_db.migrate`.

    Returns:
        A row for each user column. If orphans are left, new rows and deletions follow the rule
        all the same.

    Raises:
        TargetError: there is no such table, its key is not one column or has another type, or
            another table is attached.
        LockTimeout: a table was in use in all five tries. It names the session that uses it.

    Calls ``fbs_link_users`` and ``fbs_check_user_column``.
    """
    with open_session(database, schema, application="fbs-db attach users") as session:
        users = session.table(table)
        backend = Backend(session, progress=progress)
        with session.lock(progress=progress):
            with told_what_stays(), session.translated():
                tie_users(session, backend, users, progress)
            return check_user_columns(session, backend, users, progress, repair=repair)


def tie_users(session: Session, backend: Backend, users: str, progress: Callable[[Progress], None]) -> None:
    """Tie all user columns in one transaction."""
    retries = session.retries(progress)

    def work() -> None:
        with backend.run_transaction():
            link_users(session, users, retries)

    retries.run(work)


def link_users(session: Session, users: str, retries: Retries) -> None:
    """Tie all user columns, as the last statement of a transaction.

    Each try is a savepoint, so the earlier work of the transaction is kept. If other sessions wait
    for that work, the transaction is rolled back and tried again: one of them may hold the user
    table, and PostgreSQL would cancel one side of the deadlock.
    """
    while True:
        wait_ms = _WAIT_MS if _keeps_nobody(session) else 1
        try:
            with session.translated(), session.connection.transaction():
                session.call("fbs_link_users", users, wait_ms)
                return
        except LockTimeout as error:
            if not _keeps_nobody(session):
                raise
            retries.again(error)


def _keeps_nobody(session: Session) -> bool:
    """Whether no session waits for a lock of this one."""
    return session.select(_WAITED_FOR) == [(False,)]


def check_user_columns(
    session: Session,
    backend: Backend,
    users: str,
    progress: Callable[[Progress], None],
    *,
    repair: bool = False,
    before: str = "",
) -> list[UserColumn]:
    """Validate the key of each user column in a transaction of its own.

    Parameters:
        before: what else is committed, in a sentence.

    Raises:
        FbsDbError: the hint says which columns are not validated yet.
    """
    columns = session.select("select table_name, column_name, on_delete from {fbs}fbs_user_columns order by 1, 2")
    found: list[UserColumn] = []
    for table, column, rule in columns:

        def work(table: str = table, column: str = column) -> int:
            with session.translated(), backend.run_transaction():
                return int(session.call("fbs_check_user_column", table, column, repair)[0][0])

        try:
            orphans = session.retry(work, progress)
        except FbsDbError as error:
            left = [f"{table}.{column}" for table, column, _ in columns[len(found) :]]
            again = command("attach", "users", users, *(("--repair",) if repair else ()))
            error.hint = sentences(
                error.hint,
                before,
                f"The {counted(len(columns), 'user column', 'is', 'are')} tied to {users}:"
                " new rows and deletions follow the rules."
                f" The existing rows of {counted(len(left), 'column', 'are', 'are')} not validated yet,"
                f" from {left[0]} on."
                f" Type: {again}",
            )
            raise
        found.append(UserColumn(table, column, rule, orphans, repair or orphans == 0))
    return found


def users_tied(session: Session, users: str, *, validated: bool = False) -> bool:
    """Whether every user column is tied to this user table and, if asked for, validated."""
    query = (
        "select coalesce(bool_and(user_table is not distinct from %s::regclass and validated >= %s), true)"
        " from {fbs}fbs_user_columns"
    )
    return session.select(query, users, validated) == [(True,)]


def tied_tables(session: Session) -> list[str]:
    """The tables that user columns are tied to: one, unless somebody changed a key."""
    tables = "select distinct user_table::oid::regclass::text from {fbs}fbs_user_columns where user_table is not null"
    return [name for (name,) in session.select(f"{tables} order by 1")]


def configured_users(session: Session) -> str:
    """The user table that the project names; an empty string for none.

    The template of solutions need not have it, as each solution may make its own.

    Raises:
        TargetError: the template has none, and no type of its key is configured.
    """
    config = session.config
    if not config.user_table or not config.is_template:
        return config.user_table or ""
    try:
        return session.table(config.user_table)
    except TargetError as error:
        if config.user_key_type:
            return ""
        raise TargetError(
            f"{error.message.rstrip('.')} in {config.name}, which new solutions are copied from.",
            hint="Make that table there, as in each solution."
            ' Or write the type of its key beside user_table: user_key_type = "integer"',
        ) from error


def detach_users(database: Database = None, *, schema: str | None = None) -> int:
    """Drop the foreign keys of the user columns. Their values stay.

    Parameters:
        database, schema: as for `fbs_db.migrate`; no server is created.

    Returns:
        The number of columns.

    Calls ``fbs_detach_users``.
    """
    with open_session(database, schema, application="fbs-db detach users") as session:
        return len(session.retry_call(silent, "fbs_detach_users"))
