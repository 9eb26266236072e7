"""Entries of the configuration that stand for the databases that solutions have of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import conninfo

import fbs_db
from fbs_db.database import fleet, patterns, project
from fbs_db.database.config import TEMPLATE, DatabaseConfig, parse
from fbs_db.database.which import resolve
from fbs_db.errors import ConnectionFailed, TargetError, UsageError
from tests.support.commands import run
from tests.support.roles import role
from tests.support.servers import Server

LOGIN = "fbs_pattern_login"


def configure(**tables: dict[str, Any]) -> None:
    """Write the project's file."""
    lines: list[str] = []
    for name, table in tables.items():
        lines += [f"[databases.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    Path("fbs-db.toml").write_text("\n".join(lines))


def refused(*words: str, says: str) -> str:
    done = run(*words)
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    return done.stderr


# --- what is said


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"url": "postgresql://h/d"}, "has solutions, and its database's name is 'd'. Put one placeholder"),
        ({"url": "postgresql://h/"}, "has solutions, and its database's name is ''"),
        ({"url": "postgresql://h/{solution}"}, "its database's name is '{solution}'"),
        ({"url": "postgresql://h/{a}_{b}"}, "its database's name is '{a}_{b}'"),
        ({"url": "postgresql://h/x_{Acme}"}, "its database's name is 'x_{Acme}'"),
        ({"service": "x"}, 'has solutions and a service. Write url = "service=NAME dbname=fbs_{solution}_db"'),
        ({"url": None}, "has no connection settings"),
        ({"solutions": ""}, "solutions is neither a list of names nor a text"),
        ({"solutions": 7}, "solutions is neither a list of names nor a text"),
        ({"solutions": ["acme", ""]}, "solutions is neither a list of names nor a text"),
        ({"solutions": ["acme", 7]}, "solutions is neither a list of names nor a text"),
        ({"solutions": "acme"}, 'solutions is \'acme\', which is no query. Write ["acme"], or "*"'),
        ({"solutions": ["acme", "template"]}, "solutions names template"),
        ({"solutions": None}, "x_{solution} stands for many databases, and nothing says whose"),
        ({"solution": "acme"}, "unknown key databases.each.solution"),
        ({"components": ["msme"]}, "component msme is in two databases: default and each"),
        ({"user_key_type": "money"}, "databases.each.user_key_type is 'money'"),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, Any], says: str) -> None:
    each = {"url": "postgresql://h/x_{solution}", "solutions": "*", "components": ["dms"], **table}
    configure(
        default={"url": "postgresql://h/d", "components": ["msme"]},
        rest={"url": "postgresql://h/e"},
        each={
            key: value for key, value in each.items() if value is not None and not (key == "url" and "service" in table)
        },
    )
    for words in (("placement",), ("solutions", "list"), ("migrate", "--all")):
        done = run(*words)
        assert done.exit_code == 2, done.output
        assert says in done.stderr.replace("\n", " ")


def test_the_default_database_is_one() -> None:
    configure(default={"url": "postgresql://h/x_{solution}", "solutions": "*"})
    refused("placement", says="default is the one database that is used if none is named")


