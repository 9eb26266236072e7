"""However FBS is broken, the host's DELETE succeeds, the clean-up is noted, and is made good after mending.

Each test has a database of its own, copied from one in which three roles meet: the
owner of FBS, who owns nothing else; the owner of the host's tables; and the host's
application, which may read and delete the host's rows and nothing more. What is
there at the end is compared with an undamaged twin. Every statement of the host has
a new connection, as what fails when a function is compiled does not fail again.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import dict_row, tuple_row

import fbs_db
from tests.support.servers import Server
from tests.support.versions import sampled

SUPERUSER, OWNER, LANDLORD, APP = "postgres", "breakage_fbs", "breakage_landlord", "breakage_app"
ROOMS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(1, 7)]
DELETE = "delete from rentals.tenants where id <= 3"
BROKEN = "alter table fbs_approval_requests rename to broken"
UNBROKEN = "alter table broken rename to fbs_approval_requests"
#: All this on the newest and the oldest server.
VERSIONS = ["pg18", pytest.param("pg15", marks=pytest.mark.old_postgres)]
#: Times that no two runs have in common; of those that rules set, whether they are set counts.
VOLATILE = {"updated_at", "attached_at", "queued_at", "next_attempt_at"}
SET_BY_RULES = {"completed_at"}

ROLES = f"""
do $$
declare
    name text;
begin
    foreach name in array '{{{OWNER},{LANDLORD},{APP}}}'::text[] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I login', name);
        end if;
    end loop;
end;
$$;
grant usage, create on schema public to {OWNER};
"""

HOST = f"""
create schema rentals authorization {LANDLORD};
set role {LANDLORD};
create table rentals.people (id bigint primary key, name text not null);
create table rentals.tenants (id bigint primary key, name text not null);
create table rentals.rooms (id uuid primary key, name text not null);
create table rentals.leases (
    id bigint primary key, tenant_id bigint, room_id uuid, status text not null default 'running', ended boolean
);
create table rentals.visits (id bigint primary key) partition by range (id);
create table rentals.visits_low partition of rentals.visits for values from (1) to (100);
create table rentals.visits_high partition of rentals.visits for values from (100) to (1000);
insert into rentals.people select n, 'person ' || n from generate_series(1, 6) as n;
insert into rentals.tenants select n, 'tenant ' || n from generate_series(1, 6) as n;
insert into rentals.rooms
select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'room ' || n from generate_series(1, 6) as n;
insert into rentals.leases (id, tenant_id, room_id)
select n, n, ('00000000-0000-4000-8000-00000000000' || n)::uuid from generate_series(1, 6) as n;
insert into rentals.visits select n from generate_series(1, 6) as n;
insert into rentals.visits select n from generate_series(100, 106) as n;
grant usage on schema rentals to {OWNER}, {APP};
grant select, references, trigger on all tables in schema rentals to {OWNER};
grant select, delete on all tables in schema rentals to {APP};
reset role;
-- Rules are for tables of FBS's owner.
alter table rentals.leases owner to {OWNER};
"""

ROWS = """
select fbs_attach_users('rentals.people');
select fbs_attach_host('rentals.tenants', 'rentals.tenant');
select fbs_attach_host('rentals.rooms', 'rentals.room');
select fbs_attach_host('rentals.visits', 'rentals.visit');

-- Rows of other models, and of one that is not attached, have the same keys.
create temp table pointing as
select model, key, n
from
    (values ('rentals.tenant'), ('rentals.visit'), ('others.tenant')) as m (model),
    lateral (select to_jsonb(n) as key, n from generate_series(1, 6) as n) as k
union all
-- Keys are numbers in JSON, or texts.
select 'rentals.tenant', to_jsonb(n::text), n from generate_series(1, 6) as n
union all
select 'rentals.room', to_jsonb(id), right(id::text, 1)::integer from rentals.rooms;

insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
select distinct p.model, p.n, f.name, 'value'
from pointing as p, (values ('colour'), ('size')) as f (name)
where p.model <> 'rentals.room';

insert into fbs_approval_requests (title, description, approval_type, status, requester_id, request_data)
select
    'request', '', 'purchase', s.status, p.n,
    jsonb_build_object('model_name', p.model, 'record_id', p.key, 'amount', 7)
from pointing as p, (values ('pending'), ('approved'), ('rejected')) as s (status);

insert into fbs_workflow_definitions (name, description, workflow_type, solution_name, created_by_id)
values ('moving in', '', 'onboarding', 'rentals', 4);

insert into fbs_workflow_instances
(workflow_definition_id, business_id, status, completed_at, solution_name, workflow_data)
select
    d.id, 'business', s.status, s.completed_at, 'rentals',
    jsonb_build_object('model_name', p.model, 'record_id', p.key)
from
    fbs_workflow_definitions as d, pointing as p,
    (values ('active', null), ('completed', timestamptz '2026-01-01')) as s (status, completed_at);

insert into fbs_dms_document_category (name) values ('contracts');
insert into fbs_dms_document_type (name, code) values ('lease', 'L');

insert into fbs_dms_file_attachment
(file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id)
select 'files/' || n || '.pdf', 'lease.pdf', 1, 'application/pdf', 'c', n, 'company' from generate_series(1, 6) as n;

insert into fbs_dms_document
(name, title, document_type_id, category_id, state, created_by_id, company_id, metadata)
select
    'lease', 'Lease', t.id, c.id, s.state, 5, 'company',
    jsonb_build_object('model_name', p.model, 'record_id', p.key)
from
    fbs_dms_document_type as t, fbs_dms_document_category as c, pointing as p,
    (values ('draft'), ('approved'), ('archived')) as s (state);

insert into fbs_request_logs (user_id, method, path, status_code, response_time, ip_address)
select n, 'GET', '/', 200, 0.1, '127.0.0.1' from generate_series(1, 6) as n;
"""


@dataclass(frozen=True)
class Visit:
    """What came of a statement of the host's."""

    rows: int
    warnings: list[str]


@dataclass(frozen=True)
class Place:
    """A database in which FBS may be broken."""

    server: Server
    name: str

    def connect(self, role: str = OWNER, options: str = "") -> psycopg.Connection:
        return psycopg.connect(self.server.url(self.name, role), autocommit=True, options=options)

    def run(self, statements: str, role: str = OWNER) -> None:
        with self.connect(role) as connection:
            connection.execute(statements)

    def rows(self, query: str, role: str = SUPERUSER, options: str = "") -> list[tuple[Any, ...]]:
        with self.connect(role, options) as connection, connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query).fetchall()

    def visit(self, statement: str, *arguments: object, role: str = APP, options: str = "") -> Visit:
        """A statement of the host's, on a connection that has done nothing before."""
        said: list[str] = []
        with self.connect(role, options) as connection:
            connection.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
            cursor = connection.execute(statement, arguments or None)
            return Visit(cursor.rowcount, said)

    def queue(self) -> list[dict[str, Any]]:
        with self.connect(SUPERUSER) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute("select * from fbs_cleanup_queue order by id").fetchall()

    def retry(self) -> tuple[int, int, int]:
        ((done, failed, waiting),) = self.rows("select * from fbs_retry_cleanup()", OWNER)
        return done, failed, waiting

    def sweep(self) -> list[str]:
        """Sweep, and what went wrong."""
        return [error for (error,) in self.rows("select error from fbs_sweep_orphans()", OWNER) if error]

    def contents(self) -> dict[str, list[str]]:
        """Every row of FBS and of the host, without what no two runs have in common."""
        tables = self.rows(
            "select oid::regclass::text from pg_class where relkind = 'r'"
            " and (relnamespace = 'public'::regnamespace and relname like 'fbs\\_%'"
            " or relnamespace = 'rentals'::regnamespace)"
        )
        union = " union all ".join(f"select '{name}', to_jsonb(t) from {name} as t" for (name,) in tables)
        found: dict[str, list[str]] = {}
        for name, row in self.rows(union):
            kept = {
                column: (value is not None) if column in SET_BY_RULES else value
                for column, value in row.items()
                if column not in VOLATILE
            }
            found.setdefault(name, []).append(str(sorted(kept.items())))
        return {name: sorted(rows) for name, rows in found.items()}


