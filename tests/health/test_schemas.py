"""The schema's name, and the order of what has none, make no difference to a check."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

import fbs_db
from tests.support.connections import url_of

#: Aliases, columns and words of SQL, and what needs quotes or stands for something in a format.
NAMES = [
    "home",
    "link",
    "new",
    "50%s {fbs} a.b 'ö'",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("a", "b", "t", "key", "old", "fbs", "public2", "pg")),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("select", "user", "text", "date", "My Schema", "o'x")),
]

#: A damage of each kind that a repair brings back.
DAMAGES = {
    ("function", "fbs_setting(text)"): "drop function fbs_setting(text)",
    ("not null", "fbs_kpis.name"): "alter table fbs_kpis alter name drop not null",
    ("default", "fbs_kpis.frequency"): "alter table fbs_kpis alter frequency set default 'never'",
    ("constraint", "fbs_approval_responses.fbs_approval_responses_approval_request_id_fkey"): (
        "alter table fbs_approval_responses drop constraint fbs_approval_responses_approval_request_id_fkey"
    ),
    ("index", "fbs_approval_responses.fbs_approval_responses_responder_id_idx"): (
        "drop index fbs_approval_responses_responder_id_idx"
    ),
    ("trigger", "fbs_kpis.fbs_kpis_touch"): "drop trigger fbs_kpis_touch on fbs_kpis",
    ("view", "fbs_approvals_approvers"): "drop view fbs_approvals_approvers",
    ("comment", "table fbs_kpis"): "comment on table fbs_kpis is null",
    ("setting", "cleanup"): "update fbs_settings set description = 'other' where name = 'cleanup'",
}


def wrong(report: fbs_db.CheckReport) -> set[tuple[str, str, str]]:
    return {(one.kind, one.object, one.problem) for one in report.findings if one.severity != "note"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_schema_may_have_any_name(empty: psycopg.Connection, name: str) -> None:
    schema = sql.Identifier(name)
    empty.execute(sql.SQL("create schema {}").format(schema))
    empty.commit()
    fbs_db.migrate(url_of(empty), schema=name)
    assert wrong(fbs_db.check(url_of(empty), schema=name, data=True)) == set()
    empty.execute(sql.SQL("set search_path = {}").format(schema))
    empty.execute("; ".join(DAMAGES.values()).encode())
    empty.commit()
    assert {(kind, of) for kind, of, _ in wrong(fbs_db.check(url_of(empty), schema=name))} >= DAMAGES.keys()
    mended = fbs_db.repair(url_of(empty), schema=name, apply=True)
    assert [mend for mend in mended.mends if not mend.done] == []
    assert wrong(mended.check) == set()
    assert fbs_db.repair(url_of(empty), schema=name, apply=True).mends == ()


def test_an_order_without_meaning_is_no_difference(installed: psycopg.Connection) -> None:
    installed.execute(
        """
        alter function fbs_purge(text, jsonb, integer) reset all;
        alter function fbs_purge(text, jsonb, integer) set jit = off;
        alter function fbs_purge(text, jsonb, integer) set enable_sort = off;
        alter function fbs_purge(text, jsonb, integer) set timezone = 'UTC';
        alter function fbs_purge(text, jsonb, integer) set lock_timeout = '2s';
        alter function fbs_purge(text, jsonb, integer) set search_path = public, pg_temp;
        alter index fbs_app_basicledger_business_id_account_entry_date_id_idx rename to other;
        create index fbs_app_basicledger_business_id_account_entry_date_id_idx
        on fbs_app_basicledger (business_id, account, entry_date, id, account_type, reference)
        include (credit_amount, debit_amount);
        do $$begin execute format(
            'comment on index fbs_app_basicledger_business_id_account_entry_date_id_idx is %L',
            obj_description('other'::regclass)
        ); end$$;
        drop index other;
        update fbs_cleanup_rules set unless = '{"status": ["failed", "completed", "cancelled"]}'
        where rule_name = 'workflow_instances';
        alter view fbs_approvals_pending reset (security_invoker);
        alter view fbs_approvals_pending set (security_invoker = on)
        """
    )
    assert wrong(fbs_db.check(installed)) == set()


def test_another_value_is_a_difference(installed: psycopg.Connection) -> None:
    installed.execute(
        """
        alter function fbs_purge(text, jsonb, integer) set lock_timeout = '3s';
        alter function fbs_setting(text) set search_path = pg_temp, public;
        update fbs_cleanup_rules set unless = '{"status": ["failed", "completed"]}'
        where rule_name = 'workflow_instances';
        alter view fbs_approvals_pending set (security_invoker = off)
        """
    )
    assert {of for _, of, _ in wrong(fbs_db.check(installed))} == {
        "fbs_purge(text, jsonb, integer)",
        "fbs_setting(text)",
        "workflow_instances",
        "fbs_approvals_pending",
    }


def test_the_search_path_of_who_asks_makes_no_difference(installed: psycopg.Connection) -> None:
    installed.execute("create temp table fbs_kpis (id int); create schema other; set search_path = other")
    installed.commit()
    installed.autocommit = True
    assert wrong(fbs_db.check(installed)) == set()
    assert installed.execute("show search_path").fetchone() == ("other",)
    installed.autocommit = False
    assert wrong(fbs_db.check(installed)) == set()
    assert installed.execute("show search_path").fetchone() == ("other",)


def test_a_role_that_may_not_use_the_schema_finds_the_same(empty: psycopg.Connection) -> None:
    empty.execute("create schema home; drop role if exists fbs_stranger; create role fbs_stranger login")
    empty.commit()
    fbs_db.migrate(url_of(empty), schema="home")
    empty.execute("drop index home.fbs_approval_responses_responder_id_idx")
    empty.commit()
    report = fbs_db.check(url_of(empty, "fbs_stranger"), schema="home")
    assert wrong(report) == {("index", "fbs_approval_responses.fbs_approval_responses_responder_id_idx", "missing")}


@pytest.mark.slow
def test_tables_that_something_else_made_are_adopted_whatever_the_schemas_are_called(empty: psycopg.Connection) -> None:
    empty.execute(
        """
        create schema a;
        create schema data;
        create table data.users (id bigint primary key);
        create table a.fbs_kpis (
            id bigserial primary key, name varchar(200) not null, kpi_type varchar(20) not null,
            description text not null, data_source varchar(100) not null, calculation_method text not null,
            target_value numeric(15, 2), warning_threshold numeric(15, 2), critical_threshold numeric(15, 2),
            unit varchar(20) not null, frequency varchar(20) not null, is_active boolean not null,
            created_at timestamptz not null, updated_at timestamptz not null,
            created_by_id bigint references data.users deferrable initially deferred,
            of_host text not null default 'data.a.b', constraint of_host check (of_host <> 'a.b')
        );
        alter table a.fbs_kpis enable row level security
        """
    )
    empty.commit()
    assert fbs_db.adopt(url_of(empty), schema="a", apply=True).user_table == "data.users"
    report = fbs_db.check(url_of(empty), schema="a")
    assert wrong(report) == set()
    found = {(one.object, one.problem): one.found for one in report.findings}
    assert ("fbs_kpis", "row security") in found
    assert "'a.b'" in str(found["fbs_kpis.of_host", "not part of FBS"])
