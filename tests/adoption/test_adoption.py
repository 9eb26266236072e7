"""Databases whose FBS tables Django made become managed: every row stays, and a check finds nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import fbs_db
from fbs_db import files
from fbs_db.adoption import values
from fbs_db.adoption.found import FORMER_COLUMNS
from fbs_db.database import locks
from fbs_db.database.config import DatabaseConfig
from fbs_db.database.session import Session
from fbs_db.errors import AdoptionRefused, FbsDbError, LockTimeout, TargetError
from fbs_db.schema import history as backend
from fbs_db.schema.later_names import FORMER
from tests.hosts import forks
from tests.support import ROOT
from tests.support.catalog import catalog, is_user_key, listed_tables
from tests.support.commands import on, run
from tests.support.connections import url_of
from tests.support.servers import Server
from tests.support.versions import django_or_skip, sampled

LISTED = {table["table"]: table for table in listed_tables()}
USER_COLUMNS = sorted(
    (name, column["name"], column["references"]["on_delete"])
    for name, table in LISTED.items()
    for column in table["columns"]
    if is_user_key(column)
)
_numbers = count(1)


@dataclass(frozen=True)
class Made:
    """How Django made FBS's tables.

    Attributes:
        release: of FBS.
        django: version of Django; None for the one the tests run with.
        user_model: whose keys are integers or uuids.
        by: ``syncdb``, or ``migrations`` that were written for it.
        short_keys: whether the keys of FBS's tables are integers, as with Django's AutoField.
        major: of PostgreSQL.
    """

    release: str
    django: str | None = None
    user_model: str = "auth.User"
    by: str = "syncdb"
    short_keys: bool = False
    major: int = 18

    @property
    def user_table(self) -> str:
        return self.user_model.replace(".", "_").lower()

    @property
    def key(self) -> str:
        return "uuid" if self.user_model == "people.Person" else "integer"

    def python(self) -> Path:
        return django_or_skip(self.django) if self.django else Path(sys.executable)

    def run(self, url: str, *module: str, **settings: str) -> None:
        """Run a module of Python in the host."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "tests.hosts.settings",
            "HOST_USER_MODEL": self.user_model,
            "PYTHONPATH": str(ROOT),
        }
        environment |= settings
        if self.short_keys:
            environment["HOST_FBS_SHORT_KEYS"] = "yes"
        code, out, err = forks.run(self.python(), ("-W", "error", "-m", *module), Path.cwd(), environment)
        assert code == 0, out + err

    def make(self, url: str, place: Path) -> None:
        """FBS's tables, and rows in each."""
        before = {
            "HOST_FBS_MANAGED": "yes",
            "HOST_FBS_RELEASE": self.release,
            "PYTHONPATH": f"{place}{os.pathsep}{ROOT}",
        }
        self.run(url, "django", "migrate", "--verbosity", "0", HOST_WITHOUT_FBS="yes")
        if self.by == "migrations":
            (place / "fbs_migrations").mkdir()
            (place / "fbs_migrations" / "__init__.py").touch()
            self.run(url, "django", "makemigrations", "fbs", **before)
        self.run(url, "django", "migrate", "--run-syncdb", "--verbosity", "0", **before)
        self.run(url, "tests.hosts", "former.fill", **before)


MADE = {
    "2.0.2-integer": Made("2.0.2"),
    "2.0.2-integer-short": Made("2.0.2", short_keys=True),
    "2.0.2-uuid-4.2": Made("2.0.2", "4.2", "people.Person"),
    "2.0.6-integer-4.2": Made("2.0.6", "4.2", by="migrations"),
    "2.0.6-uuid": Made("2.0.6", user_model="people.Person", by="migrations"),
    "2.0.6-integer-pg15": Made("2.0.6", major=15),
}


@dataclass
class Host:
    """A database of a host of which FBS's tables are not managed yet."""

    made: Made
    url: str

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.url, autocommit=True)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def check(self, name: str) -> None:
        self.made.run(self.url, "tests.hosts", name, HOST_FIRST_NUMBER="20001")

    def catalog(self) -> dict[str, str]:
        with self.connect() as connection:
            return catalog(connection)

    def adopt(self, **options: Any) -> fbs_db.AdoptReport:
        return fbs_db.adopt(self.url, apply=True, **options)

    def refusal(self, **options: Any) -> set[tuple[str, str, str]]:
        """What stops it; whether it is asked for the plan or for the deed, nothing changes."""
        before, rows = self.catalog(), self.rows()
        plan = fbs_db.adopt(self.url, **options)
        with pytest.raises(AdoptionRefused) as refused:
            self.adopt(**options)
        assert refused.value.report == plan
        assert refused.value.exit_code == 1
        for stop in plan.stops:
            assert stop.object in refused.value.message
        assert (self.catalog(), self.rows()) == (before, rows)
        return {(stop.object, stop.problem, stop.found or "") for stop in plan.stops}

    def rows(self, schema: str = "public") -> dict[str, list[str]]:
        """All rows of FBS's tables and of the users', by the names that tables and columns are to have."""
        found = {}
        with self.connect() as connection:
            for name in [*LISTED, *FORMER, self.made.user_table]:
                place = sql.Identifier("public" if name == self.made.user_table else schema, name)
                if connection.execute("select to_regclass(%s)", [place.as_string(connection)]).fetchone() == (None,):
                    continue
                table = FORMER.get(name, name)
                rows = connection.execute(sql.SQL("select to_jsonb(t) from {} as t").format(place)).fetchall()
                names = FORMER_COLUMNS.get(table, {})
                found[table] = sorted(
                    json.dumps({names.get(key, key): value for key, value in row.items()}, sort_keys=True)
                    for (row,) in rows
                )
        return found


