"""Whoever owns a host table, or a user table, never gets the rights of FBS's owner.

Each change is made to a table that is attached. Then everything that FBS does with it is done, each
in a transaction that is rolled back. `captured` of `tests.support.attacks` shows where it went wrong.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import psycopg
import pytest

import fbs_db
from tests.support.attacks import (
    APP,
    LANDLORD,
    OWNER,
    STRANGER,
    SUPERUSER,
    Place,
    World,
    assert_none,
    on_each_version,
    slow_but,
)

#: Makes PostgreSQL look at check constraints while it plans.
CHECKS_LOOKED_AT = "-c constraint_exclusion=on"


# The host table's owner


@dataclass(frozen=True)
class Change:
    """What the owner of a host table does to it.

    Attributes:
        other: how a number is written as a key.
        unfit: the table's key cannot be read any more.
        fit: FBS does its work as before. Where neither is the case, FBS may work or refuse to.
        role: the role that does it.
        prepared: what a superuser did before.
    """

    name: str
    table: str
    statements: str
    other: str = "{}"
    unfit: bool = False
    fit: bool = False
    role: str = LANDLORD
    prepared: str = ""

    def __str__(self) -> str:
        return f"{self.table.removeprefix('rentals.')}-{self.name}"

    @property
    def model(self) -> str:
        return self.table.removesuffix("s")

    def made(self, place: Place) -> Changed:
        place.run(self.prepared, SUPERUSER)
        place.run(self.statements, self.role)
        return Changed(self, place)


#: Hostile types: how the value of a number is written.
TYPES = {"evil": "row({})::lair.evil", "mood": "'{}'::lair.mood", "picky": "{}::lair.picky"}
UNTIED = "drop trigger if exists fbs_cleanup_key on {0}; drop trigger if exists fbs_cleanup_keys on {0};"
#: What PostgreSQL evaluates when it plans a query of the table, if the table has it.
PLANNED = {
    "index": "create index on {} ((lair.hello(null)))",
    "index-with-an-operator": "create index on {} ((1::bigint operator(lair.+) 1::bigint))",
    "index-with-a-cast": "create index on {} (('1'::text::lair.evil))",
    "index-with-a-cast-back": "create index on {} (((row(1)::lair.evil)::bigint))",
    "index-beside-a-column": "create index on {} (id, (lair.hello(null)))",
    "index-of-a-function-of-a-function": (
        "create function rentals.outer_one() returns boolean language sql immutable return lair.hello(null);"
        "create index on {} ((rentals.outer_one()))"
    ),
    "predicate": "create index on {} (id) where lair.hello(null)",
    "check": "alter table {} add check (lair.hello(null))",
    "check-not-valid": "alter table {} add check (lair.hello(null)) not valid",
    "statistics": "create statistics {}_hello on (lair.hello(null)), id from {}",
}


GIVEN = f"grant create on schema rentals to {STRANGER}; alter table {{}} owner to {STRANGER};"


def changes() -> Iterator[Change]:
    for table in ("rentals.tenants", "rentals.visits"):
        for name, value in TYPES.items():
            swap = f"alter table {table} rename id to was; alter table {table} add id lair.{name}"
            first = f" not null default {value.format(1)}"
            yield Change(f"key-swapped-for-{name}", table, swap + first, value, unfit=True)
        # A key's type that comes to do more later.
        lazy = (
            f"alter table {table} rename id to was; alter table {table} add id rentals.lazy not null default 1;"
            "alter domain rentals.lazy add check (lair.hello(value::text))"
        )
        yield Change("key-swapped-for-lazy", table, lazy, unfit=True)
        text = f"alter table {table} rename id to was; alter table {table} add id text not null default 'a'"
        yield Change("key-swapped-for-a-text", table, text, "'{}'")
        for name, value in TYPES.items():
            more = f"alter table {table} add more lair.{name} default {value.format(1)}"
            yield Change(f"column-of-{name}", table, more, fit=True)
        for name, planned in PLANNED.items():
            yield Change(name, table, planned.format(table, table))
    for name, value in TYPES.items():
        retyped = (
            UNTIED.format("rentals.tenants")
            + f"alter table rentals.tenants alter id type lair.{name} using {value.format('id').replace(chr(39), '')}"
        )
        if name == "mood":
            retyped = retyped.replace("id::lair", "(id::text)::lair")
        yield Change(f"key-retyped-to-{name}", "rentals.tenants", retyped, value, unfit=True)
    yield Change(
        "policy",
        "rentals.tenants",
        "alter table rentals.tenants enable row level security;"
        "create policy all_of_them on rentals.tenants using (lair.hello(name))",
    )
    yield Change(
        "forced-policy",
        "rentals.tenants",
        "alter table rentals.tenants enable row level security, force row level security;"
        "create policy all_of_them on rentals.tenants using (lair.hello(name))",
    )
    yield Change(
        "rules",
        "rentals.tenants",
        "create rule deleted as on delete to rentals.tenants do also select lair.hello(old.name);"
        "create rule updated as on update to rentals.tenants do also select lair.hello(old.name)",
    )
    yield Change(
        "view-in-its-place",
        "rentals.tenants",
        "alter table rentals.tenants rename to real_tenants;"
        "create view rentals.tenants as select id, name from rentals.real_tenants where lair.hello(name);"
        f"grant all on rentals.tenants to {OWNER}, {APP}",
    )
    yield Change(
        "child",
        "rentals.tenants",
        "create table rentals.child () inherits (rentals.tenants); create index on rentals.child ((lair.hello(null)))",
    )
    yield Change(
        "child-of-another",
        "rentals.tenants",
        "create index on rentals.child ((lair.hello(null)))",
        role=STRANGER,
        prepared="create table rentals.child () inherits (rentals.tenants);" + GIVEN.format("rentals.child"),
    )
    for name, planned in PLANNED.items():
        yield Change(
            f"partition-of-another-with-{name}",
            "rentals.visits",
            planned.format("rentals.visits_low", "rentals.visits_low").replace("rentals.outer_one", "lair.outer_one"),
            role=STRANGER,
            prepared=GIVEN.format("rentals.visits_low"),
        )

    yield Change(
        "partition-of-another-of-a-table-of-a-superuser",
        "rentals.visits",
        "create index on rentals.visits_low ((lair.hello(null)))",
        role=STRANGER,
        prepared="alter table rentals.visits owner to postgres;" + GIVEN.format("rentals.visits_low"),
    )
    yield Change(
        "partition-of-another-of-a-table-of-fbss-owner",
        "rentals.visits",
        "create index on rentals.visits_low ((lair.hello(null)))",
        role=STRANGER,
        prepared=f"grant create on schema rentals to {OWNER}; alter table rentals.visits owner to {OWNER};"
        + GIVEN.format("rentals.visits_low"),
    )


#: What the application does.
STATEMENTS = {
    "delete": "delete from {table} where name ~ ' [13](001)?$'",
    "delete-of-all": "delete from {table}",
    "rekey": "update {table} set id = {other} where name ~ ' 1$'",
    "truncate": "truncate {table}",
}
STATEMENTS["delete-with-a-path"] = "set local search_path = lair, rentals;" + STATEMENTS["delete"]
#: The same through partitions: one that was there when the table was attached, and one that was not.
PARTITIONS = {
    f"{name}-of-a-{partition}": STATEMENTS[name].replace("{table}", f"rentals.visits_{partition}")
    for partition in ("low", "top")
    for name in ("delete", "delete-of-all", "rekey", "truncate")
}
PARTITIONS["rekey-of-a-top"] = PARTITIONS["rekey-of-a-top"].replace("{other}", "{high}").replace(" 1$", " 1001$")

#: What FBS's owner, or an administrator, does. Where a key cannot be read, it fails so.
CALLS = {
    "sweep": "select error from fbs_sweep_orphans()",
    "missing-keys": "select fbs_missing_keys('{model}', '{{1,99}}')",
    "orphan-keys": "select fbs_orphan_keys('{model}')",
    "attach-again": "select fbs_attach_host('{table}', '{model}', 'id')",
    "attach-as-another": "select fbs_attach_host('{table}', 'other.name', 'id')",
    "detach-and-attach": "select fbs_detach_host('{table}'); select fbs_attach_host('{table}', '{model}', 'id')",
}
QUEUED = "insert into fbs_cleanup_queue (model_name, operation, keys, new_keys) values {};"
for _name, _job in {
    "delete": "('{model}', 'delete', '{{1,99}}', null)",
    "sweep": "('{model}', 'sweep', '{{}}', null)",
    "rekey": "('{model}', 'rekey', '{{1}}', '{{99}}')",
}.items():
    CALLS[f"retry-of-{_name}"] = QUEUED.format(_job) + "select error from fbs_work_queue()"
#: What does not read the key.
OTHER_CALLS = {
    "held-keys": "select fbs_held_keys('{model}')",
    "apply-rules": "select fbs_apply_rules('{model}', '{{77}}')",
    "check-rows": "select * from fbs_check_rows('fbs_hosts')",
    "rename-model": "select fbs_rename_model('{model}', 'other.name')",
    "rows-of-model": "select fbs_rows_of_model('{model}')",
    "detach": "select fbs_detach_host('{table}')",
}
#: Codes with which FBS refuses a host table: row security, what does not fit, what does not fit any more.
REFUSED = {"42501", "FB020", "FB025"}


@dataclass(frozen=True)
class Changed:
    """A host table that was changed, and the database it is in."""

    change: Change
    place: Place

    def after_statement(self, connection: psycopg.Connection, statement: str) -> str:
        """Do a statement of the host's. Gives what is wrong with what came of it."""
        change = self.change
        of_later = "visits_top" in statement
        numbers = {"other": change.other.format(99), "high": change.other.format(1099)}
        try:
            connection.execute(statement.format(table=change.table, **numbers))
            states = {state for (state,) in connection.execute("select sqlstate from public.fbs_cleanup_queue")}
            left = {key for (key,) in connection.execute(KEYS_LEFT, [change.model])}
        except psycopg.errors.WrongObjectType:
            return self.place.captured()  # the table has become a view
        except psycopg.Error as error:
            return self.place.captured() or f"failed with {error.sqlstate}: {error}"
        if change.unfit:
            seen = states == {"FB025"} or (of_later and "truncate" in statement)
            right = seen and len(left) == 6
        elif change.fit:
            right = states <= {None} and (of_later or 1 not in left)
        else:
            right = states <= REFUSED | {None}
        problem = "" if right else f"queued with {states}, rows of {left} left"
        return self.place.captured() or problem

    def after_call(self, connection: psycopg.Connection, call: str, *, reads: bool) -> str:
        """Do what FBS's owner does. Gives what is wrong with what came of it."""
        change = self.change
        *before, last = call.format(table=change.table, model=change.model).split(";")
        try:
            for statement in before:
                connection.execute(statement)
            rows = connection.execute(last).fetchall()
        except psycopg.Error as error:
            # Only the owner of a table, and of its partitions, may change triggers that are on it.
            may_fail = not change.fit or "detach" in call or ("attach" in call and "visits" in change.table)
            refused = error.sqlstate in REFUSED and may_fail
            return self.place.captured() or ("" if refused else f"failed with {error.sqlstate}: {error}")
        failed = last.startswith("select error") and any(value for (value,) in rows)
        wrong = not failed if change.unfit and reads else failed and change.fit
        return self.place.captured() or (f"gave {rows}" if wrong else "")


