"""A worker may do what its functions do: it gets no other right of FBS's owner, and sees no row.

`captured` of `tests.support.attacks` shows where its code, or another's through it, had those rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql

from tests.support.attacks import (
    LANDLORD,
    OWNER,
    STRANGER,
    SUPERUSER,
    WORKER,
    Place,
    World,
    assert_none,
    refusal,
)

#: Makes PostgreSQL look at check constraints while it plans.
CHECKS_LOOKED_AT = "-c constraint_exclusion=on"

GRANTED = f"""
select fbs_grant_role('{WORKER}', 'worker');
create schema den authorization {WORKER};
"""

SEEDED = """
insert into fbs_cleanup_targets values ('elsewhere');
insert into fbs_cleanup_queue (model_name, operation, keys, new_keys, target, ticket) values
('rentals.tenant', 'delete', '{1,99}', null, null, null),
('rentals.tenant', 'sweep', '{}', null, null, null),
('rentals.tenant', 'rekey', '{2}', '{98}', null, null),
('rentals.tenant', 'delete', '{1,99}', null, 'elsewhere', gen_random_uuid());
insert into fbs_cleanup_received (ticket, source) values (gen_random_uuid(), 'elsewhere');
insert into fbs_file_deletions (file, error) values ('files/1.pdf', 'disk on fire'), ('files/2.pdf', null);
insert into fbs_notifications (user_id, notification_type, title, message, is_read, created_at)
select 1, 'info', 'SECRET', 'SECRET', true, now() - interval '100 days';
insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
values ('rentals.tenant', 99, 'colour', '');
update fbs_custom_fields set field_value = 'SECRET';
create table keepsakes (id bigint references fbs_notifications on delete cascade);
"""

#: A call of each function.
CALLS = {
    "fbs_await_writers": "select fbs_await_writers({text})",
    "fbs_claim_cleanup": "select * from fbs_claim_cleanup({target})",
    "fbs_claim_fan_out": "select * from fbs_claim_fan_out({target})",
    "fbs_claim_files": "select * from fbs_claim_files()",
    "fbs_cleanup_carried": "select fbs_cleanup_carried('{{1,2,3,4}}', {text}, {text})",
    "fbs_cleanup_destinations": "select * from fbs_cleanup_destinations()",
    "fbs_cover_partitions": "select fbs_cover_partitions()",
    "fbs_expired": "select * from fbs_expired()",
    "fbs_failed_rule": "select fbs_failed_rule({text}, {text})",
    "fbs_fan_out": "select fbs_fan_out('{{1,2,3,4}}', '{{*}}', array[{text}])",
    "fbs_file_done": "select fbs_file_done(1, {text})",
    "fbs_give_up_cleanup": "select fbs_give_up_cleanup('{{1,2,3,4}}')",
    "fbs_give_up_files": "select fbs_give_up_files(array[convert_to({text}, 'UTF8')])",
    "fbs_held_keys": "select fbs_held_keys({text})",
    "fbs_note_run": "select fbs_note_run()",
    "fbs_purge": "select * from fbs_purge('notifications')",
    "fbs_receive_cleanup": (
        "select fbs_receive_cleanup({text}, array[gen_random_uuid()], {text}, '{{3}}', '{{97}}', '{{4}}')"
    ),
    "fbs_received_cleanups": "select fbs_received_cleanups({target}, array[gen_random_uuid()])",
    "fbs_recheck_cleanup": "select fbs_recheck_cleanup('{{1,4}}', '{{1,99}}')",
    "fbs_replica_lag": "select fbs_replica_lag()",
    "fbs_source": "select fbs_source()",
    "fbs_sweep_keys": "select * from fbs_sweep_keys({text}, null, null, '{{1,99}}')",
    "fbs_sweep_plan": "select * from fbs_sweep_plan()",
    "fbs_target_gone": "select fbs_target_gone({target})",
    "fbs_waiting_cleanups": "select fbs_waiting_cleanups(true)",
    "fbs_waiting_files": "select * from fbs_waiting_files(true)",
    "fbs_waiting_tickets": "select fbs_waiting_tickets(array[gen_random_uuid()])",
    "fbs_work_queue": "select * from fbs_work_queue()",
}
MODEL = {"text": "'rentals.tenant'", "target": "'elsewhere'"}


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    with world.copy() as copy:
        copy.run(GRANTED, SUPERUSER)
        copy.run(SEEDED, OWNER)
        yield copy


def called(place: Place, environment: str = "", values: dict[str, str] = MODEL, before: str = "") -> dict[str, str]:
    """Call each function as the worker, in a transaction that is rolled back. Gives what is wrong, by function.

    Parameters:
        environment: statements in front of each call.
        before: how its transaction begins.
    """
    problems = {}
    with place.connect(WORKER, CHECKS_LOOKED_AT) as connection:
        for name, call in CALLS.items():
            said = ""
            try:
                connection.execute(f"begin {before}; {environment}".encode())
                said = str(connection.execute(call.format(**values).encode()).fetchall())
            except psycopg.Error as error:
                said = f"{error} {error.diag.message_detail} {error.diag.context}"
            connection.execute("rollback")
            captured = place.captured()
            problems[name] = captured or (f"shows {said}" if "SECRET" in said else "")
    return problems


# --- what it may


def test_nobody_but_the_owner_may_call_the_workers_functions(world: World) -> None:
    with world.copy() as place:
        found = place.rows(
            "select p.proname::text, p.prosecdef, p.provolatile::text, p.proowner::regrole::text, c.setting,"
            " array(select distinct a.grantee::regrole::text from aclexplode(p.proacl) as a)"
            " from pg_proc as p"
            " left join lateral (select s from unnest(p.proconfig) as s where s like 'search_path=%') as c (setting)"
            " on true"
            " where p.pronamespace = 'public'::regnamespace and p.proname = any(fbs_worker_functions())"
        )
    expected = (True, "v", OWNER, "search_path=public, pg_temp", [OWNER])
    assert sorted(found) == [(name, *expected) for name in sorted(CALLS)], "each once"


def test_a_worker_may_do_nothing_but_call_its_functions(place: Place) -> None:
    tables = place.rows(
        "select c.oid::regclass::text from pg_class as c"
        " where c.relnamespace in ('public'::regnamespace, 'rentals'::regnamespace)"
        " and c.relkind in ('r', 'p', 'v', 'S') and ("
        f" c.relkind = 'S' and has_sequence_privilege('{WORKER}', c.oid, 'usage, select, update')"
        f" or c.relkind <> 'S' and (has_any_column_privilege('{WORKER}', c.oid, 'select, insert, update, references')"
        f" or has_table_privilege('{WORKER}', c.oid, 'delete, truncate, trigger')))"
    )
    functions = place.rows(
        "select p.proname::text from pg_proc as p where p.pronamespace = 'public'::regnamespace"
        " and (p.provolatile = 'v' and p.prorettype <> 'trigger'::regtype)"
        f" and has_function_privilege('{WORKER}', p.oid, 'execute')"
    )
    with place.connect(WORKER) as connection:
        for call in CALLS.values():
            with connection.transaction(force_rollback=True):
                connection.execute(call.format(**MODEL).encode())
    assert tables == []
    assert {name for (name,) in functions} == set(CALLS)


def test_it_does_not_take_clean_ups_of_this_database_off_the_queue(place: Place) -> None:
    place.run("select fbs_fan_out('{1,2,3}', '{*}', '{}'), fbs_cleanup_carried('{1,2,3,4}')", WORKER)
    assert [operation for _, operation, _ in place.queue()] == ["delete", "sweep", "rekey"]


def test_it_sweeps_no_rows_whose_host_row_is_there(place: Place) -> None:
    swept = place.rows("select * from fbs_sweep_keys('rentals.tenant', null, null, '{1,3,99}')", WORKER)
    assert swept == [(["99"], 1)]
    assert place.keys("rentals.tenant") == {1, 2, 3, 4, 5, 6}
    assert place.rows("select * from fbs_sweep_keys('others.tenant', null, null, '{1,99}')", WORKER) == [([], 0)]


def test_no_file_is_given_to_it_that_a_hidden_attachment_names(place: Place) -> None:
    hidden = "alter table fbs_dms_file_attachment enable row level security, force row level security"
    place.run("insert into fbs_file_deletions (file) values ('files/3.pdf');" + hidden, OWNER)
    code, said = refusal(place, "set row_security = on; select * from fbs_claim_files()", WORKER)
    assert code == "42501", said


# --- its session

#: What it does to its session before it calls.
SESSIONS = {
    "nothing": "",
    "path": "set search_path = den, lair, public",
    "row-security-off": "set row_security = off",
    "no-patience": "set lock_timeout = 1; set statement_timeout = '300ms'",
    "replayed-plans": "set plan_cache_mode = force_generic_plan",
    "own-plans": "set plan_cache_mode = force_custom_plan",
    "strings": "set standard_conforming_strings = off; set quote_all_identifiers = on; set backslash_quote = on",
    "nulls": "set array_nulls = off; set transform_null_equals = on",
    "formats": "set datestyle = 'iso, dmy'; set intervalstyle = 'sql_standard'; set extra_float_digits = -15",
    "functions-unchecked": "set check_function_bodies = off; set fbs.cleanup = '''; select lair.hello(); --'",
    "role": f"set role {WORKER}",
    "deferred": "set constraints all deferred",
    "cursor": "declare one cursor for select * from fbs_sweep_plan(), lair.hello(); fetch one; savepoint one",
    "temporary-functions": (
        "create function pg_temp.unnest(text[]) returns setof text language plpgsql as"
        " $$begin perform lair.hello(); return; end$$;"
        "create function pg_temp.fbs_owner() returns oid language plpgsql as"
        " $$begin perform lair.hello(); return 0; end$$"
    ),
}
#: Functions and operators that fit better than PostgreSQL's own, in a schema that the worker puts first.
DEN = """
create function den.unnest(text[]) returns setof text language plpgsql as
$$begin perform lair.hello(); return; end$$;
create function den.cardinality(text[]) returns integer language plpgsql as
$$begin perform lair.hello(); return 1; end$$;
create function den.fbs_refuse_shadows(name[] default '{}') returns void language plpgsql as
$$begin perform lair.hello(); end$$;
create function den.same(text, text) returns boolean language plpgsql as
$$begin perform lair.hello(); return true; end$$;
create operator den.= (leftarg = text, rightarg = text, function = den.same);
"""


def test_no_rights_come_through_the_settings_of_a_session(place: Place) -> None:
    place.run(DEN, WORKER)
    problems: dict[str, str] = {}
    for name, environment in SESSIONS.items():
        found = called(place, environment)
        problems |= {f"{function} with {name}": problem for function, problem in found.items()}
    for begun in ("isolation level repeatable read", "isolation level serializable", "read only"):
        found = called(place, before=begun)
        problems |= {f"{function} in {begun}": problem for function, problem in found.items()}
    assert_none(problems)


@pytest.mark.parametrize("value", ["'; select lair.hello(); --", "%1$s %I %s", "$1 || $2", "pg_temp.mine", '"'])
def test_no_argument_is_taken_for_sql_or_for_a_name(place: Place, value: str) -> None:
    text = sql.Literal(value).as_string()
    assert_none(called(place, values={"text": text, "target": text}))


def test_its_own_casts_run_with_its_own_rights(place: Place) -> None:
    text = "(row(1)::lair.evil)::text"
    assert_none(called(place, values={"text": text, "target": text}))


def test_it_is_itself_again_after_an_error(place: Place) -> None:
    with place.connect(WORKER) as connection:
        for call in CALLS.values():
            connection.execute("begin")
            connection.execute(
                "do $$ begin execute "
                + sql.Literal(call.format(**MODEL)).as_string()
                + "; raise 'no'; exception when others then perform lair.hello(); end $$"
            )
            connection.execute("rollback")
            assert connection.execute("select current_user::text").fetchone() == (WORKER,)
    place.assert_not_captured()


#: Relations that the functions name, which are not there as a schema is being mended.
NAMED = (
    "fbs_hosts", "fbs_cleanup_rules", "fbs_rule_states", "fbs_cleanup_queue", "fbs_cleanup_targets",
    "fbs_cleanup_received", "fbs_settings", "fbs_solution_map", "fbs_retention", "fbs_file_deletions",
    "fbs_dms_file_attachment",
)  # fmt: skip
COLUMNS = """
select string_agg(format('null::%s as %I', format_type(a.atttypid, null), a.attname), ', ' order by a.attnum)
from pg_attribute as a
where a.attrelid = {}::regclass and a.attnum > 0 and not a.attisdropped
"""


@pytest.mark.parametrize("kind", ["view", "table"])
def test_no_temporary_relation_stands_in_for_one_that_is_gone(place: Place, kind: str) -> None:
    problems = {}
    for relation in NAMED:
        columns = place.rows(sql.SQL(COLUMNS).format(relation))[0][0]
        hello = "where lair.hello()" if kind == "view" else ""
        shadow = f"create temp {kind} {relation} as select {columns} {hello}; grant all on {relation} to public"
        if kind == "table":
            shadow += (
                f"; create trigger trap before insert or update or delete on {relation} execute function lair.trap()"
            )
        place.run(f"alter table {relation} rename to away", SUPERUSER)
        for name, problem in called(place, shadow).items():
            problems[f"{name} without {relation}"] = problem
        place.run(f"alter table away rename to {relation}", SUPERUSER)
    assert_none(problems)


# --- others beside it

HOST = {
    "index": "create index on rentals.tenants ((lair.hello(null)))",
    "check": "alter table rentals.tenants add check (lair.hello(null)) not valid",
    "policy": (
        "alter table rentals.tenants enable row level security, force row level security;"
        "create policy all_of_them on rentals.tenants using (lair.hello(name))"
    ),
    "key": (
        "alter table rentals.tenants rename id to was;"
        "alter table rentals.tenants add id lair.evil not null default row(1)::lair.evil"
    ),
    "partition": "create index on rentals.visits_top ((lair.hello(null)))",
}


@pytest.mark.parametrize("change", HOST)
def test_no_rights_come_through_a_changed_host_table(place: Place, change: str) -> None:
    with place.connect(WORKER, CHECKS_LOOKED_AT) as old:
        old.execute("begin isolation level repeatable read; select from pg_class")
        place.run(HOST[change], LANDLORD)
        problems = called(place)
        with suppress(psycopg.Error):
            old.execute("select * from public.fbs_work_queue()")
        with suppress(psycopg.Error):
            old.execute("select * from public.fbs_sweep_keys('rentals.tenant', null, null, '{1,99}')")
        problems["from before"] = place.captured()
    assert_none(problems)


#: The tables that the functions write, each with a call that does.
WRITTEN = {
    "fbs_custom_fields": "fbs_sweep_keys",
    "fbs_cleanup_queue": "fbs_cleanup_carried",
    "fbs_cleanup_received": "fbs_received_cleanups",
    "fbs_file_deletions": "fbs_give_up_files",
    "fbs_notifications": "fbs_purge",
    "fbs_worker_last_run": "fbs_note_run",
    "keepsakes": "fbs_purge",
}


@pytest.mark.parametrize("table", WRITTEN)
def test_no_table_is_written_on_which_another_role_has_a_trigger(place: Place, table: str) -> None:
    place.run(f"grant trigger on {table} to {STRANGER}", OWNER)
    place.run(
        f"create trigger trap before insert or update or delete on {table} execute function lair.trap()", STRANGER
    )
    problems = called(place)
    assert refusal(place, CALLS[WRITTEN[table]].format(**MODEL), WORKER)[0] == "FB024"
    assert_none(problems)


# --- rows


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("create unique index on fbs_custom_fields (model_name, (record_id % 2), field_value) include (id)", "23505"),
        ("alter table fbs_custom_fields add check (record_id < 97) not valid", "23514"),
    ],
)
def test_no_error_shows_a_row(place: Place, broken: str, code: str) -> None:
    place.run("delete from fbs_custom_fields where record_id not in (3, 4)", OWNER)
    place.run(broken, OWNER)
    values = MODEL | {"text": "'others.tenant'"}
    call = CALLS["fbs_receive_cleanup"].replace("97", "97" if code == "23514" else "96").format(**values)
    with place.connect(WORKER) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(call.encode())
    diagnosis = caught.value.diag
    assert caught.value.sqlstate == code
    assert diagnosis.message_detail == "In rule custom_fields."
    said = " ".join(str(getattr(diagnosis, name)) for name in dir(diagnosis) if not name.startswith("_"))
    assert "SECRET" not in said


def test_no_time_zone_shortens_the_days_that_rows_are_kept(place: Place) -> None:
    place.run("update fbs_notifications set created_at = now() - interval '85 days'", SUPERUSER)
    with place.connect(WORKER) as connection:
        # Summer begins and ends somewhere within the ninety days.
        for month in range(1, 13):
            connection.execute(f"set timezone = 'AAA100BBB-100,M{month}.1.0,M{month % 12 + 1}.1.0'".encode())
            assert connection.execute("select removed from fbs_purge('notifications')").fetchone() == (0,)
            assert connection.execute("select sum(expired) from fbs_expired()").fetchone() == (0,)
