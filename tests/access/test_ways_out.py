"""Attempts to get at the rows of the other solution, by someone who may write any SQL as a login of one.

The attacker owns a schema. Whatever comes back, rows, notices and errors, has nothing of the other solution; its rows
are as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.attacks import assert_none
from tests.support.every_answer import OF_HEALTH, answers, ask, questions, timeless, told
from tests.support.isolated import (
    ACME,
    APP,
    BETA,
    BOTH,
    LOGINS,
    MARK,
    OTHER_APP,
    OWNER,
    READER,
    ROWS,
    SECRET,
    SUPERUSER,
    Isolated,
    Login,
    isolated,
)

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
create function lair.leaks(text, text) returns boolean language sql immutable cost 0.0000001
as $$ select lair.leak($1) $$;
create operator lair.<<< (leftarg = text, rightarg = text, function = lair.leaks);
create function lair.next(text, text) returns text language plpgsql immutable cost 0.0000001 as $$
begin
    perform lair.leak($2);
    return coalesce($1, '') || coalesce($2, '');
end;
$$;
create aggregate lair.all_of (text) (sfunc = lair.next, stype = text);
"""

#: What the policies and the reading functions name, under the same names, with arguments that fit better.
SHADOWS = """
create function lair.fbs_session_solutions() returns text[] language sql as $$ select array['acme', 'beta'] $$;
create function lair.fbs_solutions(text) returns text[] language sql as $$ select '{beta,beta-house}'::text[] $$;
create function lair.fbs_solutions(varchar) returns text[] language sql as $$ select array['beta'] $$;
create function lair.fbs_is_step_of(bigint, bigint) returns boolean language sql as $$ select true $$;
create function lair.current_setting(text, boolean) returns text language sql as $$ select 'beta' $$;
create function lair.same(text, text) returns boolean language sql immutable as $$ select lair.leak($1) $$;
create function lair.same(varchar, text) returns boolean language sql immutable as $$ select lair.leak($1) $$;
create function lair.same(varchar, varchar) returns boolean language sql immutable as $$ select lair.leak($1) $$;
create function lair.same(bigint, bigint) returns boolean language sql immutable as $$ select true $$;
create operator lair.= (leftarg = text, rightarg = text, function = lair.same);
create operator lair.= (leftarg = varchar, rightarg = text, function = lair.same);
create operator lair.= (leftarg = varchar, rightarg = varchar, function = lair.same);
create operator lair.= (leftarg = bigint, rightarg = bigint, function = lair.same);
create temporary table fbs_roles (role_name text, work text, solutions text[], is_shared boolean);
insert into fbs_roles values (session_user, 'app', '{acme,beta}', false);
create temporary table fbs_solution_map (column_name text, identifier text, solution text);
insert into fbs_solution_map select c, i, 'acme' from unnest('{company_id,business_id}'::text[]) as c,
    unnest('{beta,beta-house,beta-shop,fbs_beta_db}'::text[]) as i;
create temporary table fbs_dms_document (like public.fbs_dms_document);
grant all on fbs_roles, fbs_solution_map, fbs_dms_document to public;
create function pg_temp.fbs_solutions(text) returns text[] language sql as $$ select array['beta'] $$;
set search_path = lair, pg_temp, public, pg_catalog;
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


@pytest.fixture(scope="module")
def lairs() -> Iterator[dict[str, Lair]]:
    made: dict[str, Lair] = {}
    yield made
    for lair in made.values():
        lair.owner.close()
        lair.world.server.drop(lair.name)


@pytest.fixture(params=["pg18", pytest.param("pg15", marks=pytest.mark.old_postgres)])
def lair(request: pytest.FixtureRequest, lairs: dict[str, Lair]) -> Iterator[Lair]:
    """Where every attack begins: the attacker's schema is as new, and the other solution's rows are there after it."""
    if request.param not in lairs:
        world = isolated(request.getfixturevalue(request.param))
        name = world.server.create(template=world.databases[BOTH])
        owner = world.connect(SUPERUSER, name)
        owner.execute(SETUP.encode())
        lairs[request.param] = Lair(world, name, owner)
    lair = lairs[request.param]
    before = lair.theirs()
    lair.owner.execute("drop schema lair cascade; create schema lair; grant create, usage on schema lair to public")
    with lair.connect() as session:
        session.run(LAIR)
        session.run("grant execute on all functions in schema lair to public")
    yield lair
    assert lair.theirs() == before


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


# Settings and roles


SETTINGS = (
    "set fbs.solution = 'beta'",
    "set local fbs.solution = 'beta'",
    "select set_config('fbs.solution', 'beta', false), set_config('fbs.solution', 'beta', true)",
    "set fbs.solutions = '{beta}'",
    "set row_security = on",
    "set role none",
    "set session authorization default",
    f"set session authorization {ME}",
    "set search_path = lair",
    "set plan_cache_mode = force_generic_plan",
)


def test_a_login_of_one_solution_chooses_none(lair: Lair) -> None:
    with lair.connect() as session:
        for setting in SETTINGS:
            session.run(f"begin; {setting}")
            assert counts(session, lair) == {ROWS}, setting
            session.run("commit")
        assert_heard_nothing(session)


def test_a_login_of_one_solution_keeps_no_setting_that_chooses_another(lair: Lair) -> None:
    with lair.connect() as session:
        assert session.refused(f"alter role {ME} set fbs.solution = 'beta'") == ""
    lair.owner.execute(f"alter role {ME} set fbs.solution = 'beta'".encode())
    try:
        with Session(lair.world.connect(ME, lair.name)) as session:
            assert session.run("show fbs.solution") == [("beta",)]
            assert counts(session, lair) == {ROWS}
            assert_heard_nothing(session)
    finally:
        lair.owner.execute(f"alter role {ME} reset fbs.solution".encode())


@pytest.mark.parametrize("role", TEMPTING)
def test_a_member_of_another_solutions_role_stays_with_its_own(lair: Lair, role: str) -> None:
    with lair.connect(MEMBER) as session:
        assert counts(session, lair) == {ROWS}
        session.run(f"set fbs.solution = 'beta'; set role {role}")
        assert session.run("select current_user, session_user") == [(role, MEMBER)]
        seen = {len(session.run(f"select {columns(lair, role, table)} from public.{table}")) for table in tables(lair)}
        assert seen == {ROWS}
        assert session.run("select fbs_session_solutions()") == [([ACME],)]
        assert_heard_nothing(session)


def columns(lair: Lair, role: str, table: str) -> str:
    """The columns of a table that a role reads."""
    rows = lair.owner.execute(
        "select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and has_column_privilege(%s, attrelid, attnum, 'select')",
        [f"public.{table}", role],
    )
    return str((rows.fetchone() or [""])[0])


def test_no_login_becomes_another(lair: Lair) -> None:
    problems = {}
    for user in (ME, MEMBER, SHARED):
        with lair.connect(user) as session:
            for statement in (
                f"set session authorization {OTHER_APP.name}",
                f"set session authorization {OWNER}",
                f"select set_config('session_authorization', '{OTHER_APP.name}', false)",
                f"set role {OWNER}",
                *([f"set role {OTHER_APP.name}"] if user != MEMBER else []),
                "set session_replication_role = replica",
                f"alter role {user} bypassrls",
                f"grant {OWNER} to {user}",
                "insert into fbs_roles (role_name, work, solutions) values (session_user, 'reader', '{beta}')",
                "update fbs_roles set solutions = '{beta}'",
                "delete from fbs_roles",
                "insert into fbs_solution_map values ('company_id', 'beta', 'acme')",
            ):
                problems[f"{user}, {statement}"] = session.refused(statement)
    assert_none(problems)


# What a login of several solutions chooses


def test_a_shared_login_has_the_solution_of_its_transaction(lair: Lair) -> None:
    """It may choose any, and what it chose for a transaction is gone after it, however that ended."""
    choose = "select set_config('fbs.solution', 'acme', true)"
    with lair.connect(SHARED) as session:
        session.run(f"begin; {choose}")
        assert counts(session, lair) == {ROWS}
        assert session.refused("select 1 / 0", "22012") == ""
        session.run("rollback")
        assert counts(session, lair) == {0}
        for ending in (
            "commit",
            "rollback",
            "savepoint s; select set_config('fbs.solution', 'beta', true); rollback to s; commit",
            "savepoint s; select set_config('fbs.solution', 'beta', true); rollback",
        ):
            session.run(f"begin; {choose}")
            assert counts(session, lair) == {ROWS}, ending
            session.run(ending)
            assert counts(session, lair) == {0}, ending
        session.run(f"begin; {choose}; savepoint s; select set_config('fbs.solution', 'beta', true); rollback to s")
        assert counts(session, lair) == {ROWS}
        session.run("rollback")
        assert_heard_nothing(session)
        # For the session, which nothing should do: the next user of a pooled connection has it.
        session.run("select set_config('fbs.solution', 'beta', false)")
        assert counts(session, lair) == {ROWS}
        assert THEIRS in str(session.heard)
        session.run("discard all")
        assert counts(session, lair) == {0}


@pytest.mark.parametrize(
    "named", ["", " ", "acme,beta", "{acme,beta}", "{acme}", "%", "_cme", " acme", "Acme", "a", "'"]
)
def test_a_name_of_no_solution_shows_no_rows(lair: Lair, named: str) -> None:
    with lair.connect(SHARED) as session:
        session.run("select set_config('fbs.solution', %s, false)", named)
        assert counts(session, lair) == {0}


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_plans_that_are_kept_see_the_solution_of_the_moment(lair: Lair, mode: str) -> None:
    with lair.connect(SHARED) as session:
        session.run(
            f"set plan_cache_mode = {mode}; set fbs.solution = 'beta';"
            " prepare p as select title from public.fbs_dms_document order by id;"
            " create function lair.kept() returns setof text language plpgsql stable"
            " as 'begin return query select d.title::text from public.fbs_dms_document as d; end';"
            " create function lair.kept_sql() returns setof text language sql stable"
            " as 'select d.title::text from public.fbs_dms_document as d'"
        )
        asked = ("execute p", "select lair.kept()", "select lair.kept_sql()")
        for _ in range(7):
            for statement in asked:
                assert len(session.run(statement)) == ROWS
        session.heard.clear()
        session.run("set fbs.solution = 'acme'")
        for statement in asked:
            assert len(session.run(statement)) == ROWS
        assert_heard_nothing(session)
        session.run("reset fbs.solution")
        assert [session.run(statement) for statement in asked] == [[], [], []]


@pytest.mark.parametrize("how", ["parallel", "indexes", "no indexes"])
def test_no_plan_shows_more_rows(lair: Lair, how: str) -> None:
    is_old = lair.world.server.major < 16
    options = {
        "parallel": f"set {'force_parallel_mode' if is_old else 'debug_parallel_query'} = on;"
        " set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0",
        "indexes": "set enable_seqscan = off; set random_page_cost = 0.01",
        "no indexes": "set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off",
    }
    with lair.connect() as session:
        expected = every_answer(lair, session)
        session.run(options[how])
        assert counts(session, lair) == {ROWS}
        assert_none({name: f"{rows}" for name, rows in every_answer(lair, session).items() if rows != expected[name]})
        assert_heard_nothing(session)


def every_answer(lair: Lair, session: Session) -> dict[str, list[str]]:
    found = {}
    for one in answers(lair.owner, ME):
        for question in questions(one, lair.world.facts.values()) if one.name not in OF_HEALTH else []:
            found[question.as_string()] = ask(session.connection, question)
    return found


# Functions, operators and views of one's own


LEAKS = (
    "select * from public.{t} as t where lair.leak(t::text)",
    "select * from public.{t} as t where t::text operator(lair.<<<) ''",
    "select * from public.{t} as t where not lair.leak(t::text) or t.id > 0",
    "select count(*) filter (where lair.leak(t::text)) from public.{t} as t",
    "select lair.all_of(t::text) from public.{t} as t",
    "select lair.all_of(t::text) over (order by lair.leak(t::text)) from public.{t} as t",
    "select * from public.{t} as t order by lair.leak(t::text) limit 1",
    "select * from public.{t} as t join public.{t} as u on lair.leak(u::text) and t.id = u.id",
    "select * from public.{t} as t left join lateral (select lair.leak(t::text)) as u on true",
    "update public.{t} as t set id = id where lair.leak(t::text) returning lair.leak(t::text)",
    "delete from public.{t} as t where lair.leak(t::text)",
    "merge into public.{t} as t using (select 1) as s on lair.leak(t::text) when matched then do nothing",
    "select * from public.{t} as t where lair.leak(t::text) for update",
    "select * from public.{t} as t tablesample system (100) where lair.leak(t::text)",
    "select * from only public.{t} as t where t.ctid = any(array(select format('(%s,%s)', p, i)::tid"
    " from generate_series(0, 1) as p, generate_series(1, 20) as i)) and lair.leak(t::text)",
    "select t.tableoid, t.xmin, t.ctid, t.* from public.{t} as t where t.tableoid = 'public.{t}'::regclass",
    "select * from public.{t} as t where (t::text)::int > 0",
    "select (t::text)::int from public.{t} as t",
    "select 1 / (count(*) - count(*)) from public.{t} as t where (t::text)::jsonb is not null",
    "select ts_stat('select to_tsvector(''simple'', t::text) from public.{t} as t')",
    "create table lair.own as table public.{t}; table lair.own",
    "create materialized view lair.own as table public.{t}; table lair.own",
    "create view lair.own as table public.{t}; select * from lair.own as t where lair.leak(t::text)",
    "create view lair.own with (security_invoker = true) as table public.{t}; table lair.own",
    "create view lair.own with (security_barrier = true) as table public.{t}; update lair.own set id = id returning *",
    "create function lair.own() returns setof public.{t} language sql security definer as 'table public.{t}';"
    " select lair.own()",
    "create function lair.own() returns trigger language plpgsql as"
    " 'begin perform lair.leak(t::text) from public.{t} as t; return new; end';"
    " create table lair.mine (id bigint); create trigger own before insert on lair.mine for each row"
    " execute function lair.own(); insert into lair.mine values (1)",
    "do 'declare r record; begin for r in select * from public.{t} loop perform lair.leak(r::text); end loop; end'",
    "declare c scroll cursor with hold for table public.{t}; fetch all in c; move absolute 0 in c; fetch all in c",
    "explain (analyze, verbose, costs off, timing off, summary off, buffers off) table public.{t}",
    "explain (verbose, settings) select * from public.{t} as t where t::text like 'of-%'",
    "copy public.{t} to stdout",
    "copy (select * from public.{t} as t where lair.leak(t::text)) to stdout",
    "copy (delete from public.{t} where id > 0 returning *) to stdout",
)


@pytest.mark.parametrize("leak", LEAKS)
def test_code_of_ones_own_gets_the_own_rows_only(lair: Lair, leak: str) -> None:
    """Each in a transaction that is undone; an error is one of the own rows."""
    with lair.connect() as session:
        for table in tables(lair):
            statements = leak.replace("{t}", table)
            try:
                with session.connection.transaction(force_rollback=True):
                    if statements.startswith("copy"):
                        with session.connection.cursor().copy(statements.encode()) as copy:
                            session.heard += [bytes(line).decode() for line in copy]
                    else:
                        session.run(statements)
            except (psycopg.errors.InvalidTextRepresentation, psycopg.errors.ForeignKeyViolation) as error:
                session.heard.append(told(error))
        if leak.startswith("explain") or "::jsonb" in leak:
            session.heard.append(MARK.format(ACME))
        assert_heard_nothing(session)


def test_names_of_ones_own_change_no_answer(lair: Lair) -> None:
    """Functions, operators and temporary tables with the names that the policies and functions use."""
    with lair.connect() as session:
        reads = [
            one for one in answers(lair.owner, ME) if one.is_read and one.kind != "table" and one.name not in OF_HEALTH
        ]
        asked = [question.as_string() for one in reads for question in questions(one, lair.world.facts.values())]
        before = {question: session.run(question.replace('from "', 'from public."')) for question in asked}
        session.run(SHADOWS)
        session.heard.clear()
        assert counts(session, lair) == {ROWS}
        assert_heard_nothing(session)
        changed = {}
        for question, rows in before.items():
            # The name of a table is written with its schema now.
            again = str(session.run(question.replace('from "', 'from public."'))).replace("public.", "")
            if timeless(again) != timeless(str(rows)):
                changed[question] = f"{again}, before {rows}"
        assert_none(changed)
        assert f"as {OWNER}" not in str(session.heard)


@pytest.mark.parametrize("kind", ["function", "view"])
def test_code_of_the_other_solutions_login_shows_the_callers_rows(lair: Lair, kind: str) -> None:
    """Even where it has the rights of whoever made it."""
    with lair.connect(OTHER_APP) as session:
        session.run(
            "create function lair.theirs() returns setof text language sql security definer"
            " as 'select title::text from public.fbs_dms_document'"
            if kind == "function"
            else "create view lair.theirs as select title from public.fbs_dms_document"
        )
        session.run(f"grant all on {'function lair.theirs()' if kind == 'function' else 'lair.theirs'} to public")
    with lair.connect() as session:
        assert len(session.run("select * from lair.theirs" + "()" * (kind == "function"))) == ROWS
        assert_heard_nothing(session)


# What is refused


REFUSED = (
    "alter table public.{t} disable row level security",
    "alter table public.{t} no force row level security",
    "drop policy fbs_solution on public.{t}",
    "alter policy fbs_solution on public.{t} using (true)",
    "create policy own on public.{t} using (true)",
    "create trigger own before insert on public.{t} for each row execute function public.fbs_touch()",
    "alter table public.{t} disable trigger all",
    "create rule own as on insert to public.{t} do also notify own",
    "create index on public.{t} (id)",
    "create statistics lair.own on id, tableoid from public.{t}",
    "create table lair.own (id bigint references public.{t} (id))",
    "create table lair.own () inherits (public.{t})",
    "alter table public.{t} set (parallel_workers = 1)",
    "comment on table public.{t} is ''",
    "truncate public.{t}",
    "drop table public.{t}",
    "alter table public.{t} owner to current_user",
    "alter table public.{t} set schema lair",
    "grant select on public.{t} to public",
    "create publication own for table public.{t}",
    "select last_value from public.{t}_id_seq",
    "select setval('public.{t}_id_seq', 1)",
    "copy public.{t} from stdin",
    "copy public.{t} to program 'cat'",
    "copy public.{t} to '/tmp/own'",
    "set row_security = off; table public.{t}",
    "set row_security = off; select count(*) from public.{t}",
    "set row_security = off; delete from public.{t}",
)
#: Codes of what is refused for another reason than a missing right; and those of grants, which do nothing but warn.
OTHERWISE = ("42501", "0A000", "42809", "01007")


@pytest.mark.parametrize("statement", REFUSED)
def test_nothing_that_changes_a_table_or_its_policies_is_allowed(lair: Lair, statement: str) -> None:
    problems = {}
    with lair.connect() as session:
        for table in tables(lair):
            session.run("reset row_security")
            named = statement.replace("{t}", table)
            try:
                if named.startswith("copy"):
                    with session.connection.cursor().copy(named.encode()):
                        problems[named] = "not refused"
                elif named.startswith("grant"):
                    session.run(named)
                    problems[named] = "" if "no privileges were granted" in session.heard[-2] else "not refused"
                else:
                    session.run(named)
                    problems[named] = "not refused"
            except psycopg.Error as error:
                problems[named] = "" if error.sqlstate in OTHERWISE else told(error)
                session.heard.append(told(error))
        assert_none(problems)
        session.heard.append(MARK.format(ACME))
        assert_heard_nothing(session)


def test_functions_and_views_of_fbs_stay_as_they_are(lair: Lair) -> None:
    body = "returns text[] language sql as $$ select array['beta'] $$"
    problems = {}
    with lair.connect() as session:
        for statement in (
            f"create or replace function public.fbs_session_solutions() {body}",
            f"create or replace function public.fbs_solutions(column_name text) {body}",
            f"create function public.fbs_solutions(varchar) {body}",
            "alter function public.fbs_solutions(text) security invoker",
            "alter function public.fbs_solutions(text) reset search_path",
            "alter view public.fbs_documents_details set (security_invoker = false)",
            "alter view public.fbs_documents_details reset (security_invoker)",
            "create or replace view public.fbs_solution_tables as select 1",
            "create trigger own instead of insert on public.dms_document for each row"
            " execute function public.fbs_touch()",
            "select public.fbs_isolate(false)",
            "select public.fbs_revoke_execute()",
            "create table public.own ()",
            "select pg_read_file('postgresql.conf')",
            "select * from pg_statistic",
        ):
            problems[statement] = session.refused(statement)
    assert_none(problems)


# What else there is to look at


def test_catalogs_and_statistics_tell_nothing(lair: Lair) -> None:
    """The tables have been analyzed; an extended set of statistics was made by the owner."""
    lair.owner.execute("create statistics if not exists own_stats (mcv) on name, title from fbs_dms_document")
    lair.owner.execute("create statistics if not exists own_expr on (title || name) from fbs_dms_document; analyze")
    shown = lair.owner.execute("select count(*) from pg_stats as s where s::text like %s", [f"%{THEIRS}%"])
    assert (shown.fetchone() or [0])[0] > 0
    guarded = "select pg_get_viewdef('pg_stats_ext_exprs'::regclass) like '%pg_has_role%'"
    is_guarded = lair.owner.execute(guarded.encode()).fetchone() == (True,)
    with lair.connect() as session:
        for view in (
            "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs", "pg_policies", "pg_views", "pg_matviews", "pg_locks",
            "pg_stat_activity", "pg_stat_user_tables", "pg_statio_user_tables", "pg_prepared_statements", "pg_cursors",
            "pg_sequences", "pg_settings", "pg_roles", "pg_description", "pg_attribute", "pg_class", "pg_proc",
            "information_schema.columns", "information_schema.views", "information_schema.role_table_grants",
        ):  # fmt: skip
            # Before 15.7 it shows everybody the statistics of expressions, of all rows (CVE-2024-4317).
            if view != "pg_stats_ext_exprs" or is_guarded:
                session.run(f"select t::text from {view} as t")
        session.heard.append(MARK.format(ACME))
        assert_heard_nothing(session)
        assert session.refused("select currval('public.fbs_dms_document_id_seq')", "55000") == ""
        assert session.refused("select lastval()", "55000") == ""


def test_secrets_are_read_by_no_reader(lair: Lair) -> None:
    """By name or as part of the row, of whichever solution."""
    problems = {}
    secrets = lair.owner.execute("select table_name, column_name from fbs_secret_columns").fetchall()
    assert secrets
    with lair.connect(READER) as session:
        for table, column in secrets:
            for statement in (
                f"select {column} from {table}",
                f"select count(*) from {table} where {column} like 'h%'",
                f"select count(*) from {table} order by max({column})",
                f"select t from {table} as t",
                f"select row_to_json(t) from {table} as t",
                f"table {table}",
                f"create table lair.own as select * from {table}",
                f"create view lair.own as select {column} from {table}; table lair.own",
                f"explain analyze select * from {table} where {column} > ''",
                f"update {table} set id = id returning {column}",
                f"select * from {table} for update",
            ):
                problems[f"{statement}"] = session.refused(statement)
                session.run("drop view if exists lair.own")
            try:
                with session.connection.cursor().copy(f"copy {table} to stdout".encode()):
                    problems[f"copy {table}"] = "not refused"
            except psycopg.errors.InsufficientPrivilege as error:
                session.heard.append(told(error))
        assert_none(problems)
        session.run("select pg_stats::text from pg_stats")
        assert SECRET.format("") not in str(session.heard)


def test_deleting_an_attachment_removes_no_file_of_the_other_solution(lair: Lair) -> None:
    """One may name any file; those that the other's attachments name stay."""
    file = lair.world.of(BETA).values["fbs_dms_file_attachment"]["file"]
    with lair.connect() as session:
        session.run(
            "insert into fbs_dms_file_attachment (file, original_filename, description, file_size, mime_type, checksum,"
            " uploaded_by_id, company_id) select %s, '', '', 1, '', '', 1, 'acme' from generate_series(1, 2)",
            file,
        )
        session.run("delete from fbs_dms_file_attachment where file = %s", file)
    lair.owner.execute("delete from fbs_file_deletions where file <> %s", [file])
    assert lair.owner.execute("select count(*) from fbs_file_deletions").fetchone() != (0,)
    claimed = lair.owner.execute("select c.file from fbs_claim_files() as c").fetchall()
    assert claimed == []


