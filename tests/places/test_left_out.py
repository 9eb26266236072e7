"""Components that no database holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.errors import TargetError
from tests.support.catalog import listed_tables
from tests.support.commands import of_each, run
from tests.support.connections import url_of
from tests.support.every_read import GROUPS
from tests.support.guided import Guided, guided
from tests.support.sample_rows import insert, required_values
from tests.support.servers import Server
from tests.support.versions import NEWEST

OUT = ("bi", "licensing")
KEPT = [component for component in files.components() if component not in OUT]
LISTED = {table["table"]: table for table in listed_tables()}
LICENCES = "fbs_license_manager_solution_license"


def say(**tables: dict[str, Any]) -> None:
    lines = []
    for name, table in tables.items():
        lines += [f"[databases.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    Path("fbs-db.toml").write_text("\n".join(lines))


def fine(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture
def url(pg18: Server) -> Iterator[str]:
    """The database of a project that leaves two components out."""
    with pg18.database() as url:
        say(default={"url": url, "components": KEPT})
        yield url


def tables_in(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("select relname from pg_class where relkind = 'r'")} & {*LISTED}


# --- what is said


def test_no_file_needs_one_of_another_component() -> None:
    of = {file.id: file.component for file in files.load()}
    assert all(of[name] in (files.BASE, file.component) for file in files.load() for name in file.depends)


def test_placement_says_what_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    say(default={"components": KEPT})
    said = fine("placement")
    assert "bi is left out: no database of" in said
    assert "Without it these fail: fbs.bi.charts, fbs.bi.dashboards," in said
    assert "fbs_kpis" in said
    assert "fbs_kpis" not in fine("placement", "--components")
    assert "fbs.licensing.features" in fine("placement", "--components")
    for words in ((), ("--components",)):
        rows = json.loads(fine("placement", "--json", *words))
        bi, licensing = [row for row in rows if row["database"] is None]
        assert (bi["component"], licensing["component"]) == OUT
        assert bi["tables"] == ["fbs_dashboards", "fbs_reports", "fbs_kpis", "fbs_charts"]
        assert licensing["fewer"] == ["suite.deadlines"]
        assert {row["component"] for row in rows if row["database"]} == {"base", *KEPT}
    say(default={"components": []})
    without = [row for row in json.loads(fine("placement", "--json")) if row["database"] is None]
    named = {f"{group}.{read}" for group, reads in vars(GROUPS).items() for read in dir(reads) if read[0] != "_"}
    assert {read for row in without for read in row["reads"]} == named - {"suite.deadlines"}


def test_who_leaves_the_rest_to_no_database_of_that_name_leaves_nothing_out() -> None:
    """What was valid before means what it meant."""
    for tables in (
        {"a": {"url": "postgresql:///x", "components": ["bi"]}},
        {"default": {}, "a": {"url": "postgresql:///x", "components": ["bi"]}},
        {},
    ):
        say(**tables)
        assert "left out" not in fine("placement")
    say(default={"components": ["bi"]}, a={"url": "postgresql:///x", "components": ["mmse"]})
    assert "unknown component 'mmse'" in run("placement").output


# --- the rest works


def test_the_rest_is_installed_and_whole(url: str) -> None:
    said = fine("migrate")
    assert "Left out: bi, licensing." in said
    assert tables_in(url) == {name for name, table in LISTED.items() if table["component"] not in OUT}
    for line in ("migrate", "status", "check --all", "status --all", "migrate --all"):
        assert "Left out: bi, licensing." in fine(*line.split())
    assert json.loads(run("migrate", "--json").stdout)["left_out"] == [*OUT]
    assert json.loads(run("status", "--json").stdout)["left_out"] == [*OUT]
    assert of_each(run("status", "--all", "--json"))["default"]["answer"]["left_out"] == [*OUT]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table people (id bigint primary key); insert into people values (1), (2)")
        connection.execute("create table shops (id bigint primary key); insert into shops values (7)")
        connection.execute("create role left_out_app; create role left_out_worker")
        fine("attach", "users", "people")
        fine("attach", "host", "shops", "--model", "shops.shop")
        about = json.dumps({"model_name": "shops.shop", "record_id": "7"})
        values = required_values(LISTED["fbs_approval_requests"]) | {"request_data": about}
        insert(connection, "fbs_approval_requests", values)
        connection.execute("delete from shops")
        assert connection.execute("select status from fbs_approval_requests").fetchall() == [("cancelled",)]
        connection.execute("delete from people")
        assert connection.execute("select count(*) from fbs_approval_requests").fetchall() == [(0,)]
    try:
        for words in (
            ("later-names", "add"),
            ("check", "--data"),
            ("repair",),
            ("grant", "left_out_app", "--as", "app"),
            ("grant", "left_out_worker", "--as", "worker"),
            ("isolate", "on", "--anyway"),
            ("cleanup", "sweep"),
            ("cleanup", "retry"),
            ("purge",),
            ("files", "purge", "--help"),
            ("settings",),
            ("tables", "--indexes"),
            ("roles",),
            ("docs", "--html", "docs.html"),
        ):
            fine(*words)
    finally:
        fine("isolate", "off")
        fine("revoke", "left_out_app", "--all")
        fine("revoke", "left_out_worker", "--all")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("drop owned by left_out_app, left_out_worker; drop role left_out_app, left_out_worker")
    fine("rollback", "--all", "--yes")
    assert not tables_in(url)


@pytest.mark.slow
@pytest.mark.parametrize("component", files.components())
def test_each_component_can_be_left_out(pg18: Server, component: str) -> None:
    with pg18.database() as url:
        say(default={"url": url, "components": [one for one in files.components() if one != component]})
        fine("migrate")
        fine("later-names", "add")
        assert "Healthy" in fine("check", "--data")
        with fbs_db.connect() as fbs:
            assert not list(fbs.suite.deadlines(solution_name="x"))


def test_what_needs_it_says_so(url: str) -> None:
    fine("migrate")
    with fbs_db.connect() as fbs:
        assert not list(fbs.suite.deadlines(solution_name="x"))
        with pytest.raises(
            TargetError, match=r"Component licensing is left out: no database of .*fbs-db\.toml lists it"
        ):
            fbs.licensing.licenses(limit=1)
        with pytest.raises(TargetError, match="Component licensing is left out") as raised:
            fbs.licensing.features("acme")
    assert "list it in the components of one. Then type: fbs-db migrate --all" in raised.value.hint
    with psycopg.connect(url) as lent, pytest.raises(TargetError, match="Component bi is left out"):
        fbs_db.connect(lent).bi.dashboards(limit=1)

    async def read() -> None:
        async with fbs_db.connect_async() as fbs:
            await fbs.bi.dashboards(limit=1)

    with pytest.raises(TargetError, match="Component bi is left out"):
        asyncio.run(read())
    assert "Component bi is left out" in run("describe", "kpis").output
    assert "Component bi is left out" in run("placement", "move", "bi", "--to", "default").output
    for file in Path().glob("fbs-db.toml"):
        file.unlink()
    with psycopg.connect(url) as lent, pytest.raises(TargetError, match="is not installed here"):
        fbs_db.connect(lent).bi.dashboards(limit=1)


# --- what was installed before


def test_what_was_installed_stays_until_it_is_dropped(installed: psycopg.Connection) -> None:
    url = url_of(installed)
    insert(installed, LICENCES, required_values(LISTED[LICENCES]))
    installed.execute("create view shown as select id from fbs_license_manager_solution_license")
    installed.commit()
    say(default={"url": url, "components": KEPT})
    fine("later-names", "add")
    assert "Nothing to do" in fine("migrate")
    assert "fbs_kpis" in tables_in(url)
    with fbs_db.connect() as fbs:
        assert list(fbs.licensing.licenses(limit=2)), "what is there can be read"
    found = {row.object: row for row in fbs_db.check().findings if row.kind == "component"}
    assert {*found} == {*OUT}
    assert found["licensing"].mend == "fbs-db placement drop licensing --from default"
    assert (found["licensing"].severity, found["licensing"].problem) == ("warning", "left out")

    refused = run("placement", "drop", "licensing", "--from", "default")
    assert (refused.exit_code, "with 1 row in schema public of default" in refused.output) == (2, True), refused.output
    refused = run("placement", "drop", "licensing", "--from", "default", "--yes")
    assert "These objects depend on the tables: view shown." in refused.output
    assert LICENCES in tables_in(url)
    installed.execute("drop view shown")
    installed.commit()
    for component in OUT:
        fine("placement", "drop", component, "--from", "default", "--yes")
    assert tables_in(url) == {name for name, table in LISTED.items() if table["component"] not in OUT}
    assert "Healthy" in fine("check", "--data")
    assert "keeps no old tables of bi" in run("placement", "drop", "bi", "--from", "default", "--yes").output
    assert run("placement", "drop", "msme", "--from", "default", "--yes").exit_code == 2

    say(default={"url": url})
    fine("migrate")
    assert "Healthy" in fine("check", "--data")
    assert tables_in(url) == {*LISTED}


def test_what_comes_back_is_tied_to_the_users_of_the_rest(url: str) -> None:
    fine("migrate")
    with psycopg.connect(url) as connection:
        connection.execute('create schema "My app"; create table "My app"."Users" (id bigint primary key)')
    fine("attach", "users", '"My app"."Users"')
    say(default={"url": url})
    assert 'attach users: SHARE ROW EXCLUSIVE on "My app"."Users"' in fine("migrate", "--dry-run")
    assert '22 user columns are tied to "My app"."Users".' in fine("migrate")
    assert "Healthy:" in fine("check")


@pytest.mark.slow
def test_of_several_databases_and_those_of_solutions(pg18: Server) -> None:
    pattern = pg18.url("left_acme_db").replace("acme", "{solution}")
    pg18.create("left_acme_db")
    try:
        with pg18.database() as url, pg18.database() as second:
            say(
                default={"url": url, "components": ["approvals", "msme"]},
                other={"url": second, "components": ["workflow"]},
                solutions={"url": pattern, "solutions": ["acme"], "components": ["dms"]},
            )
            out = [one for one in files.components() if one not in ("approvals", "msme", "workflow", "dms")]
            assert f"Left out: {', '.join(out)}." in fine("migrate", "--all")
            assert "3 healthy" in fine("check", "--all")
            assert {LISTED[name]["component"] for name in tables_in(url)} == {"approvals", "msme"}
            with fbs_db.connect("left_acme_db") as fbs, pytest.raises(TargetError, match="bi is left out"):
                fbs.bi.dashboards(limit=1)
            fine("placement", "move", "workflow", "--to", "default")
            assert {LISTED[name]["component"] for name in tables_in(url)} == {"approvals", "msme", "workflow"}
    finally:
        pg18.drop("left_acme_db")


# --- Django


@pytest.fixture
def host(pg18: Server) -> Iterator[Guided]:
    with guided(NEWEST, pg18) as host:
        yield host


#: Deletes a user and a tenant by Django, which looks for what points at them.
DELETES = """
from django.contrib.auth.models import User
from rentals.models import Location, Tenant
user = User.objects.create(username="x")
place = Location.objects.create(name="x")
Tenant.objects.create(name="x", location=place)
assert place.delete()[0] == 2
assert user.delete() == (1, {"auth.User": 1})
User.objects.create(username="y")
User.objects.all().delete()
"""


def leaving_out(*components: str) -> dict[str, Any]:
    hosts: dict[str, Any] = {"rentals.Tenant": {}, "rentals.Location": {}}
    kept = [one for one in files.components() if one not in components]
    return {"HOSTS": hosts, "DATABASES": {"default": {"COMPONENTS": kept}}}


@pytest.mark.slow
def test_models_of_fbs_whose_component_is_left_out(host: Guided) -> None:
    less = host.having(fbs_db=leaving_out("approvals", "licensing"))
    assert "Left out by FBS_DB: approvals, licensing." in less.manage("migrate")
    assert less.select("select to_regclass('fbs_approval_requests')") == [(None,)]
    less.do(DELETES)
    less.do("""
