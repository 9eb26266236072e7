"""The guide to the host team's requests names tests, commands and objects that exist."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest

from fbs_db.cli import main
from tests.support import ROOT
from tests.support.pages import PAGES

TEXT = PAGES["requests"].read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
SCHEMA = (ROOT / "sql" / "schema.sql").read_text(encoding="utf-8")
MADE = re.findall(r"^CREATE (?:VIEW|FUNCTION|TABLE) (\w+)", SCHEMA, re.MULTILINE)


def named(section: str, pattern: str) -> list[Any]:
    return re.findall(f"`{pattern}`", re.sub(r"\s+", " ", section))


def test_each_of_the_thirteen_is_answered() -> None:
    assert [section.partition(".")[0] for section in SECTIONS] == [str(number) for number in range(1, 14)]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition(".")[0])
def test_what_answers_a_request_is_there(section: str) -> None:
    tests = named(section, r"(tests/[\w/]+\.py)::(\w+)")
    assert tests
    for path, name in tests:
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    for words in named(section, r"fbs-db ([^`]+)"):
        assert_typed_rightly(words.split())
    for name in named(section, r"(?:select \* from )?(fbs_\w+)(?:\(\))?"):
        assert name in {"fbs_db", *MADE}
    for module, name in named(section, r"fbs_db((?:\.[a-z_]+)+?)(\.view)?"):
        place = ROOT / f"fbs_db{module.replace('.', '/')}"
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        assert not name or "\nview = " in source.read_text(encoding="utf-8"), f"fbs_db{module}"
        assert source.exists(), source
    for name in named(section, r"(\d{4}_\w+)"):
        assert (ROOT / "sql" / f"{name}.sql").exists(), name


def assert_typed_rightly(words: list[str]) -> None:
    """They are a command and its options."""
    command: click.Command = main
    for word in words:
        options = {option for one in (main, command) for parameter in one.params for option in parameter.opts}
        if word.startswith("-"):
            assert word in options, f"{words}: {word}"
        elif isinstance(command, click.Group):
            assert word in command.commands, f"{words}: {word}"
            command = command.commands[word]
