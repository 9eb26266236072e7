"""Programs get JSON for what was typed wrong, too; and exit codes that say what is so."""

from __future__ import annotations

import json
from pathlib import Path

import click
import psycopg
import pytest

from fbs_db.cli import main
from tests.support.commands import run
from tests.support.connections import url_of


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("migrate --json --nonsense", "--nonsense"),
        ("migrate --nonsense --json", "--nonsense"),
        ("--json migrate", "--json"),
        ("--nonsense migrate --json", "--nonsense"),
        ("nonsense --json", "nonsense"),
        ("server nonsense --json", "nonsense"),
        ("attach host --json", "TABLE"),
        ("attach host t --json", "--model"),
        ("grant somebody --json", "--as"),
        ("migrate --wait soon --json", "soon"),
        ("purge --json --batch 0", "--batch"),
        ("purge --json --batch 2147483648", "--batch"),
        ("wait --json --timeout -1", "--timeout"),
        ("wait --json --timeout 99999999999999999999", "--timeout"),
        ("settings a b c --json", "c"),
        ("status --json --to", "--to"),
        ("--json --database", "--json"),
        ("accept --json", "ID"),
    ],
)
def test_usage_errors_are_json_where_that_is_asked_for(words: str, says: str) -> None:
    result = run(*words.split())
    assert result.exit_code == 2
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "UsageError"
    assert says in error["message"]
    assert error["hint"].endswith(" --help")
    assert result.stderr == f"Error: {error['message']}\n{error['hint']}\n"
    plain = run(*(word for word in words.split() if word != "--json" or says == "--json"))
    assert plain.exit_code == 2


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("migrate --database x", "before the command: fbs-db --database URL COMMAND"),
        ("attach host t --model a.b --role x", "before the command: fbs-db --role ROLE COMMAND"),
        ("check -v", "before the command: fbs-db -v COMMAND"),
        ("--schema fbs migrate", "after the command: fbs-db COMMAND --schema"),
        ("--json check", "after the command: fbs-db COMMAND --json"),
        ("cleanup --schema fbs status", "after the command: fbs-db cleanup COMMAND --schema"),
    ],
)
def test_an_option_in_the_wrong_place_is_told_the_right_one(words: str, place: str) -> None:
    result = run(*words.split())
    assert result.exit_code == 2
    assert f". It goes {place}\n" in result.stderr
    assert "It goes" not in run(*words.replace("--", "--un").replace("-v", "-x").split()).stderr


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found += commands(command, *path, name) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_each_command_answers_in_json(path: tuple[str, ...]) -> None:
    """But those that never end, are another program, or have a format of their own."""
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) == (path not in {("psql",), ("cleanup", "run"), ("metrics",)})


@pytest.mark.slow
def test_url_and_docs_answer_in_json(installed: psycopg.Connection, tmp_path: Path) -> None:
    where = ("--database", url_of(installed))
    assert json.loads(run(*where, "url", "--json").stdout) == {"url": url_of(installed)}
    secret = run("--database", "postgresql://me:secret@h/d", "url", "--json")
    assert json.loads(secret.stdout) == {"url": "postgresql://me@h/d"}
    file = tmp_path / "schema.html"
    assert json.loads(run(*where, "docs", "--html", str(file), "--json").stdout) == {"written": str(file)}
    page = json.loads(run(*where, "docs", "--html", "-", "--json").stdout)["html"]
    assert page == file.read_text(encoding="utf-8")


def test_the_exit_code_of_status_tells_of_pending_files_where_asked(empty: psycopg.Connection) -> None:
    where = ("--database", url_of(empty))
    assert run(*where, "status").exit_code == 0
    assert run(*where, "status", "--exit-code").exit_code == 1
    assert json.loads(run(*where, "status", "--exit-code", "--json").stdout)["pending"]
    assert run(*where, "migrate").exit_code == 0
    assert run(*where, "status", "--exit-code").exit_code == 0
    empty.execute("update fbs_migrations set checksum = 'x' where migration_id = '0002_approval_system'")
    empty.execute("delete from fbs_migrations where migration_id > '0030'")
    empty.commit()
    assert run(*where, "status", "--exit-code").exit_code == 1  # which a migration does not mend


def test_on_all_databases_what_could_not_be_done_outweighs_what_is_pending(empty: psycopg.Connection) -> None:
    Path("fbs-db.toml").write_text(
        f'[databases.default]\nurl = "{url_of(empty)}"\n'
        '[databases.other]\nurl = "postgresql://127.0.0.1:1/d"\ncomponents = ["bi"]\n'
    )
    assert run("status", "--all").exit_code == 2
    assert run("status", "--all", "--exit-code").exit_code == 2
    assert run("--database", "default", "status", "--exit-code").exit_code == 1
