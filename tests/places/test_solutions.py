"""Databases that solutions have of their own: created from a template, listed, dropped."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db.database import fleet
from fbs_db.errors import FbsDbError, TargetError, UsageError
from tests.support.commands import run
from tests.support.roles import role
from tests.support.servers import Server

OWNER, DEPLOY, WEB, OTHER = "fbs_sol_owner", "fbs_sol_deploy", "fbs_sol_web", "fbs_sol_other"
#: Tests that leave the template as it is share it.
SHARED = "sol_{solution}_db"
_numbers = count(1)


@dataclass
class World:
    """A server with a login that may create databases, an owner that it is a member of, and a project."""

    server: Server
    patterns: list[str] = field(default_factory=list)

    def configure(self, pattern: str = SHARED, *, login: str = DEPLOY, more: str = "", **values: Any) -> None:
        """Write the project's file, with one pattern."""
        self.patterns.append(pattern)
        said = {"url": self.url(pattern, login), "solutions": "*", "role": OWNER, "components": ["dms"], **values}
        lines = [f"{key} = {json.dumps(value)}" for key, value in said.items() if value is not None]
        default = f'[databases.default]\nurl = "{self.url("postgres")}"\n'
        default += "components = []\n" if said["components"] is None else ""
        Path("fbs-db.toml").write_text("\n".join([default, "[databases.solutions]", *lines, more]))

    def own(self, **values: Any) -> str:
        """Write the project's file, with a template of the test's own. Gives the start of its names."""
        start = f"sol{next(_numbers)}"
        self.configure(f"{start}_{{solution}}_db", **values)
        return start

    def url(self, dbname: str, user: str = "postgres") -> str:
        return self.server.url(dbname, user)

    def ask(self, query: str, *values: object, dbname: str | None = None) -> list[tuple[Any, ...]]:
        if dbname is None:
            cursor = self.server.admin.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []
        with psycopg.connect(self.url(dbname), autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def there(self, start: str = "sol") -> list[str]:
        query = "select datname::text from pg_database where datname ~ %s order by 1"
        return [name for (name,) in self.ask(query, f"^{start}")]

    def clean(self) -> None:
        keep = SHARED.format(solution="template")
        self.ask("select pg_terminate_backend(pid, 30000) from pg_stat_activity where datname ~ '^sol'")
        for name in self.there():
            if name != keep:
                self.ask(f"alter database {sql.Identifier(name).as_string()} is_template false")
                self.server.drop(name)


@pytest.fixture
def world(major: int, request: pytest.FixtureRequest) -> Iterator[World]:
    server: Server = request.getfixturevalue(f"pg{major}")
    made = World(server)
    with ExitStack() as stack:
        if not made.ask("select 1 from pg_roles where rolname = %s", OWNER):
            # They stay as long as the server: the shared template is theirs.
            made.ask(f"create role {OWNER} nologin; create role {DEPLOY} login createdb noinherit")
            made.ask(f"grant {OWNER} to {DEPLOY}; create role {WEB} login; create role {OTHER} login createdb")
        stack.callback(made.clean)
        yield made


def fine(*words: str) -> str:
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: str, code: int = 2) -> str:
    done = run(*words)
    assert done.exit_code == code, done.output
    return done.stderr


# --- create


def test_a_solution_is_created_by_a_login_that_is_no_superuser(world: World) -> None:
    start = world.own(components=None)
    said = fine("solutions", "create", "acme")
    assert f"making {start}_template_db" in said
    assert f"acme has postgresql://{DEPLOY}@/{start}_acme_db" in said
    assert f"It belongs to {OWNER}, as the template does." in said
    assert "making" not in fine("solutions", "create", "beta")
    query = "select datname::text, datdba::regrole::text, datistemplate from pg_database where datname ~ %s order by 1"
    assert world.ask(query, f"^{start}") == [
        (f"{start}_acme_db", OWNER, False),
        (f"{start}_beta_db", OWNER, False),
        (f"{start}_template_db", OWNER, True),
    ]
    owners = "select distinct relowner::regrole::text from pg_class where relname ~ '^fbs_'"
    assert world.ask(owners, dbname=f"{start}_beta_db") == [(OWNER,)]
    for name in ("acme", "beta"):
        assert "Healthy" in fine("--database", f"{start}_{name}_db", "check")
    answer = json.loads(run("solutions", "create", "gamma", "--json").stdout)
    assert (answer["solution"], answer["template"], answer["owner"]) == ("gamma", f"{start}_template_db", OWNER)
    assert answer["remark"] == ""


