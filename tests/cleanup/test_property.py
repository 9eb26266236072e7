"""Clean-up at random: whatever happens, the rows are those of a model in plain Python."""

from __future__ import annotations

import copy
import os
import random
import threading
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.connections import Connect, rows, url_of
from tests.support.sample_rows import add, attach, seed

# Shrinking takes minutes: HYPOTHESIS_PROFILE=search makes a failure short, and looks further.
settings.register_profile("ci", derandomize=True, max_examples=150, phases=[Phase.explicit, Phase.generate])
settings.register_profile("search", max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

MODELS = ("rentals.location", "rentals.tenant")
TABLES = ("locations", "tenants")
#: Types of key, and how the n-th key of one is written.
KEYS: dict[str, tuple[str, str]] = {
    "integers": ("integer", "{}"),
    "small bigints": ("bigint", "{}"),
    "large bigints": ("bigint", "10000000000{}"),
    "uuids": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-0000000000{:02}"),
    "words": ("text", 'it\'s "{}"'),
    "digits": ("varchar(20)", "{}"),
}
FIELDS, APPROVALS, WORKFLOWS, DOCUMENTS, NOTES = POINTING = (
    "fbs_custom_fields",
    "fbs_approval_requests",
    "fbs_workflow_instances",
    "fbs_dms_document",
    "notes",
)
#: The rule for each table, in the order in which they are applied: that of their names.
RULES = {
    APPROVALS: "approval_requests",
    FIELDS: "custom_fields",
    DOCUMENTS: "documents",
    NOTES: "own",
    WORKFLOWS: "workflow_instances",
}
#: Where a record is named, and the states of rows that are to be had.
NAMED_IN = {
    APPROVALS: ("request_data", "status", ("pending", "approved")),
    WORKFLOWS: ("workflow_data", "status", ("active", "completed", "draft")),
    DOCUMENTS: ("metadata", "state", ("draft", "archived")),
}


def fits(key: str, kind: str) -> bool:
    """Whether a column of this type can hold the key."""
    if kind in ("integer", "bigint"):
        return key.isdigit() and int(key) < (2**31 if kind == "integer" else 2**63)
    return kind != "uuid" or len(key) == 36


@dataclass(frozen=True)
class Own:
    """The host's own rule for its notes."""

    key_type: str
    action: str
    only_new: bool
    any_model: bool


@dataclass
class Row:
    model: str
    key: str | None
    state: str | None


@dataclass(frozen=True)
class Waiting:
    model: str
    operation: str
    keys: tuple[str, ...]
    rule: str | None


@dataclass
class World:
    """What there is, as it should be."""

    hosts: dict[str, dict[str, int]] = field(default_factory=lambda: {model: {} for model in MODELS})
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)
    queue: list[Waiting] = field(default_factory=list)
    mode: str = "on"
    threshold: int = 5000


