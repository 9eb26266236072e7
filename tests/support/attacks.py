"""A database in which roles that trust each other little meet, and what shows whose rights an attacker's code had.

The attacker's code is ``lair.hello()``. It writes to the server's log, so that it is seen in
read-only transactions, in those that are rolled back, and in whatever catches its errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import tuple_row

import fbs_db
from fbs_db import files
from tests.support.servers import Server

#: FBS's owner owns nothing else. The landlord owns the host's tables, the application may write their rows.
#: The stranger owns a schema, and may write all tables of FBS.
SUPERUSER, OWNER, LANDLORD = "postgres", "attacks_fbs", "attacks_landlord"
APP, STRANGER = "attacks_app", "attacks_stranger"
#: It may call the worker's functions, once these are granted to it.
WORKER = "attacks_worker"

_ROLES = f"""
do $$
declare
    name text;
begin
    foreach name in array '{{{OWNER},{LANDLORD},{APP},{STRANGER},{WORKER}}}'::text[] loop
        if not exists (select from pg_roles where rolname = name) then
            execute format('create role %I login', name);
        end if;
    end loop;
end;
$$;
grant usage, create on schema public to {OWNER};
-- An administrator's habit.
alter default privileges for role {OWNER} in schema public grant execute on functions to {APP}, {STRANGER};
create schema rentals authorization {LANDLORD};
create schema lair authorization {STRANGER};
create schema common;
grant usage, create on schema common to public;
"""

_LAIR = """
grant usage on schema lair to public;

create function lair.hello(anything text default null) returns boolean language plpgsql immutable as $$
begin
    -- Who can be the user of the session is as good as that.
    begin
        perform set_config('role', 'none', false);
    exception when others then
        null;
    end;
    raise log 'attack in % as % by %', current_database(), current_user, session_user;
    return true;
end;
$$;

create function lair.trap() returns trigger language plpgsql as $$
begin
    perform lair.hello();
    return case tg_op when 'DELETE' then old else new end;
end;
$$;

create type lair.evil as (v bigint);
create type lair.mood as enum ('1', '2', '3', '4', '5', '6', '99', '1099');
create domain lair.picky as bigint check (lair.hello(value::text));

create function lair.text_of(lair.evil) returns text language plpgsql immutable
as $$ begin perform lair.hello(); return ($1).v::text; end $$;
create function lair.json_of(lair.evil) returns json language plpgsql immutable
as $$ begin perform lair.hello(); return to_json(($1).v); end $$;
create function lair.number_of(lair.evil) returns bigint language plpgsql immutable
as $$ begin perform lair.hello(); return ($1).v; end $$;
create function lair.evil_of(text) returns lair.evil language plpgsql immutable
as $$ begin perform lair.hello(); return row($1::bigint)::lair.evil; end $$;
create function lair.evil_of(bigint) returns lair.evil language plpgsql immutable
as $$ begin perform lair.hello(); return row($1)::lair.evil; end $$;
create function lair.same(lair.evil, lair.evil) returns boolean language plpgsql immutable
as $$ begin perform lair.hello(); return ($1).v = ($2).v; end $$;
create function lair.text_of(lair.mood) returns text language plpgsql immutable
as $$ begin perform lair.hello(); return '1'; end $$;
create function lair.json_of(lair.mood) returns json language plpgsql immutable
as $$ begin perform lair.hello(); return '"1"'; end $$;
create function lair.mood_of(text) returns lair.mood language plpgsql immutable
as $$ begin
    perform lair.hello();
    return (select one from unnest(enum_range(null::lair.mood)) as one where enum_out(one)::text = $1);
end $$;
create function lair.sum(bigint, bigint) returns bigint language plpgsql immutable
as $$ begin perform lair.hello(); return $1 + $2; end $$;