def test_the_copy_works_as_any_database_of_fbs(world: World) -> None:
    start = world.own(components=None)
    fbs_db.create_solution("acme")
    name = f"{start}_acme_db"
    key = "insert into fbs_custom_fields (model_name, record_id, field_name, field_type, field_value)"
    script = f"create table tenants (id int primary key); alter table tenants owner to {OWNER};"
    world.ask(script + f"insert into tenants values (1); {key} values ('tenant', 1, 'a', 'char', 'b')", dbname=name)
    assert world.ask("select min(id) from fbs_custom_fields", dbname=name) == [(1,)], "its sequences begin anew"
    fine("--database", name, "attach", "host", "tenants", "--model", "tenant")
    world.ask("delete from tenants", dbname=name)
    assert world.ask("select count(*) from fbs_custom_fields", dbname=name) == [(0,)]
    source = "select fbs_source()"
    fbs_db.create_solution("beta")
    assert world.ask(source, dbname=name) != world.ask(source, dbname=f"{start}_beta_db"), "clean-ups know them apart"


def test_the_template_is_copied_without_a_session_on_it(world: World) -> None:
    start = world.own()
    fbs_db.create_solution("acme")
    world.ask(f"alter database {start}_template_db allow_connections false")
    fbs_db.create_solution("beta")
    assert f"{start}_beta_db" in world.there(start)


def test_rights_and_settings_of_the_template_come_along(world: World) -> None:
    start = world.own(login="postgres")
    fbs_db.create_solution("acme")
    template = f"{start}_template_db"
    world.ask(
        f"revoke all on database {template} from public; revoke create on database {template} from {OWNER};"
        f"grant connect on database {template} to {WEB}; grant temporary on database {template} to public;"
        f"grant create on database {template} to {DEPLOY} with grant option;"
        f"alter database {template} connection limit 7;"
        f"alter database {template} set search_path = \"$user\", public, 'a b', 'q\"q';"
        f"alter database {template} set work_mem = '7MB'; alter database {template} set my.own = 'it''s';"
        f"alter role {WEB} in database {template} set statement_timeout = '3s'"
    )
    fbs_db.create_solution("beta")
    query = """
        select
            d.datconnlimit,
            (
                select array_agg(r order by r)
                from aclexplode(d.datacl) as a,
                concat_ws(' ', a.grantee::regrole, a.privilege_type, a.is_grantable) as r
            ),
            (
                select array_agg(concat(s.setrole::regrole, ':', c) order by s.setrole, c)
                from pg_db_role_setting as s, unnest(s.setconfig) as c
                where s.setdatabase = d.oid
            )
        from pg_database as d
        where d.datname = %s
        """
    ((limit, rights, settings),) = world.ask(query, template)
    assert world.ask(query, f"{start}_beta_db") == [(limit, rights, settings)]
    assert limit == 7
    assert len(settings) == 4
    assert f"{WEB} CONNECT f" in rights
    ((path,),) = world.ask("show search_path", dbname=f"{start}_beta_db")
    assert path == '"$user", public, "a b", "q""q"'


def test_a_member_of_the_owner_copies_rights_and_settings_too(world: World) -> None:
    start = world.own()
    fbs_db.create_solution("acme")
    world.ask(f"grant connect on database {start}_template_db to {WEB}")
    world.ask(f"alter database {start}_template_db set work_mem = '7MB'")
    fbs_db.create_solution("beta")
    assert world.ask("show work_mem", dbname=f"{start}_beta_db") == [("7MB",)]