class Rules:
    """What the rules do, in Python."""

    def __init__(self, kinds: tuple[str, str], own: Own | None) -> None:
        self.types = {model: KEYS[kind][0] for model, kind in zip(MODELS, kinds, strict=True)}
        self.own = own
        self.lifted = False

    def names(self, model: str) -> list[str]:
        """The tables that have a rule for this model."""
        own = self.own and (not self.own.any_model or model == MODELS[0])
        return [table for table in RULES if table != NOTES or own]

    def holds(self, table: str, key: str) -> bool:
        """Whether a key can be in the column by which a table points."""
        return fits(key, "integer" if table == FIELDS else self.own.key_type if table == NOTES and self.own else "text")

    def touched(self, world: World, model: str, table: str) -> Iterator[tuple[int, Row]]:
        """The rows of a table that a rule is for."""
        for (name, number), row in list(world.rows.items()):
            if name == table and row.key is not None and self._applies(row, model, table):
                yield number, row

    def _applies(self, row: Row, model: str, table: str) -> bool:
        if table == NOTES:
            assert self.own
            return (self.own.any_model or row.model == model) and (not self.own.only_new or row.state == "new")
        state_left = {
            APPROVALS: ("approved", "cancelled"),
            WORKFLOWS: ("completed", "cancelled"),
            DOCUMENTS: ("archived",),
        }
        return row.model == model and row.state not in state_left.get(table, ())

    def fails(self, world: World, model: str, table: str, keys: Container[str | None]) -> bool:
        """Whether a cursed note is among the rows that a rule touches."""
        return (
            table == NOTES
            and not self.lifted
            and any(row.state == "cursed" and row.key in keys for _, row in self.touched(world, model, table))
        )

    def apply(self, world: World, model: str, keys: Container[str | None], table: str) -> None:
        for number, row in self.touched(world, model, table):
            if row.key not in keys:
                continue
            if table == FIELDS or (table == NOTES and self.own and self.own.action == "delete"):
                del world.rows[table, number]
            elif table == NOTES and self.own and self.own.action == "set null":
                row.key = None
            else:
                row.state = {NOTES: "over", DOCUMENTS: "archived"}.get(table, "cancelled")

    def orphans(self, world: World, model: str) -> set[str]:
        return {
            row.key
            for table in self.names(model)
            for _, row in self.touched(world, model, table)
            if row.key and row.key not in world.hosts[model] and fits(row.key, self.types[model])
        }

    def clean(self, world: World, model: str, keys: Iterable[str], locked: str | None) -> None:
        """What the trigger does."""
        gone = tuple(sorted(keys))
        if not gone or world.mode == "off":
            return
        if world.mode == "queue" or len(gone) > world.threshold:
            world.queue.append(Waiting(model, "delete", gone, None))
            return
        tables = self.names(model)
        found = [row for table in tables if table != NOTES for _, row in self.touched(world, model, table)]
        if sum(row.key in gone for row in found) > world.threshold:
            world.queue.append(Waiting(model, "delete", gone, None))
            return
        waits = {table: table == locked for table in tables}
        fails = {table: self.fails(world, model, table, gone) for table in tables}
        # Whether FBS's tables have such rows is looked up before anything is done.
        first = next((table for table in tables if (waits[table] and table != NOTES)), None)
        first = first or next((table for table in tables if waits[table] or fails[table]), None)
        if first and waits[first]:
            world.queue.append(Waiting(model, "delete", gone, None))
            return
        for table in tables:
            if waits[table] or fails[table]:
                world.queue.append(Waiting(model, "delete", gone, RULES[table]))
            else:
                self.apply(world, model, gone, table)

    def retry(self, world: World) -> None:
        for job in list(world.queue):
            orphans = self.orphans(world, job.model)
            keys = orphans if job.operation == "sweep" else set(job.keys) - world.hosts[job.model].keys()
            tables = [table for table in self.names(job.model) if job.rule in (None, RULES[table])]
            if not any(self.fails(world, job.model, table, keys) for table in tables):
                for table in tables:
                    self.apply(world, job.model, keys, table)
                world.queue.remove(job)

    def sweep(self, world: World) -> None:
        for model in MODELS:
            orphans = self.orphans(world, model)
            for table in self.names(model):
                self.apply(world, model, orphans, table)

    def follow(self, world: World, model: str, new_keys: dict[str, str]) -> None:
        if world.mode == "on":
            for (table, _), row in world.rows.items():
                known = table != NOTES or (self.own is not None and (not self.own.any_model or model == MODELS[0]))
                if known and (row.model == model or (table == NOTES and self.own and self.own.any_model)) and row.key:
                    row.key = new_keys.get(row.key, row.key)


# --- what happens ---


@dataclass(frozen=True)
class Insert:
    host: int
    number: int
    site: int


@dataclass(frozen=True)
class Point:
    host: int
    number: int
    table: str
    state: int
    as_number: bool


@dataclass(frozen=True)
class Delete:
    host: int
    numbers: frozenset[int]
    locked: str | None


@dataclass(frozen=True)
class DeleteSite:
    site: int
    locked: str | None


@dataclass(frozen=True)
class Truncate:
    host: int
    locked: str | None


@dataclass(frozen=True)
class Rekey:
    host: int
    how: str
    number: int
    other: int


@dataclass(frozen=True)
class Set:
    mode: str | None = None
    threshold: int | None = None


