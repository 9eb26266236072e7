"""Chromium on the pages of a host that runs in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.support.projects import Project

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900",
)  # fmt: skip


@contextmanager
def browser(profile: Path) -> Iterator[Chrome]:
    """A browser with a new profile. The test is skipped where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        missing = "no chromium and chromedriver on this machine (Debian: apt install chromium-driver)"
        if os.environ.get("FBS_DB_TEST_EVERYTHING"):
            pytest.fail(f"{missing}, and FBS_DB_TEST_EVERYTHING is set")
        pytest.skip(missing)
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    for option in (*_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    opened = Chrome(options, Service(executable_path=driver))
    try:
        yield opened
    finally:
        opened.quit()


@contextmanager
def serving(project: Project) -> Iterator[str]:
    """The address of a project while its server runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(project.python), "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    environment = project.surroundings()
    with (project.directory / "server.log").open("w") as log:
        server = subprocess.Popen(words, cwd=project.directory, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with suppress(OSError), urlopen(f"{address}/admin/login/"):
                break
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()
