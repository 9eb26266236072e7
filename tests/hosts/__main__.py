"""Runs one of the checks in a host: ``python -m tests.hosts NAME``."""

from __future__ import annotations

import sys

import django

django.setup()

from tests.hosts import checks  # noqa: E402  # needs the apps

getattr(checks, sys.argv[1])()