@dataclass(frozen=True)
class Retry:
    pass


@dataclass(frozen=True)
class Sweep:
    pass


@dataclass(frozen=True)
class Block:
    """A transaction, or a savepoint in one."""

    steps: tuple[Any, ...]
    kept: bool


_host = st.integers(0, 1)
_number = st.integers(0, 5)
_locked = st.none() | st.none() | st.sampled_from(POINTING)
_point = st.builds(Point, _host, _number, st.sampled_from(POINTING), st.integers(0, 2), st.booleans())
_simple: SearchStrategy[Any] = st.one_of(
    st.builds(Insert, _host, _number, st.integers(0, 2)),
    _point,
    _point,
    st.builds(Delete, _host, st.frozensets(_number, min_size=1, max_size=4), _locked),
    st.builds(DeleteSite, st.integers(0, 2), _locked),
    st.builds(Truncate, _host, _locked),
    st.builds(Rekey, _host, st.sampled_from(["single", "shift", "swap"]), _number, _number),
    st.builds(Set, mode=st.sampled_from(["on", "on", "queue", "off"])),
    st.builds(Set, threshold=st.sampled_from([1, 2, 5000])),
    st.just(Retry()),
    st.just(Sweep()),
)
_steps = st.recursive(
    _simple,
    lambda inner: st.builds(Block, st.lists(inner, min_size=1, max_size=5).map(tuple), st.booleans()),
    max_leaves=8,
)
_own = st.none() | st.builds(
    Own,
    st.sampled_from(["integer", "text", "uuid"]),
    st.sampled_from(["delete", "set null", "set columns"]),
    st.booleans(),
    st.booleans(),
)


