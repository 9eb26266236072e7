"""README and the guides are complete, short and linked; `fbs-db help` prints them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from fbs_db.cli import main
from tests.support import ROOT
from tests.support.pages import PAGES, blocks

TEXTS = {page: path.read_text(encoding="utf-8") for page, path in PAGES.items()}
GUIDES = {page: text for page, text in TEXTS.items() if page != "README"}
CODES = re.findall(r"errcode = '(FB\w{3})'", "".join(path.read_text() for path in (ROOT / "sql").glob("0*.sql")))
CHECK_IDS = re.findall(
    r"fbs_db\.[EWI]\d{3}\b", "".join(path.read_text() for path in (ROOT / "fbs_db" / "django").glob("*.py"))
)


def commands(group: click.Group, path: str) -> Iterator[str]:
    """The commands that do something by themselves, as they are typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path} {name}"


COMMANDS = list(commands(main, "fbs-db"))


def printed(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["help", *words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_in_a_guide(command: str) -> None:
    assert [page for page, text in GUIDES.items() if re.search(rf"{command}\b", text)]


def test_readme_has_each_command_and_no_other() -> None:
    table = TEXTS["README"].partition("| command | does |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    listed = [f"fbs-db {name}" for name in re.findall(r"`([^`]+)`", "".join(cells))]
    assert sorted(listed) == sorted(COMMANDS)


def test_readme_is_short() -> None:
    assert len(TEXTS["README"].splitlines()) <= 200
    assert not re.search(r"(\$ |`)pip install '?fbs-db", "".join(TEXTS.values())), "there is no release yet"


def test_readme_lists_each_guide_with_its_summary() -> None:
    listed = dict(re.findall(r"^\* \[([\w-]+)\]\(fbs_db/guides/\1\.md\): (.+)$", TEXTS["README"], re.MULTILINE))
    assert listed == dict(re.findall(r"^  (\S+) +(.+)$", printed(), re.MULTILINE))
    assert listed.keys() == GUIDES.keys()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXTS[page]):
        assert link.startswith("https://") or (PAGES[page].parent / link).exists(), link


def test_files_in_the_walks_exist() -> None:
    named = re.findall(r"`(\w+/\w+\.py)`", GUIDES["architecture"].partition("## Walks")[2])
    assert [name for name in named if not (ROOT / "fbs_db" / name).exists()] == []
    assert len(named) > 15


@pytest.mark.parametrize("page", PAGES)
def test_lines_fit_a_terminal(page: str) -> None:
    assert [line for line in TEXTS[page].splitlines() if len(line) > 120 and not line.startswith("|")] == []


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_known_languages(page: str) -> None:
    files = {"toml", "ini", "yaml", "crontab"}
    assert {block.language for block in blocks(page)} <= {"console", "pycon", "python", "sql", *files}
    assert all(block.file for block in blocks(page) if block.language in files), "its first line names its file"


@pytest.mark.parametrize("page", GUIDES)
def test_help_prints_each_guide(page: str) -> None:
    assert printed(page).strip() == GUIDES[page].strip()


@pytest.mark.parametrize("code", sorted({*CODES, *CHECK_IDS, "0", "1", "2", "130", "143"}))
def test_help_prints_the_entry_of_each_code(code: str) -> None:
    for word in (code, code.lower(), code.removeprefix("fbs_db.")):
        entry = printed(word)
        assert re.match(r"### ", entry)
        assert code in entry.partition("\n")[0]
        assert entry.count("\n#") == 0


def test_help_knows_no_other_topic() -> None:
    said = printed("nothing", code=2)
    assert "Error: Unknown topic 'nothing'.\n" in said
    assert all(page in said for page in GUIDES)


def test_the_guide_to_errors_is_current() -> None:
    words = [sys.executable, str(ROOT / "scripts" / "write_errors.py"), "--check"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
