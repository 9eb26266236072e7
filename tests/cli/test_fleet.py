"""Commands with --all: on many databases at once, whatever some of them do."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db import files
from fbs_db.cli import fleet
from fbs_db.database.locks import SchemaLock
from fbs_db.reports import silent
from tests.support.commands import of_each, run
from tests.support.servers import Server, running, wait_for
from tests.support.terminal import on_terminal

#: Makes databases of solutions, each like a template, and gives their names.
Make = Callable[..., list[str]]

LAST = files.load()[-1].id
#: Databases that the tests of this module make.
NAME = "fleet_{solution}_db"


def database(solution: str) -> str:
    return NAME.format(solution=solution)


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is told every ten seconds, and a slow machine takes longer."""
    monkeypatch.setattr(fleet, "_PAUSE", 600.0)


@pytest.fixture
def make(installed: psycopg.Connection, pg18: Server) -> Iterator[Make]:
    """Makes databases of solutions, with everything in them or empty."""
    Path("fbs-db.toml").write_text(f'[databases.solutions]\nurl = "{pg18.url(NAME)}"\nsolutions = "*"\n')
    made: list[str] = []

    def make_them(*solutions: str, empty: bool = False) -> list[str]:
        template = "template1" if empty else "fbs_installed_template"
        made.extend(pg18.create(database(one), template) for one in solutions)
        return [database(one) for one in solutions]

    yield make_them
    pg18.drop(*made)


def execute(server: Server, name: str, *statements: str) -> None:
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def is_whole(server: Server, *names: str) -> bool:
    return all(fbs_db.check(server.url(name)).healthy for name in names)


@contextmanager
def locked(server: Server, name: str) -> Iterator[None]:
    """A block in which another migration of a database seems to be running."""
    with (
        psycopg.connect(server.url(name), autocommit=True, application_name="another") as connection,
        SchemaLock(connection, "public").held(1, silent),
    ):
        yield


def started(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fbs_db", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, and what it printed, without what a superuser is told."""
    printed, complained = process.communicate(timeout=180)
    complained = re.sub(r"^\d+ of \d+ databases.*\n", "", complained, flags=re.M)  # on a slow machine
    complained = re.sub(r"^\S+: FBS in schema public belongs to postgres, .*\n(?:  .*\n)*", "", complained, flags=re.M)
    return process.returncode, printed, re.sub(r"^\d+ warnings? of other .*\n", "", complained, flags=re.M)


def until(condition: Callable[[], object], pause: float = 0.02) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(pause)


def sessions(server: Server) -> list[tuple[str, ...]]:
    return server.admin.execute(
        "select datname::text, application_name from pg_stat_activity"
        " where datname ~ '^fleet_' and application_name ~ '^fbs-db'"
    ).fetchall()


# --- what is said


def test_what_is_up_to_date_is_counted(make: Make) -> None:
    make("a", "b", "c")
    for command, outcome in (
        ("migrate", "up to date"),
        ("status", "up to date"),
        ("check", "healthy"),
        ("repair", "healthy"),
        ("repair --apply", "healthy"),
        ("purge", "with nothing to remove"),
        ("cleanup status", "with nothing waiting"),
        ("roles", "as they should be"),
    ):
        done = run(*command.split(), "--all")
        assert (done.exit_code, done.stderr) == (0, ""), command
        said = [line for line in done.stdout.splitlines() if "No role was granted" not in line and line[-1:] != ":"]
        assert said == [("-- " if "repair" in command else "") + f"3 databases: 3 {outcome}."], command


def test_what_is_done_is_said_in_a_line_each(make: Make, pg18: Server) -> None:
    make("a", "b")
    make("c", "d", empty=True)
    done = run("migrate", "--all")
    assert done.exit_code == 0
    *lines, summary = done.stdout.splitlines()
    number = len(files.load())
    assert [re.sub(r"[\d.]+ s\.", "", line) for line in sorted(lines)] == [
        f"fleet_{one}_db: {number} migrations applied in " for one in "cd"
    ]
    assert summary == "4 databases: 2 migrated, 2 up to date."
    # A superuser is told once, of the first of them.
    assert done.stderr.count("belongs to postgres, a superuser") <= 1
    assert is_whole(pg18, "fleet_c_db", "fleet_d_db")


def test_findings_that_are_alike_are_shown_once_with_a_command_for_all(make: Make, pg18: Server) -> None:
    names = make("a", "b", "c", "d", "e", "f")
    for name in names[1:]:
        execute(pg18, name, "drop trigger fbs_kpis_touch on fbs_kpis")
    execute(pg18, names[2], "drop trigger fbs_charts_touch on fbs_charts")
    found = run("check", "--all")
    assert (found.exit_code, found.stderr) == (1, "")
    assert found.stdout.splitlines()[0] == "fleet_b_db, fleet_d_db, fleet_e_db, fleet_f_db:"
    assert found.stdout.splitlines()[-1] == "6 databases: 5 with findings, 1 healthy."
    assert found.stdout.count("trigger fbs_kpis.fbs_kpis_touch: missing") == 2
    assert "mend:  fbs-db repair --all" in found.stdout
    assert "mend:  fbs-db --database fleet_c_db repair" in found.stdout
    shown = run("repair", "--all")
    assert shown.exit_code == 1
    assert all(re.match("--|set |CREATE OR REPLACE TRIGGER |$", line) for line in shown.stdout.splitlines())
    assert "-- Nothing was changed. To run the statements above: fbs-db repair --apply --all\n" in shown.stdout
    assert shown.stdout.endswith("-- 6 databases: 5 to repair, 1 healthy.\n")
    assert shown.stdout.count("CREATE OR REPLACE TRIGGER fbs_kpis_touch") == 2
    assert not is_whole(pg18, *names)
    done = run("repair", "--all", "--apply")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "-- 6 databases: 5 repaired, 1 healthy.")
    assert is_whole(pg18, *names)


