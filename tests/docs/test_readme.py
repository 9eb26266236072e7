"""What README shows of reading is what one gets."""

from __future__ import annotations

import doctest
import re

import psycopg
import pytest

from fbs_db.files import sql_directory
from tests.support import ROOT
from tests.support.connections import url_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
READING = README.partition("## Reading\n")[2].partition("\n## ")[0]


@pytest.fixture
def demo(installed: psycopg.Connection) -> psycopg.Connection:
    installed.execute((sql_directory() / "demo.sql").read_bytes())
    installed.commit()
    return installed


def test_reading_in_psql(demo: psycopg.Connection) -> None:
    shown = re.findall(r"^postgres=# (.+);\n (.+)\n-.*\n((?: .*\n)+)\(", READING, re.MULTILINE)
    assert len(shown) == 5
    for query, names, lines in shown:
        cursor = demo.execute(query.encode())
        assert [name.strip() for name in names.split("|")] == [column.name for column in cursor.description or ()]
        wanted = [[cell.strip() for cell in line.split("|")] for line in lines.splitlines()]
        text = "select " + ", ".join(f"({column.name})::text" for column in cursor.description or ())
        assert demo.execute(f"{text} from ({query}) as q".encode()).fetchall() == [tuple(line) for line in wanted]


def test_reading_in_python(demo: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url_of(demo))
    block = READING.partition("```pycon\n")[2].partition("```")[0]
    test = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
    assert len(test.examples) > 8
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)
