"""Programs of a host, each in a fork of a process that has imported Django already: two thirds of what a command takes.

As `python WORDS` would, a program gets arguments, directory, environment, warnings and a ``__main__`` of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import subprocess
import sys
import tempfile
import types
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path

#: What most programs import. Nothing that reads settings, nor what chooses a driver, nor anything of ours.
WANTED = [
    "asyncio", "logging.config", "multiprocessing", "unittest", "uuid", "zoneinfo",
    "psycopg", "click", "yoyo", "tomlkit",
    "django.core.management.commands.migrate", "django.core.management.sql", "django.core.checks.registry",
    "django.db.models", "django.db.migrations.executor", "django.db.backends.base.base",
    "django.contrib.auth.hashers", "django.forms", "django.template", "django.test", "django.urls",
]  # fmt: skip
_serving: dict[Path, subprocess.Popen[str]] = {}


def run(python: Path, words: tuple[str, ...], directory: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit code, output and errors of ``python WORDS``."""
    if python not in _serving:
        root = str(Path(__file__).parents[2])
        command = [str(python), "-m", "tests.hosts.forks"]
        pipe = subprocess.PIPE
        server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd="/", env={"PYTHONPATH": root})
        _serving[python] = server
        atexit.register(server.communicate)
    server = _serving[python]
    assert server.stdin
    assert server.stdout
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        asked = [words, str(directory), environment, out.name, err.name]
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = json.loads(server.stdout.readline())
        return code, out.read(), err.read()


def serve() -> list[str] | None:
    """Fork for each program that is asked for. The words of it, in the fork."""
    base = [place for place in sys.path if place and place != os.environ["PYTHONPATH"]]
    for name in WANTED:
        with suppress(ImportError):
            import_module(name)
    for line in sys.stdin:
        words: list[str]
        words, directory, environment, out, err = json.loads(line)
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)
            continue
        for path, to in ((os.devnull, 0), (out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_RDWR), to)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115  # what was read ahead is another's
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = ["", *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)), *base]
        return words
    return None


def become(words: list[str]) -> None:
    while words[0] == "-W":
        sys.warnoptions.append(words[1])
        warnings.simplefilter(words[1])  # type: ignore[arg-type]
        words = words[2:]
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(words[1], "<string>", "exec"), vars(main))
    elif words[0] == "-m":
        sys.argv = words[1:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[0] = str(Path(words[0]).resolve().parent)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__" and (asked := serve()):
    become(asked)