KEYS_LEFT = "select record_id from public.fbs_custom_fields where model_name = %s and record_id <= 6"


@pytest.fixture(scope="module")
def changed(world: World, request: pytest.FixtureRequest) -> Iterator[Changed]:
    """A database in which a host table was changed."""
    with world.copy() as place:
        yield request.param.made(place)


#: One of each kind; its brothers are slow.
QUICK = re.compile(
    "tenants-(key-swapped-for-evil|column-of-evil|index|policy|child)$|visits-(key-swapped-for-lazy|predicate)$"
)
ALL = on_each_version({str(change): change for change in changes()}, QUICK.search)
each_change = pytest.mark.parametrize(("world", "changed"), ALL, indirect=True, scope="module")
each_role = pytest.mark.parametrize("role", [OWNER, pytest.param(SUPERUSER, marks=pytest.mark.slow)])


@each_change
def test_no_rights_come_through_the_triggers_of_a_changed_table(changed: Changed) -> None:
    statements = STATEMENTS | (PARTITIONS if changed.change.table == "rentals.visits" else {})
    problems = {}
    for name, statement in statements.items():
        with changed.place.connect(APP, CHECKS_LOOKED_AT) as connection, connection.transaction(force_rollback=True):
            problems[name] = changed.after_statement(connection, statement)
    assert_none(problems)


