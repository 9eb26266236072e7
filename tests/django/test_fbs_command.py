"""``manage.py fbs``: the commands of ``fbs-db`` on Django's databases."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from threading import Timer

import psycopg
import pytest

from tests.support.projects import HOSTS, Project
from tests.support.versions import NEWEST

APART = {**HOSTS, "DATABASES": {"default": {}, "licences": {"COMPONENTS": ["licensing"]}}}
#: Asks about this process, before and after a call.
AS_IT_WAS = """
import io, json, logging, signal
from django.core.management import CommandError, call_command
from django.db import connections

def state():
    ours, handlers = logging.getLogger("fbs_db"), [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    log = ours.level, ours.handlers[:], ours.propagate, logging.getLogger().handlers[:]
    return log, handlers, [one.connection for one in connections.all()]

logging.getLogger("fbs_db").setLevel(logging.INFO)
before = state()
"""


def test_each_version_of_django_hands_the_words_on(project: Project) -> None:
    project.migrated()
    assert "Healthy" in project.manage("fbs", "check", "-v", "2", "--skip-checks", "--settings=host.settings")
    assert "\x1b[32mHealthy" in project.manage("fbs", "--force-color", "check", "--traceback")
    project.do(
        f"{AS_IT_WAS}out = io.StringIO()\ncall_command('fbs', 'status', '--json', stdout=out, verbosity=0)"
        "\nassert json.loads(out.getvalue()) and state() == before"
    )


@pytest.mark.slow
def test_exit_codes_and_what_is_suggested(newest: Project) -> None:
    newest.migrated()
    newest.select("drop index fbs_approval_responses_responder_id_idx")
    printed = newest.manage("fbs", "check", "--database", "default", code=1)
    (suggested,) = re.findall(r"python manage.py fbs --database default repair", printed)
    assert "fbs_approval_responses_responder_id_idx" in newest.typed(suggested)
    printed = newest.manage("fbs", "--database=default", "check", "--settings", "host.settings", code=1)
    (suggested,) = re.findall(r"DJANGO_SETTINGS_MODULE=host.settings python manage.py fbs .* repair", printed)
    assert "fbs_approval_responses_responder_id_idx" in newest.typed(suggested)
    answer = json.loads(newest.manage("fbs", "check", "--json", "--only", "index", code=1))
    assert [finding["kind"] for finding in answer["findings"]] == ["index"]
    newest.manage("fbs", "repair", "--apply")
    assert "Healthy" in newest.manage("fbs", "check")
    wrong = newest.having(fbs_db={"HOSTS": {"rentals.Nothing": {}}})
    assert "E001" in wrong.manage("check", code=1)
    assert "Healthy" in wrong.manage("fbs", "check"), "where Django's checks fail"


def test_help_and_words_that_are_wrong(newest: Project) -> None:
    for words in (("fbs",), ("fbs", "--help"), ("help", "fbs")):
        printed = newest.manage(*words)
        assert "Usage: manage.py fbs [OPTIONS] COMMAND" in printed
        assert "manage.py fbs check --all" in printed
        assert "embedded database" not in printed
    for before in ((), ("--database", "default")):
        printed = newest.manage("fbs", *before, "placement", "move", "--help")
        assert "Usage: manage.py fbs placement move [OPTIONS] COMPONENT" in printed
        assert "until manage.py fbs placement drop" in " ".join(printed.split())
    printed = newest.manage("fbs", "chek", code=2)
    assert "No such command 'chek'. Did you mean 'check'?" in printed
    assert "Try 'manage.py fbs --help' for help." in printed
    assert "manage.py fbs check --help" in newest.manage("fbs", "check", "--unknown", code=2)
    assert (
        "manage.py fbs check --help"
        in json.loads(newest.manage("fbs", "check", "--unknown", "--json", code=2).splitlines()[0])["error"]["hint"]
    )
    for embedded in ("server", "demo"):
        assert f"Type: fbs-db {embedded}" in newest.manage("fbs", embedded, code=2)


def test_psql_and_its_own_options(newest: Project) -> None:
    words = ("psql", "-v", "what=table", "--database", "default", "-Atc", "select current_database()")
    for more in ((), ("--settings", "host.settings"), ("--settings=host.settings", "--pythonpath=.")):
        assert newest.manage("fbs", *words, *more).strip() == newest.databases["default"]


def test_passwords_are_not_printed(newest: Project) -> None:
    gone = newest.having(databases={"default": newest.place("default", PASSWORD="hush-hush", PORT="1")})
    for words in (("check",), ("check", "--traceback"), ("url",), ("check", "--json")):
        assert "hush-hush" not in gone.manage("fbs", *words, code=0 if words == ("url",) else 2)
    url = "postgresql://somebody:hush-hush@127.0.0.1:1/nowhere"
    assert "hush-hush" not in newest.manage("fbs", "check", "--database", url, code=2)
    assert 'database "nowhere" does not exist' in replace(newest, databases={"default": "nowhere"}).manage(
        "fbs", "check", code=2
    )


def test_called_by_code(newest: Project) -> None:
    newest.migrated()
    newest.select("alter table fbs_kpis alter name drop not null")
    printed = newest.do(f"""{AS_IT_WAS}
out, err = io.StringIO(), io.StringIO()
for words, code, said in (
    (["check", "--only", "not null"], 1, "exit code 1"),
    (["attach", "host", "nothing", "--model", "a.b"], 2, "Unknown table nothing."),
    (["chek"], 2, "exit code 2"),
):
    try:
        call_command("fbs", *words, stdout=out, stderr=err)
    except CommandError as error:
        assert (error.returncode, said in str(error)) == (code, True), error
    else:
        raise AssertionError(words)
assert "fbs_kpis.name" in out.getvalue() and "Did you mean 'check'?" in err.getvalue()
call_command("fbs", "url", database="default", stdout=out)
assert state() == before
try:
    call_command("fbs", "psql", "-c", "select 1")
except CommandError as error:
    assert "python manage.py fbs psql -c 'select 1'" in str(error), error
print("and what comes after")
""")
    assert "and what comes after" in printed


@pytest.mark.slow
def test_several_databases(make: Callable[..., Project]) -> None:
    two = make(NEWEST, "licences").having(fbs_db=APART)
    for alias in two.databases:
        two.manage("migrate", "--database", alias)
    assert "2 up to date" in two.manage("fbs", "migrate", "--all")
    assert "2 healthy" in two.manage("fbs", "check", "--all")
    there = two.manage("fbs", "tables", "--database", "licences")
    assert "fbs_license_manager_solution_license" in there
    assert "fbs_license_manager_solution_license" not in two.manage("fbs", "tables")
    assert "Give --database or --all" in two.manage("fbs", "check", "--all", "--database", "licences", code=2)


FILE = {"file": {"class": "logging.FileHandler", "filename": "host.log"}}
CONSOLE = {"console": {"class": "logging.StreamHandler"}}
OURS = {"handlers": ["console"], "level": "INFO"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "log",
    [
        {"version": 1, "handlers": CONSOLE, "root": {"handlers": ["console"]}},
        {"version": 1, "handlers": FILE, "root": {"handlers": ["file"]}},
        {"version": 1, "handlers": CONSOLE, "loggers": {"fbs_db": OURS}},
        {"version": 1, "handlers": CONSOLE, "loggers": {"fbs_db": {**OURS, "propagate": False}}},
    ],
    ids=["root", "file", "ours", "ours alone"],
)
@pytest.mark.parametrize("program", [["-m", "fbs_db"], ["manage.py", "fbs"]], ids=["fbs-db", "manage.py"])
def test_each_line_of_the_log_is_printed_once(newest: Project, program: list[str], log: object) -> None:
    """LOGGING that does not name a logger disables it, unless it says otherwise. A file has the lines, too."""
    newest.migrated()
    host = newest.having(log=log)
    health = 'select * from "public"."fbs_health"()'
    assert host.run(*program, "-vv", "check").count(health) == 1
    if "file" in str(log):
        assert (host.directory / "host.log").read_text().count(health) == 1
    worker = host.begin(*program, "cleanup", "run", "--log-format", "json")
    assert worker.stdout
    patience = Timer(20, worker.terminate)
    patience.start()
    first = worker.stdout.readline()
    patience.cancel()
    worker.send_signal(signal.SIGTERM)
    rest, errors = worker.communicate(timeout=20)
    lines = [json.loads(line) for line in (first + rest + errors).splitlines()]
    assert [line["event"] for line in lines] == ["started", "stopped"], lines


@pytest.mark.slow
def test_a_worker_stops_when_it_is_asked_to(newest: Project) -> None:
    newest.migrated()
    worker = newest.begin("manage.py", "fbs", "cleanup", "run")
    assert worker.stdout
    assert worker.stdout.readline()
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert worker.returncode == 0


@pytest.mark.slow
def test_a_command_is_interrupted(newest: Project) -> None:
    newest.migrated()
    with psycopg.connect(newest.server.url(newest.databases["default"])) as holder:
        holder.execute("lock table fbs_kpis")
        command = newest.begin("manage.py", "fbs", "check", "--data")
        waits = "select 1 from pg_locks where not granted"
        while command.poll() is None and not newest.select(waits):
            pass
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=60)
    assert command.returncode == 130, said
    assert "Interrupted" in said
    assert "Traceback" not in said