def test_a_variable_holds_the_string(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(default={"url": "postgresql://h/d"}, each={"env": "EACH", "solutions": ["acme"], "components": ["dms"]})
    refused("solutions", "list", says="from EACH, which is not set")
    refused("--database", "x_acme", "url", says="from EACH, which is not set")
    monkeypatch.setenv("EACH", "postgresql://app:secret@h/x_y")
    said = refused("--database", "x_acme", "url", says="database each has solutions, and its database's name is 'x_y'")
    assert "secret" not in said
    monkeypatch.setenv("EACH", "postgresql://app:secret@h/x_{company}?sslmode=require")
    done = run("--database", "x_acme", "url")
    assert done.output == "postgresql://app@h/x_acme?sslmode=require\n"
    assert conninfo.conninfo_to_dict(resolve("x_acme")[0]) == {
        "user": "app", "password": "secret", "host": "h", "dbname": "x_acme", "sslmode": "require",
    }  # fmt: skip


def test_of_a_service_the_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who dumps each solution by its URL dumps its database, and not that of the service."""
    service = {"url": "service=prod user=app password=s dbname=x_{solution} sslmode=require", "solutions": ["Big Co"]}
    configure(default={"service": "prod"}, each={**service, "components": ["dms"]})
    assert run("url").stdout == "service=prod\n"
    assert run("--database", "x_Big Co", "url").stdout == "service=prod user=app dbname='x_Big Co' sslmode=require\n"
    refused("--database", "x_Big Co", "tables", says="No connection to service=prod user=app dbname='x_Big Co'")
    monkeypatch.setenv("PGSERVICE", "prod")
    assert run("--database", "postgresql://h/d", "url").stdout == "service=prod host=h dbname=d\n"


def test_the_url_has_all_but_secrets() -> None:
    url = "postgresql://me:s@/d?host=/a%20b&sslmode=verify-full&sslrootcert=/c%26d&sslpassword=s&options=-c%20role%3Dx"
    shown = run("--database", url, "url").stdout.strip()
    assert shown.startswith("postgresql://me@/d?host=/a%20b&")
    secrets = {"password": "s", "sslpassword": "s"}
    assert {**conninfo.conninfo_to_dict(shown), **secrets} == conninfo.conninfo_to_dict(url)


def test_pyproject_says_it_too() -> None:
    Path("pyproject.toml").write_text(
        '[tool.fbs-db.databases.default]\nurl = "postgresql://h/d"\n'
        '[tool.fbs-db.databases.each]\nurl = "host=h dbname=\'x {solution}\'"\nsolutions = ["acme"]\n'
        'components = ["dms"]\n'
    )
    assert list(project.configuration().patterns) == ["each"]
    assert list(project.configuration().databases) == ["default"]
    assert fleet.named("x acme").solution == "acme"


def test_patterns_of_several_servers_hold_the_same() -> None:
    one = {"url": "postgresql://one/x_{solution}", "solutions": ["acme"]}
    two = {"url": "postgresql://two/y_{solution}", "solutions": ["beta"]}
    configure(default={"url": "postgresql://h/d", "components": []}, one=one, two=two)
    assert {row.database for row in fbs_db.placement() if row.component == "bi"} == {"one", "two"}
    with_components = {"components": ["dms", "bi"]}
    configure(default={"url": "postgresql://h/d"}, one={**one, **with_components}, two={**two, **with_components})
    assert {row.database for row in fbs_db.placement() if row.component == "bi"} == {"one", "two"}
    assert [fleet.named(name).url for name in ("x_acme", "y_beta")] == [
        "host=one dbname=x_acme",
        "host=two dbname=y_beta",
    ]


def test_placement_shows_whose_tables_there_are() -> None:
    url = "postgresql://app:secret@h/x_{solution}_db"
    for solutions, says in (
        (["acme", "beta"], "for the solutions acme, beta"),
        ([], "for no solution"),
        ("*", "for each solution whose database is on the server"),
        ("select name from t", "for the solutions of: select name from t"),
    ):
        configure(
            default={"url": "postgresql://h/d"},
            each={"url": url, "solutions": solutions, "components": ["dms"], "schema": "fbs", "user_key_type": "uuid"},
        )
        done = run("placement")
        assert done.exit_code == 0
        text = done.stdout
        part = text[text.index("dms in each: postgresql://app@h/x_{solution}_db, schema fbs\n") :]
        assert part.splitlines()[1].endswith("fbs-db.toml names it there")
        assert part.splitlines()[2:4] == [f"  {says}", "  user keys: uuid"]
        assert "    fbs_dms_document" in part
        assert "base in each" in text
        assert "secret" not in text
        short = run("placement", "--components").stdout
        assert says in short
        assert "fbs_dms_document" not in short
        whole = [
            row for row in json.loads(run("placement", "--components", "--json").stdout) if row["component"] == "dms"
        ]
        assert [(row["database"], row["solutions"]) for row in whole] == [("each", solutions)]
        assert "table" not in whole[0]
        rows = [row for row in json.loads(run("placement", "--json").stdout) if row["table"] == "fbs_dms_document"]
        assert [(row["database"], row["solutions"]) for row in rows] == [("each", solutions)]
        assert [(row["user_table"], row["user_key_type"]) for row in rows] == [(None, "uuid")]


# --- names of databases


def test_a_solution_is_no_database() -> None:
    configure(
        default={"url": "postgresql://h/d"},
        each={"url": "postgresql://h/x_{solution}_db", "solutions": "*", "components": ["dms"]},
    )
    said = refused("--database", "acme", "check", says="Unknown database 'acme' in ")
    assert "Known: default, x_{solution}_db. If acme is a solution, name its database: x_acme_db" in said
    with pytest.raises(UsageError, match="name its database: x_acme_db"), fbs_db.connect("acme"):
        pass
    with pytest.raises(UsageError, match="name its database: x_acme_db"):
        fleet.named("acme")
    said = refused("--database", "each", "check", says="each in ")
    assert "Name that of one solution: x_{solution}_db" in said
    for name in ("each", "x_acme_db"):
        refused("placement", "move", "bi", "--to", name, says="A move knows single databases only.")
    refused("--database", "host:5432", "check", says="libpq cannot read it")
    assert "name its database" not in refused("--database", "template", "check", says="Unknown database 'template'")


@pytest.mark.parametrize("text", ["postgresql://h/elsewhere_db", "host=h dbname=elsewhere_db"])
def test_a_connection_string_that_ends_like_a_pattern_is_one(text: str) -> None:
    configure(
        default={"url": "postgresql://h/d"},
        each={"url": "postgresql://x/{solution}_db", "solutions": "*", "components": ["dms"]},
    )
    where, config = resolve(text)
    assert (where, config.solution) == (text, None)
    assert fleet.named("a=b_db").solution == "a=b"


def test_the_template_has_its_name_and_is_no_solution() -> None:
    for solutions in ("*", ["acme"]):
        configure(
            default={"url": "postgresql://h/d"},
            each={"url": "postgresql://h/x_{solution}_db", "solutions": solutions, "components": ["dms"]},
        )
        assert fleet.named("x_template_db").is_template
        assert not fleet.named("x_acme_db").is_template
    with pytest.raises(UsageError, match=r"The list of pattern each in .* does not have beta"):
        fleet.named("x_beta_db")


PATTERNS = st.builds(
    "{}{{solution}}{}".format, st.text("ab_'\" \\é%", max_size=6), st.text("ab_'\" \\é%", min_size=1, max_size=6)
)


@given(PATTERNS, st.text(max_size=40))
@settings(deadline=None)
def test_each_solution_has_a_database_of_its_own(dbname: str, solution: str) -> None:
    url = conninfo.make_conninfo("", host="h", user="app", password="a b'", dbname=dbname)
    pattern = DatabaseConfig("each", url=url, solutions="*")
    try:
        member = patterns.member_of(pattern, solution)
    except UsageError:
        longest = len(dbname.replace("{solution}", solution).encode()) > 63
        assert longest or not solution or "\0" in solution or solution == TEMPLATE
        return
    assert member.name == dbname.replace("{solution}", solution)
    assert conninfo.conninfo_to_dict(member.url or "") == {
        "host": "h", "user": "app", "password": "a b'", "dbname": member.name,
    }  # fmt: skip
    assert patterns.solution_in(pattern, member.name) == solution


_VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["postgresql://h/x_{a}", "postgresql://h/d", "*", "select 1", "dms", "bi", "bigint", "{a}"]),
    st.lists(st.sampled_from(["dms", "bi", "acme", "template", "", 7]), max_size=3),
    st.integers(),
    st.none(),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=1),
)
_KEYS = st.sampled_from(
    ["url", "env", "service", "schema", "solutions", "components", "user_key_type", "solution", "x"]
)


@given(st.dictionaries(st.sampled_from(["databases", "x"]), st.one_of(_VALUES, st.dictionaries(
    st.sampled_from(["default", "each", "a"]), st.one_of(_VALUES, st.dictionaries(_KEYS, _VALUES, max_size=4)),
    max_size=3,
)), max_size=2))  # fmt: skip
@settings(deadline=None, max_examples=200)
def test_whatever_a_file_says_is_understood_or_refused(content: dict[str, Any]) -> None:
    try:
        known = parse(content, "the file")
    except UsageError:
        return
    assert all(one.solutions is not None for one in known.patterns.values())
    assert all(one.solutions is None for one in known.databases.values())


# --- which solutions there are


@pytest.fixture
def make(pg18: Server) -> Iterator[Callable[..., None]]:
    """Makes databases of these names."""
    with ExitStack() as stack:

        def create(*names: str) -> None:
            for name in names:
                pg18.create(name, "template0")
                stack.callback(pg18.drop, name)

        yield create


def use(server: Server, solutions: Any, **more: dict[str, Any]) -> None:
    """Configure a pattern on the server."""
    configure(
        default={"url": server.url()},
        each={"url": server.url("pat_{solution}_db"), "solutions": solutions, "components": ["dms"]},
        **more,
    )


def names() -> list[str]:
    return [one.name for one in fleet.members() if one.solution]


def test_all_that_are_on_the_server(pg18: Server, make: Callable[..., None]) -> None:
    make(
        "pat_beta_db",
        "pat_Acme_db",
        "pat__db",
        "pat_db",
        "pat_closed_db",
        "pat_old_db",
        "xpat_acme_db",
        "pat_system_db",
    )
    pg18.admin.execute("alter database pat_closed_db allow_connections false")
    pg18.admin.execute("alter database pat_old_db is_template true")
    try:
        use(pg18, "*", system={"url": pg18.url("pat_system_db"), "components": ["bi"]})
        assert names() == ["pat_Acme_db", "pat_beta_db"]
        assert fleet.is_there(fleet.named("pat_closed_db"))
        assert not fleet.is_there(fleet.named("pat_other_db"))
        assert fleet.named("pat_system_db").name == "pat_system_db"
    finally:
        pg18.admin.execute("alter database pat_old_db is_template false")


def test_a_list_leaves_out_what_is_not_there(pg18: Server, make: Callable[..., None]) -> None:
    make("pat_acme_db", "pat_beta_db")
    use(pg18, ["gamma", "acme", "acme"])
    assert names() == ["pat_acme_db"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "select name from (values ('beta'), ('acme'), ('acme'), ('nowhere'), ('template')) as t (name)",
            ["acme", "beta"],
        ),
        ("select 'ac' || 'me' where 'a' like 'a%'", ["acme"]),
        ("select repeat('x', 70) union all select 'acme' union all select $$a'\"b$$", ["acme"]),
        ("with t as (select 'acme'::name as n) select n from t;", ["acme"]),
        ("select 'acme' where false", []),
    ],
)
def test_a_query_names_them(pg18: Server, make: Callable[..., None], query: str, found: Sequence[str]) -> None:
    make("pat_acme_db", "pat_beta_db")
    use(pg18, query)
    assert names() == [f"pat_{name}_db" for name in found]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("select 7", "gives something else than names"),
        ("select null::text", "gives something else than names"),
        ("select 'a', 'b'", "gives something else than names"),
        ("select ''", "The solution's name has no characters"),
        ("select name from nowhere", 'failed in .*: relation "nowhere" does not exist'),
        ("select name frm nowhere", "failed in .*: syntax error"),
        ("create table pat_made ()", "failed in .*: cannot execute CREATE TABLE in a read-only transaction"),
        ("select 'a'; commit; create table pat_made ()", "failed in .*: cannot insert multiple commands"),
        ("commit and chain", "failed in .*"),
        ("set transaction read write", "failed in .*"),
        ("select 'a' from pg_sleep(5)", "failed in .*: canceling statement due to statement timeout"),
    ],
)
def test_a_query_that_gives_no_names(pg18: Server, monkeypatch: pytest.MonkeyPatch, query: str, says: str) -> None:
    monkeypatch.setattr(fleet, "_READING", fleet._READING.replace("60s", "200ms"))
    use(pg18, query)
    with pytest.raises((TargetError, UsageError), match=says) as raised:
        list(fleet.members())
    assert "fbs-db.toml" in raised.value.hint or "such as" in raised.value.hint or "Without" in raised.value.hint
    assert pg18.admin.execute("select to_regclass('pat_made') is null").fetchone() == (True,)
    refused("solutions", "list", says=raised.value.message)


def test_the_query_runs_in_the_default_database(pg18: Server, make: Callable[..., None]) -> None:
    make("pat_acme_db", "pat_home_db")
    configure(
        default={"url": pg18.url("pat_home_db"), "components": []},
        each={"url": pg18.url("pat_{solution}_db"), "solutions": "select current_database()::text where false"},
    )
    assert names() == []
    configure(
        default={"url": pg18.url("pat_home_db"), "role": LOGIN, "components": []},
        each={
            "url": pg18.url("pat_{solution}_db"),
            "solutions": f"select 'acme' where (current_database(), current_user) = ('pat_home_db', '{LOGIN}')",
        },
    )
    with role(pg18.admin, LOGIN):
        assert names() == ["pat_acme_db"]


def test_a_server_is_asked_where_the_login_may(pg18: Server, make: Callable[..., None]) -> None:
    make("pat_acme_db")
    with role(pg18.admin, LOGIN):
        pg18.admin.execute("revoke connect on database postgres from public")
        try:
            configure(
                default={"url": pg18.url()},
                each={"url": pg18.url("pat_{solution}_db", LOGIN), "solutions": "*", "components": ["dms"]},
            )
            assert names() == ["pat_acme_db"]
        finally:
            pg18.admin.execute("grant connect on database postgres to public")


def test_a_server_that_is_away_is_an_error() -> None:
    configure(
        default={"url": "postgresql://127.0.0.1:1/d"},
        each={"url": "postgresql://127.0.0.1:1/pat_{solution}", "solutions": "*", "components": ["dms"]},
    )
    with pytest.raises(ConnectionFailed):
        list(fleet.members())


def test_a_name_on_two_servers_is_of_the_one_that_has_it(pg18: Server, pg17: Server, make: Callable[..., None]) -> None:
    make("pat_acme_db")
    pg17.create("pat_beta_db", "template0")
    try:
        use(pg18, "*", other={"url": pg17.url("pat_{solution}_db"), "solutions": "*", "components": ["dms"]})
        assert {one.name: str(one.url).partition("port=")[2].partition(" ")[0] for one in fleet.members()} | {
            "default": ""
        } == {"default": "", "pat_acme_db": str(pg18.port), "pat_beta_db": str(pg17.port)}
        for name, server in (("pat_acme_db", pg18), ("pat_beta_db", pg17)):
            assert f"port={server.port}" in str(fleet.named(name).url)
    finally:
        pg17.drop("pat_beta_db")


def test_messages_name_the_database_of_a_solution(pg18: Server, make: Callable[..., None]) -> None:
    make("pat_a b_db")
    configure(
        default={"url": pg18.url(), "components": []}, each={"url": pg18.url("pat_{solution}_db"), "solutions": "*"}
    )
    (member,) = [one for one in fleet.members() if one.solution]
    (finding,) = fbs_db.check(member).findings
    assert finding.mend == "fbs-db --database 'pat_a b_db' migrate"


def test_a_solution_without_a_database_is_told_how_to_get_one(pg18: Server) -> None:
    use(pg18, "*")
    assert "To create it, type: fbs-db solutions create 'a b'\n" in refused(
        "--database", "pat_a b_db", "check", says='database "pat_a b_db" does not exist'
    )


def test_nothing_of_others_runs_where_the_server_is_asked(pg18: Server) -> None:
    """In the database postgres somebody may have made a function that fits better than PostgreSQL's own."""
    use(pg18, "*")
    with patterns.at_server(fleet.named("pat_acme_db")) as connection:
        assert connection.execute("show search_path").fetchone() == ("pg_catalog, pg_temp",)


def test_the_errors_say_no_password() -> None:
    for url in ("postgresql://app:zq:ww@h:x/pat_{a}", "postgresql://app:zq@ww@h/pat_{a}", "password='zq ww dbname={a}"):
        configure(default={"url": "postgresql://h/d"}, each={"url": url, "solutions": "*", "components": ["dms"]})
        for words in (["placement"], ["solutions", "create", "acme"], ["--database", "pat_a", "url"]):
            done = run(*words)
            assert done.exit_code == 2, done.output
            assert "malformed" in done.output
            assert not {"zq", "ww"} & set(re.findall("zq|ww", done.output))
