"""A role that may do little learns what can be known, and which right is missing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from click.testing import CliRunner

import fbs_db
from fbs_db.cli import main
from fbs_db.errors import ConnectionFailed, ServerError
from tests.support.commands import on
from tests.support.connections import url_of
from tests.support.projects import Project
from tests.support.servers import Server

ROLE = "fbs_few_rights"


@pytest.fixture
def role(pg18: Server) -> Iterator[str]:
    """A role that may do what everybody may."""
    with psycopg.connect(pg18.url(), autocommit=True) as connection:
        connection.execute(f"create role {ROLE} login".encode())
    yield ROLE
    with psycopg.connect(pg18.url(), autocommit=True) as connection:
        databases = connection.execute(
            "select distinct datname from pg_shdepend inner join pg_database on dbid = pg_database.oid"
            " where refobjid = (select oid from pg_roles where rolname = %s)",
            [ROLE],
        ).fetchall()
        for (name,) in databases:
            with psycopg.connect(pg18.url(name), autocommit=True) as there:
                there.execute(f"drop owned by {ROLE}".encode())
        connection.execute(f"drop role {ROLE}".encode())


def as_role(project: Project) -> Project:
    where = {
        alias: {"NAME": name, "USER": ROLE, "HOST": project.server.host, "PORT": str(project.server.port)}
        for alias, name in project.databases.items()
    }
    return replace(project, environment={**project.environment, "HOST_DATABASES": json.dumps(where)})


@pytest.mark.slow
@pytest.mark.parametrize("usage", [True, False], ids=["catalogs", "no-usage-of-the-schema"])
def test_djangos_check_names_the_right_that_is_missing(role: str, newest: Project, usage: bool) -> None:
    newest.migrated()
    newest.select("drop index fbs_approval_responses_responder_id_idx")
    if not usage:
        newest.select("revoke usage on schema public from public")
    printed = as_role(newest).run("manage.py", "check", "--database", "default", code=1)
    assert "Traceback" not in printed
    assert "(fbs_db.E110)" in printed, "what the catalogs tell"
    assert "(fbs_db.W005) FBS in default: could not check whether your models are attached" in printed
    assert f"grant select on fbs_hosts to {ROLE};" in printed
    assert (f"grant usage on schema public to {ROLE};" in printed) is not usage
    assert "(fbs_db.W122)" not in printed, "which nobody could know"
    # With what it asks for, it knows everything.
    newest.select(f"grant usage on schema public to {ROLE}")
    newest.select(f"grant select on all tables in schema public to {ROLE}")
    printed = as_role(newest).run("manage.py", "check", "--database", "default", code=1)
    assert "(fbs_db.W005)" not in printed
    assert "140)" not in printed


@pytest.mark.slow
def test_djangos_check_without_a_way_in_and_without_time(role: str, newest: Project) -> None:
    newest.migrated()
    name = newest.databases["default"]
    newest.select(f"alter role {ROLE} set statement_timeout = '1s'")
    with psycopg.connect(newest.server.url(name)) as other:
        other.execute("lock table fbs_settings in access exclusive mode")
        done = as_role(newest).run("manage.py", "fbs", "check", code=2)
    assert "canceling statement due to statement timeout" in done
    assert "set statement_timeout = '1min'" in done
    newest.select(f'revoke connect on database "{name}" from public')
    assert "permission denied for database" in as_role(newest).run("manage.py", "fbs", "check", code=2)


def test_the_command_says_what_to_grant(role: str, installed: psycopg.Connection) -> None:
    installed.execute("revoke usage on schema public from public")
    installed.commit()
    url = url_of(installed, ROLE)
    for _ in range(3):
        report = fbs_db.check(url)
        assert report.healthy
        notes = [one for one in report.findings if one.kind == "privilege"]
        if not notes:
            break
        for note in notes:
            assert ROLE in note.mend
            if note.mend.endswith(";"):
                installed.execute(note.mend.encode())
                installed.commit()
            else:
                words = shlex.split(note.mend)
                assert on(installed, *words[words.index("grant") :]).exit_code == 0, note.mend
    assert not notes, "after what it says was granted"
    assert report.objects > 3000


@pytest.mark.slow
def test_no_time_to_look_is_no_health(role: str, installed: psycopg.Connection) -> None:
    """A function that is cancelled has not answered that all is well."""
    url = url_of(installed, ROLE)
    installed.execute(f"grant select on all tables in schema public to {ROLE}".encode())
    installed.execute(f"alter role {ROLE} set statement_timeout = '3s'".encode())
    # A view that takes long stands for a large queue.
    installed.execute("alter table fbs_cleanup_queue rename to queue")
    installed.execute("create view fbs_cleanup_queue as select q.* from queue as q where pg_sleep(30)::text = ''")
    installed.execute("insert into queue (model_name, operation) values ('a.b', 'sweep')")
    installed.execute("update queue set queued_at = '2020-01-01'")
    installed.execute(f"grant select on fbs_cleanup_queue to {ROLE}".encode())
    installed.commit()
    with pytest.raises(ServerError, match="statement timeout"):
        fbs_db.check(url)
    result = CliRunner().invoke(main, ["--database", url, "check"])
    assert result.exit_code == 2
    assert "statement_timeout" in result.stderr
    installed.execute(f"revoke connect on database {installed.info.dbname} from public".encode())
    installed.commit()
    with pytest.raises(ConnectionFailed, match="permission denied for database"):
        fbs_db.check(url)
