"""The SQL files: found, read, checked against each other, and put in order.

The header of a file is the comment at its start. Four kinds of line in it are read:

-- component: base
-- depends: 0001_initial 0015_settings
-- provides: host_link
-- transactional: false
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import takewhile
from pathlib import Path

from fbs_db.errors import BadMigrationFiles, UsageError

#: The component that every database with FBS has.
BASE = "base"
#: A feature that a file provides: the keys of user columns, the clean-up of host rows, isolation, the rights of roles.
USER_LINK, HOST_LINK, ISOLATION, ROLES = "user_link", "host_link", "isolation", "roles"

_FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
_HEADER = re.compile(r"\s*--\s*(component|depends|provides|transactional)\s*:(.*)")
_CREATES = re.compile(
    r"^\s*'?create\s+(?:or\s+replace\s+)?(?:unique\s+)?"
    r"(?P<kind>table|view|materialized\s+view|sequence|index|domain|type|function|procedure)\s+"
    r"(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?(?P<name>fbs_\w+)",
    re.MULTILINE | re.IGNORECASE,
)
_KEYS = re.compile(r"^\s*constraint\s+(fbs_\w+)\s+(?:primary\s+key|unique)\b", re.MULTILINE | re.IGNORECASE)
# What may hold a semicolon that ends no statement, and the semicolon itself.
_PIECE = re.compile(
    r"--[^\n]*|/\*|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(\$(?:[A-Za-z_]\w*)?\$).*?\1|;",
    re.DOTALL,
)
#: The statement by which psql gives a file's functions the search path that a run sets in its transaction.
_SEARCH_PATH = re.compile(r"^(select set_config\('search_path', .*), false\);$", re.MULTILINE)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


class MigrationFile:
    """One numbered file with, where there is one, the file that undoes it.

    Attributes:
        id: name without ending, such as ``0003_msme_models``.
        path: where it is.
        sql: the whole text.
        checksum: SHA-256 of the text, the same whatever its line endings.
        component: the component it belongs to, such as ``msme``; an empty string where the header names none.
        depends: ids of the files that come before it.
        provides: features that code asks for, such as ``user_link``.
        transactional: whether it runs in the transaction of its run.
        creates: kind and name of each object it makes; keys count as indexes.
    """

    def __init__(self, path: Path) -> None:
        self.id = path.stem
        self.path = path
        self.rollback_path = path.with_suffix(".rollback.sql")
        self.sql = path.read_text(encoding="utf-8")
        self.checksum = hashlib.sha256(self.sql.encode()).hexdigest()
        header = _header(self.sql)
        self.component = " ".join(header.get("component", ()))
        self.depends = tuple(header.get("depends", ()))
        self.provides = tuple(header.get("provides", ()))
        self.marked_transactional = " ".join(header.get("transactional", ("true",))).lower()
        self.transactional = self.marked_transactional == "true"

    @cached_property
    def creates(self) -> list[tuple[str, str]]:
        made = [(re.sub(r"\s+", " ", m["kind"].lower()), m["name"].lower()) for m in _CREATES.finditer(self.sql)]
        return made + [("index", name.lower()) for name in _KEYS.findall(self.sql)]

    @property
    def sql_for_run(self) -> str:
        """The text for a transaction, after which the session has the search path that it had before."""
        return _SEARCH_PATH.sub(r"\1, true);", self.sql, count=1)

    @property
    def rollback_sql(self) -> str | None:
        """The text that undoes the file; None where there is no rollback file."""
        if not self.rollback_path.is_file():
            return None
        return self.rollback_path.read_text(encoding="utf-8")


def sql_directory() -> Path:
    """The directory of the SQL files shipped with the package."""
    here = Path(__file__).resolve().parent
    installed = here / "sql"
    return installed if installed.is_dir() else here.parent / "sql"


def load(directory: Path | None = None) -> list[MigrationFile]:
    """All migrations of a directory in the order in which they are applied.

    Parameters:
        directory: where the files are; by default those of the package, which are read once.

    Raises:
        UsageError: there is no such directory, or no migration in it.
        BadMigrationFiles: a file has a wrong name or cannot be read, two have the same number, a
            dependency is missing, or dependencies are circular.
    """
    return list(_shipped(sql_directory())) if directory is None else _loaded(directory)


def _loaded(directory: Path) -> list[MigrationFile]:
    if not directory.is_dir():
        raise UsageError(f"There is no directory of SQL files at {directory}.")
    files = [_read(path) for path in sorted(directory.glob("[0-9]*.sql")) if not path.name.endswith(".rollback.sql")]
    if not files:
        raise UsageError(f"The directory {directory} holds no migration (a file like 0001_name.sql).")
    by_number: dict[str, MigrationFile] = {}
    by_id = {file.id: file for file in files}
    for file in files:
        twin = by_number.setdefault(file.id[:4], file)
        if twin is not file:
            raise BadMigrationFiles(
                f"Two files have the number {file.id[:4]}: {twin.id}.sql and {file.id}.sql, in {directory}.",
                hint="Give one of them another number.",
            )
        unknown = [name for name in file.depends if name not in by_id]
        if unknown:
            raise BadMigrationFiles(
                f"{file.id}.sql depends on {', '.join(unknown)}, which is not in {directory}.",
                hint="Correct the line '-- depends:', or add the file.",
            )
    try:
        return [by_id[name] for name in _in_order({file.id: file.depends for file in files})]
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise BadMigrationFiles(
            f"Circular dependencies among {circle}, in {directory}.",
            hint="Correct the lines '-- depends:' in these files.",
        ) from error


_shipped = cache(_loaded)


def provided(files: Iterable[MigrationFile], ids: Container[str]) -> set[str]:
    """The features that those of the files provide whose ids are given."""
    return {feature for file in files if file.id in ids for feature in file.provides}


def components(directory: Path | None = None) -> list[str]:
    """All components but the base, in the order of the files."""
    return [name for name in dict.fromkeys(file.component for file in load(directory)) if name != BASE]


@cache
def body_of(function: str) -> str:
    """The query that is the body of a function of FBS, without the semicolon."""
    text = next(file.sql for file in load() if ("function", function) in file.creates)
    body = text.partition(f"\ncreate function {function}(")[2].split("$$")[1]
    return body.rstrip().removesuffix(";")


def find(files: list[MigrationFile], name: str) -> MigrationFile:
    """The file with this name, or whose name alone begins like this.

    Raises:
        UsageError: there is no such file, or more than one.
    """
    name = name.removesuffix(".sql")
    found = [file for file in files if file.id == name] or [file for file in files if file.id.startswith(name)]
    if len(found) != 1 or not name:
        names = ", ".join(file.id for file in found or files)
        problem = f"More than one migration begins with {name!r}." if found else f"Unknown migration {name!r}."
        raise UsageError(problem, hint=f"Known: {names}.")
    return found[0]


def statements(sql: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each statement, without the comments between them."""
    start = position = 0
    while match := _PIECE.search(sql, position):
        position = match.end()
        piece = match[0]
        if piece == "/*":  # comments nest
            depth = 1
            while depth and (edge := _COMMENT_EDGE.search(sql, position)):
                depth += 1 if edge[0] == "/*" else -1
                position = edge.end()
            if depth:
                return
        if piece.startswith(("--", "/*")) and not sql[start : match.start()].strip():
            start = position
        elif piece == ";":
            text = sql[start:position]
            if text.strip(" \t\r\n;"):
                yield start + len(text) - len(text.lstrip()), text.strip()
            start = position
    if sql[start:].strip():
        yield start + len(sql[start:]) - len(sql[start:].lstrip()), sql[start:].strip()