def test_a_dry_run_shows_each_script_once(make: Make) -> None:
    make("a")
    make("b", "c", "d", "e", "f", empty=True)
    plan = run("migrate", "--all", "--dry-run")
    assert (plan.exit_code, plan.stderr) == (0, "")
    assert plan.stdout.startswith("-- fleet_b_db, fleet_c_db, fleet_d_db and 2 more:\n-- Dry run, schema public:")
    assert plan.stdout.count("create table fbs_migrations (") == 1
    assert plan.stdout.endswith("-- 6 databases: 5 pending, 1 up to date.\n-- Next: fbs-db migrate --all\n")
    assert all(said["answer"]["sql"] for said in of_each(run("migrate", "--all", "--dry-run", "--json")).values()
               if said["outcome"] == "pending")  # fmt: skip
    pending = run("status", "--all")
    assert pending.exit_code == 0
    assert pending.stdout.count("51 migrations pending: 0001_initial, 0002_approval_system, ") == 5
    assert run("status", "--all", "--exit-code").exit_code == 1


def test_rows_that_are_purged_are_told_by_database(make: Make, pg18: Server) -> None:
    names = make("a", "b", "c")
    execute(
        pg18,
        names[1],
        "insert into fbs_request_logs (method, path, status_code, response_time, ip_address, timestamp)"
        " select 'GET', '/', 200, 1, '::1', '2000-01-01' from generate_series(1, 3)",
    )
    counted = run("purge", "--all", "--dry-run")
    assert counted.stdout.splitlines() == [
        "fleet_b_db: 3 rows would be removed: request_logs 3",
        "3 databases: 2 with nothing to remove, 1 with rows to remove.",
    ]
    purged = run("purge", "--all")
    assert purged.stdout.splitlines() == [
        "fleet_b_db: 3 rows removed: request_logs 3",
        "3 databases: 2 with nothing to remove, 1 purged.",
    ]
    assert (purged.exit_code, purged.stderr) == (0, "")


def test_programs_get_a_line_for_each_and_a_summary(make: Make, pg18: Server) -> None:
    names = make("a", "b", "c")
    execute(pg18, names[1], "drop schema public cascade")
    result = run("status", "--all", "--json")
    said = of_each(result)
    assert set(said) == set(names)
    assert said[names[0]]["outcome"] == "up to date"
    assert said[names[0]]["answer"]["migrations"][0]["state"] == "applied"
    assert (said[names[1]]["outcome"], said[names[1]]["exit_code"]) == ("failed", 2)
    assert said[names[1]]["error"]["message"] == "There is no schema public."
    summary = json.loads(result.stdout.splitlines()[-1])["summary"]
    assert summary["databases"] == 3
    assert summary["outcomes"] == {"up to date": 2, "failed": 1}
    assert [one["databases"] for one in summary["failures"]] == [[names[1]]]
    assert result.stderr == ""


