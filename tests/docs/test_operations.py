"""What operations.md schedules, logs and alerts on: run as written, or checked by the program that reads it."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.cleanup.queue import Failure, RetryReport
from fbs_db.files import sql_directory
from tests.support import ROOT
from tests.support.connections import url_of
from tests.support.pages import PAGES, blocks
from tests.support.servers import Server, find_binaries, running

BIN = Path(sys.executable).parent
GUIDE = PAGES["operations"].read_text(encoding="utf-8")
#: Files for other programs than Python and fbs-db, by their names.
FILES = {block.file: block for page in PAGES for block in blocks(page) if block.language in ("ini", "yaml", "crontab")}
#: The program that checks a file, by the end of its name.
CHECKS = {
    ".service": "systemd-analyze verify {}",
    ".timer": "systemd-analyze verify {}",
    ".crontab": "crontab -n {}",
    ".rules.yaml": "promtool check rules {}",
    "compose.yaml": "docker-compose --file {} config",
}


def missing(what: str) -> None:
    """Skip the test, or fail if none may be skipped."""
    (pytest.fail if os.environ.get("FBS_DB_TEST_EVERYTHING") else pytest.skip)(f"no {what} on this machine")


def run(words: list[str], cwd: Path) -> str:
    """What a program prints; it has to end with 0."""
    if not shutil.which(words[0]):
        missing(words[0])
    done = subprocess.run(words, stdout=-1, stderr=-2, text=True, check=False, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


def ours(text: str, url: str = "postgresql:///app") -> str:
    """A text of the guide with our database, and with directories that there are."""
    for theirs, here in (
        ("postgresql://app@db.example:5432/app", url),
        ("/opt/fbs-db/bin", str(BIN)),
        ("/srv/app/media", "."),
        ("/var/lib/node_exporter", "."),
    ):
        text = text.replace(theirs, here)
    return text


@pytest.fixture
def url(installed: psycopg.Connection) -> str:
    """A database with the demo."""
    installed.execute((sql_directory() / "demo.sql").read_bytes())
    installed.commit()
    return url_of(installed)


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_as_its_program_wants_it(name: str, tmp_path: Path) -> None:
    for block in FILES.values():
        (tmp_path / block.file).write_text(ours(block.text))
    (check,) = (check for end, check in CHECKS.items() if name.endswith(end))
    said = run(check.format(name).split(), tmp_path)
    assert said == "" or not check.startswith("systemd"), "it only warns of words that it does not know"


# --- systemd

#: What systemd gives to a service.
OF_SYSTEMD = {"LANG": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME": "/var/empty"}


def started_by(name: str, url: str) -> subprocess.Popen[str]:
    """The process of a unit."""
    (line,) = re.findall("^ExecStart=(.*)", FILES[name].text, re.MULTILINE)
    (variable,) = re.findall("^`/etc/fbs-db.env` has one line, `(.*?)`", GUIDE, re.MULTILINE)
    environment = OF_SYSTEMD | dict([ours(variable, url).split("=", 1)])
    return subprocess.Popen(shlex.split(ours(line)), env=environment, stdout=-1, stderr=-1, text=True)


def test_systemd_stops_the_worker(url: str, installed: psycopg.Connection) -> None:
    worker = started_by("fbs-db.service", url)
    assert worker.stdout
    assert json.loads(worker.stdout.readline())["event"] == "started"
    installed.execute("set fbs.cleanup = 'queue'; delete from rentals.tenants where id = 2")
    installed.commit()
    assert json.loads(worker.stdout.readline())["rows"] == 1
    worker.send_signal(signal.SIGTERM)
    printed, complained = worker.communicate(timeout=60)
    assert (json.loads(printed)["event"], complained, worker.returncode) == ("stopped", "", 0)


def test_the_timer_starts_a_purge_that_answers_in_one_line(url: str) -> None:
    assert "OnCalendar=" in FILES["fbs-db-purge.timer"].text
    purge = started_by("fbs-db-purge.service", url)
    printed, complained = purge.communicate(timeout=60)
    assert (purge.returncode, complained, printed.count("\n")) == (0, "", 1)
    assert {row["name"] for row in json.loads(printed)} >= {"tokens", "request_logs"}


# --- cron


@pytest.fixture
def login(url: str, installed: psycopg.Connection) -> Iterator[str]:
    """URL of a login with the rights that the guide names."""
    installed.execute("create role fbs_ops login")
    installed.commit()
    for work in re.findall(r"A login that works as\n\[(\w+) and (\w+)\]", GUIDE)[0]:
        fbs_db.grant("fbs_ops", work, url)
    yield url.replace("//postgres@", "//fbs_ops@")
    installed.execute("drop owned by fbs_ops; drop role fbs_ops")
    installed.commit()


CRONTAB = FILES["fbs-db.crontab"].text
LINES = re.findall(r"^(?:\S+ ){5} *(.*)", CRONTAB, re.MULTILINE)


def by_cron(line: str, url: str) -> list[str]:
    """What cron would mail, of two runs at once."""
    given = dict(re.findall(r"^(\w+)=(.*)", ours(CRONTAB, url), re.MULTILINE))
    environment = {"HOME": str(Path.cwd()), "LOGNAME": "fbs", "SHELL": "/bin/sh", **given}
    two = [
        subprocess.Popen(["/bin/sh", "-c", ours(line)], env=environment, stdout=-1, stderr=-2, text=True)
        for _ in range(2)
    ]
    return [one.communicate(timeout=60)[0] for one in two]


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_cron_mails_what_failed(line: str, login: str, installed: psycopg.Connection) -> None:
    assert "%" not in line, "cron makes a new line of it"
    installed.execute("set fbs.cleanup = 'queue'; delete from rentals.tenants")
    installed.commit()
    assert by_cron(line, login) == ["", ""]
    assert all('role "nobody"' in said for said in by_cron(line, login.replace("//fbs_ops@", "//nobody@")))


@pytest.mark.slow
def test_cron_mails_findings(url: str, installed: psycopg.Connection) -> None:
    installed.execute("drop index fbs_approval_responses_responder_id_idx")
    installed.commit()
    (line,) = (line for line in LINES if "fbs-db check" in line)
    assert all("missing" in said for said in by_cron(line, url))


# --- pg_cron


@pytest.fixture
def with_pg_cron() -> Iterator[Server]:
    binaries = find_binaries(15, library="pg_cron")
    if binaries is None:
        missing("pg_cron (Debian: apt install postgresql-15-cron)")
    assert binaries
    settings = "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'"
    with running(binaries, 15, settings=settings) as server:
        server.admin.execute("create extension pg_cron")
        yield server


@pytest.mark.slow
@pytest.mark.old_postgres
def test_pg_cron_runs_its_jobs(with_pg_cron: Server) -> None:
    """It begins them with the next minute."""
    fbs_db.migrate(with_pg_cron.url())
    admin = with_pg_cron.admin
    admin.execute((sql_directory() / "demo.sql").read_bytes())
    admin.execute("set fbs.cleanup = 'queue'; delete from rentals.tenants where id = 2")
    admin.execute(
        "insert into fbs_cache_entries (key, value, expires_at) values ('k', '{}', '2020-01-01');"
        "alter table rentals.tenants disable trigger user; delete from rentals.tenants where id = 3;"
        "alter table rentals.tenants enable trigger user"
    )
    (block,) = (block for block in blocks("operations", "Schedule") if block.language == "sql")
    admin.execute(block.text.encode())
    admin.execute("select cron.alter_job(jobid, schedule => '* * * * *') from cron.job")
    deadline = time.monotonic() + 240
    ended = (
        "select j.jobname, max(coalesce(d.status, 'not yet')) from cron.job as j"
        " left join cron.job_run_details as d using (jobid) group by j.jobname"
    )
    states: dict[str, str] = {}
    while set(states.values()) != {"succeeded"}:
        assert time.monotonic() < deadline, states
        time.sleep(0.5)
        states = dict(admin.execute(ended.encode()).fetchall())
    assert len(states) == 11
    tenants = "select array_agg(record_id order by 1) from fbs_custom_fields where model_name = 'rentals.tenant'"
    assert admin.execute(tenants).fetchone() == ([1, 4, 5],)
    assert admin.execute("select count(*) from fbs_cache_entries").fetchone() == (0,)
    assert admin.execute("select count(*) from fbs_cleanup_queue").fetchone() == (0,)
    assert fbs_db.check(with_pg_cron.url(), data=True).healthy


# --- containers

COMPOSE = FILES["compose.yaml"].text


@pytest.mark.parametrize("command", re.findall(r"^ +(?:command|test): (.*)", COMPOSE, re.MULTILINE))
def test_the_command_of_a_service_ends_with_0(command: str, url: str) -> None:
    (variable,) = re.findall("DATABASE_URL: (.*)", ours(COMPOSE, url))
    environment = {"PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin", "DATABASE_URL": variable}
    service = subprocess.Popen(shlex.split(command), env=environment, stdout=-1, stderr=-2, text=True)
    if "cleanup run" in command:
        assert service.stdout
        service.stdout.readline()
        service.terminate()
    said, _ = service.communicate(timeout=60)
    assert service.returncode == 0, said


# --- logs


def events() -> Iterator[tuple[str, set[str]]]:
    """Each event in the code, with its fields."""
    more = {"failure._asdict()": set(Failure._fields), "report.as_dict()": set(RetryReport.__dataclass_fields__)}
    for path in (ROOT / "fbs_db").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict) and any(ast.unparse(key) == "'event'" for key in node.keys if key):
                pairs = list(zip(node.keys, node.values, strict=True))
                fields = {str(key.value) for key, _ in pairs if isinstance(key, ast.Constant)} - {"event"}
                fields.update(*(more[ast.unparse(value)] for key, value in pairs if key is None))
                (event,) = (ast.literal_eval(value) for key, value in pairs if key and ast.unparse(key) == "'event'")
                yield event, fields


def test_the_guide_has_each_event_with_its_fields() -> None:
    table = re.findall(r"^\| `([^`]+)` \| (?:info|warning|error) \|[^|]*\|([^|]*)\|$", GUIDE, re.MULTILINE)
    documented = {(event, frozenset(re.findall(r"`(\w+)`", fields))) for event, fields in table}
    written = {(event, frozenset(fields)) for event, fields in events()}
    # One is over in the same words, here and on the way to another database.
    assert documented | {("goes on", frozenset())} == written


# --- alerts

#: The series of a host where everything is wrong, and of one where nothing is.
SERIES = {
    'node_textfile_mtime_seconds{file="/var/lib/node_exporter/fbs.prom",instance="wrong"}': "0x90",
    'node_textfile_mtime_seconds{file="/var/lib/node_exporter/fbs.prom",instance="well"}': "0+60x90",
    'fbs_up{instance="wrong"}': "0x90",
    'fbs_up{instance="well"}': "1x90",
    'node_systemd_unit_state{name="fbs-db-purge.service",state="failed",instance="wrong"}': "1x90",
    'node_systemd_unit_state{name="fbs-db-purge.service",state="failed",instance="well"}': "0x90",
    'fbs_findings{severity="error",kind="index",instance="wrong"}': "2x90",
    'fbs_findings{severity="note",kind="index",instance="well"}': "2x90",
    'fbs_migrations{state="pending",instance="wrong"}': "1x90",
    'fbs_migrations{state="applied",instance="well"}': "50x90",
    'fbs_cleanup_entries{model="tenant",target="",state="failed",instance="wrong"}': "1x90",
    'fbs_cleanup_entries{model="tenant",target="",state="waiting",instance="well"}': "1x90",
    'fbs_cleanup_oldest_seconds{model="tenant",target="",state="failed",instance="wrong"}': "0+60x90",
    'fbs_cleanup_oldest_seconds{model="tenant",target="",state="waiting",instance="well"}': "60x90",
    'fbs_worker_last_run_timestamp_seconds{instance="wrong"}': "0x90",
    'fbs_worker_last_run_timestamp_seconds{instance="well"}': "0+60x90",
    # No worker is needed where nothing waits.
    'fbs_worker_last_run_timestamp_seconds{instance="idle"}': "0x90",
    'fbs_cleanup_entries{model="tenant",target="",state="waiting",instance="idle"}': "0x90",
}
RULES = FILES["fbs.rules.yaml"].text
ALERTS = re.findall(r"alert: (\w+)", RULES)


def test_each_alert_is_raised_for_what_is_wrong_and_for_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "fbs.rules.yaml").write_text(RULES)
    query = 'count by (alertname, instance) (ALERTS{alertstate="firing"})'
    wrong = [{"labels": f'{{alertname="{alert}",instance="wrong"}}', "value": 1} for alert in ALERTS]
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    away = [{"labels": '{alertname="FbsMetricsAway"}', "value": 1}]
    of_hosts, of_nothing = (
        {"promql_expr_test": [{"expr": query, "eval_time": "90m", "exp_samples": raised}]} for raised in (wrong, away)
    )
    tests = {
        "rule_files": ["fbs.rules.yaml"],
        "tests": [{"interval": "1m", "input_series": series, **of_hosts}, of_nothing],
    }
    (tmp_path / "tests.yaml").write_text(json.dumps(tests))
    run(["promtool", "test", "rules", "tests.yaml"], tmp_path)


def test_the_rules_are_on_what_metrics_writes(url: str, tmp_path: Path) -> None:
    text = run([str(BIN / "fbs-db"), "--database", url, "metrics"], tmp_path)
    written = set(re.findall(r"^# TYPE (\w+) gauge$", text, re.MULTILINE))
    assert set(re.findall(r"\bfbs_\w+", RULES)) <= written
    assert {re.sub(r"\W.*", "", series) for series in SERIES if series.startswith("fbs_")} <= written


def test_each_alert_says_what_to_do() -> None:
    assert len(re.findall("^ +do: ", RULES, re.MULTILINE)) == len(ALERTS)
    for page, heading in re.findall(r"guide (\w+), ([^.\";]+)", RULES):
        assert f"\n## {heading}\n" in PAGES[page].read_text(encoding="utf-8")
