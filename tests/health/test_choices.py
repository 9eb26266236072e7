"""What a host chose for itself is a note of a check, and no damage."""

from __future__ import annotations

import psycopg
import pytest

import fbs_db
from tests.support.connections import url_of

#: Every kind of choice; none of them stops FBS.
CHOICES = {
    "row security": "alter table fbs_kpis enable row level security",
    "row security of its owner": "alter table fbs_kpis enable row level security, force row level security",
    "policy": "alter table fbs_kpis enable row level security; create policy of_host on fbs_kpis using (true)",
    "policy without row security": "create policy of_host on fbs_kpis using (true)",
    "column": "alter table fbs_kpis add of_host text, add of_host_2 int not null default 1",
    "generated column": "alter table fbs_kpis add of_host text generated always as (upper(name)) stored",
    "index": "create index of_host on fbs_kpis (unit)",
    "index that is not valid": "create index of_host on fbs_kpis (unit);"
    " update pg_index set indisvalid = false where indexrelid = 'of_host'::regclass",
    "index of a name like ours": "create unique index fbs_kpis_of_host_idx on fbs_kpis (unit, id);"
    " update pg_index set indisvalid = false where indexrelid = 'fbs_kpis_of_host_idx'::regclass",
    "constraint": "alter table fbs_kpis add constraint of_host check (unit <> 'x')",
    "constraint that is not valid": "alter table fbs_kpis add constraint fbs_kpis_of_host check (id > 0) not valid",
    "foreign key": "create table of_host (id bigint primary key);"
    " alter table fbs_kpis add of_host bigint references of_host",
    "trigger": "create function of_host() returns trigger language plpgsql as 'begin return new; end';"
    " create trigger of_host after insert on fbs_kpis execute function of_host()",
    "disabled trigger": "create function of_host() returns trigger language plpgsql as 'begin return new; end';"
    " create trigger fbs_of_host after insert on fbs_kpis execute function of_host();"
    " alter table fbs_kpis disable trigger fbs_of_host",
    "statistics object": "create statistics of_host on unit, name from fbs_kpis",
    "view": "create view fbs_of_host as select 1 as one; create view of_host as select id from fbs_kpis",
    "table": "create table fbs_of_host (id bigint primary key, kpi_id bigint references fbs_kpis)",
    "function": "create function fbs_of_host() returns int language sql return 1",
    "inheriting table": "create table of_host () inherits (fbs_kpis)",
    "storage parameters": "alter table fbs_kpis set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01)",
    "storage parameters of an index": "alter index fbs_kpis_created_by_id_idx set (fillfactor = 70,"
    " deduplicate_items = off)",
    "storage parameters of a key": "alter index fbs_kpis_pkey set (fillfactor = 70)",
    "statistics targets": "alter table fbs_kpis alter name set statistics 500",
    "storage": "alter table fbs_kpis alter name set storage external",
    "options of a column": "alter table fbs_kpis alter name set (n_distinct = 5)",
    "clustering": "cluster fbs_kpis using fbs_kpis_pkey",
    "replica identity": "alter table fbs_kpis replica identity full",
    "replica identity by an index": "alter table fbs_kpis replica identity using index fbs_kpis_pkey",
    "publication": "create publication of_host for table fbs_kpis",
    "grants": "create role fbs_of_host; grant select on all tables in schema public to fbs_of_host;"
    " grant insert, update, delete on fbs_kpis to fbs_of_host;"
    " revoke select on fbs_odoo_databases, fbs_token_mappings, fbs_handshakes, fbs_license_manager_solution_license"
    " from fbs_of_host; grant execute on function fbs_setting(text), fbs_touch() to fbs_of_host;"
    " grant usage on all sequences in schema public to fbs_of_host",
    "revokes": "revoke all on all tables in schema public from public; revoke all on schema public from public;"
    " revoke execute on all functions in schema public from public;"
    " revoke usage on type fbs_user_id from public",
    "trigger that always fires": "alter table fbs_kpis enable always trigger fbs_kpis_touch",
    "comment on a thing of its own": "alter table fbs_kpis add of_host text;"
    " comment on column fbs_kpis.of_host is 'ours'; comment on index fbs_kpis_pkey is 'the key'",
    "rule": "create rule of_host as on delete to fbs_kpis do also nothing",
}

