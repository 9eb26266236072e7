"""Tables that Django made beside FBS's own become one table each: no row is lost, and the later names work."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from pytest_postgresql import factories

import fbs_db
from fbs_db.adoption.found import FORMER_COLUMNS, STRAYS
from fbs_db.cli import main
from fbs_db.database import locks
from fbs_db.errors import AdoptionRefused, LockTimeout, TargetError
from fbs_db.schema.later_names import FORMER, LATER
from tests.support.catalog import catalog
from tests.support.connections import url_of

#: One row of each, for whichever of the two tables.
ROWS = {
    "fbs_dms_document_type": "(id, name, code) overriding system value values (7, 'Lease', 'lease')",
    "fbs_dms_document_category": "(id, name) overriding system value values (3, 'Rentals')",
    "fbs_dms_document_tag": "(id, name, color) overriding system value values (5, 'urgent', 1)",
    "fbs_dms_document": (
        "(id, name, title, document_type_id, category_id, created_by_id, company_id)"
        " overriding system value values (9, 'a', 'A', 7, 3, 1, 'c')"
    ),
    "fbs_license_manager_manager": "(id) overriding system value values (4)",
    "fbs_app_cashentry": (
        "(id, business_id, entry_date, entry_type, amount, description, category, payment_method, created_by_id)"
        " overriding system value values (6, 'b', '2026-01-01', 'income', 1.5, 'd', 'c', 'cash', 2)"
    ),
}
DOCUMENT = ("fbs_dms_document_type", "fbs_dms_document_category", "fbs_dms_document")


def execute(connection: psycopg.Connection, *statements: str) -> list[tuple[Any, ...]]:
    for statement in statements:
        cursor = connection.execute(statement.encode())
    return cursor.fetchall() if cursor.description else []


def fill(connection: psycopg.Connection, *tables: str) -> None:
    """A row in each of these, by whichever name."""
    for table in tables:
        execute(connection, f"insert into {table} {ROWS[(FORMER | STRAYS).get(table, table)]}")


def count(connection: psycopg.Connection, table: str) -> int:
    return int(execute(connection, f"select count(*) from {table}")[0][0])


def exists(connection: psycopg.Connection, table: str) -> bool:
    return execute(connection, f"select to_regclass('{table}') is not null") == [(True,)]


def _make(**where: Any) -> None:
    """FBS with users, and the tables of every other name beside it, as Django makes them: empty."""
    url = psycopg.conninfo.make_conninfo("", **{key: value for key, value in where.items() if value})
    with psycopg.connect(url, autocommit=True) as connection:
        execute(connection, "create table users (id bigint primary key); insert into users values (1), (2)")
        fbs_db.migrate(url, user_table="users")
        names = {table: name for name, table in (FORMER | STRAYS).items()}
        for table, name in names.items():
            like = f"like {table} including all excluding comments excluding statistics"
            execute(connection, f"create table {name} ({like})")
        execute(connection, "alter table dms_document_tags rename document_id to dmsdocument_id")
        execute(connection, "alter table dms_document_tags rename documenttag_id to dmsdocumenttag_id")
        references = execute(
            connection,
            "select conrelid::regclass::text, pg_get_constraintdef(oid), confrelid::regclass::text from pg_constraint"
            " where contype = 'f' and conrelid::regclass::text = any(array["
            + ", ".join(f"'{table}'" for table in names)
            + "])",
        )
        for table, definition, target in references:
            text = definition.replace(f" REFERENCES {target}(", f" REFERENCES {names.get(target, target)}(")
            for there, then in FORMER_COLUMNS.get(table, {}).items():
                text = text.replace(f"({then})", f"({there})")
            execute(connection, f"alter table {names[table]} add {text}")


_beside = factories.postgresql_noproc(depends_on="pg18", dbname="fbs_beside", load=[_make])
_host = factories.postgresql("_beside")


@pytest.fixture
def host(_host: psycopg.Connection) -> psycopg.Connection:
    """A host with all tables under two names."""
    _host.autocommit = True
    return _host


def adopt(connection: psycopg.Connection, **options: Any) -> fbs_db.AdoptReport:
    return fbs_db.adopt(url_of(connection), apply=True, **options)


def refusal(connection: psycopg.Connection) -> set[tuple[str, str, str]]:
    """What stops it; whether it is asked for the plan or for the deed, nothing changes."""
    before = catalog(connection)
    plan = fbs_db.adopt(url_of(connection))
    with pytest.raises(AdoptionRefused) as refused:
        adopt(connection)
    assert refused.value.report.stops == plan.stops
    assert catalog(connection) == before
    return {(stop.object, stop.problem, stop.found or "") for stop in plan.stops}


def is_one_of_each(connection: psycopg.Connection) -> bool:
    """No second table is left, a check finds nothing, and the later names can be added."""
    left = [name for name in FORMER | STRAYS if exists(connection, name)]
    found = [one for one in fbs_db.check(url_of(connection)).findings if one.kind != "users"]
    assert (left, found) == ([], [])
    return set(fbs_db.add_later_names(url_of(connection))) == set(LATER)


# --- where FBS is installed


def test_check_tells_of_tables_beside_fbss(host: psycopg.Connection) -> None:
    execute(host, "drop table lic_feature_usage; create table lic_feature_usage (id int, of_the_host text)")
    found = {
        (one.object, one.severity, one.problem, one.mend.rpartition(" ")[2])
        for one in fbs_db.check(url_of(host)).findings
    }
    told = set(LATER) - {"lic_feature_usage"}
    assert {one for one in found if one[2] == "there twice"} == {
        (name, "warning", "there twice", "adopt") for name in told
    }
    assert {one[0] for one in found if one[2] == "not part of FBS"} == {"fbs_msme_setup_wizards"}, "each is told once"


@pytest.mark.slow
def test_empty_tables_beside_fbss_go(host: psycopg.Connection) -> None:
    fill(host, *DOCUMENT)
    plan = fbs_db.adopt(url_of(host))
    assert {change.object for change in plan.changes if change.action == "drop"} == {*FORMER, *STRAYS}
    assert exists(host, "dms_document"), "the plan changes nothing"
    report = adopt(host)
    assert report.adopted
    assert [count(host, table) for table in DOCUMENT] == [1, 1, 1]
    assert is_one_of_each(host)
    with pytest.raises(TargetError, match="managed already"):
        fbs_db.adopt(url_of(host))


def test_rows_in_djangos_tables_alone_become_fbss(host: psycopg.Connection) -> None:
    others = [name for name, table in (FORMER | STRAYS).items() if table in ROWS]
    fill(host, *others)
    execute(host, "insert into dms_document_tags (dmsdocument_id, dmsdocumenttag_id) values (9, 5)")
    execute(host, "alter sequence dms_document_id_seq restart with 50")  # rows above were deleted
    before = {
        table: execute(host, f"select to_jsonb(t) from {name} as t")
        for name, table in (FORMER | STRAYS).items()
        if table in ROWS
    }
    adopt(host)
    assert {table: execute(host, f"select to_jsonb(t) from {table} as t") for table in ROWS} == before
    assert execute(host, "select document_id, documenttag_id from fbs_dms_document_tags") == [(9, 5)]
    again = ROWS["fbs_dms_document"].replace("(id, ", "(").replace("(9, ", "(").replace("overriding system value", "")
    ((number,),) = execute(host, f"insert into fbs_dms_document {again} returning id")
    assert number == 50, "numbers go on where Django's were"
    assert execute(host, "insert into fbs_dms_document_tag (name, color) values ('b', 1) returning id") == [(6,)]
    assert is_one_of_each(host)
    execute(host, "delete from users where id = 1")
    assert count(host, "dms_document") == 0, "FBS's rules hold for them"


def test_each_table_is_judged_by_itself_by_the_script_too(host: psycopg.Connection) -> None:
    fill(
        host, "dms_document_type", "dms_document_category", "dms_document", "fbs_dms_document_tag", "fbs_app_cashentry"
    )
    execute(host, fbs_db.adopt(url_of(host)).script)
    assert [count(host, table) for table in (*DOCUMENT, "fbs_dms_document_tag", "fbs_app_cashentry")] == [1] * 5
    assert is_one_of_each(host)


@pytest.mark.slow
def test_rows_in_both_stop_it_with_both_counts(host: psycopg.Connection) -> None:
    fill(host, *DOCUMENT, "dms_document_type", "fbs_cash_entries", "fbs_app_cashentry")
    execute(host, "insert into dms_document_type (name, code) values ('b', 'b'), ('c', 'c')")
    both = "there twice"
    assert refusal(host) == {
        ("fbs_dms_document_type", both, "fbs_dms_document_type (1 row) and dms_document_type (3 rows) both exist"),
        ("fbs_app_cashentry", both, "fbs_app_cashentry (1 row) and fbs_cash_entries (1 row) both exist"),
    }
    result = CliRunner().invoke(main, ["--database", url_of(host), "adopt", "--apply"])
    assert result.exit_code == 1
    assert "fbs_dms_document_type (1 row) and dms_document_type (3 rows)" in result.stdout
    execute(host, "truncate dms_document_type cascade; truncate fbs_cash_entries")
    adopt(host)
    assert is_one_of_each(host)


@pytest.mark.slow
def test_what_could_lose_something_stops_it(host: psycopg.Connection) -> None:
    fill(host, "dms_document_type", "dms_document_category", "dms_document_tag", "dms_document", "lic_license_manager")
    execute(
        host,
        "alter table dms_document_type add column of_host text",
        "alter table dms_document_type drop constraint dms_document_type_code_key",
        "insert into dms_document_type (name, code) values ('b', 'lease')",
        "alter table dms_document_category alter column name drop not null",
        "update dms_document_category set name = null",
        "alter table dms_document_tag alter column color type bigint",
        "update dms_document_tag set color = 3000000000",
        "create view of_host as select id from dms_document",
        "create trigger of_host before update on lic_license_manager for each row"
        " execute function suppress_redundant_updates_trigger()",
        "create trigger of_host before update on lic_feature_usage for each row"
        " execute function suppress_redundant_updates_trigger()",
    )
    uses = "trigger of_host on table {} uses it"
    assert refusal(host) == {
        ("fbs_dms_document_type.of_host", "missing", "dms_document_type has it, text"),
        ("fbs_dms_document_type.fbs_dms_document_type_code_key", "duplicates", "2 rows"),
        ("fbs_dms_document_category.name", "NULL", "1 row has no value"),
        ("fbs_dms_document_tag.color", "of another type", "bigint; 1 row does not fit"),
        ("fbs_dms_document", "dms_document cannot be dropped", "rule _RETURN on view of_host uses it"),
        ("fbs_license_manager_manager", "lic_license_manager cannot be dropped", uses.format("lic_license_manager")),
        ("fbs_license_manager_feature_usage", "lic_feature_usage cannot be dropped", uses.format("lic_feature_usage")),
    }


def test_rows_that_are_hidden_are_not_taken_for_none(host: psycopg.Connection) -> None:
    fill(host, "dms_document_type")
    role = f"owner_{host.info.dbname}"
    execute(host, f"create role {role} login; grant create on schema public to {role}")
    try:
        tables = execute(
            host,
            "select format('alter table %I owner to %I', relname, '" + role + "') from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') union all"
            " select format('alter function %s owner to %I', oid::regprocedure, '" + role + "') from pg_proc"
            " where pronamespace = 'public'::regnamespace",
        )
        execute(host, *(text for (text,) in tables))
        execute(host, "alter table dms_document_type enable row level security")
        execute(host, "alter table dms_document_type force row level security")
        url = url_of(host, role)
        plan = fbs_db.adopt(url)
        assert [(stop.object, stop.found) for stop in plan.stops] == [
            (
                "fbs_dms_document_type",
                "fbs_dms_document_type (0 rows) and dms_document_type (rows not counted) both exist",
            )
        ]
    finally:
        execute(host, f"reassign owned by {role} to postgres; drop owned by {role}; drop role {role}")


@pytest.mark.slow
def test_what_the_host_has_tied_to_djangos_table_is_tied_to_fbss(host: psycopg.Connection) -> None:
    role = f"reader_{host.info.dbname}"
    execute(host, f"create role {role}")
    try:
        fill(host, "dms_document_type", "dms_document_category", "dms_document")
        execute(host, f"grant select, insert on dms_document to {role}")
        execute(
            host,
            "create table leases (id int, document_id bigint references dms_document (id) on delete set null,"
            " tag_id bigint)",
        )
        key = "foreign key (tag_id) references dms_document_tag (id) deferrable initially deferred not valid"
        execute(host, f"alter table leases add {key}")
        execute(host, "insert into leases values (1, 9, null)")
        adopt(host)
        found = execute(
            host,
            "select conname::text, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'leases'::regclass"
            " and contype = 'f' order by 1",
        )
        references = "REFERENCES fbs_dms_document(id) ON DELETE SET NULL"
        assert found == [
            ("leases_document_id_fkey", f"FOREIGN KEY (document_id) {references}"),
            (
                "leases_tag_id_fkey",
                "FOREIGN KEY (tag_id) REFERENCES fbs_dms_document_tag(id) DEFERRABLE INITIALLY DEFERRED NOT VALID",
            ),
        ]
        execute(host, "delete from fbs_dms_document")
        assert execute(host, "select document_id from leases") == [(None,)]
        may = f"select has_table_privilege('{role}', 'fbs_dms_document', %s)"
        rights = {right: execute(host, may.replace("%s", f"'{right}'")) for right in ("select", "insert", "delete")}
        assert rights == {"select": [(True,)], "insert": [(True,)], "delete": [(False,)]}
        assert is_one_of_each(host)
    finally:
        execute(host, f"drop owned by {role}; drop role {role}")


@pytest.mark.slow
def test_a_failure_at_the_end_changes_nothing(host: psycopg.Connection) -> None:
    fill(host, "dms_document_type")
    before = catalog(host)
    execute(host, "create function of_host() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    execute(host, "create trigger of_host before insert on fbs_dms_document_type execute function of_host()")
    with pytest.raises(fbs_db.FbsDbError, match="rows fbs_dms_document_type: no"):
        adopt(host)
    execute(host, "drop trigger of_host on fbs_dms_document_type; drop function of_host")
    assert catalog(host) == before
    assert count(host, "dms_document_type") == 1


@pytest.mark.slow
def test_a_table_in_use_is_waited_for(host: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TRIES", 1)
    with psycopg.connect(url_of(host)) as other:
        other.execute("select from dms_document_type")
        with pytest.raises(LockTimeout):
            adopt(host)
    assert adopt(host).adopted


@pytest.mark.slow
def test_in_the_callers_transaction(installed: psycopg.Connection) -> None:
    execute(installed, "create table dms_document_type (like fbs_dms_document_type including all)")
    fill(installed, "dms_document_type")
    assert fbs_db.adopt(installed, apply=True).adopted
    installed.rollback()
    assert not exists(installed, "dms_document_type")


@pytest.mark.slow
def test_what_was_damaged_before_does_not_stop_it_and_is_told(host: psycopg.Connection) -> None:
    execute(host, "drop index fbs_approval_responses_responder_id_idx")
    result = CliRunner().invoke(main, ["--database", url_of(host), "adopt", "--apply"])
    assert result.exit_code == 0, result.output
    assert "Adopted: " in result.stdout
    assert "healthy" not in result.stdout
    assert not exists(host, "dms_document")


@pytest.mark.slow
def test_the_command_shows_what_moves_and_what_goes(host: psycopg.Connection) -> None:
    fill(host, "dms_document_type")
    result = CliRunner().invoke(main, ["--database", url_of(host), "adopt"])
    assert result.exit_code == 0, result.output
    assert "copied: fbs_dms_document_type: 1 row from dms_document_type" in result.stdout
    assert "dropped: table dms_document_type: its rows are in fbs_dms_document_type" in result.stdout
    assert "dropped: table dms_document_tag: it has no rows; fbs_dms_document_tag is kept" in result.stdout
    answer = json.loads(CliRunner().invoke(main, ["--database", url_of(host), "adopt", "--json"]).stdout)
    assert answer["stops"] == []
    assert not answer["adopted"]
    done = CliRunner().invoke(main, ["--database", url_of(host), "adopt", "--apply"])
    assert " later-names add\n" in done.stdout


def test_a_table_of_the_hosts_with_such_a_name_stays(installed: psycopg.Connection) -> None:
    installed.autocommit = True
    execute(installed, "create table dms_document (id int, of_the_host text)")
    with pytest.raises(TargetError, match="managed already"):
        adopt(installed)
    assert fbs_db.check(url_of(installed)).healthy


@pytest.mark.slow
def test_a_stray_of_2_0_3_with_other_columns(installed: psycopg.Connection) -> None:
    """Its columns are not those of FBS's table: empty it goes, and with rows it stays."""
    installed.autocommit = True
    made = "create table {} (id bigserial primary key, tax_type text, gross_amount numeric(15, 2))"
    execute(installed, made.format("fbs_tax_calculations"), made.format("fbs_msme_setup_wizards"))
    execute(installed, made.format("fbs_financial_periods"))
    execute(installed, "insert into fbs_msme_setup_wizards (tax_type) values ('x')")
    report = adopt(installed)
    assert {change.object for change in report.changes} == {"fbs_tax_calculations"}
    assert {(one.object, one.found) for one in report.kept} == {
        ("fbs_msme_setup_wizards", "it has 1 row, and other columns than fbs_msme_setup_wizard"),
        ("fbs_financial_periods", "migrations of FBS 2.0.3 created it; no model of FBS uses it"),
    }
    assert count(installed, "fbs_msme_setup_wizards") == 1
    assert set(fbs_db.add_later_names(url_of(installed))) == set(LATER)