class Machine:
    """Does the same to the database and to the model."""

    def __init__(
        self, connection: psycopg.Connection, other: psycopg.Connection, kinds: tuple[str, str], own: Own | None
    ) -> None:
        self.connection = connection
        self.other = other
        self.kinds = kinds
        self.rules = Rules(kinds, own)
        self.world = World()
        self._prepare(own)

    def _prepare(self, own: Own | None) -> None:
        run = self.connection.execute
        run("""
            reset fbs.cleanup; reset test.lifted;
            update fbs_settings set value = 5000 where name = 'cleanup_threshold';
            drop table if exists locations, tenants, sites, notes;
            delete from fbs_hosts; delete from fbs_cleanup_queue; delete from fbs_cleanup_rules where rule_name = 'own';
            create table sites (id integer primary key);
            insert into sites values (0), (1), (2)""")
        for table in POINTING[:-1]:
            run(f"delete from {table} where id > 1")
        for table, model, kind in zip(TABLES, MODELS, self.kinds, strict=True):
            run(f"""
                create table {table} (
                    id {KEYS[kind][0]}, site integer not null references sites on delete cascade,
                    primary key (id) deferrable
                )""")
            attach(self.connection, table, model)
        run(f"""
            create table notes (id serial, model text, key {own.key_type if own else "text"}, state text);
            create index on notes (key);
            create or replace function curse() returns trigger language plpgsql as $$
            begin
                if old.state = 'cursed' and current_setting('test.lifted', true) is distinct from 'on'
                    and (tg_op = 'DELETE' or new.key is null or new.key = old.key)
                then
                    raise exception 'cursed';
                end if;
                return case tg_op when 'DELETE' then old else new end;
            end; $$;
            create trigger curse before update or delete on notes for each row execute function curse()""")
        if own:
            self.connection.execute(
                "insert into fbs_cleanup_rules (rule_name, table_name, model_column, model_name, key_column, only_if,"
                " action, set_columns, description) values ('own', 'public.notes', %s, %s, 'key', %s, %s, %s, 'd')",
                (
                    None if own.any_model else "model",
                    MODELS[0] if own.any_model else None,
                    '{"state": ["new"]}' if own.only_new else None,
                    own.action,
                    '{"state": "over"}' if own.action == "set columns" else None,
                ),
            )

    def key(self, host: int, number: int) -> str:
        return KEYS[self.kinds[host]][1].format(number)

    def do(self, step: Any) -> None:
        getattr(self, f"_{type(step).__name__.lower()}")(step)

    def _insert(self, step: Insert) -> None:
        key, there = self.key(step.host, step.number), self.world.hosts[MODELS[step.host]]
        if key not in there:
            self.connection.execute(f"insert into {TABLES[step.host]} values (%s, %s)", (key, step.site))
            there[key] = step.site

    def _point(self, step: Point) -> None:
        key, model = self.key(step.host, step.number), MODELS[step.host]
        if not self.rules.holds(step.table, key):
            return
        state: str | None = None
        if step.table == FIELDS:
            row = add(self.connection, FIELDS, model_name=model, record_id=int(key))
        elif step.table == NOTES:
            state = ("new", "cursed", "done")[step.state]
            [(number,)] = self.connection.execute(
                "insert into notes (model, key, state) values (%s, %s, %s) returning id", (model, key, state)
            )
            row = NOTES, number
        else:
            column, state_column, states = NAMED_IN[step.table]
            state = states[step.state % len(states)]
            record = int(key) if step.as_number and key.isdigit() else key
            values: dict[str, Any] = {column: {"model_name": model, "record_id": record}, state_column: state}
            row = add(self.connection, step.table, **values)
        self.world.rows[row] = Row(model, key, state)

    @contextmanager
    def _while_locked(self, table: str | None) -> Iterator[str | None]:
        """Another session holds the table; unless this one does."""
        try:
            self.other.execute("begin")
            if table:
                self.other.execute(f"lock table {table} in access exclusive mode nowait")
        except psycopg.errors.LockNotAvailable:
            table = None
        try:
            yield table
        finally:
            self.other.execute("rollback")

    def _delete(self, step: Delete) -> None:
        model = MODELS[step.host]
        keys = [self.key(step.host, number) for number in sorted(step.numbers)]
        there = self.world.hosts[model]
        with self._while_locked(step.locked) as locked:
            self.connection.execute(f"delete from {TABLES[step.host]} where id::text = any(%s)", (keys,))
            gone = [key for key in keys if key in there]
            for key in gone:
                del there[key]
            self.rules.clean(self.world, model, gone, locked)

    def _deletesite(self, step: DeleteSite) -> None:
        """Foreign keys take the rows along, table by table."""
        with self._while_locked(step.locked) as locked:
            self.connection.execute("delete from sites where id = %s", (step.site,))
            for model, there in self.world.hosts.items():
                gone = [key for key, site in there.items() if site == step.site]
                for key in gone:
                    del there[key]
                self.rules.clean(self.world, model, gone, locked)
        self.connection.execute("insert into sites values (%s)", (step.site,))

    def _truncate(self, step: Truncate) -> None:
        model = MODELS[step.host]
        with self._while_locked(step.locked) as locked:
            self.connection.execute(f"truncate {TABLES[step.host]}")
            self.world.hosts[model].clear()
            if locked in self.rules.names(model) and self.world.mode != "off":
                self.world.queue.append(Waiting(model, "sweep", (), None))
            else:
                self.rules.clean(self.world, model, self.rules.orphans(self.world, model), locked)

    def _rekey(self, step: Rekey) -> None:
        model = MODELS[step.host]
        there = self.world.hosts[model]
        one, other = self.key(step.host, step.number), self.key(step.host, step.other)
        if step.how == "shift":
            every = {self.key(step.host, number): self.key(step.host, number + 1) for number in range(30)}
            new_keys = {key: every[key] for key in there if key in every}
        elif step.how == "swap":
            new_keys = {one: other, other: one} if {one, other} <= there.keys() and one != other else {}
        else:
            new_keys = {one: other} if one in there and other not in there else {}
        if not new_keys or self.world.mode == "queue" or len(new_keys) > self.world.threshold:
            return
        kind = KEYS[self.kinds[step.host]][0]
        self.connection.execute(
            f"update {TABLES[step.host]} as t set id = m.new from unnest(%s::{kind}[], %s::{kind}[]) as m (old, new)"
            " where t.id = m.old",
            (list(new_keys), list(new_keys.values())),
        )
        self.world.hosts[model] = {new_keys.get(key, key): site for key, site in there.items()}
        self.rules.follow(self.world, model, new_keys)

    def _set(self, step: Set) -> None:
        if step.mode:
            self.connection.execute(f"set fbs.cleanup = '{step.mode}'")
            self.world.mode = step.mode
        if step.threshold:
            self.connection.execute(
                "update fbs_settings set value = %s where name = 'cleanup_threshold'", (step.threshold,)
            )
            self.world.threshold = step.threshold

    def _retry(self, _: Retry) -> None:
        self.connection.execute("select fbs_retry_cleanup()")
        self.rules.retry(self.world)

    def _sweep(self, _: Sweep) -> None:
        lifted = self.rules.lifted
        self.lift(True)
        assert rows(self.connection, "select error from fbs_sweep_orphans() where error is not null") == []
        self.rules.sweep(self.world)
        self.lift(lifted)

    def lift(self, lifted: bool) -> None:
        """Cursed notes let themselves be deleted and changed."""
        self.connection.execute(f"set test.lifted = '{'on' if lifted else 'off'}'")
        self.rules.lifted = lifted

    def _block(self, step: Block) -> None:
        before = copy.deepcopy(self.world)
        with self.connection.transaction(force_rollback=not step.kept):
            for inner in step.steps:
                self.do(inner)
        if not step.kept:
            self.world = before

    def found(self) -> dict[tuple[str, int], Row]:
        parts = [
            f"select '{FIELDS}', id, model_name, record_id::text, null from {FIELDS}",
            f"select '{NOTES}', id, model, key::text, state from {NOTES}",
            *(
                f"select '{table}', id, {column} ->> 'model_name', {column} ->> 'record_id', {state} from {table}"
                for table, (column, state, _) in NAMED_IN.items()
            ),
        ]
        every = f"select * from ({' union all '.join(parts)}) as r (name, id) where id > 1 or name = 'notes'"
        return {(name, number): Row(*rest) for name, number, *rest in rows(self.connection, every)}

    def waiting(self) -> list[Waiting]:
        return [
            Waiting(model, operation, tuple(sorted(keys)), rule)
            for model, operation, keys, rule in rows(
                self.connection, "select model_name, operation, keys, rule_name from fbs_cleanup_queue"
            )
        ]

    def check(self) -> None:
        assert self.found() == self.world.rows
        assert sorted(map(repr, self.waiting())) == sorted(map(repr, self.world.queue))


