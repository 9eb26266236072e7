"""What clean-up costs a host's DELETE and UPDATE, beside the same without it, and beside other ways to do it.

Host tables of 200,000 rows, and 300,000 rows each of custom fields, approval requests and
documents that point at one of them. What is timed is the statement, in a transaction that
is rolled back; where it says so, with its commit. Prints the medians, and whether each
aim was met: the median of the rounds' ratios.

    nothing     one row at which nothing points, and no row
    touched     1 to 100,000 rows; custom fields, approval requests and documents point at them
    statements  what runs inside a host's statement, counted by pg_stat_statements
    grown       2,000 rows, by a plan that was made when all tables were small
    updates     of a host whose keys are fixed, and of one whose keys are followed
    signals     10,000 rows beside Django's signals
    users       one user's delete, with an index of the request logs and without
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from measuring import (
    FBS_TABLES,
    MODEL,
    Bench,
    Way,
    attach,
    committed,
    connect,
    counting_server,
    fill,
    in_turns,
    make_host,
    report,
    run,
    sample_keys,
    set_threshold,
    show,
    timed,
    undone,
    vacuum,
    verdict,
)

from tests.support.statements import inner_statements, run_by_indexes

BARE, OURS = "no trigger", "ours"
APPLICATION, FLOOR, QUEUED, SIGNALS = "application", "stored function", "ours, queued", "django signals"

_CLEANING = (
    f"delete from fbs_custom_fields where model_name = '{MODEL}' and record_id = any ({{keys}}::integer[])",
    f"update fbs_approval_requests set status = 'cancelled' where request_data ->> 'model_name' = '{MODEL}'"
    " and request_data ->> 'record_id' = any ({keys}::text[]) and status = 'pending'",
    "update fbs_workflow_instances set status = 'cancelled', completed_at = now()"
    f" where workflow_data ->> 'model_name' = '{MODEL}' and workflow_data ->> 'record_id' = any ({{keys}}::text[])"
    " and status not in ('completed', 'cancelled', 'failed')",
    f"update fbs_dms_document set state = 'archived' where metadata ->> 'model_name' = '{MODEL}'"
    " and metadata ->> 'record_id' = any ({keys}::text[]) and state <> 'archived'",
)
#: The least that does the same. Its plans are generic on purpose, not as it happens.
_FLOOR = f"""
create function bench_delete(keys integer[]) returns void language plpgsql
set plan_cache_mode = force_generic_plan as $$
declare
    texts text[] := keys;
begin
    delete from bench_bare where id = any (keys);
    {";".join(_CLEANING).replace("{keys}::text[]", "texts").replace("{keys}::integer[]", "keys")};
