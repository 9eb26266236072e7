"""Build the sdist and the wheel, and check both as those will use them who install them.

What is checked: the metadata; the files; that the sdist builds the same wheel; on every Python that
is here, a new environment in which ``fbs-db`` works on the embedded server, on the newest under
Django too; on the oldest Python the sdist with the lowest versions that its bounds allow. Uploads
nothing. Refuses files that are not committed, a version that CHANGELOG.md has no heading of, and one
whose tag is on another commit.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Any

from packaging.metadata import Metadata
from psycopg.conninfo import conninfo_to_dict

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fbs_db.version import __version__  # noqa: E402
from tests.hosts.versions import LOCK, interpreters, succeeds  # noqa: E402

PYPROJECT = ROOT / "pyproject.toml"
#: No variable of the caller's reaches what is tried, but those that pip needs.
OTHERS = re.compile("PG|DATABASE_URL$|DJANGO_|FBS_DB_|PYTHON|PYTEST|VIRTUAL_ENV$")
READ = f"""
import fbs_db
assert fbs_db.__version__ == {__version__!r}, fbs_db.__version__
assert "site-packages" in fbs_db.__file__, fbs_db.__file__
with fbs_db.connect() as fbs:
    assert [row.title for row in fbs.documents.search("rentals", "lease gita")] == ["Lease of Gita Rao"]
"""
SETTINGS = """
INSTALLED_APPS = ["fbs_db.django", *INSTALLED_APPS]
FBS_DB = {{"HOSTS": {{}}}}
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.postgresql", "NAME": {dbname!r}, "USER": {user!r}, "HOST": {host!r},
}}}}
"""

Typed = Callable[..., str]
"""Runs a program of an environment, in a directory; what it prints."""


class Refused(Exception):
    """What is here is no release."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trial",
        action="store_true",
        help="try any commit, on the oldest and the newest Python, with the locked versions; leaves nothing",
    )
    is_trial = parser.parse_args().trial
    try:
        if not is_trial:
            refuse(ROOT, __version__)
        with tempfile.TemporaryDirectory(prefix="fbs-db-release-") as work:
            release(Path(work), is_trial=is_trial)
    except Refused as refused:
        sys.exit(f"No release: {refused}")
    if not is_trial:
        print(f"\nIn dist/. To publish it:\n  git tag -a v{__version__} -m 'fbs-db {__version__}'")
        print(f"  git push origin v{__version__}\n  twine upload dist/fbs_db-{__version__}*")


def refuse(root: Path, version: str) -> None:
    """Raise Refused where the checkout is not what would be published as this version."""
    if changed := git(root, "status", "--porcelain"):
        raise Refused(f"these files are not committed:\n{changed}")
    if not re.search(rf"^## {re.escape(version)}(\s|$)", (root / "CHANGELOG.md").read_text(), re.MULTILINE):
        raise Refused(f"CHANGELOG.md has no heading '## {version}', the version in fbs_db/version.py")
    tag = f"v{version}"
    if git(root, "tag", "--list", tag) and git(root, "rev-list", "-1", tag) != git(root, "rev-parse", "HEAD"):
        raise Refused(f"the tag {tag} is on another commit; a version is released once")


def release(work: Path, *, is_trial: bool) -> None:
    """Build in the working directory and check; then, unless it is a trial, copy to ``dist``.

    Raises:
        Refused: a file or a Python is not as it has to be; the message has all that were found.
    """
    dist = work / "dist"
    run([sys.executable, "-m", "build", "--outdir", dist, ROOT])
    run([sys.executable, "-m", "build", "--wheel", "--outdir", work / "direct", ROOT])
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    for file in (sdist, wheel):
        print(f"{file.name:<40}{file.stat().st_size / 1e6:6.1f} MB")
    check_files(sdist, wheel)
    if wheel.read_bytes() != (work / "direct" / wheel.name).read_bytes():
        raise Refused("the wheel built from the sdist differs from the one built from the checkout")

    pythons = {minor: python for minor in range(10, 20) if (python := working(minor))}
    failed = [f"Python 3.{minor} is neither on the PATH nor under ~/.pyenv" for minor in promised() - pythons.keys()]
    if is_trial:
        print("".join(f"{missing}: not tried\n" for missing in failed), end="")
        failed = []
    oldest, newest = min(pythons), max(pythons)
    lowest = work / "lowest.txt"
    lowest.write_text("\n".join(lower_bounds(wheel)))
    locked = [f"--constraint={LOCK}"] if is_trial else []
    trials = [
        Trial(f"Python 3.{minor}", python, wheel, locked, with_django=minor == newest)
        for minor, python in pythons.items()
        if not is_trial or minor in (oldest, newest)
    ]
    title = f"Python 3.{oldest}, sdist, lowest versions"
    trials.append(Trial(title, pythons[oldest], sdist, [f"--constraint={lowest}"], with_django=True))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failed += filter(None, pool.map(lambda trial: trial.failure(work), trials))
    if failed:
        raise Refused("\n\n".join(failed))
    if not is_trial:
        shutil.copytree(dist, ROOT / "dist", dirs_exist_ok=True)