def test_grants_and_isolation_in_the_template_come_along(world: World) -> None:
    start = world.own(components=None)
    fbs_db.create_solution("first")
    template, new = f"{start}_template_db", f"{start}_acme_db"
    world.ask(f"grant usage on schema public to {WEB}", dbname=template)
    fine("--database", template, "grant", WEB, "--as", "app", "--shared")
    fine("--database", template, "isolate", "on")
    fbs_db.create_solution("acme")
    assert "Healthy" in fine("--database", new, "check")
    assert f"{WEB:<24} app (shared)" in fine("--database", new, "roles")
    seen = "select count(*) from fbs_custom_fields"
    world.ask(
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_type, field_value, solution_name)"
        " values ('tenant', 1, 'a', 'char', 'b', 'acme')",
        dbname=new,
    )
    with psycopg.connect(world.url(new, WEB)) as connection:
        assert connection.execute(seen).fetchone() == (0,)
        connection.execute("select set_config('fbs.solution', 'acme', true)")
        assert connection.execute(seen).fetchone() == (1,)


def test_a_template_that_is_behind_is_migrated_first(world: World) -> None:
    start = world.own(components=None)
    fbs_db.create_solution("acme")
    template = f"{start}_template_db"
    fine("--database", template, "rollback")
    ((before,),) = world.ask(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", template
    )
    assert re.fullmatch(r"fbs-db [0-9a-f]{64}", before)
    world.ask(f"comment on database {template} is 'the host''s own\nfbs-db {'0' * 64}'")
    assert f"migrating {template}" in fine("solutions", "create", "beta")
    assert "0 pending" not in fine("--database", f"{start}_beta_db", "status", "--exit-code")
    ((after,),) = world.ask(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = %s", template
    )
    assert after == f"the host's own\n{before}"
    Path("fbs-db.toml").write_text(Path("fbs-db.toml").read_text() + '\nuser_key_type = "integer"')
    assert "migrating" in fine("solutions", "create", "gamma"), "the configuration is another"


def test_migrate_can_take_templates_before_their_solutions(world: World) -> None:
    start = world.own()
    assert [one.name for one in fleet.members(templates=True)] == ["default"]
    fbs_db.create_solution("acme")
    assert [one.name for one in fleet.members()] == ["default", f"{start}_acme_db"]
    every = list(fleet.members(templates=True))
    assert [one.name for one in every] == ["default", f"{start}_template_db", f"{start}_acme_db"]
    assert [one.is_template for one in every] == [False, True, False]
    assert not fbs_db.migrate(every[1]).steps


# --- a template of the host's


def test_a_database_of_the_host_becomes_the_template(world: World) -> None:
    start = world.own(user_table="auth_user", components=None)
    template = f"{start}_template_db"
    world.ask(f"create database {template} owner {OWNER}")
    world.ask(
        "create table auth_user (id uuid primary key); create table tenants (id int primary key);"
        f" alter table auth_user owner to {OWNER}; alter table tenants owner to {OWNER}",
        dbname=template,
    )
    said = refused("solutions", "create", "acme")
    assert f"Database {template} is not marked as a template" in said
    statement = said.partition("type this in psql: ")[2].strip()
    assert not world.ask("select 1 from pg_tables where tablename = 'fbs_migrations'", dbname=template)
    world.ask(statement)
    fine("solutions", "create", "acme")
    fine("--database", template, "attach", "host", "tenants", "--model", "tenant")
    fine("solutions", "create", "beta")
    new = f"{start}_beta_db"
    assert "Healthy" in fine("--database", new, "check")
    tied = "select distinct user_table::regclass::text, validated from fbs_user_columns"
    assert world.ask(tied, dbname=new) == [("auth_user", True)]
    world.ask(
        "insert into tenants values (5); insert into fbs_custom_fields"
        " (model_name, record_id, field_name, field_type, field_value) values ('tenant', 5, 'a', 'char', 'b');"
        " delete from tenants",
        dbname=new,
    )
    assert world.ask("select count(*) from fbs_custom_fields", dbname=new) == [(0,)]


