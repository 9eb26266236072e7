"""Whether a check names exactly what is damaged, and a repair brings it back."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

import fbs_db
from fbs_db import files
from fbs_db.cli import main
from fbs_db.errors import FbsDbError, LockTimeout, UnsupportedServer, UsageError
from fbs_db.health import repair
from fbs_db.schema import snapshot
from fbs_db.schema.snapshot import Object
from tests.support.connections import Connect, url_of
from tests.support.sample_rows import make_users, seed
from tests.support.servers import Server, standby_of

ALL = snapshot.expected([file.id for file in files.load()], 180000)
#: All damages are dealt into so many batches, each looked at by one check; and these into so many tests.
BATCHES, PARTS = 32, 8
#: What has another definition and is stored alike: for columns that ALTER TABLE will not touch.
OTHER_TYPE = {"boolean": '"char"', "jsonb": "bytea", "inet": "text", "date": "integer", "double precision": "bigint"}


def named(report: fbs_db.CheckReport) -> set[tuple[str, str, str]]:
    return {(one.kind, one.object, one.problem) for one in report.findings if one.severity != "note"}


def _parts(name: str) -> tuple[str, str]:
    table, _, part = name.partition(".")
    return table, part


def _retyped(column: Object) -> str:
    """Another type, written into the catalog, as views and triggers forbid ALTER TABLE on many columns."""
    table, part = _parts(column.name)
    place = f"where attrelid = '{table}'::regclass and attname = '{part}'"
    bare = column.definition.split("(")[0]
    if bare in ("character varying", "numeric"):
        return f"update pg_attribute set atttypmod = atttypmod + 1 {place}"
    if bare == "timestamp with time zone":
        return f"update pg_attribute set atttypmod = 3 {place}"
    if bare == "text" or bare.endswith("[]"):
        return f"update pg_attribute set attcollation = '\"C\"'::regcollation {place}"
    return f"update pg_attribute set atttypid = '{OTHER_TYPE.get(bare, 'money')}'::regtype {place}"


def damages(it: Object) -> Iterator[tuple[str, str]]:
    """Ways to damage an object, and what the finding is to say."""
    table, part = _parts(it.name)
    literal = sql.Literal(it.name).as_string(None)
    column = f'alter table {table} alter column "{part}"'
    of_column = f"where attrelid = '{table}'::regclass and attname = '{part}'"
    if it.kind == "domain":
        yield "missing", f"drop domain {it.name} cascade"
        yield "changed", f"alter domain {it.name} set not null"
    elif it.kind == "table":
        yield "missing", f"drop table {table} cascade"
        yield "changed", f"update pg_class set relpersistence = 'u' where oid = '{table}'::regclass"
    elif it.kind == "column":
        yield "missing", f'alter table {table} drop column "{part}" cascade'
        yield "changed", _retyped(it)
    elif it.kind == "not null":
        yield "missing", f"update pg_attribute set attnotnull = false {of_column}"
    elif it.kind == "default":
        what = "identity" if it.definition.endswith("identity") else "default"
        yield "missing", f"{column} drop {what}"
        if what == "default":
            yield "changed", f"{column} set default coalesce(null::{_type_of(it.name)})"
        else:
            other = "always" if "by default" in it.definition else "by default"
            yield "changed", f"{column} set generated {other}"
    elif it.kind == "constraint":
        yield "missing", f"alter table {table} drop constraint {part} cascade"
        if it.definition.startswith("FOREIGN KEY"):
            yield "not validated", f"update pg_constraint set convalidated = false where conname = '{part}'"
            rule = "r" if "ON DELETE CASCADE" in it.definition else "c"
            yield "changed", f"update pg_constraint set confdeltype = '{rule}' where conname = '{part}'"
    elif it.kind == "index":
        yield "missing", f"drop index {part}"
        yield "invalid", f"update pg_index set indisvalid = false where indexrelid = '{part}'::regclass"
        comment = ALL.get(("comment", f"index {it.name}"))
        kept = f"; comment on index {part} is {sql.Literal(comment.definition).as_string(None)}" if comment else ""
        yield "changed", f"drop index {part}; create index {part} on {table} ((1)){kept}"
    elif it.kind == "statistics":
        yield "missing", f"drop statistics {part}"
        yield "changed", f"drop statistics {part}; create statistics {part} (mcv) on id, (id + 1) from {table}"
    elif it.kind == "trigger":
        yield "missing", f"drop trigger {part} on {table}"
        yield "disabled", f"alter table {table} disable trigger {part}"
        other = "create or replace function other() returns trigger language plpgsql as 'begin return new; end'"
        yield "changed", f"{other}; create or replace trigger {part} after insert on {table} execute function other()"
    elif it.kind == "view":
        yield "missing", f"drop view {it.name} cascade"
        yield "changed", it.definition.replace(";", " limit 5;")
    elif it.kind == "function":
        yield "missing", f"drop function {it.name} cascade"
        if it.name.startswith(snapshot.WRITTEN):
            pass  # its body is compared with the rules
        elif "as $fbs$" in it.definition:
            yield "changed", f"update pg_proc set prosrc = prosrc || ' ' where oid = {literal}::regprocedure"
        else:
            other = re.sub("(?ms)^returns ([a-z]+)$(.*)^RETURN .*;", r"returns \1\2return null::\1;", it.definition)
            yield "changed", other.replace("SELECT ", "select distinct ", 1)
        yield "changed", f"alter function {it.name} set search_path = pg_temp"
        strict = re.search("^language.* strict", it.definition, re.MULTILINE)
        yield "changed", f"alter function {it.name} {'called' if strict else 'returns null'} on null input"
    elif it.kind == "comment":
        of = re.sub(r"^index \w+\.", "index ", it.name)
        yield "missing", f"comment on {of} is null"
        yield "changed", f"comment on {of} is 'other'"
    elif it.kind == "setting":
        yield "missing", f"delete from fbs_settings where name = {literal}"
        yield "changed", f"update fbs_settings set description = 'other' where name = {literal}"
    elif it.kind == "rule":
        yield "missing", f"delete from fbs_cleanup_rules where rule_name = {literal}"
        yield "changed", f"update fbs_cleanup_rules set description = 'other' where rule_name = {literal}"
    else:
        raise AssertionError(it.kind)


def _type_of(column: str) -> str:
    return ALL["column", column].definition


@dataclass(frozen=True)
class Damage:
    """One way to damage an object, and the finding that is to name it."""

    it: Object
    problem: str
    statement: str

    @property
    def finding(self) -> tuple[str, str, str]:
        return self.it.kind, self.it.name, self.problem

    @property
    def turn(self) -> int:
        """Rows are changed while all else is whole, and the catalog itself last: nothing may run on that."""
        return 0 if self.it.kind in ("setting", "rule") else 2 if "update pg_" in self.statement else 1

    @property
    def retyped(self) -> bool:
        return "set atttypid" in self.statement or "set attcollation" in self.statement


#: Tables whose rows a check reads.
READ = tuple(sorted({table for table, _ in (*snapshot._ROWS.values(), ("fbs_hosts", ""), ("fbs_cleanup_queue", ""))}))
#: Without these a check takes each file for applied of which something is there.
HISTORY = [("table", "fbs_migrations")]
HISTORY += [("column", f"fbs_migrations.{name}") for name in ("migration_id", "checksum", "fbs_db_version")]


@cache
def _above(key: snapshot.Key) -> frozenset[snapshot.Key]:
    """An object, and all that it is gone with; for some kinds that is any column of its table."""
    nearest = {need for need in (*ALL[key].needs, *snapshot.implied(key, ALL)) if need in ALL}
    if key[0] in ("setting", "rule", "statistics"):
        [table] = {name for kind, name in nearest if kind == "table"}
        nearest |= {it for it in ALL if it[0] == "column" and it[1].startswith(f"{table}.")}
    return frozenset({key}).union(*(_above(need) for need in nearest))


class Batch:
    """Damages that have nothing to do with each other."""

    def __init__(self, damages: Iterable[Damage] = ()) -> None:
        self.damages = [*damages]
        self.damaged: set[snapshot.Key] = set()
        self.above: set[snapshot.Key] = set()

    def takes(self, damage: Damage) -> bool:
        """Whether a damage belongs in here, where it then is."""
        key, (table, _) = damage.it.key, _parts(damage.it.name)
        above = set(_above(key))
        if damage.retyped and table in READ:
            above.add(("type of a column of", table))  # one at a time
        if self.damaged & above or key in self.above:
            return False
        self.damages.append(damage)
        self.damaged |= {key, *(above - _above(key))}
        self.above |= above
        return True


def batches() -> list[list[Damage]]:
    """Every damage, in batches whose damages have nothing to do with each other.

    In most batches an object and its neighbours are whole, so that a finding under a wrong name shows.
    """
    every = [Damage(it, *way) for it in ALL.values() for way in damages(it)]
    random.Random(2029).shuffle(every)  # the same each time
    below = Counter(key for it in ALL for key in _above(it))
    # What is related to much goes first, while there is room.
    every.sort(key=lambda damage: -below[damage.it.key] - len(_above(damage.it.key)))
    dealt = [Batch() for _ in range(BATCHES)]
    for number, damage in enumerate(every):
        if damage.problem == "missing" and damage.it.key in HISTORY:
            dealt.append(Batch([damage]))
            continue
        places = [*range(number % BATCHES, BATCHES), *range(number % BATCHES)]
        if not any(dealt[place].takes(damage) for place in places):
            dealt.append(Batch([damage]))
    return [sorted(batch.damages, key=lambda damage: damage.turn) for batch in dealt]


def misjudged(connection: psycopg.Connection, batch: list[Damage]) -> str:
    """What a check does not say of these damages as it should; nothing where it says all."""
    found, failure = set[tuple[str, str, str]](), ""
    with connection.transaction(force_rollback=True):
        try:
            for damage in batch:
                connection.execute(damage.statement.encode())
            found = named(fbs_db.check(connection))
        except (psycopg.Error, FbsDbError) as error:
            failure = f"{error}; "
    expected = {damage.finding for damage in batch}
    # PostgreSQL tells of an index that its operators or its order are not the usual ones of
    # a column of another type, and reads the rows of its table by that type.
    retyped = {damage.it.key for damage in batch if damage.retyped}
    tables = {("table", name.partition(".")[0]) for _, name in retyped}
    found -= {
        one
        for one in found - expected
        if one[:2] in ALL
        if retyped & {*ALL[one[:2]].needs} or (one[0] in ("setting", "rule") and tables & _above(one[:2]))
    }
    if any(damage.it.kind == "column" for damage in batch):
        # What is written from the rules goes by the types of their columns.
        found -= {("rule", "fbs_apply_rules", "out of date")} - expected
    if found == expected and not failure:
        return ""
    statements = "; ".join(damage.statement for damage in batch)
    return f"{statements}: {failure}not named {sorted(expected - found)}, named besides {sorted(found - expected)}"


def culprits(connection: psycopg.Connection, batch: list[Damage]) -> list[str]:
    """The damages of a batch that are misjudged by themselves; else the fewest that are so together."""

    def alone(some: list[Damage]) -> list[str]:
        said, half = misjudged(connection, some), len(some) // 2
        return [said] if said and not half else alone(some[:half]) + alone(some[half:]) if said else []

    if said := alone(batch):
        return said
    for damage in list(batch):
        fewer = [other for other in batch if other is not damage]
        batch = fewer if misjudged(connection, fewer) else batch
    return [misjudged(connection, batch)]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_damage_is_named_and_nothing_else(installed: psycopg.Connection, part: int) -> None:
    for batch in batches()[part::PARTS]:
        if misjudged(installed, batch):
            pytest.fail("\n".join(culprits(installed, batch)))
    assert named(fbs_db.check(installed)) == set()


def test_every_damage_is_in_one_batch() -> None:
    dealt = Counter(damage for batch in batches() for damage in batch)
    assert dealt == Counter(Damage(it, *way) for it in ALL.values() for way in damages(it))


def test_every_kind_is_damaged() -> None:
    assert {it.kind for it in ALL.values()} == set(snapshot.KINDS)
    assert all(list(damages(it)) for it in ALL.values())


def test_nothing_is_found_where_nothing_is_wrong(installed_everywhere: psycopg.Connection) -> None:
    report = fbs_db.check(installed_everywhere, data=True)
    assert report.healthy
    assert report.objects == len(ALL)
    assert [one.kind for one in report.findings] == ["users"]  # no host is here: a note


@pytest.mark.slow
@pytest.mark.parametrize("schema", ["fbs", "Odd Schema", 'quo"ted'])
def test_in_any_schema(empty_everywhere: psycopg.Connection, schema: str) -> None:
    empty_everywhere.execute(sql.SQL("create schema {}").format(sql.Identifier(schema)))
    empty_everywhere.commit()
    fbs_db.migrate(url_of(empty_everywhere), schema=schema)
    assert fbs_db.check(empty_everywhere, schema=schema).healthy
    empty_everywhere.execute(sql.SQL("drop function {}.fbs_setting(text)").format(sql.Identifier(schema)))
    empty_everywhere.commit()
    assert named(fbs_db.check(empty_everywhere, schema=schema)) == {("function", "fbs_setting(text)", "missing")}
    assert fbs_db.repair(url_of(empty_everywhere), schema=schema, apply=True).check.healthy


# --- repair


def everything_damaged(problem: str) -> Iterator[str]:
    """Each damage of this kind to each object that a repair says it can bring back."""
    for it in ALL.values():
        if it.kind in ("domain", "table", "column", "rule"):
            continue  # for a person to decide
        if it.kind == "constraint" and (it.definition.startswith(("PRIMARY", "UNIQUE")) or problem == "changed"):
            continue
        if it.kind == "not null" and it.name.endswith(".id"):
            continue  # PostgreSQL itself keeps them
        statements = [statement for said, statement in damages(it) if said == problem]
        if it.kind == "not null":
            table, column = _parts(it.name)
            key = ALL.get(("constraint", f"{table}.{table}_pkey"))
            in_key = key is not None and column in key.definition
            statements = [] if in_key else [f'alter table {table} alter column "{column}" drop not null']
        # What went with another, such as a trigger with its function, is gone already.
        gone = "undefined_object or undefined_function or undefined_table"
        for statement in statements:
            yield f"do $do$ begin execute $x${statement}$x$; exception when {gone} then null; end $do$"


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param("missing", marks=pytest.mark.slow),
        pytest.param("changed", marks=pytest.mark.slow),
        "disabled",
        "invalid",
        "not validated",
    ],
)
def test_a_repair_brings_back_all_that_it_says_it_can(installed: psycopg.Connection, problem: str) -> None:
    seed(installed)
    before = hashes(installed)
    for statement in everything_damaged(problem):
        installed.execute(statement.encode())
    installed.commit()
    shown = fbs_db.repair(url_of(installed))
    assert shown.mends
    assert not any(mend.done for mend in shown.mends)
    assert named(fbs_db.check(installed)) == named(shown.check)  # nothing was changed
    installed.rollback()

    report = fbs_db.repair(url_of(installed), apply=True)
    left = [mend for mend in report.mends if not mend.done]
    assert left == []
    assert report.check.healthy, report.check.findings
    assert hashes(installed) == before


def hashes(connection: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Number and contents of each table's rows."""
    found = {}
    for kind, name in ALL:
        if kind == "table" and name not in ("fbs_migrations", "fbs_migration_log"):
            query = f"select count(*), md5(string_agg(t::text, '|' order by t::text)) from {name} as t"
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            found[name] = row
    connection.rollback()
    return found