def test_options_of_many_go_with_all(make: Make) -> None:
    for options in (["--jobs", "2"], ["--first", "2"], ["--keep-going"]):
        refused = run("migrate", *options)
        assert refused.exit_code == 2
        assert "go with --all" in refused.stderr
    done = run("migrate", "--all")
    assert (done.exit_code, done.stdout) == (0, "There is no database.\n")


# --- some fail


def test_each_failure_is_told_once_with_its_databases(make: Make, pg18: Server) -> None:
    names = make("a", "b", "c", "d", "e", "f", "g", "h")
    for name in (*names[1:3], *names[4:7]):
        execute(pg18, name, "drop schema public cascade")
    execute(pg18, names[3], "update fbs_migrations set checksum = 'x' where migration_id = '0002_approval_system'")
    done = run("migrate", "--all", "--keep-going")
    assert (done.exit_code, done.stdout) == (2, "8 databases: 2 up to date, 6 failed.\n")
    assert done.stderr.count("Error: ") == 2
    assert "Error: fleet_b_db, fleet_c_db, fleet_e_db and 2 more: There is no schema public.\n" in done.stderr
    assert re.search(r"Error: fleet_d_db: .*0002_approval_system.sql was edited", done.stderr)
    assert "fbs-db --database fleet_d_db accept 0002_approval_system" in done.stderr
    # What only reads goes on by itself.
    assert run("check", "--all").stdout.splitlines()[-1] == "8 databases: 2 healthy, 1 with findings, 5 failed."
    status = run("status", "--all")
    assert (status.exit_code, status.stdout) == (2, "8 databases: 2 up to date, 1 at fault, 5 failed.\n")
    assert "0002_approval_system.sql was edited" in status.stderr


def test_without_keep_going_nothing_is_begun_after_a_failure(make: Make, pg18: Server) -> None:
    make("a", empty=True)
    make("b")
    make("c", "d", empty=True)
    execute(pg18, "fleet_b_db", "drop schema public cascade")
    done = run("migrate", "--all", "--jobs", "1")
    assert done.exit_code == 2
    assert done.stdout.splitlines()[-1] == "4 databases: 1 migrated, 1 failed, 2 not tried."
    assert done.stderr.endswith(
        "What is done stays. 2 databases were not tried. The same command goes on from there."
        " With --keep-going an error holds up no other.\n"
    )
    execute(pg18, "fleet_b_db", "create schema public")
    done = run("migrate", "--all", "--jobs", "1")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "4 databases: 3 migrated, 1 up to date.")


def test_the_first_have_to_succeed_before_the_rest_is_begun(make: Make, pg18: Server) -> None:
    make("a", "b")
    make("c", "d", "e", empty=True)
    execute(pg18, "fleet_b_db", "drop schema public cascade")
    done = run("migrate", "--all", "--first", "2", "--keep-going")
    assert (done.exit_code, done.stdout) == (2, "5 databases: 1 up to date, 1 failed, 3 not tried.\n")
    execute(pg18, "fleet_b_db", "create schema public")
    done = run("migrate", "--all", "--first", "2")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "5 databases: 4 migrated, 1 up to date.")
    assert "The first 2 databases went well.\n" in done.stderr


def test_a_lock_or_a_database_that_cannot_be_opened_holds_up_no_other(make: Make, pg18: Server) -> None:
    make("a", "b", empty=True)
    names = make("c", "d")
    setting = sql.SQL("alter database {} {} session_preload_libraries").format
    pg18.admin.execute(setting(sql.Identifier(names[0]), sql.SQL("set")) + sql.SQL(" = 'there_is_none'"))
    with locked(pg18, "fleet_a_db"):
        done = run("migrate", "--all", "--wait", "0.5", "--keep-going")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (2, "4 databases: 1 migrated, 1 up to date, 2 failed.")
    assert "Error: fleet_a_db: Another migration of schema public is running: process " in done.stderr
    assert "Error: fleet_c_db: No connection to" in done.stderr
    pg18.admin.execute(setting(sql.Identifier(names[0]), sql.SQL("reset")))
    assert run("migrate", "--all").exit_code == 0