def test_a_template_without_the_user_table_needs_the_type_of_its_key(world: World) -> None:
    start = world.own(user_table="auth_user")
    said = refused("solutions", "create", "acme")
    assert "Unknown table auth_user" in said
    assert 'user_key_type = "integer"' in said
    assert world.there(start) == [f"{start}_template_db"]
    Path("fbs-db.toml").write_text(Path("fbs-db.toml").read_text() + '\nuser_key_type = "integer"')
    fine("solutions", "create", "acme")
    assert "no such user table" not in fine("--database", f"{start}_template_db", "check")
    assert "Unknown table auth_user" in refused("--database", f"{start}_acme_db", "migrate")
    world.ask(
        f"create table auth_user (id int primary key); alter table auth_user owner to {OWNER}",
        dbname=f"{start}_acme_db",
    )
    fine("--database", f"{start}_acme_db", "migrate")
    assert "Healthy" in fine("--database", f"{start}_acme_db", "check")


def test_its_schema_is_made(world: World) -> None:
    start = world.own(schema="fbs")
    fine("solutions", "create", "acme")
    there = "select relnamespace::regnamespace::text from pg_class where relname = 'fbs_dms_document'"
    assert world.ask(there, dbname=f"{start}_acme_db") == [("fbs",)]
    assert "Healthy" in fine("--database", f"{start}_acme_db", "check")


def test_a_superuser_copies_nothing_that_somebody_else_prepared(world: World) -> None:
    start = world.own(login="postgres", role=None)
    world.ask(f"create database {start}_template_db owner {OTHER} is_template true")
    said = refused("solutions", "create", "acme")
    assert f"Template {start}_template_db belongs to {OTHER}" in said
    assert f"--role {OTHER} solutions create NAME" in said
    assert world.there(start) == [f"{start}_template_db"]
    fine("--role", OTHER, "solutions", "create", "acme")
    assert world.ask("select datdba::regrole::text from pg_database where datname = %s", f"{start}_acme_db") == [
        (OTHER,)
    ]


#: What a command on it would run first: operators and functions that its owner puts in front of PostgreSQL's own.
PLANTED = """
    create table captured (who text);
    grant insert on captured to public;
    create function set_config(text, text, boolean) returns text language plpgsql as
    $$begin insert into public.captured values (session_user); return pg_catalog.set_config($1, $2, $3); end$$;
    create function same(text, text) returns boolean language plpgsql as
    $$begin insert into public.captured values (session_user); return pg_catalog.texteq($1, $2); end$$;
    create operator public.= (function = public.same, leftarg = text, rightarg = text);
    create function fbs_work_queue(integer, boolean, bigint[]) returns text language sql as
    $$insert into public.captured values (session_user) returning who$$
"""


@pytest.mark.parametrize("login", ["postgres", DEPLOY])
def test_nothing_runs_in_a_database_that_somebody_made_for_its_name(
    world: World, login: str, caplog: pytest.LogCaptureFixture
) -> None:
    start = world.own()
    fine("solutions", "create", "acme")
    evil = f"{start}_evil_db"
    with psycopg.connect(world.url("postgres", OTHER), autocommit=True) as other:
        other.execute(f"create database {evil}")
        other.execute(f"alter database {evil} set search_path = public, pg_catalog")
    with psycopg.connect(world.url(evil, OTHER), autocommit=True) as other:
        other.execute(PLANTED)
    world.configure(f"{start}_{{solution}}_db", login=login)
    for words in (
        ["migrate", "--all", "--keep-going"],
        ["status", "--all"],
        ["check", "--all"],
        ["purge", "--all", "--keep-going"],
        ["--database", evil, "check"],
        ["solutions", "list"],
        ["cleanup", "retry"],
        ["cleanup", "sweep"],
    ):
        said = run(*words).output + caplog.text
        caplog.clear()
        assert f"Database {evil} belongs to {OTHER}, who may have put anything into it" in said, words
        assert world.ask("select * from captured", dbname=evil) == []
    assert "Nothing to do" in fine("--database", f"{start}_acme_db", "migrate")


