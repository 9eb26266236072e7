"""Who hangs FBS's trigger functions on tables of theirs, or calls FBS's functions, gets no rights by it.

`captured` of `tests.support.attacks` shows where it went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import psycopg
import pytest

from tests.support.attacks import (
    APP,
    LANDLORD,
    STRANGER,
    SUPERUSER,
    Place,
    World,
    assert_none,
    make_world,
)  # fmt: skip

VERSIONS = ["pg18", pytest.param("pg15", marks=pytest.mark.old_postgres)]


@pytest.fixture(scope="module", params=VERSIONS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from make_world(request.getfixturevalue(request.param))


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    with world.copy() as copy:
        yield copy


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
EVIL = "insert into {} select row(n::bigint)::lair.evil from generate_series(1, 6) as n;"
#: Tables of a stranger's: some hold the keys of others, some what runs code where it is read.
TABLES = {
    "temporary": "create temp table mine (id bigint); insert into mine select generate_series(1, 6)",
    "temporary-evil": "create temp table mine (id lair.evil); "
    + EVIL.format("mine"),
    "temporary-picky": "create temp table mine (id lair.picky); insert into mine select generate_series(1, 6)",
    "evil": "create table lair.mine (id lair.evil); " + EVIL.format("lair.mine") +
    "set search_path = lair",
    "evil-with-an-index": "create temp table mine (id bigint); create index on mine ((lair.hello(null)));"
    "insert into mine select generate_series(1, 6)",
    "partitioned": "create temp table mine (id bigint) partition by range (id);"
    "create temp table part partition of mine for values from (0) to (100);"
    "insert into mine select generate_series(1, 6)",
}  # fmt: skip
#: Temporary relations that bear the names of transition tables. Their rows run code, and have the right types.
ROWS = """
create temp view {0} as select n::bigint as id, n::text as name from generate_series(1, 6) as n where lair.hello(null);
grant select on {0} to public;
"""
DO = {
    "insert": "insert into {0} select id from {0} limit 1",
    "update": "update {0} set id = {1}",
    "delete": "delete from {0}",
    "truncate": "truncate {0}",
}


def functions(place: Place) -> list[str]:
    """FBS's trigger functions that touch rows of more than the table they are hung on."""
    query = (
        "select proname from pg_proc where pronamespace = 'public'::regnamespace and prorettype = 'trigger'::regtype"
        " and prosecdef order by proname"
    )
    return [name for (name,) in place.rows(query)]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("with_rows", [False, True])
def test_trigger_functions_do_nothing_but_warn_on_a_table_of_a_strangers(
    place: Place, table: str, with_rows: bool
) -> None:
    problems = {}
    with place.connect(STRANGER) as connection:
        said: list[str] = []
        connection.add_notice_handler(lambda notice: said.append(notice.severity_nonlocalized or ""))
        connection.execute(TABLES[table])
        if with_rows:
            connection.execute(ROWS.format("old_rows") + ROWS.format("new_rows"))
        other = "row(99)::lair.evil" if "evil" in table and "index" not in table else "99"
        before = connection.execute("select count(*) from public.fbs_custom_fields").fetchone()
        for function, arguments, shape in product(functions(place), ARGUMENTS, SHAPES):
            timing, event, level, transition = shape
            name = f"{function}({arguments}) {' '.join(shape)}"
            with connection.transaction(force_rollback=True):
                try:
                    connection.execute(
                        f"create trigger own {timing} {event} on mine {transition} for each {level}"
                        f" execute function public.{function}({arguments})"
                    )
                except (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidObjectDefinition):
                    continue  # PostgreSQL has no such trigger
                said.clear()
                try:
                    connection.execute(DO[event].format("mine", other))
                    after = connection.execute("select count(*) from public.fbs_custom_fields").fetchone()
                    queued = connection.execute("select count(*) from public.fbs_cleanup_queue").fetchone()
                    wrong = "" if (after, queued) == (before, (0,)) else f"{after} rows, {queued} queued"
                    wrong = wrong or ("" if "WARNING" in said else "no warning")
                except psycopg.Error as error:
                    wrong = f"failed: {error}"
            problems[name] = place.captured() or wrong
    assert problems
    assert_none(problems)


