"""README's blocks, typed in order on a clean clone, print what it shows; three dots stand for anything."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tests.support import ROOT
from tests.support.servers import Server

README = (ROOT / "README.md").read_text(encoding="utf-8")
#: The database that README names, as it is given and as it is shown.
THEIRS = ("postgresql://app@db.example:5432/app", "postgresql://app@db.example/app")
#: What is tested as a whole elsewhere, or installs what is installed.
NOT_TYPED = ("make test", "make lint", "make schema", "make bench", "pip install .")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Block:
    """A block of README: the heading it is under, its language and its text."""

    heading: str
    language: str
    text: str


def blocks() -> list[Block]:
    found = []
    for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```", README, re.MULTILINE | re.DOTALL):
        heading = re.findall(r"^## (.*)$", README[: match.start()], re.MULTILINE)[-1]
        found.append(Block(heading, match[2], textwrap.dedent(match[3])))
    return found


def typed(heading: str, language: str = "console") -> list[str]:
    return [block.text for block in blocks() if (block.heading, block.language) == (heading, language)]


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what is shown after it; a program's prompt is part of what is typed."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def statements(text: str) -> tuple[str, str]:
    """What is typed at psql's prompt, and all that is shown."""
    said, shown, open_ = [], [], False
    for line in text.splitlines():
        at_prompt = re.match(r"postgres=\*?# (.*)", line)
        if at_prompt or open_:
            said.append(at_prompt[1] if at_prompt else line)
            open_ = not said[-1].rstrip().endswith(";") and not said[-1].startswith("\\")
        else:
            shown.append(line)
    return "\n".join(said) + "\n", "\n".join(shown)


def assert_shown(printed: str, shown: str) -> None:
    """What was printed is what README shows."""
    pattern = ""
    for line in filter(None, (line.rstrip() for line in shown.splitlines())):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        one = ".*".join(re.escape(piece) for piece in line.split("..."))
        one = re.sub(r"(\\ )+\d+\\ ms", r" +\\d+ ms", one)  # how long it took
        pattern += re.sub(r"in\\ \d+\\\.\d+\\ s", r"in \\d+\\.\\d+ s", one) + "\n"
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if line.strip())
    assert re.fullmatch(pattern, lines), f"README shows:\n{shown}\nbut there is:\n{lines}"


@dataclass
class Shell:
    """A shell in a directory, with fbs-db on its path."""

    directory: Path
    bin: Path
    theirs: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not re.match("PG|DATABASE_URL|DJANGO", name)}
        self.variables |= kept | {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.directory),  # nobody's .psqlrc
            "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
            "COLUMNS": "120",
        }

    def run(self, command: str, stdin: str | None = None, code: int = 0) -> str:
        """What a command prints; where nothing is said for its input, somebody is there to say yes."""
        for name in THEIRS if self.theirs else ():
            command = command.replace(name, f"'{self.theirs}'")
        if variable := re.fullmatch(r"export (\w+)='?([^']*)'?", command):
            self.variables[variable[1]] = variable[2]
            return ""
        ours, theirs = pty.openpty()
        os.write(ours, b"y\n")
        try:
            done = subprocess.run(
                ["bash", "-c", command],
                **({"stdin": theirs} if stdin is None else {"input": stdin}),
                cwd=self.directory,
                env=self.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        printed = str(done.stdout)
        assert done.returncode == code, f"{command}\n{printed}"
        return printed.replace(self.theirs, THEIRS[1]) if self.theirs else printed

    def type(self, text: str, before: Callable[[str], int] = lambda command: 0) -> None:
        """Type a block; ``before`` is told each command, and says with which code it will end."""
        for command, rest in commands(text):
            if command.startswith(NOT_TYPED):
                continue
            code = before(command)
            said, shown = statements(rest) if "postgres=# " in rest else (None, rest)
            if command.split("#")[0].rstrip().endswith(" psql") and said is None:
                said = "select 1;\n"
            printed = self.run(command, said, code)
            if shown.strip():
                assert_shown(printed, shown)

    def psql(self, text: str) -> None:
        said, shown = statements(text)
        assert_shown(self.run("fbs-db psql", said), shown)


@pytest.fixture
def fresh(pg18: Server) -> Iterator[Callable[[str, str], str]]:
    """Makes a database of a name, in which statements were run; its URL."""
    made: list[str] = []

    def make(name: str, script: str) -> str:
        made.append(pg18.create(name))
        with psycopg.connect(pg18.url(name), autocommit=True) as connection:
            connection.execute(script.encode())
        return pg18.url(name)

    yield make
    pg18.drop(*made)


def here(directory: Path, theirs: str) -> Shell:
    return Shell(directory, Path(sys.executable).parent, theirs)


def test_each_block_is_typed_by_a_test() -> None:
    headings = [block.heading for block in blocks() if block.language in ("console", "pycon")]
    assert set(headings) == {
        "Two commands",
        "On a database of yours",
        "In a Django host",
        "Several databases",
        "Tables that Django made",
        "Later names",
        "Looking around",
        "Deleting works",
        "Is it whole?",
        "Reading",
        "Working on it",
    }
    assert not re.search(r"pip install '?fbs-db", README), "there is no release yet"


@pytest.fixture
def clone() -> Iterator[Path]:
    """A clean clone, where other users may pass: another pytest closes its own directories."""
    directory = Path(tempfile.mkdtemp(prefix="fbs-db-"))
    directory.chmod(0o755)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, directory / name)
    yield directory
    shutil.rmtree(directory)