def test_who_may_work_in_a_database_of_another_role(world: World) -> None:
    start = world.own(login=OTHER, role=None)
    name = f"{start}_acme_db"
    fine("solutions", "create", "acme")
    world.configure(f"{start}_{{solution}}_db", login=WEB, role=None)
    assert "who may have put" not in run("--database", name, "status").output, "the template's owner"
    world.ask(f"alter database {start}_template_db owner to postgres")
    said = refused("--database", name, "status")
    assert f"Database {name} belongs to {OTHER}, who may have put anything into it." in said
    assert f"--role {OTHER} check" in said
    assert f'grant "{OTHER}" to "{WEB}";' in said
    with role(world.server.admin, f"{OWNER}_plain") as plain:
        world.ask(f"alter database {name} owner to {plain}")
        assert "who may have put" not in run("--database", name, "status").output, "one who creates no databases"
        world.ask(f"alter database {name} owner to postgres")


# --- names


NAMES = [
    "Acme",
    "a b",
    "a'b",
    'a"b',
    "a/b",
    "a\\b",
    "ä€",
    "%s",
    "{x}",
    "a;b",
    "-x",
    "$1",
    "a%20b",
    "x" * 56,
    " x ",
    "*",
]


def test_any_name_that_a_database_can_have(world: World) -> None:
    world.configure()
    for name in NAMES:
        fine("solutions", "create", "--", name)
    assert set(world.there()) == {"sol_template_db", *(f"sol_{name}_db" for name in NAMES)}
    assert [(row.solution, row.state) for row in fbs_db.list_solutions()] == [
        (name, "up to date") for name in sorted(NAMES)
    ]
    for name in ("a'b", 'a"b', "{x}"):
        assert "Healthy" in fine("--database", f"sol_{name}_db", "check")
    for name in NAMES:
        fine("solutions", "drop", "--yes", "--", name)
    assert world.there() == ["sol_template_db"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "has no characters"),
        ("template", "No solution can be called template: sol_template_db"),
        ("x" * 57, "PostgreSQL's names have 63 bytes at most"),
        ("ä" * 28 + "x", "PostgreSQL's names have 63 bytes at most"),
    ],
)
def test_other_names_are_refused(world: World, name: str, says: str) -> None:
    world.configure()
    assert says in refused("solutions", "create", name)
    assert says in refused("solutions", "drop", "--yes", name)
    assert [one for one in world.there() if one != "sol_template_db"] == []


def test_a_list_has_to_have_it(world: World) -> None:
    world.configure(solutions=["acme"])
    said = refused("solutions", "create", "beta")
    assert "The list of pattern solutions in " in said
    assert " does not have beta." in said
    assert "does not have beta." in refused("--database", "sol_beta_db", "check")
    fine("solutions", "create", "acme")
    said = fine("solutions", "drop", "acme", "--yes")
    assert "Take acme out of the list of pattern solutions in " in said


def test_a_query_may_get_it_later(world: World) -> None:
    world.configure(solutions="select unnest('{acme,template}'::text[])")
    assert "only if this query gives beta: select unnest" in fine("solutions", "create", "beta")
    assert [row.solution for row in fbs_db.list_solutions()] == ["acme"]


def test_a_database_of_the_project_is_nobodys(world: World) -> None:
    world.configure(more=f'[databases.system]\nurl = "{world.url("sol_system_db")}"\ncomponents = ["bi"]')
    for words in (("create", "system"), ("drop", "system", "--yes")):
        assert "sol_system_db is a database of the project" in refused("solutions", *words)
    world.ask("create database sol_system_db")
    assert fbs_db.list_solutions() == []
    assert "sol_system_db" in world.there()


# --- what fails


def test_a_database_that_is_there_already(world: World) -> None:
    world.configure()
    fine("solutions", "create", "acme")
    assert "Database sol_acme_db exists already." in refused("solutions", "create", "acme")


def test_two_at_once(world: World) -> None:
    start = world.own()
    outcomes: list[str] = []
    begin = threading.Barrier(4)

    def create(name: str) -> None:
        begin.wait()
        try:
            outcomes.append(fbs_db.create_solution(name).solution)
        except FbsDbError as error:
            outcomes.append(error.message)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, ["acme", "acme", "acme", "beta"]))
    taken = f"Database {start}_acme_db exists already."
    assert sorted(outcomes) == sorted(["acme", "beta", taken, taken])
    assert all("Healthy" in fine("--database", f"{start}_{name}_db", "check") for name in ("acme", "beta"))


