"""What a message tells to type can be pasted into a shell, whatever the names, and does what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

import fbs_db
from fbs_db import wording
from tests.support.commands import run
from tests.support.connections import url_of
from tests.support.servers import GUARDED, with_password

#: Would do in a shell what nobody wants, where it is not quoted; and is hard to quote.
HOSTILE = "$(touch pwned)`touch pwned`;touch pwned;\"x\" 'y' \\ z"
SECRET = "s3cr3t-of-mine"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of it, with fbs-db on its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def mends(output: str) -> list[str]:
    return re.findall(
        r"^  mend:  ((?:.|\n(?! *(?:error|warning|note|found|expected|mend)|\d))*)$", output, re.MULTILINE
    )


def execute(connection: psycopg.Connection, statements: str) -> None:
    connection.execute(statements.encode())
    connection.commit()


DAMAGE = """
drop index fbs_approval_requests_request_data_record_idx;
alter table fbs_kpis disable trigger fbs_kpis_touch;
alter table fbs_kpis drop constraint fbs_kpis_created_by_id_fkey;
alter table fbs_charts drop constraint fbs_charts_created_by_id_fkey;
alter table fbs_charts add constraint fbs_charts_created_by_id_fkey foreign key (created_by_id)
references {users} on delete cascade;
alter table fbs_notifications drop constraint fbs_notifications_user_id_fkey;
insert into fbs_notifications (title, message, user_id) values ('a', 'b', 99);
alter table fbs_notifications add constraint fbs_notifications_user_id_fkey foreign key (user_id)
references {users} on delete cascade deferrable initially deferred not valid;
alter table {users} drop constraint if exists none;
alter table {tenants} disable trigger fbs_cleanup_delete;
drop table {rooms};
insert into fbs_cleanup_queue (model_name, operation, keys, attempts, error)
values ({model}, 'delete', '{{1}}', 1, 'no');
update fbs_settings set value = 'off' where name = 'cleanup';
update fbs_migrations set checksum = 'x' where migration_id = '0002_approval_system';
insert into fbs_app_cashentry (business_id, entry_date, entry_type, category, amount, description, payment_method)
values ('b', '2026-01-01', 'income', 'c', -1, 'd', 'shells');
insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ({model}, 5, 'a', 'b');
"""


@pytest.mark.slow
def test_each_mend_of_check_runs_in_a_shell_and_mends(empty: psycopg.Connection, tmp_path: Path) -> None:
    """Users, host tables, models and the schema have names that a shell would obey."""
    url, schema = url_of(empty), HOSTILE.partition(" '")[0]
    here = quoted(schema)
    users, tenants, rooms = (f"{here}.{quoted(f'{HOSTILE}{n}')}" for n in range(3))
    execute(empty, f"create schema {here}")
    execute(empty, "".join(f"create table {table} (id bigint primary key);" for table in (users, tenants, rooms)))
    execute(empty, f"insert into {users} values (1)")
    where = ("--schema", schema)
    assert run("--database", url, "migrate", "--user-table", users, *where).exit_code == 0
    for table, model in ((tenants, HOSTILE), (rooms, "room")):
        fbs_db.attach_host(table, model, url, schema=schema)
    assert run("--database", url, "check", *where).exit_code == 0
    execute(empty, f"set search_path = {here}")
    execute(
        empty, DAMAGE.format(users=users, tenants=tenants, rooms=rooms, model="'" + HOSTILE.replace("'", "''") + "'")
    )
    pasted: list[str] = []
    for _ in range(2):  # what is mended brings other things to light
        found = run("--database", url, "check", "--data", *where)
        assert found.exit_code == 1
        typed = mends(found.stdout)
        assert len(typed) == found.stdout.count("mend:  ")
        for command in dict.fromkeys(typed):
            if command not in pasted:
                pasted += [command, *paste(command)]
    left = fbs_db.check(url, schema=schema, data=True).findings
    assert {one.problem for one in left} == {"value off the list", "negative amount"}
    assert not list(tmp_path.iterdir())


def paste(command: str) -> list[str]:
    """Type a command, and then what its answer tells to type, which is returned."""
    done = shell(command)
    assert done.returncode in (0, 1), (command, done.stderr)  # 1: what it looked at is at fault
    told = re.search(
        r"(?:Do it|To run the statements above|by each column's rule): (.*)$",
        done.stdout + done.stderr,
        re.MULTILINE,
    )
    return [told[1], *paste(told[1])] if told else []


def test_names_in_a_shell_and_in_sql_within_a_shell() -> None:
    with wording.given(database="postgresql://me@h/d", schema=HOSTILE):
        for command in (
            wording.command("attach", "host", quoted(HOSTILE), "--model", HOSTILE),
            wording.typed(f"drop table {quoted(HOSTILE)};"),
        ):
            said = shell(f"printf '%s\\n' {command.partition(' ')[2]}").stdout.splitlines()
            assert said[:2] == ["--database", "postgresql://me@h/d"]
            assert HOSTILE in said
            assert quoted(HOSTILE) in said or f"drop table {quoted(HOSTILE)};" in said


def test_statements_that_the_owner_may_not_run_are_for_the_login() -> None:
    with wording.given(role="fbs_owner"):
        for statement in (
            "revoke boss from web_app;",
            "alter role web_app nobypassrls;",
            "alter view app.v set (security_invoker = true);",
            "revoke create on schema public from boss;",
            "drop routine public.lower(text);",
        ):
            assert wording.typed(statement).endswith(f"psql -c 'set role none; {statement}'"), statement
        for statement in ("revoke select on fbs_kpis from boss cascade;", "drop view fbs_kpis;"):
            assert wording.typed(statement).endswith(f"psql -c '{statement}'"), statement


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"postgresql://me:{SECRET}@h:5433/d?sslmode=require", "'postgresql://me@h:5433/d?sslmode=require'"),
        (f"postgresql://me@/d?host=/tmp&password={SECRET}&port=5", "'postgresql://me@/d?host=/tmp&port=5'"),
        (f"postgresql://h/d?sslpassword={SECRET}", "postgresql://h/d"),
        (f"host=h user=me password='{SECRET} x' dbname=d", "'user=me dbname=d host=h'"),
        (f"mysql://me:{SECRET}@h/d", "URL"),
        (f"postgresql://me:{SECRET}@h:p/d=x y", "URL"),
        ("licences", "licences"),
        ("my licences", "'my licences'"),
    ],
)
def test_no_password_is_in_a_command(given: str, shown: str) -> None:
    with wording.given(database=given):
        said = wording.command("check")
    assert SECRET not in said
    words = shlex.split(said)
    if shown.startswith("'user"):
        assert conninfo.conninfo_to_dict(words[2]) == conninfo.conninfo_to_dict(shlex.split(shown)[0])
    else:
        assert said == f"fbs-db --database {shown} check"


def test_sessions_may_end_in_any_order() -> None:
    first, second = wording.given(database="first"), wording.given(database="second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert wording.command("check") == "fbs-db --database second check"
    second.__exit__(None, None, None)
    assert wording.command("check") == "fbs-db check"


def test_refused_arguments_leave_nothing_behind() -> None:
    result = run("--database", "first", "migrate", "--schema", "s", "nonsense")
    assert result.exit_code == 2
    assert wording.command("check") == "fbs-db check"


def test_a_password_comes_from_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"postgresql://me:{SECRET}@h/d"
    monkeypatch.setenv("DATABASE_URL", url)
    with wording.given(database=url):
        assert wording.command("check") == 'fbs-db --database "$DATABASE_URL" check'
    assert wording.command("check") == "fbs-db check"


def test_a_command_that_concerns_the_project_names_no_database() -> None:
    with wording.given(database="postgresql://h/d", schema="s"):
        assert wording.command("placement", "move", "bi", "--to", "other") == "fbs-db placement move bi --to other"
        assert wording.command("check", "--all") == "fbs-db check --all --schema s"
        assert wording.command("rollback", "--all") == "fbs-db --database postgresql://h/d rollback --all --schema s"
        assert wording.command("status", "--schema", "t") == "fbs-db --database postgresql://h/d status --schema t"


@pytest.mark.parametrize(
    ("count", "what", "said"),
    [(0, "row", "0 rows"), (1, "row", "1 row"), (20_000, "row", "20,000 rows"), (2, "index", "2 indexes")],
)
def test_one_is_not_many(count: int, what: str, said: str) -> None:
    assert wording.counted(count, what) == said


def test_the_program_is_named_as_it_was_called_where_the_shell_would_not_find_it(
    empty: psycopg.Connection, tmp_path: Path
) -> None:
    program = Path(sys.executable).parent / "fbs-db"
    lost = subprocess.run(
        [program, "--database", url_of(empty), "status"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Apply with: {program} --database " in lost.stdout
    assert "Apply with: fbs-db --database " in shell(f"fbs-db --database '{url_of(empty)}' status").stdout


@pytest.mark.slow
def test_hints_of_errors_can_be_pasted(empty: psycopg.Connection) -> None:
    """Each ends with a command for this very schema of this very database."""
    url = url_of(empty)
    execute(empty, f"create schema {quoted(HOSTILE)}; create table {quoted(HOSTILE)}.fbs_kpis (id int)")
    where = f"fbs-db --database {shlex.quote(url)}"
    schema = f"--schema {shlex.quote(HOSTILE)}"
    for words, hint in {
        ("settings",): f"{where} migrate {schema}",
        ("docs", "--html", "-"): f"{where} migrate {schema}",
        ("migrate",): f"{where} adopt {schema}",
        ("cleanup", "status"): f"{where} migrate {schema}",
    }.items():
        refused = run("--database", url, *words, "--schema", HOSTILE)
        assert f"Type: {hint}\n" in refused.stderr, words
    shown = run("--database", url, "status", "--schema", HOSTILE)
    assert f"Apply with: {where} migrate {schema}\n" in shown.stdout
    execute(empty, f"drop table {quoted(HOSTILE)}.fbs_kpis")
    assert shell(re.findall("Apply with: (.*)", shown.stdout)[0]).returncode == 0
    assert run("--database", url, "status", "--schema", HOSTILE, "--exit-code").exit_code == 0
    elsewhere = run("--database", url, "status").stdout
    assert shell(re.findall("See: (.*)", elsewhere)[0]).returncode == 0
    execute(empty, f"create table {quoted(HOSTILE)}.dms_document (id int)")
    taken = run("--database", url, "later-names", "add", "--schema", HOSTILE)
    assert f"make one table of the two: {where} adopt {schema}\n" in taken.stderr


def test_fbs_health_in_psql_names_the_schema(empty: psycopg.Connection) -> None:
    execute(empty, f"create schema {quoted(HOSTILE)}")
    fbs_db.migrate(url_of(empty), schema=HOSTILE)
    execute(
        empty,
        f"set search_path = {quoted(HOSTILE)};"
        "insert into fbs_cleanup_queue (model_name, operation, keys, attempts, error)"
        " values ('m', 'delete', '{1}', 1, 'n');"
        "alter table fbs_kpis disable trigger fbs_kpis_touch; alter table fbs_kpis add check (id > 0) not valid;"
        "set search_path = public",
    )
    rows = empty.execute(f"select kind, mend from {quoted(HOSTILE)}.fbs_health()".encode()).fetchall()
    found: dict[str, str] = dict(rows)
    assert found["clean-up"] == f"fbs-db cleanup retry --schema {shlex.quote(HOSTILE)}"
    for kind in ("trigger", "constraint"):
        empty.execute(found[kind].encode())


@pytest.mark.slow
def test_a_database_with_a_password_is_named_without_it_in_findings(empty: psycopg.Connection) -> None:
    execute(empty, f"create role {GUARDED} superuser login password '{SECRET}'")
    try:
        url = with_password(url_of(empty, GUARDED), SECRET)
        checked = run("--database", url, "check")
        assert SECRET not in checked.output
        [mend] = mends(checked.stdout)
        assert shell(mend).returncode == 2  # no password
        assert shell(mend, PGPASSWORD=SECRET).returncode == 0
    finally:
        execute(empty, f"drop owned by {GUARDED}; drop role {GUARDED}")


def test_a_configured_database_is_named_by_its_name(empty: psycopg.Connection) -> None:
    Path("fbs-db.toml").write_text(
        f'[databases.default]\nurl = "{url_of(empty)}"\ncomponents = ["msme"]\n[databases."my other"]\n'
        f'url = "{url_of(empty)}"\nschema = "fbs_elsewhere"\n'
    )
    execute(empty, "create schema fbs_elsewhere")
    found = run("check", "--all").stdout
    assert mends(found) == ["fbs-db --database default migrate", "fbs-db --database 'my other' migrate"]
    for command in mends(found):
        assert shell(command).returncode == 0
    assert run("check", "--all").exit_code == 0
