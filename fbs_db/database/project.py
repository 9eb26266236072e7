"""What the project says of its databases, and where it says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fbs_db.database import django_settings
from fbs_db.database.config import DEFAULT, Config, DatabaseConfig, parse
from fbs_db.errors import UsageError

FILE_NAME = "fbs-db.toml"
#: Asked first where a host's process knows its databases better than a file does.
provider: Callable[[], Config] | None = None


def read(directory: Path | None = None) -> Config:
    """What the project says of its databases; one that holds all where it says nothing.

    Parameters:
        directory: where its files are; by default the current directory.

    Raises:
        UsageError: what it says is not to be read, or not to be understood.
    """
    if provider is not None:
        return provider()
    directory = directory or Path.cwd()
    path = directory / FILE_NAME
    if path.exists():
        return parse(_toml(path), str(path))
    path = directory / "pyproject.toml"
    if path.exists():
        said = _toml(path).get("tool", {}).get("fbs-db")
        if said is not None:
            return parse(said, f"{path} [tool.fbs-db]")
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        if find_spec("django") is None:
            raise UsageError(
                "DJANGO_SETTINGS_MODULE is set, and Django is not installed.",
                hint="Type: pip install 'fbs-db[django]'  Or unset the variable.",
            )
        return django_settings.load_in_command(directory)
    return Config()


def of_lent_connection() -> DatabaseConfig:
    """What holds for a connection, or a connection string, that is the caller's own."""
    return read().databases.get(DEFAULT, DatabaseConfig())


def rewrite_components(component: str, source: str, target: str, directory: Path | None = None) -> None:
    """Place a component in another database, in the file that the project keeps.

    Comments and order stay; the file is replaced at once, or not at all.

    Parameters:
        component: what moves.
        source: name of the database that holds it.
        target: name of the database that is to hold it.
        directory: where the file is; by default the current directory.
    """
    import tomlkit

    directory = directory or Path.cwd()
    own = directory / FILE_NAME
    path = (own if own.exists() else directory / "pyproject.toml").resolve()  # what a link leads to is replaced
    document: Any = tomlkit.parse(path.read_bytes().decode())
    said = document if own.exists() else document["tool"]["fbs-db"]
    if component in (listed := said["databases"].get(source, {}).get("components", [])):
        listed.remove(component)
    if "components" in (table := said["databases"].get(target, {})):
        table["components"].append(component)
    parse(said.unwrap(), str(path))
    written = path.with_name(f".{path.name}.new")
    written.write_bytes(tomlkit.dumps(document).encode())
    written.chmod(path.stat().st_mode)
    written.replace(path)


def _toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="Correct it, or move it away.") from error
