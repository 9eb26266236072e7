"""The version of the package."""

import re

__version__ = "0.1.0"


def order(version: str) -> tuple[int, ...]:
    """What versions are sorted by: the numbers of the release; of none where the text has none."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()
