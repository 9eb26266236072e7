"""Who hangs FBS's trigger functions on tables of theirs, or calls FBS's functions, gets no rights by it.

`captured` of `tests.support.attacks` shows where it went wrong.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import psycopg
import pytest

from tests.support.attacks import (
    APP,
    LANDLORD,
    STRANGER,
    SUPERUSER,
    Place,
    assert_none,
    slow_but,
)  # fmt: skip

OLD, NEW = "referencing old table as old_rows", "referencing new table as new_rows"
BOTH = "referencing old table as old_rows new table as new_rows"
EVENTS = ("insert", "update", "delete", "truncate")
#: What is hung: when, on what, and with which transition tables.
SHAPES = [
    *product(("before", "after"), ("insert", "update", "delete"), ("row", "statement"), ("",)),
    *product(("before", "after"), ("truncate",), ("statement",), ("",)),
    ("after", "delete", "statement", OLD),
    ("after", "delete", "statement", "referencing old table as new_rows"),
    ("after", "insert", "statement", NEW),
    ("after", "insert", "statement", "referencing new table as old_rows"),
    ("after", "update", "statement", OLD),
    ("after", "update", "statement", NEW),
    ("after", "update", "statement", BOTH),
    ("after", "update", "statement", "referencing old table as new_rows new table as old_rows"),
    ("after", "delete", "row", OLD),
    ("after", "update", "row", BOTH),
]
ARGUMENTS = ("", "'rentals.tenant', 'id'", "'rentals.tenant'", "$$'; select lair.hello(); --$$, 'id'")
FILL = "insert into {} select n, n::text, n from generate_series(1, 6) as n;"
EVIL = (
    "insert into {} select e, e, e from (select row(n::bigint)::lair.evil as e from generate_series(1, 6) as n) as r;"
)
HUNG_ON = ("rentals.tenants", "rentals.visits", "rentals.visits_low", "rentals.visits_top")
#: Tables of a stranger's: some hold the keys of others, some what runs code where it is read.
TABLES = {
    "temporary": "create temp table mine (id bigint, file text, name text);" + FILL.format("mine"),
    "temporary-evil": "create temp table mine (id lair.evil, file lair.evil, name lair.evil);" + EVIL.format("mine"),
    "temporary-picky": "create temp table mine (id lair.picky, file lair.picky, name lair.picky);"
    "insert into mine select n, n, n from generate_series(1, 6) as n",
    "evil": "create table lair.mine (id lair.evil, file lair.evil, name lair.evil); set search_path = lair;"
    + EVIL.format("lair.mine"),
    "with-an-index": "create temp table mine (id bigint, file text, name text);" + FILL.format("mine")
    + "create index on mine ((lair.hello(null)))",
    "partitioned": "create temp table mine (id bigint, file text, name text) partition by range (id);"
    "create temp table part partition of mine for values from (0) to (100);" + FILL.format("mine"),
}  # fmt: skip
#: Temporary relations that bear the names of transition tables. Their rows run code, and have the right types.
ROWS = """
create temp view {0} as select n::bigint as id, n::text as file, n::text as name
from generate_series(1, 6) as n where lair.hello(null);
grant select on {0} to public;
"""
DO = {
    "insert": "insert into {0} select id from {0} limit 1",
    "update": "update {0} set id = {1}",
    "delete": "delete from {0}",
    "truncate": "truncate {0}",
}


#: What a stranger's trigger must not change.
COUNTED = "select " + ", ".join(
    f"(select count(*) from public.{table})"
    for table in ("fbs_custom_fields", "fbs_cleanup_queue", "fbs_file_deletions", "fbs_hosts", "fbs_cleanup_rules")
)  # fmt: skip


def functions(place: Place) -> list[str]:
    """FBS's trigger functions that have the rights of FBS's owner."""
    query = (
        "select proname from pg_proc where pronamespace = 'public'::regnamespace and prorettype = 'trigger'::regtype"
        " and prosecdef order by proname"
    )
    return [name for (name,) in place.rows(query)]


@pytest.mark.parametrize("table", slow_but(TABLES, "temporary-evil"))
@pytest.mark.parametrize("with_rows", [False, True])
def test_trigger_functions_do_nothing_but_warn_on_a_table_of_a_strangers(
    place: Place, table: str, with_rows: bool
) -> None:
    """A host's statement always succeeds; that of whoever hangs another function of FBS's on a table may fail."""
    problems = {}
    with place.connect(STRANGER) as connection:
        said: list[str] = []
        connection.add_notice_handler(lambda notice: said.append(notice.severity_nonlocalized or ""))
        connection.execute(TABLES[table])
        if with_rows:
            connection.execute(ROWS.format("old_rows") + ROWS.format("new_rows"))
        other = "row(99)::lair.evil" if "evil" in table else "99"
        before = connection.execute(COUNTED).fetchone()
        for function, arguments, shape in product(functions(place), ARGUMENTS, SHAPES):
            timing, event, level, transition = shape
            of_hosts = function == "fbs_cleanup"
            wrong = ""
            with connection.transaction(force_rollback=True), suppress(*NO_SUCH_TRIGGER):
                connection.execute(
                    f"create trigger own {timing} {event} on mine {transition} for each {level}"
                    f" execute function public.{function}({arguments})"
                )
                said.clear()
                try:
                    connection.execute(DO[event].format("mine", other))
                    after = connection.execute(COUNTED).fetchone()
                    if after != before or (of_hosts and "WARNING" not in said):
                        wrong = f"{after}, {said}"
                except psycopg.Error as error:
                    wrong = f"failed: {error}" if of_hosts else ""
            problems[f"{function}({arguments}) {' '.join(shape)}"] = place.captured() or wrong
    assert_none(problems)


def test_the_function_of_files_hung_again_on_its_table_without_a_transition_table(place: Place) -> None:
    place.run(f"grant trigger on fbs_dms_file_attachment to {STRANGER}")
    with place.connect(STRANGER) as connection:
        connection.execute(ROWS.format("old_rows"))
        connection.execute(
            "create trigger own after delete on public.fbs_dms_file_attachment for each statement"
            " execute function public.fbs_queue_files()"
        )
        connection.execute("delete from public.fbs_dms_file_attachment")
    place.assert_not_captured()


#: What PostgreSQL says of triggers that there cannot be.
NO_SUCH_TRIGGER = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidObjectDefinition)


def test_trigger_functions_hung_on_a_view(place: Place) -> None:
    problems = {}
    with place.connect(STRANGER) as connection:
        connection.execute(
            "create temp view mine as select n::bigint as id, n::text as file from generate_series(1, 6) n"
        )
        before = connection.execute(COUNTED).fetchone()
        for function, event in product(functions(place), ("insert", "update", "delete")):
            wrong = ""
            with connection.transaction(force_rollback=True):
                connection.execute(
                    f"create trigger own instead of {event} on mine for each row execute function public.{function}()"
                )
                try:
                    connection.execute(DO[event].format("mine", "99"))
                    after = connection.execute(COUNTED).fetchone()
                    wrong = f"{after}" if after != before else ""
                except psycopg.Error as error:
                    wrong = f"failed: {error}" if function == "fbs_cleanup" else ""
            problems[f"{function} {event}"] = place.captured() or wrong
    assert_none(problems)


@pytest.mark.parametrize("table", slow_but(HUNG_ON, "rentals.tenants"))
@pytest.mark.parametrize("with_rows", [False, True])
def test_trigger_functions_that_the_host_hangs_on_its_attached_table(place: Place, table: str, with_rows: bool) -> None:
    """Rows of FBS stay that point at host rows which are there."""
    problems = {}
    root = "rentals.visits" if "visits" in table else table
    with place.connect(LANDLORD) as connection:
        if with_rows:
            connection.execute(ROWS.format("old_rows") + ROWS.format("new_rows"))
        for arguments, shape in product(ARGUMENTS[:2], SHAPES):
            timing, event, level, transition = shape
            statement = {
                "insert": f"insert into {table} values ({1002 if 'top' in table else 7}, 'new')",
                "update": f"update {table} set name = name || '!'",
                "delete": f"delete from {table} where name ~ ' 1(001)?$'",
                "truncate": f"truncate {table}",
            }[event]
            wrong = ""
            with connection.transaction(force_rollback=True), suppress(*NO_SUCH_TRIGGER):
                connection.execute(
                    f"create trigger aa_own {timing} {event} on {table} {transition} for each {level}"
                    f" execute function public.fbs_cleanup({arguments})"
                )
                try:
                    written = connection.execute(statement).rowcount
                    lost = connection.execute(LOST.format(root, root.removesuffix("s"))).fetchall()
                    wrong = f"{written} written, lost {lost}" if lost or written == 0 else ""
                except psycopg.Error as error:
                    wrong = f"failed: {error}"
            problems[f"({arguments}) {' '.join(shape)}"] = place.captured() or wrong
    assert_none(problems)


LOST = """
select h.id
from {0} as h
where h.id <= 6 and not exists (select from public.fbs_custom_fields where model_name = '{1}' and record_id = h.id)
"""


def test_what_runs_with_the_rights_of_fbss_owner_is_called_by_nobody_else(place: Place) -> None:
    """Default privileges gave EXECUTE on all functions to these."""
    found = place.rows(
        "select r.rolname, p.oid::regprocedure::text"
        " from pg_proc as p cross join pg_roles as r"
        " where p.pronamespace = 'public'::regnamespace and p.prosecdef and p.prorettype <> 'trigger'::regtype"
        " and p.proname <> all(fbs_session_functions())"
        f" and r.rolname in ('{APP}', '{STRANGER}', '{LANDLORD}') and has_function_privilege(r.oid, p.oid, 'execute')"
    )
    assert found == []


def test_whoever_makes_a_partition_may_have_the_triggers_on_it(place: Place) -> None:
    place.run("create table rentals.visits_new partition of rentals.visits for values from (5000) to (6000)", LANDLORD)
    place.run("insert into rentals.visits values (5001, 'visit 5001'); delete from rentals.visits_new", LANDLORD)
    place.assert_not_captured()


#: Functions of FBS that write, called by a stranger with nothing but the rights on the tables.
CALLED = (
    "select fbs_apply_rules('others.tenant', '{1}')",
    "select fbs_rekey('others.tenant', '{1}', '{9}')",
    "select fbs_rename_model('others.tenant', 'mine')",
    "select fbs_attach_host('lair.mine', 'lair.mine', 'id')",
    "select fbs_detach_host('rentals.tenants')",
    "select * from fbs_sweep_orphans()",
    "select * from fbs_work_queue()",
    "select fbs_set_cleanup_targets(array['mine'])",
    "select fbs_compile_rules()",
)


@pytest.mark.parametrize("call", CALLED)
def test_a_stranger_who_calls_functions_has_its_own_rights(place: Place, call: str) -> None:
    place.run(f"revoke insert, update, delete on all tables in schema public from {STRANGER}", SUPERUSER)
    place.run("create table lair.mine (id bigint primary key); grant all on lair.mine to public", STRANGER)
    before = [place.rows(f"select * from {table}") for table in WATCHED]
    with suppress(psycopg.Error):
        place.run(call, STRANGER)
    assert [place.rows(f"select * from {table}") for table in WATCHED] == before
    place.assert_not_captured()


WATCHED = ("fbs_custom_fields", "fbs_hosts", "fbs_cleanup_rules", "fbs_cleanup_queue", "fbs_cleanup_targets")