@pytest.mark.parametrize("words", ["status --all", "migrate --all --keep-going", "solutions list", "check --all"])
def test_one_that_is_locked_is_named_and_holds_up_no_other(make: Make, pg18: Server, words: str) -> None:
    make("a", "b", "c")
    with psycopg.connect(pg18.url("fleet_b_db")) as locking:
        locking.execute("lock table fbs_migrations, fbs_cleanup_queue")
        holder = locking.info.backend_pid
        done = run(*words.split())
    assert done.exit_code == 2
    assert "Error: fleet_b_db: canceling statement due to lock timeout: " in done.stderr
    assert f"process {holder} " in done.stderr


def test_a_database_that_a_role_may_not_connect_to_is_named(make: Make, pg18: Server) -> None:
    names = make("a", "b", "c")
    pg18.admin.execute("create role fleet_reader login in role pg_monitor, pg_read_all_data")
    try:
        pg18.admin.execute(sql.SQL("revoke connect on database {} from public").format(sql.Identifier(names[1])))
        Path("fbs-db.toml").write_text(
            f'[databases.solutions]\nurl = "{pg18.url(NAME, "fleet_reader")}"\nsolutions = "*"\n'
        )
        done = run("status", "--all")
        assert (done.exit_code, done.stdout) == (2, "3 databases: 2 up to date, 1 failed.\n")
        assert re.search("Error: fleet_b_db: No connection to .* permission denied for database", done.stderr)
    finally:
        pg18.drop(*names)
        pg18.admin.execute("drop role fleet_reader")


def test_a_server_that_cannot_be_asked_is_a_failure_of_its_pattern(make: Make, pg18: Server) -> None:
    make("a", "b")
    Path("fbs-db.toml").write_text(
        f'[databases.solutions]\nurl = "{pg18.url(NAME)}"\nsolutions = "*"\ncomponents = ["dms"]\n'
        '[databases.elsewhere]\nurl = "postgresql://127.0.0.1:1/fbs_{solution}_db"\nsolutions = "*"\n'
        f'components = ["dms"]\n[databases.default]\nurl = "{pg18.url("fleet_a_db")}"\n'
    )
    done = run("status", "--all")
    assert (done.exit_code, done.stdout) == (2, "3 databases: 2 up to date, 1 failed.\n")
    assert "Error: elsewhere: No connection to postgresql://127.0.0.1:1/" in done.stderr
    done = run("migrate", "--all", "--keep-going")  # which lists them again before it ends
    assert (done.exit_code, done.stdout) == (2, "3 databases: 2 up to date, 1 failed.\n")


def test_a_server_without_connections_left_is_waited_for(make: Make, pg18: Server) -> None:
    names = make(*"abcdef")
    pg18.admin.execute("create role fleet_reader login in role pg_monitor, pg_read_all_data connection limit 2")
    try:
        Path("fbs-db.toml").write_text(
            f'[databases.solutions]\nurl = "{pg18.url(NAME, "fleet_reader")}"\nsolutions = "*"\n'
        )
        assert run("status", "--all", "--jobs", "6").stdout == "6 databases: 6 up to date.\n"
    finally:
        pg18.drop(*names)
        pg18.admin.execute("drop role fleet_reader")


# --- databases come and go


def test_solutions_that_come_and_go_meanwhile_are_no_error(make: Make, pg18: Server) -> None:
    make("a", "b", "c", empty=True)
    with locked(pg18, "fleet_a_db"):
        process = started("migrate", "--all", "--jobs", "1")
        until(lambda: sessions(pg18))
        pg18.drop("fleet_b_db")
        make("d", empty=True)
    code, printed, complained = ended(process)
    assert (code, complained) == (0, "")
    assert printed.splitlines()[-1] == "4 databases: 3 migrated, 1 gone meanwhile."
    assert is_whole(pg18, "fleet_a_db", "fleet_c_db", "fleet_d_db")


