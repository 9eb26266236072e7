"""A streaming standby: reads, commands, and a worker that goes on when the standby is promoted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

import fbs_db
from fbs_db.cli import main
from fbs_db.database.session import open_session
from fbs_db.errors import ServerError
from tests.support import ROOT
from tests.support.sample_rows import make_users
from tests.support.servers import Server, running, standby_of

pytestmark = pytest.mark.slow

HOST = "create table tenants (id bigint primary key); insert into tenants select generate_series(1, 400)"
#: Each clean-up that arrives leaves its ticket, and each that is applied is counted.
COUNTED = """
    create table rooms (id bigint primary key);
    insert into rooms select generate_series(1, 400);
    create table pointers (model_name text, record_id bigint, primary key (model_name, record_id));
    insert into pointers select m, n from generate_series(1, 400) as n, unnest('{tenant,room}'::text[]) as m;
    create table applied (model_name text, record_id bigint);
    create function note() returns trigger language plpgsql as
    $$begin insert into applied values (old.model_name, old.record_id); return null; end$$;
    create trigger note after delete on pointers for each row execute function note();
    create table tickets (ticket uuid);
    create function collect() returns trigger language plpgsql as
    $$begin insert into tickets values (new.ticket); return null; end$$;
    create trigger collect after insert on fbs_cleanup_received for each row execute function collect();
    insert into fbs_cleanup_rules (rule_name, table_name, model_column, key_column, action, description)
    values ('pointers', 'public.pointers', 'model_name', 'record_id', 'delete', 'They go with their row.')