create cast (lair.evil as text) with function lair.text_of(lair.evil);
create cast (lair.evil as json) with function lair.json_of(lair.evil);
create cast (lair.evil as bigint) with function lair.number_of(lair.evil) as implicit;
create cast (text as lair.evil) with function lair.evil_of(text) as assignment;
create cast (bigint as lair.evil) with function lair.evil_of(bigint) as assignment;
create cast (lair.mood as text) with function lair.text_of(lair.mood);
create cast (lair.mood as json) with function lair.json_of(lair.mood);
create cast (text as lair.mood) with function lair.mood_of(text) as assignment;
create operator lair.= (leftarg = lair.evil, rightarg = lair.evil, function = lair.same);
create operator lair.+ (leftarg = bigint, rightarg = bigint, function = lair.sum);
"""

_HOST = f"""
create domain rentals.lazy as bigint;
create table rentals.people (id bigint primary key, name text not null);
create table rentals.tenants (id bigint primary key, name text not null);
create table rentals.visits (id bigint primary key, name text not null) partition by range (id);
create table rentals.visits_low partition of rentals.visits for values from (1) to (100);
create table rentals.visits_high partition of rentals.visits for values from (100) to (1000);
insert into rentals.people select n, 'person ' || n from generate_series(1, 6) as n;
insert into rentals.tenants select n, 'tenant ' || n from generate_series(1, 6) as n;
insert into rentals.visits select n, 'visit ' || n from generate_series(1, 6) as n;
insert into rentals.visits select n, 'visit ' || n from generate_series(100, 106) as n;
grant usage on schema rentals to public;
grant select, references, trigger on all tables in schema rentals to {OWNER};
grant select, insert, update, delete, truncate on all tables in schema rentals to {APP}, {STRANGER};
"""

_ATTACHED = f"""
select fbs_attach_users('rentals.people');
select fbs_attach_host('rentals.tenants', 'rentals.tenant');

insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
select m.model, n, 'colour', 'blue'
from
    (values ('rentals.tenant'), ('rentals.visit'), ('others.tenant')) as m (model),
    (select generate_series(1, 6) union all select generate_series(100, 106) union all select 1001) as n (n)
where m.model = 'rentals.visit' or n <= 6;

insert into fbs_kpis (name, created_by_id, description, kpi_type, calculation_method, data_source, unit)
select 'kpi', 1, '', '', '', '{{}}', '';

insert into fbs_dms_file_attachment
(file, original_filename, file_size, mime_type, checksum, uploaded_by_id, company_id)
values ('files/3.pdf', 'lease.pdf', 1, 'application/pdf', 'c', 3, 'company');

grant select, insert, update, delete, truncate on all tables in schema public to {STRANGER};
grant select on fbs_cleanup_queue, fbs_custom_fields to {APP}, {LANDLORD};
"""

#: A partition that came after the host was attached.
_LATER = f"""
create table rentals.visits_top partition of rentals.visits for values from (1000) to (2000);
alter table rentals.visits_top owner to {LANDLORD};
insert into rentals.visits values (1001, 'visit 1001');
grant select, references, trigger on rentals.visits_top to {OWNER};
grant select, insert, update, delete, truncate on rentals.visits_top to {APP}, {STRANGER};
"""


@dataclass
class Place:
    """A database in which roles attack.

    Attributes:
        logged: how much of the server's log has been read, in bytes.
    """

    server: Server
    name: str
    logged: int

    def url(self, role: str = OWNER) -> str:
        return self.server.url(self.name, role)

    def connect(self, role: str = OWNER, options: str = "") -> psycopg.Connection:
        return psycopg.connect(self.url(role), autocommit=True, options=options)

    def run(self, statements: str | sql.Composed, role: str = OWNER) -> None:
        with self.connect(role) as connection:
            connection.execute(statements)

    def rows(self, query: str | sql.Composed, role: str = SUPERUSER) -> list[tuple[Any, ...]]:
        with self.connect(role) as connection, connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query).fetchall()

    def keys(self, model: str) -> set[int]:
        """Keys of a model's rows that still have custom fields."""
        query = sql.SQL("select record_id from fbs_custom_fields where model_name = {}").format(model)
        return {key for (key,) in self.rows(query)}

    def queue(self) -> list[tuple[str, str, str]]:
        """Model, operation and SQLSTATE of what is queued."""
        return self.rows("select model_name, operation, coalesce(sqlstate, '') from fbs_cleanup_queue order by id")

    def captured(self) -> str:
        """How the attacker's code came to the rights of FBS's owner or of a superuser, since this was last asked."""
        with _log(self.server).open("rb") as file:
            file.seek(self.logged)
            text = file.read().decode(errors="replace")
            self.logged = file.tell()
        pattern = rf"LOG:  attack in {self.name} as (\S+) by \S+\n.*?(?=^\d{{4}}-\d\d-\d\d .*?LOG|\Z)"
        found = re.finditer(pattern, text, re.DOTALL | re.MULTILINE)
        return next((f"CAPTURED: {one[0]}" for one in found if one[1] in (OWNER, SUPERUSER)), "")

    def assert_not_captured(self) -> None:
        captured = self.captured()
        assert not captured, captured