# --- where it is not


@pytest.fixture
def unmanaged(host: psycopg.Connection) -> psycopg.Connection:
    """The same tables without anything else of FBS, as releases of FBS have left them one after the other."""
    url = url_of(host)
    fbs_db.detach_users(url)
    for function in execute(host, "select oid::regprocedure::text from pg_proc where proname ~ '^fbs_'"):
        execute(host, f"drop function if exists {function[0]} cascade")
    for (view,) in execute(host, "select relname::text from pg_class where relkind = 'v' and relname ~ '^fbs_'"):
        execute(host, f"drop view if exists {view} cascade")
    execute(host, "drop table fbs_migrations, fbs_migration_log cascade")
    return host


@pytest.mark.slow
def test_before_fbs_is_installed_the_table_with_rows_is_kept(unmanaged: psycopg.Connection) -> None:
    fill(
        unmanaged,
        "dms_document_type",
        "dms_document_category",
        "dms_document",
        "fbs_dms_document_tag",
        "fbs_cash_entries",
    )
    execute(unmanaged, "create table leases (id int, document_id bigint references fbs_dms_document (id))")
    report = adopt(unmanaged, user_table="users")
    gone = {change.object for change in report.changes if change.kind == "table" and change.action == "drop"}
    assert {"fbs_dms_document_type", "fbs_dms_document", "dms_document_tag", "fbs_app_cashentry"} <= gone
    assert [count(unmanaged, table) for table in (*DOCUMENT, "fbs_dms_document_tag", "fbs_app_cashentry")] == [1] * 5
    targets = (
        "select confrelid::regclass::text from pg_constraint where conrelid = 'leases'::regclass and contype = 'f'"
    )
    assert execute(unmanaged, targets) == [("fbs_dms_document",)]
    assert is_one_of_each(unmanaged)


def test_before_fbs_is_installed_rows_in_both_stop_it(unmanaged: psycopg.Connection) -> None:
    fill(unmanaged, "dms_document_type", "fbs_dms_document_type")
    with pytest.raises(AdoptionRefused) as refused:
        adopt(unmanaged, user_table="users")
    said = "fbs_dms_document_type (1 row) and dms_document_type (1 row) both exist"
    assert [stop.found for stop in refused.value.report.stops] == [said]


@pytest.mark.slow
def test_a_stray_is_all_there_is_of_a_table(unmanaged: psycopg.Connection) -> None:
    fill(unmanaged, "fbs_cash_entries")
    execute(unmanaged, "drop table fbs_app_cashentry, fbs_app_basicledger")
    adopt(unmanaged, user_table="users")
    assert count(unmanaged, "fbs_app_cashentry") == 1
    assert is_one_of_each(unmanaged)
