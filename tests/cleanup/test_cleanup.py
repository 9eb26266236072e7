"""What becomes of FBS's rows when a host's users and rows go, all being well."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

import fbs_db
from tests.support.catalog import ON_DELETE, is_user_key
from tests.support.clones import CloneOf
from tests.support.connections import Connect, rows, url_of
from tests.support.sample_rows import (
    BY_NAME,
    MODEL,
    Row,
    add,
    attach,
    insert,
    install_and_seed,
    make_users,
    required_values,
)

Changes = dict[Row, dict[str, Any] | None]
Snapshot = dict[Row, dict[str, Any]]

_users = count(1000)


def snapshot(connection: psycopg.Connection) -> Snapshot:
    every = " union all ".join(f"select '{table}', id, to_jsonb(t) from {table} as t" for table in BY_NAME)
    return {(table, number): row for table, number, row in rows(connection, every)}


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """What differs; of a time that was set, only that it was."""

    def plain(column: str, value: Any) -> Any:
        return "set" if column.endswith("_at") and value is not None else value

    assert after.keys() <= before.keys(), "no row is made"
    return {
        row: {column: plain(column, after[row][column]) for column in old if after[row][column] != old[column]}
        if row in after
        else None
        for row, old in before.items()
        if after.get(row) != old
    }


def effect(connection: psycopg.Connection, *statements: str) -> Changes:
    """What the statements, a transaction, change in the FBS tables."""
    connection.commit()
    before = snapshot(connection)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    return changes(before, snapshot(connection))


@pytest.fixture
def db(clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """The whole schema, with a first row in each table."""
    yield from clone_of("seeded", 18, install_and_seed)


@pytest.fixture
def everywhere(major: int, clone_of: CloneOf) -> Iterator[psycopg.Connection]:
    """The same on each supported server."""
    yield from clone_of("seeded", major, install_and_seed)


# --- users ---

USER_COLUMNS = {
    (name, column["name"]): column["references"]["on_delete"]
    for name, table in BY_NAME.items()
    for column in table["columns"]
    if is_user_key(column)
}


def attach_users(
    connection: psycopg.Connection, table: str, repair: bool = False
) -> dict[tuple[str, str], tuple[str, int, bool]]:
    """What fbs_attach_users tells, by column."""
    found = connection.execute("select * from fbs_attach_users(%s, %s)", (table, repair)).fetchall()
    connection.commit()
    return {(table, column): (rule, orphans, validated) for table, column, rule, orphans, validated in found}


def user_keys(connection: psycopg.Connection) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The foreign keys on user columns: what they do, and which they are."""
    return {
        (table, column): tuple(rest)
        for table, column, *rest in rows(
            connection,
            "select conrelid::regclass::text, attname::text, confrelid::regclass::text, confdeltype::text,"
            " condeferrable and condeferred, convalidated, c.oid::bigint, conname::text"
            " from pg_constraint as c inner join pg_attribute on attrelid = conrelid and conkey = array[attnum]"
            " where contype = 'f' and atttypid = 'fbs_user_id'::regtype and conparentid = 0",
        )
    }


def each_user_column(connection: psycopg.Connection, user: int) -> Changes:
    """A row for each user column with that user in it; and what the column's rule does to the row."""
    return {
        add(connection, table, **{column: user}): None if rule == "CASCADE" else {column: None}
        for (table, column), rule in USER_COLUMNS.items()
    }


@pytest.mark.parametrize(
    ("key_type", "one", "other"),
    [
        ("integer", 7, 8),
        ("bigint", 2**40, 8),
        ("uuid", UUID(int=7), UUID(int=8)),
        ("text", "Jane O'Neill", "b"),
        ("varchar(40)", "Jane O'Neill", "b"),
    ],
)
def test_users_of_every_kind_of_key_in_another_schema(
    empty: psycopg.Connection, key_type: str, one: Any, other: Any
) -> None:
    empty.execute(f'create schema "The people"; create table "The people"."User" ("The key" {key_type} primary key)')
    empty.execute('insert into "The people"."User" values (%s), (%s)', (one, other))
    empty.commit()
    fbs_db.migrate(url_of(empty), user_table='"The people"."User"')
    found = attach_users(empty, '"The people"."User"')
    assert found.keys() == USER_COLUMNS.keys()
    assert {(orphans, validated) for _, orphans, validated in found.values()} == {(0, True)}
    for user in one, other:
        for table, column in (("fbs_kpis", "created_by_id"), ("fbs_notifications", "user_id")):
            insert(empty, table, required_values(BY_NAME[table]) | {column: user})
    empty.execute('delete from "The people"."User" where "The key" = %s', (one,))
    assert rows(empty, "select user_id from fbs_notifications") == [(other,)]
    assert rows(empty, "select created_by_id from fbs_kpis order by id") == [(None,), (other,)]
    empty.execute("update fbs_notifications set user_id = %s", (one,))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        empty.commit()