# --- the end of a client


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_what_runs_and_goes_on_later(make: Make, pg18: Server, number: int, code: int) -> None:
    make(*"abcdefgh", empty=True)
    with locked(pg18, "fleet_g_db"), locked(pg18, "fleet_h_db"):
        process = started("migrate", "--all", "--jobs", "2")
        until(lambda: {name for name, _ in sessions(pg18)} == {"fleet_g_db", "fleet_h_db"})
        process.send_signal(number)
        ended_with, printed, complained = ended(process)
        until(lambda: not sessions(pg18))
    assert ended_with == code
    assert printed.splitlines()[-1] == "8 databases: 6 migrated, 2 interrupted."
    how = "Interrupted" if number == signal.SIGINT else "Terminated by SIGTERM"
    assert complained.splitlines() == [
        "What is done stays. The same command goes on from there.",
        f"Error: {how}. Work that was not committed is rolled back.",
    ]
    done = run("migrate", "--all")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "8 databases: 6 up to date, 2 migrated.")


def test_an_interrupted_run_for_programs_ends_with_its_summary(make: Make, pg18: Server) -> None:
    make("a", "b", empty=True)
    with locked(pg18, "fleet_b_db"):
        process = started("migrate", "--all", "--json")
        assert process.stdout
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        code, printed, complained = ended(process)
    assert (code, first["database"], first["outcome"]) == (130, "fleet_a_db", "migrated")
    summary = json.loads(printed)["summary"]
    assert summary["exit_code"] == 130
    assert summary["outcomes"] == {"migrated": 1, "interrupted": 1}
    assert summary["error"]["message"].startswith("Interrupted")
    assert complained == ""


# --- progress


def test_a_terminal_shows_a_bar_with_an_estimate(make: Make, pg18: Server) -> None:
    names = make("a", "b", "c", "d")
    execute(pg18, names[1], "drop schema public cascade")
    code, shown = on_terminal("status", "--all", columns=100)
    assert code == 2
    assert re.search(r"\[#+-*\] +[1-4]/4", shown)
    assert "4/4  1 failed" in shown or "3/4" in shown
    assert "4 databases: 3 up to date, 1 failed." in shown
    make(*"efgh", empty=True)
    _, shown = on_terminal("migrate", "--all", "--jobs", "1", "--keep-going", columns=100)
    assert re.search(r"[1-7]/8 +00:00:\d\d", shown)


