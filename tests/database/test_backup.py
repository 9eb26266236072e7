"""FBS is backed up and restored by the commands of the guide: nothing is lost, and everything works."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import conninfo

import fbs_db
from fbs_db.files import sql_directory
from tests.support.moves import ROLES, Move, as_role, content, rows, stocked
from tests.support.pages import blocks
from tests.support.servers import Server, running

pytestmark = [pytest.mark.slow, pytest.mark.old_postgres]


@pytest.fixture(params=[18, 15])
def old(request: pytest.FixtureRequest) -> Iterator[Server]:
    like: Server = request.getfixturevalue(f"pg{request.param}")
    with running(like.bin, like.major) as server:
        server.admin.execute(ROLES)
        yield server


@pytest.fixture
def new(old: Server) -> Iterator[Server]:
    """A server of the same version, without roles."""
    with running(old.bin, old.major) as server:
        yield server


def backup_of(url: str, new: str, server: Server, directory: Path, owner: str = "fbs_past_owner") -> Move:
    """What a person types for a database; the dump is made."""
    move = Move(url, new, directory, {"DATABASE_URL": url}, owner, "backup", server.bin)
    move.type("Back up")
    return move


def test_the_whole_database(old: Server, new: Server, tmp_path: Path) -> None:
    move = backup_of(stocked(old, "fbs_past_owner"), new.url(new.create()), old, tmp_path)
    move.type("Restore")
    move.whole()
    move.type("Restore", 1)
    move.works()


def test_the_databases_of_solutions(old: Server, new: Server, tmp_path: Path) -> None:
    Path("fbs-db.toml").write_text(f'[databases.each]\nurl = "{old.url("fbs_{solution}_db")}"\nsolutions = "*"\n')
    for name in ("acme", "beta"):
        fbs_db.create_solution(name)
    move = Move("", "", Path.cwd(), owner="postgres", guide="backup", bin=old.bin)
    move.type("Back up", 1)
    for name in ("acme", "beta"):
        move.new = new.url(new.create())
        dump = Path(f"fbs_{name}_db.dump")
        move.run(*(line.replace("app.dump", str(dump)) for line in move.commands("Restore")[1:]))
        assert fbs_db.check(move.new, data=True).healthy


def test_of_solutions_each_dump_is_its_own(old: Server, tmp_path: Path) -> None:
    """Whatever their names; and a script stops where the URL of one is not known, though the environment names some."""
    Path("fbs-db.toml").write_text(f'[databases.each]\nurl = "{old.url("fbs_{solution}_db")}"\nsolutions = "*"\n')
    for name in ("acme", "Big Co"):
        fbs_db.create_solution(name)
    there = conninfo.conninfo_to_dict(old.url("postgres"))
    variables = {"PGHOST": f"{there['host']}", "PGPORT": f"{there.get('port', 5432)}", "PGUSER": "postgres"}
    move = Move("", "", Path.cwd(), variables, owner="postgres", guide="backup", bin=old.bin)
    move.type("Back up", 1)
    for name in ("acme", "Big Co"):
        move.run(f"pg_restore -l 'fbs_{name}_db.dump' | grep 'dbname: fbs_{name}_db$'")
    gone = {"solution": "gone", "database": "x_gone", "exists": True}
    Path("solutions.json").write_text(json.dumps([gone]))
    with pytest.raises(AssertionError, match="Unknown database 'x_gone'"):
        move.run(*move.commands("Back up", 1)[1:])
    assert not Path("x_gone.dump").exists()


@pytest.mark.parametrize(
    "damage",
    [
        "delete from fbs_cleanup_rules; delete from fbs_approval_requests;"
        "drop table fbs_custom_fields cascade; drop function fbs_retry_cleanup",
        "drop schema public cascade; create schema public;"
        "grant usage on schema public to public; grant all on schema public to fbs_past_owner",
    ],
)
def test_fbs_alone(old: Server, tmp_path: Path, damage: str) -> None:
    """Rows, rules, rights and triggers are as they were."""
    url = stocked(old, "fbs_past_owner")
    before = content(url)
    move = backup_of(url, url, old, tmp_path)
    rows(url, damage)
    move.type("FBS alone")  # no user is gone: each command ends with 0
    assert content(url) == before
    move.works()


def alone(move: Move, others: dict[str, str], options: str = "") -> None:
    """Type what the guide says.

    Parameters:
        others: what is typed in place of the command that has a word in it.
        options: options of each ``fbs-db``.
    """
    typed = []
    for line in move.commands("FBS alone"):
        command, _, remark = line.partition("   # ")
        command = next((other for word, other in others.items() if word in command), command)
        command = re.sub("^fbs-db.*", rf"\g<0>{options}", command)
        typed.append(command + (" || [ $? = 1 ]" if remark == "exit code 1 if users are gone" else ""))
    move.run(*typed)


def test_fbs_alone_where_users_and_tenants_are_gone(old: Server, tmp_path: Path) -> None:
    """In a schema of its own, with isolation on: it is then as if these were deleted now."""
    url = old.url(old.create())
    rows(url, "create schema fbs; alter role fbs_past_app login")
    fbs_db.migrate(url, schema="fbs")
    rows(f"{url}&options=-c%20search_path%3Dfbs", (sql_directory() / "demo.sql").read_text())
    fbs_db.isolate(True, url, schema="fbs", anyway=True)
    fbs_db.grant("fbs_past_app", "app", url, solutions=("rentals",), schema="fbs")
    move = backup_of(url, url, old, tmp_path, owner="postgres")
    before = content(url)
    rows(url, "delete from rentals.users where id = 1; delete from rentals.tenants where id = 2")
    deleted = {table: count for table, (count, _) in content(url).items()}
    assert deleted["fbs.fbs_custom_fields"] < before["fbs.fbs_custom_fields"][0]
    alone(move, {}, " --schema fbs")
    assert {table: count for table, (count, _) in content(url).items()} == deleted
    assert fbs_db.isolation_status(url, schema="fbs").on
    rows(url, "delete from rentals.users where id = 2; delete from rentals.tenants where id = 3")
    fields = "select distinct record_id from fbs.fbs_custom_fields where model_name = 'rentals.tenant' order by 1"
    assert rows(url, fields) == [(1,), (4,), (5,)]
    assert fbs_db.check(url, schema="fbs", data=True).healthy


@pytest.fixture
def demo(pg18: Server, tmp_path: Path) -> Iterator[Move]:
    """A dump of the demo from before the last migration."""
    with pg18.database() as url:
        fbs_db.migrate(url, to="0049")
        rows(url, (sql_directory() / "demo.sql").read_text())
        yield backup_of(url, url, pg18, tmp_path, owner="postgres")


def test_fbs_alone_from_before_an_upgrade(demo: Move) -> None:
    before = content(demo.old)
    fbs_db.migrate(demo.old)
    rows(demo.old, "truncate fbs_custom_fields")
    database = "fbs-db --database $DATABASE_URL"
    alone(demo, {"psql": f"{database} rollback --all --yes", "check": f"{database} migrate; {database} check --data"})
    after = content(demo.old)
    assert {table for table in before if after[table] != before[table]} == {"fbs_migrations", "fbs_migration_log"}


def test_fbs_alone_where_an_attached_table_is_gone(demo: Move) -> None:
    fields = rows(demo.old, "select count(*) from fbs_custom_fields where model_name <> 'rentals.room'")
    rows(demo.old, "drop table rentals.rooms cascade; drop table fbs_custom_fields cascade")
    attach = "fbs-db --database $DATABASE_URL attach host rentals."
    alone(
        demo,
        {
            "first.list -d": "grep -vE ' TABLE DATA .* fbs_hosts | TRIGGER rentals rooms ' first.list > left.list;"
            "pg_restore -1 --exit-on-error -L left.list -d $DATABASE_URL app.dump",
            "sweep": f"{attach}locations --model rentals.location; {attach}tenants --model rentals.tenant;"
            "fbs-db --database $DATABASE_URL cleanup sweep",
            "check": "fbs-db --database $DATABASE_URL migrate; fbs-db --database $DATABASE_URL check --data",
        },
    )
    assert rows(demo.old, "select count(*) from fbs_custom_fields where model_name <> 'rentals.room'") == fields
    rows(demo.old, "delete from rentals.tenants where id = 2")
    left = "select count(*) from fbs_custom_fields where model_name = 'rentals.tenant' and record_id = 2"
    assert rows(demo.old, left) == [(0,)]


def test_tables_alone_are_no_backup(pg18: Server, tmp_path: Path) -> None:
    with pg18.database() as url, pg18.database() as new:
        fbs_db.migrate(url)
        dump = subprocess.run([pg18.bin / "pg_dump", "-t", "fbs_*", url], check=True, capture_output=True).stdout
        words = [str(pg18.bin / "psql"), "-qXv", "ON_ERROR_STOP=1", new]
        failed = subprocess.run(words, input=dump, capture_output=True, check=False)
        assert b'type "public.fbs_user_id" does not exist' in failed.stderr


def test_no_login_dumps_a_part_of_the_rows(pg18: Server) -> None:
    """With isolation on. FBS's owner dumps all of FBS; who sees a part is refused."""
    owner, reader = "fbs_past_owner", "fbs_past_reader"

    def dump_of(role: str) -> subprocess.CompletedProcess[bytes]:
        words = [str(pg18.bin / "pg_dump"), "-t", "fbs_*", url.replace("//postgres@", f"//{role}@")]
        return subprocess.run(words, capture_output=True, check=False)

    with pg18.database() as url:
        rows(url, f"create role {owner} login; create role {reader} login; grant create on schema public to {owner}")
        try:
            fbs_db.migrate(url, role=owner)
            rows(
                url,
                "insert into fbs_custom_fields (model_name, record_id, field_name, field_value, database_name)"
                " values ('tenant', 1, 'f', 'of acme', 'acme'), ('tenant', 1, 'f', 'of beta', 'beta')",
            )
            fbs_db.isolate(True, as_role(url, owner), anyway=True)
            rows(url, f"grant pg_read_all_data to {reader}")
            assert {b"of acme", b"of beta"} == set(re.findall(b"of (?:acme|beta)", dump_of(owner).stdout))
            assert b"row-level security" in dump_of(reader).stderr
        finally:
            for role in (owner, reader):
                rows(url, f"drop owned by {role} cascade; drop role {role}")


def test_each_block_of_the_guide_is_typed() -> None:
    typed = ("Back up", "Restore", "FBS alone")
    assert [block for heading in typed for block in blocks("backup", heading)] == blocks("backup")
