"""No terminal obeys what rows, names and errors hold; programs get them unchanged."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence

import psycopg
import pytest
from psycopg import sql

from fbs_db.cli.output import LogFormatter, print_exact, style, visible
from tests.support.commands import on
from tests.support.connections import url_of
from tests.support.terminal import on_terminal

#: Sets the title, colours, goes back to the start of the line, and begins a sequence in one byte.
NASTY = "\x1b]0;title\x07\x1b[31mred\r\x9b2J\x7f\u202eback"
ESCAPED = r"\x1b]0;title\x07\x1b[31mred\r\x9b2J\x7f\u202eback"


def obeyed(shown: str) -> list[str]:
    """What a terminal would obey, but for line ends and our own colours."""
    return re.findall(
        r"(?:(?!\x1b\[\d*m|\r?\n)[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e])+", shown.replace("\r\n", "\n")
    )


@pytest.mark.parametrize(
    "words",
    [["tables"], ["describe", "fbs_kpis"], ["check"], ["cleanup", "status"], ["describe", NASTY]],
    ids=lambda words: " ".join(words[:2]) if NASTY not in words else "an error",
)
def test_a_terminal_obeys_no_name_comment_or_error(installed: psycopg.Connection, words: Sequence[str]) -> None:
    text, name = sql.Literal(NASTY), sql.Identifier(NASTY)
    installed.execute(sql.SQL("comment on table fbs_kpis is {}").format(text))
    installed.execute(sql.SQL("create index {} on fbs_kpis (id)").format(name))
    installed.execute(
        "insert into fbs_cleanup_queue (operation, model_name, keys, error) values ('delete', %s, '{1}', %s)",
        (NASTY, NASTY),
    )
    installed.commit()
    _, shown = on_terminal("--database", url_of(installed), *words)
    assert r"\x1b]0;title\x07\x1b[31mred" in shown
    assert obeyed(shown) == []


def test_programs_get_json_and_sql_unchanged(
    installed: psycopg.Connection, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    installed.execute(sql.SQL("comment on table fbs_kpis is {}").format(sql.Literal(NASTY)))
    installed.commit()
    (kpis,) = [row for row in json.loads(on(installed, "tables", "--json").stdout) if row["name"] == "fbs_kpis"]
    assert kpis["comment"] == NASTY
    print_exact(f"select '{NASTY}';")
    assert capfdbinary.readouterr().out.decode() == f"select '{NASTY}';\n"


def test_the_log_is_obeyed_by_no_terminal_and_holds_no_password() -> None:
    record = logging.makeLogRecord({"msg": "PostgreSQL: %s, password 'secret'", "args": (NASTY,)})
    assert LogFormatter().format(record) == f"PostgreSQL: {ESCAPED}, password ***"


def test_our_own_colours_stay() -> None:
    assert visible(style(NASTY, fg="red", bold=True)) == f"\x1b[31m\x1b[1m{ESCAPED}\x1b[0m"
    assert visible("späß\tund\nmehr — 漢字 👩‍👩‍👧") == "späß\tund\nmehr — 漢字 👩‍👩‍👧"