@dataclass
class World:
    """A server with the database that all others are copied from."""

    server: Server
    template: Place
    twins: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict)

    @contextmanager
    def copy(self) -> Iterator[Place]:
        name = self.server.create(template=self.template.name)
        try:
            yield Place(self.server, name)
        finally:
            self.server.drop(name)

    def healthy(self, statement: str, setup: str = "") -> dict[str, list[str]]:
        """What an undamaged twin holds after a statement of the host's."""
        if (statement, setup) not in self.twins:
            with self.copy() as twin:
                twin.run(setup, SUPERUSER)
                before = twin.contents()
                assert twin.visit(statement).warnings == []
                assert twin.queue() == []
                self.twins[statement, setup] = twin.contents()
                assert self.twins[statement, setup] != before
        return self.twins[statement, setup]


def make_world(server: Server) -> Iterator[World]:
    template = Place(server, server.create())
    template.run(ROLES + HOST, SUPERUSER)
    fbs_db.migrate(server.url(template.name, OWNER))
    template.run(ROWS)
    yield World(server, template)
    server.drop(template.name)


@pytest.fixture(scope="module", params=VERSIONS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    yield from make_world(request.getfixturevalue(request.param))


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    with world.copy() as copy:
        yield copy


@dataclass(frozen=True)
class Damage:
    """A way to break FBS, and to mend it; and what of it the queue is to hold.

    Attributes:
        state: the code recorded, or None where the clean-up works all the same.
        said: pattern of the error recorded, or of the warning.
        rules: the rules left undone; empty where none was done.
        warns: nothing can be recorded, and a warning tells.
        setup: what the undamaged twin has too.
    """

    name: str
    breaking: str
    mending: str
    state: str | None = None
    said: str = ""
    rules: tuple[str, ...] = ()
    warns: bool = False
    role: str = OWNER
    setup: str = ""
    statement: str = DELETE
    operation: str = "delete"
    keys: str = "1,2,3"


TABLES = {
    "custom_fields": "fbs_custom_fields",
    "approval_requests": "fbs_approval_requests",
    "workflow_instances": "fbs_workflow_instances",
    "documents": "fbs_dms_document",
}
COLUMNS = {
    "custom_fields": ("model_name", "record_id"),
    "approval_requests": ("request_data", "status", "updated_at"),
    "workflow_instances": ("workflow_data", "status", "completed_at"),
    "documents": ("metadata", "state", "updated_at"),
}


def rename(table: str, column: str = "") -> tuple[str, str]:
    """The statement that takes a table or a column away, and the one that brings it back."""
    if column:
        return (
            f"alter table {table} rename column {column} to elsewhere",
            f"alter table {table} rename column elsewhere to {column}",
        )
    return f"alter table {table} rename to elsewhere", f"alter table elsewhere rename to {table}"


def also(first: tuple[str, str], second: tuple[str, str]) -> tuple[str, str]:
    return f"{first[0]}; {second[0]}", f"{second[1]}; {first[1]}"


def dropped(table: str) -> tuple[str, str]:
    """Drops a table, whose rows come back from a copy."""
    return (
        f"create table saved (like {table} including all); insert into saved overriding system value table {table};"
        f"drop table {table} cascade",
        f"alter table saved rename to {table}",
    )


def failing(table: str, statement: str, event: str = "update") -> tuple[str, str]:
    """A trigger on a table that does something wrong."""
    return (
        f"create function wrong() returns trigger language plpgsql as $$ begin {statement}; return null; end $$;"
        f"create trigger wrong after {event} on {table} for each statement execute function wrong()",
        f"drop trigger wrong on {table}; drop function wrong()",
    )


def own_rule(table: str, column: str, action: str = "delete", more: str = "", values: str = "") -> str:
    """A rule of the host's own."""
    return f"""
        insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description{more})
        values ('own', '{table}', '{column}', 'rentals.tenant', '{action}', ''{values});
        """


LEASES_END = own_rule("rentals.leases", "tenant_id")
LEASES_STOP = own_rule(
    "rentals.leases", "tenant_id", "set columns", ", set_columns", """, '{"status": "stopped", "ended": "true"}'"""
)
GRANT = f"grant truncate, update on rentals.tenants, rentals.visits to {APP};"
BROKEN_RULE = ("approval_requests",)
REKEY = "update rentals.tenants set id = id + 100 where id <= 3"


def damages() -> Iterator[Damage]:
    """The damages whose way is: break, delete, see the record, mend, retry."""
    for rule, table in TABLES.items():
        yield Damage(f"{table}-away", *rename(table), "42P01", "does not exist", (rule,))
        for column in COLUMNS[rule]:
            said = 'has no field "updated_at"' if column == "updated_at" else f"{column}.* does not exist"
            yield Damage(f"{table}.{column}-away", *rename(table, column), "42703", said, (rule,))
        yield Damage(
            f"{table}-row-security-forced",
            f"alter table {table} enable row level security, force row level security",
            f"alter table {table} disable row level security, no force row level security",
            "42501", "row-level security", (rule,),
        )  # fmt: skip
        yield Damage(
            f"{table}-no-privilege-for-the-owner",
            f"revoke all on {table} from {OWNER}",
            f"grant all on {table} to {OWNER}",
            "42501", "permission denied", (rule,),
        )  # fmt: skip
    yield Damage("fbs_custom_fields-dropped", *dropped("fbs_custom_fields"), "42P01", "", ("custom_fields",))
    yield Damage(
        "all-tables-away",
        "; ".join(f"alter table {table} rename to {table}_away" for table in TABLES.values()),
        "; ".join(f"alter table {table}_away rename to {table}" for table in TABLES.values()),
        "42P01", "", tuple(sorted(TABLES)),
    )  # fmt: skip
    yield Damage(
        "indexes-dropped",
        "do $$ declare name text; begin for name in select i.indexrelid::regclass from pg_index as i"
        " left join pg_constraint as c on i.indexrelid = c.conindid"
        " where c.oid is null and i.indrelid::regclass::text in ("
        + ", ".join(f"'{table}'" for table in [*TABLES.values(), "fbs_cleanup_queue"])
        + ") loop execute 'drop index ' || name; end loop; end $$",
        "select",
    )
    yield Damage(
        "column-of-another-type",
        "drop view fbs_custom_fields_values, fbs_custom_fields_objects;"
        "alter table fbs_custom_fields alter record_id type text",
        "alter table fbs_custom_fields alter record_id type integer using record_id::integer",
    )  # fmt: skip
    yield Damage(
        "check-that-refuses",
        "alter table fbs_dms_document add constraint refuse check (state <> 'archived') not valid",
        "alter table fbs_dms_document drop constraint refuse",
        "23514", "refuse", ("documents",),
    )  # fmt: skip
    yield Damage(
        "column-that-must-not-be-null",
        "alter table fbs_workflow_instances add mark text default 'a';"
        "alter table fbs_workflow_instances alter mark set not null;"
        "create function unmark() returns trigger language plpgsql as $$ begin new.mark := null; return new; end $$;"
        "create trigger unmark before update on fbs_workflow_instances for each row execute function unmark()",
        "drop trigger unmark on fbs_workflow_instances; drop function unmark();"
        "alter table fbs_workflow_instances drop mark",
        "23502", "mark", ("workflow_instances",),
    )  # fmt: skip
    yield Damage(
        "unique-index-in-the-way",
        "create unique index way on fbs_approval_requests (status) where status = 'cancelled'",
        "drop index way",
        "23505", "way", BROKEN_RULE,
    )  # fmt: skip
    yield Damage(
        "foreign-key-in-the-way",
        "create table pins (field bigint references fbs_custom_fields);"
        "insert into pins select id from fbs_custom_fields where record_id = 2 and model_name = 'rentals.tenant'",
        "drop table pins",
        "23503", "pins", ("custom_fields",),
    )  # fmt: skip
    yield Damage(
        "deferred-foreign-key-in-the-way",
        "create table pins (field bigint references fbs_custom_fields deferrable initially deferred);"
        "insert into pins select id from fbs_custom_fields where record_id = 2 and model_name = 'rentals.tenant'",
        "drop table pins",
        "23503", "pins", ("custom_fields",),
    )  # fmt: skip
    for name, statement, state in (
        ("raise", "raise exception 'no'", "P0001"),
        ("assert", "assert false, 'no'", "P0004"),
        ("division", "perform 1 / 0", "22012"),
        ("code-of-its-own", "raise exception 'no' using errcode = 'AB123'", "AB123"),
        ("endless-recursion", "update fbs_approval_requests set title = title where false", "54001"),
        ("numbers", "perform 'seven'::integer", "22P02"),
    ):
        yield Damage(f"trigger-with-{name}", *failing("fbs_approval_requests", statement), state, "", BROKEN_RULE)
    for state in ("40001", "40P01", "55P03"):
        # These end the attempt for all rules.
        yield Damage(
            f"trigger-like-{state}",
            *failing("fbs_dms_document", f"raise exception 'no' using errcode = '{state}'"),
            state, "no",
        )  # fmt: skip

    yield Damage(
        "settings-deleted",
        "create table saved as table fbs_settings; delete from fbs_settings",
        "insert into fbs_settings select * from saved; drop table saved",
    )
    terms = ("alter view fbs_cleanup_terms rename to terms", "alter view terms rename to fbs_cleanup_terms")
    yield Damage("fbs_settings-away", *rename("fbs_settings"))  # the view that reads them goes along
    yield Damage("fbs_cleanup_terms-away", *terms, "42P01", "fbs_cleanup_terms")
    yield Damage(
        "settings-unchecked",
        "drop trigger fbs_settings_check on fbs_settings",
        "create trigger fbs_settings_check before insert or update on fbs_settings"
        " for each row execute function fbs_check_setting()",
    )
    for name, state in (("cleanup_threshold", "22P02"), ("cleanup_lock_timeout", "22023")):
        yield Damage(
            f"{name}-nonsense",
            "alter table fbs_settings disable trigger user;"
            f"update fbs_settings set value = value || ' parsecs' where name = '{name}'",
            f"update fbs_settings set value = replace(value, ' parsecs', '') where name = '{name}';"
            "alter table fbs_settings enable trigger user",
            state, "parsecs",
        )  # fmt: skip
    # What the rules say is written down in fbs_apply_rules.
    yield Damage("fbs_cleanup_rules-away", *rename("fbs_cleanup_rules"))
    yield Damage(
        "fbs_settings-row-security-forced",
        "alter table fbs_settings enable row level security, force row level security",
        "alter table fbs_settings disable row level security, no force row level security",
        "42501", "row-level security",
    )  # fmt: skip
    yield Damage(
        "fbs_settings-no-privilege-for-the-owner",
        f"revoke all on fbs_settings from {OWNER}", f"grant all on fbs_settings to {OWNER}",
        "42501", "permission denied",
    )  # fmt: skip
    yield Damage(
        "fbs_cleanup_targets-no-privilege-for-the-owner",
        f"revoke all on fbs_cleanup_targets from {OWNER}", f"grant all on fbs_cleanup_targets to {OWNER}",
        said="42501", warns=True,
    )  # fmt: skip
    yield Damage("fbs_hosts-away", *rename("fbs_hosts"), said="fbs_hosts", warns=True, keys="")
    yield Damage(
        "nothing-for-the-application",
        f"revoke all on all tables in schema public from public, {APP};"
        f"revoke all on all functions in schema public from public, {APP};"
        f"revoke all on schema public from public, {APP}; grant usage, create on schema public to {OWNER}",
        "select",
        role=SUPERUSER,
    )
    yield Damage(
        "no-function-for-the-owner",
        f"revoke all on all functions in schema public from public, {OWNER}",
        f"grant execute on all functions in schema public to {OWNER}",
        said="42501", warns=True,
    )  # fmt: skip

    broken = rename("fbs_approval_requests")
    unnoted = rename("fbs_cleanup_queue")
    unnoted = (unnoted[0].replace("elsewhere", "lost"), unnoted[1].replace("elsewhere", "lost"))
    yield Damage("queue-away-unneeded", *unnoted)
    queue = "alter table fbs_cleanup_queue"
    for name, change, state in (
        ("away", unnoted, "42P01"),
        ("dropped", dropped("fbs_cleanup_queue"), "42P01"),
        ("keys-away", rename("fbs_cleanup_queue", "keys"), "42703"),
        ("sqlstate-away", rename("fbs_cleanup_queue", "sqlstate"), "42703"),
        (
            "refusing",
            (f"{queue} add constraint no check (operation = 'sweep')", f"{queue} drop constraint no"),
            "23514",
        ),
        ("asserting", failing("fbs_cleanup_queue", "assert false", "insert"), "P0004"),
        (
            "no-privilege",
            (f"revoke all on fbs_cleanup_queue from {OWNER}", f"grant all on fbs_cleanup_queue to {OWNER}"),
            "42501",
        ),
        (
            "row-security",
            (
                f"{queue} enable row level security, force row level security",
                f"{queue} disable row level security, no force row level security",
            ),
            "42501",
        ),
    ):
        yield Damage(f"queue-{name}", *also(broken, change), warns=True, said=state)
    yield Damage(
        "queue-away-and-wanted",
        *also(unnoted, ("update fbs_settings set value = 'queue' where name = 'cleanup'",
                        "update fbs_settings set value = 'on' where name = 'cleanup'")),
        warns=True, said="42P01",
    )  # fmt: skip
    yield Damage("queue-and-settings-away", *also(unnoted, terms), warns=True, said="42P01")
    yield Damage(
        "schema-out-of-bounds",
        f"revoke all on schema public from public, {OWNER}",
        f"grant usage, create on schema public to public, {OWNER}",
        warns=True, role=SUPERUSER, keys="",
    )  # fmt: skip

    # The host's own rules.
    for name, statement, state in (
        ("assert", "assert false", "P0004"),
        ("division", "perform 1 / 0", "22012"),
    ):
        yield Damage(
            f"own-rule-{name}",
            *failing("rentals.leases", statement, "delete"), state, "", ("own",), role=SUPERUSER, setup=LEASES_END,
        )  # fmt: skip
    yield Damage(
        "own-rule-constraint",
        "alter table rentals.leases add constraint stay check (status <> 'stopped')",
        "alter table rentals.leases drop constraint stay",
        "23514", "stay", ("own",), role=SUPERUSER, setup=LEASES_STOP,
    )  # fmt: skip
    yield Damage(
        "own-rule-key-not-null",
        "alter table rentals.leases alter tenant_id set not null",
        "alter table rentals.leases alter tenant_id drop not null",
        "23502", "tenant_id", ("own",), role=SUPERUSER, setup=own_rule("rentals.leases", "tenant_id", "set null"),
    )  # fmt: skip
    yield Damage(
        "own-rule-table-away",
        "alter table rentals.leases rename to contracts", "alter table rentals.contracts rename to leases",
        "42P01", "leases", ("own",), role=SUPERUSER, setup=LEASES_END,
    )  # fmt: skip
    yield Damage(
        "own-rule-no-privilege",
        f"revoke delete on rentals.leases from {OWNER}", f"grant delete on rentals.leases to {OWNER}",
        "42501", "leases", ("own",), role=SUPERUSER, setup=LEASES_END,
    )  # fmt: skip
    payments = (
        "create table rentals.payments (lease_id bigint {} deferrable initially deferred);"
        "insert into rentals.payments values (2)"
    )
    yield Damage(
        "own-rule-deferred-key-away",
        payments.format("references rentals.leases"), "drop table rentals.payments",
        "23503", "payments", ("own",), role=SUPERUSER, setup=LEASES_END,
    )  # fmt: skip
    yield Damage(
        "own-rule-deferred-key-two-tables-away",
        "create table rentals.lines (id bigint primary key references rentals.leases on delete cascade);"
        "insert into rentals.lines values (2);" + payments.format("references rentals.lines"),
        "drop table rentals.payments, rentals.lines",
        "23503", "payments", ("own",), role=SUPERUSER, setup=LEASES_END,
    )  # fmt: skip
    yield Damage(
        "own-rule-deferred-key-outwards",
        "create table rentals.statuses (status text primary key); insert into rentals.statuses values ('running');"
        "alter table rentals.leases add foreign key (status) references rentals.statuses deferrable initially deferred",
        "drop table rentals.statuses cascade",
        "23503", "statuses|status", ("own",), role=SUPERUSER, setup=LEASES_STOP,
    )  # fmt: skip
    yield Damage(
        "own-rule-deferred-uniqueness",
        "alter table rentals.leases add constraint once unique (status, ended) deferrable initially deferred",
        "alter table rentals.leases drop constraint once",
        "23505", "once", ("own",), role=SUPERUSER, setup=LEASES_STOP,
    )  # fmt: skip
    yield Damage(
        "own-rule-deferred-trigger",
        "create function wrong() returns trigger language plpgsql as $$ begin assert false; end $$;"
        "create constraint trigger wrong after delete on rentals.leases deferrable initially deferred"
        " for each row execute function wrong()",
        "drop trigger wrong on rentals.leases; drop function wrong()",
        "P0004", "", ("own",), role=SUPERUSER, setup=LEASES_END,
    )  # fmt: skip

    yield Damage(
        "own-rule-deferred-trigger-on-rekey",
        "create function wrong() returns trigger language plpgsql as $$ begin assert false; end $$;"
        "create constraint trigger wrong after update on rentals.leases deferrable initially deferred"
        " for each row execute function wrong()",
        "drop trigger wrong on rentals.leases; drop function wrong()",
        "P0004", role=SUPERUSER, setup=GRANT + LEASES_END, operation="rekey",
        statement=REKEY,
    )  # fmt: skip

    # Statements other than DELETE on a plain table.
    empty = "truncate rentals.tenants"
    for name, breaking, state in (
        ("table-away", rename("fbs_dms_document"), "42P01"),
        ("rules-away", rename("fbs_cleanup_rules"), "42P01"),
    ):
        yield Damage(
            f"truncate-{name}", *breaking, state, setup=GRANT, statement=empty, operation="sweep", keys="",
        )  # fmt: skip
        yield Damage(
            f"partition-{name}", *breaking, state if name == "table-away" else None,
            rules=("documents",) if name == "table-away" else (),
            statement="delete from rentals.visits_low where id = 3", keys="3",
        )  # fmt: skip
    for name, breaking, state in (
        ("table-away", rename("fbs_custom_fields"), "42P01"),
        ("column-away", rename("fbs_dms_document", "metadata"), "42703"),
        ("rules-away", rename("fbs_cleanup_rules"), "42P01"),
        ("terms-away", terms, "42P01"),
    ):
        yield Damage(
            f"rekey-{name}", *breaking, state, setup=GRANT, statement=REKEY, operation="rekey",
        )  # fmt: skip
        yield Damage(
            f"partition-rekey-{name}", *breaking, state, setup=GRANT,
            statement="update rentals.visits set id = id + 200 where id <= 3", operation="rekey",
        )  # fmt: skip


#: The functions a clean-up needs, each with a statement and what else it takes to need it.
FUNCTIONS = {
    "fbs_on_delete(text, text, text[], boolean, boolean, text[])": (DELETE, "", ""),
    "fbs_apply_rule(text, text, text[], text, boolean)": (DELETE, "", BROKEN),
    "fbs_usable_keys(text[], text)": (f"delete from rentals.rooms where id = '{ROOMS[0]}'", "", ""),
    "fbs_on_truncate(text, text)": ("truncate rentals.tenants", "", ""),
    "fbs_orphan_keys(text, text)": ("truncate rentals.tenants", "", ""),
    "fbs_missing_keys(text, text[], text)": ("truncate rentals.tenants", "", ""),
    "fbs_on_rekey(text, text, text[], text[], boolean, text[])": (REKEY, "", ""),
    "fbs_rekey(text, text[], text[], text, boolean)": (REKEY, "", ""),
    "fbs_queue_cleanup(text, text, text[], text, text, text)": (DELETE, "-c fbs.cleanup=queue", ""),
    "fbs_users_cancel(text, text)": (DELETE, "", BROKEN),
}


def see_recorded(place: Place, damage: Damage, visit: Visit) -> None:
    """What could not be cleaned up is noted: all of it, and nothing else."""
    if damage.warns:
        (warning,) = visit.warnings
        known = r"rentals.tenant, keys \{1,2,3\}" if damage.keys else "rentals.tenants, keys <NULL>"
        assert re.search(f"FBS could not clean up after delete of {known}", warning), warning
        assert re.search(damage.said, warning), warning
        return
    assert visit.warnings == []
    jobs = place.queue()
    assert {job["sqlstate"] for job in jobs} == {damage.state}, jobs
    assert {job["operation"] for job in jobs} == {damage.operation}
    assert all(re.search(damage.said, job["error"]) for job in jobs), jobs
    assert {job["rule_name"] for job in jobs} == set(damage.rules or [None]), jobs
    assert {key for job in jobs for key in job["keys"]} == set(damage.keys.split(",")) - {""}


def too_early(place: Place) -> None:
    """Someone who does not know yet what is broken tries."""
    with suppress(psycopg.Error):
        place.retry()
    with suppress(psycopg.Error):
        place.sweep()


def make_good(place: Place) -> None:
    """Retry, after which nothing is left to do."""
    _, failed, waiting = place.retry()
    assert (failed, waiting) == (0, 0), place.queue()


@pytest.mark.parametrize("damage", sampled(damages(), 3), ids=lambda damage: damage.name)
def test_the_delete_succeeds_and_after_mending_all_is_as_it_should_be(
    world: World, place: Place, damage: Damage
) -> None:
    place.run(damage.setup, SUPERUSER)
    place.run(damage.breaking, damage.role)
    visit = place.visit(damage.statement)
    if damage.state is None and not damage.warns:
        assert visit.warnings == []
        place.run(damage.mending, damage.role)
    else:
        see_recorded(place, damage, visit)
        too_early(place)
        place.run(damage.mending, damage.role)
        if damage.warns:
            assert place.sweep() == []
        else:
            make_good(place)
    assert place.contents() == world.healthy(damage.statement, damage.setup)


@pytest.mark.parametrize("how", ["dropped", "renamed", "raising"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_is_gone_or_raises(world: World, place: Place, function: str, how: str) -> None:
    statement, options, breaking = FUNCTIONS[function]
    name, arguments = function.split("(", 1)
    ((definition, raising),) = place.rows(
        "select pg_get_functiondef(p.oid),"
        " format('create or replace function %I(%s) returns %s language plpgsql as $$ begin raise ''no''; end $$',"
        " p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid))"
        f" from pg_proc as p where p.oid = '{function}'::regprocedure"
    )
    broken, mended = {
        "dropped": (f"drop function {function}", definition),
        "renamed": (f"alter function {function} rename to wrong", f"alter function wrong({arguments} rename to {name}"),
        "raising": (raising, definition),
    }[how]
    place.run(GRANT, SUPERUSER)
    place.run(f"{broken}; {breaking}")
    assert place.visit(statement, options=options).warnings == []
    assert {job["sqlstate"] for job in place.queue()} == {"P0001" if how == "raising" else "42883"}
    too_early(place)
    place.run(mended)
    if breaking:
        place.run(UNBROKEN)
    make_good(place)
    assert place.contents() == world.healthy(statement, GRANT)


def test_without_the_function_written_from_the_rules_they_are_applied_one_by_one(world: World, place: Place) -> None:
    place.run("drop function fbs_apply_rules(text, text[], text, boolean, bigint)")
    assert place.visit(DELETE) == Visit(3, [])
    assert place.queue() == []
    assert place.contents() == world.healthy(DELETE)


def test_a_trigger_function_of_the_package_tables_that_raises(world: World, place: Place) -> None:
    ((definition,),) = place.rows("select pg_get_functiondef('fbs_touch'::regproc)")
    place.run("create or replace function fbs_touch() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    place.visit(DELETE)
    assert {job["rule_name"] for job in place.queue()} == {"approval_requests", "documents"}
    too_early(place)
    place.run(definition)
    make_good(place)
    assert place.contents() == world.healthy(DELETE)


@pytest.mark.parametrize("lost", ["the function", "a trigger", "all triggers", "disabled"])
def test_triggers_that_are_gone_come_back_with_attach_which_looks_for_what_they_missed(
    world: World, place: Place, lost: str
) -> None:
    ((definition,),) = place.rows("select pg_get_functiondef('fbs_cleanup'::regproc)")
    if lost == "the function":
        place.run("drop function fbs_cleanup() cascade")
    elif lost == "a trigger":
        place.run("drop trigger fbs_cleanup_delete on rentals.tenants", LANDLORD)
    elif lost == "all triggers":
        place.run("select fbs_detach_host('rentals.tenants')", SUPERUSER)
        place.run(
            "insert into fbs_hosts (host_table, model_name, key_column, key_is_unique, follows_keys)"
            " values ('rentals.tenants', 'rentals.tenant', 'id', true, true)"
        )
    else:
        place.run("alter table rentals.tenants disable trigger user", LANDLORD)
    assert place.visit(DELETE) == Visit(3, [])
    assert place.queue() == []
    place.run(definition)
    for table, model in (("tenants", "tenant"), ("rooms", "room"), ("visits", "visit")):
        place.run(f"select fbs_attach_host('rentals.{table}', 'rentals.{model}')")
    assert {job["operation"] for job in place.queue()} == {"sweep"}
    make_good(place)
    assert place.contents() == world.healthy(DELETE)
    assert place.visit("delete from rentals.tenants where id = 4").warnings == []
    assert place.rows("select from fbs_custom_fields where model_name = 'rentals.tenant' and record_id = 4") == []


def fbs_only(contents: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: rows for name, rows in contents.items() if name.startswith("fbs_") and name != "fbs_hosts"}


@pytest.mark.parametrize("mended", ["renamed back", "attached again"])
@pytest.mark.parametrize(
    ("table", "deleted_from"), [("tenants", "tenants"), ("visits", "visits"), ("visits", "visits_low")]
)
def test_a_key_column_of_the_hosts_that_is_renamed(
    world: World, place: Place, table: str, deleted_from: str, mended: str
) -> None:
    """Nothing is lost, least of all the rows of hosts that are still there."""
    before = fbs_only(place.contents())
    place.run(f"alter table rentals.{table} rename id to number", LANDLORD)
    assert place.visit(f"delete from rentals.{deleted_from} where number <= 3") == Visit(3, [])
    assert {(job["operation"], job["sqlstate"]) for job in place.queue()} == {("sweep", "42703")}
    _, failed, waiting = place.retry()
    assert failed == waiting > 0
    assert place.sweep() == [f"table rentals.{table} has no column id"]
    after = fbs_only(place.contents())
    assert {**after, "fbs_cleanup_queue": []} == {**before, "fbs_cleanup_queue": []}

    if mended == "renamed back":
        place.run(f"alter table rentals.{table} rename number to id", LANDLORD)
    else:
        place.run(f"select fbs_attach_host('rentals.{table}', 'rentals.{table[:-1]}')")
    make_good(place)
    assert fbs_only(place.contents()) == fbs_only(world.healthy(f"delete from rentals.{deleted_from} where id <= 3"))


def test_a_key_that_changes_in_a_column_that_was_renamed(place: Place) -> None:
    place.run(GRANT, SUPERUSER)
    place.run("alter table rentals.visits rename id to number", LANDLORD)
    assert place.visit("update rentals.visits set number = number + 200 where number <= 3") == Visit(3, [])
    assert {(job["operation"], job["sqlstate"]) for job in place.queue()} == {("sweep", "42703")}


# Locks and time


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def waits(place: Place, event: str) -> bool:
    """Whether a session of the host's application waits, for a lock or in pg_sleep."""
    return bool(
        place.rows(
            "select from pg_stat_activity where datname = current_database()"
            f" and usename = '{APP}' and state = 'active' and '{event}' in (wait_event_type, wait_event)"
        )
    )


@pytest.mark.parametrize(
    ("tables", "warns"),
    [
        *(((table,), False) for table in TABLES.values()),
        (tuple(TABLES.values()), False),
        (("fbs_settings",), False),
        (("fbs_approval_requests", "fbs_cleanup_queue"), True),
        (("fbs_settings", "fbs_cleanup_queue"), True),
    ],
    ids=str,
)
def test_a_locked_table_is_not_waited_for(world: World, place: Place, tables: tuple[str, ...], warns: bool) -> None:
    with place.connect() as other, other.transaction():
        other.execute(f"lock table {', '.join(tables)} in access exclusive mode")
        start = time.monotonic()
        visit = place.visit(DELETE)
        assert time.monotonic() - start < 20
    assert visit.rows == 3
    if warns:
        see_recorded(place, Damage("", "", "", warns=True, said="55P03"), visit)
        assert place.sweep() == []
    else:
        see_recorded(place, Damage("", "", "", "55P03", "lock timeout"), visit)
        make_good(place)
    assert place.contents() == world.healthy(DELETE)


def test_how_long_a_lock_is_waited_for_is_a_setting(place: Place) -> None:
    place.run("update fbs_settings set value = '700' where name = 'cleanup_lock_timeout'")
    with place.connect() as other, other.transaction():
        other.execute("update fbs_dms_document set title = title")
        start = time.monotonic()
        # A shorter one, or none, of the host's own is for the host's own locks.
        place.visit(DELETE, options="-c lock_timeout=1")
        assert 0.6 < time.monotonic() - start < 20
    assert {job["sqlstate"] for job in place.queue()} == {"55P03"}


def test_a_lock_that_is_given_back_in_time_delays_only(world: World, place: Place) -> None:
    place.run("update fbs_settings set value = '20000' where name = 'cleanup_lock_timeout'")
    visits: list[Visit] = []
    with place.connect() as other, other.transaction():
        other.execute("lock table fbs_dms_document in access exclusive mode")
        thread = threading.Thread(target=lambda: visits.append(place.visit(DELETE)))
        thread.start()
        wait_until(lambda: waits(place, "Lock"))
    thread.join()
    assert visits == [Visit(3, [])]
    place.run("update fbs_settings set value = '100' where name = 'cleanup_lock_timeout'")
    assert place.contents() == world.healthy(DELETE)


def test_a_deadlock_is_left_to_a_worker(world: World, place: Place) -> None:
    """The other session holds FBS's row and wants the host's."""
    place.run("update fbs_settings set value = '20000' where name = 'cleanup_lock_timeout'")
    place.run(f"alter database {place.name} set deadlock_timeout = '60s'", SUPERUSER)
    place.run(f"alter role {APP} in database {place.name} set deadlock_timeout = '1s'", SUPERUSER)
    visits: list[Visit] = []
    with place.connect(SUPERUSER) as other, other.transaction():
        other.execute("update fbs_custom_fields set field_value = field_value")
        thread = threading.Thread(target=lambda: visits.append(place.visit(DELETE)))
        thread.start()
        wait_until(lambda: waits(place, "Lock"))
        assert other.execute("delete from rentals.tenants where id = 2").rowcount == 0
    thread.join()
    assert visits == [Visit(3, [])]
    assert [(job["sqlstate"], job["keys"]) for job in place.queue()] == [("40P01", ["1", "2", "3"])]
    make_good(place)
    place.run("update fbs_settings set value = '100' where name = 'cleanup_lock_timeout'")
    assert place.contents() == world.healthy(DELETE)


def hurried(place: Place, milliseconds: int, statement: str, *values: Any) -> Visit:
    """A visit with a statement timeout; with a longer one where the machine is too slow for the statement itself."""
    for longer in (1, 4, 16):
        with suppress(errors.QueryCanceled):
            return place.visit(statement, *values, options=f"-c statement_timeout={longer * milliseconds}")
    raise AssertionError("the statement does not get through")


SLOW_RULE = f"""
    {LEASES_END}
    create function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(30); return old; end $$;
    create trigger slowly before delete on rentals.leases for each row execute function slowly();
"""


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize("first", ["", "fbs_approval_requests"])
def test_a_statement_timeout_inside_the_clean_up(world: World, place: Place, protocol: str, first: str) -> None:
    """The clean-up is left to a worker, also where another rule failed before."""
    place.run(SLOW_RULE, SUPERUSER)
    if first:
        place.run(BROKEN)
    start = time.monotonic()
    if protocol == "simple":
        visit = hurried(place, 400, DELETE)
    else:
        visit = hurried(place, 400, "delete from rentals.tenants where id <= %s", 3)
    assert time.monotonic() - start < 20
    assert visit == Visit(3, [])
    jobs = {(job["rule_name"], job["sqlstate"]) for job in place.queue()}
    assert jobs == ({("approval_requests", "42P01"), ("own", "57014")} if first else {(None, "57014")})
    place.run("drop function slowly() cascade", SUPERUSER)
    if first:
        place.run(UNBROKEN)
    make_good(place)
    assert place.contents() == world.healthy(DELETE, LEASES_END)


def test_a_statement_timeout_while_a_failure_is_noted(world: World, place: Place) -> None:
    with place.connect() as other, other.transaction():
        other.execute("lock table fbs_approval_requests, fbs_cleanup_queue in access exclusive mode")
        visit = hurried(place, 150, DELETE)
    see_recorded(place, Damage("", "", "", warns=True, said="57014|55P03"), visit)
    assert place.sweep() == []
    assert place.contents() == world.healthy(DELETE)


def test_a_timeout_is_told_from_a_cancel_in_any_language(place: Place) -> None:
    query = "select fbs_users_cancel('57014', %s) from pg_sleep(%s)"
    with place.connect(options="-c statement_timeout=5s") as connection:
        for said, slept, expected in (
            ("canceling statement due to user request", 0, True),
            ("canceling statement due to statement timeout", 0, False),
            ("storniere Anfrage wegen Benutzeraufforderung", 0, True),
        ):
            assert connection.execute(query, (said, slept)).fetchone() == (expected,)
        connection.execute("set statement_timeout = '190ms'")
        said = "storniere Anfrage wegen Zeitüberschreitung der Anfrage"
        for _ in range(20):
            with suppress(errors.QueryCanceled):  # where the machine is so slow that the time is up
                assert connection.execute(query, (said, 0.1)).fetchone() == (False,)
                break
        assert connection.execute("select fbs_users_cancel('22012', 'division by zero')").fetchone() == (False,)


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_a_row_that_changed_since_the_snapshot(world: World, place: Place, level: str) -> None:
    change = "update fbs_approval_requests set title = 'changed'"
    with place.connect(APP) as connection:
        connection.isolation_level = psycopg.IsolationLevel[level.upper().replace(" ", "_")]
        with connection.transaction():
            connection.execute("select count(*) from rentals.tenants")
            place.run(change)
            assert connection.execute(DELETE).rowcount == 3
    assert [(job["sqlstate"], job["keys"]) for job in place.queue()] == [("40001", ["1", "2", "3"])]
    make_good(place)
    assert place.contents() == world.healthy(DELETE, change)


def test_serializable_transactions_clean_up_as_others_do(world: World, place: Place) -> None:
    place.visit(DELETE, options="-c default_transaction_isolation=serializable")
    assert place.contents() == world.healthy(DELETE)


# What the user wants


@pytest.mark.parametrize("timeout", ["0", "1min"])
@pytest.mark.parametrize("how", ["cancel_safe", "pg_cancel_backend"])
@pytest.mark.parametrize("during", ["a rule", "a rule by itself", "the queue"])
def test_a_users_cancel_cancels(place: Place, how: str, during: str, timeout: str) -> None:
    place.run("update fbs_settings set value = '60000' where name = 'cleanup_lock_timeout'")
    place.run(SLOW_RULE, SUPERUSER)
    if during == "a rule by itself":
        place.run(BROKEN)
    if during == "the queue":
        place.run("alter view fbs_cleanup_terms rename to no_terms")
        place.run("alter function fbs_cleanup() set lock_timeout = '60s'")
    before = place.contents()
    raised: list[type[BaseException]] = []

    def delete(connection: psycopg.Connection) -> None:
        try:
            connection.execute(DELETE)
        except psycopg.Error as error:
            raised.append(type(error))

    with place.connect(APP, f"-c statement_timeout={timeout}") as connection, place.connect() as other:
        thread = threading.Thread(target=delete, args=(connection,))
        with other.transaction():
            if during == "the queue":
                other.execute("lock table fbs_cleanup_queue in access exclusive mode")
            thread.start()
            wait_until(lambda: waits(place, "Lock" if during == "the queue" else "PgSleep"))
            if how == "cancel_safe":
                connection.cancel_safe()
            else:
                place.rows(f"select pg_cancel_backend({connection.info.backend_pid})")
            thread.join(20)
    assert raised == [errors.QueryCanceled]
    assert place.contents() == before


STATEMENTS = (
    DELETE,
    "delete from rentals.rooms",
    "delete from rentals.visits",
    "delete from rentals.visits_low where id = 3",
    "truncate rentals.tenants",
    "update rentals.tenants set id = id + 100",
    "update rentals.visits set id = id + 200 where id <= 3",
    "delete from rentals.people where id = 1",
)


@pytest.mark.parametrize("broken", ["", BROKEN, "alter table fbs_cleanup_rules rename to elsewhere"])
@pytest.mark.parametrize("mode", ["on", "queue"])
def test_nothing_is_touched_by_what_is_rolled_back(place: Place, mode: str, broken: str) -> None:
    place.run(GRANT, SUPERUSER)
    place.run(broken)
    before = place.contents()
    for statement in STATEMENTS:
        with place.connect(APP, f"-c fbs.cleanup={mode}") as connection:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
            with connection.transaction(), connection.transaction(force_rollback=True):
                connection.execute(statement)
            with suppress(errors.DivisionByZero), connection.transaction():
                connection.execute(statement)
                connection.execute("select 1 / 0")
    assert place.contents() == before


def test_what_follows_a_savepoint_that_was_rolled_back_is_cleaned_up(world: World, place: Place) -> None:
    with place.connect(APP) as connection, connection.transaction():
        with connection.transaction(force_rollback=True):
            connection.execute("delete from rentals.tenants where id in (4, 5)")
        connection.execute(DELETE)
        with connection.transaction(force_rollback=True):
            connection.execute("delete from rentals.tenants where id = 6")
    assert place.contents() == world.healthy(DELETE)


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("by", ["session", "setting"])
def test_clean_up_can_be_off_and_the_hosts_statements_do_the_same(
    world: World, place: Place, by: str, statement: str
) -> None:
    place.run(GRANT, SUPERUSER)
    healthy = world.healthy(statement, GRANT)
    before = place.contents()
    options = "-c fbs.cleanup=off"
    if by == "setting":
        options = ""
        place.run("update fbs_settings set value = 'off' where name = 'cleanup'")
        before = place.contents()
    visit = place.visit(statement, options=options)
    assert visit.rows != 0
    after = place.contents()
    rentals = {name: rows for name, rows in after.items() if name.startswith("rentals.")}
    assert rentals == {name: rows for name, rows in healthy.items() if name.startswith("rentals.")}
    if "people" not in statement:  # those are foreign keys
        assert fbs_only(after) == fbs_only(before)


@pytest.mark.parametrize("by", ["session", "setting"])
def test_clean_up_can_be_left_to_a_worker(world: World, place: Place, by: str) -> None:
    before = fbs_only(place.contents())
    if by == "setting":
        place.run("update fbs_settings set value = 'queue' where name = 'cleanup'")
    place.visit(DELETE, options="-c fbs.cleanup=queue" if by == "session" else "")
    assert [(job["keys"], job["sqlstate"], job["rule_name"]) for job in place.queue()] == [
        (["1", "2", "3"], None, None)
    ]
    after = fbs_only(place.contents())
    assert after["fbs_custom_fields"] == before["fbs_custom_fields"]
    place.run("update fbs_settings set value = 'on' where name = 'cleanup'")
    make_good(place)
    assert place.contents() == world.healthy(DELETE)


def test_a_session_rules_over_the_settings(world: World, place: Place) -> None:
    place.run("update fbs_settings set value = 'off' where name = 'cleanup'")
    place.visit(DELETE, options="-c fbs.cleanup=on")
    place.run("update fbs_settings set value = 'on' where name = 'cleanup'")
    assert place.contents() == world.healthy(DELETE)


def test_a_host_row_that_is_back_keeps_its_rows(world: World, place: Place) -> None:
    place.visit(DELETE, options="-c fbs.cleanup=queue")
    place.run("insert into rentals.tenants values (2, 'tenant 2')", LANDLORD)
    make_good(place)
    assert place.contents() == world.healthy("delete from rentals.tenants where id in (1, 3)")


def test_above_the_threshold_keys_are_queued_a_thousand_a_row(world: World, place: Place) -> None:
    place.run("insert into rentals.tenants select n, 'more' from generate_series(1001, 3500) as n", LANDLORD)
    place.run("update fbs_settings set value = '2503' where name = 'cleanup_threshold'")
    everyone = "delete from rentals.tenants where id <= 3 or id > 1000"
    with place.connect(APP) as connection, connection.transaction(force_rollback=True):
        connection.execute(everyone)
    place.run("update fbs_settings set value = '2502' where name = 'cleanup_threshold'")
    place.visit(everyone)
    assert sorted(len(job["keys"]) for job in place.queue()) == [503, 1000, 1000]
    make_good(place)
    place.run("update fbs_settings set value = '5000' where name = 'cleanup_threshold'")
    assert place.contents() == world.healthy(DELETE)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cleanup", "maybe", "setting cleanup takes on, queue, off, not 'maybe'"),
        ("cleanup", None, "setting cleanup takes on, queue, off, not nothing"),
        ("cleanup_threshold", "0", "setting cleanup_threshold takes a whole number from 1 to 1000000, not '0'"),
        ("cleanup_threshold", "many", "takes a whole number from 1 to 1000000, not 'many'"),
        ("cleanup_threshold", "1.5", "not '1.5'"),
        ("cleanup_threshold", "99999999999999999999", "not '99999999999999999999'"),
        ("cleanup_threshold", None, "setting cleanup_threshold takes a whole number, not nothing"),
        ("cleanup_lock_timeout", "-1", "from 1 to 60000, not '-1'"),
        ("cleanup_lock_timeout", "100ms", "not '100ms'"),
        ("keep_request_logs", "forever", "not 'forever'"),
    ],
)
def test_settings_are_checked_when_they_are_set(place: Place, name: str, value: str | None, message: str) -> None:
    with place.connect() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("update fbs_settings set value = %s where name = %s", (value, name))
    assert caught.value.sqlstate == "FB010"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table_name": "rentals.nothing"}, "rule own: there is no table rentals.nothing"),
        ({"table_name": "leases"}, "rule own: there is no table leases"),
        ({"key_column": "tenant"}, "rule own: table rentals.leases has no column tenant"),
        ({"model_column": "model"}, "has no column model"),
        ({"json_column": "metadata"}, "has no column metadata"),
        ({"only_if": '{"state": ["open"]}'}, "has no column state"),
        ({"unless": '{"state": ["open"]}'}, "has no column state"),
        ({"action": "set columns", "set_columns": '{"state": "closed"}'}, "has no column state"),
        ({"action": "set columns", "set_columns": '{"ended": "soon"}'}, "invalid input syntax for type boolean"),
        ({"action": "set columns"}, "fbs_cleanup_rules_set_columns_check"),
        ({"action": "forget"}, "fbs_cleanup_rules_action_check"),
        ({"key_column": "ended"}, "rule own: column ended of rentals.leases is of type boolean"),
        ({"json_column": "status", "key_column": "record_id"}, "column status of rentals.leases is not of type jsonb"),
        (
            {"table_name": "rentals.tenants", "key_column": "id"},
            f"rule own is refused: rentals.tenants belongs to {LANDLORD}",
        ),
        (
            {"table_name": "fbs_dms_document", "json_column": "metadata", "key_column": "id", "action": "set null"},
            "rule own: set null is for a key in a column",
        ),
    ],
)
def test_bad_rules_are_refused(place: Place, change: dict[str, str], message: str) -> None:
    rule = {
        "rule_name": "own",
        "table_name": "rentals.leases",
        "key_column": "tenant_id",
        "model_name": "rentals.tenant",
        "action": "delete",
        "description": "",
        **change,
    }
    insert = sql.SQL("insert into fbs_cleanup_rules ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, rule)), sql.SQL(", ").join(map(sql.Literal, rule.values()))
    )
    with place.connect() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(insert)
    assert caught.value.sqlstate in ("FB021", "FB024", "23514")
    assert message in str(caught.value)


