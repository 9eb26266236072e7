"""README and the guides, as their tests see them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

#: Every page by the name of its topic.
PAGES: dict[str, Path] = {
    "README": ROOT / "README.md",
    **{path.stem: path for path in sorted((ROOT / "fbs_db" / "guides").glob("*.md"))},
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: console, pycon, python, sql; toml, ini, yaml or crontab for files.
        text: what is between the fences.
        file: name of the file that the first line, a comment, says it is; empty text if it says none.
    """

    language: str
    text: str
    file: str


def blocks(page: str, heading: str = "") -> list[Block]:
    """The fenced blocks of a page, in order; those below a heading, if one is named."""
    text = PAGES[page].read_text(encoding="utf-8")
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = []
    for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL):
        inner = textwrap.dedent(match[3])
        file = re.match(r"# (\S+\.(?:py|toml|service|timer|yaml|crontab))\n", inner)
        found.append(Block(match[2], inner, file[1] if file else ""))
    return found