@pytest.fixture(scope="session")
def template(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Made], tuple[Server, str]]:
    """Makes the database of each kind once."""
    done: dict[Made, str] = {}

    def make(made: Made) -> tuple[Server, str]:
        server: Server = request.getfixturevalue(f"pg{made.major}")
        if made not in done:
            name = server.create()
            made.make(server.url(name), tmp_path_factory.mktemp(name))
            done[made] = name
        return server, done[made]

    return make


@pytest.fixture
def host_of(template: Callable[[Made], tuple[Server, str]]) -> Iterator[Callable[[Made], Host]]:
    """A database of its own for each host."""
    with ExitStack() as made:

        def clone(kind: Made) -> Host:
            server, source = template(kind)
            return Host(kind, made.enter_context(server.database(source)))

        yield clone


def _marks(made: Made) -> list[pytest.MarkDecorator]:
    marks = {"old_django": bool(made.django), "old_postgres": made.major < 18, "slow": made.short_keys}
    return [getattr(pytest.mark, name) for name, so in marks.items() if so]


@pytest.fixture(params=[pytest.param(made, marks=_marks(made), id=name) for name, made in MADE.items()])
def host(request: pytest.FixtureRequest, host_of: Callable[[Made], Host]) -> Host:
    return host_of(request.param)


@pytest.fixture
def old(host_of: Callable[[Made], Host]) -> Host:
    """A host of 2.0.2, with integer keys of users."""
    return host_of(MADE["2.0.2-integer"])


@pytest.fixture
def renamed(host_of: Callable[[Made], Host]) -> Host:
    """A host of 2.0.6's names, with uuid keys of users."""
    return host_of(MADE["2.0.6-uuid"])


def of_fbs(objects: dict[str, str]) -> dict[str, str]:
    """What is FBS's of a catalog, wherever its columns stand in their table."""
    return {
        re.sub(r"^(column fbs_\w+)\.\d+ ", r"\1.", name): text
        for name, text in objects.items()
        if re.match(r"\w+ (\w+ )?(fbs_|column fbs_)", name) and " toast" not in name
    }


# --- what it does


def test_the_former_names_are_those_of_the_list() -> None:
    former = {table.get("name_in_2_0_4_to_2_0_6", name): name for name, table in LISTED.items()}
    assert {name: now for name, now in former.items() if name != now} == FORMER
    columns = {name: table.get("columns_in_2_0_4_to_2_0_6", {}) for name, table in LISTED.items()}
    swapped = {name: {then: now for now, then in names.items()} for name, names in columns.items() if names}
    assert swapped == FORMER_COLUMNS


def test_every_row_stays_and_a_check_finds_nothing(host: Host) -> None:
    before = host.rows()
    tables = [table for name, table in LISTED.items() if host.made.release != "2.0.2" or table["fbs"] == "2.0.2"]
    assert {name for name in before if before[name]} == {table["table"] for table in tables} | {host.made.user_table}

    report = host.adopt()

    assert report.adopted
    assert report.user_table == f"public.{host.made.user_table}"
    after = host.rows()
    assert {name: rows for name, rows in after.items() if rows} == before
    assert set(after) == {*LISTED, host.made.user_table}
    found = fbs_db.check(host.url, data=True)
    assert [one for one in found.findings if one.severity != "note" and one.kind != "rows"] == []
    assert {one.kind for one in found.findings} <= {"rows"}  # values that no form offers; and nothing is kept
    assert {step.state for step in fbs_db.status(host.url).migrations} == {"applied"}
    assert host.execute("select distinct operation from fbs_migration_log") == [("adopt",)]


