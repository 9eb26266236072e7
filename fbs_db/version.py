"""The version of the package."""

import re

__version__ = "1.0.0"


def order(version: str) -> tuple[int, ...]:
    """What versions are sorted by: the numbers of the release; of none where the text has none."""
    release = re.match(r"[0-9]{1,9}(?:\.[0-9]{1,9})*", version)
    return tuple(map(int, release[0].split("."))) if release else ()
