"""Attempts to get at the rows of the other solution by functions, operators and views of one's own; what is refused."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.support.attacks import assert_none
from tests.support.every_answer import OF_HEALTH, answers, ask, questions, told
from tests.support.isolated import ACME, MARK, OTHER_APP, OWNER, READER, ROWS, SECRET, SUPERUSER
from tests.support.lair import ME, THEIRS, Lair, assert_heard_nothing, counts, tables

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


def test_estimates_are_not_made_from_the_rows_of_others(lair: Lair) -> None:
    """While it plans, PostgreSQL compares with values that it has from ANALYZE, by whatever operator there is."""
    columns = lair.owner.execute(
        "select c.relname, quote_ident(a.attname) from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid"
        " where c.relnamespace = 'public'::regnamespace and c.relname = any(%s) and a.attnum > 0"
        " and a.atttypid = any('{text,varchar}'::regtype[])",
        [[*tables(lair), *(one.name for one in answers(lair.owner, ME) if one.kind == "view" and one.columns)]],
    ).fetchall()
    asked = [
        f"explain select * from public.{table} as t{more} where t.{column} operator(lair.{operator}) {other}"
        for table, column in columns
        for operator in ("<<<", "===")
        for more, other in (("", "'x'"), (f", public.{table} as u", f"u.{column}"))
    ] + [
        f"explain select * from public.{table} as t where (t.{column} ->> 'record_id') operator(lair.{operator}) 'x'"
        for table, column in (
            ("fbs_approval_requests", "request_data"),
            ("fbs_workflow_instances", "workflow_data"),
            ("fbs_dms_document", "metadata"),
        )
        for operator in ("<<<", "===")
    ]
    with lair.connect(SUPERUSER) as session:
        for statement in asked:
            session.run(statement)
        assert f"leaked {THEIRS}" in str(session.heard)
    with lair.connect() as session:
        problems = {}
        for statement in asked:
            session.heard.clear()
            session.run(statement)
            problems[statement] = ", ".join(one for one in session.heard if THEIRS in one)
        assert_none(problems)


def test_names_of_ones_own_change_no_answer(lair: Lair) -> None:
    """Functions, operators and temporary tables with the names that the policies and functions use."""
    with lair.connect() as session:
        reads = [
            one for one in answers(lair.owner, ME) if one.is_read and one.kind != "table" and one.name not in OF_HEALTH
        ]
        asked = [
            sql.SQL(question.as_string().replace('from "', 'from public."'))
            for one in reads
            for question in questions(one, lair.world.facts.values())
        ]
        before = [ask(session.connection, question) for question in asked]
        session.run(SHADOWS)
        session.heard.clear()
        assert counts(session, lair) == {ROWS}
        assert_heard_nothing(session)
        changed = {}
        for question, rows in zip(asked, before, strict=True):
            # The name of a table is written with its schema now.
            again = sorted(row.replace("public.", "") for row in ask(session.connection, question))
            if again != sorted(row.replace("public.", "") for row in rows):
                changed[question.as_string()] = f"{again}, before {rows}"
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
