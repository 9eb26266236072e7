"""Under Django the tie of the users is a run of its own: all columns or none, and what stays is said."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.projects import Project

TIED = "select count(*) from fbs_user_columns where user_table is not null"


@pytest.mark.slow
def test_a_busy_user_table_leaves_the_files_and_says_so(newest: Project) -> None:
    newest.having(apps=[]).manage("migrate")
    url = newest.server.url(newest.databases["default"])
    with psycopg.connect(url, application_name="gunicorn") as host:
        host.execute("update accounts_person set id = id")
        printed = newest.manage("migrate", code=2)
        assert "Nothing was changed" not in printed
        assert "No user column was tied. The migrations before it, FBS's included, stay applied." in printed
        assert f"accounts_person is in use by process {host.info.backend_pid} (gunicorn as postgres, since 2" in printed
        assert newest.select("select count(*) > 20 from fbs_migrations") == [(True,)]
        assert newest.select(TIED) == [(0,)]
    assert "22 user columns of FBS tied to accounts_person." in newest.manage("migrate")
    assert newest.select(TIED) == [(22,)]