def test_what_could_lose_something_is_shown_for_a_person_and_never_run(installed: psycopg.Connection) -> None:
    seed(installed)
    installed.execute(
        "drop table fbs_charts cascade; alter table fbs_odoo_databases drop port cascade;"
        "alter table fbs_odoo_databases alter host type text;"
        "delete from fbs_cleanup_rules where rule_name = 'documents'; alter table fbs_odoo_databases add note text"
    )
    installed.commit()
    report = fbs_db.repair(url_of(installed), apply=True)
    assert [(mend.object, mend.safe, mend.done) for mend in report.mends] == [
        ("fbs_charts", False, False),
        ("fbs_odoo_databases.host", False, False),
        ("fbs_odoo_databases.port", False, False),
        ("documents", False, False),
    ]
    assert all(mend.reason and mend.statements for mend in report.mends)
    # The person decides, and a further repair does what had to wait for that.
    for mend in report.mends:
        for statement in mend.statements:
            installed.execute(statement.encode())
    installed.commit()
    after = fbs_db.repair(url_of(installed), apply=True)
    assert after.check.healthy
    assert {mend.kind for mend in after.mends} == {"index", "trigger", "view", "comment"}
    assert [(one.object, one.severity) for one in after.check.findings if one.problem == "not part of FBS"] == [
        ("fbs_odoo_databases.note", "note")
    ]


