"""While isolation is on, look-ups by record and the search use indexes as before, and find what a session may see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import fbs_db
from fbs_db.reads.drivers import RowSecurity
from fbs_db.reads.query import Query, restricted, select
from tests.support.connections import url_of
from tests.support.every_read import GROUPS, read_of
from tests.support.roles import role

#: Logins: of a solution, shared by all, listed without rights on tables, and with rights but not listed.
ACME, SHARED, BARE, UNLISTED = "fbs_s_acme", "fbs_s_shared", "fbs_s_bare", "fbs_s_unlisted"
LISTED = {ACME: (["acme"], False), SHARED: ([], True), BARE: (["acme"], False)}
#: Of the older documents of either solution each has the word "old", of which 700 are; of the newer ones none.
ROWS = """
insert into fbs_approval_requests (title, description, approval_type, requester_id, status, solution_name, request_data)
select
    'title ' || n, '', 'other', 1, case when n % 3 = 0 then 'pending' else 'approved' end,
    case when n % 2 = 0 then 'acme' else 'fbs_beta_db' end,
    jsonb_build_object('model_name', 'rentals.tenant', 'record_id', (n % 20)::text)
from generate_series(1, 400) as n;

insert into fbs_workflow_definitions (name, description, workflow_type, solution_name)
values ('lease', '', 'x', 'acme'), ('sale', '', 'x', 'beta');
insert into fbs_workflow_instances (workflow_definition_id, business_id, solution_name, workflow_data)
select
    1 + n % 2, 'shop', case when n % 2 = 0 then 'acme' else 'beta' end,
    jsonb_build_object('model_name', 'rentals.tenant', 'record_id', (n % 20)::text)
from generate_series(1, 400) as n;
insert into fbs_workflow_execution_logs (workflow_instance_id, action)
select n, 'started' from generate_series(1, 400) as n;

insert into fbs_dms_document_type (name, code) values ('letter', 'letter');
insert into fbs_dms_document_category (name) values ('all');
insert into fbs_dms_document
(name, title, document_type_id, category_id, created_by_id, company_id, metadata, created_at)
select
    'document ' || n,
    case when n <= 700 then 'old' else 'new' end || case when n % 350 = 1 then ' rare' else '' end, 1, 1, 1, c.company,
    jsonb_build_object('tenant', n % 400), timestamptz '2026-01-01' + n * interval '1 hour'
from generate_series(1, 820) as n
cross join (values ('acme'), ('beta')) as c (company);
insert into fbs_dms_document_tag (name) values ('seldom');
insert into fbs_dms_document_tags (document_id, documenttag_id)
select d.id, 1 from fbs_dms_document as d where d.name in ('document 5', 'document 6');
analyze;
"""
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "a word of many old documents": ("search", {"query": "old", "page_size": 800}),
    "a word of few": ("search", {"query": "rare"}),
    "two words, of which the second is met with far back": ("search", {"query": "old rare"}),
    "a tag": ("search", {"query": "seldom"}),
    "a word and a tag": ("search", {"query": "old seldom"}),
    "no document": ("search", {"query": "nothing"}),
    "a state that none has": ("search", {"query": "rare", "state": "archived"}),
    "a fact that few have": ("by_metadata", {"metadata": {"tenant": 7}}),
    "a fact that none has": ("by_metadata", {"metadata": {"tenant": -1}}),
}
LOOKUPS = ("approvals.requests", "approvals.pending", "workflow.runs")
TENANT = {"model_name": "rentals.tenant", "record_id": "6"}
FINDERS = {
    "fbs_find_approval_requests('rentals.tenant', '6')": 20,
    "fbs_find_workflow_runs('rentals.tenant', '6')": 20,
    "fbs_find_documents_by_words('acme', fbs_document_words('acme', 'rare')::text::tsquery, '{}', 'infinity', 0)": 3,
    """fbs_find_documents_by_metadata('acme', '{"tenant": 7}', 'infinity', 0, 50)""": 3,
}


@pytest.fixture
def shop(installed_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Rows of two solutions, and logins; isolation is on."""
    yield from isolated(installed_everywhere)