@pytest.mark.slow
def test_the_schema_is_the_one_that_migrate_makes(host: Host, request: pytest.FixtureRequest) -> None:
    host.adopt()
    empty = request.getfixturevalue("empty" if host.made.major == 18 else "_empty_on_15")
    empty.execute(
        sql.SQL("create table {} (id {} primary key)").format(
            sql.Identifier(host.made.user_table), sql.SQL(host.made.key)
        )
    )
    empty.commit()
    fbs_db.migrate(url_of(empty), user_table=host.made.user_table)
    assert of_fbs(host.catalog()) == of_fbs(catalog(empty))


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("2.0.2-integer-short", marks=pytest.mark.slow),
        "2.0.6-uuid",
        pytest.param("2.0.2-uuid-4.2", marks=pytest.mark.old_django),
    ],
)
def test_the_models_work_afterwards(host_of: Callable[[Made], Host], kind: str) -> None:
    host = host_of(MADE[kind])
    host.adopt()
    host.check("former.work")


@pytest.mark.slow
def test_a_user_and_a_row_of_the_host_take_along_what_is_theirs(renamed: Host) -> None:
    renamed.adopt()
    renamed.execute(
        "create table flats (id bigint primary key); insert into flats values (7)",
        "insert into fbs_custom_fields (model_name, record_id, field_name, field_type, field_value, database_name)"
        " values ('rentals.flat', 7, 'a', 'char', 'b', 'd')",
        "select fbs_attach_host('flats', 'rentals.flat')",
        "delete from flats",
    )
    assert renamed.execute("select count(*) from fbs_custom_fields where record_id = 7") == [(0,)]
    for table, column, rule in USER_COLUMNS:
        ((key, user),) = renamed.execute(f"select id, {column} from {table} where {column} is not null limit 1")
        renamed.execute(f"delete from people_person where id = '{user}'")
        left = renamed.execute(f"select {column} from {table} where id = {key}")
        assert left == ([] if rule == "CASCADE" else [(None,)]), f"{table}.{column}"


# --- the plan


@pytest.mark.slow
def test_the_plan_changes_nothing(host: Host) -> None:
    before, rows = host.catalog(), host.rows()
    plan = fbs_db.adopt(host.url)
    assert not plan.adopted
    assert plan.stops == plan.kept == ()
    assert (host.catalog(), host.rows()) == (before, rows)
    report = host.adopt()
    assert (report.changes, report.tables) == (plan.changes, plan.tables)


def test_the_plan_names_everything(renamed: Host) -> None:
    plan = fbs_db.adopt(renamed.url)
    tables = {table.name: table for table in plan.tables}
    assert {name for name, table in tables.items() if table.present} == set(LISTED)
    assert {table.present for table in plan.tables if table.name != table.present} == {"", *FORMER}
    assert {table.state for table in plan.tables} == {"adapts", "missing"}
    # Of FBS's own, every object is there already or comes.
    dropped = {change.object.partition(".")[2] for change in plan.changes if change.action == "drop"}
    assert all(re.search("_like$|_[0-9a-f]{8}$|_[0-9a-f]{6}_idx$", name) for name in dropped)
    assert {change.kind for change in plan.changes if change.action == "drop"} == {"index"}
    assert [change.object for change in plan.changes if change.kind == "migration"] == [f.id for f in files.load()]