from django.core.management import call_command
from fbs_app.models import ApprovalRequest, CustomField
from fbs_db.errors import TargetError
def fails(act):
    try:
        act()
    except TargetError as error:
        assert "Component approvals is left out: no database of FBS_DB in Django's settings lists it" in str(error)
    else:
        raise AssertionError(act)
fails(lambda: list(ApprovalRequest.objects.all()))
fails(lambda: ApprovalRequest.objects.create(title="x"))
fails(lambda: ApprovalRequest.objects.filter(pk=1).delete())
CustomField.objects.create(model_name="x", record_id=1, field_name="y", field_value="z")
CustomField.objects.all().delete()
call_command("dumpdata", "fbs_app")
call_command("flush", interactive=False, verbosity=0)
""")
    assert "no issues" in less.having(silenced=["fbs_db.W004", "fbs_db.I105"]).manage("check", "--database", "default")
    assert "model fbs_app.ApprovalRequest" in " ".join(less.manage("fbs", "placement").split())
    host.manage("migrate")
    host.do(DELETES)
    host.do(
        "from django.contrib.auth.models import User\nfrom fbs_app.models import ApprovalRequest\n"
        "ApprovalRequest.objects.create(title='x', requester=User.objects.create(username='x'))"
    )
    less.do("from django.contrib.auth.models import User\nUser.objects.get().delete()")
    assert host.select("select count(*) from fbs_approval_requests") == [(0,)], "tables that are there keep their rules"
    assert "HINT: python manage.py fbs placement drop approvals --from default" in less.manage(
        "check", "--database", "default"
    )
