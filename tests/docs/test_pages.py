"""README and the guides, typed block by block, print what they show; three dots stand for anything."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

import fbs_db
from fbs_db.files import sql_directory
from tests.support import ROOT
from tests.support.pages import PAGES, Block, blocks
from tests.support.projects import TEMPLATES
from tests.support.servers import Server

#: The database that the pages name, as it is given and as it is shown.
THEIRS = ("postgresql://app@db.example:5432/app", "postgresql://app@db.example/app")
#: Those of solutions.
EACH = "postgresql://app@db.example/fbs_{solution}_db"
#: Beginnings of commands and blocks that are not typed here, each with the reason.
NOT_TYPED = {
    "select cron.": "tests/docs/test_operations.py runs it, on a server with pg_cron",
    "make test": "runs the whole suite, this test included",
    "make lint": "CI runs it",
    "make release": "CI runs it with --trial",
    "pip install .": "fbs-db is installed here already",
}
#: Pages that are typed by other tests, each with the reason.
TYPED_ELSEWHERE = {
    "backup": "tests/database/test_backup.py types it, on several servers",
    "completion": "tests/cli/test_completion.py types it, and presses Tab in each shell",
    "scaling": "tests/database/test_new_server.py types it, with two servers",
}
#: The host's tables that the pages take for granted.
HOST = "create table auth_user (id int primary key); create table tenants_tenant (id int primary key);"


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a block with the lines below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def statements(text: str) -> tuple[str, str]:
    """What is typed at psql's prompt, and what is shown."""
    typed, shown, is_open = [], [], False
    for line in text.splitlines():
        at_prompt = re.match(r"postgres=\*?# (.*)", line)
        if at_prompt or is_open:
            typed.append(at_prompt[1] if at_prompt else line)
            is_open = not typed[-1].rstrip().endswith(";") and not typed[-1].startswith("\\")
        else:
            shown.append(line)
    return "\n".join(typed) + "\n", "\n".join(shown)


def assert_shown(printed: str, shown: str) -> None:
    """A command printed what the page shows."""
    pattern = ""
    for line in filter(None, (line.rstrip() for line in shown.splitlines())):
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        one = ".*".join(re.escape(piece) for piece in line.split("..."))
        one = re.sub(r"(\\ )+\d+\\ ms", r" +\\d+ ms", one)  # how long it took
        pattern += re.sub(r"in\\ \d+\\\.\d+\\ s", r"in \\d+\\.\\d+ s", one) + "\n"
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if line.strip())
    assert re.fullmatch(pattern, lines), f"The page shows:\n{shown}\nbut there is:\n{lines}"


@dataclass
class Shell:
    """A shell in a directory, with fbs-db on its path.

    Attributes:
        directory: where the commands run.
        bin: where fbs-db is installed.
        theirs: connection string of the database that the pages call `THEIRS`.
        each: connection string of those that they call `EACH`.
        variables: the environment.
    """

    directory: Path
    bin: Path = Path(sys.executable).parent
    theirs: str = ""
    each: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not re.match("PG|DATABASE_URL|DJANGO", name)}
        self.variables = {
            **kept,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.directory),  # nobody's .psqlrc
            "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
            "COLUMNS": "120",
            **self.variables,
        }

    def run(self, command: str, stdin: str | None = None, code: int = 0) -> str:
        """What a command prints. Without ``stdin`` a person at a terminal says yes."""
        if variable := re.fullmatch(r"export (\w+)=(\S*)", command):
            self.variables[variable[1]] = self._with_theirs(variable[2])
            return ""
        if variable := re.fullmatch(r"unset (\w+)", command):
            del self.variables[variable[1]]
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
        for typed, named in ((self.theirs, THEIRS[1]), (self.each, EACH)):
            printed = printed.replace(typed, named) if typed else printed
        return printed

    def do(self, block: Block) -> None:
        """Type a block, run it, or write the file that its first line names."""
        if block.text.startswith(tuple(NOT_TYPED)):
            return
        if block.file:
            with (self.directory / block.file).open("a", encoding="utf-8") as file:
                file.write(self._with_theirs(block.text))
        elif block.language == "console":
            self._type(block.text)
        elif block.language == "pycon":
            (self.directory / "session.txt").write_text(block.text, encoding="utf-8")
            self.run("python -m doctest session.txt")
        elif block.language == "python":
            self.run("python -", block.text)
        else:
            assert block.language == "sql"
            self.run("fbs-db psql -v ON_ERROR_STOP=1", block.text)

    def _type(self, text: str) -> None:
        for line, rest in commands(text):
            command, _, remark = line.partition("  # ")
            if command.startswith(tuple(NOT_TYPED)):
                continue
            typed, shown = statements(rest) if "postgres=# " in rest else (None, rest)
            if command.rstrip().endswith(" psql") and typed is None:
                typed = "select 1;\n"
            code = re.search(r"exit code (\d+)", remark)
            printed = self.run(command.rstrip(), typed, int(code[1]) if code else 0)
            assert "ERROR:" not in printed
            if shown.strip():
                assert_shown(printed, shown)

    def _with_theirs(self, text: str) -> str:
        for name in THEIRS if self.theirs else ():
            text = text.replace(name, self.theirs)
        return text.replace(EACH, self.each) if self.each else text


Fresh = Callable[..., str]


@pytest.fixture
def fresh(pg18: Server) -> Iterator[Fresh]:
    """Makes a database in which statements were run; its URL."""
    with ExitStack() as made:

        def make(script: str = "") -> str:
            url = made.enter_context(pg18.database())
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(script.encode())
            return url

        yield make