@each_change
@each_role
def test_no_rights_come_through_what_fbss_owner_does_with_a_changed_table(changed: Changed, role: str) -> None:
    change, place = changed.change, changed.place
    problems = {}
    for name, call in (CALLS | OTHER_CALLS).items():
        with place.connect(role, CHECKS_LOOKED_AT) as connection, connection.transaction(force_rollback=True):
            problems[name] = changed.after_call(connection, call, reads=name in CALLS)
    findings = fbs_db.check(place.url(role), data=True).findings
    told = any(finding.object in (change.table, change.model) for finding in findings)
    problems["check"] = place.captured() or ("tells nothing of the table" if change.unfit and not told else "")
    assert_none(problems)


# While a transaction is under way


SWAPS = on_each_version({str(change): change for change in changes() if not change.fit}, QUICK.search)
each_swap = pytest.mark.parametrize(("world", "change"), SWAPS, indirect=["world"])


@pytest.mark.slow
@each_swap
def test_no_rights_come_through_a_snapshot_from_before_the_change(world: World, change: Change) -> None:
    """The catalog as a query sees it then still has the table as it was; the planner sees it as it is."""
    statements = STATEMENTS | (PARTITIONS if change.table == "rentals.visits" else {})
    problems = {}
    with world.copy() as place, ExitStack() as open_ones:

        def transaction(role: str) -> psycopg.Connection:
            connection = open_ones.enter_context(place.connect(role, CHECKS_LOOKED_AT))
            connection.execute("begin isolation level repeatable read; select from rentals.people")
            return connection

        waiting = [(name, statement, transaction(APP)) for name, statement in statements.items()]
        calling = [(name, call, transaction(OWNER)) for name, call in (CALLS | OTHER_CALLS).items()]
        changed = change.made(place)
        for name, statement, connection in waiting:
            changed.after_statement(connection, statement)
            problems[name] = place.captured()
            connection.close()
        for name, call, connection in calling:
            changed.after_call(connection, call, reads=False)
            problems[name] = place.captured()
            connection.close()
    assert_none(problems)


