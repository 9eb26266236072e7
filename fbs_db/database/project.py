"""The configuration of the project, and where it is found."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fbs_db import files
from fbs_db.database import django_settings
from fbs_db.database.config import DEFAULT, Config, DatabaseConfig, parse
from fbs_db.errors import TargetError, UsageError
from fbs_db.own_files import current_directory, owner, replace_file, trusted_users

FILE_NAME = "fbs-db.toml"
#: Gives the configuration in a host's own process, where it overrides the files.
provider: Callable[[], Config] | None = None


def configuration(directory: Path | None = None) -> Config:
    """The configuration of the project; by default one database that holds all components.

    Parameters:
        directory: the directory of its files; by default the current one.

    Raises:
        UsageError: a file or the current directory cannot be read, or the configuration is invalid.
    """
    if provider is not None:
        return provider()
    directory = directory or current_directory(to_read=True)
    path = directory / FILE_NAME
    if path.exists():
        _refuse_planted(path)
        return parse(_toml(path), str(path))
    path = directory / "pyproject.toml"
    if path.exists():
        said = _toml(path).get("tool", {}).get("fbs-db")
        if said is not None:
            _refuse_planted(path)
            return parse(said, f"{path} [tool.fbs-db]")
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        if find_spec("django") is None:
            raise UsageError(
                "DJANGO_SETTINGS_MODULE is set, but Django is not installed.",
                hint="Type: pip install 'fbs-db[django]'  Or unset the variable.",
            )
        if directory.stat().st_mode & stat.S_IWOTH:
            raise UsageError(
                f"DJANGO_SETTINGS_MODULE is set, and every user of this machine can put modules into {directory}.",
                hint=f"Type: chmod o-w {shlex.quote(str(directory))}"
                "  Or go to the directory of the host's manage.py, or unset the variable.",
            )
        return django_settings.configuration_from_command(directory)
    return Config()


@contextmanager
def read_once() -> Iterator[None]:
    """A block in which the configuration stays as it is now, whichever thread asks for it."""
    global provider  # noqa: PLW0603
    before, known = provider, configuration()
    provider = lambda: known  # noqa: E731
    try:
        yield
    finally:
        provider = before


def of_lent_connection() -> DatabaseConfig:
    """The configuration that applies to a connection, or a connection string, of the caller's."""
    return configuration().databases.get(DEFAULT, DatabaseConfig())


def left_out(missing: str) -> TargetError | None:
    """The error for tables, views or functions that are missing as their component is left out; None for others.

    Parameters:
        missing: their names, or PostgreSQL's message with them.
    """
    names = set(re.findall(r"\bfbs_\w+", missing))
    with suppress(UsageError):
        known = configuration()
        for file in files.load() if known.left_out else ():
            if file.component in known.left_out and names & {name for _, name in file.creates}:
                return known.left_out_error(file.component)
    return None


def rewrite_components(component: str, source: str, target: str, directory: Path | None = None) -> None:
    """Place a component in another database, in the project's file.

    Comments and order stay. The file is replaced in one step; of a symbolic link its target is.

    Parameters:
        component: the component.
        source: name of the database that holds it.
        target: name of the database that will hold it.
        directory: the directory of the file; by default the current one.
    """
    import tomlkit

    directory = directory or Path.cwd()
    own = directory / FILE_NAME
    path = own if own.exists() else directory / "pyproject.toml"
    document: Any = tomlkit.parse(path.read_bytes().decode())
    said = document if own.exists() else document["tool"]["fbs-db"]
    if component in (listed := said["databases"].get(source, {}).get("components", [])):
        listed.remove(component)
    if "components" in (table := said["databases"].get(target, {})):
        table["components"].append(component)
    parse(said.unwrap(), str(path))
    replace_file(path, tomlkit.dumps(document).encode())


def _refuse_planted(path: Path) -> None:
    """Refuse a file that somebody put into a directory that is neither his nor ours.

    It may be ours, root's, or of the directory's owner: whoever works there trusts him.
    """
    trusted = {0, *trusted_users(), path.parent.stat().st_uid}
    for user in (path.lstat().st_uid, path.stat().st_uid):
        if user not in trusted:
            raise UsageError(
                f"{path} belongs to {owner(user)}, and neither to you nor to the owner of its directory.",
                hint=f"If you wrote it, type: sudo chown {owner(os.geteuid())} {shlex.quote(str(path))}"
                "  Else remove it, or go to another directory.",
            )


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="Correct or remove it.") from error