def test_a_lost_identity_goes_on_behind_the_last_row(installed: psycopg.Connection) -> None:
    seed(installed)
    installed.execute("alter table fbs_kpis alter id drop identity; update fbs_kpis set id = 700")
    installed.commit()
    assert fbs_db.repair(url_of(installed), apply=True).check.healthy
    installed.execute(
        "insert into fbs_kpis (name, kpi_type, description, data_source, calculation_method, frequency)"
        " select name, kpi_type, description, data_source, calculation_method, frequency from fbs_kpis"
    )
    assert installed.execute("select max(id) from fbs_kpis").fetchone() == (701,)


@pytest.mark.slow
def test_a_repair_that_fails_says_why_and_the_others_go_on(installed: psycopg.Connection) -> None:
    seed(installed)
    installed.execute("alter table fbs_kpis alter name drop not null; update fbs_kpis set name = null")
    installed.execute("drop function fbs_setting(text)")
    installed.commit()
    report = fbs_db.repair(url_of(installed), apply=True)
    assert [(mend.object, mend.done) for mend in report.mends] == [
        ("fbs_setting(text)", True),
        ("fbs_kpis.name", False),
        ("function fbs_setting(text)", True),
    ]
    assert "is violated by some row" in report.mends[1].reason
    # What the attempt added is no obstacle to the next.
    installed.execute("update fbs_kpis set name = 'x'")
    installed.commit()
    assert fbs_db.repair(url_of(installed), apply=True).check.healthy