# From before


def test_what_was_prepared_before_shows_the_own_rows_only(lair: Lair) -> None:
    """Statements, plans of functions, and cursors of sessions that were open when isolation was switched on."""
    with lair.world.copy() as name:
        owner = lair.world.connect(OWNER, name)
        owner.execute("delete from fbs_custom_fields where solution_name ~ 'beta'; select fbs_isolate(false)")
        with Session(lair.world.connect(APP, name)) as session:
            session.run(
                "set plan_cache_mode = force_generic_plan; create temporary table mine (title text);"
                "prepare p as select title from fbs_dms_document order by id;"
                "prepare v as select title from fbs_documents_details order by id;"
                "prepare u as update fbs_dms_document set title = title returning title;"
                "prepare f (text) as select * from fbs_documents_search($1, 'name')"
            )
            session.run(
                "create function pg_temp.kept() returns setof text language plpgsql as"
                " 'begin return query select d.title::text from public.fbs_dms_document as d; end';"
                "create function pg_temp.kept_sql() returns setof text language sql as"
                " 'select d.title::text from public.fbs_dms_document as d';"
                "create temporary view kept as select title from fbs_dms_document"
            )
            asked = {
                "execute p": ROWS,
                "execute v": ROWS,
                "execute u": ROWS,
                "execute f('beta')": 0,
                "select pg_temp.kept()": ROWS,
                "select pg_temp.kept_sql()": ROWS,
                "table kept": ROWS,
            }
            for statement, count in asked.items():
                for _ in range(6):
                    assert len(session.run(statement)) > count, statement
            # What was fetched before is there: a cursor that outlives its transaction is a copy of its rows.
            session.run("declare held cursor with hold for select count(*) from fbs_dms_document")
            session.heard.clear()
            owner.execute("select fbs_isolate(true)")
            for statement, count in asked.items():
                assert len(session.run(statement)) == count, statement
            assert session.run("fetch all in held") == [(2 * ROWS,)]
            assert_heard_nothing(session)
        owner.close()


