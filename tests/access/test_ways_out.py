"""Attempts to get at the rows of the other solution, as a login of one that may set, prepare and look at anything.

Whatever comes back, rows, notices and errors, has nothing of the other solution; its rows are as they were.
"""

from __future__ import annotations

import psycopg
import pytest

from tests.support.attacks import assert_none, slow_but
from tests.support.every_answer import answers, ask, questions
from tests.support.isolated import ACME, APP, BETA, MARK, OTHER_APP, OWNER, ROWS
from tests.support.lair import ME, MEMBER, SHARED, TEMPTING, THEIRS, Lair, Session, assert_heard_nothing, counts, tables

# Settings and roles


SETTINGS = (
    "set fbs.solution = 'beta'",
    "set local fbs.solution = 'beta'",
    "select set_config('fbs.solution', 'beta', false), set_config('fbs.solution', 'beta', true)",
    "set fbs.solutions = '{beta}'",
    "set row_security = on",
    "set role none",
    "set session authorization default",
    f"set session authorization {ME}",
    "set search_path = lair",
    "set plan_cache_mode = force_generic_plan",
)


def test_a_login_of_one_solution_chooses_none(lair: Lair) -> None:
    with lair.connect() as session:
        for setting in SETTINGS:
            session.run(f"begin; {setting}")
            assert counts(session, lair) == {ROWS}, setting
            session.run("commit")
        assert_heard_nothing(session)


def test_a_login_of_one_solution_keeps_no_setting_that_chooses_another(lair: Lair) -> None:
    with lair.connect() as session:
        assert session.refused(f"alter role {ME} set fbs.solution = 'beta'") == ""
    lair.owner.execute(f"alter role {ME} set fbs.solution = 'beta'".encode())
    try:
        with Session(lair.world.connect(ME, lair.name)) as session:
            assert session.run("show fbs.solution") == [("beta",)]
            assert counts(session, lair) == {ROWS}
            assert_heard_nothing(session)
    finally:
        lair.owner.execute(f"alter role {ME} reset fbs.solution".encode())


@pytest.mark.parametrize("role", TEMPTING)
def test_a_member_of_another_solutions_role_stays_with_its_own(lair: Lair, role: str) -> None:
    with lair.connect(MEMBER) as session:
        assert counts(session, lair) == {ROWS}
        session.run(f"set fbs.solution = 'beta'; set role {role}")
        assert session.run("select current_user, session_user") == [(role, MEMBER)]
        seen = {len(session.run(f"select {columns(lair, role, table)} from public.{table}")) for table in tables(lair)}
        assert seen == {ROWS}
        assert session.run("select fbs_session_solutions()") == [([ACME],)]
        assert_heard_nothing(session)


def columns(lair: Lair, role: str, table: str) -> str:
    """The columns of a table that a role reads."""
    rows = lair.owner.execute(
        "select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and has_column_privilege(%s, attrelid, attnum, 'select')",
        [f"public.{table}", role],
    )
    return str((rows.fetchone() or [""])[0])


def test_no_login_becomes_another(lair: Lair) -> None:
    problems = {}
    for user in (ME, MEMBER, SHARED):
        with lair.connect(user) as session:
            for statement in (
                f"set session authorization {OTHER_APP.name}",
                f"set session authorization {OWNER}",
                f"select set_config('session_authorization', '{OTHER_APP.name}', false)",
                f"set role {OWNER}",
                *([f"set role {OTHER_APP.name}"] if user != MEMBER else []),
                "set session_replication_role = replica",
                f"alter role {user} bypassrls",
                f"grant {OWNER} to {user}",
                "insert into fbs_roles (role_name, work, solutions) values (session_user, 'reader', '{beta}')",
                "update fbs_roles set solutions = '{beta}'",
                "delete from fbs_roles",
                "insert into fbs_solution_map values ('company_id', 'beta', 'acme')",
            ):
                problems[f"{user}, {statement}"] = session.refused(statement)
    assert_none(problems)


# What a login of several solutions chooses


def test_a_shared_login_has_the_solution_of_its_transaction(lair: Lair) -> None:
    """It may choose any, and what it chose for a transaction is gone after it, however that ended."""
    choose = "select set_config('fbs.solution', 'acme', true)"
    with lair.connect(SHARED) as session:
        session.run(f"begin; {choose}")
        assert counts(session, lair) == {ROWS}
        assert session.refused("select 1 / 0", "22012") == ""
        session.run("rollback")
        assert counts(session, lair) == {0}
        for ending in (
            "commit",
            "rollback",
            "savepoint s; select set_config('fbs.solution', 'beta', true); rollback to s; commit",
            "savepoint s; select set_config('fbs.solution', 'beta', true); rollback",
        ):
            session.run(f"begin; {choose}")
            assert counts(session, lair) == {ROWS}, ending
            session.run(ending)
            assert counts(session, lair) == {0}, ending
        session.run(f"begin; {choose}; savepoint s; select set_config('fbs.solution', 'beta', true); rollback to s")
        assert counts(session, lair) == {ROWS}
        session.run("rollback")
        assert_heard_nothing(session)
        # For the session, which nothing should do: the next user of a pooled connection has it.
        session.run("select set_config('fbs.solution', 'beta', false)")
        assert counts(session, lair) == {ROWS}
        assert THEIRS in str(session.heard)
        session.run("discard all")
        assert counts(session, lair) == {0}


