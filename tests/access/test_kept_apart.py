"""Of two solutions in one database, nobody sees, changes or is told anything of the one that is not theirs.

Whatever answers is taken from the catalog. An answer where both solutions are is compared with that where
there is only one.
"""

from __future__ import annotations

import pytest

from tests.support.attacks import assert_none, on_each_version
from tests.support.every_answer import OF_HEALTH, Answer, answers, ask, questions
from tests.support.isolated import (
    ACME,
    APP,
    LOGINS,
    NONE,
    READER,
    SECRET,
    SUPERUSER,
    Isolated,
    Login,
    isolated,
)

#: Tables of which no row belongs to a solution. Whoever may read or write one does so for all.
SHARED = {
    "fbs_business_rules", "fbs_cache_entries", "fbs_charts", "fbs_dashboards", "fbs_discovery_sessions",
    "fbs_dms_document_category", "fbs_dms_document_tag", "fbs_dms_document_type", "fbs_kpis",
    "fbs_license_manager_manager", "fbs_msme_templates", "fbs_odoo_databases", "fbs_odoo_fields", "fbs_odoo_models",
    "fbs_odoo_modules", "fbs_reports", "fbs_request_logs", "fbs_token_mappings",
}  # fmt: skip
#: Functions that a reader is refused, as they check a secret; views that it has no right on.
OF_SECRETS = {"fbs_operations_token_owner", "fbs_operations_verified_handshake", "lic_solution_license"}
#: Settings, and views on them and on rules. Nothing in them is of a solution; not everybody needs a right on them.
OF_STATE = {"fbs_cleanup_terms", "fbs_retention", "fbs_rule_states", "fbs_settings"}
#: Functions that say which solutions a session has, and which roles work; and in which database it is.
OF_SESSION = {"fbs_releases", "fbs_session_solutions", "fbs_solutions", "fbs_workers"}
OF_DATABASE = {"fbs_source"}


@pytest.fixture(params=["pg18"])
def world(request: pytest.FixtureRequest) -> Isolated:
    return isolated(request.getfixturevalue(request.param))


def answering(world: Isolated, work: str) -> list[Answer]:
    """Everything that answers those who were granted a work, and every table and view."""
    with world.connect(SUPERUSER) as connection:
        return answers(connection, (APP if work == "app" else READER).name)


#: What was asked as the owner, by server, work and solutions.
_owners: dict[tuple[str, str, frozenset[str]], dict[str, list[str]]] = {}


def as_owner(world: Isolated, work: str, has: frozenset[str]) -> dict[str, list[str]]:
    """What a work asks, with the answers that the owner gets where these solutions are."""
    key = (world.server.host, work, has)
    if key not in _owners:
        with world.connect(SUPERUSER, has) as asking:
            _owners[key] = {
                question.as_string(): ask(asking, question)
                for one in answering(world, work)
                for question in questions(one, world.facts.values())
            }
    return _owners[key]


def is_refused(rows: list[str]) -> bool:
    return rows[:1] != [] and rows[0].startswith("error 42501")


# Reading


@pytest.mark.parametrize(
    ("world", "login"),
    on_each_version(LOGINS, ("app_acme-set", "app_unlisted-set", "app_shared-set", "reader_both").__contains__),
    indirect=["world"],
)
def test_every_answer_is_as_if_there_were_no_other_solution(world: Isolated, login: Login) -> None:
    """Of tables, views and functions for readers, as it is for the owner; of all else, as it is for the same login."""
    with world.connect(SUPERUSER) as connection:
        (internal,) = connection.execute("select fbs_internal_tables()").fetchone() or ([],)
    refused = {*internal, *(OF_SECRETS if login.work == "reader" else ())} - OF_STATE
    owners = as_owner(world, login.work, login.sees)
    problems = {}
    with world.connect(login) as asking, world.connect(login, login.sees) as alone:
        for one in answering(world, login.work):
            for question in questions(one, world.facts.values()):
                named, rows = question.as_string(), ask(asking, question)
                is_own = not one.is_read or one.is_definer or one.name in refused | OF_HEALTH | OF_SESSION
                is_own = is_own or (one.name in OF_STATE and not one.columns)
                expected = ask(alone, question) if is_own else owners[named]
                if one.name in refused and not is_refused(rows):
                    problems[named] = f"{rows}, and it should be refused"
                elif rows != expected and one.name not in OF_DATABASE:
                    problems[named] = f"{rows} instead of {expected}"
                elif login.work == "reader" and (secret := SECRET.format("")) in str(rows) and secret not in named:
                    problems[named] = f"{rows}, which is secret"
    assert_none(problems)


def test_every_table_is_known_to_have_solutions_or_none(world: Isolated) -> None:
    with world.connect(SUPERUSER) as connection:
        internal, of_solutions, of_columns, of_children = connection.execute(
            "select fbs_internal_tables(), array(select t.table_name from fbs_solution_tables as t), array("
            " select distinct a.attrelid::regclass::text from pg_attribute as a"
            " inner join pg_class as c on a.attrelid = c.oid and c.relkind in ('r', 'p')"
            " where c.relnamespace = 'public'::regnamespace"
            " and a.attname = any('{solution,solution_name,solution_db,business_id,company_id}')), array("
            " select k.conrelid::regclass::text from pg_constraint as k"
            " inner join fbs_solution_tables as t on k.confrelid = t.table_id where k.contype = 'f')"
        ).fetchone() or ([], [], [], [])
    tables = {one.name for one in answering(world, "app") if one.kind == "table"}
    assert tables == {*internal, *of_solutions} | SHARED
    assert {*of_columns, *of_children} - {*internal} == {*of_solutions}
    assert {*world.of(ACME).ids} == {*of_solutions}


def test_every_read_of_rows_of_solutions_is_asked_for_some(world: Isolated) -> None:
    """Or the others would prove nothing. A new one is here by itself, and needs rows that it finds."""
    with_rows, without = (as_owner(world, "app", has) for has in (frozenset({ACME}), NONE))
    reads = [one for one in answering(world, "app") if one.is_read]
    found = {
        one.name
        for one in reads
        for question in questions(one, world.facts.values())
        if with_rows[question.as_string()] != without[question.as_string()]
    }
    of_solutions = {*world.of(ACME).ids}
    more: set[str] = of_solutions
    while more:
        more = {one.name for one in reads if one.mentions & of_solutions} - of_solutions
        of_solutions |= more
    definers = {one.name for one in reads if one.is_definer}
    assert of_solutions - found - OF_HEALTH - definers == set()


def test_every_function_with_its_owners_rights_is_asked_for_rows_of_solutions(world: Isolated) -> None:
    """It looks for what the session may see by itself, and has to find it."""
    definers = [one for one in answering(world, "app") if one.is_definer and one.name not in OF_SESSION]
    assert definers
    with world.connect(APP, frozenset({ACME})) as with_rows, world.connect(APP, NONE) as without:
        found = {
            one.name
            for one in definers
            for question in questions(one, world.facts.values())
            if ask(with_rows, question) != ask(without, question)
        }
    assert {one.name for one in definers} - found == set()


def test_applications_and_readers_execute_nothing_that_acts(world: Isolated) -> None:
    assert {one.name for work in ("app", "reader") for one in answering(world, work) if one.acts} == set()