@dataclass
class World:
    """A server with the databases that all others are copied from."""

    server: Server
    template: str

    @contextmanager
    def copy(self) -> Iterator[Place]:
        name = self.server.create(template=self.template)
        try:
            yield Place(self.server, name, _log(self.server).stat().st_size)
        finally:
            self.server.drop(name)


#: By server, and by how the files were run.
_worlds: dict[tuple[str, str], World] = {}


def world_of(server: Server, *, by_hand: str = "") -> World:
    """The world of a server, made once."""
    key = (server.host, by_hand)
    if key not in _worlds:
        _worlds[key] = _made_world(server, by_hand)
    return _worlds[key]


def _made_world(server: Server, by_hand: str) -> World:
    """The world; where ``by_hand`` is a search_path, the SQL files are run with it, and by no program."""
    name = server.create()
    place = Place(server, name, 0)
    place.run(_ROLES, SUPERUSER)
    place.run(_LAIR, STRANGER)
    place.run(_HOST, LANDLORD)
    if by_hand:
        with place.connect(options=f"-c search_path={by_hand}") as connection:
            for path in sorted(files.sql_directory().glob("[0-9]*.sql")):
                if not path.name.endswith(".rollback.sql"):
                    connection.execute(sql.SQL(path.read_text()))
    else:
        fbs_db.migrate(place.url())
    place.run("select fbs_attach_host('rentals.visits', 'rentals.visit')", SUPERUSER)
    place.run(_ATTACHED)
    place.run(_LATER, SUPERUSER)
    return World(server, name)


#: What happens in a database every day, and who does it.
EVERY_DAY = [
    (APP, "delete from rentals.tenants where id = 1"),
    (APP, "update rentals.tenants set id = 99 where id = 2"),
    (APP, "delete from rentals.visits_low where id = 1"),
    (APP, "truncate rentals.visits_high"),
    (APP, "delete from rentals.people where id = 3"),
    (OWNER, "select * from fbs_sweep_orphans()"),
    (OWNER, "select * from fbs_retry_cleanup()"),
    (OWNER, "select fbs_rows_of_model('rentals.tenant')"),
    (OWNER, "select fbs_held_keys('rentals.tenant')"),
    (OWNER, "select fbs_attach_host('rentals.tenants', 'rentals.tenant', 'id')"),
    (OWNER, "select fbs_rename_model('rentals.tenant', 'rentals.other')"),
    (SUPERUSER, "select * from fbs_sweep_orphans()"),
    (SUPERUSER, "select * from fbs_check_rows('fbs_hosts')"),
    (SUPERUSER, "select * from fbs_health()"),
    (SUPERUSER, "select fbs_detach_host('rentals.tenants')"),
    (SUPERUSER, "select fbs_attach_host('rentals.tenants', 'rentals.tenant', 'id')"),
]


def every_day(place: Place) -> None:
    """Do all of it. The host's statements have to succeed."""
    for role, statement in EVERY_DAY:
        if role == APP:
            place.run(statement, role)
        else:
            with suppress(psycopg.Error):
                place.run(statement, role)


def refusal(place: Place, statement: str | sql.Composed, role: str) -> tuple[str, str]:
    """The SQLSTATE and the message with which a statement is refused, or nothing."""
    try:
        place.run(statement, role)
    except psycopg.Error as error:
        return str(error.sqlstate), str(error)
    return "", ""


def slow_but(names: Iterable[str], *quick: str) -> list[Any]:
    """Parameters, of which all but these are slow: their brothers stand for them."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]


def on_each_version(cases: Mapping[str, object], quick: Callable[[str], object]) -> list[Any]:
    """Parameters `world` and another: all cases on the newest PostgreSQL, of which those that are not quick are slow,
    and the quick ones on the oldest."""
    newest = [
        pytest.param("pg18", case, id=f"pg18-{name}", marks=[] if quick(name) else [pytest.mark.slow])
        for name, case in cases.items()
    ]
    oldest = [
        pytest.param("pg15", case, id=f"pg15-{name}", marks=pytest.mark.old_postgres)
        for name, case in cases.items()
        if quick(name)
    ]
    return newest + oldest


def assert_none(problems: dict[str, str]) -> None:
    """Fails, and tells them all, where there is any."""
    found = [f"{name}: {problem}" for name, problem in problems.items() if problem]
    assert not found, "\n".join(found)


def _log(server: Server) -> Path:
    return server.data.parent / "log"