# Around the clean-up


@pytest.mark.parametrize(
    "options",
    [
        "-c search_path=rentals",
        "-c search_path=",
        "-c standard_conforming_strings=off",
        "-c quote_all_identifiers=on",
        "-c intervalstyle=sql_standard -c datestyle=German -c statement_timeout=90s",
        "-c transform_null_equals=on -c array_nulls=off",
        "-c plan_cache_mode=force_generic_plan",
        "-c plpgsql.extra_errors=all -c plpgsql.extra_warnings=none",
        "-c client_min_messages=error -c row_security=off",
        "-c lock_timeout=1 -c idle_in_transaction_session_timeout=1000",
        "-c fbs.cleanup=nonsense",
    ],
)
def test_whatever_the_session_sets(world: World, place: Place, options: str) -> None:
    assert place.visit(DELETE, role=SUPERUSER, options=options).rows == 3
    assert place.contents() == world.healthy(DELETE)


def test_temporary_tables_of_the_hosts_are_not_taken_for_fbss(world: World, place: Place) -> None:
    """The clean-up has the rights of FBS's owner, and no other shall use them."""
    with place.connect(APP) as connection:
        connection.execute(
            "create temp table fbs_cleanup_rules as select 'a' as rule_name, null as model_name,"
            " 'delete from public.fbs_dms_document where $1 <> $2[1]' as clean_sql"
        )
        connection.execute("create temp table fbs_settings as select 'cleanup' as name, 'off' as value")
        connection.execute(DELETE)
    assert place.contents() == world.healthy(DELETE)


