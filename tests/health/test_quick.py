"""The quick check: what it sees, what it says it did not look at, and whom it runs no code of."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.errors import UsageError
from tests.support.commands import of_each, on, run
from tests.support.connections import url_of
from tests.support.roles import role


def named(connection: psycopg.Connection) -> set[tuple[str, str, str]]:
    report = fbs_db.check(url_of(connection), quick=True)
    assert report.quick
    return {(one.kind, one.object, one.problem) for one in report.findings if one.severity != "note"}


def test_a_whole_schema_is_healthy_and_the_answer_says_what_was_left_out(
    installed_everywhere: psycopg.Connection,
) -> None:
    done = on(installed_everywhere, "check", "--quick")
    assert done.exit_code == 0
    assert ": schema public of " in done.stdout
    assert "but for missing or changed objects, rights and rules." in done.stdout
    assert "0 objects" not in done.stdout


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("alter table fbs_kpis disable trigger fbs_kpis_touch", ("trigger", "fbs_kpis.fbs_kpis_touch", "disabled")),
        ("delete from fbs_migrations where migration_id ~ '^0051'", ("migration", "0051_metrics", "pending")),
        (
            "update fbs_migrations set checksum = '' where migration_id ~ '^0003'",
            ("migration", "0003_msme_models", "edited"),
        ),
        (
            "insert into fbs_migrations values ('0099_late', '', now(), '', '0.0.9')",
            ("migration", "0099_late", "no file"),
        ),
        (
            "set session_replication_role = replica; insert into fbs_cleanup_queue (model_name, operation, queued_at)"
            " values ('rentals.room', 'sweep', now() - interval '2 hours')",
            ("clean-up", "rentals.room", "waiting"),
        ),
        ("drop function fbs_health cascade", ("function", "fbs_health(boolean)", "missing")),
        ("drop view fbs_user_columns cascade", ("function", "fbs_health true", "could not answer")),
        ("alter table fbs_migrations drop column checksum", ("migration", "public", "not installed")),
    ],
)
def test_what_it_sees(installed: psycopg.Connection, damage: str, finding: tuple[str, str, str]) -> None:
    installed.execute(damage.encode())
    installed.commit()
    assert finding in named(installed)
    assert on(installed, "check", "--quick").exit_code == 1


def test_where_nothing_is_installed(empty: psycopg.Connection) -> None:
    assert named(empty) == {("migration", "public", "not installed")}


def test_of_each_database_and_as_json(installed: psycopg.Connection) -> None:
    Path("fbs-db.toml").write_text(f'[databases.default]\nurl = "{url_of(installed)}"\n')
    done = run("check", "--quick", "--all")
    assert (done.exit_code, done.stdout) == (0, "1 database: 1 healthy by a quick check.\n")
    assert of_each(run("check", "--quick", "--all", "--json"))["default"]["answer"]["quick"]
    assert json.loads(run("check", "--quick", "--json").stdout)["quick"]


def test_it_goes_with_no_choice_of_what_to_look_at(installed: psycopg.Connection) -> None:
    for option in (["--data"], ["--only", "index"]):
        done = on(installed, "check", "--quick", *option)
        assert (done.exit_code, "neither kinds nor data" in done.output) == (2, True)
    with pytest.raises(UsageError):
        fbs_db.check(url_of(installed), quick=True, data=True)


def test_a_role_without_rights_is_told_what_was_not_looked_at(installed: psycopg.Connection) -> None:
    with role(installed, "fbs_q_nobody"):
        done = on(installed, "check", "--quick")
        said = run("--database", url_of(installed, user="fbs_q_nobody"), "check", "--quick").stdout
        assert done.exit_code == 0
        assert "note: privilege fbs_migrations: not looked at" in said
        assert "--as monitor" in said


def test_no_code_of_others_is_run(installed: psycopg.Connection) -> None:
    """Whoever may create in the schema could have functions there that FBS's would call."""
    installed.execute("grant create on schema public to public; create table ran (n int)")
    installed.execute(
        "create function fbs_command(text, text) returns text language plpgsql as"
        " $$begin insert into ran values (1); return ''; end$$"
    )
    installed.commit()
    assert named(installed) == {("right", "public", "others may create")}
    assert installed.execute("select count(*) from ran").fetchone() == (0,)
