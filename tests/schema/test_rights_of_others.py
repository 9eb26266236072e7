"""A schema where others may create functions is refused: FBS's functions would call theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

import fbs_db
from fbs_db.errors import TargetError
from fbs_db.schema.migrate import plan
from tests.support.catalog import catalog
from tests.support.commands import on
from tests.support.connections import url_of
from tests.support.roles import role

#: FBS is to be the first one's; the other is of the host.
OWNER, OTHER = "fbs_of_suite", "fbs_of_other"
#: Calls that PostgreSQL gives to these rather than to its own: their arguments fit better.
PLANTED = """
create table ran (by name default current_user);
grant insert on ran to public;
create function cardinality(text[]) returns integer language plpgsql as $$
begin
    insert into ran default values;
    return array_length($1, 1);
end;
$$;
create function same(name, name) returns boolean language plpgsql as $$
begin
    insert into ran default values;
    return textregexeq($1::text, $2::text);
end;
$$;
create operator ~ (leftarg = name, rightarg = name, function = same);
"""


@pytest.fixture
def roles(empty_everywhere: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """An empty database where one role is to own FBS, and there is another one."""
    with role(empty_everywhere, OWNER), role(empty_everywhere, OTHER):
        yield empty_everywhere


def run(connection: psycopg.Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())
    connection.commit()


def statements_in(hint: str) -> list[str]:
    """The statements that an error tells to type."""
    lines = hint.split("owner:\n")[1].split("\nOr, ", maxsplit=1)[0].splitlines()
    assert all(line.endswith(";") for line in lines)
    return lines


def test_a_schema_of_before_postgresql_15_is_refused(roles: psycopg.Connection) -> None:
    run(roles, "grant create on schema public to public")
    before = catalog(roles)
    with pytest.raises(TargetError, match=r"^PUBLIC may create objects in schema public") as caught:
        fbs_db.migrate(url_of(roles, OWNER))
    assert "Nothing was changed." in caught.value.hint
    assert catalog(roles) == before
    assert statements_in(caught.value.hint) == [
        "revoke create on schema public from public;",
        f"grant create on schema public to {OWNER};",
    ]
    run(roles, *statements_in(caught.value.hint))
    assert fbs_db.migrate(url_of(roles, OWNER)).steps
    assert fbs_db.check(url_of(roles, OWNER)).healthy


def test_a_host_that_migrates_there_with_another_role_is_told_of_a_schema_of_its_own(
    roles: psycopg.Connection,
) -> None:
    run(roles, f"grant create on schema public to {OTHER}")
    with pytest.raises(TargetError, match=f"^{OTHER} may create objects in schema public") as caught:
        fbs_db.migrate(url_of(roles))
    assert statements_in(caught.value.hint) == [f"revoke create on schema public from {OTHER};"]
    assert "create schema fbs;" in caught.value.hint
    assert "migrate --schema fbs" in caught.value.hint
    run(roles, "create schema fbs")
    assert fbs_db.migrate(url_of(roles), schema="fbs").steps
    assert fbs_db.check(url_of(roles), schema="fbs").healthy


@pytest.mark.parametrize(
    "trusted",
    [
        f"grant create on schema public to {OWNER}",
        f"alter schema public owner to {OTHER}; grant create on schema public to {OWNER}",
        f"grant {OWNER} to {OTHER}; grant create on schema public to {OTHER}, {OWNER}",
        f"alter role {OTHER} superuser; grant create on schema public to {OTHER}, {OWNER}",
        "do $$ begin execute format('alter database %I owner to {0}', current_database()); end $$;"
        f" alter schema public owner to postgres; grant create on schema public to {OTHER}, pg_database_owner, {OWNER}",
    ],
    ids=["owner", "schema's owner", "member", "superuser", "database's owner"],
)
def test_some_may_create(roles: psycopg.Connection, trusted: str) -> None:
    run(roles, trusted.replace("{0}", OTHER))
    assert fbs_db.migrate(url_of(roles, OWNER)).steps
    assert [one for one in fbs_db.check(url_of(roles, OWNER)).findings if one.kind == "right"] == []
    roles.execute("alter schema public owner to pg_database_owner")
    roles.execute(b"do $$ begin execute format('alter database %I owner to postgres', current_database()); end $$")
    roles.commit()


def test_a_group_that_the_owner_is_in_is_no_owner(roles: psycopg.Connection) -> None:
    with role(roles, "fbs_of_group", "nologin"):
        run(roles, f"grant fbs_of_group to {OWNER}, {OTHER}; grant create on schema public to fbs_of_group")
        with pytest.raises(TargetError, match=r"^fbs_of_group may create objects") as caught:
            fbs_db.migrate(url_of(roles, OWNER))
        run(roles, *statements_in(caught.value.hint))
        assert fbs_db.migrate(url_of(roles, OWNER)).steps


@pytest.mark.parametrize(
    "call",
    [
        fbs_db.migrate,
        plan,
        fbs_db.adopt,
        fbs_db.repair,
    ],
    ids=["migrate", "dry run", "adopt", "repair"],
)
def test_nothing_that_others_made_there_is_called(roles: psycopg.Connection, call: Callable[[str], object]) -> None:
    run(roles, f"grant create on schema public to {OTHER}")
    with psycopg.connect(url_of(roles, OTHER)) as other:
        other.execute(PLANTED.encode())
    with pytest.raises(TargetError) as caught:
        call(url_of(roles))
    assert f"{OTHER} may create objects in schema public." in caught.value.message
    # The functions are still there when nobody may make any more.
    run(roles, f"revoke create on schema public from {OTHER}")
    with pytest.raises(TargetError) as caught:
        call(url_of(roles))
    assert f"cardinality(text[]) in schema public belongs to {OTHER}." in caught.value.message
    assert f"~ (operator) in schema public belongs to {OTHER}." in caught.value.message
    report = fbs_db.check(url_of(roles))
    assert {(one.kind, one.problem) for one in report.findings} == {("right", "belongs to another role")}
    assert roles.execute("select * from ran").fetchall() == []
    run(roles, *statements_in(caught.value.hint))
    assert fbs_db.migrate(url_of(roles)).steps


def test_a_superuser_is_not_lent_to_an_owner_whom_nobody_named(roles: psycopg.Connection) -> None:
    """Whoever may create could make himself FBS's owner, and wait."""
    run(roles, f"grant create on schema public to {OTHER}")
    with psycopg.connect(url_of(roles, OTHER)) as other:
        other.execute(PLANTED.encode())
        other.execute("create function fbs_owner() returns oid language sql return 1")
    with pytest.raises(TargetError, match=f"belongs to {OTHER}, and you are a superuser") as caught:
        fbs_db.migrate(url_of(roles))
    assert f" --role {OTHER} check" in caught.value.hint
    with pytest.raises(TargetError):
        fbs_db.migrate(url_of(roles, OWNER))
    assert roles.execute("select * from ran").fetchall() == []
    run(roles, "drop operator ~ (name, name); drop function fbs_owner(), cardinality(text[]), same(name, name)")
    run(roles, f"grant create on schema public to {OWNER}; revoke create on schema public from {OTHER}")
    fbs_db.migrate(url_of(roles, OWNER))
    with pytest.raises(TargetError, match=f"belongs to {OWNER}, and you are a superuser"):
        fbs_db.repair(url_of(roles))
    assert fbs_db.repair(f"{url_of(roles)}&options=-c%20role%3D{OWNER}").mends == ()


def test_it_is_found_later(roles: psycopg.Connection) -> None:
    fbs_db.migrate(url_of(roles))
    run(roles, f"grant create on schema public to {OTHER}")
    with psycopg.connect(url_of(roles, OTHER)) as other:
        other.execute(PLANTED.encode())
    report = fbs_db.check(url_of(roles))
    found = {one.object: one for one in report.findings}
    assert {one.kind for one in report.findings} == {"right"}, "nothing else was asked"
    assert (found["public"].problem, found["public"].found) == ("others may create", OTHER)
    assert roles.execute("select * from ran").fetchall() == []
    result = on(roles, "check")
    assert result.exit_code == 1
    assert f"revoke create on schema public from {OTHER};" in result.stdout
    run(roles, *(one.mend for one in sorted(report.findings, key=lambda one: one.object)[::-1]))
    assert fbs_db.check(url_of(roles)).healthy