def test_elsewhere_a_line_now_and_then_tells_how_far_it_is(
    make: Make, pg18: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("a", "b", "c", "d")
    execute(pg18, "fleet_a_db", "drop schema public cascade")
    monkeypatch.setattr(fleet, "_PAUSE", 0.0)
    done = run("status", "--all", "--jobs", "1")
    for number, line in enumerate(done.stderr.splitlines()[:2], 1):
        assert re.fullmatch(rf"{number} of 4 databases, about \d+ s left, 1 failed", line)


def test_a_wait_for_another_session_is_told(make: Make, pg18: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    make("a")
    make("b", empty=True)
    monkeypatch.setattr(fleet, "_PAUSE", 0.5)
    with locked(pg18, "fleet_b_db"):
        done = run("migrate", "--all", "--wait", "3")
    assert re.search(r"1 of 2 databases, .*fleet_b_db is waiting for another migration: process", done.stderr)


# --- how little it costs


@contextmanager
def statements_logged(server: Server) -> Iterator[Callable[[], str]]:
    """A block with a function that gives what the server logged in it."""
    log = Path(server.host) / "log"
    server.admin.execute("alter system set log_statement = 'all'")
    server.admin.execute("alter system set log_connections = 'on'")
    server.admin.execute("alter system set log_line_prefix = '<%d> '")
    server.admin.execute("select pg_reload_conf()")
    try:
        until(lambda: server.admin.execute("show log_line_prefix").fetchone() == ("<%d> ",))
        start = log.stat().st_size
        yield lambda: log.read_bytes()[start:].decode(errors="replace")
    finally:
        server.admin.execute("alter system reset all")
        server.admin.execute("select pg_reload_conf()")


@pytest.mark.parametrize("command", ["migrate", "status"])
def test_what_is_up_to_date_costs_a_connection_and_a_query(make: Make, pg18: Server, command: str) -> None:
    names = make("a", "b", "c")
    with statements_logged(pg18) as logged:
        assert run(command, "--all").exit_code == 0
        time.sleep(0.1)
        text = logged()
    for name in names:
        said = [line for line in text.splitlines() if line.startswith(f"<{name}> ")]
        assert sum("connection authorized" in line for line in said) == 1
        assert sum("statement: " in line or "execute " in line for line in said) == 1, said
        assert not any("ERROR" in line for line in said)


#: A command, and the most memory that it had, in kB.
MEASURED = """
import resource, sys
from fbs_db.cli import main
try:
    main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["migrate", "check"])
def test_memory_does_not_grow_with_the_number_of_databases(make: Make, command: str) -> None:
    peaks = []
    for names in (map(str, range(8)), map(str, range(8, 48))):
        make(*names)
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, command, "--all"], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stderr.splitlines()[-1]))
    assert peaks[1] < peaks[0] + 4_000, peaks  # 40 more databases, and not 100 kB for each


# --- whatever is killed

#: What is random is the same in every run.
SEED = 2031
MOMENTS, FLEET = 50, 40


@pytest.mark.slow
def test_whatever_is_killed_the_same_command_makes_all_whole(pg18: Server) -> None:
    chance = random.Random(SEED)
    with running(pg18.bin, 18, settings="synchronous_commit = on") as server:
        Path("fbs-db.toml").write_text(f'[databases.solutions]\nurl = "{server.url(NAME)}"\nsolutions = "*"\n')
        names = [server.create(database(f"{number:02}")) for number in range(FLEET)]
        kills = chance.choices([kill_client, kill_backend, crash_a_backend, crash_the_server], [4, 4, 1, 1], k=MOMENTS)
        amid: Counter[str] = Counter()
        while kills:
            process = started("migrate", "--all")
            until(lambda: sessions(server) or process.poll() is not None, pause=0.002)  # noqa: B023
            while kills and process.poll() is None:
                time.sleep(chance.random())
                if process.poll() is None:
                    kill = kills.pop()
                    amid[kill.__name__] += 1
                    kill(server, process)
                    wait_for(server.url())
            code, _, complained = ended(process)
            assert code in (0, 2, -signal.SIGKILL), complained
            assert "Traceback" not in complained
            assert "Unexpected" not in complained
            if code == 0:  # so that there is something to do
                again = [database(f"{number:02}") for number in range(0, FLEET, 2)]
                server.drop(*again)
                for name in again:
                    server.create(name)
        assert amid.total() == MOMENTS, amid
        done = run("migrate", "--all")
        assert done.exit_code == 0, done.stderr
        checked = run("check", "--all")
        assert checked.stdout == f"{FLEET} databases: {FLEET} healthy.\n"
        tables = "select count(*), count(distinct migration_id) from fbs_migration_log"
        for name in names:
            with psycopg.connect(server.url(name)) as connection:
                assert connection.execute(tables).fetchone() == (len(files.load()), len(files.load()))


def kill_client(server: Server, process: subprocess.Popen[str]) -> None:
    process.kill()


def kill_backend(server: Server, process: subprocess.Popen[str]) -> None:
    server.admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname ~ '^fleet_' and application_name ~ '^fbs-db' order by random() limit 1"
    )


def crash_a_backend(server: Server, process: subprocess.Popen[str]) -> None:
    row = server.admin.execute("select pid from pg_stat_activity where datname ~ '^fleet_' limit 1").fetchone()
    if row:  # the server ends all sessions, and recovers
        server.admin.close()
        os.kill(row[0], signal.SIGKILL)
        until(lambda: not Path(f"/proc/{row[0]}").exists())


def crash_the_server(server: Server, process: subprocess.Popen[str]) -> None:
    server.kill()
    command = [str(server.bin / "postgres"), "-D", str(server.data)]
    with (Path(server.host) / "log").open("ab") as log:
        server.process = subprocess.Popen(command, stdout=log, stderr=log, user=server.data.owner(), cwd="/")