@pytest.mark.slow
def test_a_template_in_use_says_by_whom(world: World) -> None:
    start = world.own()
    fbs_db.create_solution("acme")
    url = world.url(f"{start}_template_db")
    with psycopg.connect(url, application_name="an editor") as editor:
        said = refused("solutions", "create", "beta")
        process = editor.info.backend_pid
    assert f"Others are connected to database {start}_template_db, which new ones are copied from" in said
    assert f"process {process} (" in said
    assert "postgres" in said
    assert f"select pg_terminate_backend({process});" in said
    assert f"{start}_beta_db" not in world.there()


def test_what_cannot_be_copied_leaves_nothing(world: World) -> None:
    start = world.own()
    fbs_db.create_solution("acme")
    world.ask(f"alter role {WEB} in database {start}_template_db set work_mem = '7MB'")
    said = refused("solutions", "create", "beta")
    assert "permission denied" in said
    assert "Nothing of the new database is left." in said
    assert f"{start}_beta_db" not in world.there()


@pytest.mark.parametrize("login", ["fbs_sol_plain", "fbs_sol_creator", "fbs_sol_member"])
def test_a_login_that_may_not_is_told_what_lets_it(world: World, login: str) -> None:
    start = world.own(login=login)
    options = "login createdb" if login == "fbs_sol_creator" else "login"
    with role(world.server.admin, login, options):
        if login == "fbs_sol_member":
            world.ask(f"grant {OWNER} to {login}")
        said = refused("solutions", "create", "acme")
        statements = said.partition("as a superuser: ")[2].splitlines()[0]
        assert ("createdb" in statements) == (login != "fbs_sol_creator")
        assert ("grant" in statements) == (login != "fbs_sol_member")
        assert world.there(start) == []
        world.ask(statements)
        fine("solutions", "create", "acme")
        world.ask(f"alter database {start}_acme_db owner to postgres")


PAPERS = '[databases.papers]\nurl = "{}"\nsolutions = "*"\ncomponents = ["bi"]'


def test_several_patterns(world: World) -> None:
    world.configure(more=PAPERS.format(world.url("sol_{solution}_papers", DEPLOY)))
    assert "Name one: --in NAME" in refused("solutions", "create", "acme")
    assert "Known: solutions, papers" in refused("solutions", "create", "acme", "--in", "paper")
    fine("solutions", "create", "acme", "--in", "solutions")
    assert [row.pattern for row in fbs_db.list_solutions()] == ["solutions"]


def test_a_name_that_fits_two_patterns_is_of_the_closer_one(world: World) -> None:
    world.configure(more=PAPERS.format(world.url("sol_{solution}_docs_db", DEPLOY)))
    assert "make it there: --in papers" in refused("solutions", "create", "acme_docs", "--in", "solutions")
    world.ask("create database sol_acme_docs_db")
    assert [(one.name, one.solution) for one in fleet.members()][1:] == [("sol_acme_docs_db", "acme")]
    assert fleet.named("sol_acme_docs_db").components == ("bi",)


def test_the_database_is_not_named(world: World) -> None:
    world.configure()
    assert "Leave --database out." in refused("--database", "default", "solutions", "list")
    Path("fbs-db.toml").unlink()
    assert "has no pattern for the databases of solutions" in refused("solutions", "list")
    with pytest.raises(UsageError, match="has no pattern"):
        fbs_db.create_solution("acme")


# --- list


