"""The figures for Prometheus: of the command, the view and the function; in each state of the database."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import fbs_db
from fbs_db.errors import TargetError
from tests.support.commands import on, run
from tests.support.connections import url_of
from tests.support.roles import role
from tests.support.servers import Server, standby_of

#: Metric, and labels that say something.
Key = tuple[str, frozenset[tuple[str, str]]]
COLUMNS = ("model", "target", "state", "severity", "kind", "table", "version")
#: A model's name that needs each escape of the format.
STRANGE = 'a"b\\c\nd\\n{é},=#'


def parsed(text: str) -> dict[Key, float]:
    """The samples of a text, which holds each family and each sample once."""
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} <= {"gauge"}
    assert len({family.name for family in families}) == len(families) == text.count("# TYPE ")
    samples = [sample for family in families for sample in family.samples]
    found = {key(one.name, **one.labels): one.value for one in samples}
    assert len(found) == len(samples)
    return found


def key(name: str, **labels: str) -> Key:
    return name, frozenset((label, text) for label, text in labels.items() if text)


def read(connection: psycopg.Connection, *words: str) -> dict[Key, float]:
    done = on(connection, "metrics", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    return parsed(done.stdout)


def viewed(connection: psycopg.Connection) -> dict[Key, float]:
    connection.rollback()
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    rows = connection.execute(f"select metric, value, {names} from fbs_metrics".encode()).fetchall()
    connection.rollback()
    assert all(text is not None for row in rows for text in row)
    return {key(metric, **dict(zip(COLUMNS, texts, strict=True))): value for metric, value, *texts in rows}


def queue(connection: psycopg.Connection, model: str, *, target: str | None = None, error: str | None = None) -> None:
    connection.execute(
        "insert into fbs_cleanup_queue (model_name, operation, target, ticket, error, queued_at)"
        " select %s, 'sweep', t.target, case when t.target is not null then gen_random_uuid() end,"
        " %s, now() - interval '1 hour' from (select %s::text) as t (target)",
        (model, error, target),
    )
    connection.commit()


def attach(connection: psycopg.Connection, model: str = "rentals.tenant") -> None:
    connection.execute("create table tenants (id bigint primary key)")
    connection.commit()
    fbs_db.attach_host("tenants", model, url_of(connection))


def test_the_command_and_the_view_say_the_same(installed_everywhere: psycopg.Connection) -> None:
    attach(installed_everywhere)
    seen, in_sql = read(installed_everywhere), viewed(installed_everywhere)
    added = {
        key("fbs_up"): 1.0,
        **{key("fbs_migrations", state=s): 0.0 for s in ("pending", "edited", "missing", "newer")},
    }
    assert seen == in_sql | added
    assert seen[key("fbs_info", version=fbs_db.__version__)] == 1
    assert seen[key("fbs_migrations", state="applied")] == len(fbs_db.status(url_of(installed_everywhere)).migrations)
    (size,) = installed_everywhere.execute("select pg_total_relation_size('fbs_kpis')").fetchone() or (0,)
    assert seen[key("fbs_table_bytes", table="fbs_kpis")] == size > 0


def test_what_there_is_nothing_of_is_0(installed: psycopg.Connection) -> None:
    attach(installed)
    seen = read(installed)
    for state in ("waiting", "failed"):
        for name in ("fbs_cleanup_entries", "fbs_cleanup_oldest_seconds"):
            assert seen[key(name, model="rentals.tenant", state=state)] == 0
    for severity in ("error", "warning"):
        assert seen[key("fbs_findings", severity=severity)] == 0
    assert seen[key("fbs_worker_last_run_timestamp_seconds")] == 0


def test_clean_ups_by_model_target_and_state(installed: psycopg.Connection) -> None:
    """Of the databases of solutions, which may be thousands, there is one figure."""
    installed.execute("insert into fbs_cleanup_targets (target) values ('documents')")
    queue(installed, STRANGE)
    for target in ("documents", "fbs_acme_db", "fbs_beta_db"):
        queue(installed, STRANGE, target=target, error="refused")
    seen = read(installed)
    assert seen.keys() >= viewed(installed).keys()
    counted = {labels: value for (name, labels), value in seen.items() if name == "fbs_cleanup_entries"}
    assert counted == {
        key("", model=STRANGE, state="waiting")[1]: 1,
        key("", model=STRANGE, state="failed", target="documents")[1]: 1,
        key("", model=STRANGE, state="failed", target="*")[1]: 2,
    }
    assert 3600 <= seen[key("fbs_cleanup_oldest_seconds", model=STRANGE, state="waiting")] < 3700
    assert seen[key("fbs_findings", severity="warning", kind="clean-up")] > 0
    assert key("fbs_findings", severity="warning") not in seen


def test_migrations_that_only_the_files_tell(installed: psycopg.Connection) -> None:
    installed.execute("delete from fbs_migrations where migration_id ~ '^005'")
    installed.execute("update fbs_migrations set checksum = '' where migration_id ~ '^0003'")
    installed.execute(
        "insert into fbs_migrations values ('0099_late', '', now(), '', '0.0.9'), ('0900_next', '', now(), '', '99.0')"
    )
    installed.commit()
    seen = read(installed)
    states = {state: seen[key("fbs_migrations", state=state)] for state in ("pending", "edited", "missing", "newer")}
    assert states == {"pending": 2, "edited": 1, "missing": 1, "newer": 1}
    assert seen[key("fbs_info", version="99.0")] == 1


def test_promtool_accepts_it(installed: psycopg.Connection) -> None:
    if not shutil.which("promtool"):
        (pytest.fail if os.environ.get("FBS_DB_TEST_EVERYTHING") else pytest.skip)("no promtool on this machine")
    queue(installed, STRANGE)
    text = on(installed, "metrics").stdout
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_file_for_the_collector(installed: psycopg.Connection, tmp_path: Path) -> None:
    """Another user reads it, and never sees half of it."""
    file = tmp_path / "fbs.prom"
    before = os.umask(0o077)
    try:
        done = on(installed, "metrics", "--output", str(file))
    finally:
        os.umask(before)
    assert (done.exit_code, done.output) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    first = file.stat().st_ino
    assert key("fbs_up") in parsed(file.read_text())
    assert on(installed, "metrics", "--output", str(file)).exit_code == 0
    assert file.stat().st_ino != first
    assert [path.name for path in tmp_path.iterdir()] == ["fbs.prom"]
    assert key("fbs_up") in parsed(on(installed, "metrics", "--output", "-").stdout)
    done = on(installed, "metrics", "--output", str(tmp_path / "none" / "fbs.prom"))
    assert (done.exit_code, "cannot be written: No such file or directory" in done.stderr) == (2, True)


def test_a_database_that_cannot_be_read_is_down(empty: psycopg.Connection, tmp_path: Path) -> None:
    file = tmp_path / "fbs.prom"
    done = on(empty, "metrics", "--output", str(file))
    assert done.exit_code == 2
    assert parsed(file.read_text()) == {key("fbs_up"): 0}
    done = run("--database", url_of(empty).replace(empty.info.dbname, "gone"), "metrics")
    assert (done.exit_code, parsed(done.stdout)) == (2, {key("fbs_up"): 0})


def test_a_monitor_reads_all_of_it(installed: psycopg.Connection) -> None:
    attach(installed)
    queue(installed, "rentals.tenant", error="refused")
    with role(installed, "fbs_m_monitor"), role(installed, "fbs_m_nobody"):
        fbs_db.grant("fbs_m_monitor", work="monitor", database=url_of(installed))
        done = run("--database", url_of(installed, user="fbs_m_monitor"), "metrics")
        ages = {one for one in read(installed) if "seconds" in one[0]}
        seen, all_of_it = parsed(done.stdout), read(installed)
        assert seen.keys() == all_of_it.keys()
        assert {one for one in seen if seen[one] != all_of_it[one]} <= ages
        done = run("--database", url_of(installed, user="fbs_m_nobody"), "metrics")
        assert (done.exit_code, parsed(done.stdout)) == (2, {key("fbs_up"): 0})


def test_what_row_security_hides_is_no_0(installed: psycopg.Connection) -> None:
    attach(installed)
    installed.execute("alter table fbs_cleanup_queue enable row level security")
    with role(installed, "fbs_m_monitor"):
        fbs_db.grant("fbs_m_monitor", work="monitor", database=url_of(installed))
        seen = parsed(run("--database", url_of(installed, user="fbs_m_monitor"), "metrics").stdout)
        assert not [name for name, _ in seen if name.startswith("fbs_cleanup")]
        assert seen[key("fbs_findings", severity="note", kind="privilege")] == 1


def test_no_code_of_others_is_run(installed: psycopg.Connection) -> None:
    installed.execute("grant create on schema public to public")
    installed.commit()
    done = on(installed, "metrics")
    assert (done.exit_code, parsed(done.stdout)) == (2, {key("fbs_up"): 0})


def test_all_databases_in_one_text(installed: psycopg.Connection, pg18: Server) -> None:
    """Those of solutions have one figure together."""
    attach(installed)
    made = [pg18.create(f"metrics_{one}_db", "fbs_installed_template") for one in ("acme", "beta")]
    try:
        with psycopg.connect(pg18.url(made[0]), autocommit=True) as member:
            queue(member, "rentals.room")
            member.execute("update fbs_migrations set fbs_db_version = '0.0.9'")
            member.execute("insert into fbs_worker_last_run (last_run_at) values (now())")
        with psycopg.connect(pg18.url(made[1]), autocommit=True) as member:
            queue(member, "rentals.room")
        Path("fbs-db.toml").write_text(
            f'[databases.main]\nurl = "{url_of(installed)}"\n'
            f'[databases.each]\nurl = "{pg18.url("metrics_{solution}_db")}"\nsolutions = "*"\ncomponents = []\n'
        )
        done = run("metrics", "--all")
        assert (done.exit_code, done.stderr) == (0, "")
        seen = parsed(done.stdout)
        assert {dict(labels).get("database") for _, labels in seen} == {"main", "each"}
        assert seen[key("fbs_up", database="each")] == 1
        assert seen[key("fbs_cleanup_entries", database="each", model="rentals.room", state="waiting")] == 2
        assert seen[key("fbs_cleanup_oldest_seconds", database="each", model="rentals.room", state="waiting")] < 3700
        assert {dict(labels)["version"] for (name, labels) in seen if name == "fbs_info"} == {
            "0.0.9",
            fbs_db.__version__,
        }
        applied = {one: seen[key("fbs_migrations", database=one, state="applied")] for one in ("main", "each")}
        assert applied["each"] == 2 * applied["main"]
        last_runs = [dict(labels)["database"] for name, labels in seen if "last_run_timestamp" in name]
        assert last_runs == ["main"]

        pg18.admin.execute(f'alter database "{made[1]}" rename to metrics_gamma_db')
        with psycopg.connect(pg18.url("metrics_gamma_db"), autocommit=True) as member:
            member.execute("drop view fbs_metrics")
        done = run("metrics", "--all")
        seen = parsed(done.stdout)
        assert done.exit_code == 2
        assert (seen[key("fbs_up", database="main")], seen[key("fbs_up", database="each")]) == (1, 0)
    finally:
        pg18.drop(*made, "metrics_gamma_db")
    done = on(installed, "metrics", "--all")
    assert (done.exit_code, "Give --database or --all" in done.stderr) == (2, True)


def test_a_host_with_an_endpoint_of_its_own_registers_a_collector(installed: psycopg.Connection) -> None:
    class Fbs:
        def collect(self) -> object:
            return fbs_db.metrics(url_of(installed))

    registry = CollectorRegistry(auto_describe=True)
    registry.register(Fbs())  # type: ignore[arg-type]
    assert registry.get_sample_value("fbs_up") == 1


@pytest.mark.slow
def test_on_a_standby(installed: psycopg.Connection, pg18: Server) -> None:
    with standby_of(pg18) as standby:
        deadline = time.monotonic() + 60
        while True:
            done = run("--database", standby.url(installed.info.dbname), "metrics")
            if done.exit_code == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert parsed(done.stdout) == read(installed)
        assert run("--database", standby.url(installed.info.dbname), "check", "--quick").exit_code == 0


def test_of_a_damaged_schema_it_says_what_helps(
    installed: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    installed.execute("drop view fbs_metrics; drop view fbs_bi_charts")
    installed.commit()
    said = "To see what is missing, and what to type: fbs-db"  # migrate would have nothing to do
    assert on(installed, "metrics").exit_code == 2
    assert said in caplog.text
    with fbs_db.connect(installed) as fbs, pytest.raises(TargetError, match="fbs_bi_charts") as caught:
        fbs.bi.charts(limit=1)
    assert said in caught.value.hint
