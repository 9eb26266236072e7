"""Reading, ordering and checking the SQL files; no database is needed for that."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from fbs_db import files
from fbs_db.errors import BadMigrationFiles, UsageError
from tests.support import ROOT
from tests.support.catalog import listed_tables

BY_NAME = {table["table"] for table in listed_tables()}
NAMED_BY_THE_HOST_TEAM = [
    "0001_initial",
    "0002_approval_system",
    "0003_msme_models",
    "0004_workflow_models",
    "0005_bi_models",
    "0006_compliance_models",
    "0007_accounting_models",
]


def write(directory: Path, name: str, text: str = "select 1;\n") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def test_the_shipped_files_are_in_order_each_with_its_rollback() -> None:
    shipped = files.load()
    assert [file.id for file in shipped] == sorted(file.id for file in shipped)
    assert [file.id for file in shipped][:7] == NAMED_BY_THE_HOST_TEAM
    assert all(file.rollback_sql for file in shipped)


def test_ten_components_hold_the_tables_and_stand_on_the_first_file_alone() -> None:
    every = files.load()
    first, *others = every
    by_id = {file.id: file for file in every}
    others = [file for file in others if file.component != "base"]
    assert list(dict.fromkeys(file.component for file in others)) == [
        "approvals", "msme", "workflow", "bi", "compliance", "accounting", "core", "discovery", "dms", "licensing",
    ]  # fmt: skip
    for file in others:
        # Each stands on files of its own component, and those on the first.
        depends = [by_id[name] for name in file.depends]
        assert {other if other is first else other.component for other in depends} <= {first, file.component}


def test_what_a_file_makes_is_known() -> None:
    made = dict.fromkeys(name for file in files.load() for kind, name in file.creates if kind == "table")
    assert len({name for name in made if name in BY_NAME}) == 49
    first = files.load()[0]
    assert ("domain", "fbs_user_id") in first.creates
    assert ("function", "fbs_touch") in first.creates


def test_dependencies_come_first_whatever_the_numbers_say(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql", "-- depends: 0003_c\nselect 1;")
    write(tmp_path, "0002_b.sql")
    write(tmp_path, "0003_c.sql")
    assert [file.id for file in files.load(tmp_path)] == ["0002_b", "0003_c", "0001_a"]


def test_the_checksum_is_of_the_content_not_of_line_endings(tmp_path: Path) -> None:
    path = write(tmp_path, "0001_a.sql", "select 1;\nselect 2;\n")
    before = files.load(tmp_path)[0].checksum
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert files.load(tmp_path)[0].checksum == before
    path.write_text("select 1;\nselect 3;\n")
    assert files.load(tmp_path)[0].checksum != before


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("0001_b.sql", b"select 1;", "Two files have the number 0001: 0001_a.sql and 0001_b.sql"),
        ("0002_b.sql", b"-- depends: 0009_z\nselect 1;", "0002_b.sql depends on 0009_z, which is not in"),
        ("0002_b.sql", b"-- depends: 0002_b\nselect 1;", "0002_b"),
        ("2_b.sql", b"select 1;", "does not have the name of a migration"),
        ("0002-b.sql", b"select 1;", "does not have the name of a migration"),
        ("0002_b.sql", b"select '\xff';", "0002_b.sql cannot be read"),
        ("0002_b.sql", b"-- transactional: false\nselect 1; select 2;", "must hold exactly one statement"),
        ("0002_b.sql", b"-- transactional: maybe\nselect 1;", "neither true nor false"),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    write(tmp_path, "0001_a.sql")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadMigrationFiles, match=complaint):
        files.load(tmp_path)


def test_a_circle_of_dependencies_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql", "-- depends: 0002_b\nselect 1;")
    write(tmp_path, "0002_b.sql", "-- depends: 0001_a\nselect 1;")
    with pytest.raises(BadMigrationFiles, match=r"[Cc]ircular.*0001_a, 0002_b"):
        files.load(tmp_path)


def test_only_the_circle_is_named(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql", "-- depends: 0002_b\nselect 1;")
    write(tmp_path, "0002_b.sql", "-- depends: 0001_a\nselect 1;")
    write(tmp_path, "0003_c.sql", "-- depends: 0002_b\nselect 1;")
    with pytest.raises(BadMigrationFiles, match="among 0001_a, 0002_b, in"):
        files.load(tmp_path)


def test_a_header_ends_with_the_first_statement(tmp_path: Path) -> None:
    write(tmp_path, "0001_a.sql", "--component:base\n\n  -- provides: x y\nselect 1;\n-- provides: z\n")
    (file,) = files.load(tmp_path)
    assert (file.component, file.provides, file.depends) == ("base", ("x", "y"), ())
    assert files.provided([file], {"0001_a"}) == {"x", "y"}
    assert files.provided([file], set()) == set()


def test_each_feature_is_provided_by_one_file_with_what_code_calls() -> None:
    calls = {
        files.USER_LINK: "fbs_link_users",
        files.HOST_LINK: "fbs_compile_rules",
        files.ISOLATION: "fbs_keep_isolated",
        files.ROLES: "fbs_grant_roles",
    }
    provided = {feature: file for file in files.load() for feature in file.provides}
    assert sorted(provided) == sorted(feature for file in files.load() for feature in file.provides) == sorted(calls)
    made_by = {name: file.id for file in files.load() for kind, name in file.creates if kind == "function"}
    assert all(made_by[calls[feature]] <= file.id for feature, file in provided.items())


def test_a_directory_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no migration"):
        files.load(tmp_path)
    with pytest.raises(UsageError, match="no directory"):
        files.load(tmp_path / "nowhere")


def test_a_file_is_found_by_the_start_of_its_name() -> None:
    shipped = files.load()
    assert files.find(shipped, "0003").id == "0003_msme_models"
    assert files.find(shipped, "0003_msme_models.sql").id == "0003_msme_models"
    for name, complaint in [("0099", "Unknown migration '0099'"), ("000", "More than one"), ("", "More than one")]:
        with pytest.raises(UsageError, match=complaint):
            files.find(shipped, name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  ;; ;\n", []),
        ("select 1", [(0, "select 1")]),
        ("-- a; b\nselect ';' ; select 2;", [(8, "select ';' ;"), (21, "select 2;")]),
        ("/* x; /* ; */ ; */ select 1;", [(19, "select 1;")]),
        ("select $$;$$, $a$ ; $$ $a$; x", [(0, "select $$;$$, $a$ ; $$ $a$;"), (28, "x")]),
        ("select \";\", 'it''s;', E'\\';';\n\nx;", [(0, "select \";\", 'it''s;', E'\\';';"), (31, "x;")]),
        ("select 1 /* ; */ + 2; -- end;", [(0, "select 1 /* ; */ + 2;")]),
    ],
)
def test_statements_are_told_apart(text: str, found: list[tuple[int, str]]) -> None:
    assert list(files.statements(text)) == found


@pytest.mark.slow
def test_the_wheel_carries_the_files(tmp_path: Path) -> None:
    import subprocess
    import sys

    root = ROOT
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(root)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("fbs_db-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {f"fbs_db/sql/{path.name}" for path in (root / "sql").iterdir()} <= packed
    assert {"fbs_db/py.typed", "fbs_db/schema/snapshot.json", "fbs_db/schema/snapshot.sql"} <= packed
    assert not any(name.startswith("tests") for name in packed)


NUMBERED = sorted(path for path in (ROOT / "sql").glob("0*.sql") if not path.name.endswith(".rollback.sql"))


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)
def test_what_a_file_holds(path: Path) -> None:
    """It undoes nothing that another makes; models files hold no views, and files of views nothing that is stored."""
    text = path.read_text()
    begins = set(
        re.findall(r"^(\w+(?: (?:or replace|unique|table|index|view|statistics|trigger))?)\b", text, re.MULTILINE)
    )
    assert text.count("\n") <= 450
    assert not begins & {"drop", "drop table", "drop index", "drop view", "drop trigger", "create or replace"}
    if path.stem.endswith("_models"):
        assert "create view" not in begins
    if path.stem.endswith("_views"):
        assert not begins & {"create table", "create index", "create unique", "create statistics", "create trigger"}