"""


def rows(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def eventually(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def either(one: Server, other: Server, database: str) -> str:
    """The connection string of whichever server takes writes."""
    hosts, ports = f"{one.host},{other.host}", f"{one.port},{other.port}"
    return f"postgresql://postgres@/{database}?host={hosts}&port={ports}&target_session_attrs=read-write"


@contextmanager
def followed(server: Server) -> Iterator[Server]:
    """A standby that has every commit of a server."""
    with standby_of(server) as standby:
        server.admin.execute("alter system set synchronous_standby_names = '*'")
        server.admin.execute("alter system set synchronous_commit = 'remote_apply'")
        server.admin.execute("select pg_reload_conf()")
        eventually(lambda: rows(server.url(), "select sync_state from pg_stat_replication") == [("sync",)])
        yield standby


@pytest.fixture
def primary(pg18: Server) -> Iterator[Server]:
    """A server with the host's database, and FBS's, which has a host table too."""
    with running(pg18.bin, 18) as server:
        server.create("host")
        server.create("fbs")
        say(server.url("host"), server.url("fbs"))
        rows(server.url("host"), HOST)
        fbs_db.migrate("fbs")
        with closing(psycopg.connect(server.url("fbs"))) as connection:
            make_users(connection)
        fbs_db.attach_users("auth_user", "fbs")
        rows(server.url("fbs"), COUNTED)
        fbs_db.attach_host("rooms", "room", "fbs")
        fbs_db.attach_host("tenants", "tenant", "host")
        yield server


def say(host: str, fbs: str) -> None:
    Path("fbs-db.toml").write_text(
        f'[databases.host]\nurl = "{host}"\ncomponents = []\n[databases.fbs]\nurl = "{fbs}"\n'
    )


CHANGING = [
    "rollback", "repair --apply", "accept 0003_msme_models", "detach users",
    "attach host rooms --model chamber", "detach host rooms", "grant web --as app", "isolate on",
    "settings cleanup off", "cleanup retry", "purge", "files purge --root .", "later-names add", "cleanup run",
]  # fmt: skip
READING = [
    "check", "status", "tables --indexes", "describe fbs_kpis", "roles", "isolate status", "cleanup status",
    "settings", "placement", "docs --html schema.html", "purge --dry-run", "repair", "later-names list",
    "migrate --dry-run",
]  # fmt: skip


def test_commands_on_a_standby(primary: Server) -> None:
    """Those that read work; each of the others says why it does not, and where to type it."""
    rows(primary.url("fbs"), "set fbs.cleanup = 'queue'; delete from rooms where id = 1; create role web")
    with followed(primary) as standby:
        said = {}
        for words in READING + CHANGING:
            done = CliRunner().invoke(main, ["--database", standby.url("fbs"), *words.split(), *YES.get(words, [])])
            said[words] = done.exit_code, done.output
        assert {words: said[words] for words in READING if said[words][0] != 0} == {}
        told = "Error: This server is a standby, which is read-only.\nType this on its primary."
        assert {words: said[words] for words in CHANGING if said[words][0] != 2 or told not in said[words][1]} == {}


#: What else is typed, as nobody answers.
YES = {"attach host rooms --model chamber": ["--yes"], "rollback": ["--yes"]}


def test_a_worker_goes_on_at_the_standby_that_is_promoted(primary: Server, tmp_path: Path) -> None:
    """What was queued here, and for another database, is done once; tickets stand, as the cluster is the same."""
    with followed(primary) as standby:
        host, fbs = either(primary, standby, "host"), either(primary, standby, "fbs")
        say(host, fbs)
        rows(host, "update fbs_settings set value = 'queue' where name = 'cleanup'")
        rows(fbs, "update fbs_settings set value = 'queue' where name = 'cleanup'")
        source = rows(host, "select fbs_source()")
        with fbs_db.connect(standby.url("fbs")) as reader:
            assert reader.approvals.requests() == ()
        with (tmp_path / "log").open("w") as log:
            worker = subprocess.Popen(
                [sys.executable, "-u", "-m", "fbs_db", "cleanup", "run", "--poll", "0.05"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        eventually(lambda: bool((tmp_path / "log").read_text()))  # it is at work
        deleted = 0

        def delete(key: int) -> None:
            """As a client does that tries again until it is told that it is done."""
            for url, table in ((host, "tenants"), (fbs, "rooms")):
                while True:
                    try:
                        rows(url, f"delete from {table} where id = %s", key)
                        break
                    except psycopg.OperationalError:
                        time.sleep(0.02)

        def work() -> None:
            nonlocal deleted
            for key in range(1, 201):
                delete(key)
                deleted = key

        client = threading.Thread(target=work)
        client.start()
        try:
            eventually(lambda: deleted > 50)
            primary.kill()
            assert rows(standby.url(), "select pg_promote()") == [(True,)]
            client.join()
            waiting = "select count(*) from fbs_cleanup_queue"
            eventually(lambda: rows(host, waiting) == rows(fbs, waiting) == [(0,)])
            assert worker.poll() is None
        finally:
            client.join()
            worker.terminate()
            worker.wait(60)
        assert rows(host, "select fbs_source()") == source
        applied = "select model_name, count(*), count(distinct record_id) from applied group by 1 order by 1"
        assert rows(fbs, applied) == [("room", 200, 200), ("tenant", 200, 200)]
        (((tickets, once)),) = rows(fbs, "select count(*), count(distinct ticket) from tickets")
        assert tickets == once
        assert rows(fbs, "select count(*) from fbs_cleanup_received") == [(0,)], "the tickets are forgotten"
        assert "Connected again to" in (tmp_path / "log").read_text()
        assert fbs_db.check("fbs", data=True).healthy
        assert fbs_db.check("host", data=True).healthy


def test_a_read_that_replication_cancels_says_what_helps(primary: Server) -> None:
    with standby_of(primary) as standby:
        standby.admin.execute("alter system set max_standby_streaming_delay = 0")
        standby.admin.execute("select pg_reload_conf()")

        def read() -> None:
            with open_session(standby.url("fbs"), None) as session, session.translated():
                session.select("select count(*), pg_sleep(60) from {fbs}fbs_kpis")

        with ThreadPoolExecutor(1) as pool:
            reader = pool.submit(read)
            asleep = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"
            eventually(lambda: bool(rows(standby.url(), asleep)))
            rows(primary.url("fbs"), "lock table fbs_kpis; truncate fbs_cache_entries")
            with pytest.raises(ServerError, match="conflict with recovery") as refused:
                reader.result(60)
        assert "hot_standby_feedback" in refused.value.hint