def test_the_application_cannot_use_the_clean_up_for_itself(place: Place) -> None:
    with place.connect(APP) as connection:
        connection.execute("create temp table mine (id bigint primary key)")
        connection.execute(
            "create trigger mine after truncate on mine for each statement"
            " execute function public.fbs_cleanup('rentals.tenant', 'id')"
        )
        said: list[str] = []
        connection.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        connection.execute("truncate mine")
    assert said == ["FBS's trigger mine does nothing, as mine is not attached"]
    assert place.queue() == []


def test_host_rows_that_row_security_hides_are_not_taken_for_deleted(world: World, place: Place) -> None:
    place.visit(DELETE, options="-c fbs.cleanup=off")
    place.run(
        "alter table rentals.tenants enable row level security;"
        "create policy own on rentals.tenants using (current_user <> '" + OWNER + "')",
        LANDLORD,
    )
    before = place.contents()
    assert place.sweep() == ['query would be affected by row-level security policy for table "tenants"']
    place.run("insert into fbs_cleanup_queue (model_name, operation) values ('rentals.tenant', 'sweep')")
    assert place.retry() == (0, 1, 1)
    place.run("truncate fbs_cleanup_queue")
    assert place.contents() == before
    place.run(f"alter role {OWNER} bypassrls", SUPERUSER)
    try:
        assert place.sweep() == []
    finally:
        place.run(f"alter role {OWNER} nobypassrls", SUPERUSER)
    assert place.contents() == world.healthy(DELETE)