NOTED = {
    "row security": {("fbs_kpis", "row security", "")},
    "row security of its owner": {("fbs_kpis", "row security, forced on its owner", "")},
    "table": {("fbs_of_host", "not part of FBS", "")},
}


def test_a_choice_of_the_hosts_is_a_note(installed: psycopg.Connection) -> None:
    for choice, statement in CHOICES.items():
        with installed.transaction(force_rollback=True):
            installed.execute(statement.encode())
            report = fbs_db.check(installed)
            assert [one for one in report.findings if one.severity != "note"] == [], choice
            noted = {(one.object, one.problem, one.mend) for one in report.findings if one.kind == "table"}
            assert noted >= NOTED.get(choice, set()), choice


def test_default_privileges_of_the_host_are_a_note(empty: psycopg.Connection) -> None:
    empty.execute("alter default privileges revoke execute on functions from public")
    empty.execute("alter default privileges revoke usage on types from public")
    empty.commit()
    fbs_db.migrate(url_of(empty))
    report = fbs_db.check(url_of(empty))
    assert report.healthy
    [note] = [one for one in report.findings if one.kind == "right"]
    assert note.problem == "PUBLIC may not execute it"
    assert "fbs_setting(text)" in str(note.found)
    # What FBS itself keeps from PUBLIC is no choice of the host's.
    assert "fbs_purge(text, jsonb, integer)" not in str(note.found)
    # What is lost comes back under them.
    empty.execute("drop function fbs_setting(text)")
    empty.commit()
    mended = fbs_db.repair(url_of(empty), apply=True)
    assert {(mend.object, mend.done) for mend in mended.mends} == {
        ("fbs_setting(text)", True),
        ("function fbs_setting(text)", True),
    }
    assert mended.check.healthy
    # The note says how to give PUBLIC what a new installation gives it.
    empty.execute(note.mend.encode())
    empty.commit()
    assert [one for one in fbs_db.check(url_of(empty)).findings if one.kind == "right"] == []


@pytest.mark.slow
def test_an_event_trigger_that_switches_row_security_on(empty: psycopg.Connection) -> None:
    empty.execute(
        """
        create function secure() returns event_trigger language plpgsql as $$
        declare
            made record;
        begin
            for made in select * from pg_event_trigger_ddl_commands() as c where c.object_type = 'table' loop
                execute format('alter table %s enable row level security', made.object_identity);
            end loop;
        end;
        $$;
        create event trigger secure on ddl_command_end when tag in ('CREATE TABLE') execute function secure()
        """
    )
    empty.commit()
    fbs_db.migrate(url_of(empty))
    report = fbs_db.check(url_of(empty), data=True)
    assert report.healthy
    ((tables,),) = empty.execute("select count(*) from pg_class where relname ~ '^fbs_' and relkind = 'r'").fetchall()
    assert [one.object for one in report.findings if one.problem == "row security"] == [f"{tables} of {tables}"]
    assert fbs_db.repair(url_of(empty), apply=True).mends == ()
    # Who is let see no row does not take that for damage, or for orphans.
    empty.execute(
        "drop role if exists fbs_reader; create role fbs_reader login;"
        " grant select on all tables in schema public to fbs_reader"
    )
    empty.commit()
    seen = fbs_db.check(url_of(empty, "fbs_reader"), data=True)
    assert [one for one in seen.findings if one.severity != "note"] == []
    assert any("row security" in str(one.found) for one in seen.findings if one.kind == "privilege")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("alter table fbs_kpis add of_host text not null", ("column", "fbs_kpis.of_host", "not part of FBS")),
        (
            "alter table fbs_kpis alter target_value set not null",
            ("not null", "fbs_kpis.target_value", "not part of FBS"),
        ),
        ("update pg_class set relpersistence = 'u' where relname = 'fbs_kpis'", ("table", "fbs_kpis", "changed")),
    ],
)
def test_what_fbs_cannot_work_with_is_an_error(
    installed: psycopg.Connection, damage: str, found: tuple[str, str, str]
) -> None:
    installed.execute(damage.encode())
    report = fbs_db.check(installed)
    assert [(one.kind, one.object, one.problem) for one in report.findings if one.severity != "note"] == [found]