@pytest.mark.parametrize(
    "named", ["", " ", "acme,beta", "{acme,beta}", "{acme}", "%", "_cme", " acme", "Acme", "a", "'"]
)
def test_a_name_of_no_solution_shows_no_rows(lair: Lair, named: str) -> None:
    with lair.connect(SHARED) as session:
        session.run("select set_config('fbs.solution', %s, false)", named)
        assert counts(session, lair) == {0}


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_plans_that_are_kept_see_the_solution_of_the_moment(lair: Lair, mode: str) -> None:
    with lair.connect(SHARED) as session:
        session.run(
            f"set plan_cache_mode = {mode}; set fbs.solution = 'beta';"
            " prepare p as select title from public.fbs_dms_document order by id;"
            " create function lair.kept() returns setof text language plpgsql stable"
            " as 'begin return query select d.title::text from public.fbs_dms_document as d; end';"
            " create function lair.kept_sql() returns setof text language sql stable"
            " as 'select d.title::text from public.fbs_dms_document as d'"
        )
        asked = ("execute p", "select lair.kept()", "select lair.kept_sql()")
        for _ in range(7):
            for statement in asked:
                assert len(session.run(statement)) == ROWS
        session.heard.clear()
        session.run("set fbs.solution = 'acme'")
        for statement in asked:
            assert len(session.run(statement)) == ROWS
        assert_heard_nothing(session)
        session.run("reset fbs.solution")
        assert [session.run(statement) for statement in asked] == [[], [], []]


@pytest.mark.parametrize("how", slow_but(["parallel", "indexes", "no indexes"], "parallel"))
@pytest.mark.parametrize("user", [ME, SHARED])
def test_no_plan_shows_more_rows(lair: Lair, how: str, user: str) -> None:
    is_old = lair.world.server.major < 16
    options = {
        "parallel": f"set {'force_parallel_mode' if is_old else 'debug_parallel_query'} = on;"
        " set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0",
        "indexes": "set enable_seqscan = off; set random_page_cost = 0.01",
        "no indexes": "set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off",
    }
    views = [one for one in answers(lair.owner, user) if one.kind == "view"]
    asked = [question for one in views for question in questions(one, lair.world.facts.values())]
    with lair.connect(user) as session:
        session.run("set fbs.solution = 'acme'")
        before = [ask(session.connection, question) for question in asked]
        session.run(options[how])
        assert counts(session, lair) == {ROWS}
        assert [ask(session.connection, question) for question in asked] == before
        assert_heard_nothing(session)


# What else there is to look at


def test_catalogs_and_statistics_tell_nothing(lair: Lair) -> None:
    """The tables have been analyzed; an extended set of statistics was made by the owner."""
    lair.owner.execute("create statistics if not exists own_stats (mcv) on name, title from fbs_dms_document")
    lair.owner.execute("create statistics if not exists own_expr on (title || name) from fbs_dms_document; analyze")
    shown = lair.owner.execute("select count(*) from pg_stats as s where s::text like %s", [f"%{THEIRS}%"])
    assert (shown.fetchone() or [0])[0] > 0
    guarded = "select pg_get_viewdef('pg_stats_ext_exprs'::regclass) like '%pg_has_role%'"
    is_guarded = lair.owner.execute(guarded.encode()).fetchone() == (True,)
    with lair.connect() as session:
        for view in (
            "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs", "pg_policies", "pg_views", "pg_matviews", "pg_locks",
            "pg_stat_activity", "pg_stat_user_tables", "pg_statio_user_tables", "pg_prepared_statements", "pg_cursors",
            "pg_sequences", "pg_settings", "pg_roles", "pg_description", "pg_attribute", "pg_class", "pg_proc",
            "information_schema.columns", "information_schema.views", "information_schema.role_table_grants",
        ):  # fmt: skip
            # Before 15.7 it shows everybody the statistics of expressions, of all rows (CVE-2024-4317).
            if view != "pg_stats_ext_exprs" or is_guarded:
                session.run(f"select t::text from {view} as t")
        session.heard.append(MARK.format(ACME))
        assert_heard_nothing(session)
        assert session.refused("select currval('public.fbs_dms_document_id_seq')", "55000") == ""
        assert session.refused("select lastval()", "55000") == ""


