"""The host's tables are in the system's database, FBS's rows in a database of each solution, and a worker between."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

import fbs_db
from fbs_db.cleanup.across import Backoff
from fbs_db.cleanup.fanout import fan_out
from fbs_db.cleanup.hosts import Host
from fbs_db.cleanup.queue import RetryReport
from fbs_db.cli import main
from fbs_db.database import project
from fbs_db.database.session import Session, open_session
from fbs_db.errors import TargetError
from tests.support import ROOT
from tests.support.servers import Server

_numbers = count(1)
#: A rule of the host's own; its trigger counts how often it is applied.
COUNTED = """
    create table pointers (tenant_id bigint, label text);
    create table applied (what text);
    create function tally() returns trigger language plpgsql as
    $$begin insert into applied values (tg_op); return null; end$$;
    create trigger tally before delete or update on pointers for each statement execute function tally();
    insert into fbs_cleanup_rules (rule_name, table_name, key_column, model_name, action, description)
    values ('pointers', 'public.pointers', 'tenant_id', 'tenant', 'delete', 'They go with their tenant.');
    delete from applied;
    insert into pointers values (1, 'first')
"""


class Fleet:
    """The system's database with the host's tenants, and a database for each solution with FBS's rows.

    Attributes:
        server: where all of them are.
        system: the URL of the system's database.
        prefix: what the names of the solutions' databases begin with.
    """

    def __init__(self, server: Server, templates: tuple[str, str], solutions: list[str], number: int) -> None:
        self.server = server
        self._member = templates[1]
        self.prefix = f"fleet_{number}_"
        self.names: list[str] = [server.create(template=templates[0])]
        self.system = server.url(self.names[0])
        for solution in solutions:
            self.add(solution)
        self.say()

    def say(self, solutions: str = '"*"', url: str | None = None, user: str = "postgres") -> None:
        """Write the project's file."""
        pattern = url or self.server.url(self.name("{solution}"), user)
        Path("fbs-db.toml").write_text(
            f'[databases.default]\nurl = "{self.system.replace("//postgres@", f"//{user}@")}"\n'
            f'[databases.solutions]\nurl = "{pattern}"\nsolutions = {solutions}\n'
            'components = ["core"]\nuser_key_type = "bigint"\n'
        )

    def add(self, solution: str) -> None:
        self.names.append(self.server.create(self.name(solution), self._member))

    def drop(self, solution: str) -> None:
        self.server.drop(self.name(solution))

    def name(self, solution: str) -> str:
        return f"{self.prefix}{solution}_db"

    def on(self, solution: str | None, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a query in the database of a solution, or of the system."""
        url = self.system if solution is None else self.server.url(self.name(solution))
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def attach(self, **options: Any) -> None:
        fbs_db.attach_host("tenants", "tenant", **options)

    def keys(self, solution: str) -> list[int]:
        return [key for (key,) in self.on(solution, "select record_id from fbs_custom_fields order by 1")]

    def a_day_passes(self) -> None:
        self.on(None, "update fbs_cleanup_queue set gone_since = gone_since - interval '25 hours'")

    def queue(self) -> list[tuple[Any, ...]]:
        query = "select operation, keys, target, for_solution from fbs_cleanup_queue order by id"
        return self.on(None, query)


FIELDS = (
    "insert into fbs_custom_fields (model_name, record_id, field_name, field_value)"
    " select 'tenant', n, 'f', 'v' from generate_series(1, 9) as n"
)
TENANTS = (
    "create table tenants (id bigint primary key, name text, number integer);"
    "insert into tenants values (1, 'acme', 1), (2, 'zeta', 2), (3, null, 3), (4, '', 4), (5, 'nobody', 5),"
    " (6, 'acme', 6), (7, 'zeta', 7), (8, 'fbs_acme_db', 8), (9, 'beta', 9)"
)

Make = Callable[..., Fleet]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Server], tuple[str, str]]:
    """Gives the names of a system's database and a solution's that others are copied from, on a server."""
    made: dict[int, tuple[str, str]] = {}

    def on(server: Server) -> tuple[str, str]:
        if server.major not in made:
            system, member = server.create(), server.create()
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("templates"))
                Path("fbs-db.toml").write_text(
                    f'[databases.default]\nurl = "{server.url(system)}"\n'
                    f'[databases.member]\nurl = "{server.url(member)}"\ncomponents = ["core"]\n'
                    'user_key_type = "bigint"\n'
                )
                for name, query in (("default", TENANTS), ("member", FIELDS)):
                    fbs_db.migrate(name)
                    with psycopg.connect(server.url(system if name == "default" else member)) as connection:
                        connection.execute(query.encode())
            made[server.major] = system, member
        return made[server.major]

    return on


@contextmanager
def fleets(server: Server, templates: Callable[[Server], tuple[str, str]]) -> Iterator[Make]:
    made: list[Fleet] = []

    def one(*solutions: str) -> Fleet:
        made.append(Fleet(server, templates(server), list(solutions or ("acme", "beta", "zeta")), next(_numbers)))
        return made[-1]

    try:
        yield one
    finally:
        for fleet in made:
            server.drop(*fleet.names)


@pytest.fixture
def make(pg18: Server, templates: Callable[[Server], tuple[str, str]]) -> Iterator[Make]:
    """Makes a fleet with a database for each of these solutions."""
    with fleets(pg18, templates) as one:
        yield one


@pytest.fixture
def fleet(make: Make) -> Fleet:
    return make()


@pytest.fixture
def fleet_everywhere(
    major: int, request: pytest.FixtureRequest, templates: Callable[[Server], tuple[str, str]]
) -> Iterator[Fleet]:
    with fleets(request.getfixturevalue(f"pg{major}"), templates) as one:
        yield one()


def command(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    return result.output


def without(*keys: int) -> list[int]:
    return [key for key in range(1, 10) if key not in keys]


def eventually(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start_worker() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "fbs_db", "cleanup", "run", "--all", "--poll", "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@contextmanager
def working(poll: float = 0.05) -> Iterator[None]:
    """While a worker of this process is at work."""
    stop = threading.Event()
    worker = threading.Thread(target=fbs_db.run_cleanup, kwargs={"stop": stop, "poll": poll})
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


# --- whom a deletion reaches


def test_a_row_that_names_its_solution_reaches_its_database_only(fleet_everywhere: Fleet) -> None:
    fleet = fleet_everywhere
    said = command("attach", "host", "tenants", "--model", "tenant", "--solution-column", "name")
    assert said == "tenants is attached as tenant, by its key id, its solutions by name.\n"
    fleet.on(None, "delete from tenants where id in (1, 2)")
    assert sorted(fleet.queue(), key=str) == [
        ("delete", ["1"], "solutions", "acme"),
        ("delete", ["2"], "solutions", "zeta"),
    ]
    assert command("cleanup", "retry") == "2 batches done: 2 rows; 0 failed, 0 waiting.\n"
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1), without(), without(2)]
    fleet.on(None, "delete from tenants where id in (3, 4)")
    assert {row[3] for row in fleet.queue()} == {"*"}, "a row that names none reaches all"
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1, 3, 4), without(3, 4), without(2, 3, 4)]
    fleet.on(None, "delete from tenants where id = 8")
    fbs_db.retry_cleanup()
    assert 8 not in fleet.keys("acme"), "the name of its database is its name, too"
    assert 8 in fleet.keys("zeta")


def test_a_table_of_one_solution_reaches_its_database_only(fleet_everywhere: Fleet) -> None:
    fleet = fleet_everywhere
    fleet.on(None, "create table zetas (id bigint primary key); insert into zetas select generate_series(1, 9)")
    fleet.attach(solution="acme")
    fbs_db.attach_host("zetas", "tenant", solution="zeta")
    fleet.on(
        None, "delete from tenants where id = 1; delete from zetas where id = 2; update zetas set id = 33 where id = 3"
    )
    assert [row[2:] for row in fleet.queue()] == [("solutions", "acme"), ("solutions", "zeta"), ("solutions", "zeta")]
    assert fbs_db.retry_cleanup().waiting == 0
    assert fleet.keys("acme") == without(1), "in its own database rows that name no solution are its, too"
    assert fleet.keys("beta") == without()
    assert fleet.keys("zeta") == [*without(2, 3), 33]
    fleet.on(None, "truncate zetas")
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1), without(), []]


def test_any_other_table_reaches_all(fleet_everywhere: Fleet) -> None:
    fleet = fleet_everywhere
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1; update tenants set id = 22 where id = 2; truncate tenants")
    assert [(row[0], row[2], row[3]) for row in fleet.queue()] == [
        ("delete", "solutions", "*"),
        ("rekey", "solutions", "*"),
        ("delete", "solutions", "*"),
        ("sweep", "solutions", "*"),
    ]
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [[], [], []]


def test_numbers_are_names_by_the_map(fleet: Fleet) -> None:
    fleet.attach(solution_column="number")
    fleet.on(None, "insert into fbs_solution_map values ('number', '1', 'zeta')")
    fleet.on(None, "delete from tenants where id = 1")
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(), without(), without(1)]


def test_a_deletion_is_noted_once_however_many_solutions_there_are(make: Make) -> None:
    fleet = make(*(f"s{number}" for number in range(50)))
    fleet.attach()
    fleet.on(None, "delete from tenants where id <= 3")
    fleet.on(None, "delete from tenants where id = 4")
    assert len(fleet.queue()) == 2
    report = fbs_db.retry_cleanup()
    assert (report.done, report.failed, report.waiting, report.rows) == (50, 0, 0, 200), "together, one for each"
    assert all(fleet.keys(f"s{number}") == without(1, 2, 3, 4) for number in range(50))


def test_a_rekey_follows_in_the_database_of_the_solution_it_had(fleet: Fleet) -> None:
    fleet.attach(solution_column="name")
    fleet.on(None, "update tenants set id = id + 100, name = 'zeta' where id in (1, 6)")
    assert [row[3] for row in fleet.queue()] == ["acme"]
    fbs_db.retry_cleanup()
    assert fleet.keys("acme") == [*without(1, 6), 101, 106]
    assert fleet.keys("zeta") == without()
    fleet.on(None, "update tenants set id = id + 1000 where id in (2, 3)")
    assert [row[3] for row in fleet.queue()] == ["*"], "keys that may shift stay together"
    fbs_db.retry_cleanup()
    assert fleet.keys("zeta") == [*without(2, 3), 1002, 1003]


def test_rekeys_and_deletions_are_done_in_order(fleet: Fleet) -> None:
    fleet.attach(solution_column="name")
    fleet.on(None, "delete from tenants where id = 8")
    fleet.on(None, "update tenants set id = 100 where id = 6")
    fleet.on(None, "update tenants set id = 6 where id = 1")
    fleet.on(None, "update tenants set id = 200 where id = 100")
    fleet.on(None, "delete from tenants where id = 6")
    before = dict(fleet.on("acme", "select record_id, id from fbs_custom_fields"))
    with open_session(None, None) as session:
        assert fan_out(session, project.configuration().patterns["solutions"], Backoff(1)) == (5, 5)
    assert [(row[0], row[1]) for row in fleet.queue()] == [
        ("delete", ["8"]),
        ("rekey", ["6"]),
        ("rekey", ["1"]),
        ("rekey", ["100"]),
        ("delete", ["6"]),
    ]
    fbs_db.retry_cleanup()
    assert fleet.queue() == []
    left = dict(fleet.on("acme", "select record_id, id from fbs_custom_fields"))
    assert left == {**{key: before[key] for key in without(1, 6, 8)}, 200: before[6]}


def test_many_deletions_are_put_together(fleet: Fleet) -> None:
    fleet.attach()
    fleet.on(None, "insert into tenants select generate_series(11, 10010)")
    for solution in ("acme", "beta", "zeta"):
        fleet.on(solution, FIELDS.replace("(1, 9)", "(11, 10010)"))
    fleet.on(None, "do $$begin for n in 11..10010 loop delete from tenants where id = n; end loop; end$$")
    assert len(fleet.queue()) == 10_000
    with open_session(None, None) as session:
        assert fan_out(session, project.configuration().patterns["solutions"], Backoff(1)) == (10_000, 30)
    assert {len(row[1]) for row in fleet.queue()} == {1000}
    report = fbs_db.retry_cleanup()
    assert (report.done, report.rows, report.waiting) == (30, 30_000, 0)
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without()] * 3


# --- solutions that come, go, and are away


def test_solutions_that_come_and_go_meanwhile_are_no_error(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "fbs_db")
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    fleet.add("late")
    fleet.drop("beta")
    assert fbs_db.retry_cleanup() == RetryReport(3, 0, 0)
    assert [fleet.keys(one) for one in ("acme", "late", "zeta")] == [without(1)] * 3
    fleet.on(None, "delete from tenants where id = 2")
    with open_session(None, None) as session:
        fan_out(session, project.configuration().patterns["solutions"], Backoff(1))
    fleet.drop("zeta")
    report = fbs_db.retry_cleanup()
    assert (report.done, report.failed, report.waiting) == (2, 0, 1), "it may come back within a day"
    fleet.a_day_passes()
    assert fbs_db.retry_cleanup().waiting == 0
    assert f"Database {fleet.name('zeta')} is no more: 1 clean-up for it dropped." in caplog.messages
    assert [fleet.keys(one) for one in ("acme", "late")] == [without(1, 2)] * 2
    assert "Healthy" in command("--database", "default", "check")


def test_one_for_a_solution_without_a_database_is_over_after_a_day(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.attach(solution_column="name")
    fleet.on(None, "insert into tenants values (10, repeat('x', 70)), (11, 'a=b')")
    fleet.on(None, "delete from tenants where id in (5, 10, 11)")
    assert fbs_db.retry_cleanup().waiting == 2
    left_out = f"1 solution that cannot have a database by solutions left out: {'x' * 70}"
    assert left_out in caplog.messages
    assert "Healthy" in command("--database", "default", "check")
    fleet.a_day_passes()
    caplog.set_level("INFO", "fbs_db")
    assert fbs_db.retry_cleanup().waiting == 0
    assert f"Database {fleet.name('nobody')} is no more: 1 clean-up for it dropped." in caplog.messages
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without()] * 3


def test_a_database_that_is_restored_loses_none(fleet: Fleet) -> None:
    away = fleet.name("zeta").replace("fleet", "away")
    there, gone = (
        f"alter database {one} rename to {other}"
        for one, other in ((away, fleet.name("zeta")), (fleet.name("zeta"), away))
    )
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    with open_session(None, None) as session:
        fan_out(session, project.configuration().patterns["solutions"], Backoff(1))
    fleet.server.admin.execute(gone.encode())
    assert fbs_db.retry_cleanup().waiting == 1
    fleet.attach(solution_column="name")
    fleet.on(None, "delete from tenants where id = 2")
    fleet.say('["acme", "beta", "zeta"]')
    fleet.on(None, "delete from tenants where id = 3")
    assert fbs_db.retry_cleanup().waiting == 3
    fleet.server.admin.execute(there.encode())
    marked = sql.SQL("alter database {} is_template {} allow_connections {}").format
    fleet.server.admin.execute(marked(sql.Identifier(fleet.name("zeta")), sql.SQL("true"), sql.SQL("false")))
    fleet.on(None, "delete from tenants where id = 4")
    assert fbs_db.retry_cleanup().waiting == 4
    fleet.a_day_passes()
    assert fbs_db.retry_cleanup().waiting == 4, "it is there, and closed"
    fleet.server.admin.execute(marked(sql.Identifier(fleet.name("zeta")), sql.SQL("false"), sql.SQL("true")))
    assert fbs_db.retry_cleanup().waiting == 0
    assert fleet.keys("zeta") == without(1, 2, 3, 4)


def test_a_server_without_any_of_them_loses_none(fleet: Fleet) -> None:
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    fleet.say(url=fleet.server.url("nowhere_{solution}"))
    assert fbs_db.retry_cleanup().waiting == 1
    fleet.say()
    assert fbs_db.retry_cleanup().waiting == 0
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1)] * 3


def test_a_query_that_names_none_for_a_moment_loses_none(fleet: Fleet) -> None:
    fleet.say('"select name from tenants where false"')
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    assert fbs_db.retry_cleanup().waiting == 0
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1)] * 3


def test_keys_that_swap_stay_together_whatever_their_solution_is_called(fleet: Fleet) -> None:
    fleet.on(None, "alter table tenants drop constraint tenants_pkey, add unique (id) deferrable")
    fleet.attach(key="id", solution_column="name")
    before = dict(fleet.on("acme", "select record_id, id from fbs_custom_fields"))
    fleet.on(None, "update tenants set id = 9 - id where id in (1, 8)")
    fbs_db.retry_cleanup()
    after = dict(fleet.on("acme", "select record_id, id from fbs_custom_fields"))
    assert after == {**before, 1: before[8], 8: before[1]}


def test_the_row_that_names_the_solution_to_the_project_may_be_the_one_that_goes(fleet: Fleet) -> None:
    fleet.say('"select name from tenants where name <> $$nobody$$ and name !~ $$fbs$$ and name <> $$$$"')
    fleet.attach(solution_column="name")
    fleet.on(None, "delete from tenants where name = 'beta'")
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(), without(9), without()]
    fleet.say('["acme", "beta"]')
    fleet.on(None, "delete from tenants where id in (1, 2)")
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1), without(9), without()], "not listed"


def test_one_that_cannot_be_reached_delays_its_own_only(fleet: Fleet) -> None:
    fleet.attach()
    closed = sql.SQL("alter database {} allow_connections {}").format
    fleet.server.admin.execute(closed(sql.Identifier(fleet.name("beta")), sql.SQL("false")))
    fleet.on(None, "delete from tenants where id = 1")
    report = fbs_db.retry_cleanup()
    assert (report.done, report.failed, report.waiting) == (2, 1, 1)
    assert [fleet.keys(one) for one in ("acme", "zeta")] == [without(1)] * 2
    assert [row[2] for row in fleet.queue()] == [fleet.name("beta")]
    assert f"tenant, in database {fleet.name('beta')}: failed" in command("--database", "default", "check", code=1)
    fleet.server.admin.execute(closed(sql.Identifier(fleet.name("beta")), sql.SQL("true")))
    with working():
        eventually(lambda: not fleet.queue())
    assert fleet.keys("beta") == without(1)


def test_a_server_that_cannot_be_asked_delays_all_and_loses_none(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.attach(solution_column="name")
    fleet.on(None, "delete from tenants where id in (1, 3)")
    fleet.say(url="postgresql://127.0.0.1:1/nowhere_{solution}")
    assert fbs_db.retry_cleanup().waiting == 2
    assert any("No connection to postgresql://127.0.0.1:1/postgres" in text for text in caplog.messages)
    (waiting,) = fbs_db.cleanup_status("default").waiting
    assert (waiting.target, waiting.entries, waiting.attempts) == ("solutions", 2, 0)
    fleet.say()
    assert fbs_db.retry_cleanup().waiting == 0
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1, 3), without(3), without(3)]


@pytest.mark.parametrize("word", ["retry", "sweep"])
def test_one_that_cannot_be_worked_in_holds_up_no_other(
    fleet: Fleet, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    for solution in ("acme", "zeta"):
        fleet.on(solution, TENANTS)
        fbs_db.attach_host("tenants", "tenant", fleet.name(solution))
    fleet.on("zeta", "alter table tenants disable trigger user; delete from tenants where id = 1")
    fleet.on("zeta", "select fbs_queue_cleanup('tenant', null, '{1}')")
    fleet.on("acme", "alter function fbs_waiting_cleanups(boolean, bigint[]) rename to away")
    fleet.on("acme", "alter function fbs_sweep_plan() rename to away")
    command("cleanup", word, code=1)
    assert f"{fleet.name('acme')}: FBS is not complete in schema public" in caplog.text
    assert fleet.keys("zeta") == without(1)


@pytest.mark.parametrize("word", ["retry", "sweep"])
def test_one_that_is_locked_holds_up_no_other(fleet: Fleet, word: str, caplog: pytest.LogCaptureFixture) -> None:
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    with psycopg.connect(fleet.server.url(fleet.name("acme"))) as locking:
        locking.execute("lock table fbs_cleanup_queue, fbs_custom_fields")
        said = command("cleanup", word, code=1)
    assert "canceling statement due to lock timeout" in said + caplog.text
    assert [fleet.keys(one) for one in ("beta", "zeta")] == [without(1)] * 2


# --- attaching


def test_attaching_connects_to_no_solution(fleet: Fleet) -> None:
    fleet.say(url="postgresql://127.0.0.1:1/nowhere_{solution}")
    fleet.attach(solution_column="name")
    assert fleet.on(None, "select target, per_solution from fbs_cleanup_targets") == [("solutions", True)]
    assert fbs_db.list_hosts() == [Host("tenants", "tenant", "id", None, True, "name")]
    assert "its solutions by name" in command("--database", "default", "cleanup", "status")
    assert fbs_db.attach_host("tenants", "tenant").solution_column == "name", "unless named, it stays"
    assert fbs_db.attach_host("tenants", "tenant", solution="acme").solution_column is None
    assert fbs_db.detach_host("tenants")


def test_what_cannot_name_solutions_is_refused(fleet: Fleet) -> None:
    fleet.on(None, "alter table tenants add born date; create domain odd as text; alter table tenants add odd odd")
    attach = ("attach", "host", "tenants", "--model", "tenant", "--solution-column")
    assert "table tenants has no column gone" in command(*attach, "gone", code=2)
    assert "column born of tenants is of type date" in command(*attach, "born", code=2)
    assert "column odd of tenants is of type odd" in command(*attach, "odd", code=2)
    said = command(*attach, "name", "--solution", "acme", code=2)
    assert "Give --solution or --solution-column, not both." in said
    with pytest.raises(TargetError, match="a host table is of one solution, or has a column that names them"):
        fbs_db.attach_host("tenants", "tenant", solution="acme", solution_column="name")


def test_another_model_name_is_not_carried_to_solutions(fleet: Fleet) -> None:
    fleet.attach()
    with pytest.raises(TargetError, match="rows in the solutions' own databases may have that model name") as caught:
        fbs_db.attach_host("tenants", "renter")
    assert "fbs-db detach host public.tenants && fbs-db attach host public.tenants --model renter" in caught.value.hint


def test_a_table_in_a_solutions_database_is_that_solutions(fleet: Fleet) -> None:
    fleet.on("acme", "create table rooms (id bigint primary key); insert into rooms select generate_series(1, 9)")
    host = fbs_db.attach_host("rooms", "tenant", fleet.name("acme"))
    assert host.solution == "acme"
    assert fleet.on("acme", "select target, per_solution from fbs_cleanup_targets") == [("default", False)]
    fleet.on("acme", "delete from rooms where id = 1")
    assert fbs_db.retry_cleanup().waiting == 0
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1), without(), without()]
    assert "Healthy" in command("--database", fleet.name("acme"), "check")


def test_what_a_role_of_the_hosts_makes_of_the_column_is_not_evaluated(fleet_everywhere: Fleet) -> None:
    fleet = fleet_everywhere
    fleet.attach(solution_column="name")
    fleet.on(
        None,
        "create table seen (who text); create type mood as enum ('acme');"
        "create function peek(mood) returns text language plpgsql as"
        " $$begin insert into seen values (current_user); return 'acme'; end$$;"
        "create cast (mood as text) with function peek(mood);"
        "alter table tenants alter name type mood using 'acme'",
    )
    fleet.on(None, "delete from tenants where id = 1")
    assert fleet.on(None, "select * from seen") == []
    assert [row[3] for row in fleet.queue() if row[2] == "solutions"] == ["*"], "what cannot be read may be anybody's"
    assert fleet.on(None, "select error from fbs_cleanup_queue where target is null") == [
        ("column name of tenants is of type mood",)
    ]
    printed = command("--database", "default", "check", code=1)
    assert "host tenant: solution column does not fit" in printed
    assert "--solution-column COLUMN" in printed
    fbs_db.retry_cleanup()
    assert fleet.queue() == []
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1)] * 3
    fleet.on(None, "alter table tenants drop name")
    fleet.on(None, "delete from tenants where id = 2")
    fbs_db.retry_cleanup()
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1, 2)] * 3


# --- once


@pytest.mark.parametrize("function", ["fbs_fan_out", "fbs_cleanup_carried", "fbs_receive_cleanup"])
@pytest.mark.parametrize("before", [True, False])
def test_who_dies_in_between_does_nothing_twice(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, function: str, before: bool
) -> None:
    for solution in ("acme", "beta", "zeta"):
        fleet.on(solution, COUNTED)
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    real = Session.call

    def die(session: Session, called: str, *values: object) -> Any:
        answer = None if before and called == function else real(session, called, *values)
        if called == function:
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Session, "call", die)
        with pytest.raises(KeyboardInterrupt):
            fbs_db.retry_cleanup()
    assert fbs_db.retry_cleanup().waiting == 0
    assert [fleet.on(one, "select count(*) from applied") for one in ("acme", "beta", "zeta")] == [[(1,)]] * 3
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1)] * 3
    assert [fleet.on(one, "select count(*) from fbs_cleanup_received") for one in ("acme", "zeta")] == [[(0,)]] * 2


def test_several_workers_share_it(fleet: Fleet) -> None:
    for solution in ("acme", "beta", "zeta"):
        fleet.on(solution, COUNTED)
    fleet.attach()
    with working(), working():
        for key in range(1, 10):
            fleet.on(None, "delete from tenants where id = %s", key)
        eventually(lambda: not fleet.queue())
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [[]] * 3
    assert [fleet.on(one, "select count(*) from pointers") for one in ("acme", "beta", "zeta")] == [[(0,)]] * 3


@pytest.mark.slow
def test_each_is_applied_once_whoever_is_killed_when(fleet: Fleet) -> None:
    names = ("acme", "beta", "zeta")
    collected = (
        "create table tickets (ticket uuid); create function collect() returns trigger language plpgsql as"
        " $$begin insert into tickets values (new.ticket); return null; end$$;"
        "create trigger collect after insert on fbs_cleanup_received for each row execute function collect()"
    )
    for name in names:
        fleet.on(name, collected)
        fleet.on(name, FIELDS.replace("(1, 9)", "(11, 210)"))
    fleet.on(
        None, "insert into tenants select n, case when n % 2 = 0 then 'acme' end from generate_series(11, 210) as n"
    )
    fleet.attach(solution_column="name")
    key, luck = 11, random.Random(20)
    for _ in range(8):
        worker = start_worker()
        assert worker.stdout
        assert worker.stdout.readline() == "Waiting for clean-ups.\n"
        enough = time.monotonic() + luck.uniform(0.2, 2)
        while time.monotonic() < enough:
            fleet.on(None, "delete from tenants where id = %s", min(key, 210))
            key += 1
            time.sleep(0.02)  # so that there is work for each
        if luck.random() < 0.5:
            worker.kill()
        else:
            cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'fbs-db cleanup run'"
            fleet.on(None, cut)
        worker.kill()
        worker.communicate()
    fleet.on(None, "delete from tenants where id between 11 and 210")
    eventually(lambda: fbs_db.retry_cleanup().waiting == 0)  # a killed worker's session may end a moment later
    for name in names:
        left = [gone for gone in range(11, 211) if name != "acme" and gone % 2 == 0]
        assert fleet.keys(name) == [*without(), *left]
        ((tickets, once),) = fleet.on(name, "select count(*), count(distinct ticket) from tickets")
        assert tickets == once > 1


# --- sweeping


def test_a_sweep_goes_through_the_solutions(fleet: Fleet) -> None:
    fleet.attach(solution_column="name")
    fleet.on(None, "set fbs.cleanup = 'off'; delete from tenants where id <= 2")
    swept = fbs_db.sweep_orphans()
    assert {(row.target, row.orphans) for row in swept} == {
        (None, 0),
        *((fleet.name(one), 2) for one in ("acme", "beta", "zeta")),
    }
    assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1, 2)] * 3
    fbs_db.detach_host("tenants")
    fleet.attach(solution="zeta")
    fleet.on(None, "set fbs.cleanup = 'off'; delete from tenants where id = 3")
    assert {(row.target, row.orphans) for row in fbs_db.sweep_orphans()} == {(None, 0), (fleet.name("zeta"), 1)}


# --- the worker


def sessions(fleet: Fleet, application: str) -> int:
    query = "select count(*) from pg_stat_activity where application_name = %s"
    return int(fleet.on(None, query, application)[0][0])


def test_it_holds_few_sessions_however_many_solutions_there_are(make: Make) -> None:
    names = [f"s{number}" for number in range(20)]
    fleet = make(*names)
    fleet.attach()
    most = 0
    with working():
        for key in range(1, 4):
            fleet.on(None, "delete from tenants where id = %s", key)
            while fleet.queue():
                most = max(most, sessions(fleet, "fbs-db cleanup run"))
        assert all(fleet.keys(name) == without(1, 2, 3) for name in names)
        assert 3 < most <= 12, "eight of 22, and those that the server has not closed yet"
        eventually(lambda: sessions(fleet, "fbs-db cleanup run") == 2)  # of the system, and of the server
        fleet.drop("s3")


def test_it_looks_into_a_solutions_database_when_something_was_written_there(
    fleet_everywhere: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = fleet_everywhere
    fleet.on("beta", "create table rooms (id bigint primary key); insert into rooms select generate_series(1, 9)")
    fbs_db.attach_host("rooms", "tenant", fleet.name("beta"))
    fleet.on("beta", "update fbs_settings set value = 'queue' where name = 'cleanup'")
    looked: list[str] = []
    real = Session.call

    def call(session: Session, function: str, *values: object) -> Any:
        if function == "fbs_work_queue":
            looked.append(session.config.name)
        return real(session, function, *values)

    def is_calm() -> bool:
        looked.clear()
        time.sleep(1)
        return set(looked) == {"default"}

    monkeypatch.setattr(Session, "call", call)
    with working():
        eventually(lambda: {fleet.name(one) for one in ("acme", "beta", "zeta")} <= set(looked))
        eventually(is_calm)  # when the server has counted what was done
        fleet.on("beta", "delete from rooms where id = 1")
        eventually(lambda: fleet.keys("beta") == without(1))
        assert set(looked) == {"default", fleet.name("beta")}


def test_all_is_what_it_does_if_no_database_is_named(fleet: Fleet) -> None:
    assert "Give --database or --all, not both." in command("--database", "default", "cleanup", "run", "--all", code=2)
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    worker = start_worker()
    try:
        eventually(lambda: not fleet.queue())
    finally:
        worker.terminate()
        printed = worker.communicate(timeout=60)[0]
    assert printed.endswith("Stopped; 3 batches done in all: 3 rows.\n")


def test_a_role_that_may_call_the_workers_functions_does_it(fleet_everywhere: Fleet) -> None:
    fleet = fleet_everywhere
    fleet.attach(solution_column="name")
    role = "fbs_fleet_worker"
    fleet.on(None, f"create role {role} login")
    with ExitStack() as stack:
        stack.callback(fleet.server.admin.execute, f"drop role {role}".encode())
        for solution in (None, "acme", "beta", "zeta"):
            fleet.on(solution, "revoke execute on all functions in schema public from public")
            fleet.on(solution, f"select fbs_grant_role('{role}', 'worker')")
            stack.callback(fleet.on, solution, f"drop owned by {role} cascade")
        fleet.say(user=role)
        fleet.on(None, "delete from tenants where id in (1, 3)")
        assert fbs_db.retry_cleanup().waiting == 0
        assert [fleet.keys(one) for one in ("acme", "beta", "zeta")] == [without(1, 3), without(3), without(3)]
        with working():
            fleet.on(None, "delete from tenants where id = 2")
            eventually(lambda: not fleet.queue())
        assert fleet.keys("zeta") == without(2, 3)


def test_what_waits_is_shown_with_the_pattern(fleet: Fleet) -> None:
    fleet.attach()
    fleet.on(None, "delete from tenants where id = 1")
    waiting = json.loads(command("--database", "default", "cleanup", "status", "--json"))["waiting"]
    assert [(row["target"], row["entries"]) for row in waiting] == [("solutions", 1)]
    assert "Healthy" in command("--database", "default", "check")


def test_solutions_may_be_spread_over_servers(make: Make, pg15: Server, caplog: pytest.LogCaptureFixture) -> None:
    fleet = make("acme", "beta")
    further = pg15.create(fleet.name("zeta"))
    try:
        with Path("fbs-db.toml").open("a") as file:
            file.write(
                f'[databases.further]\nurl = "{pg15.url(fleet.name("{solution}"))}"\nsolutions = "*"\n'
                'components = ["core"]\nuser_key_type = "bigint"\n'
            )
        fbs_db.migrate(further)
        with psycopg.connect(pg15.url(further), autocommit=True) as there:
            there.execute(FIELDS.encode())
            fleet.attach(solution_column="name")
            fleet.on(None, "delete from tenants where id in (1, 2, 3)")
            assert {row[2:] for row in fleet.queue()} == {
                (pattern, solution) for pattern in ("solutions", "further") for solution in ("acme", "zeta", "*")
            }
            assert fbs_db.retry_cleanup().waiting == 0
            assert "Healthy" in command("--database", "default", "check")
            left = there.execute("select record_id from fbs_custom_fields order by 1").fetchall()
    finally:
        pg15.drop(further)
    assert left == [(key,) for key in without(2, 3)]
    assert [fleet.keys(one) for one in ("acme", "beta")] == [without(1, 3), without(3)]
    assert not any("left out" in text for text in caplog.messages)


def test_a_run_is_noted_in_no_database_of_a_solution(fleet: Fleet) -> None:
    """There the worker would take what it wrote for work that came."""
    fbs_db.retry_cleanup()
    query = "select count(*) from fbs_worker_last_run"
    assert [fleet.on(place, query) for place in (None, "acme", "beta")] == [[(1,)], [(0,)], [(0,)]]
