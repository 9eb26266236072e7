"""What runs on every PostgreSQL runs on another Python too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.hosts.versions import another_python
from tests.support import ROOT
from tests.support.servers import find_binaries
from tests.support.versions import ON_EACH, or_skip


@pytest.mark.slow
@pytest.mark.parametrize("module", ON_EACH)
def test_on_another_python(module: str, tmp_path: Path) -> None:
    binaries = find_binaries(18)
    assert binaries
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FBS_DB_TEST_"))}
    environment = kept | {"PYTHONPATH": str(ROOT), "FBS_DB_TEST_PG18": str(binaries.parent)}
    words = ["-q", "-p", "no:cacheprovider", "-m", "not slow and not old_postgres", f"--basetemp={tmp_path / 'tmp'}"]
    command = [str(or_skip(another_python)), "-m", "pytest", *words, f"tests/{module}.py"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