def test_deleting_an_attachment_removes_no_file_of_the_other_solution(lair: Lair) -> None:
    """One may name any file; those that the other's attachments name stay."""
    file = lair.world.of(BETA).values["fbs_dms_file_attachment"]["file"]
    with lair.connect() as session:
        session.run(
            "insert into fbs_dms_file_attachment (file, original_filename, description, file_size, mime_type, checksum,"
            " uploaded_by_id, company_id) select %s, '', '', 1, '', '', 1, 'acme' from generate_series(1, 2)",
            file,
        )
        session.run("delete from fbs_dms_file_attachment where file = %s", file)
    lair.owner.execute("delete from fbs_file_deletions where file <> %s", [file])
    assert lair.owner.execute("select count(*) from fbs_file_deletions").fetchone() != (0,)
    claimed = lair.owner.execute("select c.file from fbs_claim_files() as c").fetchall()
    assert claimed == []


# From before


def test_what_was_prepared_before_shows_the_own_rows_only(lair: Lair) -> None:
    """Statements, plans of functions, and cursors of sessions that were open when isolation was switched on."""
    with lair.world.copy() as name:
        owner = lair.world.connect(OWNER, name)
        owner.execute("delete from fbs_custom_fields where solution_name ~ 'beta'; select fbs_isolate(false)")
        with Session(lair.world.connect(APP, name)) as session:
            session.run(
                "set plan_cache_mode = force_generic_plan; create temporary table mine (title text);"
                "prepare p as select title from fbs_dms_document order by id;"
                "prepare v as select title from fbs_documents_details order by id;"
                "prepare u as update fbs_dms_document set title = title returning title;"
                "prepare f (text) as select * from fbs_documents_search($1, 'name')"
            )
            session.run(
                "create function pg_temp.kept() returns setof text language plpgsql as"
                " 'begin return query select d.title::text from public.fbs_dms_document as d; end';"
                "create function pg_temp.kept_sql() returns setof text language sql as"
                " 'select d.title::text from public.fbs_dms_document as d';"
                "create temporary view kept as select title from fbs_dms_document"
            )
            asked = {
                "execute p": ROWS,
                "execute v": ROWS,
                "execute u": ROWS,
                "execute f('beta')": 0,
                "select pg_temp.kept()": ROWS,
                "select pg_temp.kept_sql()": ROWS,
                "table kept": ROWS,
            }
            for statement, count in asked.items():
                for _ in range(6):
                    assert len(session.run(statement)) > count, statement
            # What was fetched before is there: a cursor that outlives its transaction is a copy of its rows.
            session.run("declare held cursor with hold for select count(*) from fbs_dms_document")
            session.heard.clear()
            owner.execute("select fbs_isolate(true)")
            for statement, count in asked.items():
                assert len(session.run(statement)) == count, statement
            assert session.run("fetch all in held") == [(2 * ROWS,)]
            assert_heard_nothing(session)
        owner.close()


@pytest.mark.slow
def test_isolation_is_not_switched_on_under_an_open_cursor(lair: Lair) -> None:
    """The transaction that reads holds the tables: it is waited for, and the switch gives up."""
    with lair.world.copy() as name:
        owner = lair.world.connect(OWNER, name)
        owner.execute("delete from fbs_custom_fields where solution_name ~ 'beta'; select fbs_isolate(false)")
        with Session(lair.world.connect(APP, name)) as session:
            session.run("begin; declare c cursor for table fbs_dms_document; fetch 1 in c")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                owner.execute("select fbs_isolate(true)")
        owner.close()


# Later names


def test_later_names_show_and_write_the_own_rows_only(lair: Lair) -> None:
    problems = {}
    names = lair.owner.execute("select later_name, table_name from fbs_later_names order by 1").fetchall()
    with lair.connect() as session:
        for later, table in names:
            if table not in tables(lair):
                continue
            theirs = lair.world.of(BETA).ids[table]
            for statement, count in (
                (f"select * from {later}", ROWS),
                (f"select * from {later} where id = {theirs}", 0),
                (f"select * from {later} where id = {theirs} for update", 0),
                (f"update {later} set id = id returning *", ROWS),
                (f"update {later} set id = id where id = {theirs} returning *", 0),
                (f"delete from {later} where id = {theirs} returning *", 0),
                (f"select * from {later} as t where lair.leak(t::text)", ROWS),
            ):
                rows = session.run(statement)
                if len(rows) != count:
                    problems[statement] = str(rows)
            way = next((c for c in ("solution_name", "company_id", "business_id") if has(session, later, c)), None)
            if way:
                moved = f"update {later} set {way} = 'beta'"
                problems[moved] = session.refused(moved)
        assert_none(problems)
        assert_heard_nothing(session)


def has(session: Session, view: str, column: str) -> bool:
    query = "select count(*) from pg_attribute where attrelid = %s::regclass and attname = %s"
    return session.run(query, view, column) == [(1,)]