def test_a_trigger_function_hung_on_a_view(place: Place) -> None:
    problems = {}
    with place.connect(STRANGER) as connection:
        connection.execute("create temp view mine as select n::bigint as id from generate_series(1, 6) as n")
        for function, event in product(functions(place), ("insert", "update", "delete")):
            with connection.transaction(force_rollback=True):
                connection.execute(
                    f"create trigger own instead of {event} on mine for each row execute function public.{function}()"
                )
                connection.execute(DO[event].format("mine", "99"))
                queued = connection.execute("select count(*) from fbs_cleanup_queue").fetchone()
            problems[f"{function} {event}"] = place.captured() or ("" if queued == (0,) else f"{queued} queued")
    assert_none(problems)


@pytest.mark.parametrize("table", ["rentals.tenants", "rentals.visits", "rentals.visits_low", "rentals.visits_top"])
@pytest.mark.parametrize("with_rows", [False, True])
def test_trigger_functions_that_the_host_hangs_on_its_attached_table(place: Place, table: str, with_rows: bool) -> None:
    """Rows of FBS that point at host rows which are still there stay."""
    problems = {}
    model = "rentals.tenant" if "tenants" in table else "rentals.visit"
    with place.connect(LANDLORD) as connection:
        if with_rows:
            connection.execute(ROWS.format("old_rows") + ROWS.format("new_rows"))
        for function, arguments, shape in product(functions(place), ARGUMENTS[:2], SHAPES):
            timing, event, level, transition = shape
            name = f"{function}({arguments}) {' '.join(shape)}"
            with connection.transaction(force_rollback=True):
                try:
                    connection.execute(
                        f"create trigger aa_own {timing} {event} on {table} {transition} for each {level}"
                        f" execute function public.{function}({arguments})"
                    )
                except (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidObjectDefinition):
                    continue
                statement = {
                    "insert": f"insert into {table} values ({1002 if 'top' in table else 7}, 'new')",
                    "update": f"update {table} set name = name || '!'",
                    "delete": f"delete from {table} where name ~ ' 1(001)?$'",
                    "truncate": f"truncate {table}",
                }[event]
                try:
                    done = connection.execute(statement).rowcount
                    wrong = "" if done or event == "truncate" else "no row was written"
                except psycopg.Error as error:
                    wrong = f"failed: {error}"
                else:
                    lost = connection.execute(LOST.format(model.split(".")[1] + "s", model)).fetchall()
                    wrong = wrong or (f"lost {lost}" if lost else "")
            problems[name] = place.captured() or wrong
    assert problems
    assert_none(problems)


LOST = """
select h.id
from rentals.{0} as h
where h.id <= 6 and not exists (select from public.fbs_custom_fields where model_name = '{1}' and record_id = h.id)
"""


def test_what_runs_with_the_rights_of_fbss_owner_is_called_by_nobody_else(place: Place) -> None:
    """Default privileges gave EXECUTE on all functions to these."""
    found = place.rows(
        "select r.rolname, p.oid::regprocedure::text"
        " from pg_proc as p cross join pg_roles as r"
        " where p.pronamespace = 'public'::regnamespace and p.prosecdef and p.prorettype <> 'trigger'::regtype"
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
    with pytest.raises(psycopg.Error):
        place.run(call, STRANGER)
    assert [place.rows(f"select * from {table}") for table in WATCHED] == before
    place.assert_not_captured()


WATCHED = ("fbs_custom_fields", "fbs_hosts", "fbs_cleanup_rules", "fbs_cleanup_queue", "fbs_cleanup_targets")
