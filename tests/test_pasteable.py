"""What a message tells to type can be pasted into a shell, whatever the names, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
from click.testing import CliRunner, Result

import fbs_db
from fbs_db.cli import main
from tests.conftest import url_of

#: Would do in a shell what nobody wants, where it is not quoted; and is hard to quote.
HOSTILE = "$(touch pwned)`touch pwned`;touch pwned;\"x\" 'y' \\ z"
SECRET = "s3cr3t-of-mine"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of it, with fbs-db on its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def mends(output: str) -> list[str]:
    return re.findall(
        r"^  mend:  ((?:.|\n(?! *(?:error|warning|note|found|expected|mend)|\d))*)$", output, re.MULTILINE
    )


def execute(connection: psycopg.Connection, statements: str) -> None:
    connection.execute(statements.encode())
    connection.commit()


DAMAGE = """
drop index fbs_approval_requests_request_data_record_idx;
alter table fbs_kpis disable trigger fbs_kpis_touch;
alter table fbs_kpis drop constraint fbs_kpis_created_by_id_fkey;
alter table fbs_charts drop constraint fbs_charts_created_by_id_fkey;
alter table fbs_charts add constraint fbs_charts_created_by_id_fkey foreign key (created_by_id)
references {users} on delete cascade;
alter table fbs_notifications drop constraint fbs_notifications_user_id_fkey;
insert into fbs_notifications (title, message, user_id) values ('a', 'b', 99);
alter table fbs_notifications add constraint fbs_notifications_user_id_fkey foreign key (user_id)
references {users} on delete cascade deferrable initially deferred not valid;
alter table {users} drop constraint if exists none;
alter table {tenants} disable trigger fbs_cleanup_delete;
drop table {rooms};
insert into fbs_cleanup_queue (model_name, operation, keys, attempts, error)
values ({model}, 'delete', '{{1}}', 1, 'no');
update fbs_settings set value = 'off' where name = 'cleanup';
update fbs_migrations set checksum = 'x' where migration_id = '0002_approval_system';
insert into fbs_app_cashentry (business_id, entry_date, entry_type, category, amount, description, payment_method)
values ('b', '2026-01-01', 'income', 'c', -1, 'd', 'shells');
insert into fbs_custom_fields (model_name, record_id, field_name, field_value) values ({model}, 5, 'a', 'b');
"""


def test_each_mend_of_check_runs_in_a_shell_and_mends(empty: psycopg.Connection, tmp_path: Path) -> None:
    """Users, host tables, models and the schema have names that a shell would obey."""
    url, schema = url_of(empty), HOSTILE.partition(" '")[0]
    here = quoted(schema)
    users, tenants, rooms = (f"{here}.{quoted(f'{HOSTILE}{n}')}" for n in range(3))
    execute(empty, f"create schema {here}")
    execute(empty, "".join(f"create table {table} (id bigint primary key);" for table in (users, tenants, rooms)))
    execute(empty, f"insert into {users} values (1)")
    where = ("--schema", schema)
    assert run("--database", url, "migrate", "--user-table", users, *where).exit_code == 0
    for table, model in ((tenants, HOSTILE), (rooms, "room")):
        fbs_db.attach_host(table, model, url, schema=schema)
    assert run("--database", url, "check", *where).exit_code == 0
    execute(empty, f"set search_path = {here}")
    execute(
        empty, DAMAGE.format(users=users, tenants=tenants, rooms=rooms, model="'" + HOSTILE.replace("'", "''") + "'")
    )
    pasted: list[str] = []
    for _ in range(2):  # what is mended brings other things to light
        found = run("--database", url, "check", "--data", *where)
        assert found.exit_code == 1
        typed = mends(found.stdout)
        assert len(typed) == found.stdout.count("mend:  ")
        for command in dict.fromkeys(typed):
            if command not in pasted:
                pasted += [command, *paste(command)]
    left = fbs_db.check(url, schema=schema, data=True).findings
    assert {one.problem for one in left} == {"value off the list", "negative amount"}
    assert not list(tmp_path.iterdir())


def paste(command: str) -> list[str]:
    """Type a command, and then what its answer tells to type, which is returned."""
    done = shell(command)
    assert done.returncode in (0, 1), (command, done.stderr)  # 1: what it looked at is at fault
    told = re.search(
        r"(?:Do it|Run what is not commented out|by each column's own rule): (.*)$",
        done.stdout + done.stderr,
        re.MULTILINE,
    )
    return [told[1], *paste(told[1])] if told else []