HOSTILE = {
    "index": "create index on rentals.visits_low ((lair.hello(null)))",
    "predicate": "create index on rentals.visits_low (id) where lair.hello(null)",
    "check": "alter table rentals.visits_low add check (lair.hello(null)) not valid",
    "statistics": "create statistics rentals.hello on (lair.hello(null)), id from rentals.visits_low",
    "partition": (
        "create table rentals.visits_new (like rentals.visits including all);"
        "create index on rentals.visits_new ((lair.hello(null)));"
        "alter table rentals.visits attach partition rentals.visits_new for values from (5000) to (6000)"
    ),
    "types": "create cast (bigint as rentals.own) with function rentals.own_of(bigint) as implicit",
    "path": "select set_config('search_path', 'lair, pg_temp, rentals, pg_catalog', false)",
    "temporary-tables": (
        "create temp view old_rows as select 1::bigint as id where lair.hello(null);"
        "create temp view new_rows as select 1::bigint as id where lair.hello(null);"
        "create temp view fbs_hosts as select 1::bigint as id where lair.hello(null);"
        "grant all on old_rows, new_rows, fbs_hosts to public"
    ),
}

TIMES = [(timing, level) for timing in ("before", "after") for level in ("row", "statement")]


@pytest.mark.parametrize("hostile", slow_but(HOSTILE, "index", "temporary-tables"))
@pytest.mark.parametrize(
    ("timing", "level"),
    [("after", "row"), *(pytest.param(*one, marks=pytest.mark.slow) for one in TIMES if one != ("after", "row"))],
)
def test_no_rights_come_through_a_trigger_that_changes_things_in_between(
    place: Place, hostile: str, timing: str, level: str
) -> None:
    place.run(
        f"""
        create type rentals.own as (v bigint);
        create function rentals.own_of(bigint) returns rentals.own language plpgsql immutable
        as $$ begin perform lair.hello(); return row($1)::rentals.own; end $$;
        create function rentals.change() returns trigger language plpgsql
        {"security definer" if hostile != "path" else ""} as $$
        begin
            if current_setting('rentals.changed', true) is distinct from 'yes' then
                perform set_config('rentals.changed', 'yes', true);
                {HOSTILE[hostile].replace("select", "perform", hostile == "path")};
            end if;
            return case when tg_when = 'BEFORE' and tg_op = 'DELETE' then old else new end;
        end
        $$;
        create trigger aa_first {timing} delete or update on rentals.visits_high for each {level}
        execute function rentals.change();
        create trigger aa_first {timing} delete or update on rentals.visits_top for each {level}
        execute function rentals.change();
        """,
        LANDLORD,
    )
    problems = {}
    for statement in (
        "delete from rentals.visits_high",
        "delete from rentals.visits_top",
        "update rentals.visits_high set id = id + 10 where id = 101",
        "update rentals.visits_top set id = id + 10",
        "with gone as (delete from rentals.visits_top returning id) delete from rentals.visits_high using gone",
    ):
        with place.connect(APP, CHECKS_LOOKED_AT) as connection, connection.transaction(force_rollback=True):
            connection.execute(statement)
        problems[statement] = place.captured()
    assert_none(problems)