@pytest.fixture
def sessions(installed: psycopg.Connection, second: Connect) -> tuple[psycopg.Connection, psycopg.Connection]:
    seed(installed)
    first, other = second(installed), second(installed)
    first.execute("set client_min_messages = warning")
    first.execute("update fbs_settings set value = 1 where name = 'cleanup_lock_timeout'")
    return first, other


_SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_given = given(
    kinds=st.tuples(st.sampled_from(sorted(KEYS)), st.sampled_from(sorted(KEYS))),
    own=_own,
    steps=st.lists(_steps, min_size=5, max_size=25),
)
Sessions = tuple[psycopg.Connection, psycopg.Connection]


@settings(deadline=None, suppress_health_check=_SUPPRESSED, max_examples=15)
@_given
def test_the_rows_are_those_of_the_model(
    sessions: Sessions, kinds: tuple[str, str], own: Own | None, steps: list[Any]
) -> None:
    follow(sessions, kinds, own, steps)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=_SUPPRESSED)
@_given
def test_the_rows_are_those_of_the_model_at_length(
    sessions: Sessions, kinds: tuple[str, str], own: Own | None, steps: list[Any]
) -> None:
    follow(sessions, kinds, own, steps)


def follow(sessions: Sessions, kinds: tuple[str, str], own: Own | None, steps: list[Any]) -> None:
    """Do the steps in the database and in the model, which agree after each."""
    machine = Machine(*sessions, kinds, own)
    for host in (0, 1):
        for number in range(4):
            machine.do(Insert(host, number, number % 3))
            for table in POINTING:
                machine.do(Point(host, number, table, number % 2, number > 1))
    machine.check()
    for step in steps:
        machine.do(step)
        machine.check()

    machine.do(Set(mode="on", threshold=5000))
    machine.lift(True)
    machine.do(Retry())
    machine.check()
    assert machine.world.queue == []
    machine.do(Sweep())
    machine.check()
    left = {model: machine.rules.orphans(machine.world, model) for model in MODELS}
    if own is None or own.action != "set columns" or own.only_new:  # a rule that touches its rows for ever
        assert not any(left.values())