def promised() -> set[int]:
    """The minor versions of Python that the metadata name."""
    return {int(minor) for minor in re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', PYPROJECT.read_text())}


def working(minor: int) -> Path | None:
    """An interpreter that can make environments."""
    works = f"import sys, ensurepip, venv, ssl; assert sys.version_info[1] == {minor}"
    return next((python for python in interpreters(minor, minor) if succeeds([python, "-c", works])), None)


# --- the files


def check_files(sdist: Path, wheel: Path) -> None:
    """Metadata that is valid; each committed file and no other."""
    committed = set(git(ROOT, "ls-files").splitlines())
    package = {re.sub("^sql/", "fbs_db/sql/", name) for name in committed if name.startswith(("fbs_db/", "sql/"))}
    information = f"fbs_db-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith(f"{information}/")}
        Metadata.from_email(archive.read(f"{information}/METADATA"), validate=True)
    differ(wheel, names, package)
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()} - {"PKG-INFO"}
    inside = ("fbs_db/", "sql/", "tests/", "scripts/")
    at_top = {".gitignore", "CHANGELOG.md", "Makefile", "README.md", "pyproject.toml"}
    differ(sdist, names, at_top | {name for name in committed if name.startswith(inside)})


def differ(file: Path, names: set[str], wanted: set[str]) -> None:
    if names != wanted:
        raise Refused(f"{file.name} lacks {sorted(wanted - names)}, and has besides {sorted(names - wanted)}")


def lower_bounds(wheel: Path) -> Iterator[str]:
    """The lowest version of each dependency, as constraints."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = Metadata.from_email(archive.read(f"fbs_db-{__version__}.dist-info/METADATA"))
    for needed in metadata.requires_dist or ():
        if not (needed.marker and re.search("""extra == ['"]dev['"]""", str(needed.marker))):
            (lowest,) = (one.version for one in needed.specifier if one.operator == ">=")
            yield f"{needed.name}=={lowest}"


# --- an environment


@dataclass(frozen=True)
class Trial:
    """A file, installed in a new environment and used there."""

    title: str
    python: Path
    file: Path
    constraints: list[str]
    with_django: bool

    def failure(self, work: Path) -> str:
        """Try it; what failed, as text."""
        began = time.monotonic()
        place = work / re.sub(r"\W+", "-", self.title)
        title = f"{self.title}{' and Django' if self.with_django else ''}"
        try:
            self._install(place)
            self._alone(in_directory(place, "empty"))
            if self.with_django:
                self._in_django(in_directory(place, "project"), place / "project")
        except Refused as failed:
            print(f"{title}: failed", flush=True)
            return f"{title}: {failed}"
        print(f"{title}: works, {time.monotonic() - began:.0f} s", flush=True)
        return ""

    def _install(self, place: Path) -> None:
        run([self.python, "-m", "venv", "--without-pip", place])
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", f"--python={place / 'bin' / 'python'}"]
        # A dependency without a wheel for this Python is an error; no compiler is asked for.
        options = ["--quiet", "--no-compile", "--only-binary=:all:", "--no-binary=fbs-db", *self.constraints]
        run([*pip, "install", *options, f"{self.file}[embedded{',django' if self.with_django else ''}]"])
        run([*pip, "check"])

    def _alone(self, typed: Typed) -> None:
        if __version__ not in typed("fbs-db", "--version"):
            raise Refused(f"fbs-db --version does not print {__version__}")
        with stopped(lambda: typed("fbs-db", "server", "stop")):
            for command in ("migrate", "check", "demo"):
                typed("fbs-db", command)
            typed("python", "-c", READ)

    def _in_django(self, typed: Typed, project: Path) -> None:
        typed("django-admin", "startproject", "host", ".")
        with stopped(lambda: typed("fbs-db", "server", "stop")):
            typed("fbs-db", "server", "start")
            settings = SETTINGS.format(**conninfo_to_dict(typed("fbs-db", "url").strip()))
            with (project / "host" / "settings.py").open("a") as file:
                file.write(settings)
            for words in (["migrate"], ["check", "--database", "default"]):
                typed("python", "manage.py", *words)


def in_directory(place: Path, name: str) -> Typed:
    """Runs programs of the environment, in a new directory."""
    directory = place / name
    directory.mkdir()
    environment = {name: value for name, value in os.environ.items() if not OTHERS.match(name)}

    def typed(program: str, *words: str) -> str:
        return run([place / "bin" / program, *words], cwd=directory, env=environment)

    return typed


@contextmanager
def stopped(stop: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    finally:
        stop()


def git(root: Path, *words: str) -> str:
    return run(["git", "-C", root, *words]).rstrip()


def run(words: Sequence[str | Path], **how: Any) -> str:
    """What a command prints. Raises Refused, with all it said, where it fails."""
    done = subprocess.run(words, check=False, text=True, stdout=PIPE, stderr=STDOUT, stdin=DEVNULL, **how)
    if done.returncode:
        raise Refused(f"{' '.join(map(str, words))}\n{done.stdout}")
    return str(done.stdout)


if __name__ == "__main__":
    main()
