"""A host's process that does one thing after another, each in the database it is told: Django is loaded once."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO


class Serving:
    """The process, with the settings of ``tests.hosts`` for an environment."""

    def __init__(self, python: Path, environment: dict[str, str]) -> None:
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the process
        self._process = subprocess.Popen(
            [python, "-W", "error", "-m", "tests.hosts", "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment | {"DATABASE_URL": "postgresql://nobody@/none?host=/none&port=1"},
        )

    def do(self, name: str, url: str) -> str:
        """Call a function, such as ``deeds.fill``; return its traceback, or empty text if it went well."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            print(json.dumps([name, url]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise RuntimeError(f"the host ended: {self._errors.read()}")
        failure: str = json.loads(answer)
        return failure

    def stop(self) -> None:
        self._process.communicate()
        self._errors.close()
