"""A place for attackers of solutions that are kept apart: a login of one, with a schema of its own and any SQL.

A session keeps all that it is told: rows, notices and errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tests.support.every_answer import told
from tests.support.isolated import (
    ACME,
    APP,
    BETA,
    BOTH,
    LOGINS,
    MARK,
    OTHER_APP,
    ROWS,
    SECRET,
    SUPERUSER,
    Isolated,
    Login,
    isolated,
)
from tests.support.servers import Server

#: A login of one solution; one that chooses.
ME, SHARED = APP.name, LOGINS["app_shared-set"].name
#: Listed for one solution, and a member of roles that are listed for the other, for both, and as shared.
MEMBER = "fbs_apart_member"
TEMPTING = [OTHER_APP.name, LOGINS["app_both"].name, SHARED, LOGINS["reader_beta-set"].name]
THEIRS = MARK.format(BETA)


SETUP = f"""
do $$
begin
    if not exists (select from pg_roles where rolname = '{MEMBER}') then
        create role {MEMBER} login;
    end if;
end;
$$;
grant {", ".join(TEMPTING)} to {MEMBER};
insert into fbs_roles (role_name, work, solutions) values ('{MEMBER}', 'app', '{{acme}}');
create schema lair;
grant create, usage on schema lair to public;
analyze;
"""

LAIR = """
create function lair.leak(anything text) returns boolean language plpgsql immutable cost 0.0000001 as $$
begin
    raise notice 'leaked % as %', anything, current_user;
    return true;
end;
$$;
create function lair.leaks(text, text) returns boolean language plpgsql immutable cost 0.0000001
as $$ begin return lair.leak($1); end $$;
create operator lair.<<< (
    leftarg = text, rightarg = text, function = lair.leaks, restrict = scalarltsel, join = scalarltjoinsel
);
create operator lair.=== (leftarg = text, rightarg = text, function = lair.leaks, restrict = eqsel, join = eqjoinsel);
create function lair.next(text, text) returns text language plpgsql immutable cost 0.0000001 as $$
begin
    perform lair.leak($2);
    return coalesce($1, '') || coalesce($2, '');
end;
$$;
create aggregate lair.all_of (text) (sfunc = lair.next, stype = text);
"""


@dataclass
class Lair:
    """A world, a copy of its database where the attacker has a schema, and where the owner looks."""

    world: Isolated
    name: str
    owner: psycopg.Connection
    before: object = None

    def theirs(self) -> object:
        """A sum over all rows of the other solution."""
        sums = [
            sql.SQL("(select md5(string_agg(t::text, ',' order by t.id)) from {} as t where t.id = any({}))").format(
                sql.Identifier("public", table),
                sql.Literal([self.world.of(BETA, number).ids[table] for number in range(ROWS)]),
            )
            for table in self.world.of(BETA).ids
        ]
        return self.owner.execute(sql.SQL("select concat({})").format(sql.SQL(", ").join(sums))).fetchone()

    def connect(self, user: str | Login = APP) -> Session:
        return Session(self.world.connect(user, self.name))


@dataclass
class Session:
    """A session of an attacker, and all that it was told."""

    connection: psycopg.Connection
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection.add_notice_handler(lambda notice: self.heard.append(str(notice.message_primary)))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement; of several, of the last."""
        rows: list[tuple[Any, ...]] = []
        try:
            cursor: psycopg.Cursor[tuple[Any, ...]] | None = self.connection.execute(statement.encode(), values or None)
            while cursor:
                rows = cursor.fetchall() if cursor.description else []
                self.heard.append(str(rows))
                cursor = cursor if cursor.nextset() else None
        except psycopg.Error as error:
            self.heard.append(told(error))
            raise
        return rows

    def refused(self, statement: str, *states: str) -> str:
        """Nothing, if a statement is refused with one of these codes."""
        try:
            self.run(statement)
        except psycopg.Error as error:
            return "" if error.sqlstate in (states or ("42501",)) else f"{statement}: {told(error)}"
        return f"{statement}: not refused"


def tables(lair: Lair) -> list[str]:
    return list(lair.world.of(ACME).ids)


def assert_heard_nothing(session: Session) -> None:
    """Nothing of the other solution, and something of the own."""
    heard = "\n".join(session.heard)
    for word in (THEIRS, SECRET.format(BETA)):
        assert word not in heard, [one for one in session.heard if word in one]
    assert MARK.format(ACME) in heard


def counts(session: Session, lair: Lair) -> set[int]:
    """How many rows of each table are seen."""
    return {len(session.run(f"select * from public.{table}")) for table in tables(lair)}


def lair_on(server: Server) -> Lair:
    """A lair on a server."""
    world = isolated(server)
    name = world.server.create(template=world.databases[BOTH])
    owner = world.connect(SUPERUSER, name)
    owner.execute(SETUP.encode())
    return Lair(world, name, owner)


def clear(lair: Lair) -> None:
    """The attacker's schema is as new."""
    lair.owner.execute("drop schema lair cascade; create schema lair; grant create, usage on schema lair to public")
    with lair.connect() as session:
        session.run(LAIR)
        session.run("grant execute on all functions in schema lair to public")