@pytest.fixture
def newest_shop(installed: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """As `shop`, on a server that tells plans."""
    yield from isolated(installed)


def isolated(connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    connection.autocommit = True
    connection.execute(ROWS.encode())
    with ExitStack() as roles:
        for name in (ACME, SHARED, BARE, UNLISTED):
            roles.enter_context(role(connection, name))
            if name in LISTED:
                listed = "insert into fbs_roles (role_name, work, solutions, is_shared) values (%s, 'app', %s, %s)"
                connection.execute(listed, [name, *LISTED[name]])
            if name != BARE:
                grant = sql.SQL("grant select, update on all tables in schema public to {}")
                connection.execute(grant.format(sql.Identifier(name)))
        connection.execute("select fbs_isolate(true)")
        yield connection


def as_login(connection: psycopg.Connection, name: str, solution: str = "") -> str:
    """The connection string of a login; of a shared one with its solution."""
    return make_conninfo(url_of(connection), user=name, options=f"-c fbs.solution={solution}" if solution else "")


def session(connection: psycopg.Connection, name: str, solution: str = "") -> psycopg.Connection:
    return psycopg.connect(as_login(connection, name, solution), autocommit=True)


def ids(found: Any) -> list[int]:
    return [row.id for row in found]


def looked_up(reader: Any, name: str, **arguments: Any) -> list[int]:
    group, _, method = name.partition(".")
    return ids(getattr(getattr(reader, group), method)(**arguments))


# --- what is found


def test_a_record_is_looked_up_among_the_rows_of_the_solution(shop: psycopg.Connection) -> None:
    for name in LOOKUPS:
        assert_looked_up(shop, name)


def assert_looked_up(shop: psycopg.Connection, name: str) -> None:
    table = "fbs_workflow_instances" if "workflow" in name else "fbs_approval_requests"
    data, order = ("workflow_data", "started_at") if "workflow" in name else ("request_data", "created_at")
    pending = "pending" in name
    expected = [
        number
        for (number,) in shop.execute(
            f"select id from {table} where solution_name = 'acme' and {data} ->> 'record_id' = '6'"
            f" {'and status = $$pending$$' if pending else ''}"
            f" order by {order} {'' if pending else 'desc'}, id {'' if pending else 'desc'}".encode()
        )
    ]
    for login, solution in ((ACME, ""), (SHARED, "acme")):
        with fbs_db.connect(as_login(shop, login, solution)) as reader:
            assert looked_up(reader, name, **TENANT) == expected != []
            group, _, method = name.partition(".")
            assert ids(getattr(getattr(reader, group), method).stream(**TENANT)) == expected
            assert looked_up(reader, name, **TENANT | {"record_id": "7"}) == []  # beta's
            assert looked_up(reader, name, **TENANT | {"model_name": "rentals.other"}) == []
            assert looked_up(reader, name, **TENANT, solution_name="beta") == []
            assert looked_up(reader, name, **TENANT, limit=2) == expected[:2]
    with fbs_db.connect(as_login(shop, UNLISTED)) as reader:
        assert looked_up(reader, name, **TENANT) == []
    with fbs_db.connect(url_of(shop)) as owner:
        assert looked_up(owner, name, **TENANT | {"record_id": "7"}) != []


def test_the_search_finds_what_the_owner_finds_of_the_company(shop: psycopg.Connection) -> None:
    for name, (method, arguments) in SEARCHES.items():
        assert_searched(shop, name, method, arguments)


def assert_searched(shop: psycopg.Connection, name: str, method: str, arguments: dict[str, Any]) -> None:
    with fbs_db.connect(url_of(shop)) as owner, fbs_db.connect(as_login(shop, ACME)) as reader:
        asked = getattr(reader.documents, method)
        found = asked("acme", **arguments)
        assert list(found) == list(getattr(owner.documents, method)("acme", **arguments))
        assert bool(found) != (name in ("no document", "a state that none has", "a fact that none has"))
        assert list(asked("beta", **arguments)) == []
        for number in (0, 1, len(found) - 1) if found else ():
            later = {"after_created_at": found[number].created_at, "after_id": found[number].id}
            assert list(asked("acme", **arguments | later)) == list(found)[number + 1 :]


def test_a_reader_that_was_opened_before_isolation_sees_no_other_solution(shop: psycopg.Connection) -> None:
    shop.execute("select fbs_isolate(false)")
    with fbs_db.connect(as_login(shop, ACME)) as reader:
        both = looked_up(reader, "approvals.requests", model_name="rentals.tenant", record_id="7")
        shop.execute("select fbs_isolate(true)")
        assert both != looked_up(reader, "approvals.requests", model_name="rentals.tenant", record_id="7") == []
        acmes = looked_up(reader, "approvals.requests", **TENANT)
    with fbs_db.connect(as_login(shop, ACME)) as reader:
        assert looked_up(reader, "approvals.requests", **TENANT) == acmes != []
        shop.execute("select fbs_isolate(false)")
        assert looked_up(reader, "approvals.requests", model_name="rentals.tenant", record_id="7") == both


def test_a_policy_of_the_hosts_own_decides_where_isolation_is_off(shop: psycopg.Connection) -> None:
    shop.execute("select fbs_isolate(false)")
    for table in ("fbs_approval_requests", "fbs_dms_document"):
        column, value = ("company_id", "beta") if "dms" in table else ("solution_name", "fbs_beta_db")
        shop.execute(f"create policy host on {table} using ({column} = '{value}')".encode())
        shop.execute(f"alter table {table} enable row level security".encode())
    with fbs_db.connect(as_login(shop, UNLISTED)) as reader:
        assert looked_up(reader, "approvals.requests", model_name="rentals.tenant", record_id="7") != []
        assert looked_up(reader, "approvals.requests", **TENANT) == []
        for method, arguments in (SEARCHES["a word of few"], SEARCHES["a fact that few have"]):
            assert len(getattr(reader.documents, method)("beta", **arguments)) == 3
            assert list(getattr(reader.documents, method)("acme", **arguments)) == []


def test_a_solution_goes_by_its_names_and_those_of_the_map(shop: psycopg.Connection) -> None:
    shop.execute("insert into fbs_solution_map values ('company_id', 'Acme Ltd', 'acme'), ('company_id', 'B', 'beta')")
    shop.execute("update fbs_roles set solutions = '{acme,third}' where role_name = %s", [ACME])
    shop.execute("insert into fbs_roles (role_name, work, solutions) values (%s, 'reader', '{}')", [ACME])
    names = "select array(select unnest(fbs_solutions(%s)) order by 1)"
    expected = ["acme", "djo_acme_db", "djo_third_db", "fbs_acme_db", "fbs_third_db", "third"]
    with session(shop, ACME, "beta") as connection:
        assert connection.execute(names, ["solution_name"]).fetchone() == (expected,)
        assert connection.execute(names, ["company_id"]).fetchone() == (["Acme Ltd", *expected],)
    shop.execute("update fbs_approval_requests set solution_name = '' where id = 1")
    with session(shop, SHARED) as connection:
        for solution in (None, ""):
            if solution is not None:
                connection.execute("select set_config('fbs.solution', %s, false)", [solution])
            assert connection.execute(names, ["company_id"]).fetchone() == ([],)
            assert connection.execute("select count(*) from fbs_approval_requests").fetchone() == (0,)


# --- what finds keys with the rights of FBS's owner


def test_keys_are_found_for_those_alone_who_may_read_the_rows(shop: psycopg.Connection) -> None:
    def found(login: str, call: str, solution: str = "") -> list[int] | None:
        with session(shop, login, solution) as connection:
            row = connection.execute(f"select {call}".encode()).fetchone()
            assert row
            keys: list[int] | None = row[0]
            return keys

    for acme, number in FINDERS.items():
        beta = acme.replace("acme", "beta").replace("'6'", "'7'")
        assert len(found(ACME, acme) or ()) == len(found(SHARED, acme, "acme") or ()) == number
        assert found(SHARED, beta, "beta")
        assert found(ACME, beta) == found(ACME, beta, "beta") == found(SHARED, acme, "beta") == []
        assert found(SHARED, acme) == found(UNLISTED, acme) == []
        assert found(BARE, acme) is None
    shop.execute("select fbs_isolate(false)")
    assert [found(ACME, acme) for acme in FINDERS] == [None] * len(FINDERS)


def test_tags_are_no_way_to_documents_of_others(shop: psycopg.Connection) -> None:
    every = "(select array_agg(n) from generate_series(1, 2000) as n)::bigint[]"
    call = (
        "cardinality(fbs_find_documents_by_words('{0}', fbs_document_words('{0}', 'nothing')::text::tsquery, "
        + every
        + ", 'infinity', 0))"
    )
    with session(shop, ACME) as connection:
        row = connection.execute(f"select {call.format('acme')}, {call.format('beta')}".encode()).fetchone()
        assert row == (820, 0)


OWN, THEIRS = (f"fbs_document_words('{name}', 'rare')::text::tsquery" for name in ("acme", "beta"))


@pytest.mark.parametrize("words", [THEIRS, f"{OWN} || {THEIRS}", f"!!{THEIRS}", "'rare'"])
def test_words_of_another_company_are_not_looked_for(shop: psycopg.Connection, words: str) -> None:
    """PostgreSQL counts the rows that an index finds, for everybody to read: so their words could be spelt out."""
    counted = (
        "select coalesce(sum(seq_tup_read + idx_tup_fetch), 0) from pg_stat_xact_user_tables"
        " where relname = 'fbs_dms_document'"
    )
    with session(shop, ACME) as connection, connection.transaction():
        call = f"select fbs_find_documents_by_words('acme', {words}, '{{}}', 'infinity', 0)"
        assert connection.execute(call.encode()).fetchone() == ([],)
        assert connection.execute(counted.encode()).fetchone() == (0,)


# --- how


@pytest.mark.parametrize("active", [False, True])
def test_a_source_is_asked_now_and_then_whether_policies_restrict_it(active: bool) -> None:
    """Where none do, a look-up is the statement that it always was."""
    session = RowSecurity()
    read = read_of("approvals", "requests")
    plain = select(read, "public", TENANT, limit=50)

    def sent(**arguments: str) -> Iterator[Query]:
        steps = GROUPS.approvals.requests._declared.steps("public", (), arguments, session)
        query = next(steps)
        yield query
        if "row_security_active" in query.text and not query.read:
            yield steps.send([(active,)])

    chosen = plain.isolated if active else plain
    assert chosen
    first, then = sent(**TENANT)
    assert (first.text, then.text) == (restricted(read, "public").text, chosen.text)
    assert [one.text for one in sent(**TENANT)] == [chosen.text]
    assert [one.isolated for one in sent(solution_name="acme")] == [None]


def plans(connection: psycopg.Connection, name: str, query: str, values: Any = ()) -> str:
    """The plans of a statement, those inside functions too, as a login; indexes are preferred as for many rows."""
    told: list[str] = []
    with psycopg.connect(url_of(connection), autocommit=True) as explained:
        explained.execute("load 'auto_explain'")
        for setting in (
            "log_min_duration = 0",
            "log_level = notice",
            "log_format = json",
            "log_nested_statements = on",
        ):
            explained.execute(f"set auto_explain.{setting}".encode())
        explained.execute(b"set enable_seqscan = off")
        explained.execute(sql.SQL("set session authorization {}").format(sql.Identifier(name)))
        explained.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        explained.execute(query.encode(), values)
    return "\n".join(told)


def test_a_record_is_looked_up_by_its_index(newest_shop: psycopg.Connection) -> None:
    for name in LOOKUPS:
        group, _, method = name.partition(".")
        query = select(read_of(group, method), "public", TENANT, limit=50).isolated
        assert query
        told = plans(newest_shop, ACME, query.text, query.parameters)
        assert re.search(r'"Index Name": "\w+_data_record_idx"', told), name


def test_the_search_uses_its_indexes(newest_shop: psycopg.Connection) -> None:
    words = plans(newest_shop, ACME, "select * from fbs_documents_search('acme', 'rare')")
    assert '"Index Name": "fbs_dms_document_words_idx"' in words
    facts = plans(newest_shop, ACME, """select * from fbs_documents_by_metadata('acme', '{"tenant": 7}')""")
    assert '"Index Name": "fbs_dms_document_metadata_idx"' in facts


def test_a_page_of_children_does_not_read_all_parents(newest_shop: psycopg.Connection) -> None:
    told = plans(newest_shop, ACME, "select * from fbs_workflow_log order by timestamp desc, id desc limit 5")
    assert '"Index Name": "fbs_workflow_instances_pkey"' in told
    assert "hashed" not in told