@pytest.mark.slow
@pytest.mark.parametrize("hostile", ["create index", "create index concurrently", "create statistics"])
def test_no_rights_come_through_what_is_made_while_a_long_sweep_reads(place: Place, hostile: str) -> None:
    made = {"create statistics": "create statistics rentals.own on (lair.hello(null)), id from rentals.tenants"}
    keys = "select fbs_missing_keys('rentals.tenant', array(select n::text from generate_series(1, 1000000) as n))"
    with place.connect() as reader, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reader.execute, keys)
        running = f"select from pg_stat_activity where pid = {reader.info.backend_pid} and state = 'active'"
        while not place.rows(running):
            assert not reading.done(), "it was too fast"
        time.sleep(0.5)  # into its work
        assert not reading.done(), "it was too fast"
        place.run(made.get(hostile, f"{hostile} on rentals.tenants ((lair.hello(null)))"), LANDLORD)
        # What is built concurrently is done when the reader is.
        assert "concurrently" in hostile or not reading.done(), "it was too fast"
        with suppress(psycopg.Error):
            reading.result()
    place.assert_not_captured()


# The user table's owner


USER_TABLE = {name: planned.format("rentals.people", "rentals.people") for name, planned in PLANNED.items()} | {
    "policy": (
        "alter table rentals.people enable row level security, force row level security;"
        "create policy all_of_them on rentals.people using (lair.hello(name))"
    ),
    "key-of-a-domain": (
        "alter table rentals.people alter id type rentals.lazy;"
        "alter domain rentals.lazy add check (lair.hello(value::text))"
    ),
    "child": (
        "create table rentals.child () inherits (rentals.people); create index on rentals.child ((lair.hello(null)))"
    ),
    "key-swapped": "alter table rentals.people rename id to was; alter table rentals.people add id lair.evil",
}
USER_CALLS = {
    "check-column": "select fbs_check_user_column('fbs_kpis', 'created_by_id')",
    "repair-column": "select fbs_check_user_column('fbs_kpis', 'created_by_id', true)",
    "repair-column-that-cascades": "select fbs_check_user_column('fbs_notifications', 'user_id', true)",
    "attach-again": "select * from fbs_attach_users('rentals.people')",
    "attach-with-repair": "select * from fbs_attach_users('rentals.people', true)",
    "detach-and-attach": "select fbs_detach_users(); select * from fbs_attach_users('rentals.people')",
    "link": "select fbs_detach_users(); select fbs_link_users('rentals.people')",
    "check-rows": "select * from fbs_check_rows('fbs_kpis')",
    "health": "select * from fbs_health()",
}


@pytest.mark.parametrize("change", slow_but(USER_TABLE, "index", "child"))
def test_no_rights_come_through_a_changed_user_table(place: Place, change: str) -> None:
    place.run("set session_replication_role = replica; update fbs_kpis set created_by_id = 77", SUPERUSER)
    place.run(USER_TABLE[change], LANDLORD)
    problems = {}
    for role in (OWNER, SUPERUSER):
        for name, call in USER_CALLS.items():
            with suppress(psycopg.Error), place.connect(role, CHECKS_LOOKED_AT) as connection:
                connection.execute("begin")
                connection.execute(call)
                connection.execute("rollback")
            problems[f"{name} as {role}"] = place.captured()
        fbs_db.check(place.url(role), data=True)
        problems[f"check as {role}"] = place.captured()
    with place.connect(APP, CHECKS_LOOKED_AT) as connection, connection.transaction(force_rollback=True):
        connection.execute("delete from rentals.people where name ~ ' [12]$'")
    problems["delete"] = place.captured()
    assert_none(problems)