def test_isolation_is_not_switched_on_under_an_open_cursor(lair: Lair) -> None:
    """The transaction that reads holds the tables: it is waited for, and the switch gives up."""
    with lair.world.copy() as name:
        owner = lair.world.connect(OWNER, name)
        owner.execute("delete from fbs_custom_fields where solution_name ~ 'beta'; select fbs_isolate(false)")
        with Session(lair.world.connect(APP, name)) as session:
            session.run("begin; declare c cursor for table fbs_dms_document; fetch 1 in c")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                owner.execute("select fbs_isolate(true)")
        owner.close()


# Later names


def test_later_names_show_and_write_the_own_rows_only(lair: Lair) -> None:
    problems = {}
    names = lair.owner.execute("select later_name, table_name from fbs_later_names order by 1").fetchall()
    with lair.connect() as session:
        for later, table in names:
            if table not in tables(lair):
                continue
            theirs = lair.world.of(BETA).ids[table]
            for statement, count in (
                (f"select * from {later}", ROWS),
                (f"select * from {later} where id = {theirs}", 0),
                (f"select * from {later} where id = {theirs} for update", 0),
                (f"update {later} set id = id returning *", ROWS),
                (f"update {later} set id = id where id = {theirs} returning *", 0),
                (f"delete from {later} where id = {theirs} returning *", 0),
                (f"select * from {later} as t where lair.leak(t::text)", ROWS),
            ):
                rows = session.run(statement)
                if len(rows) != count:
                    problems[statement] = str(rows)
            way = next((c for c in ("solution_name", "company_id", "business_id") if has(session, later, c)), None)
            if way:
                moved = f"update {later} set {way} = 'beta'"
                problems[moved] = session.refused(moved)
        assert_none(problems)
        assert_heard_nothing(session)


def has(session: Session, view: str, column: str) -> bool:
    query = "select count(*) from pg_attribute where attrelid = %s::regclass and attname = %s"
    return session.run(query, view, column) == [(1,)]
