"""Removing the files of deleted attachments: which, where from, and what is said about it."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

import fbs_db
from fbs_db.cleanup.attachments import FilesReport
from fbs_db.cli import main
from fbs_db.errors import UsageError
from tests.support.connections import Connect, url_of
from tests.support.servers import Server

INSERT = (
    "insert into fbs_dms_file_attachment (file, original_filename, file_size, mime_type, checksum, uploaded_by_id,"
    " company_id) values (%s, 'n', 1, 't', 'c', 1, 'c')"
)


@pytest.fixture
def db(installed: psycopg.Connection) -> psycopg.Connection:
    installed.autocommit = True
    return installed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "media"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "x").write_text("content")
    return root


def waits(connection: psycopg.Connection, *names: str) -> None:
    """Let files be those of deleted attachments."""
    for name in names:
        connection.execute(INSERT, (name,))
    connection.execute("delete from fbs_dms_file_attachment where file = any(%s)", (list(names),))


def named(connection: psycopg.Connection, name: str) -> None:
    connection.execute(INSERT, (name,))


def purge(connection: psycopg.Connection, root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--database", url_of(connection), "files", "purge", "--root", str(root), *words])


def purged(connection: psycopg.Connection, root: Path, give_up: tuple[str, ...] = ()) -> FilesReport:
    return fbs_db.purge_files(fbs_db.remover(root), url_of(connection), give_up=give_up)


# --- which


@pytest.mark.parametrize("other", ["a/x", "./a/x", "a//x", "a/./x", "a/b/../x", "/a/x", "a/x/", ".//a/../a/x"])
@pytest.mark.parametrize("deleted", ["a/x", "./a/x", "a//x", "a/./x", "a/b/../x"])
def test_a_file_stays_while_another_row_names_it_in_whatever_words(
    db: psycopg.Connection, root: Path, deleted: str, other: str
) -> None:
    waits(db, deleted)
    named(db, other)
    assert purged(db, root) == FilesReport((), ())
    assert (root / "a" / "x").exists()
    assert db.execute("select file from fbs_file_deletions").fetchall() == []
    waits(db, other)
    assert len(purged(db, root).removed) == (0 if other.startswith("/") else 1)


@pytest.mark.parametrize("other", ["a/X", "b/x", "x", "a/x ", "a/...x", "a/x.", "A/x", "a/b/x", "../a/x", "a"])
def test_a_file_of_another_name_keeps_none(db: psycopg.Connection, root: Path, other: str) -> None:
    waits(db, "a/x")
    named(db, other)
    assert purged(db, root).removed == ("a/x",)
    assert not (root / "a" / "x").exists()


def test_a_file_that_is_named_again_meanwhile_stays(db: psycopg.Connection, root: Path) -> None:
    waits(db, "0", "a/x")
    remove = fbs_db.remover(root)

    def delete(name: str) -> bool:
        named(db, "./a/x")
        return remove(name)

    assert fbs_db.purge_files(delete, url_of(db)) == FilesReport((), (), gone=("0",))
    assert (root / "a" / "x").exists()


@pytest.mark.slow
def test_a_file_that_an_open_transaction_may_have_named_stays(
    db: psycopg.Connection, second: Connect, root: Path
) -> None:
    waits(db, "a/x")
    other = second(db)
    with other.transaction():
        named(other, "a/x")
        report = purged(db, root)
        assert report.removed == ()
        assert report.failed == (("a/x", "a transaction that writes fbs_dms_file_attachment does not end"),)
        assert (root / "a" / "x").exists()
    assert purged(db, root) == FilesReport((), ())
    assert (root / "a" / "x").exists()


def test_one_that_ends_soon_is_waited_for(db: psycopg.Connection, second: Connect, root: Path) -> None:
    waits(db, "a/x")
    other = second(db)
    other.execute("begin")
    named(other, "elsewhere")
    ends = threading.Timer(0.5, other.execute, ["commit"])
    ends.start()
    assert purged(db, root).removed == ("a/x",)
    ends.join()


def test_while_one_file_is_removed_others_can_be_named(db: psycopg.Connection, second: Connect) -> None:
    """And what was done is noted file by file, whatever comes then."""
    waits(db, "first", "second")
    other = second(db)

    def delete(name: str) -> None:
        if name == "second":
            raise KeyboardInterrupt
        other.execute("delete from fbs_file_deletions where file = 'third'")

    with pytest.raises(KeyboardInterrupt):
        fbs_db.purge_files(delete, url_of(db))
    assert db.execute("select file, attempts from fbs_file_deletions").fetchall() == [("second", 0)]


# --- where from


def test_a_directory_that_is_swapped_for_a_link_leads_nowhere(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").touch()
    remove = fbs_db.remover(root)
    opened = os.open

    def swapping(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "a" and not (root / "a").is_symlink():  # between any look at it and the walk through it
            (root / "a").rename(root / "was")
            (root / "a").symlink_to(outside)
        return opened(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swapping)
    with pytest.raises(OSError, match="'a'"):
        remove("a/x")
    assert (outside / "x").exists()
    assert (root / "was" / "x").exists()
    with pytest.raises(ValueError, match="symbolic link: 'a'"):
        remove("a/x")


def test_directories_swapped_to_and_fro_never_lead_outside(tmp_path: Path, root: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    inside, link = root / "d", root / "link"
    link.symlink_to(outside)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            inside.rename(root / "away")
            link.rename(inside)
            inside.rename(link)
            (root / "away").rename(inside)

    inside.mkdir()
    swapper = threading.Thread(target=swap)
    remove = fbs_db.remover(root)
    swapper.start()
    removed = 0
    try:
        for number in range(2000):
            (outside / "x").touch()
            try:
                removed += remove("d/x")
            except (OSError, ValueError):
                removed += 0
            assert (outside / "x").exists(), number
    finally:
        over.set()
        swapper.join()
    assert removed == 0


def test_links_below_the_root_are_not_followed_and_the_root_may_be_one(tmp_path: Path, root: Path) -> None:
    (root / "link").symlink_to(root / "a")
    (root / "to_file").symlink_to(root / "a" / "x")
    (tmp_path / "linked").symlink_to(root)
    remove = fbs_db.remover(tmp_path / "linked")
    with pytest.raises(ValueError, match="symbolic link: 'link'"):
        remove("link/x")
    assert remove("to_file") is True
    assert (root / "a" / "x").exists()
    assert remove("a/x") is True
    assert remove("a/x") is False
    assert remove("no/such/directory") is False


# --- what is said


def test_what_lies_outside_is_reported_each_time_and_can_be_given_up(
    db: psycopg.Connection, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "out.pdf"
    outside.touch()
    waits(db, "../out.pdf", "/etc/hostname", "a/x")
    for removed in ("1 file removed.\n", "0 files removed.\n", "0 files removed.\n"):
        result = purge(db, root)
        assert result.exit_code == 1
        assert result.stdout == removed
        assert f"Error: ../out.pdf: ValueError: '../out.pdf' leads out of {root}\n" in result.stderr
        assert f"Error: /etc/hostname: ValueError: '/etc/hostname' is not a path below {root}" in result.stderr
        assert "--give-up NAME" in result.stderr
    report = json.loads(purge(db, root, "--json").stdout)
    assert [name for name, _ in report["failed"]] == ["../out.pdf", "/etc/hostname"]
    result = purge(db, root, "--give-up", "../out.pdf", "--give-up", "/etc/hostname")
    assert (result.exit_code, result.stdout, result.stderr) == (
        0, "Given up: ../out.pdf\nGiven up: /etc/hostname\n0 files removed.\n", "",
    )  # fmt: skip
    assert purge(db, root).exit_code == 0
    assert outside.exists()


def test_what_does_not_wait_cannot_be_given_up(db: psycopg.Connection, root: Path) -> None:
    waits(db, "../out", "a/x")
    result = purge(db, root, "--give-up", "../out", "--give-up", "../typo")
    assert result.exit_code == 2
    assert "No file '../typo' waits to be removed. Nothing was changed." in result.stderr
    assert (root / "a" / "x").exists()
    assert len(db.execute("select from fbs_file_deletions").fetchall()) == 2
    with pytest.raises(UsageError, match="'nothing' waits"):
        purged(db, root, ("nothing",))
    assert purged(db, root, ("../out",)) == FilesReport(("a/x",), (), given_up=("../out",))


def test_odd_names_are_told_apart_and_reported(db: psycopg.Connection, root: Path) -> None:
    (root / "two\nlines").touch()
    (root / "späß").touch()
    waits(db, "two\nlines", "späß", "a", ".", "a/..", "a/../..", "\x1b[31mred/../..", "gone", "a/x/deeper")
    report = purged(db, root)
    assert set(report.removed) == {"two\nlines", "späß"}
    assert report.gone == ("gone",)
    reasons = dict(report.failed)
    assert reasons["a"] == "ValueError: 'a' is a directory"
    assert reasons["."] == "ValueError: '.' is not a file name"
    assert reasons["a/.."] == "ValueError: 'a/..' is not a file name"
    assert "leads out of" in reasons["a/../.."]
    assert reasons["a/x/deeper"].startswith("NotADirectoryError: ")
    printed = purge(db, root)
    assert "Error: $'\\x1b[31mred/../..': ValueError" in printed.stderr
    assert "\x1b[31m" not in printed.stderr
    assert purged(db, root, tuple(reasons)).failed == ()


def test_without_a_right_it_is_said_and_nothing_is_lost(
    db: psycopg.Connection, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(db, "a/x")

    def refused(path: str, *, dir_fd: int) -> None:
        raise PermissionError(13, "Permission denied", path)  # root is never refused

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refused)
        assert purged(db, root).failed == (("a/x", "PermissionError: [Errno 13] Permission denied: 'x'"),)
    assert purged(db, root).failed == (("a/x", "PermissionError: [Errno 13] Permission denied: 'x'"),)
    db.execute("update fbs_file_deletions set next_attempt_at = now()")
    assert purged(db, root) == FilesReport(("a/x",), ())


def test_any_storage_may_fail_in_any_words(db: psycopg.Connection) -> None:
    waits(db, "a", "b")

    def delete(name: str) -> None:
        raise OSError("no \0 such \udcff")

    assert fbs_db.purge_files(delete, url_of(db)).failed == tuple(
        (name, "OSError: no \\0 such \\udcff") for name in ("a", "b")
    )


@pytest.mark.parametrize(("encoding", "name"), [("SQL_ASCII", b"sp\xe4t"), ("LATIN1", "spät".encode())])
def test_names_are_those_of_the_file_system_whatever_the_encoding(
    pg18: Server, root: Path, encoding: str, name: bytes
) -> None:
    database = f"fbs_files_{encoding.lower()}"
    with closing(psycopg.connect(pg18.url(), autocommit=True)) as connection:
        connection.execute(f"create database {database} encoding {encoding} template template0 locale 'C'".encode())
        try:
            url = pg18.url(database)
            fbs_db.migrate(url)
            (root / os.fsdecode(name)).touch()
            with psycopg.connect(url, autocommit=True) as at:
                queued = (
                    "insert into fbs_file_deletions (file)"
                    " values (convert_from(%s, %s)), ('../' || convert_from(%s, %s))"
                )
                of = "SQL_ASCII" if encoding == "SQL_ASCII" else "UTF8"
                at.execute(queued.encode(), (name, of, name, of))
            words = ["--database", url, "files", "purge", "--root", str(root)]
            result = CliRunner().invoke(main, words)
            assert (result.exit_code, result.stdout) == (1, "1 file removed.\n")
            assert "leads out of" in result.stderr
            assert CliRunner().invoke(main, [*words, "--give-up", "../" + os.fsdecode(name)]).exit_code == 0
        finally:
            connection.execute(f"drop database {database} with (force)".encode())