def test_retry_waits_longer_each_time_and_one_failure_does_not_hold_up_the_others(place: Place) -> None:
    place.run(BROKEN)
    place.visit(DELETE)
    place.visit("delete from rentals.rooms where name = 'room 1'", options="-c fbs.cleanup=queue")
    place.run(
        "insert into fbs_cleanup_queue (model_name, operation, keys, rule_name)"
        " values ('rentals.tenant', 'delete', '{4}', 'custom_fields')"
    )
    done, failed, waiting = place.retry()
    assert (done, failed, waiting) == (1, 2, 2)
    ((began,),) = place.rows("select clock_timestamp()")
    assert place.retry() == (0, 2, 2)
    ((ended,),) = place.rows("select clock_timestamp()")
    assert {job["attempts"] for job in place.queue()} == {2}
    pause = timedelta(seconds=2)
    for (again,) in place.rows("select next_attempt_at from fbs_cleanup_queue"):
        assert began + pause <= again <= ended + pause
    place.run("update fbs_cleanup_queue set next_attempt_at = next_attempt_at + interval '1 hour'", SUPERUSER)
    assert place.rows("select * from fbs_retry_cleanup(due_only => true)", OWNER) == [(0, 0, 2)]


@pytest.mark.parametrize(
    ("breaking", "mending"),
    [
        rename("fbs_file_deletions"),
        rename("fbs_file_deletions", "file"),
        dropped("fbs_file_deletions"),
        failing("fbs_file_deletions", "assert false", "insert"),
        (f"revoke all on fbs_file_deletions from {OWNER}", f"grant all on fbs_file_deletions to {OWNER}"),
        (
            "alter table fbs_file_deletions add constraint refuse check (file = '')",
            "alter table fbs_file_deletions drop constraint refuse",
        ),
    ],
)
def test_a_user_goes_even_if_their_files_cannot_be_noted(
    world: World, place: Place, breaking: str, mending: str
) -> None:
    statement = "delete from rentals.people where id = 1"
    place.run(breaking)
    visit = place.visit(statement)
    assert visit.rows == 1
    (warning,) = visit.warnings
    assert "files of deleted attachments could not be noted for removal" in warning
    assert "{files/1.pdf}" in warning
    place.run(mending)
    place.run("insert into fbs_file_deletions (id, file) overriding system value values (1, 'files/1.pdf')")
    healthy = world.healthy(statement)
    assert {name: rows for name, rows in place.contents().items() if name != "fbs_file_deletions"} == {
        name: rows for name, rows in healthy.items() if name != "fbs_file_deletions"
    }
    assert len(healthy["fbs_file_deletions"]) == 1