# --- many at once ---


@pytest.mark.slow
def test_writers_and_deleters_at_once(installed: psycopg.Connection, second: Connect) -> None:
    """Eight sessions point at host rows while eight delete them: neither sees an error, no row is lost or orphaned."""
    seed(installed)
    url = url_of(installed)
    installed.execute("create table locations (id integer primary key)")
    installed.execute("insert into locations select generate_series(1, 200)")
    attach(installed, "locations", MODELS[0])
    stop_at = time.monotonic() + 4
    pointing: list[tuple[str, int, int]] = []
    errors: list[BaseException] = []
    fresh = iter(range(1000, 1_000_000))
    guard = threading.Lock()
    anyone = "select id from locations order by random() limit 1"

    def write(connection: psycopg.Connection, chance: random.Random) -> None:
        for (key,) in connection.execute(anyone).fetchall():
            table = chance.choice([FIELDS, APPROVALS, WORKFLOWS, DOCUMENTS])
            with connection.transaction():
                if table == FIELDS:
                    made = add(connection, FIELDS, model_name=MODELS[0], record_id=key)
                else:
                    column = NAMED_IN[table][0]
                    made = add(connection, table, **{column: {"model_name": MODELS[0], "record_id": key}})
                if chance.random() < 0.05:
                    time.sleep(0.15)  # longer than clean-up waits
            pointing.append((*made, key))
        if pointing and chance.random() < 0.05:  # a row in use while its record is deleted
            table, number, _ = chance.choice(pointing)
            with connection.transaction():
                connection.execute(f"select from {table} where id = %s for update", (number,))
                time.sleep(0.15)

    def delete(connection: psycopg.Connection, chance: random.Random) -> None:
        number = chance.choice([1, 1, 1, 5])
        found = "select id from locations order by random() limit %s for update skip locked"
        with connection.transaction(force_rollback=chance.random() < 0.1):
            connection.execute(f"delete from locations where id in ({found})", (number,))
        for _ in range(number):
            with guard:
                key = next(fresh)
            connection.execute("insert into locations values (%s)", (key,))

    def work(does: Any, number: int) -> None:
        chance = random.Random(number)
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                while time.monotonic() < stop_at and not errors:
                    does(connection, chance)
        except BaseException as error:
            errors.append(error)

    installed.commit()
    threads = [threading.Thread(target=work, args=(does, n)) for n in range(8) for does in (write, delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []

    last = second(installed)
    assert rows(last, "select failed, waiting from fbs_retry_cleanup(1000000)") == [(0, 0)]
    assert rows(last, "select error from fbs_sweep_orphans() where error is not null") == []
    assert rows(last, "select orphans, touched from fbs_sweep_orphans()") == [(0, 0)]
    living = {key for (key,) in rows(last, "select id from locations")}
    found = {
        (table, number): state
        for table, state_column in [(FIELDS, "'there'"), *((name, of[1]) for name, of in NAMED_IN.items())]
        for number, state in rows(last, f"select id, {state_column} from {table}")
    }
    untouched = {FIELDS: "there", APPROVALS: "pending", WORKFLOWS: "draft", DOCUMENTS: "draft"}
    cleaned = {FIELDS: None, APPROVALS: "cancelled", WORKFLOWS: "cancelled", DOCUMENTS: "archived"}
    assert len(pointing) > 200
    assert {(table, number): found.get((table, number)) for table, number, _ in pointing} == {
        (table, number): (untouched if key in living else cleaned)[table] for table, number, key in pointing
    }
    assert {key for *_, key in pointing} & living, "some records are left"