@pytest.mark.slow
def test_a_repair_waits_for_locks_only_briefly(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(repair._ADJUSTED, "lock_timeout", "200ms")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    installed.execute("alter table fbs_kpis disable trigger fbs_kpis_touch")
    installed.commit()
    other = second(installed)
    with other.transaction():
        other.execute("lock table fbs_kpis in row exclusive mode")
        said: list[str] = []
        report = fbs_db.repair(url_of(installed), apply=True, progress=lambda progress: said.append(progress.text))
        assert not report.check.healthy
        assert "lock" in report.mends[0].reason
        assert any("fbs_kpis is in use by" in text and text.endswith("trying again (1 of 4)") for text in said)
    assert fbs_db.repair(url_of(installed), apply=True).check.healthy


def test_a_repair_within_a_callers_transaction_is_refused(installed: psycopg.Connection) -> None:
    with pytest.raises(UsageError, match="in autocommit"):
        fbs_db.repair(installed, apply=True)
    installed.rollback()
    assert fbs_db.repair(installed).check.healthy


# --- what fbs_health knows


def test_psql_and_check_name_the_same(installed: psycopg.Connection) -> None:
    """Of every object that can be disabled, invalid or not validated."""
    for problem in ("disabled", "invalid", "not validated"):
        for it in ALL.values():
            for said, statement in damages(it):
                if said == problem:
                    installed.execute(statement.encode())
    in_psql = installed.execute("select severity, kind, object, problem from fbs_health() where severity <> 'note'")
    found = [(one.severity, one.kind, one.object, one.problem) for one in fbs_db.check(installed).findings]
    assert sorted(in_psql) == sorted(one for one in found if one[0] != "note")
    assert {problem for *_, problem in found} >= {"disabled", "invalid", "not validated"}


def finding(connection: psycopg.Connection, kind: str) -> list[tuple[str, str, str, str]]:
    report = fbs_db.check(connection, only=[kind])
    assert all(one.mend for one in report.findings)
    return [(one.severity, one.object, one.problem, one.mend) for one in report.findings]


def test_users(installed_everywhere: psycopg.Connection) -> None:
    db = installed_everywhere
    make_users(db)
    db.execute("insert into fbs_notifications (title, message, user_id) values ('a', 'b', 99)")
    db.execute("select fbs_link_users('auth_user')")
    found = finding(db, "user key")
    assert len(found) == 22
    assert {(severity, problem) for severity, _, problem, _ in found} == {("warning", "not validated")}
    db.execute("set constraints all immediate; select * from fbs_attach_users('auth_user')")
    assert [(name, mend) for _, name, _, mend in finding(db, "user key")] == [
        ("fbs_notifications.user_id", "fbs-db attach users auth_user --repair")
    ]
    assert [one.found for one in fbs_db.check(db, only=["rows"], data=True).findings] == ["1 row whose user is gone"]
    db.execute("select * from fbs_attach_users('auth_user', repair => true)")
    assert fbs_db.check(db).findings == ()
    db.execute("set constraints all immediate; alter table fbs_kpis drop constraint fbs_kpis_created_by_id_fkey")
    assert finding(db, "user key") == [("error", "fbs_kpis.created_by_id", "missing", "fbs-db attach users auth_user")]
    db.execute(
        "alter table fbs_kpis add constraint fbs_kpis_created_by_id_fkey"
        " foreign key (created_by_id) references auth_user on delete cascade"
    )
    assert [(name, problem) for _, name, problem, _ in finding(db, "user key")] == [
        ("fbs_kpis.created_by_id", "changed")
    ]


def test_hosts(installed: psycopg.Connection) -> None:
    installed.execute(
        "create table tenants (id int primary key); select fbs_attach_host('tenants', 'a.tenant');"
        "create table rooms (id int primary key) partition by range (id);"
        "create table rooms_low partition of rooms for values from (0) to (10);"
        "select fbs_attach_host('rooms', 'a.room')"
    )
    assert finding(installed, "host") == []
    installed.execute("alter table tenants rename to people")
    assert finding(installed, "host") == []  # a table may be renamed
    installed.execute(
        "alter table people disable trigger fbs_cleanup_delete; drop trigger fbs_cleanup_truncate on rooms_low"
    )
    assert finding(installed, "host") == [
        ("error", "a.room", "trigger missing", "fbs-db attach host rooms --model a.room"),
        ("error", "a.tenant", "trigger missing", "fbs-db attach host people --model a.tenant"),
    ]
    installed.execute("select fbs_attach_host('people', 'a.tenant'), fbs_attach_host('rooms', 'a.room')")
    assert finding(installed, "host") == []
    rooms = installed.execute("select 'rooms'::regclass::oid").fetchone()[0]  # type: ignore[index]
    installed.execute("alter table people rename id to number; drop table rooms")
    assert finding(installed, "host") == [
        ("error", "a.tenant", "key renamed", "fbs-db attach host people --model a.tenant"),
        ("warning", "a.room", "table gone", f"delete from fbs_hosts where host_table = '{rooms}';"),
    ]


def test_what_waits(installed: psycopg.Connection) -> None:
    installed.execute(
        "insert into fbs_cleanup_queue (model_name, operation, keys) values ('a.fresh', 'delete', '{1}');"
        "insert into fbs_cleanup_queue (model_name, operation, keys, queued_at)"
        " values ('a.old', 'delete', '{1,2}', now() - interval '2 hours');"
        "insert into fbs_cleanup_queue (model_name, operation, keys, attempts, error)"
        " values ('a.bad', 'delete', '{1}', 3, 'no');"
        "insert into fbs_file_deletions (file, attempts, error) values ('a.pdf', 2, 'denied')"
    )
    assert finding(installed, "clean-up") == [
        ("warning", "a.bad", "failed", "fbs-db cleanup retry"),
        ("warning", "a.old", "waiting", "fbs-db cleanup retry"),
    ]
    assert finding(installed, "file") == [("warning", "a.pdf", "not removed", "fbs-db files purge --root DIR")]


def test_history(installed: psycopg.Connection) -> None:
    installed.execute("delete from fbs_migrations where migration_id = '0030_health'")
    installed.execute("update fbs_migrations set checksum = 'x' where migration_id = '0002_approval_system'")
    installed.execute(
        "insert into fbs_migrations (migration_id, checksum, fbs_db_version) values ('0900_later', 'x', '0.0.9')"
    )
    assert finding(installed, "migration") == [
        ("error", "0002_approval_system", "edited", "fbs-db accept 0002_approval_system"),
        ("error", "0030_health", "pending", "fbs-db migrate"),
        ("error", "0900_later", "no file", "pip install 'fbs-db>=0.0.9'"),
    ]
    # What a file that is not applied would make is not missing, nor is it FBS's where it is there.
    assert {one.severity for one in fbs_db.check(installed).findings if one.kind == "function"} == {"note"}


def test_nothing_is_installed(empty: psycopg.Connection) -> None:
    assert finding(empty, "migration") == [("error", "public", "not installed", "fbs-db migrate")]
    empty.execute("create table fbs_kpis (id int)")
    assert finding(empty, "migration") == [("error", "public", "not installed", "fbs-db adopt")]


def test_data(installed: psycopg.Connection) -> None:
    seed(installed)
    assert fbs_db.check(installed, only=["rows"], data=True).healthy is False  # the rows are of no list's values
    installed.rollback()
    installed.execute("truncate fbs_app_basicledger")
    for business, account, account_type, debit, credit in (
        ("a", "bank", "asset", 10, 0),
        ("a", "sales", "income", 0, 10),
        ("b", "bank", "asset", "10.01", 0),
        ("b", "sales", "gift", 0, 10),
    ):
        installed.execute(
            "insert into fbs_app_basicledger (business_id, entry_date, account, account_type, description,"
            " debit_amount, credit_amount, balance) values (%s, '2026-01-01', %s, %s, 'd', %s, %s, 10)",
            (business, account, account_type, debit, credit),
        )
    installed.execute("update fbs_app_cashentry set amount = -2.50")
    rows = {(one.object, one.problem): one.found for one in fbs_db.check(installed, only=["rows"], data=True).findings}
    assert rows["fbs_app_basicledger", "ledger not balanced"] == "business b: debit 10.01, credit 10.00"
    assert "gift (1)" in str(rows["fbs_app_basicledger.account_type", "value off the list"])
    assert rows["fbs_app_cashentry.amount", "negative amount"] == "1 row, the lowest -2.50"


def test_orphans_of_hosts(installed: psycopg.Connection) -> None:
    installed.execute(
        "create table tenants (id int primary key); select fbs_attach_host('tenants', 'a.tenant');"
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
        " values ('a.tenant', 5, 'a', 'b')"
    )
    [one] = fbs_db.check(installed, only=["rows"], data=True).findings
    assert (one.object, one.problem, one.mend) == ("a.tenant", "orphans", "fbs-db cleanup sweep --model a.tenant")


# --- under which circumstances


def test_under_a_role_that_may_read_the_catalogs_only(installed: psycopg.Connection) -> None:
    installed.execute("drop trigger fbs_kpis_touch on fbs_kpis; revoke all on schema public from public")
    installed.execute("drop role if exists fbs_looker")
    installed.execute("create role fbs_looker login")
    installed.commit()
    report = fbs_db.check(url_of(installed, "fbs_looker"))
    assert [one.problem for one in report.findings if one.severity != "note"] == ["missing"]
    assert {one.kind for one in report.findings if one.severity == "note"} == {"privilege"}
    assert report.objects == len(ALL)


def test_nothing_is_written_and_no_host_waits(installed: psycopg.Connection, second: Connect) -> None:
    """It reads while somebody writes, and in a read-only transaction."""
    other = second(installed)
    with other.transaction():
        other.execute("lock table fbs_kpis in row exclusive mode")
        installed.execute("set transaction read only")
        assert fbs_db.check(installed).healthy


def test_a_table_that_is_locked_away_is_told(
    installed: psycopg.Connection, second: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbs_db.database.session.READER_TIMEOUT", "200ms")
    other = second(installed)
    with other.transaction():
        other.execute("lock table fbs_migrations")
        with pytest.raises(LockTimeout):
            fbs_db.check(url_of(installed))


@pytest.mark.slow
def test_on_a_streaming_standby(installed: psycopg.Connection, pg18: Server) -> None:
    installed.execute("drop index fbs_approval_requests_request_data_record_idx")
    installed.commit()
    with standby_of(pg18) as standby:
        report = fbs_db.check(standby.url(installed.info.dbname), data=True)
        assert named(report) == {
            ("index", "fbs_approval_requests.fbs_approval_requests_request_data_record_idx", "missing")
        }
        with pytest.raises(UnsupportedServer, match="standby"):
            fbs_db.repair(standby.url(installed.info.dbname), apply=True)


def test_an_unknown_kind_is_refused(installed: psycopg.Connection) -> None:
    with pytest.raises(UsageError, match="Unknown kind indexes"):
        fbs_db.check(installed, only=["indexes"])


# --- the command


def run(connection: psycopg.Connection, *arguments: str) -> Any:
    connection.commit()
    return CliRunner().invoke(main, ["--database", url_of(connection), *arguments])


def test_check_as_a_command(installed: psycopg.Connection) -> None:
    whole = run(installed, "check")
    assert whole.exit_code == 0
    assert "Healthy, with 1 note" in whole.stdout
    installed.execute("drop index fbs_approval_requests_request_data_record_idx")
    broken = run(installed, "check")
    assert broken.exit_code == 1
    assert broken.stdout.startswith(
        "error: index fbs_approval_requests.fbs_approval_requests_request_data_record_idx: missing\n"
    )
    assert f"mend:  fbs-db --database '{url_of(installed)}' repair\n" in broken.stdout
    answer = json.loads(run(installed, "check", "--json").stdout)
    assert answer["healthy"] is False
    assert [one["problem"] for one in answer["findings"]] == ["missing", "not attached"]
    assert run(installed, "check", "--only", "trigger").exit_code == 0
    assert run(installed, "check", "--only", "triggers").exit_code == 2


@pytest.mark.slow
def test_repair_as_a_command_shows_what_psql_can_run(installed: psycopg.Connection) -> None:
    installed.execute("drop index fbs_approval_requests_request_data_record_idx; drop function fbs_setting(text)")
    shown = run(installed, "repair")
    assert shown.exit_code == 1
    assert "-- Nothing was changed. To run the statements above: fbs-db --database" in shown.stdout
    installed.autocommit = True
    for statement in [
        line for line in shown.stdout.splitlines() if line.startswith(("CREATE INDEX", "comment on index"))
    ]:
        installed.execute(statement.encode())
    installed.autocommit = False
    done = run(installed, "repair", "--apply")
    assert done.exit_code == 0
    assert done.stdout.endswith("2 repaired. The schema is healthy.\n")
    assert run(installed, "repair").stdout == "-- There is nothing to repair.\n"