def test_on_a_clean_clone(clone: Path) -> None:
    """The two commands, and whatever goes on on the embedded server from there."""
    shell = Shell(clone, clone / ".venv" / "bin")
    try:
        [block] = typed("Two commands")
        shell.type(block)
        for heading in ("Later names", "Looking around"):
            for block in typed(heading):
                shell.type(block)
        shell.run("fbs-db demo")
        [block] = [text for text in typed("Deleting works") if text.startswith("postgres=#")]
        shell.psql(block)
        [block] = typed("Reading")
        shell.psql(block)
        (clone / "reading.txt").write_text("\n".join(typed("Reading", "pycon")))
        shell.run("python -m doctest reading.txt")
    finally:
        if (clone / ".fbs-db").exists():
            shell.run("fbs-db server stop")


def test_on_a_database_of_theirs(tmp_path: Path, fresh: Callable[[str, str], str]) -> None:
    url = fresh(
        "readme_app", "create table auth_user (id int primary key); create table tenants_tenant (id int primary key)"
    )
    shell = here(tmp_path, url)
    [block] = typed("On a database of yours")
    shell.type(block)
    [block] = [text for text in typed("Deleting works") if text.startswith("$")]
    shell.type(block)

    def damaged(command: str) -> int:
        if "somebody was here" not in command:
            return 0
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("drop index fbs_approval_responses_responder_id_idx")
            connection.execute("alter table fbs_kpis disable trigger fbs_kpis_touch")
        return 1

    [block] = typed("Is it whole?")
    shell.type(block, damaged)


SETTINGS = """
import os
from psycopg import conninfo

parts = conninfo.conninfo_to_dict(os.environ["HOST_URL"])
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"], "USER": parts["user"],
                         "HOST": parts["host"], "PORT": parts["port"]}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rentals", "tenants"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of no host"
"""


def test_in_a_django_host(tmp_path: Path, fresh: Callable[[str, str], str]) -> None:
    url = fresh("readme_django", "")
    for app, model in (("rentals", "Room"), ("tenants", "Tenant")):
        (tmp_path / app).mkdir()
        (tmp_path / app / "__init__.py").touch()
        (tmp_path / app / "models.py").write_text(
            f"from django.db import models\n\n\nclass {model}(models.Model):\n    name = models.TextField()\n"
        )
    (tmp_path / "host.py").write_text(SETTINGS + typed("In a Django host", "python")[0])
    shutil.copy(ROOT / "tests" / "hosts" / "project" / "manage.py", tmp_path)
    shell = here(tmp_path, url)
    shell.variables |= {"HOST_URL": url, "DJANGO_SETTINGS_MODULE": "host"}
    shell.run("python manage.py makemigrations rentals tenants")
    [block] = typed("In a Django host")
    shell.type(block)
    assert "no issues" in shell.run("python manage.py check --database default")


def test_on_several_databases(tmp_path: Path, fresh: Callable[[str, str], str]) -> None:
    url = fresh("readme_default", "create table auth_user (id int primary key)")
    [toml] = typed("Several databases", "toml")
    (tmp_path / "fbs-db.toml").write_text(toml.replace(THEIRS[1], url))
    shell = here(tmp_path, url)
    shell.variables["LICENCES_URL"] = fresh("readme_licences", "")
    [block] = typed("Several databases")
    shell.type(block)


def test_on_tables_that_django_made(tmp_path: Path, fresh: Callable[[str, str], str]) -> None:
    url = fresh("readme_adopted", "")
    shell = here(tmp_path, url)
    shell.variables |= {"DJANGO_SETTINGS_MODULE": "tests.hosts.settings", "DATABASE_URL": url}
    shell.variables["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
    shell.run("HOST_WITHOUT_FBS=yes python -m django migrate --verbosity 0")
    (tmp_path / "fbs_migrations").mkdir()
    (tmp_path / "fbs_migrations" / "__init__.py").touch()
    shell.variables |= {"HOST_FBS_MANAGED": "yes", "HOST_FBS_RELEASE": "2.0.6"}
    shell.run("python -m django makemigrations fbs")
    shell.run("python -m django migrate --run-syncdb --verbosity 0")
    for name in ("DJANGO_SETTINGS_MODULE", "HOST_FBS_MANAGED", "HOST_FBS_RELEASE"):
        del shell.variables[name]
    [block] = typed("Tables that Django made")
    shell.type(block)