def test_each_is_listed_with_its_state(world: World) -> None:
    names = ["behind", "bare", "closed", "edited", "failing", "fine", "later", "x" * 60]
    world.configure(solutions=names)
    for name in ("behind", "closed", "edited", "failing", "fine"):
        fbs_db.create_solution(name)
    world.ask("create database sol_bare_db")
    fine("--database", "sol_behind_db", "rollback")
    world.ask("update fbs_migrations set checksum = 'x' where migration_id = '0001_initial'", dbname="sol_edited_db")
    world.ask(
        "insert into fbs_cleanup_queue (model_name, operation, keys, error)"
        " values ('a', 'delete', '{1}', 'e'), ('a', 'delete', '{2}', null)",
        dbname="sol_failing_db",
    )
    world.ask("alter database sol_closed_db allow_connections false")
    done = run("solutions", "list")
    assert done.exit_code == 2
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    states = {
        "behind": "1 pending",
        "bare": "not installed",
        "closed": "not looked at",
        "edited": "edited migrations",
        "failing": "up to date",
        "fine": "up to date",
        "later": "no database",
        "x" * 60: "not looked at",
    }
    assert {name: state in lines[name] for name, state in states.items()} == dict.fromkeys(states, True)
    assert re.search(r"0051_metrics +\d{4}-\d\d-\d\d \d\d:\d\d apply +\d+ [kM]B +1$", lines["failing"])
    assert re.search(r"rollback +\d+ [kM]B$", lines["behind"])
    assert "sol_closed_db: No connection to" in done.stderr
    assert "0001_initial.sql was edited" in done.stderr
    answer = {row["solution"]: row for row in json.loads(run("solutions", "list", "--json", "--jobs", "2").stdout)}
    assert {name: row["state"] for name, row in answer.items()} == states
    assert answer["failing"]["failed"] == 1
    assert answer["later"]["exists"] is False
    assert answer["fine"]["size"] > 1e6


def test_a_list_runs_nothing_of_a_databases_owner(world: World) -> None:
    world.configure(login="postgres")
    fbs_db.create_solution("acme")
    world.ask(
        "alter table fbs_cleanup_queue rename to fbs_kept_queue;"
        "create function planted() returns text language plpgsql as $$begin raise 'planted'; end$$;"
        "create view fbs_cleanup_queue as select planted() as error",
        dbname="sol_acme_db",
    )
    (row,) = fbs_db.list_solutions()
    assert (row.error, row.failed, row.state) == (None, None, "up to date")


def test_an_edited_one_makes_the_exit_code_1(world: World) -> None:
    world.configure()
    fbs_db.create_solution("acme")
    assert run("solutions", "list").exit_code == 0
    world.ask("update fbs_migrations set checksum = 'x' where migration_id = '0001_initial'", dbname="sol_acme_db")
    assert run("solutions", "list").exit_code == 1


def test_a_server_that_is_away_hides_no_other(world: World) -> None:
    more = '[databases.{}]\nurl = "postgresql://127.0.0.1:1/x_{{solution}}"\nsolutions = {}\ncomponents = ["bi"]\n'
    world.configure(more=more.format("away", '"*"') + more.format("listed", '["acme"]'))
    fbs_db.create_solution("acme", "solutions")
    rows = fbs_db.list_solutions()
    assert [(row.solution, row.pattern, row.state) for row in rows] == [
        ("acme", "solutions", "up to date"),
        (None, "away", "not looked at"),
        ("acme", "listed", "not looked at"),
    ]
    assert "*         x_{solution}" in run("solutions", "list").stdout


# --- drop


def test_drop_asks_and_says_what_goes(world: World) -> None:
    world.configure()
    fbs_db.create_solution("acme")
    said = refused("solutions", "drop", "acme")
    assert re.search(r"This drops postgresql://\S+/sol_acme_db\S+ with all that is in it: \d+ [kM]B\.", said)
    assert "add --yes" in said
    assert "sol_acme_db" in world.there()
    assert "is dropped" in fine("solutions", "drop", "acme", "--yes")
    assert "sol_acme_db" not in world.there()
    assert "There is no database sol_acme_db" in refused("solutions", "drop", "acme", "--yes")


def test_drop_refuses_while_somebody_is_connected(world: World) -> None:
    world.configure()
    fbs_db.create_solution("acme")
    with psycopg.connect(world.url("sol_acme_db", WEB), application_name="shop") as connection:
        for words in ((), ("--yes",)):
            said = refused("solutions", "drop", "acme", *words)
            assert f"process {connection.info.backend_pid} (" in said
            assert WEB in said
            assert f"pg_terminate_backend({connection.info.backend_pid})" in said
    assert "sol_acme_db" in world.there()


def test_only_the_owner_drops(world: World) -> None:
    world.configure()
    world.ask("create database sol_theirs_db")
    with pytest.raises(TargetError, match=f"{DEPLOY} may not work as role postgres"):
        fbs_db.drop_solution("theirs")
    assert "sol_theirs_db" in world.there()
