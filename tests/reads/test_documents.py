"""What is read of documents: search, lists, details, categories, approvals, storage."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

import fbs_db
from fbs_db.errors import UsageError
from tests.support.connections import rows
from tests.support.reading import call, columns, one, view
from tests.support.sample_rows import add


def document(connection: psycopg.Connection, title: str, **values: Any) -> int:
    values = {"company_id": "a", "name": "D"} | values
    return add(connection, "fbs_dms_document", title=title, **values)[1]


def tag(connection: psycopg.Connection, name: str, *documents: int) -> int:
    number = add(connection, "fbs_dms_document_tag", name=name)[1]
    for document_id in documents:
        add(connection, "fbs_dms_document_tags", document_id=document_id, documenttag_id=number)
    return number


@pytest.fixture
def kinds(installed_everywhere: psycopg.Connection) -> psycopg.Connection:
    """With the first type and the first category."""
    add(installed_everywhere, "fbs_dms_document_type", name="Contract", code="contract")
    add(installed_everywhere, "fbs_dms_document_category", name="Top")
    return installed_everywhere


# --- search ---


def search(connection: psycopg.Connection, query: str | None, **arguments: Any) -> list[str]:
    found = call(connection, "fbs_documents_search", **({"company_id": "a", "query": query} | arguments))
    return [row["title"] for row in found]


@pytest.fixture
def shelf(kinds: psycopg.Connection) -> psycopg.Connection:
    lease = document(kinds, "Lease of Mill Lane 12", name="INV-2024/07", description="Rooms & parking, 3.5 years")
    permit = document(kinds, "Permit", name="PRM-1", description="for the lease of a stall")
    other = document(kinds, "Ärztliches Attest", name="x_y", description="O'Hara's certificate; 100% sure")
    document(kinds, "Lease elsewhere", company_id="b")
    tag(kinds, "urgent", lease, permit)
    tag(kinds, "Needs review", permit, other)
    return kinds


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("lease", ["Permit", "Lease of Mill Lane 12"]),  # the newest first
        ("LEASE", ["Permit", "Lease of Mill Lane 12"]),
        ("lea", ["Permit", "Lease of Mill Lane 12"]),
        ("ease", []),
        ("mill lease", ["Lease of Mill Lane 12"]),
        ("lease nowhere", []),
        ("inv", ["Lease of Mill Lane 12"]),
        ("2024", ["Lease of Mill Lane 12"]),
        ("INV-2024/07", ["Lease of Mill Lane 12"]),
        ("-2024", ["Lease of Mill Lane 12"]),
        ("3.5", ["Lease of Mill Lane 12"]),
        ("x_y", ["Ärztliches Attest"]),
        ("Ärzt", ["Ärztliches Attest"]),
        ("o'hara", ["Ärztliches Attest"]),
        ("100%", ["Ärztliches Attest"]),
        # Tags, alone and together with words of the text or of each other.
        ("urgent", ["Permit", "Lease of Mill Lane 12"]),
        ("urg", ["Permit", "Lease of Mill Lane 12"]),
        ("review", ["Ärztliches Attest", "Permit"]),
        ("urgent review", ["Permit"]),
        ("urgent mill", ["Lease of Mill Lane 12"]),
        ("stall urgent review", ["Permit"]),
        ("urgent certificate", []),
    ],
)
def test_search_finds_the_beginnings_of_words(shelf: psycopg.Connection, query: str, expected: list[str]) -> None:
    assert search(shelf, query) == expected


@pytest.mark.parametrize(
    "query",
    [None, "", "   ", "\t\n", "'", "''", "'''", "\\", "\\'", "!", "&", "|", "!!!", "& | !", "()", "(", ")", ":*", "<->",
     "%", "_", "-", "--", "/*", "<b>", "...", "\u2026\u2014", "$$", "{}", "\u200b"],
)  # fmt: skip
def test_a_query_without_words_finds_nothing(shelf: psycopg.Connection, query: str | None) -> None:
    assert search(shelf, query) == []


@pytest.mark.parametrize(
    "query",
    ["lease & mill", "lease' mill", "(lease mill", "lease | mill", "!lease mill", "lease:* mill", "lease <-> mill",
     "lease\\ mill", "lease'';mill--", '"lease mill"', "lease -mill", "%lease_mill%", "lease\u00a0mill",
     "\u201clease\u201d\u2014mill\u2026", "lease\u3001mill"],
)  # fmt: skip
def test_operators_mean_nothing_in_a_query(shelf: psycopg.Connection, query: str) -> None:
    assert search(shelf, query) == ["Lease of Mill Lane 12"]


def test_very_long_queries_are_searched_by_their_beginning(shelf: psycopg.Connection) -> None:
    assert search(shelf, "lease " * 500_000) == ["Permit", "Lease of Mill Lane 12"]
    assert search(shelf, "x" * 1_000_000) == []
    assert search(shelf, " ".join(f"w{number}" for number in range(100_000))) == []
    assert search(shelf, "lease " + "'" * 100_000) == ["Permit", "Lease of Mill Lane 12"]


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_no_query_is_an_error(installed: psycopg.Connection, query: str) -> None:
    add(installed, "fbs_dms_document", title=query[:200], name="n", company_id="a", description=query)
    add(installed, "fbs_dms_document_type")
    search(installed, query)
    installed.rollback()


def test_only_the_first_100_000_characters_are_searched(kinds: psycopg.Connection) -> None:
    document(kinds, "Ends there", description="é " * 49_990 + "last")  # 150,000 bytes
    document(kinds, "Goes on", description="é " * 50_010 + "beyond")
    assert search(kinds, "last") == ["Ends there"]
    assert search(kinds, "beyond") == []


def test_documents_of_any_length_can_be_written_and_found(kinds: psycopg.Connection) -> None:
    words = " ".join(f"word{number}" for number in range(300_000))
    document(kinds, "Many words", description=words)
    document(kinds, "One long word", description="y" * 3_000_000)
    document(kinds, "Letters", description=" ".join(chr(0x4E00 + number % 20000) for number in range(200_000)))
    document(kinds, "Odd", description="a-b/c.d@e:" * 300_000)
    document(kinds, "Long company", company_id="c" * 100, description=" ".join(map(chr, range(0x4E00, 0x9E00))))
    assert search(kinds, "word7 word12") == ["Many words"]
    assert search(kinds, "letters") == ["Letters"]


def test_search_within_a_state_kind_or_category(kinds: psycopg.Connection) -> None:
    kind = add(kinds, "fbs_dms_document_type")[1]
    category = add(kinds, "fbs_dms_document_category")[1]
    document(kinds, "Plan one")
    document(kinds, "Plan two", state="approved", document_type_id=kind)
    document(kinds, "Plan three", category_id=category)
    assert search(kinds, "plan") == ["Plan three", "Plan two", "Plan one"]
    assert search(kinds, "plan", state="approved") == ["Plan two"]
    assert search(kinds, "plan", document_type_id=kind) == ["Plan two"]
    assert search(kinds, "plan", category_id=category) == ["Plan three"]
    assert search(kinds, "plan", state="approved", category_id=category) == []
    assert search(kinds, "plan", company_id="none") == []


def test_pages_of_a_search_make_the_whole(kinds: psycopg.Connection) -> None:
    for number in range(9):
        document(kinds, f"plan {number}", created_at=f"2026-01-0{1 + number // 2} 00:00+00")
    whole = call(kinds, "fbs_documents_search", company_id="a", query="plan")
    pages: list[dict[str, Any]] = []
    while page := call(
        kinds,
        "fbs_documents_search",
        company_id="a",
        query="plan",
        page_size=2,
        **({"after_created_at": pages[-1]["created_at"], "after_id": pages[-1]["id"]} if pages else {}),
    ):
        pages += page
        assert len(pages) <= len(whole)
    assert pages == whole
    assert [row["title"] for row in whole] == [f"plan {number}" for number in range(8, -1, -1)]


@pytest.fixture(params=["a", "o'b\\c=d"])
def many(request: pytest.FixtureRequest, kinds: psycopg.Connection) -> tuple[psycopg.Connection, str]:
    """Seven hundred documents of a company, the first the newest, and one of another company."""
    kinds.execute(
        "insert into fbs_dms_document"
        " (name, title, description, state, document_type_id, category_id, created_by_id, company_id, metadata,"
        " created_at)"
        " select 'D', 'plan ' || n, 'every one', case when n > 690 then 'archived' else 'draft' end, 1, 1, 1, %s,"
        " jsonb_build_object('number', n, 'kind', case when n %% 70 = 0 then 'rare' else 'often' end),"
        " now() - n * interval '1 minute' from generate_series(1, 700) as n",
        [request.param],
    )
    document(kinds, "plan 7", company_id="b", metadata={"number": 7, "kind": "rare"})
    tag(kinds, "Seldom 7", 650, 3)
    return kinds, request.param


@pytest.mark.parametrize(
    ("query", "state", "expected"),
    [
        ("every", None, list(range(1, 701))),
        ("plan every", None, list(range(1, 701))),
        ("plan 7", None, [3, 7, *range(70, 80), 650, 700]),  # by tags, too
        ("plan 69", None, [69, *range(690, 700)]),
        ("699", None, [699]),
        ("seldom", None, [3, 650]),
        ("seldom every 65", None, [650]),
        ("seldom 4", None, []),
        ("every", "archived", list(range(691, 701))),
        ("69", "archived", list(range(691, 700))),
        ("every", "approved", []),
    ],
)
def test_search_among_many(
    many: tuple[psycopg.Connection, str], query: str, state: str | None, expected: list[int]
) -> None:
    connection, company = many
    found = search(connection, query, company_id=company, state=state, page_size=1000)
    assert found == [f"plan {number}" for number in expected]
    if len(found) > 5:
        page = call(connection, "fbs_documents_search", company_id=company, query=query, state=state, page_size=5)
        assert [row["title"] for row in page] == found[:5]
        after = {"after_created_at": page[-1]["created_at"], "after_id": page[-1]["id"]}
        assert search(connection, query, company_id=company, state=state, page_size=1000, **after) == found[5:]


def test_search_goes_on_past_documents_of_the_same_time(kinds: psycopg.Connection) -> None:
    """The index takes over after the newest hundred."""
    kinds.execute(
        "insert into fbs_dms_document (name, title, document_type_id, category_id, created_by_id, company_id)"
        " select 'D', 'plan ' || n, 1, 1, 1, 'a' from generate_series(1, 150) as n"
    )
    assert search(kinds, "4") == [*(f"plan {number}" for number in range(49, 39, -1)), "plan 4"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"kind": "often"}, list(range(1, 60))),
        ({"kind": "rare"}, list(range(70, 701, 70))),
        ({"number": 699}, [699]),
        ({"number": 701}, []),
    ],
)
def test_facts_among_many(many: tuple[psycopg.Connection, str], metadata: dict[str, Any], expected: list[int]) -> None:
    connection, company = many
    asked = {"company_id": company, "metadata": Jsonb(metadata)}
    found = call(connection, "fbs_documents_by_metadata", **asked, page_size=59)
    assert [row["id"] for row in found] == expected
    if len(found) > 5:
        after = {"after_created_at": found[4]["created_at"], "after_id": found[4]["id"]}
        later = call(connection, "fbs_documents_by_metadata", **asked, page_size=5, **after)
        assert [row["id"] for row in later] == expected[5:10]


def test_found_documents_bear_their_tags(shelf: psycopg.Connection) -> None:
    (found,) = call(shelf, "fbs_documents_search", company_id="a", query="stall")
    assert found["tags"] == ["Needs review", "urgent"]
    assert (found["document_state"], found["type_id"], found["filed_under_id"]) == ("draft", 1, 1)


# --- lists ---


def test_documents_by_metadata(kinds: psycopg.Connection) -> None:
    number = document(kinds, "one", metadata={"model_name": "tenants.tenant", "record_id": 7, "rooms": ["a", "b"]})
    later = document(kinds, "two", metadata={"model_name": "tenants.tenant", "record_id": "7"})
    document(kinds, "three", metadata={"model_name": "tenants.tenant", "record_id": 7}, company_id="b")

    def ids(metadata: str | None, **arguments: Any) -> list[int]:
        found = call(kinds, "fbs_documents_by_metadata", company_id="a", metadata=metadata, **arguments)
        return [row["id"] for row in found]

    assert ids('{"model_name": "tenants.tenant"}') == [later, number]
    assert ids('{"model_name": "tenants.tenant"}', page_size=1) == [later]
    ((when,),) = rows(kinds, f"select created_at from fbs_dms_document where id = {later}")
    after = {"after_created_at": when, "after_id": later}
    assert ids('{"model_name": "tenants.tenant"}', **after) == [number]
    assert ids('{"record_id": 7}') == [number]
    assert ids('{"rooms": ["b"]}') == [number]
    assert ids('{"rooms": ["c"]}') == []
    assert ids(None) == []
    with pytest.raises(psycopg.Error, match="which every document has") as raised:
        ids("{}")
    assert raised.value.sqlstate == "FB040"


def test_documents_in_short(kinds: psycopg.Connection) -> None:
    document(kinds, "one", expiry_date=str(date.today()), state="approved", approved_by_id=5)
    document(kinds, "two", expiry_date=str(date.today() - timedelta(1)))
    document(kinds, "three", company_id="b")
    found = view(kinds, "fbs_documents_overview", company_id="a")
    assert columns(found, "title", "document_type_name", "category_name", "days_left", "approved_by_id") == [
        ("one", "Contract", "Top", 0, 5),
        ("two", "Contract", "Top", -1, None),
    ]
    assert columns(view(kinds, "fbs_documents_overview", state="approved"), "title") == [("one",)]


def test_documents_of_a_solution_are_asked_for_with_the_company(kinds: psycopg.Connection) -> None:
    document(kinds, "one", solution_db="s")
    document(kinds, "two", solution_db="t")
    document(kinds, "three", solution_db="s", company_id="b")
    with fbs_db.connect(kinds) as fbs:
        assert [row.title for row in fbs.documents.overview(company_id="a", solution_db="s")] == ["one"]
        with pytest.raises(UsageError, match="Filter solution_db needs company_id"):
            fbs.documents.overview(solution_db="s")


@pytest.fixture
def ending(kinds: psycopg.Connection) -> psycopg.Connection:
    """Seen from 28 February 2024."""
    for title, ends in [
        ("long past", "2020-02-29"),
        ("yesterday", "2024-02-27"),
        ("today", "2024-02-28"),
        ("leap", "2024-02-29"),
        ("a month", "2024-03-29"),
        ("later", "2024-03-30"),
    ]:
        document(kinds, title, expiry_date=ends)
    document(kinds, "never")
    document(kinds, "put away", expiry_date="2024-02-28", state="archived")
    document(kinds, "not ours", expiry_date="2024-02-28", company_id="b")
    return kinds


def test_documents_that_cease_to_be_valid(ending: psycopg.Connection) -> None:
    def expiring(**arguments: Any) -> list[tuple[Any, ...]]:
        found = call(ending, "fbs_documents_expiring", company_id="a", on_date="2024-02-28", **arguments)
        return columns(found, "title", "days_left")

    assert expiring() == [("today", 0), ("leap", 1), ("a month", 30)]
    assert expiring(within_days=0) == [("today", 0)]
    assert expiring(within_days=-1) == []


def test_documents_past_their_last_day(ending: psycopg.Connection) -> None:
    def expired(**arguments: Any) -> list[tuple[Any, ...]]:
        found = call(ending, "fbs_documents_expired", company_id="a", on_date="2024-02-28", **arguments)
        return columns(found, "title", "days_expired")

    assert expired() == [("yesterday", 1), ("long past", 1460)]
    assert expired(since="2024-01-01") == [("yesterday", 1)]
    assert expired(page_size=1) == [("yesterday", 1)]


# --- one document ---


def test_a_document_with_all_that_belongs_to_it(kinds: psycopg.Connection) -> None:
    below = add(kinds, "fbs_dms_document_category", name="Leases", parent_id=1)[1]
    file = add(kinds, "fbs_dms_file_attachment", original_filename="scan.pdf", file_size=1024)[1]
    number = document(kinds, "Lease", category_id=below, attachment_id=file)
    tag(kinds, "urgent", number)
    tag(kinds, "flat", number)
    run = add(kinds, "fbs_dms_document_workflow", document_id=number)[1]
    for sequence, approver, status in [(2, 8, "pending"), (1, 7, "approved")]:
        add(
            kinds,
            "fbs_dms_document_approval",
            workflow_id=run,
            sequence=sequence,
            approver_id=approver,
            status=status,
        )
    (found,) = view(kinds, "fbs_documents_details", id=number)
    assert (found["document_type_code"], found["category_path"]) == ("contract", "Top / Leases")
    assert [each["name"] for each in found["tags"]] == ["flat", "urgent"]
    assert (found["attachment"]["original_filename"], found["attachment"]["file_size"]) == ("scan.pdf", 1024)
    assert (found["workflow"]["id"], found["workflow"]["status"]) == (run, "active")
    steps = [(step["sequence"], step["approver_id"], step["status"]) for step in found["approvals"]]
    assert steps == [(1, 7, "approved"), (2, 8, "pending")]


def test_a_document_with_nothing_beside_it(kinds: psycopg.Connection) -> None:
    number = document(kinds, "Bare")
    (found,) = view(kinds, "fbs_documents_details", id=number)
    assert columns([found], "tags", "attachment", "workflow", "approvals", "days_left", "category_path") == [
        ([], None, None, [], None, "Top")
    ]
    assert view(kinds, "fbs_documents_details", id=0) == []


# --- categories ---


def category(connection: psycopg.Connection, name: str, parent: int | None = None) -> int:
    return add(connection, "fbs_dms_document_category", name=name, parent_id=parent)[1]


def test_categories_have_their_way_down_from_the_top(installed_everywhere: psycopg.Connection) -> None:
    top = category(installed_everywhere, "Legal")
    middle = category(installed_everywhere, "Contracts", top)
    bottom = category(installed_everywhere, "Leases", middle)
    alone = category(installed_everywhere, "Tax")
    found = view(installed_everywhere, "fbs_documents_categories", order="path")
    assert columns(found, "id", "path", "path_ids", "depth", "in_cycle") == [
        (top, "Legal", [top], 1, False),
        (middle, "Legal / Contracts", [top, middle], 2, False),
        (bottom, "Legal / Contracts / Leases", [top, middle, bottom], 3, False),
        (alone, "Tax", [alone], 1, False),
    ]


def test_categories_in_a_circle_are_not_lost(installed_everywhere: psycopg.Connection) -> None:
    db = installed_everywhere
    one_ = category(db, "One")
    two = category(db, "Two", one_)
    below = category(db, "Below", two)
    itself = category(db, "Itself")
    db.execute("update fbs_dms_document_category set parent_id = %s where id = %s", (two, one_))
    db.execute("update fbs_dms_document_category set parent_id = id where id = %s", (itself,))
    found = view(db, "fbs_documents_categories")
    assert columns(found, "path", "depth", "in_cycle") == [
        ("Two / One", 2, True),
        ("One / Two", 2, True),
        ("One / Two / Below", 3, True),
        ("Itself", 1, True),
    ]
    assert [row["id"] for row in found] == [one_, two, below, itself]


# --- approvals ---


def test_decisions_a_user_is_still_to_take(kinds: psycopg.Connection) -> None:
    def run(title: str, status: str = "active") -> int:
        return add(kinds, "fbs_dms_document_workflow", document_id=document(kinds, title), status=status)[1]

    def step(workflow: int, sequence: int, status: str = "pending", approver: int = 7, required: bool = True) -> int:
        return add(
            kinds, "fbs_dms_document_approval", workflow_id=workflow, sequence=sequence, status=status,
            approver_id=approver, required=required,
        )[1]  # fmt: skip

    first = run("first")
    step(first, 1, "approved")
    step(first, 2, approver=8, required=False)
    step(first, 3)
    second = run("second")
    step(second, 1, approver=8)
    step(second, 2)
    step(run("over", "completed"), 1)
    step(run("dropped", "cancelled"), 1)
    step(run("failed", "failed"), 1)
    named = run("named")
    step(named, 1)
    awaited = step(named, 2)
    kinds.execute("update fbs_dms_document_workflow set current_step_id = %s where id = %s", (awaited, named))
    step(run("general", "general"), 1)
    found = view(kinds, "fbs_documents_pending_approvals", approver_id=7)
    assert columns(found, "document_title", "sequence", "is_turn") == [
        ("first", 3, True),  # the step before it may be skipped
        ("second", 2, False),
        ("named", 1, False),
        ("named", 2, True),
        ("general", 1, True),
    ]
    assert columns(view(kinds, "fbs_documents_pending_approvals", approver_id=8), "sequence", "is_turn") == [
        (2, True),
        (1, True),
    ]


# --- figures ---


def test_storage_of_a_company(kinds: psycopg.Connection) -> None:
    for name, size, kind, checksum, public in [
        ("a", 1000, "application/pdf", "x", True),
        ("b", 3000, "application/pdf", "y", False),
        ("c", 1000, "image/png", "x", False),
    ]:
        number = add(
            kinds, "fbs_dms_file_attachment", file=name, file_size=size, mime_type=kind, checksum=checksum,
            company_id="a", is_public=public, created_at="2024-01-01 00:00+00",
        )[1]  # fmt: skip
        if name != "b":
            document(kinds, name, attachment_id=number)
    add(kinds, "fbs_dms_file_attachment", file_size=77777, company_id="b")
    found = one(kinds, "fbs_documents_storage", company_id="a")
    assert found.pop("last_upload_at").isoformat().startswith("202")
    assert tuple(found.values()) == (3, 5000, 3000, 1, 1, 3000, 1, 1000)
    nothing = one(kinds, "fbs_documents_storage", company_id="none")
    assert tuple(nothing.values()) == (0, 0, None, 0, 0, 0, 0, 0, None)

    by_type = call(kinds, "fbs_documents_storage_by_type", company_id="a")
    assert [tuple(row.values()) for row in by_type] == [
        ("application/pdf", 2, 4000, Decimal("80.00")),
        ("image/png", 1, 1000, Decimal("20.00")),
    ]
    assert call(kinds, "fbs_documents_storage_by_type", company_id="none") == []


def test_documents_in_numbers(kinds: psycopg.Connection) -> None:
    kinds.execute("set timezone = 'UTC'")
    below = category(kinds, "Below", 1)
    document(kinds, "1", created_at="2024-01-31 00:00+00", expiry_date="2024-02-29")
    document(kinds, "2", created_at="2024-01-30 23:59+00", expiry_date="2024-03-01", state="approved")
    document(kinds, "3", created_at="2024-03-01 23:59+00", category_id=below, attachment_id=1)
    document(kinds, "4", created_at="2024-03-02 00:00+00", expiry_date="2020-01-01", state="archived")
    found = one(kinds, "fbs_documents_statistics", company_id="a", on_date="2024-03-01")
    assert found == {
        "document_count": 4,
        "recent_count": 2,
        "expired_count": 1,
        "without_file_count": 3,
        "by_state": {"draft": 2, "approved": 1, "archived": 1},
        "by_type": {"Contract": 4},
        "by_category": [
            {"path": "Top", "id": 1, "count": 3},
            {"path": "Top / Below", "id": below, "count": 1},
        ],
    }
    nothing = one(kinds, "fbs_documents_statistics", company_id="none")
    assert tuple(nothing.values()) == (0, 0, 0, 0, {}, {}, [])


def test_search_does_not_read_every_document(installed: psycopg.Connection) -> None:
    installed.execute("set session_replication_role = replica")
    installed.execute(
        "insert into fbs_dms_document (name, title, document_type_id, category_id, created_by_id, company_id)"
        " select 'D', 'document ' || n, 1, 1, 1, 'a' from generate_series(1, 5000) as n"
    )
    installed.execute("analyze fbs_dms_document")
    plan = "\n".join(
        line
        for (line,) in rows(
            installed,
            "explain select id from fbs_dms_document"
            " where fbs_document_words(company_id, name || ' ' || title || ' ' || description)"
            " @@ (select needed from fbs_document_query('a', '4711'))",
        )
    )
    assert "fbs_dms_document_words_idx" in plan


@pytest.mark.parametrize("metadata", [{}, []])
def test_facts_that_every_document_has_are_refused(installed: psycopg.Connection, metadata: Any) -> None:
    with fbs_db.connect(installed) as fbs, pytest.raises(UsageError, match="which every document has"):
        fbs.documents.by_metadata("a", metadata)