@pytest.mark.slow
def test_psql_runs_the_script_of_the_plan(renamed: Host, pg18: Server) -> None:
    before = renamed.rows()
    script = fbs_db.adopt(renamed.url).script
    command = [str(pg18.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", renamed.url]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert fbs_db.check(renamed.url).healthy
    assert {name: rows for name, rows in renamed.rows().items() if rows} == before


@pytest.mark.slow
def test_a_second_time_it_says_that_it_is_managed(old: Host) -> None:
    old.adopt()
    for apply in (False, True):
        with pytest.raises(TargetError, match=r"managed already(.|\n)* check"):
            fbs_db.adopt(old.url, apply=apply)


def test_what_migrate_made_is_managed(installed: psycopg.Connection) -> None:
    with pytest.raises(TargetError, match="managed already"):
        fbs_db.adopt(installed)


def test_a_whole_schema_whose_history_was_lost_gets_it_back(installed: psycopg.Connection) -> None:
    before = catalog(installed)
    installed.execute("delete from fbs_migrations")
    installed.commit()
    report = fbs_db.adopt(url_of(installed), apply=True)
    assert {change.kind for change in report.changes} == {"migration"}
    assert {table.state for table in report.tables} == {"matches"}
    assert (catalog(installed), fbs_db.status(installed).pending) == (before, ())


@pytest.mark.slow
def test_only_what_is_placed_here_is_adopted(old: Host) -> None:
    Path("fbs-db.toml").write_text(
        f'[databases.default]\nurl = "{old.url}"\n'
        '[databases.licences]\nurl = "postgresql://127.0.0.1:1/d"\ncomponents = ["licensing"]\n'
    )
    licences = {name for name, table in LISTED.items() if table["component"] == "licensing"}
    before = {name: text for name, text in old.catalog().items() if "license_manager" in name}
    report = fbs_db.adopt("default", apply=True)
    assert {table.name for table in report.tables} & set(LISTED) == set(LISTED) - licences
    history = {name for (name,) in old.execute("select migration_id from fbs_migrations")}
    assert history == {file.id for file in files.load() if file.component != "licensing"}
    assert {name: text for name, text in old.catalog().items() if "license_manager" in name} == before
    assert fbs_db.check("default").healthy


def test_where_nothing_is_it_says_what_to_type(empty_everywhere: psycopg.Connection) -> None:
    with pytest.raises(TargetError, match=r"no table of FBS(.|\n)*fbs-db .*migrate"):
        fbs_db.adopt(url_of(empty_everywhere), apply=True)
    assert catalog(empty_everywhere) == {}


# --- what stops it

NOBODY = 987654
LONG = "x" * 120
STOPS = {
    "another type": (
        "alter table fbs_kpis alter column created_at type text",
        {("fbs_kpis.created_at", "of another type", "text")},
    ),
    "another type of a user's key": (
        "alter table fbs_kpis drop column created_by_id, add column created_by_id uuid",
        {("fbs_kpis.created_by_id", "of another type", "uuid")},
    ),
    "texts that are too long": (
        f"alter table fbs_kpis alter column kpi_type type text;"
        f" update fbs_kpis set kpi_type = '{LONG}' where id = (select min(id) from fbs_kpis)",
        {("fbs_kpis.kpi_type", "of another type", "text; 1 row does not fit")},
    ),
    "numbers that are too large": (
        "alter table fbs_handshakes alter column expires_at type timestamptz;"
        " alter table fbs_dms_document_tag alter column color type bigint;"
        " update fbs_dms_document_tag set color = 3000000000 where id in (select id from fbs_dms_document_tag limit 2)",
        {("fbs_dms_document_tag.color", "of another type", "bigint; 2 rows do not fit")},
    ),
    "digits that would go": (
        "alter table fbs_app_cashentry alter column amount type numeric;"
        " update fbs_app_cashentry set amount = 1.234 where id = (select min(id) from fbs_app_cashentry)",
        {("fbs_app_cashentry.amount", "of another type", "numeric; 1 row does not fit")},
    ),
    "nothing where something has to be": (
        "alter table fbs_kpis alter column description drop not null; update fbs_kpis set description = null",
        {("fbs_kpis.description", "NULL", "4 rows have no value")},
    ),
    "rows without a parent": (
        "alter table fbs_workflow_steps drop constraint {fbs_workflow_steps.workflow_definition_id};"
        f" update fbs_workflow_steps set workflow_definition_id = {NOBODY} where id = 1",
        {
            (
                "fbs_workflow_steps.fbs_workflow_steps_workflow_definition_id_fkey",
                "orphans",
                "1 row points at rows of fbs_workflow_definitions that do not exist",
            )
        },
    ),
    "rows without a user": (
        "alter table fbs_kpis drop constraint {fbs_kpis.created_by_id};"
        f" update fbs_kpis set created_by_id = {NOBODY} where created_by_id is not null",
        {("fbs_kpis.created_by_id", "their user is gone", "3 rows")},
    ),
    "rows whose parents' table is gone": (
        "drop table fbs_odoo_databases cascade",
        {
            (
                "fbs_request_logs.fbs_request_logs_database_id_fkey",
                "orphans",
                "3 rows point at rows of fbs_odoo_databases that do not exist",
            ),
            (
                "fbs_token_mappings.fbs_token_mappings_database_id_fkey",
                "orphans",
                "4 rows point at rows of fbs_odoo_databases that do not exist",
            ),
        },
    ),
    "rows that are there twice": (
        "alter table fbs_odoo_databases drop constraint fbs_odoo_databases_name_key;"
        " update fbs_odoo_databases set name = 'same' where id < 4",
        {("fbs_odoo_databases.fbs_odoo_databases_name_key", "duplicates", "3 rows")},
    ),
    "both names": (
        "create table dms_document (like fbs_dms_document); insert into dms_document select * from fbs_dms_document",
        {
            (
                "fbs_dms_document",
                "there twice",
                "fbs_dms_document (19 rows) and dms_document (19 rows) both exist",
            )
        },
    ),
    "a column that nothing fills": (
        "alter table fbs_kpis drop column name",
        {("fbs_kpis.name", "missing", "4 rows need a value")},
    ),
    "a view of FBS's name": (
        "create view fbs_user_columns as select 1 as one",
        {("fbs_user_columns", "the name is taken", "create or replace view fbs_user_columns as\n SELECT 1 AS one;")},
    ),
    "a table of a view's name": (
        "create table fbs_choices (id int)",
        {("fbs_choices", "the name is taken", "a table")},
    ),
    "an index of FBS's name": (
        "create table flats (id int); create index fbs_kpis_created_by_id_idx on flats (id)",
        {("fbs_kpis_created_by_id_idx", "the name is taken", "an index")},
    ),
    "a table of FBS's name": (
        "create table fbs_settings (id int)",
        {("fbs_settings", "the name is taken", "a table with other columns")},
    ),
    "a view in the place of a table": (
        "alter table fbs_kpis rename to figures; create view fbs_kpis as select * from figures",
        {("fbs_kpis", "of another kind", "view"), ("fbs_kpis_pkey", "the name is taken", "an index")},
    ),
    "a view on a column": (
        "create view wishes as select requester_id from fbs_approval_requests",
        {
            (
                "fbs_approval_requests.requester_id",
                "integer cannot become fbs_user_id",
                "rule _RETURN on view wishes uses it",
            )
        },
    ),
    "another primary key": (
        "alter table fbs_kpis drop constraint fbs_kpis_pkey, add primary key (id, name)",
        {("fbs_kpis.fbs_kpis_pkey", "another primary key", "PRIMARY KEY (id, name)")},
    ),
    "users of two tables": (
        "create table guests (id int primary key); insert into guests select id from auth_user;"
        " alter table fbs_kpis drop constraint {fbs_kpis.created_by_id},"
        " add constraint guest foreign key (created_by_id) references guests",
        {("fbs_kpis.created_by_id", "points at another table", "public.guests (id)")},
    ),
    "a computed column": (
        "alter table fbs_kpis drop column description, add column description text not null"
        " generated always as (name || '!') stored",
        {("fbs_kpis.description", "generated", "generated always as (((name)::text || '!'::text))")},
    ),
    "row security": (
        "alter table fbs_kpis enable row level security, force row level security",
        {("fbs_kpis", "of another kind", "table with row security forced on its owner")},
    ),
    "an invalid index": (
        "create index own on fbs_kpis (kpi_type, name);"
        " update pg_index set indisvalid = false where indexrelid = 'own'::regclass",
        {("fbs_kpis.own", "invalid", "USING btree (kpi_type, name)")},
    ),
    "another owner": (
        "do $$ begin if not exists (select from pg_roles where rolname = 'adopter') then"
        " create role adopter login; end if; end $$; grant all on schema public to adopter;"
        " grant adopter to postgres; alter table fbs_kpis owner to adopter",
        set(),
    ),
}


def foreign_key(host: Host, column: str) -> str:
    """The name that Django has given the foreign key of a column."""
    table, _, name = column.partition(".")
    query = (
        f"select conname from pg_constraint where contype = 'f' and conrelid = '{table}'::regclass"
        f" and conkey = array[(select attnum from pg_attribute where attrelid = conrelid and attname = '{name}')]"
    )
    return str(host.execute(query)[0][0])


@pytest.mark.parametrize("what", sampled((name for name, (_, found) in STOPS.items() if found), 4))
def test_what_could_lose_something_stops_it(old: Host, what: str) -> None:
    statements, expected = STOPS[what]
    old.execute(re.sub(r"\{([\w.]+)\}", lambda match: foreign_key(old, match[1]), statements))
    options = {"user_table": "auth_user"} if what == "users of two tables" else {}
    assert old.refusal(**options) == expected


def test_tables_of_somebody_else_stop_it(old: Host) -> None:
    old.execute(STOPS["another owner"][0])
    as_adopter = old.url.replace("//postgres@", "//adopter@")
    plan = fbs_db.adopt(as_adopter)
    assert {(stop.problem, stop.found) for stop in plan.stops} == {("has another owner", "postgres")}
    assert len(plan.stops) == len(LISTED) - 2  # one is the adopter's, and one is missing
    with pytest.raises(AdoptionRefused, match=r"47 findings stop the adoption(.|\n)*fbs_reports: has another owner"):
        fbs_db.adopt(as_adopter, apply=True)


def test_a_user_table_without_a_single_key_is_refused(old: Host) -> None:
    old.execute("create table pairs (a int, b int, primary key (a, b))")
    with pytest.raises(TargetError, match="no primary key of one column"):
        fbs_db.adopt(old.url, user_table="pairs")


# --- what is completed

CHANGES = """
drop table fbs_kpis, fbs_audit_trails, fbs_dms_document_tags cascade;
-- As Django before 4.1 made them.
alter table fbs_reports alter column id drop identity;
create sequence fbs_reports_id_seq as integer owned by fbs_reports.id;
alter table fbs_reports alter column id set default nextval('fbs_reports_id_seq');
select setval('fbs_reports_id_seq', 1000);
alter table fbs_charts alter column id drop identity;
create sequence own_numbers;
alter table fbs_charts alter column id set default nextval('own_numbers');
alter table fbs_dashboards alter column id drop identity;
alter table fbs_handshakes alter column id set generated always;
-- Other types that take the same values.
alter table fbs_reports alter column name type text;
alter table fbs_reports alter column report_type type varchar(30);
alter table fbs_charts alter column chart_type type varchar(20) collate "C";
alter table fbs_dms_document_tag alter column color type smallint;
alter table fbs_dms_file_attachment alter column file_size type integer;
alter table fbs_app_cashentry alter column amount type numeric(20, 4);
alter table fbs_approval_responses alter column responder_id type bigint;
-- Looser and stricter.
alter table fbs_reports alter column name drop not null;
alter table fbs_notifications alter column message set default 'none';
alter table fbs_approval_requests add constraint fbs_approval_requests_id_check check (id >= 0);
alter table fbs_request_logs alter column response_time drop not null;
-- What is missing, and what is there twice.
alter table fbs_business_rules drop column is_active, drop column updated_at;
alter table fbs_cache_entries drop constraint fbs_cache_entries_key_key;
create unique index by_hand on fbs_cache_entries (key);
alter table fbs_odoo_models add constraint again unique (database_name, model_name);
alter table fbs_compliance_rules drop constraint fbs_compliance_rules_pkey;
create index doubled on fbs_recurring_transactions (solution_name, transaction_type);
create index doubled_too on fbs_approval_responses (approval_request_id);
-- The host's own.
create table flats (id int primary key, document_id bigint references fbs_dms_document);
insert into flats select 1, min(id) from fbs_dms_document;
alter table fbs_reports add column own text not null default 'mine', add column note text;
update fbs_reports set note = 'filled';
set constraints all immediate;
alter table fbs_reports alter column note set not null;
create index own_index on fbs_reports (lower(name));
alter table fbs_reports add constraint own_check check (own <> '');
create function own_trigger() returns trigger language plpgsql as 'begin return new; end';
create trigger own_trigger before update on fbs_reports for each row execute function own_trigger();
create view own_view as select id, own from fbs_reports;
grant select on fbs_reports to public;
"""


@pytest.mark.slow
def test_the_half_made_is_completed(old: Host) -> None:
    old.execute(CHANGES)
    before = old.rows()

    report = old.adopt()

    assert report.adopted
    after = old.rows()
    for row in [json.loads(row) for row in after["fbs_business_rules"]]:
        assert row["is_active"] is True
        assert row["updated_at"]
    assert [len(rows) for rows in after.values() if rows] == [len(rows) for rows in before.values()]
    same = {name for name, rows in before.items() if after[name] == rows}
    assert set(before) - same == {"fbs_business_rules"}  # which has columns more
    assert {(one.kind, one.object) for one in report.kept} == {
        ("column", "fbs_reports.own"),
        ("column", "fbs_reports.note"),
        ("constraint", "fbs_reports.own_check"),
        ("default", "fbs_notifications.message"),
        ("index", "fbs_recurring_transactions.doubled"),  # no index of FBS's begins like it
        ("index", "fbs_reports.own_index"),
    }
    left = [one for one in fbs_db.check(old.url).findings if one.severity != "note"]
    assert [(one.object, one.problem) for one in left] == [("fbs_reports", "open to PUBLIC")], "the host's grant stays"

    for table, number in (("fbs_reports", 1001), ("fbs_dashboards", 5), ("fbs_charts", 5)):
        assert old.execute(f"select nextval(pg_get_serial_sequence('{table}', 'id'))") == [(number,)]
    assert old.execute("select relname from pg_class where relkind = 'S' and relname ~ 'adopted'") == []
    old.execute("delete from flats")  # whose foreign key is still there
    assert old.execute("select count(*) from pg_constraint where conrelid = 'flats'::regclass and contype = 'f'") == [
        (1,)
    ]


@pytest.mark.slow
def test_a_sequence_behind_its_rows_goes_on_after_them(old: Host) -> None:
    old.execute(
        "alter table fbs_kpis alter column id drop identity; create sequence behind owned by fbs_kpis.id;"
        " alter table fbs_kpis alter column id set default nextval('behind')"
    )
    old.adopt()
    assert old.execute("select nextval(pg_get_serial_sequence('fbs_kpis', 'id'))") == [(5,)]


@pytest.mark.slow
def test_a_table_of_the_hosts_with_a_former_name_is_left_alone(old: Host) -> None:
    old.execute("create table dms_document (id int, text text); insert into dms_document values (1, 'own')")
    report = old.adopt()
    assert ("table", "dms_document") in {(one.kind, one.object) for one in report.kept}
    assert old.execute("select * from dms_document") == [(1, "own")]
    assert fbs_db.check(old.url).healthy


@pytest.mark.slow
def test_without_a_known_user_table_columns_keep_their_type(renamed: Host) -> None:
    for (statement,) in renamed.execute(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname)"
        " from pg_constraint where confrelid = 'people_person'::regclass and contype = 'f'"
    ):
        renamed.execute(statement)
    before = renamed.rows()
    report = renamed.adopt()
    assert report.user_table == ""
    assert {name: rows for name, rows in renamed.rows().items() if rows} == before
    assert renamed.execute("select format_type(typbasetype, -1) from pg_type where typname = 'fbs_user_id'") == [
        ("uuid",)
    ]
    assert fbs_db.check(renamed.url).healthy
    columns = fbs_db.attach_users("people_person", renamed.url)
    assert {(column.orphans, column.validated) for column in columns} == {(0, True)}


@pytest.mark.slow
@pytest.mark.parametrize("schema", sampled(["Odd Schema", "fbs"], 2))
def test_in_any_schema(renamed: Host, schema: str) -> None:
    place = sql.Identifier(schema).as_string(None)
    renamed.execute(f"create schema {place}")
    for (table,) in renamed.execute("select tablename from pg_tables where tablename ~ '^(fbs|dms|lic)_'"):
        renamed.execute(f"alter table {table} set schema {place}")
    before = renamed.rows(schema)
    assert fbs_db.adopt(renamed.url, schema=schema, apply=True).adopted
    assert {name: rows for name, rows in renamed.rows(schema).items() if rows} == before
    assert fbs_db.check(renamed.url, schema=schema).healthy


# --- all of it, or nothing


@pytest.mark.slow
@pytest.mark.parametrize(
    "tag",
    [
        "COMMENT",
        *(pytest.param(tag, marks=pytest.mark.slow) for tag in ("ALTER TABLE", "CREATE TABLE", "CREATE FUNCTION")),
    ],
)
def test_what_fails_in_the_middle_leaves_everything_as_it_was(renamed: Host, tag: str) -> None:
    renamed.execute(
        "create function refuse() returns event_trigger language plpgsql as"
        " $$ begin if (select count(*) from pg_class where relname ~ '^fbs_dms') > 20 then"
        " raise 'not today'; end if; end $$",
        f"create event trigger refuse on ddl_command_end when tag in ('{tag}') execute function refuse()",
    )
    before, rows = renamed.catalog(), renamed.rows()
    with pytest.raises(FbsDbError, match=r"not today(.|\n)*Nothing was changed") as failed:
        renamed.adopt()
    assert re.match(r"[a-z ]+ \S+", failed.value.message)  # which it was
    assert (renamed.catalog(), renamed.rows()) == (before, rows)
    renamed.execute("drop event trigger refuse")
    assert renamed.adopt().adopted


@pytest.mark.slow
def test_a_schema_that_would_not_be_whole_is_not_adopted(old: Host) -> None:
    old.execute(
        "create function spoil() returns event_trigger language plpgsql as"
        " $$ begin if exists (select from pg_class where relname = 'fbs_settings') then"
        " drop trigger if exists fbs_reports_touch on fbs_reports; end if; end $$",
        "create event trigger spoil on ddl_command_end when tag in ('CREATE TRIGGER') execute function spoil()",
    )
    before, rows = old.catalog(), old.rows()
    with pytest.raises(AdoptionRefused, match=r"would differ from(.|\n)*fbs_reports_touch: missing"):
        old.adopt()
    assert (old.catalog(), old.rows()) == (before, rows)


@pytest.mark.slow
def test_a_table_in_use_is_waited_for(old: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.catalog()
    said: list[str] = []
    monkeypatch.setattr(locks, "TRIES", 2)
    monkeypatch.setattr("fbs_db.schema.history._SETTINGS", {**backend._SETTINGS, "lock_timeout": "'100ms'"})
    with old.connect() as other, other.transaction():
        other.execute("select from fbs_kpis")
        with pytest.raises(LockTimeout, match=r"fbs_kpis is in use by process \d+ (.|\n)*Nothing was changed"):
            old.adopt(progress=lambda progress: said.append(progress.text))
    assert sum("trying again" in text for text in said) == 1
    assert old.catalog() == before
    assert old.adopt().adopted


@pytest.mark.slow
def test_nobody_writes_meanwhile(old: Host) -> None:
    with old.connect() as other:
        other.execute("set lock_timeout = '50ms'")
        refused: list[str] = []

        def write(progress: fbs_db.reports.Progress) -> None:
            if progress.kind == "wait" and not refused:  # at the first change
                for table in [*LISTED, "auth_user"]:
                    try:
                        other.execute(f"select from {table} limit 1".encode())
                    except (psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedTable):
                        refused.append(table)

        assert old.adopt(progress=write).adopted
    assert refused == [*LISTED, "auth_user"]


@pytest.mark.slow
def test_a_migration_that_goes_on_is_waited_for(old: Host) -> None:
    with (
        old.connect() as other,
        Session(other, "public", DatabaseConfig()).lock(),
        pytest.raises(LockTimeout, match="Another migration"),
    ):
        old.adopt(wait=0)
    assert old.adopt().adopted


@pytest.mark.slow
def test_in_a_transaction_of_the_callers(old: Host) -> None:
    before = old.catalog()
    with psycopg.connect(old.url) as connection:
        report = fbs_db.adopt(connection, apply=True)
        assert report.adopted
        assert connection.execute("show check_function_bodies").fetchone() == ("on",)
        assert connection.execute("show lock_timeout").fetchone() == ("0",)
        connection.rollback()
        assert old.catalog() == before
        fbs_db.adopt(connection, apply=True)
        connection.commit()
    assert fbs_db.check(old.url).healthy


def test_where_nothing_can_be_written_it_says_so(old: Host) -> None:
    with pytest.raises(TargetError, match="read-only"):
        fbs_db.adopt(f"{old.url}&options=-c%20default_transaction_read_only%3Don", apply=True)


# --- the command


def test_the_command_shows_the_plan_and_does_it(old: Host) -> None:
    with old.connect() as connection:
        plan = on(connection, "adopt")
        assert plan.exit_code == 0, plan.output
        for part in (
            "fbs_kpis",
            "adapts",
            "will be created without rows",
            " adopt --user-table public.auth_user --apply",
        ):
            assert part in plan.stdout
        assert "create domain" not in plan.stdout
        answer = json.loads(on(connection, "adopt", "--json").stdout)
        assert "create domain fbs_user_id as integer;" in {
            statement for change in answer["changes"] for statement in change["statements"]
        }
        assert "begin;" in on(connection, "-v", "adopt").stdout
        done = on(connection, "adopt", "--apply")
        assert done.exit_code == 0, done.output
        assert "Adopted and healthy" in done.stdout
        again = on(connection, "adopt", "--apply")
        assert again.exit_code == 2
        assert "managed already" in again.stderr
        assert on(connection, "check").exit_code == 0


@pytest.mark.slow
def test_the_command_names_what_stops_it(old: Host) -> None:
    old.execute(STOPS["another type"][0], STOPS["both names"][0])
    with old.connect() as connection:
        for arguments in (["adopt"], ["adopt", "--apply"]):
            result = on(connection, *arguments)
            assert result.exit_code == 1
            assert "fbs_kpis.created_at: of another type" in result.stdout
            assert "expected: timestamp with time zone" in result.stdout
            assert "fbs_dms_document (19 rows) and dms_document (19 rows) both exist" in result.stdout
            assert "Traceback" not in result.output
            answer = on(connection, *arguments, "--json")
            assert answer.exit_code == 1
            assert len(json.loads(answer.stdout)["stops"]) == 2


def test_the_command_says_where_it_could_not_look() -> None:
    result = run("--database", "postgresql://nobody@/none?host=/none&port=1", "adopt")
    assert result.exit_code == 2
    assert "No connection" in result.stderr


# --- which types take which values


@pytest.mark.parametrize(
    ("found", "wanted", "condition"),
    [
        ("integer", "bigint", ""),
        ("bigint", "integer", "c not between -2147483648 and 2147483647"),
        ("bigint", "smallint", "c not between -32768 and 32767"),
        ("character varying(10)", "character varying(20)", ""),
        ("character varying(20)", "character varying(10)", "length(c) > 10"),
        ("text", "character varying(10)", "length(c) > 10"),
        ("character varying", "text", ""),
        ("numeric(15,2)", "numeric(17,2)", ""),
        ("numeric(15,2)", "numeric(15,4)", "c <> round(c, 4) or abs(c) >= 1e11"),
        ("integer", "numeric(5,2)", "c <> round(c, 2) or abs(c) >= 1e3"),
        ("text", "integer", None),
        ("text", "jsonb", None),
        ("double precision", "numeric(5,2)", None),
        ("timestamp without time zone", "timestamp with time zone", None),
        ("character(5)", "text", None),
    ],
)
def test_which_values_fit(found: str, wanted: str, condition: str | None) -> None:
    assert values.unless(found, wanted, "c") == condition


@pytest.mark.parametrize(
    ("types", "widest"),
    [
        (set(), "bigint"),
        ({"uuid"}, "uuid"),
        ({"integer", "bigint"}, "bigint"),
        ({"character varying(10)", "character varying(20)"}, "text"),
        ({"integer", "uuid"}, ""),
    ],
)
def test_the_widest_type(types: set[str], widest: str) -> None:
    assert values.widest(types) == widest


@pytest.mark.parametrize(
    ("substance", "keys"),
    [
        ("USING btree (a, b DESC)", ("a", "b DESC")),
        ("USING btree (((a ->> 'x,y'::text)), COALESCE(a, b))", ("((a ->> 'x,y'::text))", "COALESCE(a, b)")),
        ("USING btree (a) WHERE (b > 0)", ()),
        ("USING btree (a) INCLUDE (b)", ()),
        ("USING gin (a)", ()),
    ],
)
def test_the_keys_of_an_index(substance: str, keys: tuple[str, ...]) -> None:
    assert values.index_keys(substance) == keys
