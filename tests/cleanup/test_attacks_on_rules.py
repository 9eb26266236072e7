"""Whoever may write FBS's tables, or is named in them, never gets the rights of FBS's owner.

`captured` of `tests.support.attacks` shows where it went wrong.
"""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest
from psycopg import errors, sql

from tests.support.attacks import (
    APP,
    EVERY_DAY,
    OWNER,
    STRANGER,
    SUPERUSER,
    Place,
    World,
    every_day,
    refusal,
    slow_but,
    world_of,
)  # fmt: skip

VERSIONS = ["pg18", pytest.param("pg15", marks=pytest.mark.old_postgres)]


def rule(**columns: str | None) -> str:
    """A statement that adds a rule."""
    row = {"rule_name": "own", "table_name": "lair.trapped", "key_column": "tenant_id", "action": "delete"}
    row |= {"model_name": "rentals.tenant", "description": ""} | columns  # type: ignore[arg-type]
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join(map(sql.Literal, row.values()))
    return sql.SQL("insert into fbs_cleanup_rules ({}) values ({})").format(names, values).as_string()


def trapped(table: str, columns: str = "tenant_id bigint, data jsonb, model text, status text") -> str:
    """A table whose triggers run the attacker's code, with a row for each tenant."""
    return f"""
    create table {table} ({columns});
    insert into {table} select n from generate_series(1, 6) as n;
    create trigger trap before insert or update or delete on {table} for each row execute function lair.trap();
    create trigger trap_all before insert or update or delete on {table} execute function lair.trap();
    grant all on {table} to public;
    """


# Writing what FBS goes by


#: Runs lair.tsv(), without a blank or a dot: to_regclass takes it for a part of a name.
RUN = "ts_stat(concat('select',chr(32),'lair',chr(46),'tsv()'))--"
#: As long as a name can be; to_regclass drops the rest.
LONG = "a" * 63
TSV = """
create function lair.tsv() returns tsvector language plpgsql as $$ begin perform lair.hello(); return 'a'; end $$;
"""
PLAIN = "(tenant_id bigint, data jsonb, model text, status text)"
TABLE_NAMES = {
    "of-another": ("lair.trapped", trapped("lair.trapped")),
    "comment": ("lair.trapped--", trapped("lair.trapped") + f'create table lair."trapped--" {PLAIN};'),
    "semicolon": (
        f"lair.x;select/**/1/**/from/**/{RUN}",
        TSV
        + f"""create table lair.x {PLAIN}; insert into lair.x values (1); grant all on lair.x to public;
        create table lair."{f"x;select/**/1/**/from/**/{RUN}"[:63]}" {PLAIN}""",
    ),
    "truncated": (
        f"lair.{LONG}/**/using/**/{RUN}",
        TSV
        + f"create table lair.{LONG} {PLAIN}; insert into lair.{LONG} values (1); grant all on lair.{LONG} to public",
    ),
    "view": (
        "lair.seen",
        trapped("lair.trapped") + "create view lair.seen as select * from lair.trapped where lair.hello(null);"
        "grant all on lair.seen to public",
    ),
}
HOST_ROW = "('lair.kept', 'others.tenant', 'id')"
KEPT = "create table lair.kept (id lair.evil); insert into lair.kept values (row(1)); grant all on lair.kept to public;"