end;
$$
"""
DELETE = "delete from {} where id = any (%s)"


class Ways:
    """The filled tables, and the ways to delete from them."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.hosts = bench.options.of(200_000, 20_000)
        self.url = bench.database("bench")
        with connect(self.url) as connection:
            make_host(connection, "bench_host", 1, self.hosts, twin="bench_bare")
            fill(connection, self.hosts * 3 // 2, 1, self.hosts)
            connection.execute(_FLOOR)
            attach(connection, "bench_host", MODEL)
            set_threshold(connection, 1_000_000)
            connection.execute("vacuum analyze")
            connection.execute("checkpoint")
        self.vacuum = vacuum(self.url, f"bench_host, bench_bare, {FBS_TABLES}")

    def of(self, *names: str, size: int) -> dict[str, Way]:
        keys = sample_keys(1, self.hosts, size)
        queries = {
            BARE: DELETE.format("bench_bare"),
            FLOOR: "select bench_delete(%s)",
            OURS: DELETE.format("bench_host"),
            QUEUED: DELETE.format("bench_host"),
        }
        ways: dict[str, Way] = {}
        for name in names:
            connection = connect(self.url, "-c fbs.cleanup=queue" if name == QUEUED else "")
            if name == APPLICATION:
                ways[name] = partial(_application, connection, keys)
            else:
                ways[name] = undone(connection, queries[name], keys)
        return ways

    def refuse_wrong(self) -> None:
        """Every way that cleans up has to leave the same."""
        left = set()
        for query in ("select bench_delete(%s)", DELETE.format("bench_host")):
            with psycopg.connect(self.url) as connection:
                connection.execute(query.encode(), [[1, 2, self.hosts // 2]])
                counts = connection.execute(
                    "select (select count(*) from fbs_custom_fields),"
                    " (select count(*) from fbs_approval_requests where status = 'cancelled'),"
                    " (select count(*) from fbs_dms_document where state = 'archived'),"
                    " (select count(*) from fbs_cleanup_queue)"
                )
                left.add(counts.fetchone())
                connection.rollback()
        if len(left) > 1:
            raise RuntimeError(f"not the same is left: {left}")


_ways: list[Ways] = []


def filled(bench: Bench) -> Ways:
    """The filled tables, made by the first part that needs them."""
    if not _ways:
        _ways.append(Ways(bench))
        _ways[0].refuse_wrong()
    return _ways[0]


def _application(connection: psycopg.Connection, keys: Callable[[int], list[int]], turn: int) -> float:
    connection.execute("begin")
    rows = keys(turn)

    def delete() -> None:
        connection.execute(DELETE.format("bench_bare").encode(), [rows])
        texts = list(map(str, rows))
        for statement in _CLEANING:
            as_text = "::text[]" in statement
            connection.execute(statement.replace("{keys}", "%s").encode(), [texts if as_text else rows])

    taken = timed(delete, connection)
    connection.execute("rollback")
    return taken


def nothing(bench: Bench) -> None:
    ways = filled(bench)
    rounds = bench.options.of(40, 10)
    with connect(ways.url) as connection:
        make_host(connection, "bench_free", 1, 50_000, twin="bench_free_bare")
        attach(connection, "bench_free", "bench.free")
        connection.execute("vacuum analyze bench_free, bench_free_bare")
    tables = {BARE: "bench_free_bare", OURS: "bench_free"}
    one = "delete from {} where id = %s"
    found = {
        "no row": in_turns(
            {name: undone(connect(ways.url), one.format(table), lambda turn: -turn) for name, table in tables.items()},
            rounds,
            40,
        ),
        "1 row": in_turns(
            {
                name: undone(connect(ways.url), one.format(table), lambda turn: turn + 10_000)
                for name, table in tables.items()
            },
            rounds,
            40,
        ),
        "1 row and commit": in_turns(
            {
                name: committed(connect(ways.url), one.format(table), lambda turn: turn + 1)
                for name, table in tables.items()
            },
            rounds,
            40,
        ),
    }
    show(found)
    for name, aim in (("1 row and commit", 1.45), ("1 row", 1.6), ("no row", 1.3)):
        verdict(f"nothing points at it, {name}: of no trigger", found[name].ratio(OURS, BARE), aim)


def touched(bench: Bench) -> None:
    ways = filled(bench)
    found = {}
    sizes = ((1, 30, 10), (100, 30, 3), (10_000, 11, 1), (100_000, 5, 1))
    for size, rounds, repeats in sizes[: bench.options.of(4, 2)]:
        found[size] = in_turns(
            ways.of(BARE, APPLICATION, FLOOR, OURS, QUEUED, size=size),
            bench.options.of(rounds, rounds // 3),
            repeats,
            between=ways.vacuum,
        )
    show({f"{size:,} rows": each for size, each in found.items()})
    for size, each in found.items():
        verdict(
            f"three tables touched, {size:,} rows: of a function", each.ratio(OURS, FLOOR), 1.3 if size == 1 else 1.1
        )


def statements(bench: Bench) -> None:
    with counting_server(bench.options) as counting:
        if counting is None:
            print(f"PostgreSQL {bench.options.major} is here without pg_stat_statements: nothing is counted")
            return
        url = counting.database("bench")
        with connect(url) as watching, connect(url) as host:
            watching.execute("create extension pg_stat_statements")
            make_host(watching, "bench_host", 1, 200)
            fill(watching, 50, 1, 50)
            attach(watching, "bench_host", MODEL)
            for name, first, aim in (("nothing points at it", 100, 8), ("three tables touched", 1, 14)):
                for key in range(first, first + 20):
                    host.execute("delete from bench_host where id = %s", [key])
                ran = inner_statements(
                    watching,
                    partial(host.execute, "delete from bench_host where id = %s", [first + 20]),
                    without=run_by_indexes(watching, host),
                )
                for each in ran:
                    print(f"  {each.calls} x, {each.plans} planned: {' '.join(each.query.split())[:100]}")
                verdict(f"{name}: inner statements", sum(each.calls for each in ran), aim)
                verdict(f"{name}: planned", sum(each.plans for each in ran), 0)


def grown(bench: Bench) -> None:
    size, hosts = 2_000, bench.options.of(200_000, 20_000)
    url = bench.database("grown")
    with connect(url) as connection, connect(url) as warm, connect(url) as fresh:
        make_host(connection, "bench_host", -20, 0)
        fill(connection, 20, -20, 0)
        attach(connection, "bench_host", MODEL)
        set_threshold(connection, 1_000_000)
        connection.execute("vacuum analyze")
        for key in range(-20, 0):
            warm.execute(DELETE.format("bench_host").encode(), [[key]])
        connection.execute(
            "insert into bench_host select n, 'host row ' || n, 'address'"
            f" from generate_series(1, {2 * hosts}) as n".encode()
        )
        fill(connection, hosts * 3 // 2, 1, hosts)
        for name, first in (("nothing points", hosts + 1), ("three tables touched", 1)):
            keys = sample_keys(first, first + hosts - 1, size)
            sessions = {"old plans": warm, "new session": fresh}
            ways = {way: undone(session, DELETE.format("bench_host"), keys) for way, session in sessions.items()}
            found = in_turns(ways, 5, warm=0, budget=60)
            show({f"{size:,} rows, {name}": found})
            if first > 1:
                verdict(f"plans of small tables, {name}: ms", found.median("old plans") * 1000, 100)
            report(f"plans of small tables, {name}: of a new session", found.ratio("old plans", "new session"))


def updates(bench: Bench) -> None:
    """What they change is not the key."""
    url = bench.database("updates")
    hosts = bench.options.of(100_000, 10_000)
    kinds = {"fixed": "", "followed": "", "followed, wide": repr("x" * 1000)}
    found = {}
    with connect(url) as connection:
        for number, (kind, wide) in enumerate(kinds.items()):
            host, bare = f"bench_host_{number}", f"bench_bare_{number}"
            make_host(connection, host, 1, hosts, twin=bare)
            if wide:
                for table in (host, bare):
                    connection.execute(f"update {table} set address = {wide}".encode())
                    connection.execute(f"vacuum full {table}".encode())
            attach(connection, host, f"bench.{number}", follow_keys=kind != "fixed")
            connection.execute("vacuum analyze")
            for size, rounds, repeats in ((1, 40, 40), (100, 30, 5), (hosts, 7, 1)):
                query = "update {} set name = 'another name' where id = any (%s)"
                keys = sample_keys(1, hosts, size)
                ways = {
                    BARE: undone(connect(url), query.format(bare), keys),
                    OURS: undone(connect(url), query.format(host), keys),
                }
                found[f"{kind}, {size:,} rows"] = in_turns(
                    ways,
                    bench.options.of(rounds, max(rounds // 3, 3)),
                    repeats,
                    between=vacuum(url, f"{host}, {bare}"),
                )
    show(found)
    for name, each in found.items():
        if name.startswith("fixed"):
            verdict(f"update, keys {name}: of no trigger", each.ratio(OURS, BARE), 1.01)
        else:
            report(f"update, keys {name}: of no trigger", each.ratio(OURS, BARE))


def signals(bench: Bench) -> None:
    ways = filled(bench)
    size = bench.options.of(10_000, 1_000)
    delete = _host_of_django(ways.url)
    keys = sample_keys(1, ways.hosts, size)
    found = in_turns(
        {SIGNALS: lambda turn: delete(keys(turn)), **ways.of(OURS, size=size)}, 2, warm=0, between=ways.vacuum
    )
    show({f"{size:,} rows": found})
    verdict(f"signals of ours, {size:,} rows", found.ratio(SIGNALS, OURS), 20, at_least=True)


def _host_of_django(url: str) -> Any:
    """Deletes through a Django whose signal does what FBS's rules do, with queries that the same indexes serve."""
    os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.hosts.settings"}
    import django

    django.setup()
    from django.db import connection, models, transaction
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

    def delete(keys: list[int]) -> float:
        with transaction.atomic():
            taken = timed(lambda: Host.objects.filter(pk__in=keys).delete(), connection.connection)
            transaction.set_rollback(True)
        return taken

    return delete


def users(bench: Bench) -> None:
    logs = bench.options.of(1_000_000, 100_000)
    url = bench.database("users")
    with connect(url) as connection:
        connection.execute(
            "insert into fbs_request_logs (user_id, method, path, status_code, response_time, ip_address, timestamp)"
            " select n % 10000 + 1, 'GET', '/path/' || n, 200, 0.1, '10.0.0.1', now() - n * interval '1 second'"
            f" from generate_series(1, {logs}) as n; analyze".encode()
        )
        delete = undone(connection, "delete from bench_user where id = %s", lambda turn: turn + 1)
        kept = in_turns({"index": delete}, 20)
        connection.execute("drop index fbs_request_logs_user_id_timestamp_idx")
        dropped = in_turns({"no index": delete}, 20)
    report(f"one user's delete, {logs:,} request logs: ms", kept.median("index") * 1000)
    report("the same without their index: ms", dropped.median("no index") * 1000)


if __name__ == "__main__":
    run(
        __doc__,
        {
            "nothing": nothing,
            "touched": touched,
            "statements": statements,
            "grown": grown,
            "updates": updates,
            "signals": signals,
            "users": users,
        },
    )