def _header(text: str) -> dict[str, list[str]]:
    """The words of each kind of line in the comment at the start of a text."""
    header: dict[str, list[str]] = {}
    for line in takewhile(lambda line: not line.strip() or line.lstrip().startswith("--"), text.splitlines()):
        if match := _HEADER.fullmatch(line):
            header.setdefault(match[1], []).extend(match[2].split())
    return header


def _in_order(depends: dict[str, Sequence[str]]) -> Iterator[str]:
    """Each id after those it depends on, and otherwise by number."""
    sorter = TopologicalSorter(depends)
    sorter.prepare()
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()])
        yield ready[0]
        sorter.done(ready.pop(0))


def _read(path: Path) -> MigrationFile:
    if not _FILE_NAME.fullmatch(path.name):
        raise BadMigrationFiles(
            f"{path} does not have the name of a migration.",
            hint="Name it with four digits, an underscore and lowercase letters: 0001_name.sql.",
        )
    try:
        file = MigrationFile(path)
    except (OSError, UnicodeDecodeError) as error:
        raise BadMigrationFiles(f"{path} cannot be read: {error}") from error
    if file.marked_transactional not in ("true", "false"):
        raise BadMigrationFiles(
            f"{path.name}: '-- transactional: {file.marked_transactional}' is neither true nor false."
        )
    if not file.transactional and len(list(statements(file.sql))) != 1:
        raise BadMigrationFiles(
            f"{path.name} is '-- transactional: false', so it must hold exactly one statement.",
            hint="Outside a transaction a file could be half applied. Give each statement its own file.",
        )
    return file