#: What the stranger makes first, and how it writes.
WRITES = {
    **{f"rule-{name}": (made, rule(table_name=table)) for name, (table, made) in TABLE_NAMES.items()},
    "rule-by-update": (
        trapped("lair.trapped", "record_id bigint, model_name text"),
        "update fbs_cleanup_rules set table_name = 'lair.trapped' where rule_name = 'custom_fields'",
    ),
    "rule-of-all-by-update": ("", "update fbs_cleanup_rules set only_if = null, unless = null"),
    "rule-by-upsert": (
        trapped("lair.trapped"),
        rule(rule_name="custom_fields")
        + " on conflict (rule_name) do update set table_name = 'lair.trapped', key_column = 'tenant_id',"
        " model_column = null, model_name = 'rentals.tenant'",
    ),
    "rule-by-merge": (
        trapped("lair.trapped", "record_id bigint, model_name text"),
        "merge into fbs_cleanup_rules as r using (values ('custom_fields')) as v (n) on r.rule_name = v.n"
        " when matched then update set table_name = 'lair.trapped'",
    ),
    "rules-deleted": ("", "delete from fbs_cleanup_rules"),
    "rules-truncated": ("", "truncate fbs_cleanup_rules"),
    "host": (KEPT, f"insert into fbs_hosts (host_table, model_name, key_column) values {HOST_ROW}"),
    "host-by-update": (KEPT, "update fbs_hosts set host_table = 'lair.kept' where model_name = 'rentals.tenant'"),
    "host-of-another-key": ("", "update fbs_hosts set key_column = 'name' where model_name = 'rentals.tenant'"),
    "host-with-sql-as-key": (
        "",
        "update fbs_hosts set key_column = 'id::text, (select lair.hello())::text' where model_name = 'rentals.tenant'",
    ),
    "host-with-sql-as-model": (
        "",
        "update fbs_hosts set model_name = $$'; select lair.hello(); --$$ where model_name = 'rentals.tenant'",
    ),
    "hosts-deleted": ("", "delete from fbs_hosts"),
    "hosts-truncated": ("", "truncate fbs_hosts"),
    "queued-rekey": (
        "",
        "insert into fbs_cleanup_queue (model_name, operation, keys, new_keys) select 'rentals.tenant', o, '{1}', '{4}'"
        " from (values ('move'), ('rekey')) as v (o) where pg_get_constraintdef((select oid from pg_constraint where"
        " conname = 'fbs_cleanup_queue_operation_check')) like '%''' || o || '''%'",
    ),
    "queued-delete": (
        "",
        "insert into fbs_cleanup_queue (model_name, operation, keys) values ('others.tenant', 'delete', '{1}')",
    ),
    "queued-sweep": ("", "insert into fbs_cleanup_queue (model_name, operation) values ('rentals.tenant', 'sweep')"),
    "queued-sql": (
        "",
        "insert into fbs_cleanup_queue (model_name, operation, keys, rule_name) select q, 'delete', array[q], q"
        " from (values ($$'; select lair.hello(); --$$)) as v (q)",
    ),
    "queued-for-a-target": (
        "",
        "insert into fbs_cleanup_queue (model_name, operation, target, ticket)"
        " values ('rentals.tenant', 'sweep', $$'; select lair.hello(); --$$, gen_random_uuid())",
    ),
    "target": ("", "insert into fbs_cleanup_targets (target) values ($$'; select lair.hello(); --$$)"),
    "targets-set": ("", "select fbs_set_cleanup_targets(array['elsewhere'])"),
    "received": ("", "insert into fbs_cleanup_received (ticket, source) values (gen_random_uuid(), 'x')"),
    "solution-map": (
        "",
        "insert into fbs_solution_map (column_name, identifier, solution) values ('company_id', '7', 'theirs')",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "write",
    slow_but(WRITES, "rule-comment", "rule-by-update", "host", "hosts-truncated", "queued-rekey", "solution-map"),
)
def test_only_members_of_fbss_owner_write_what_it_goes_by(place: Place, write: str) -> None:
    made, statement = WRITES[write]
    place.run(made, STRANGER)
    state = refusal(place, statement, STRANGER)[0]
    before = place.keys("others.tenant")
    every_day(place)
    place.assert_not_captured()
    assert place.keys("others.tenant") == before
    assert state in ("FB023", "42501")


def test_a_rule_by_copy(place: Place) -> None:
    place.run(trapped("lair.trapped"), STRANGER)
    with place.connect(STRANGER) as connection, suppress(psycopg.Error):
        columns = "rule_name, table_name, key_column, model_name, action, description"
        with connection.cursor().copy(f"copy fbs_cleanup_rules ({columns}) from stdin") as copy:
            copy.write_row(("own", "lair.trapped", "tenant_id", "rentals.tenant", "delete", ""))
    every_day(place)
    place.assert_not_captured()
    assert place.rows("select from fbs_cleanup_rules where rule_name = 'own'") == []


def test_a_member_of_fbss_owner_may_write_rules(place: Place) -> None:
    place.run(f"create role attacks_member login in role {OWNER}", SUPERUSER)
    try:
        place.run("create table common.leases (tenant_id bigint)", OWNER)
        assert refusal(place, rule(table_name="common.leases"), "attacks_member")[0] == ""
    finally:
        place.run("drop role attacks_member", SUPERUSER)


@pytest.mark.parametrize("name", slow_but(TABLE_NAMES, "comment", "truncated"))
def test_a_rule_that_fbss_owner_is_talked_into(place: Place, name: str) -> None:
    table, made = TABLE_NAMES[name]
    place.run(made, STRANGER)
    state = refusal(place, rule(table_name=table), OWNER)[0]
    every_day(place)
    place.assert_not_captured()
    assert state in ("FB021", "FB024")


def test_a_name_is_not_read_twice(place: Place) -> None:
    """The table whose name looks like another's with a comment is the one that the rule is for."""
    place.run(trapped("common.leases"), STRANGER)
    place.run(f'create table common."leases--" {PLAIN}; insert into common."leases--" values (1), (4)', OWNER)
    for written in ("common.leases--", 'common."leases--"'):
        state = refusal(place, rule(rule_name=written, table_name=written), OWNER)[0]
        assert state in ("", "FB021"), written
    every_day(place)
    place.assert_not_captured()
    assert place.rows('select tenant_id from common."leases--"') == [(4,)]


# Tables in the place of others


FBS_TABLES = (
    "fbs_custom_fields", "fbs_approval_requests", "fbs_settings", "fbs_cleanup_rules", "fbs_cleanup_queue",
    "fbs_cleanup_targets", "fbs_hosts", "fbs_migrations", "fbs_solution_map", "fbs_file_deletions",
)  # fmt: skip
SHADOWS = {
    "table": """
        create {temp} table {place}{table} as table public.gone;
        create trigger trap before insert or update or delete on {place}{table} for each row
        execute function lair.trap();
        create trigger trap_all after insert or update or delete on {place}{table} execute function lair.trap();
        """,
    "view": "create {temp} view {place}{table} as select * from public.gone where lair.hello(null);",
}
IN_ONE_SESSION = [statement for role, statement in EVERY_DAY if role == APP]


def shadowed(place: Place, kind: str, table: str, temp: str, schema: str) -> None:
    """Has a table in the place of one of FBS's, and does with it what happens every day."""
    with place.connect(STRANGER) as connection:
        connection.execute(SHADOWS[kind].format(temp=temp, place=schema, table=table))
        connection.execute(f"grant all on {schema}{table} to public")
        for statement in IN_ONE_SESSION:
            connection.execute(statement)
        place.assert_not_captured()
    if not temp:
        every_day(place)
        place.assert_not_captured()


@pytest.mark.parametrize("kind", SHADOWS)
@pytest.mark.parametrize("table", slow_but(FBS_TABLES, "fbs_custom_fields", "fbs_settings"))
def test_a_temporary_table_is_not_taken_for_one_that_is_gone(place: Place, table: str, kind: str) -> None:
    with suppress(errors.UndefinedTable):
        place.run(f"alter table {table} rename to gone")
        shadowed(place, kind, table, "temp", "")


@pytest.fixture(scope="module", params=VERSIONS)
def plain_world(request: pytest.FixtureRequest) -> World:
    """The world, where the SQL files were run by hand, with another schema on the path."""
    return world_of(request.getfixturevalue(request.param), by_hand="public,common")


@pytest.mark.parametrize("kind", SHADOWS)
@pytest.mark.parametrize("table", slow_but(FBS_TABLES, "fbs_custom_fields", "fbs_settings"))
@pytest.mark.parametrize("temp", [True, False])
def test_files_run_by_hand_find_no_table_elsewhere(plain_world: World, table: str, kind: str, temp: bool) -> None:
    with plain_world.copy() as place, suppress(errors.UndefinedTable):
        if temp:  # while FBS's own is there
            place.run(f"create view gone as table {table}; grant select on gone to {STRANGER}")
        else:
            place.run(f"alter table {table} rename to gone")
        shadowed(place, kind, table, "temp" if temp else "", "" if temp else "common.")


def test_a_rule_on_a_temporary_table(place: Place) -> None:
    with place.connect(STRANGER) as connection:
        for name, table in (("a", "mine"), ("b", "pg_temp.mine"), ("c", "fbs_mine")):
            if not table.startswith("pg_temp."):
                connection.execute(trapped(f"pg_temp.{table}"))
            with suppress(psycopg.Error):
                connection.execute(rule(rule_name=name, table_name=table))
        for statement in IN_ONE_SESSION:
            connection.execute(statement)
    place.assert_not_captured()
    with place.connect(OWNER) as connection:
        connection.execute("create temp table mine (tenant_id bigint)")
        for table in ("mine", "pg_temp.mine"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(rule(table_name=table))
            assert caught.value.sqlstate == "FB024"


# Rules on tables of others


OWN = """
create table common.leases (tenant_id bigint, data jsonb, model text, status text);
insert into common.leases select n from generate_series(1, 6) as n;
"""
FOREIGN_TRAP = """
create trigger trap before insert or update or delete on common.leases for each row execute function lair.trap();
"""
#: Statements, each with its role: those before the rule is added and those after it.
STRANGE = {
    "of-another-owner": [(STRANGER, OWN + FOREIGN_TRAP + "grant all on common.leases to public")],
    "of-a-superuser": [(SUPERUSER, OWN + "grant all on common.leases to public")],
    "with-a-right-to-trigger": [(OWNER, OWN + f"grant trigger on common.leases to {STRANGER}")],
    "with-a-right-of-all-to-trigger": [(OWNER, OWN + "grant trigger on common.leases to public")],
    "with-a-trigger": [
        (OWNER, OWN + f"grant trigger on common.leases to {STRANGER}"),
        (STRANGER, FOREIGN_TRAP),
        (OWNER, f"revoke trigger on common.leases from {STRANGER}"),
    ],
    "with-a-trigger-of-the-owners": [(OWNER, OWN), (OWNER, FOREIGN_TRAP)],
    "with-a-function-that-changed-hands": [
        (OWNER, OWN),
        (OWNER, "create function common.mine() returns trigger language plpgsql as 'begin return old; end';"
         "create trigger mine before delete on common.leases for each row execute function common.mine()"),
        (SUPERUSER, f"alter function common.mine() owner to {STRANGER}"),
        (STRANGER, "create or replace function common.mine() returns trigger language plpgsql"
         " as 'begin perform lair.hello(); return old; end'"),
    ],
    "a-view": [
        (STRANGER, OWN + FOREIGN_TRAP + "grant all on common.leases to public"),
        (SUPERUSER, "alter table common.leases rename to real_leases"),
        (OWNER, "create view common.leases with (security_invoker) as table common.real_leases"),
    ],
    "partitioned-with-another's-partition": [
        (OWNER, "create table common.leases (tenant_id bigint, data jsonb, model text, status text)"
         " partition by range (tenant_id);"
         "create table common.low partition of common.leases for values from (1) to (100);"
         "insert into common.leases select n from generate_series(1, 6) as n"),
        (SUPERUSER, f"alter table common.low owner to {STRANGER}"),
        (STRANGER, FOREIGN_TRAP.replace("common.leases", "common.low") + "grant all on common.low to public"),
    ],
    "with-another's-child": [
        (OWNER, OWN),
        (SUPERUSER, "create table common.child () inherits (common.leases);"
         f"alter table common.child owner to {STRANGER}"),
        (STRANGER, "insert into common.child values (1);" + FOREIGN_TRAP.replace("common.leases", "common.child")
         + "grant all on common.child to public"),
    ],
    "with-a-rule": [
        (OWNER, OWN),
        (SUPERUSER, f"alter table common.leases owner to {STRANGER}"),
        (STRANGER, "create rule hello as on delete to common.leases do also select lair.hello(null)"),
        (SUPERUSER, f"alter table common.leases owner to {OWNER}"),
    ],
    "with-an-index": [
        (OWNER, OWN),
        (SUPERUSER, f"alter table common.leases owner to {STRANGER}"),
        (STRANGER, "create index on common.leases ((lair.hello(null)))"),
        (SUPERUSER, f"alter table common.leases owner to {OWNER}"),
    ],
    "with-rows-of-another's-that-go-along": [
        (OWNER, OWN + "alter table common.leases add primary key (tenant_id)"),
        (SUPERUSER, "create table common.parts (tenant_id bigint references common.leases on delete cascade);"
         f"alter table common.parts owner to {STRANGER}"),
        (STRANGER, "insert into common.parts values (1);" + FOREIGN_TRAP.replace("common.leases", "common.parts")),
    ],
    "with-rows-of-its-own-that-go-along-with-a-right-to-trigger": [
        (OWNER, OWN + "alter table common.leases add primary key (tenant_id);"
         "create table common.parts (tenant_id bigint references common.leases on delete cascade);"
         f"insert into common.parts values (1); grant trigger on common.parts to {STRANGER}"),
        (STRANGER, FOREIGN_TRAP.replace("common.leases", "common.parts")),
    ],
    "replaced-by-another's": [
        (OWNER, OWN),
        (OWNER, "alter table common.leases rename to other_leases"),
        (STRANGER, OWN + FOREIGN_TRAP + "grant all on common.leases to public"),
    ],
}  # fmt: skip
#: What may be done rightly, if nothing of the stranger's runs with the rights of FBS's owner.
ALLOWED = {"with-rows-of-another's-that-go-along"}


def strange(place: Place, kind: str, start: int, end: int | None) -> None:
    for role, statements in STRANGE[kind][start:end]:
        place.run(statements, role)


@pytest.mark.parametrize("kind", [kind for kind in STRANGE if kind != "replaced-by-another's"])
def test_a_rule_on_a_strange_table_is_refused_when_it_is_added(place: Place, kind: str) -> None:
    strange(place, kind, 0, None)
    place.captured()
    state, message = refusal(place, rule(table_name="common.leases"), OWNER)
    every_day(place)
    place.assert_not_captured()
    if kind not in ALLOWED:
        assert state in ("FB024", "FB021") if kind in ("a-view",) else state == "FB024"
        assert kind == "a-view" or ("ON DELETE" in message and "trigger" in message)


LATER = [kind for kind, steps in STRANGE.items() if steps[0][0] == OWNER and kind != "a-view"]


@pytest.mark.parametrize("kind", [*LATER, "right", "owner"])
def test_a_rule_whose_table_becomes_strange_is_refused_when_it_would_run(place: Place, kind: str) -> None:
    if kind in ("right", "owner"):
        place.run(OWN)
    else:
        steps = STRANGE[kind]
        place.run(steps[0][1].split("grant trigger")[0].rstrip(), OWNER)
    place.run(rule(table_name="common.leases"), OWNER)
    if kind == "right":
        place.run(f"grant trigger on common.leases to {STRANGER}", OWNER)
        place.run(FOREIGN_TRAP, STRANGER)
    elif kind == "owner":
        place.run(f"alter table common.leases owner to {STRANGER}", SUPERUSER)
        place.run(FOREIGN_TRAP + "grant all on common.leases to public", STRANGER)
    else:
        first = STRANGE[kind][0][1]
        if "grant trigger" in first:
            place.run("grant trigger" + first.split("grant trigger")[1], OWNER)
        strange(place, kind, 1, None)
    place.captured()
    place.run("delete from rentals.tenants where id = 1", APP)
    queue, kept = place.queue(), place.keys("rentals.tenant")
    problems = place.rows("select problem from fbs_rule_states where rule_name = 'own'")
    every_day(place)
    place.assert_not_captured()
    # Whoever reads the table plans what was put on it.
    left = place.rows("select from common.leases where tenant_id = 1")
    assert 1 not in kept
    if kind not in ALLOWED:
        assert queue == [("rentals.tenant", "delete", "FB024")]
        assert left
        assert [problem for (problem,) in problems if problem]


# A right to hang triggers on FBS's tables


WRITTEN = (
    "fbs_custom_fields", "fbs_approval_requests", "fbs_workflow_instances", "fbs_dms_document", "fbs_cleanup_queue",
    "fbs_cleanup_rules", "fbs_hosts", "fbs_settings", "fbs_cleanup_targets", "fbs_cleanup_received",
    "fbs_file_deletions",
)  # fmt: skip


@pytest.mark.parametrize("table", slow_but(WRITTEN, "fbs_custom_fields", "fbs_cleanup_queue"))
@pytest.mark.parametrize("setting", ["on", "queue"])
def test_a_strangers_trigger_on_a_table_of_fbs_does_not_run(place: Place, table: str, setting: str) -> None:
    place.run(f"grant trigger on {table} to {STRANGER}")
    for level in ("row", "statement"):
        for timing in ("before", "after"):
            place.run(
                f"create trigger aa_{level}_{timing} {timing} insert or update or delete on {table} for each {level}"
                " execute function lair.trap()",
                STRANGER,
            )
    place.captured()
    place.run(f"update fbs_settings set value = '{setting}' where name = 'cleanup'", STRANGER)
    assert place.captured() == ""
    for role, statement in EVERY_DAY:
        # PostgreSQL's own foreign keys have the rights of the table's owner, and run any trigger with them.
        if "people" in statement and table != "fbs_file_deletions":
            continue
        if role == APP:
            place.run(statement, role)
        elif "sweep" in statement or "retry" in statement:
            refusal(place, statement, role)
    place.assert_not_captured()