@pytest.fixture
def passable() -> Iterator[Path]:
    """A directory that the embedded server's user may pass; pytest closes its own to other users."""
    directory = Path(tempfile.mkdtemp(prefix="fbs-db-"))
    directory.chmod(0o755)
    yield directory
    if (directory / ".fbs-db").exists():
        Shell(directory).run("fbs-db server stop")
    shutil.rmtree(directory)


def type_page(shell: Shell, page: str) -> None:
    for block in blocks(page):
        shell.do(block)


@pytest.mark.slow
def test_readme(passable: Path, fresh: Fresh) -> None:
    """On a clean clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (passable / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, passable / name)
    type_page(Shell(passable, passable / ".venv" / "bin", fresh(HOST)), "README")


@pytest.mark.slow
def test_databases(passable: Path, fresh: Fresh) -> None:
    type_page(Shell(passable, theirs=fresh(HOST)), "databases")


@pytest.mark.parametrize(
    "page",
    [
        "later-names",
        "security",
        "versions",
        pytest.param("cleanup", marks=pytest.mark.slow),
        pytest.param("operations", marks=pytest.mark.slow),
    ],
)
def test_on_an_installed_database(page: str, tmp_path: Path, fresh: Fresh) -> None:
    url = fresh(HOST)
    fbs_db.migrate(url, user_table="auth_user")
    type_page(Shell(tmp_path, theirs=url, variables={"DATABASE_URL": url}), page)


@pytest.mark.slow
def test_roles(tmp_path: Path, fresh: Fresh) -> None:
    """The page's roles are its own; the server has them until the end."""
    url = fresh(HOST)
    names = ("web_app", "bi_reports", "fbs_worker", "metrics", "acme_app", "beta_app", "fbs_owner")
    try:
        type_page(Shell(tmp_path, theirs=url, variables={"DATABASE_URL": url}), "roles")
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            for name in names:
                connection.execute(f"drop owned by {name} cascade; drop role {name}".encode())


def test_python(tmp_path: Path, fresh: Fresh) -> None:
    type_page(Shell(tmp_path, variables={"DATABASE_URL": fresh(HOST)}), "python")


def test_reading(tmp_path: Path, fresh: Fresh) -> None:
    url = fresh()
    fbs_db.migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute((sql_directory() / "demo.sql").read_bytes())
    type_page(Shell(tmp_path, variables={"DATABASE_URL": url}), "reading")


@pytest.mark.slow
def test_placement(tmp_path: Path, fresh: Fresh, pg18: Server) -> None:
    """The solutions' databases are on the server of the first."""
    each = pg18.url("fbs_{solution}_db")
    try:
        type_page(Shell(tmp_path, theirs=fresh(HOST), each=each, variables={"LICENCES_URL": fresh()}), "placement")
    finally:
        pg18.admin.execute("update pg_database set datistemplate = false where datname = 'fbs_template_db'")
        pg18.drop("fbs_template_db", "fbs_acme_db", "fbs_beta_db")


@pytest.mark.slow
def test_testing(tmp_path: Path, pg18: Server) -> None:
    type_page(Shell(tmp_path, variables={"FBS_DB_TEST_URL": pg18.url()}), "testing")


SETTINGS = """
import os
from psycopg import conninfo

parts = conninfo.conninfo_to_dict(os.environ["HOST_URL"])
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"], "USER": parts["user"],
                         "HOST": parts["host"], "PORT": parts["port"]}}
INSTALLED_APPS = [f"django.contrib.{app}" for app in ("auth", "contenttypes", "sessions", "messages", "admin")]
INSTALLED_APPS += ["rentals", "tenants"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
              "django.contrib.auth.middleware.AuthenticationMiddleware",
              "django.contrib.messages.middleware.MessageMiddleware"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of no host"
TEMPLATES = TEMPLATES_OF_THE_ADMIN
""".replace("TEMPLATES_OF_THE_ADMIN", repr(TEMPLATES))


@pytest.mark.slow
def test_django(tmp_path: Path, fresh: Fresh) -> None:
    url = fresh()
    for app, model in (("rentals", "Room"), ("tenants", "Tenant")):
        (tmp_path / app).mkdir()
        (tmp_path / app / "__init__.py").touch()
        (tmp_path / app / "models.py").write_text(
            f"from django.db import models\n\n\nclass {model}(models.Model):\n    name = models.TextField()\n"
        )
    (tmp_path / "settings.py").write_text(SETTINGS)
    shutil.copy(ROOT / "tests" / "hosts" / "project" / "manage.py", tmp_path)
    shell = Shell(tmp_path, variables={"HOST_URL": url, "DJANGO_SETTINGS_MODULE": "settings"})
    shell.run("python manage.py makemigrations rentals tenants")
    type_page(shell, "django")


@pytest.mark.slow
def test_adopt(tmp_path: Path, fresh: Fresh) -> None:
    url = fresh()
    shell = Shell(tmp_path, theirs=url, variables={"DATABASE_URL": url})
    shell.variables |= {"DJANGO_SETTINGS_MODULE": "tests.hosts.settings"}
    shell.variables["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
    shell.run("HOST_WITHOUT_FBS=yes python -m django migrate --verbosity 0")
    (tmp_path / "fbs_migrations").mkdir()
    (tmp_path / "fbs_migrations" / "__init__.py").touch()
    shell.variables |= {"HOST_FBS_MANAGED": "yes", "HOST_FBS_RELEASE": "2.0.6"}
    shell.run("python -m django makemigrations fbs")
    shell.run("python -m django migrate --run-syncdb --verbosity 0")
    for name in ("DJANGO_SETTINGS_MODULE", "HOST_FBS_MANAGED", "HOST_FBS_RELEASE"):
        del shell.variables[name]
    type_page(shell, "adopt")


def test_each_page_with_blocks_is_typed() -> None:
    """By the tests above, which name it."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [page for page in PAGES if blocks(page) and f'"{page}"' not in text] == []