def _literal(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def test_attaching_users_adds_the_listed_foreign_keys_once(everywhere: psycopg.Connection) -> None:
    make_users(everywhere)
    told = attach_users(everywhere, "auth_user")
    made = user_keys(everywhere)
    assert len(made) == 22
    assert {column: key[:4] for column, key in made.items()} == {
        column: ("auth_user", ON_DELETE[rule], True, True) for column, rule in USER_COLUMNS.items()
    }
    assert {column: key[-1] for column, key in made.items()} == {(t, c): f"{t}_{c}_fkey" for t, c in USER_COLUMNS}
    assert told == {column: (rule.lower().replace("_", " "), 0, True) for column, rule in USER_COLUMNS.items()}, (
        "what is told is what is there"
    )
    assert attach_users(everywhere, "auth_user") == told
    assert user_keys(everywhere) == made, "the same ones, not made anew"


def test_deleting_a_user_follows_every_rule_and_touches_nothing_else(everywhere: psycopg.Connection) -> None:
    make_users(everywhere)
    attach_users(everywhere, "auth_user")
    expected = each_user_column(everywhere, 2)
    each_user_column(everywhere, 3)
    everywhere.commit()
    assert len(expected) == 22
    assert effect(everywhere, "delete from auth_user where id = 2") == expected


def test_what_belongs_to_a_users_rows_goes_with_them(db: psycopg.Connection) -> None:
    make_users(db)
    attach_users(db, "auth_user")
    request = add(db, "fbs_approval_requests", requester_id=2)
    response = add(db, "fbs_approval_responses", approval_request_id=request[1])
    attachment = add(db, "fbs_dms_file_attachment", uploaded_by_id=2)
    document = add(db, "fbs_dms_document", attachment_id=attachment[1])
    own = add(db, "fbs_dms_document", created_by_id=2)
    workflow = add(db, "fbs_dms_document_workflow", document_id=own[1])
    db.commit()
    assert effect(db, "delete from auth_user where id = 2") == {
        request: None,
        response: None,
        attachment: None,
        document: {"attachment_id": None},
        own: None,
        workflow: None,
    }


def test_orphans_are_counted_and_left_alone_until_repair_is_asked(everywhere: psycopg.Connection) -> None:
    make_users(everywhere)
    expected = each_user_column(everywhere, 99)
    before = snapshot(everywhere)
    everywhere.commit()
    told = attach_users(everywhere, "auth_user")
    assert {column: (orphans, validated) for column, (_, orphans, validated) in told.items()} == dict.fromkeys(
        USER_COLUMNS, (1, False)
    )
    assert snapshot(everywhere) == before
    assert {key[3] for key in user_keys(everywhere).values()} == {False}

    told = attach_users(everywhere, "auth_user", repair=True)
    assert {(orphans, validated) for _, orphans, validated in told.values()} == {(1, True)}
    assert changes(before, snapshot(everywhere)) == expected
    assert {key[3] for key in user_keys(everywhere).values()} == {True}
    told = attach_users(everywhere, "auth_user")
    assert {(orphans, validated) for _, orphans, validated in told.values()} == {(0, True)}


def test_while_there_are_orphans_new_rows_and_deletions_are_right(db: psycopg.Connection) -> None:
    make_users(db)
    add(db, "fbs_notifications", user_id=99)
    gone = add(db, "fbs_notifications", user_id=2)
    attach_users(db, "auth_user")
    assert effect(db, "delete from auth_user where id = 2") == {gone: None}
    add(db, "fbs_notifications", user_id=98)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        db.commit()


def test_a_second_user_table_is_refused_until_the_first_is_detached(db: psycopg.Connection) -> None:
    make_users(db)
    make_users(db, "people")
    attach_users(db, "auth_user")
    row = add(db, "fbs_notifications", user_id=2)
    db.commit()
    with pytest.raises(psycopg.Error, match="users are attached to auth_user, not to people") as caught:
        attach_users(db, "people")
    assert caught.value.sqlstate == "FB003"
    assert "fbs-db detach users" in str(caught.value.diag.message_hint)
    db.rollback()

    assert len(rows(db, "select * from fbs_detach_users()")) == 22
    assert rows(db, "select * from fbs_detach_users()") == []
    assert user_keys(db) == {}
    assert effect(db, "delete from auth_user where id = 2") == {}
    attach_users(db, "people")
    assert {key[0] for key in user_keys(db).values()} == {"people"}
    assert effect(db, "delete from people where id = 2") == {row: None}


def test_a_partitioned_user_table(everywhere: psycopg.Connection) -> None:
    everywhere.execute("""
        create table people (id bigint primary key) partition by hash (id);
        create table people_0 partition of people for values with (modulus 2, remainder 0);
        create table people_1 partition of people for values with (modulus 2, remainder 1);
        insert into people values (1), (2), (3)""")
    told = attach_users(everywhere, "people")
    assert len(told) == 22
    assert attach_users(everywhere, "people") == told
    expected = each_user_column(everywhere, 2)
    assert effect(everywhere, "delete from people where id = 2") == expected
    assert len(rows(everywhere, "select * from fbs_detach_users()")) == 22


@pytest.mark.parametrize(
    ("table", "code", "said"),
    [
        ("(id uuid primary key)", "FB002", "user columns hold bigint, but the key of people is uuid"),
        ("(id text primary key)", "FB002", "user columns hold bigint, but the key of people is text"),
        ("(id bigint)", "FB001", "table people has no primary key of one column"),
        ("(a bigint, b bigint, primary key (a, b))", "FB001", "table people has no primary key of one column"),
    ],
)
def test_a_user_table_that_does_not_fit_is_refused(db: psycopg.Connection, table: str, code: str, said: str) -> None:
    db.execute(f"create table people {table}")
    with pytest.raises(psycopg.Error, match=said) as caught:
        attach_users(db, "people")
    assert caught.value.sqlstate == code
    assert caught.value.diag.message_hint


def test_attaching_users_amid_rows_that_wait_to_be_checked_says_so(db: psycopg.Connection) -> None:
    make_users(db)
    add(db, "fbs_workflow_definitions")
    add(db, "fbs_workflow_instances")
    db.commit()
    add(db, "fbs_workflow_instances", workflow_definition_id=1)
    with pytest.raises(psycopg.Error, match="checked when it commits") as caught:
        attach_users(db, "auth_user")
    assert caught.value.sqlstate == "FB005"
    db.rollback()
    add(db, "fbs_workflow_instances", workflow_definition_id=1)
    db.execute("set constraints all immediate")
    assert len(attach_users(db, "auth_user")) == 22


def test_checking_a_column_that_is_tied_to_nothing_says_so(db: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="tied to no user table") as caught:
        db.execute("select fbs_check_user_column('fbs_kpis', 'created_by_id')")
    assert caught.value.sqlstate == "FB004"


def test_a_user_table_in_use_gives_a_timeout_and_no_hang(db: psycopg.Connection, second: Connect) -> None:
    make_users(db)
    other = second(db)
    with other.transaction():
        other.execute("update auth_user set id = id where id = 1")
        started = time.monotonic()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            attach_users(db, "auth_user")
        assert time.monotonic() - started < 30
        db.rollback()
    assert len(attach_users(db, "auth_user")) == 22


# --- host rows ---


#: The rules of the package: where a record is named, the state of a row, what becomes of it.
POINTERS: list[tuple[str, str, dict[str, Any], dict[str, Any] | None]] = [
    *(
        ("fbs_approval_requests", "request_data", {"status": status}, after)
        for status, after in [
            ("pending", {"status": "cancelled", "updated_at": "set"}),
            ("approved", {}),
            ("rejected", {}),
            ("cancelled", {}),
        ]
    ),
    *(
        ("fbs_workflow_instances", "workflow_data", {"status": status}, after)
        for status, after in [
            *((open_, {"status": "cancelled", "completed_at": "set"}) for open_ in ("draft", "active", "paused")),
            *((ended, {}) for ended in ("completed", "cancelled", "failed")),
        ]
    ),
    *(
        ("fbs_dms_document", "metadata", {"state": state}, {"state": "archived", "updated_at": "set"})
        for state in ("draft", "pending", "approved", "rejected")
    ),
    ("fbs_dms_document", "metadata", {"state": "archived"}, {}),
]
INTEGER = range(-(2**31), 2**31)


def point(connection: psycopg.Connection, model: str, key: Any, *, every: bool = True) -> Changes:
    """Rows that point at a host row in all ways there are; and what its deletion does to them."""
    expected: Changes = {}
    if isinstance(key, int) and key in INTEGER:
        expected[add(connection, "fbs_custom_fields", model_name=model, record_id=key)] = None
    written = [key, str(key)] if isinstance(key, int) else [str(key)]
    for table, column, values, after in POINTERS if every else POINTERS[::5]:
        for record in written:
            row = add(connection, table, **{column: {"model_name": model, "record_id": record, "n": [1]}}, **values)
            if after != {}:
                expected[row] = after
    return expected


def make_host(
    connection: psycopg.Connection,
    keys: Iterable[Any] = (1, 2, 3),
    *,
    table: str = "locations",
    key_type: str = "bigint",
    model: str = MODEL,
    more: str = "",
) -> None:
    """A host's table with rows, attached."""
    connection.execute(f"create table {table} (id {key_type} primary key, name text{more})")
    for key in keys:
        connection.execute(f"insert into {table} (id) values (%s)", (key,))
    attach(connection, table, model)


def merged(parts: Iterable[Changes]) -> Changes:
    return {row: change for part in parts for row, change in part.items()}


def queued(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return rows(
        connection, "select model_name, operation, keys, new_keys, rule_name, error from fbs_cleanup_queue order by id"
    )


def retry(connection: psycopg.Connection) -> tuple[int, int, int]:
    """Drain the queue once: how many were done, failed and wait."""
    (found,) = rows(connection, "select done, failed, waiting from fbs_retry_cleanup()")
    connection.commit()
    return found[0], found[1], found[2]


KEYS: dict[str, list[Any]] = {
    "smallint": [1, -2, 3],
    "integer": [1, -2, 2**31 - 1],
    "bigint": [1, 2**31, -(2**63)],
    "uuid": [UUID(int=1), UUID(int=2**127), UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")],
    "text": ["a", "", 'Zoë\'s {"b", NULL} \\ 1'],
    "varchar(50)": ["NULL", "{}", " x "],
}


@pytest.mark.parametrize("key_type", KEYS)
def test_every_rule_for_every_kind_of_key(everywhere: psycopg.Connection, key_type: str) -> None:
    first, *others = KEYS[key_type]
    make_host(everywhere, KEYS[key_type], key_type=key_type)
    expected = point(everywhere, MODEL, first)
    rest = merged(point(everywhere, MODEL, key) for key in others)
    for key in KEYS[key_type]:
        point(everywhere, "rentals.another", key)
    everywhere.commit()
    assert effect(everywhere, f"delete from locations where id = {_literal(first)}") == expected
    assert effect(everywhere, "delete from locations") == rest
    assert queued(everywhere) == []


def test_updates_and_inserts_of_a_host_row_change_nothing(db: psycopg.Connection) -> None:
    make_host(db)
    point(db, MODEL, 1)
    assert (
        effect(
            db,
            "update locations set name = 'x'",
            "update locations set id = id",
            "insert into locations values (4)",
            "delete from locations where id = 99",
        )
        == {}
    )
    assert queued(db) == []


def test_many_rows_in_one_statement(everywhere: psycopg.Connection) -> None:
    make_host(everywhere, range(1, 301))
    expected = merged(point(everywhere, MODEL, key, every=False) for key in range(1, 251))
    for key in range(251, 301):
        point(everywhere, MODEL, key, every=False)
    assert effect(everywhere, "delete from locations where id <= 250") == expected


def make_rentals(connection: psycopg.Connection) -> dict[str, list[Changes]]:
    """Locations with rooms with leases, two each; and what the deletion of each does."""
    connection.execute("""
        create table locations (id integer primary key);
        create table rooms (id uuid primary key, location_id integer references locations on delete cascade);
        create table leases (id bigint primary key, room_id uuid references rooms on delete cascade);
        insert into locations values (1), (2);
        insert into rooms select ('00000000-0000-0000-0000-00000000000' || n)::uuid, n from generate_series(1, 2) as n;
        insert into leases select row_number() over (), id from rooms""")
    expected = {}
    made: dict[str, list[Any]] = {"locations": [1, 2], "rooms": [UUID(int=1), UUID(int=2)], "leases": [1, 2]}
    for table, keys in made.items():
        attach(connection, table, f"rentals.{table}")
        expected[table] = [point(connection, f"rentals.{table}", key) for key in keys]
    connection.commit()
    return expected


def test_rows_deleted_by_a_cascade(everywhere: psycopg.Connection) -> None:
    expected = make_rentals(everywhere)
    assert effect(everywhere, "delete from locations where id = 1") == merged(parts[0] for parts in expected.values())
    assert effect(everywhere, "delete from rooms") == merged([expected["rooms"][1], expected["leases"][1]])


def test_truncate(everywhere: psycopg.Connection) -> None:
    expected = make_rentals(everywhere)
    assert effect(everywhere, "truncate leases") == merged(expected["leases"])
    assert effect(everywhere, "truncate locations cascade") == merged(expected["locations"] + expected["rooms"])


def test_nothing_happens_when_the_transaction_or_a_savepoint_rolls_back(db: psycopg.Connection) -> None:
    make_host(db)
    expected = point(db, MODEL, 1)
    point(db, MODEL, 2)
    db.commit()
    before = snapshot(db)
    for statement in ("delete from locations", "truncate locations", "update locations set id = id + 10"):
        db.execute(statement)
        assert changes(before, snapshot(db)) != {}
        db.rollback()
        assert snapshot(db) == before
    assert (
        effect(
            db,
            "delete from locations where id = 1",
            "savepoint a",
            "delete from locations",
            "rollback to savepoint a",
        )
        == expected
    )


@pytest.mark.parametrize("mode", ["on", "queue"])
def test_a_key_of_text_that_only_looks_like_a_number_is_another_key(everywhere: psycopg.Connection, mode: str) -> None:
    """Custom fields hold integers: the records 7, 1000 and 1 are not '007', '1e3' and ' 1'."""
    odd = [
        "007",
        "1e3",
        " 1",
        "1 ",
        "+1",
        "1.0",
        "",
        "-0",
        "0x1",
        "1_000",
        "99999999999999999999",
        "-2147483649",
        "\u0661",
    ]
    make_host(everywhere, [*odd, "7", "-1"], key_type="text")
    for number in (7, 1000, 1, 0, -1, 2147483647, -2147483648, 16):
        add(everywhere, "fbs_custom_fields", model_name=MODEL, record_id=number)
    expected = merged(point(everywhere, MODEL, key, every=False) for key in odd)
    for number in (7, 1000, 1, 0):
        add(everywhere, "fbs_dms_document", metadata={"model_name": MODEL, "record_id": number})
    everywhere.commit()
    found = effect(
        everywhere,
        f"set fbs.cleanup = '{mode}'",
        "delete from locations where id not in ('7', '-1')",
        "select fbs_retry_cleanup()",
    )
    assert found == expected
    found = effect(everywhere, "delete from locations", "select fbs_retry_cleanup()")
    assert {row[0] for row in found} == {"fbs_custom_fields", "fbs_dms_document"}
    assert len(found) == 3


def test_records_that_are_named_oddly_are_other_records(everywhere: psycopg.Connection) -> None:
    make_host(everywhere, [1, 7, 1000])
    for record in ("007", "1e3", " 1", "1.0", "99999999999999999999", None, [1], {"a": 1}, True, 1.5, 10**20):
        for table, column, values, _ in POINTERS:
            add(everywhere, table, **{column: {"model_name": MODEL, "record_id": record}}, **values)
    add(everywhere, "fbs_dms_document", metadata={"model_name": MODEL})
    add(everywhere, "fbs_dms_document", metadata={"record_id": 1})
    add(everywhere, "fbs_dms_document", metadata={"model_name": [MODEL], "record_id": 1})
    everywhere.commit()
    assert effect(everywhere, "delete from locations") == {}


def test_uuids_are_known_by_their_usual_form_only(everywhere: psycopg.Connection) -> None:
    known = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    make_host(everywhere, [known], key_type="uuid")
    make_host(everywhere, [known.upper()], key_type="text", table="tenants", model="rentals.tenant")
    everywhere.execute(
        "create table notes (id serial, record uuid); create index on notes (record);"
        "insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description) values"
        " ('notes', 'public.notes', 'record', 'rentals.tenant', 'delete', 'Notes.')"
    )
    everywhere.execute("insert into notes (record) values (%s)", (known,))
    expected = point(everywhere, MODEL, known, every=False)
    for other in (known.upper(), known.replace("-", ""), f"{{{known}}}"):
        point(everywhere, MODEL, other, every=False)
    everywhere.commit()
    assert effect(everywhere, "delete from locations", "delete from tenants") == expected
    assert rows(everywhere, "select count(*) from notes") == [(1,)]


def test_a_host_in_another_schema_with_quoted_names(everywhere: psycopg.Connection) -> None:
    model, table, key = """it's a "Model"\\ ü""", '"The host"."Our ""Locations""\'"', "\"The 'key'\""
    everywhere.execute(f"""
        create schema "The host";
        create table {table} ({key} integer primary key);
        insert into {table} values (1), (2)""")
    attach(everywhere, table, model)
    expected = point(everywhere, model, 1)
    rest = point(everywhere, model, 2)
    everywhere.commit()
    assert effect(everywhere, f"delete from {table} where {key} = 1") == expected
    before = triggers(everywhere)
    attach(everywhere, table, model)
    assert triggers(everywhere) == before
    everywhere.execute(f"update {table} set {key} = 5")
    assert effect(everywhere, f"truncate {table}").keys() >= rest.keys()
    assert queued(everywhere) == []


def triggers(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """The triggers on hosts' tables, as they are told apart."""
    return rows(
        connection,
        "select oid::bigint, tgrelid::regclass::text, tgname::text from pg_trigger"
        " where tgfoid = 'fbs_cleanup'::regproc order by 1",
    )


def test_a_role_that_may_not_read_fbs_can_delete(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    expected = point(everywhere, MODEL, 1)
    role = f"host_{everywhere.info.dbname}"
    everywhere.execute(f"drop role if exists {role}")
    everywhere.execute(f"create role {role}; grant select, delete on locations to {role}")
    everywhere.commit()
    assert effect(everywhere, f"set role {role}", "delete from locations where id = 1", "reset role") == expected
    assert queued(everywhere) == []
    everywhere.execute(f"drop owned by {role}; drop role {role}")
    everywhere.commit()


# --- attaching and detaching ---


def test_attaching_again_makes_nothing_anew_and_takes_no_lock(db: psycopg.Connection, second: Connect) -> None:
    make_host(db)
    before = triggers(db)
    db.commit()
    assert len(before) == 3
    other = second(db)
    with other.transaction():
        other.execute("delete from locations where id = 3")
        attach(db, "locations")
    assert triggers(db) == before
    assert queued(db) == []


def test_lost_triggers_are_mended_and_what_they_missed_is_swept(db: psycopg.Connection) -> None:
    make_host(db)
    expected = point(db, MODEL, 1)
    db.execute("drop trigger fbs_cleanup_delete on locations")
    assert effect(db, "delete from locations where id = 1") == {}
    attach(db, "locations")
    assert len(triggers(db)) == 3
    assert effect(db, "select fbs_retry_cleanup()") == expected


def test_a_detached_host_is_a_table_like_others(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    point(everywhere, MODEL, 1)
    expected = point(everywhere, MODEL, 2)
    assert rows(everywhere, "select fbs_detach_host('locations')") == [(True,)]
    assert rows(everywhere, "select fbs_detach_host('locations')") == [(False,)]
    assert triggers(everywhere) == []
    assert effect(everywhere, "delete from locations where id = 1") == {}
    attach(everywhere, "locations")
    assert effect(everywhere, "delete from locations where id = 2") == expected


@pytest.mark.parametrize(
    ("made", "key", "said", "code"),
    [
        ("create view things as select 1 as id", "id", "things is not a table", "FB020"),
        ("create table things (id numeric primary key)", None, "column id of things is of type numeric", "FB020"),
        ("create table things (id integer primary key)", "key", "table things has no column key", "FB020"),
        ("create table things (id integer)", None, "no primary key of one column", "FB001"),
        ("create table things (a int, b int, primary key (a, b))", None, "no primary key of one column", "FB001"),
    ],
)
def test_a_host_that_cannot_be_attached_is_refused(
    db: psycopg.Connection, made: str, key: str | None, said: str, code: str
) -> None:
    db.execute(made)
    with pytest.raises(psycopg.Error, match=said) as caught:
        attach(db, "things", "things", key)
    assert caught.value.sqlstate == code


def test_a_model_has_one_table(db: psycopg.Connection) -> None:
    make_host(db)
    db.execute("create table others (id integer primary key)")
    db.commit()
    with pytest.raises(psycopg.Error, match=r"model rentals\.location is attached already, to another table") as caught:
        attach(db, "others")
    assert caught.value.sqlstate == "FB022"
    db.rollback()
    with pytest.raises(psycopg.Error, match="needs the name of its model"):
        attach(db, "others", "")
    db.rollback()
    db.execute("drop table locations")
    attach(db, "others")
    assert rows(db, "select host_table::text from fbs_hosts") == [("others",)]


def test_a_host_that_is_renamed_or_moved_stays_attached(db: psycopg.Connection) -> None:
    make_host(db)
    expected = merged(point(db, MODEL, key) for key in (1, 2))
    db.execute("create schema elsewhere; alter table locations rename to sites")
    db.execute("alter table sites set schema elsewhere")
    db.commit()
    assert effect(db, "delete from elsewhere.sites where id = 1", "truncate elsewhere.sites") == expected


def test_the_model_of_a_host_can_be_renamed(db: psycopg.Connection) -> None:
    make_host(db)
    expected = point(db, MODEL, 1) | point(db, "rentals.site", 1)
    attach(db, "locations", "rentals.site")
    assert effect(db, "delete from locations where id = 1") == expected
    assert len(triggers(db)) == 3


# --- partitions ---

BY_HASH = """
    create table locations (id bigint primary key, name text) partition by hash (id);
    create table locations_0 partition of locations for values with (modulus 3, remainder 0);
    create table locations_1 partition of locations for values with (modulus 3, remainder 1);
    create table locations_2 partition of locations for values with (modulus 3, remainder 2);
    insert into locations select n from generate_series(1, 9) as n"""
BY_DATE = """
    create table locations (id bigint, name text, built date not null, primary key (id, built))
    partition by range (built);
    create table locations_0 partition of locations for values from ('2020-01-01') to ('2021-01-01');
    create table locations_1 partition of locations for values from ('2021-01-01') to ('2022-01-01')
    partition by list (id);
    create table locations_1_a partition of locations_1 for values in (4, 5, 6, 104, 105, 106);
    create table locations_2 partition of locations default;
    insert into locations
    select n, null, '2020-06-01'::date + (n - 1) / 3 * 365 from generate_series(1, 9) as n"""


@pytest.fixture(params=[BY_HASH, BY_DATE], ids=["hash", "range"])
def partitioned(request: pytest.FixtureRequest, everywhere: psycopg.Connection) -> dict[int, Changes]:
    """Nine host rows in partitions; and what the deletion of each does."""
    everywhere.execute(request.param)
    attach(everywhere, "locations", key="id")
    expected = {key: point(everywhere, MODEL, key, every=False) for key in range(1, 10)}
    everywhere.commit()
    return expected


def leaves(connection: psycopg.Connection) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for leaf, key in rows(connection, "select tableoid::regclass::text, id from locations order by id"):
        found.setdefault(leaf, []).append(key)
    return found


def of(expected: dict[int, Changes], keys: Iterable[int]) -> Changes:
    return merged(expected[key] for key in keys)


def test_deletion_through_the_whole_table_and_through_partitions(
    everywhere: psycopg.Connection, partitioned: dict[int, Changes]
) -> None:
    found = effect(everywhere, "delete from locations where id in (1, 5, 9)")
    assert found == of(partitioned, (1, 5, 9))
    for leaf, keys in leaves(everywhere).items():
        found = effect(everywhere, f"delete from {leaf} where id <= {keys[0]}")
        assert found == of(partitioned, keys[:1]), leaf
    rest = [key for keys in leaves(everywhere).values() for key in keys]
    assert effect(everywhere, "delete from locations") == of(partitioned, rest)
    assert queued(everywhere) == []


def test_both_ways_in_one_transaction(everywhere: psycopg.Connection, partitioned: dict[int, Changes]) -> None:
    leaf, keys = next(iter(leaves(everywhere).items()))
    whole = [key for key in range(1, 10) if key not in keys]
    found = effect(
        everywhere,
        f"delete from locations where id = {whole[0]}",
        f"delete from {leaf} where id = {keys[0]}",
        "savepoint a",
        "delete from locations",
        "rollback to savepoint a",
        f"delete from {leaf} where id = {keys[1]}",
    )
    assert found == of(partitioned, [whole[0], *keys[:2]])


def test_truncate_of_a_partition_and_of_all(everywhere: psycopg.Connection, partitioned: dict[int, Changes]) -> None:
    (leaf, keys), *others = leaves(everywhere).items()
    assert effect(everywhere, f"truncate {leaf}") == of(partitioned, keys)
    rest = [key for _, keys in others for key in keys]
    assert effect(everywhere, "truncate locations") == of(partitioned, rest)


def test_rows_that_move_between_partitions_are_still_there(everywhere: psycopg.Connection) -> None:
    everywhere.execute(BY_DATE)
    attach(everywhere, "locations", key="id")
    expected = {key: point(everywhere, MODEL, key, every=False) for key in range(1, 10)}
    assert effect(everywhere, "update locations set built = '2023-01-01' where id <= 5") == {}
    assert queued(everywhere) == []
    assert len(leaves(everywhere)["locations_2"]) == 8
    assert effect(everywhere, "delete from locations where id = 2") == expected[2]


def test_a_partition_made_later(everywhere: psycopg.Connection, partitioned: dict[int, Changes]) -> None:
    assert effect(everywhere, "delete from locations where id = 1") == partitioned[1]
    everywhere.execute("drop table if exists locations_2")  # a dropped partition tells nobody
    if ("locations_1_a",) in rows(everywhere, "select relname::text from pg_class where relkind = 'r'"):
        everywhere.execute("create table locations_3 partition of locations default")
        everywhere.execute("insert into locations select n, 'x', '2030-01-01' from generate_series(51, 54) n")
    else:
        everywhere.execute("create table locations_3 partition of locations for values with (modulus 3, remainder 2)")
        everywhere.execute("insert into locations select n, 'x' from generate_series(51, 70) n")
    new = leaves(everywhere)["locations_3"]
    new = [key for key in new if key > 50][:4]
    expected = {key: point(everywhere, MODEL, key, every=False) for key in new}
    everywhere.commit()
    assert effect(everywhere, f"delete from locations_3 where id = {new[0]}") == expected[new[0]]
    assert effect(everywhere, f"delete from locations where id = {new[1]}") == expected[new[1]]
    # The statement triggers of a new partition come with attaching again.
    attach(everywhere, "locations", key="id")
    effect(everywhere, "select fbs_retry_cleanup()")
    assert effect(everywhere, "truncate locations_3") == of(expected, new[2:])


def test_a_dropped_partition_is_found_by_the_sweep(
    everywhere: psycopg.Connection, partitioned: dict[int, Changes]
) -> None:
    leaf, keys = next(iter(leaves(everywhere).items()))
    assert effect(everywhere, f"drop table {leaf}") == {}
    assert effect(everywhere, "select fbs_sweep_orphans()") == of(partitioned, keys)


def test_detaching_and_attaching_a_partitioned_host(
    everywhere: psycopg.Connection, partitioned: dict[int, Changes]
) -> None:
    made = triggers(everywhere)
    attach(everywhere, "locations", key="id")
    assert triggers(everywhere) == made
    assert rows(everywhere, "select fbs_detach_host('locations')") == [(True,)]
    assert triggers(everywhere) == []
    assert effect(everywhere, "delete from locations where id = 1") == {}
    attach(everywhere, "locations", key="id")
    assert [row[1:] for row in triggers(everywhere)].sort() == [row[1:] for row in made].sort()
    assert effect(everywhere, "delete from locations where id = 2") == partitioned[2]


def test_a_cascade_into_a_partitioned_host(everywhere: psycopg.Connection) -> None:
    everywhere.execute("create table owners (id integer primary key); insert into owners values (1), (2)")
    everywhere.execute(BY_HASH)
    everywhere.execute("alter table locations add owner integer references owners on delete cascade")
    everywhere.execute("update locations set owner = 1 + id % 2")
    attach(everywhere, "locations")
    expected = {key: point(everywhere, MODEL, key, every=False) for key in range(1, 10)}
    assert effect(everywhere, "delete from owners where id = 1") == of(expected, (2, 4, 6, 8))


# --- keys that change ---


def where_they_point(connection: psycopg.Connection, model: str = MODEL) -> dict[Row, Any]:
    """The record each row names, as it is written."""
    found: dict[Row, Any] = {
        ("fbs_custom_fields", number): key
        for number, key in rows(connection, f"select id, record_id from fbs_custom_fields where model_name = '{model}'")
    }
    for table, column in {(table, column) for table, column, *_ in POINTERS}:
        for number, facts in rows(connection, f"select id, {column} from {table} where {column} ? 'record_id'"):
            if facts["model_name"] == model:
                found[table, number] = facts["record_id"]
    return found


def rekeyed(before: dict[Row, Any], keys: dict[Any, Any]) -> dict[Row, Any]:
    """Where rows point when keys have changed: a number stays a number, a text a text."""
    by_text = {str(old): new for old, new in keys.items()}
    return {
        row: type(record)(by_text[str(record)]) if str(record) in by_text else record for row, record in before.items()
    }


KEY_CHANGES: list[tuple[str, dict[int, int]]] = [
    ("id = 9 where id = 1", {1: 9}),
    ("id = id + 1", {1: 2, 2: 3, 3: 4}),
    ("id = id - 1", {1: 0, 2: 1, 3: 2}),
    ("id = 3 - id where id in (1, 2)", {1: 2, 2: 1}),
    ("id = 1 + id % 3", {1: 2, 2: 3, 3: 1}),
    ("id = id + 100 where id > 1", {2: 102, 3: 103}),
]


@pytest.mark.parametrize("mode", ["on", "queue"])
@pytest.mark.parametrize(("change", "keys"), KEY_CHANGES, ids=[change for change, _ in KEY_CHANGES])
def test_rows_follow_a_change_of_keys(db: psycopg.Connection, change: str, keys: dict[int, int], mode: str) -> None:
    db.execute("create table locations (id integer, primary key (id) deferrable)")
    db.execute("insert into locations values (1), (2), (3)")
    attach(db, "locations")
    for key in (1, 2, 3):
        point(db, MODEL, key)
        point(db, "rentals.another", key, every=False)
        # The name is one of a unique set with the record's.
        add(db, "fbs_custom_fields", model_name=MODEL, record_id=key, field_name="colour", field_value=str(key))
    db.commit()
    before, elsewhere = where_they_point(db), where_they_point(db, "rentals.another")
    found = effect(db, f"set fbs.cleanup = '{mode}'", f"update locations set {change}", "select fbs_retry_cleanup()")
    assert where_they_point(db) == rekeyed(before, keys)
    assert where_they_point(db, "rentals.another") == elsewhere
    assert {column for change in found.values() for column in change or {"gone"}} == {
        "record_id",
        "request_data",
        "workflow_data",
        "metadata",
        "updated_at",
    }, "states stay as they are"
    assert queued(db) == []


@pytest.mark.parametrize(
    ("key_type", "old", "new"),
    [
        ("bigint", 5, 2**40),
        ("uuid", UUID(int=5), UUID(int=6)),
        ("text", "a", "b'\"{}"),
        ("text", "5", "007"),
        ("varchar(9)", "5", "six"),
    ],
)
def test_rows_follow_keys_of_every_kind(everywhere: psycopg.Connection, key_type: str, old: Any, new: Any) -> None:
    make_host(everywhere, [old], key_type=key_type)
    records = [str(old), int(old)] if str(old) == "5" else [str(old)]  # a number in JSON names this record too
    expected = {
        add(everywhere, "fbs_dms_document", metadata={"model_name": MODEL, "record_id": record}) for record in records
    }
    assert effect(everywhere, f"update locations set id = {_literal(new)}").keys() == expected
    assert queued(everywhere) == []
    assert {str(record) for record in where_they_point(everywhere).values()} == {str(new)}
    assert effect(everywhere, "delete from locations").keys() == expected


@pytest.mark.parametrize(
    ("key_type", "new"),
    [("bigint", "9999999999"), ("text", "007"), ("text", "six")],
)
def test_a_key_that_a_column_cannot_hold_takes_its_rows_to_no_other_record(
    everywhere: psycopg.Connection, key_type: str, new: str
) -> None:
    """Custom fields of record 5 cannot follow it to '007'; least of all to record 7."""
    make_host(everywhere, [5, 7], key_type=key_type)
    fields = [add(everywhere, "fbs_custom_fields", model_name=MODEL, record_id=record) for record in (5, 7)]
    effect(everywhere, f"update locations set id = '{new}' where id = '5'")
    found = where_they_point(everywhere)
    assert found.get(fields[0]) in (5, None)
    assert found[fields[1]] == 7


def test_rows_follow_a_key_that_cascades_into_another_host(everywhere: psycopg.Connection) -> None:
    """Rooms share their location's key; both are hosts."""
    make_host(everywhere)
    everywhere.execute("create table rooms (id bigint primary key references locations on update cascade)")
    everywhere.execute("insert into rooms values (1), (2)")
    attach(everywhere, "rooms", "rentals.room")
    for model in (MODEL, "rentals.room"):
        for key in (1, 2):
            point(everywhere, model, key, every=False)
    everywhere.commit()
    before = {model: where_they_point(everywhere, model) for model in (MODEL, "rentals.room")}
    effect(everywhere, "update locations set id = 7 where id = 1")
    for model, records in before.items():
        assert where_they_point(everywhere, model) == rekeyed(records, {1: 7})


def test_rows_follow_two_changes_in_one_transaction_and_then_go(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    expected = point(everywhere, MODEL, 1)
    everywhere.commit()
    before = where_they_point(everywhere)
    effect(everywhere, "update locations set id = 7 where id = 1", "update locations set id = 8 where id = 7")
    assert where_they_point(everywhere) == rekeyed(before, {1: 8})
    found = effect(everywhere, "update locations set id = 9 where id = 8", "delete from locations")
    assert found.keys() >= expected.keys()
    assert {row: found[row] for row in expected if expected[row] is None} == dict.fromkeys(
        (row for row in expected if expected[row] is None), None
    )
    assert rows(everywhere, "select id from fbs_approval_requests where status = 'pending'") == [(1,)], "the first row"


def test_rows_follow_keys_of_a_partitioned_host(
    everywhere: psycopg.Connection, partitioned: dict[int, Changes]
) -> None:
    """A key that is what partitions go by takes its row to another one."""
    before = where_they_point(everywhere)
    effect(everywhere, "update locations set id = id + 100 where id <= 6")
    assert where_they_point(everywhere) == rekeyed(before, {key: key + 100 for key in range(1, 7)})
    leaf, keys = next((leaf, keys) for leaf, keys in leaves(everywhere).items() if 8 in keys)
    if leaf == "locations_2":
        effect(everywhere, f"update {leaf} set id = 200 where id = 8")
        assert 200 in where_they_point(everywhere).values()
    else:
        assert keys
    assert queued(everywhere) == []
    expected = merged(partitioned.values())
    assert effect(everywhere, "delete from locations").keys() == expected.keys()


def test_an_upsert_or_merge_that_changes_keys(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    for key in (1, 2, 3):
        point(everywhere, MODEL, key, every=False)
    everywhere.commit()
    before = where_they_point(everywhere)
    effect(
        everywhere,
        "insert into locations values (1, 'x') on conflict (id) do update set id = 11",
        "merge into locations as l using (values (2, 12)) as m (old, new) on l.id = m.old"
        " when matched then update set id = m.new",
    )
    assert where_they_point(everywhere) == rekeyed(before, {1: 11, 2: 12})
    found = effect(
        everywhere,
        "merge into locations as l using (values (11)) as m (id) on l.id = m.id when matched then delete",
    )
    assert {record for row, record in rekeyed(before, {1: 11}).items() if row in found} <= {11, "11"}
    assert found


# --- rules of the host's own ---


def add_rule(connection: psycopg.Connection, name: str = "own", **values: Any) -> None:
    filled = {"rule_name": name, "table_name": "public.notes", "action": "delete", "description": "d"} | values
    filled = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in filled.items()}
    connection.execute(
        sql.SQL("insert into fbs_cleanup_rules ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, filled)), sql.SQL(", ").join([sql.Placeholder()] * len(filled))
        ),
        list(filled.values()),
    )


NOTES = """
    create table notes (id integer primary key, model text, key {key_type}, facts jsonb, state text, ended timestamptz);
    insert into notes
    select 10 * n + m, (array['rentals.location', 'rentals.tenant'])[m], n::{key_type},
        jsonb_build_object('about', (array['rentals.location', 'rentals.tenant'])[m], 'nr', n), 'new'
    from generate_series(1, 3) as n, generate_series(1, 2) as m"""


def notes(connection: psycopg.Connection) -> dict[int, tuple[Any, ...]]:
    """Key and state of each note."""
    return {
        number: (key and str(key), state, ended)
        for number, key, state, ended in rows(
            connection, "select id, key, state, ended is not null from notes order by id"
        )
    }


POINTS: list[tuple[dict[str, Any], set[int]]] = [
    ({"key_column": "key", "model_column": "model"}, {11}),
    ({"key_column": "key", "model_name": MODEL}, {11, 12}),
    ({"key_column": "key", "model_column": "model", "model_name": MODEL}, {11}),
    ({"key_column": "key", "model_column": "model", "model_name": "rentals.tenant"}, set()),
    ({"json_column": "facts", "key_column": "nr", "model_column": "about"}, {11}),
    ({"json_column": "facts", "key_column": "nr", "model_name": MODEL}, {11, 12}),
]


@pytest.mark.parametrize("key_type", ["smallint", "integer", "bigint", "text", "varchar(9)"])
@pytest.mark.parametrize(("points", "hit"), POINTS)
def test_a_rule_of_the_host(db: psycopg.Connection, key_type: str, points: dict[str, Any], hit: set[int]) -> None:
    make_host(db)
    db.execute(NOTES.format(key_type=key_type))
    before = notes(db)
    actions: list[tuple[dict[str, Any], tuple[Any, ...] | None]] = [
        ({"action": "delete"}, None),
        ({"action": "set columns", "set_columns": {"state": "it's over", "ended": "now"}}, ("1", "it's over", True)),
    ]
    if "json_column" not in points:
        actions.append(({"action": "set null"}, (None, "new", False)))
    for action, after in actions:
        db.execute("savepoint a")
        add_rule(db, **points, **action)
        db.execute("delete from locations where id = 1")
        assert queued(db) == []
        expected = {number: after if number in hit else row for number, row in before.items()}
        assert notes(db) == {number: row for number, row in expected.items() if row}
        db.execute("rollback to savepoint a")


def test_a_rule_touches_only_rows_in_the_states_it_names(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    everywhere.execute(NOTES.format(key_type="integer"))
    everywhere.execute("update notes set key = 1, model = 'rentals.location'")
    everywhere.execute("update notes set state = (array['a', 'b', null, 'c'])[id / 10]")
    cases: list[tuple[dict[str, Any], set[int]]] = [
        ({"only_if": {"state": ["a", "b"]}}, {31, 32}),
        ({"unless": {"state": ["a"]}}, {11, 12}),
        ({"unless": {"state": ["a"], "id": [22, 31]}}, {11, 12, 22, 31}),
        ({"only_if": {"id": [11, 21]}, "unless": {"state": ["b"]}}, {12, 21, 22, 31, 32}),
    ]
    for conditions, left in cases:
        everywhere.execute("savepoint a")
        add_rule(everywhere, key_column="key", model_column="model", **conditions)
        everywhere.execute("delete from locations where id = 1")
        assert set(notes(everywhere)) == left
        everywhere.execute("rollback to savepoint a")


def test_rows_of_the_hosts_own_rules_follow_its_keys_too(everywhere: psycopg.Connection) -> None:
    everywhere.execute("create table locations (id integer, primary key (id) deferrable)")
    everywhere.execute("insert into locations values (1), (2), (3)")
    attach(everywhere, "locations")
    everywhere.execute(NOTES.format(key_type="integer") + "; create unique index on notes (key, model)")
    add_rule(everywhere, key_column="key", model_column="model")
    add_rule(everywhere, "json", json_column="facts", key_column="nr", model_column="about")
    everywhere.execute("update locations set id = 4 - id where id in (1, 3)")
    assert queued(everywhere) == []
    assert rows(everywhere, "select id, key, (facts ->> 'nr')::int from notes order by id") == [
        (11, 3, 3),
        (12, 1, 1),
        (21, 2, 2),
        (22, 2, 2),
        (31, 1, 1),
        (32, 3, 3),
    ]


def test_two_rules_for_the_same_rows_let_them_follow_once(everywhere: psycopg.Connection) -> None:
    """A host's own rule for decided approvals, beside the package's for pending ones."""
    everywhere.execute("create table locations (id integer, primary key (id) deferrable)")
    everywhere.execute("insert into locations values (1), (2), (3)")
    attach(everywhere, "locations")
    add_rule(
        everywhere,
        table_name="fbs_approval_requests",
        json_column="request_data",
        model_column="model_name",
        key_column="record_id",
        only_if={"status": ["approved"]},
    )
    for key in (1, 2, 3):
        point(everywhere, MODEL, key)
    everywhere.commit()
    before = where_they_point(everywhere)
    effect(everywhere, "update locations set id = id + 1")
    assert where_they_point(everywhere) == rekeyed(before, {1: 2, 2: 3, 3: 4})


@pytest.mark.parametrize("key_type", ["integer", "text"])
def test_rows_that_name_no_record_are_no_orphans(everywhere: psycopg.Connection, key_type: str) -> None:
    make_host(everywhere, key_type=key_type)
    everywhere.execute(NOTES.format(key_type="text") + "; update notes set key = null")
    add_rule(everywhere, key_column="key", model_column="model", action="set null")
    add(everywhere, "fbs_dms_document", metadata={"model_name": MODEL})
    assert rows(everywhere, "select * from fbs_sweep_orphans()") == [(MODEL, 0, 0, None)]
    everywhere.execute("truncate locations")
    assert queued(everywhere) == []


def test_a_change_of_keys_that_could_not_be_followed_at_once(db: psycopg.Connection, second: Connect) -> None:
    """Swapped while a table is locked; the retry swaps, and puts nothing together."""
    db.execute("create table locations (id integer, primary key (id) deferrable)")
    db.execute("insert into locations values (1), (2), (3)")
    attach(db, "locations")
    for key in (1, 2, 3):
        point(db, MODEL, key)
    db.commit()
    before = where_they_point(db)
    db.commit()
    other = second(db)
    with other.transaction():
        other.execute("lock table fbs_dms_document")
        db.execute("update locations set id = 3 - id where id < 3")
        db.commit()
    assert where_they_point(db) == before
    assert retry(db)[1:] == (0, 0)
    assert where_they_point(db) == rekeyed(before, {1: 2, 2: 1})


def test_a_change_of_keys_that_waits_is_not_overtaken_by_the_next(db: psycopg.Connection) -> None:
    make_host(db)
    point(db, MODEL, 1)
    db.commit()
    before = where_they_point(db)
    effect(db, "set fbs.cleanup = 'queue'", "update locations set id = 7 where id = 1")
    effect(db, "set fbs.cleanup = 'on'", "update locations set id = 8 where id = 7")
    assert retry(db)[1:] == (0, 0)
    assert where_they_point(db) == rekeyed(before, {1: 8})


def test_a_rule_may_delete_what_another_table_refers_to(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    everywhere.execute(NOTES.format(key_type="integer"))
    everywhere.execute("""
        create table lines (id integer, note integer references notes on delete cascade deferrable initially deferred);
        insert into lines select id, id from notes""")
    add_rule(everywhere, key_column="key", model_column="model")
    effect(everywhere, "delete from locations where id = 1")
    assert rows(everywhere, "select note from lines order by 1") == [(12,), (21,), (22,), (31,), (32,)]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"table_name": "public.nowhere", "key_column": "key"}, "there is no table public.nowhere"),
    ({"key_column": "nothing"}, "table public.notes has no column nothing"),
    ({"key_column": "key", "model_column": "nothing"}, "has no column nothing"),
    ({"key_column": "key", "only_if": {"nothing": ["a"]}}, "has no column nothing"),
    ({"key_column": "key", "unless": {"nothing": ["a"]}}, "has no column nothing"),
    ({"key_column": "key", "action": "set columns", "set_columns": {"nothing": 1}}, "has no column nothing"),
    ({"key_column": "ended"}, "column ended of public.notes is of type timestamp with time zone"),
    ({"key_column": "nr", "json_column": "state"}, "column state of public.notes is not of type jsonb"),
    ({"key_column": "nr", "json_column": "facts", "action": "set null"}, "set null is for a key in a column"),
    ({"key_column": "key", "action": "set columns", "set_columns": {"ended": "tomorrowish"}}, "invalid input syntax"),
    ({"key_column": "key", "only_if": {"state": "pending"}}, "cannot extract elements from a scalar"),
    ({"key_column": "key", "only_if": ["state"]}, "cannot"),
    ({"key_column": "ctid"}, "has no column ctid"),
]


@pytest.mark.parametrize(("rule", "said"), REFUSED)
def test_a_rule_that_cannot_work_is_refused(db: psycopg.Connection, rule: dict[str, Any], said: str) -> None:
    db.execute(NOTES.format(key_type="integer"))
    filled = {"model_name": MODEL} | rule
    if isinstance(filled.get("only_if"), list):
        filled["only_if"] = json.dumps(filled["only_if"])
    with pytest.raises(psycopg.Error, match=said) as caught:
        add_rule(db, **filled)
    assert caught.value.sqlstate == "FB021"


@pytest.mark.parametrize(
    "rule",
    [
        {"key_column": "key"},
        {"key_column": "key", "model_name": MODEL, "action": "explode"},
        {"key_column": "key", "model_name": MODEL, "action": "set columns"},
        {"key_column": "key", "model_name": MODEL, "set_columns": {"state": "x"}},
    ],
)
def test_a_rule_that_is_not_whole_is_refused(db: psycopg.Connection, rule: dict[str, Any]) -> None:
    db.execute(NOTES.format(key_type="integer"))
    with pytest.raises(psycopg.Error) as caught:
        add_rule(db, **rule)
    assert caught.value.sqlstate in ("23514", "FB021")


# --- the queue and the sweep ---


@pytest.mark.parametrize("by", ["mode", "session", "threshold"])
def test_the_queue_comes_to_the_same_as_cleaning_at_once(everywhere: psycopg.Connection, by: str) -> None:
    expected = make_rentals(everywhere)
    everywhere.execute(
        {
            "mode": "update fbs_settings set value = 'queue' where name = 'cleanup'",
            "session": "set fbs.cleanup = 'queue'",
            "threshold": "update fbs_settings set value = 1 where name = 'cleanup_threshold'",
        }[by]
    )
    everywhere.commit()
    assert effect(everywhere, "delete from locations") == {}
    assert sorted((model, operation, sorted(keys)) for model, operation, keys, *_ in queued(everywhere)) == [
        ("rentals.leases", "delete", ["1", "2"]),
        ("rentals.locations", "delete", ["1", "2"]),
        ("rentals.rooms", "delete", [str(UUID(int=1)), str(UUID(int=2))]),
    ]
    before = snapshot(everywhere)
    assert retry(everywhere) == (3, 0, 0)
    assert changes(before, snapshot(everywhere)) == merged(map(merged, expected.values()))


def test_many_keys_are_queued_in_parts(db: psycopg.Connection) -> None:
    make_host(db, [])
    db.execute("insert into locations select n from generate_series(1, 2500) as n; set fbs.cleanup = 'queue'")
    db.execute("delete from locations")
    parts = [keys for _, _, keys, *_ in queued(db)]
    assert [len(keys) for keys in parts] == [1000, 1000, 500]
    assert {key for keys in parts for key in keys} == {str(key) for key in range(1, 2501)}


def test_switched_off_nothing_is_cleaned_nor_queued_and_the_sweep_finds_it(
    everywhere: psycopg.Connection,
) -> None:
    make_host(everywhere)
    expected = point(everywhere, MODEL, 1)
    point(everywhere, MODEL, 2)
    everywhere.commit()
    assert effect(everywhere, "set fbs.cleanup = 'off'", "delete from locations where id = 1") == {}
    assert queued(everywhere) == []
    everywhere.execute("reset fbs.cleanup")
    before = snapshot(everywhere)
    assert rows(everywhere, "select * from fbs_sweep_orphans()") == [(MODEL, 1, len(expected), None)]
    assert changes(before, snapshot(everywhere)) == expected
    assert rows(everywhere, "select * from fbs_sweep_orphans()") == [(MODEL, 0, 0, None)]


def test_the_sweep_finds_exactly_the_orphans(everywhere: psycopg.Connection) -> None:
    expected = {}
    hosts: list[tuple[str, str, list[Any]]] = [
        ("a.whole", "integer", [1, 2]),
        ("a.long", "bigint", [1, 2**40]),
        ("a.uuid", "uuid", [UUID(int=1), UUID(int=2)]),
        ("a.text", "text", ["x", "007"]),
    ]
    for model, key_type, keys in hosts:
        make_host(everywhere, keys, table=f"host_{key_type}", key_type=key_type, model=model)
        for key in keys:
            point(everywhere, model, key, every=False)
        missing: list[Any] = [98, 99] if isinstance(keys[0], int) else [UUID(int=98), UUID(int=99)]
        expected[model] = merged(point(everywhere, model, key, every=False) for key in missing)
    point(everywhere, "not.attached", 1)
    everywhere.commit()
    found = effect(everywhere, "select fbs_sweep_orphans('a.long')")
    assert found == expected.pop("a.long")
    assert effect(everywhere, "select fbs_sweep_orphans()") == merged(expected.values())


def test_one_model_that_cannot_be_swept_does_not_hold_up_the_others(db: psycopg.Connection) -> None:
    for model in ("a.first", "b.second"):
        make_host(db, table=model.replace(".", "_"), model=model)
        expected = point(db, model, 99, every=False)
    db.execute("alter table a_first rename column id to number")
    db.commit()
    before = snapshot(db)
    swept = rows(db, "select * from fbs_sweep_orphans()")
    assert swept == [
        ("a.first", None, None, "table a_first has no column id"),
        ("b.second", 1, len(expected), None),
    ]
    assert changes(before, snapshot(db)) == expected


def test_what_a_rule_has_set_is_no_orphan_any_more(db: psycopg.Connection) -> None:
    make_host(db)
    db.execute(NOTES.format(key_type="text") + "; alter table notes add done timestamptz, add said jsonb")
    add_rule(
        db,
        key_column="key",
        model_column="model",
        action="set columns",
        set_columns={"state": "gone", "said": {"a": 1}, "done": "now"},
    )
    db.execute("update notes set model = %s, key = '99'", [MODEL])
    db.commit()
    [(_, orphans, touched, _)] = rows(db, "select * from fbs_sweep_orphans()")
    assert (orphans, touched) == (1, rows(db, "select count(*) from notes")[0][0])
    assert rows(db, "select * from fbs_sweep_orphans()") == [(MODEL, 0, 0, None)]


def test_a_retry_leaves_alone_what_is_back(everywhere: psycopg.Connection) -> None:
    make_host(everywhere)
    point(everywhere, MODEL, 1)
    expected = point(everywhere, MODEL, 2)
    everywhere.execute("set fbs.cleanup = 'queue'")
    everywhere.execute("delete from locations where id < 3; insert into locations values (1)")
    everywhere.commit()
    assert effect(everywhere, "select fbs_retry_cleanup()") == expected
    assert queued(everywhere) == []


def test_two_workers_share_the_queue(db: psycopg.Connection, second: Connect) -> None:
    make_host(db, range(1, 41))
    expected = merged(point(db, MODEL, key, every=False) for key in range(1, 41))
    db.execute("set fbs.cleanup = 'queue'")
    for key in range(1, 41):
        db.execute("delete from locations where id = %s", (key,))
    db.commit()
    before = snapshot(db)
    db.commit()
    first, other = second(db), second(db)
    with first.transaction():
        assert rows(first, "select done, failed from fbs_retry_cleanup(15)") == [(15, 0)]
        other.execute("set lock_timeout = '5s'")
        assert rows(other, "select done, failed from fbs_retry_cleanup()") == [(25, 0)]
    assert rows(other, "select done, failed, waiting from fbs_retry_cleanup()") == [(0, 0, 0)]
    assert changes(before, snapshot(db)) == expected


def test_a_worker_takes_what_is_due(db: psycopg.Connection) -> None:
    make_host(db)
    db.execute("set fbs.cleanup = 'queue'; delete from locations")
    db.execute("update fbs_cleanup_queue set next_attempt_at = now() + interval '1 hour'")
    due = "select done, failed, waiting from fbs_retry_cleanup(due_only => true)"
    assert rows(db, due) == [(0, 0, 1)]
    assert rows(db, "select done, failed, waiting from fbs_retry_cleanup()") == [(1, 0, 0)]


# --- settings ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup", "maybe"),
        ("cleanup", None),
        ("cleanup_threshold", "0"),
        ("cleanup_threshold", "many"),
        ("cleanup_threshold", None),
        ("cleanup_lock_timeout", "-1"),
        ("cleanup_lock_timeout", "1.5"),
        ("keep_tokens", "99999999999999999999"),
    ],
)
def test_a_setting_takes_only_what_it_can_have(db: psycopg.Connection, name: str, value: str | None) -> None:
    with pytest.raises(psycopg.Error, match=f"setting {name} takes") as caught:
        db.execute("update fbs_settings set value = %s where name = %s", (value, name))
    assert caught.value.sqlstate == "FB010"


def test_every_setting_has_a_description_and_a_value_it_can_have(db: psycopg.Connection) -> None:
    db.execute("update fbs_settings set value = value")
    assert rows(db, "select name from fbs_settings where description = ''") == []


# --- files ---


def files_waiting(connection: psycopg.Connection) -> list[str]:
    return [file for (file,) in rows(connection, "select file from fbs_file_deletions order by file")]


def claimed(connection: psycopg.Connection, batch: int = 100) -> dict[str, int]:
    return {file: number for number, file in rows(connection, f"select * from fbs_claim_files({batch})")}


def attachments(connection: psycopg.Connection, files: Sequence[str]) -> None:
    for file in files:
        add(connection, "fbs_dms_file_attachment", file=file, company_id=file[:1])
    connection.commit()


def test_a_deleted_attachment_queues_its_file_once(installed_everywhere: psycopg.Connection) -> None:
    attachments(installed_everywhere, ["a", "b", "b", "c", "d", ""])
    installed_everywhere.execute("delete from fbs_dms_file_attachment where file in ('a', 'b', '')")
    assert files_waiting(installed_everywhere) == ["a", "b"]
    installed_everywhere.rollback()
    assert files_waiting(installed_everywhere) == []
    installed_everywhere.execute("delete from fbs_dms_file_attachment where file = 'a'")
    installed_everywhere.execute("delete from fbs_dms_file_attachment where file = 'none'")
    assert files_waiting(installed_everywhere) == ["a"]


def test_a_file_of_a_deleted_user_is_queued(installed_everywhere: psycopg.Connection) -> None:
    make_users(installed_everywhere)
    add(installed_everywhere, "fbs_dms_file_attachment", file="dms/a.pdf", uploaded_by_id=2)
    add(installed_everywhere, "fbs_dms_file_attachment", file="dms/b.pdf", uploaded_by_id=3)
    attach_users(installed_everywhere, "auth_user")
    effect(installed_everywhere, "delete from auth_user where id = 2")
    assert files_waiting(installed_everywhere) == ["dms/a.pdf"]


def test_no_file_is_claimed_before_the_deletion_has_committed(installed: psycopg.Connection, second: Connect) -> None:
    attachments(installed, ["a"])
    other = second(installed)
    installed.execute("delete from fbs_dms_file_attachment")
    assert claimed(other) == {}
    installed.commit()
    assert list(claimed(other)) == ["a"]


def test_truncated_attachments_queue_their_files(installed: psycopg.Connection) -> None:
    attachments(installed, ["a", "b"])
    installed.execute("truncate fbs_dms_file_attachment cascade")
    assert files_waiting(installed) == ["a", "b"]
    installed.rollback()
    assert files_waiting(installed) == []


def test_a_statement_timeout_in_the_queueing_of_files_does_not_fail_the_deletion(installed: psycopg.Connection) -> None:
    attachments(installed, ["a", "b"])
    installed.execute(
        "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(60); return new; end';"
        "create trigger slow before insert on fbs_file_deletions for each row execute function slow();"
    )
    installed.commit()
    said: list[str] = []
    installed.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
    for patience in (60, 600, 6000):  # on a slow machine the deletion itself may take longer than that
        installed.execute(f"set statement_timeout = {patience}")
        try:
            installed.execute("delete from fbs_dms_file_attachment where file = 'a'")
            break
        except psycopg.errors.QueryCanceled:
            installed.rollback()
    installed.commit()
    assert len(said) == 1
    assert "{a}" in said[0]
    assert rows(installed, "select file from fbs_dms_file_attachment") == [("b",)]


def test_a_file_that_another_attachment_names_is_not_claimed(installed_everywhere: psycopg.Connection) -> None:
    attachments(installed_everywhere, ["a", "a", "b"])
    first = "delete from fbs_dms_file_attachment where id = (select min(id) from fbs_dms_file_attachment)"
    installed_everywhere.execute(first)
    assert claimed(installed_everywhere) == {}
    installed_everywhere.execute(first)
    assert list(claimed(installed_everywhere)) == ["a"], "nobody names it any more"


def test_two_workers_share_the_files(installed: psycopg.Connection, second: Connect) -> None:
    attachments(installed, list("abcdef"))
    installed.execute("delete from fbs_dms_file_attachment")
    installed.commit()
    first, other = second(installed), second(installed)
    with first.transaction():
        mine = claimed(first, 4)
        theirs = claimed(other)
        assert (sorted(mine), sorted(theirs)) == (["a", "b", "c", "d"], ["e", "f"])
        for number in mine.values():
            first.execute("select fbs_file_done(%s)", (number,))
    assert files_waiting(installed) == ["e", "f"], "claimed is not done"


def test_a_file_that_could_not_be_removed_waits_longer_each_time(installed_everywhere: psycopg.Connection) -> None:
    attachments(installed_everywhere, ["a"])
    installed_everywhere.execute("delete from fbs_dms_file_attachment")
    (number,) = claimed(installed_everywhere).values()
    waits = []
    for _ in range(14):
        installed_everywhere.execute("select fbs_file_done(%s, %s)", (number, "disk on fire"))
        waits += rows(
            installed_everywhere,
            "select ceil(extract(epoch from next_attempt_at - clock_timestamp()))::int from fbs_file_deletions",
        )
    assert [wait for (wait,) in waits] == [*(2**n for n in range(12)), 3600, 3600]
    assert claimed(installed_everywhere) == {}
    assert rows(installed_everywhere, "select attempts, error from fbs_file_deletions") == [(14, "disk on fire")]
    installed_everywhere.execute("select fbs_file_done(%s)", (number,))
    assert files_waiting(installed_everywhere) == []


# --- retention ---

#: What is kept for how long: the table, its time, and the days that are usual.
KEPT: dict[str, tuple[str, str, int | None]] = {
    "request_logs": ("fbs_request_logs", "timestamp", 90),
    "cache_entries": ("fbs_cache_entries", "expires_at", 0),
    "handshakes": ("fbs_handshakes", "expires_at", 30),
    "tokens": ("fbs_token_mappings", "expires_at", 30),
    "notifications": ("fbs_notifications", "created_at", 90),
    "activity_logs": ("fbs_user_activity_logs", "timestamp", 365),
    "audit_trails": ("fbs_audit_trails", "timestamp", None),
}


def add_aged(connection: psycopg.Connection, what: str, days: float, **values: Any) -> Row:
    table, column, _ = KEPT[what]
    if what == "notifications":
        values = {"is_read": True} | values
    if what == "tokens":  # a user has one in each database
        values |= {"user_id": next(_users)}
    row = add(connection, table, **values)
    connection.execute(f"update {table} set {column} = now() - interval '1 day' * {days} where id = {row[1]}")
    return row


def purge(connection: psycopg.Connection, what: str, batch: int = 5000) -> list[int]:
    """Purge to the end; how many went in each batch."""
    removed, last = [], "{}"
    while last is not None:
        (number, last) = rows(connection, f"select removed, last::text from fbs_purge('{what}', '{last}', {batch})")[0]
        removed.append(number)
    return removed


@pytest.mark.parametrize("what", KEPT)
def test_rows_past_their_time_are_purged_and_no_others(everywhere: psycopg.Connection, what: str) -> None:
    days = KEPT[what][2]
    for other in KEPT:
        if other != what:
            add_aged(everywhere, other, 10000)
    if days is None:
        add_aged(everywhere, what, 10000)
        everywhere.commit()
        assert rows(everywhere, f"select expired from fbs_expired('{{{what}}}') where name = '{what}'") == [(0,)]
        assert effect(everywhere, f"select fbs_purge('{what}')") == {}
        days = 3650
        everywhere.execute(f"update fbs_settings set value = {days} where name = 'keep_{what}'")
        everywhere.execute(f"delete from {KEPT[what][0]} where timestamp < now() - interval '10 days'")
    expected: Changes = {add_aged(everywhere, what, days + age): None for age in (0.01, 1, 1000)}
    for age in (-0.01, -5):
        add_aged(everywhere, what, days + age)
    if what == "notifications":
        add_aged(everywhere, what, 10000, is_read=False)
    if what == "tokens":
        add(everywhere, "fbs_token_mappings", user_id=next(_users), expires_at=None)
    everywhere.execute("delete from fbs_cache_entries where id = 1; delete from fbs_handshakes where id = 1")
    everywhere.commit()
    assert rows(everywhere, f"select expired from fbs_expired('{{{what}}}') where name = '{what}'") == [(3,)]
    assert effect(everywhere, f"select fbs_purge('{what}')") == expected
    assert rows(everywhere, f"select expired from fbs_expired('{{{what}}}') where name = '{what}'") == [(0,)]


def test_the_days_are_those_of_the_settings(installed_everywhere: psycopg.Connection) -> None:
    made = {days: add_aged(installed_everywhere, "request_logs", days) for days in (5, 50, 500, 5000)}
    for days, gone in [(None, []), (36500, []), (100, [500, 5000]), (10, [50]), (0, [5])]:
        installed_everywhere.execute("update fbs_settings set value = %s where name = 'keep_request_logs'", (days,))
        assert effect(installed_everywhere, "select fbs_purge('request_logs')") == {made[age]: None for age in gone}


def test_purging_goes_batch_by_batch(installed_everywhere: psycopg.Connection) -> None:
    for _ in range(7):
        add_aged(installed_everywhere, "request_logs", 100)
        add_aged(installed_everywhere, "request_logs", 1)
    assert purge(installed_everywhere, "request_logs", 3) == [3, 3, 1]
    assert rows(installed_everywhere, "select count(*) from fbs_request_logs") == [(7,)]
    assert purge(installed_everywhere, "request_logs", 3) == [0]


def test_purging_passes_over_rows_in_use(installed: psycopg.Connection, second: Connect) -> None:
    used, *others = [add_aged(installed, "request_logs", 100) for _ in range(5)]
    installed.commit()
    other = second(installed)
    with other.transaction():
        other.execute("select from fbs_request_logs where id = %s for update", (used[1],))
        assert purge(installed, "request_logs", 2) == [2, 2, 0]
        installed.commit()
    assert [number for (number,) in rows(installed, "select id from fbs_request_logs")] == [used[1]]
    assert len(others) == 4
    assert purge(installed, "request_logs") == [1]


def test_what_is_not_kept_for_a_time_cannot_be_purged(installed: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error, match="nothing called everything is kept for a time") as caught:
        installed.execute("select fbs_purge('everything')")
    assert caught.value.sqlstate == "FB030"


def test_retention_knows_the_same_names_as_the_settings(installed: psycopg.Connection) -> None:
    assert dict(rows(installed, "select name, days from fbs_retention")) == {
        name: days for name, (_, _, days) in KEPT.items()
    }
    assert {f"keep_{name}" for name in KEPT} == {
        name for (name,) in rows(installed, "select name from fbs_settings where name like 'keep%'")
    }
