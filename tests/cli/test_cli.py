"""The command line as its users type it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest

import fbs_db
from fbs_db import files
from fbs_db.cli import main
from tests.support import ROOT
from tests.support.catalog import catalog
from tests.support.commands import answer, on, run
from tests.support.connections import url_of

ALL = [file.id for file in files.load()]
TABLES = sum(kind == "table" for file in files.load() for kind, _ in file.creates)


def test_migrate_shows_each_file_and_then_has_nothing_to_do(empty: psycopg.Connection) -> None:
    first = on(empty, "migrate")
    assert first.exit_code == 0
    assert [line.split()[0] for line in first.stdout.splitlines()[:-1]] == [file.id for file in files.load()]
    assert first.stdout.splitlines()[-1].startswith(f"{len(ALL)} migrations applied in ")
    second = on(empty, "migrate")
    assert second.exit_code == 0
    assert second.stdout.startswith(f"Nothing to do: {ALL[-1]} is applied in ")


def test_migrate_answers_in_json(empty: psycopg.Connection) -> None:
    report = answer(on(empty, "migrate", "--to", "0002", "--json"))
    assert [step["migration_id"] for step in report["steps"]] == ["0001_initial", "0002_approval_system"]
    assert report["current"] == "0002_approval_system"
    assert answer(on(empty, "migrate", "--to", "0002", "--json"))["steps"] == []


def test_the_dry_run_prints_sql_and_changes_nothing(empty: psycopg.Connection) -> None:
    result = on(empty, "migrate", "--dry-run")
    assert result.exit_code == 0
    assert "-- Locks on existing tables: none" in result.stdout
    assert all(file.sql_for_run.strip() in result.stdout for file in files.load())
    assert catalog(empty) == {}
    assert answer(on(empty, "migrate", "--dry-run", "--json"))["pending"] == [file.id for file in files.load()]
    on(empty, "migrate")
    assert "-- Nothing to do." in on(empty, "migrate", "--dry-run").stdout


def test_status(empty: psycopg.Connection) -> None:
    on(empty, "migrate", "--to", "0003")
    result = on(empty, "status")
    assert result.exit_code == 0
    assert "0003_msme_models msme applied" in " ".join(result.stdout.split())
    assert (
        f"{len(ALL) - 3} migrations pending. Apply with: fbs-db --database '{url_of(empty)}' migrate" in result.stdout
    )
    empty.execute("create schema elsewhere")
    empty.commit()
    assert "FBS is also installed in schema public." in on(empty, "status", "--schema", "elsewhere").stdout
    on(empty, "migrate")
    assert "Everything is applied." in on(empty, "status").stdout
    assert answer(on(empty, "status", "--json"))["pending"] == []


def test_an_edited_file_is_reported_by_status_and_migrate(
    installed: psycopg.Connection, sql_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sql_copy / "0002_approval_system.sql"
    before, path_text = files.load(sql_copy)[1].checksum, path.read_text()
    path.write_text(path_text.replace("'pending'", "'Pending'"))
    after = files.load(sql_copy)[1].checksum
    monkeypatch.setattr(files, "sql_directory", lambda: sql_copy)
    for command in ("status", "migrate"):
        result = on(installed, command)
        assert result.exit_code == 1
        for part in ("0002_approval_system.sql was edited", before, after, "accept 0002_approval_system"):
            assert part in result.stderr
    problem = json.loads(on(installed, "status", "--json").stdout)["problems"][0]
    assert problem["type"] == "EditedMigration"
    assert "Accepted: 0002_approval_system." in on(installed, "accept", "0002").stdout
    assert "Nothing to accept" in on(installed, "accept", "0002").stdout
    assert on(installed, "migrate").exit_code == 0


def test_rollback_of_rows_wants_a_yes(installed: psycopg.Connection) -> None:
    installed.execute("insert into fbs_dashboards (name, description, dashboard_type) values ('a', 'b', 'msme')")
    installed.commit()
    refused = on(installed, "rollback", "--to", "0004")
    assert refused.exit_code == 2
    assert "This deletes 1 row: fbs_dashboards (1)." in refused.stderr
    assert "add --yes" in refused.stderr
    assert answer(on(installed, "rollback", "--to", "0004", "--dry-run", "--json"))["pending"][0] == ALL[-1]
    assert on(installed, "rollback").exit_code == 0, "no row is lost with the last file"
    done = on(installed, "rollback", "--to", "0004", "--yes")
    assert "0004_workflow_models is now the last." in done.stdout
    assert "Nothing of FBS is left." in on(installed, "rollback", "--all").stdout
    assert "Nothing to undo" in on(installed, "rollback").stdout


def test_tables_lists_them_with_rows_and_size(installed: psycopg.Connection) -> None:
    installed.execute(
        "insert into fbs_business_rules (name, rule_type, description, model_name, rule_definition)"
        " select 'n', 'validation', 'd', 'm', '{}' from generate_series(1, 1234)"
    )
    installed.commit()
    result = on(installed, "tables")
    line = next(line for line in result.stdout.splitlines() if "fbs_business_rules" in line)
    assert "1,234 rows" in line
    rows = answer(on(installed, "tables", "--json"))
    assert len(rows) == TABLES
    rule = next(row for row in rows if row["name"] == "fbs_business_rules")
    assert (rule["component"], rule["rows"], rule["exact"]) == ("core", 1234, True)
    assert rule["size"] > 100_000
    assert rule["comment"]


def test_large_tables_are_estimated(installed: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.execute(
        "insert into fbs_cache_entries (key, value, expires_at)"
        " select n, '{}', now() from generate_series(1, 2000) as n"
    )
    installed.execute("analyze fbs_cache_entries")
    installed.execute("insert into fbs_cache_entries (key, value, expires_at) values ('more', '{}', now())")
    installed.commit()
    monkeypatch.setattr("fbs_db.schema.tables.COUNT_LIMIT", 10_000)
    row = next(row for row in fbs_db.tables(url_of(installed)) if row.name == "fbs_cache_entries")
    assert (row.rows, row.exact) == (2000, False)
    assert "~2,000 rows" in on(installed, "tables").stdout


def test_indexes_are_listed_with_what_they_cost_and_serve(installed: psycopg.Connection) -> None:
    index = "fbs_msme_analytics_solution_name_date_id_idx"

    def found() -> dict[str, Any]:
        rows = answer(on(installed, "tables", "--indexes", "--json"))
        assert len(rows) > TABLES
        return {row["name"]: row for row in rows}

    before = found()
    assert before[index]["table"] == "fbs_msme_analytics"
    assert before[index]["comment"].startswith("Serves msme.analytics_series")
    assert before["fbs_kpis_pkey"]["comment"] == "Primary key."
    kind = before["fbs_msme_kpis_solution_name_kpi_name_period_key"]
    assert kind["comment"] == "Unique set: solution_name, kpi_name, period."
    with psycopg.connect(url_of(installed), autocommit=True) as other:
        other.execute("set enable_seqscan = off")
        other.execute("select from fbs_msme_analytics where solution_name = 'shop' order by date, id limit 1")
        other.execute("select pg_stat_force_next_flush()")
        other.execute("create index own on fbs_msme_analytics (context)")
    after = found()
    assert after[index]["scans"] == before[index]["scans"] + 1
    assert after["own"]["comment"] == ""
    assert "Scans since the statistics began." in on(installed, "tables", "--indexes").stdout
    assert after[index]["since"] is None
    with psycopg.connect(url_of(installed), autocommit=True) as other:
        other.execute("select pg_stat_reset()")
    reset = found()[index]
    assert reset["scans"] == 0
    assert reset["since"]
    shown = on(installed, "tables", "--indexes").stdout
    assert f"Scans since {reset['since'][:10]}" in shown
    lines = shown.splitlines()
    place = next(number for number, line in enumerate(lines) if line.split()[:1] == [index])
    assert lines[place].split() == [index, "8192", "B", "0", "scans"]
    assert lines[place + 1].strip().startswith("Serves msme.analytics_series")


def test_describe_shows_all_of_a_table(installed: psycopg.Connection) -> None:
    result = on(installed, "describe", "workflow_instances")
    assert result.stdout.startswith("fbs_workflow_instances (workflow)")
    for part in (
        "current_step_id",
        "bigint",
        "on delete cascade",
        "fbs_workflow_instances_pkey",
        "generated as identity",
    ):
        assert part in result.stdout
    description = answer(on(installed, "describe", "fbs_workflow_instances", "--json"))
    assert [column["name"] for column in description["columns"]][:2] == ["id", "workflow_definition_id"]
    assert {"table": "fbs_workflow_execution_logs", "on_delete": "cascade"} in description["referenced_by"]
    text = on(installed, "describe", "workflow_instances", "--markdown").stdout
    assert text.startswith("# fbs_workflow_instances\n\nComponent workflow. ")
    assert "\n| `id` | `bigint` | `generated as identity` | " in text
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["Constraints", "Indexes", "Referenced by"]
    assert "\n* `fbs_workflow_execution_logs`: `on delete cascade`\n" in text
    assert answer(on(installed, "describe", "kpis", "--markdown", "--json"))["markdown"].startswith("# fbs_kpis\n")
    unknown = on(installed, "describe", "workflows")
    assert unknown.exit_code == 2
    assert on(installed, "describe", "kpi").stderr.splitlines()[1].startswith("Did you mean fbs_msme_kpis")


def test_url_is_shown_without_its_password() -> None:
    assert run("--database", "postgresql://me:secret@h:1/d", "url").stdout == "postgresql://me@h:1/d\n"
    assert run("--database", "host=/tmp/x user=me dbname=d password=secret", "url").stdout == (
        "postgresql://me@/d?host=/tmp/x\n"
    )
    assert run("url", env={"PGHOST": "h", "PGDATABASE": "d", "PGPASSWORD": "secret"}).stdout == "postgresql://h/d\n"
    assert run("url", env={"DATABASE_URL": "postgresql://h/d", "PGHOST": "x"}).stdout == "postgresql://h/d\n"
    Path("fbs-db.toml").write_text('[databases.default]\nurl = "postgresql://from/toml"\n')
    assert run("url").stdout == "postgresql://from/toml\n"


def test_the_configured_schema_and_user_table_are_used(empty: psycopg.Connection) -> None:
    empty.execute("create schema fbs; create table people (id uuid primary key)")
    empty.commit()
    Path("fbs-db.toml").write_text(
        f'[databases.default]\nurl = "{url_of(empty)}"\nschema = "fbs"\nuser_table = "people"\n'
    )
    assert "schema fbs" in run("migrate").stdout
    assert run("status").exit_code == 0
    found = empty.execute("select format_type(typbasetype, null) from pg_type where oid = 'fbs.fbs_user_id'::regtype")
    assert found.fetchone() == ("uuid",)


def test_psql_opens_on_the_schema(installed: psycopg.Connection) -> None:
    installed.execute('create schema "My fbs"')
    installed.commit()
    command = [sys.executable, "-m", "fbs_db", "--database", url_of(installed), "psql"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def said(*arguments: str) -> str:
        return subprocess.run(
            [*command, *arguments], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert said("-Atc", "select count(*) from fbs_kpis") == "0"
    assert said("--schema", "My fbs", "-Atc", "show search_path") == '"My fbs"'


def groups(command: click.Command, *path: str) -> list[tuple[str, ...]]:
    """The words of each command, with those of groups and of the program itself."""
    own = command.commands.items() if isinstance(command, click.Group) else ()
    return [path, *(words for name, one in own for words in groups(one, *path, name))]


@pytest.mark.parametrize("words", groups(main), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    result = run(*words, "--help", terminal_width=80)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 4
    _, _, listed = result.stdout.partition("Commands:\n")
    assert "..." not in listed, "each command has one sentence that fits"


def test_the_help_tells_of_exit_codes() -> None:
    printed = run("--help").stdout
    for code in (0, 1, 2, 130, 143):
        assert re.search(rf"^ +{code}  +\w", printed, re.MULTILINE)


def test_the_version() -> None:
    assert run("--version").stdout == f"fbs-db, version {fbs_db.__version__}\n"


def test_verbose_shows_notices_and_twice_every_statement_with_its_time(installed: psycopg.Connection) -> None:
    command = [sys.executable, "-m", "fbs_db", "--database", url_of(installed)]

    def log(*options: str) -> str:
        words = [*command, *options, "settings", "cleanup", "queue"]
        done = subprocess.run(
            words, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert done.stdout.startswith("cleanup = queue")
        return done.stderr

    update = r"^ +\d+\.\d ms  update \S*fbs_settings set value = %s"
    assert re.search(update, log("-vv"), re.MULTILINE)
    assert log("-v") == log() == ""


def test_colours_can_be_switched_off(installed: psycopg.Connection) -> None:
    assert "\x1b[" in run("--database", url_of(installed), "status", color=True).stdout
    assert "\x1b[" not in run("--no-color", "--database", url_of(installed), "status", color=True).stdout
    assert "\x1b[" not in run("--database", url_of(installed), "status", color=True, env={"NO_COLOR": "1"}).stdout


def test_a_bug_is_no_traceback(installed: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("the unexpected")

    monkeypatch.setattr(fbs_db, "status", broken)
    result = on(installed, "status")
    assert result.exit_code == 2
    assert "Unexpected: RuntimeError: the unexpected" in result.stderr
    assert "Traceback" not in result.output
