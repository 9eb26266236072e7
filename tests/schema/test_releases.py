"""What a release had stays: its SQL files, and all that is public."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

from fbs_db import files
from tests.support import ROOT
from tests.support.public import promised
from tests.support.releases import CHANGELOG, RELEASES, edited, gone, is_released

FROZEN = sorted(RELEASES.glob("[0-9]*"))
RELEASED = [path for path in FROZEN if is_released(path.name)]


def test_each_release_is_kept() -> None:
    headings = re.findall(r"^## (\d\S*)", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    left = {*headings} - {path.name for path in FROZEN}
    assert not left, "Type: .venv/bin/python scripts/freeze_release.py VERSION"


def test_no_released_file_is_edited() -> None:
    assert [said for frozen in RELEASED for said in edited(frozen, files.sql_directory())] == []


def test_all_that_was_public_still_is(installed: psycopg.Connection) -> None:
    present = promised(installed, every=True)
    assert [line for frozen in RELEASED for line in gone(frozen, present)] == [], "See fbs_db/guides/versions.md."


def test_a_released_file_that_is_edited_or_away_is_named(sql_copy: Path) -> None:
    frozen = Path(shutil.copytree(sql_copy, sql_copy.with_name("1.0.0")))
    assert list(edited(frozen, sql_copy)) == []
    (sql_copy / "0900_next.sql").write_text("select 1;\n")
    assert list(edited(frozen, sql_copy)) == []
    with (sql_copy / "0003_msme_models.sql").open("a") as file:
        file.write("\n")
    (sql_copy / "0010_document_models.rollback.sql").rename(sql_copy / "0011_document_models.rollback.sql")
    assert list(edited(frozen, sql_copy)) == [
        "sql/0003_msme_models.sql of release 1.0.0 was edited. Restore it, and write a new migration.",
        "sql/0010_document_models.rollback.sql of release 1.0.0 was renamed or removed."
        " Restore it, and write a new migration.",
    ]


def test_what_a_later_release_takes_away_is_named(installed: psycopg.Connection, tmp_path: Path) -> None:
    (frozen := tmp_path / "1.0.0").mkdir()
    (frozen / "public.txt").write_text("\n".join(promised(installed)))
    installed.execute(
        "alter table fbs_kpis add column weight numeric; create view fbs_more as select 1 as one;"
        "drop view fbs_approvals_pending; alter table fbs_kpis drop column target_value cascade;"
        "alter function fbs_work_queue(integer, boolean, bigint[]) rename to fbs_work_off;"
        "alter function fbs_setting(text) rename to fbs_value"
    )
    present = promised(installed, every=True)
    left = [line for line in gone(frozen, present, "1.1.0") if " fbs_approvals_pending." not in line]
    internal = [line for line in left if line.startswith("internal")]
    assert [line for line in left if "bi_" not in line] == [
        "column fbs_kpis.target_value numeric(15,2)",
        "function fbs_setting(setting text) returns text",
        *internal,
        "table fbs_approvals_pending",
    ]
    assert len(internal) == 1
    assert internal[0].startswith("internal function fbs_work_queue(")
    assert {*gone(frozen, present, "1.1.0")} - {*gone(frozen, present, "1.2.0")} == {*internal}
    assert gone(frozen, present, "2.0.0") == []


def test_a_list_has_each_kind_of_promise(installed: psycopg.Connection) -> None:
    assert {
        "command fbs-db attach host",
        "option fbs-db migrate --user-table",
        "argument fbs-db attach host TABLE",
        "exit 130",
        "sqlstate FB020",
        "error RowsAtStake is a UsageError",
        "parameter fbs_db.migrate(user_table)",
        "needed fbs_db.attach_host(table, model)",
        "field MigrateReport.steps",
        "read approvals.pending.stream",
        "row approvals.pending: id",
        "column fbs_cleanup_rules.rule_name text",
        "metric fbs_cleanup_entries(model, target, state)",
        "fixture fbs_database",
        "in Django fbs_db.django.health.view",
        "model ApprovalsPending",
        "class fbs_db.reads.approvals.ApprovalsPending",
    } <= {*promised(installed)}


def test_what_is_released_is_not_frozen_again(tmp_path: Path) -> None:
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changelog\n\n## 1.0.0 (2026-11-29)\n")
    assert is_released("1.0.0", changes)
    assert not is_released("1.0", changes)
    assert not is_released("1.1.0", changes)
    script = str(ROOT / "scripts" / "freeze_release.py")
    done = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "Name the release: freeze_release.py 1.0.0\n")