def test_a_user_goes_even_if_the_column_that_names_files_is_away(place: Place) -> None:
    place.run("alter table fbs_dms_file_attachment rename file to path")
    assert place.visit("delete from rentals.people where id = 1").rows == 1


def test_a_user_goes_even_if_the_list_of_files_is_locked(place: Place) -> None:
    with place.connect() as other, other.transaction():
        other.execute("lock table fbs_file_deletions in access exclusive mode")
        assert place.visit("delete from rentals.people where id = 1", options="-c statement_timeout=20s").rows == 1


def test_a_change_of_keys_waits_for_an_earlier_one_that_fails(world: World, place: Place) -> None:
    place.run(GRANT, SUPERUSER)
    place.run(BROKEN)
    place.visit("update rentals.tenants set id = id + 100 where id <= 3")
    place.run(UNBROKEN)
    place.run("alter table fbs_dms_document rename to broken")
    place.visit("update rentals.tenants set id = id + 100 where id in (101, 102)")
    assert place.retry() == (0, 2, 2)
    assert {job["sqlstate"] for job in place.queue()} == {"42P01", "55006"}
    place.run("alter table broken rename to fbs_dms_document")
    make_good(place)
    twice = "update rentals.tenants set id = case id when 3 then 103 else id + 200 end where id <= 3"
    assert place.contents() == world.healthy(twice, GRANT)
