"""Write the guide to errors, fbs_db/guides/errors.md.

Meanings and remedies are in errors.toml beside it. The rest is taken from the code: SQLSTATEs
and messages from sql/, check ids from fbs_db/django, error classes from fbs_db/errors.py.
With --check nothing is written: the exit code is 1 if the guide is stale.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import tomlkit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fbs_db import errors
from fbs_db.django import checks
from fbs_db.files import sql_directory

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "fbs_db" / "guides" / "errors.md"
MEANINGS = GUIDE.with_suffix(".toml")
HEADER = """\
# Errors

Every exit code, SQLSTATE and Django check id: its meaning, and its remedy.

`fbs-db help FB020` prints one entry. So does `fbs-db help fbs_db.E001`. Every error of the command has a message and,
below it, what to type. With `--json` both are in an object. This page is generated: `make schema`.
"""
_FUNCTION = re.compile(r"^(?:create (?:or replace )?function (\w+)|do )", re.MULTILINE)
_RAISE = re.compile(r"raise exception '((?:[^']|'')*)'[^;]*?\berrcode = '(FB\w{3})'")


def raised() -> dict[str, list[tuple[str, str]]]:
    """The SQLSTATEs of class FB in sql/, each with the functions that raise it and their messages."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(sql_directory().glob("0*.sql")):
        text = path.read_text(encoding="utf-8")
        for match in _RAISE.finditer(text):
            function = _FUNCTION.findall(text, 0, match.start())[-1] or path.stem
            found.setdefault(match[2], []).append((function, match[1].replace("''", "'")))
    return dict(sorted(found.items()))


def check_ids() -> dict[str, str]:
    """The check ids in fbs_db/django; of findings, by their number, the kind."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "fbs_db" / "django").glob("*.py")]
    kinds = {number: kind for kind, number in (*checks.NUMBERS.items(), ("other", checks.OTHER))}
    own = {name for text in texts for name in re.findall(r'\bid="fbs_db\.([EWI]\d{3})"', text)}
    return {name: "" for name in sorted(own, key=lambda name: (name[1:], name)) if int(name[1:]) < 100} | {
        ", ".join(f"fbs_db.{letter}{number}" for letter in "EWI"): kind for number, kind in sorted(kinds.items())
    }


def classes(exit_code: int) -> list[str]:
    """The errors of Python that end the command with an exit code."""
    return [
        f"`{name}`: {(inspect.getdoc(value) or '').partition(chr(10))[0]}"
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.FbsDbError) and value.exit_code == exit_code
        if value is not errors.FbsDbError
    ]


def entry(heading: str, said: dict[str, str], facts: list[str], default: str = "") -> str:
    """One code as Markdown; the remedy is the code's own, or the default."""
    lines = [f"### {heading}", _filled(said["means"])]
    if remedy := said.get("remedy", default):
        lines.append(_filled(f"Remedy: {remedy}"))
    if facts:
        lines.append("\n".join(_filled(f"* {fact}", "  ") for fact in facts))
    return "\n\n".join(lines) + "\n"


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 118, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def page() -> str:
    said: dict[str, Any] = tomlkit.parse(MEANINGS.read_text(encoding="utf-8")).unwrap()
    parts = [HEADER, "## Exit codes\n\nBelow each: the exceptions of `fbs_db.errors` that end a command with it.\n"]
    parts += [entry(f"Exit code {code}", said["exit"][code], classes(int(code))) for code in said["exit"]]
    parts.append("## SQLSTATEs\n\nFBS's functions raise these. Below each: the function, and its message.\n")
    for code, messages in raised().items():
        facts = [f"`{function}`: {message}" for function, message in messages if message not in ("%", "rule %: %")]
        parts.append(entry(code, _meaning(said, "sqlstate", code), facts))
    parts.append(
        "## Django check ids\n\nE is an error, W a warning, I a note. From 101 on: a finding of `fbs-db check`.\n"
    )
    for code, kind in check_ids().items():
        meaning = _meaning(said, "kind", kind) if kind else _meaning(said, "check", code)
        heading = code if kind else f"fbs_db.{code}"
        parts.append(entry(heading, meaning, [], "Run `fbs-db repair`." if kind else ""))
    return "\n".join(parts)


def _meaning(said: dict[str, Any], table: str, code: str) -> dict[str, str]:
    try:
        meaning: dict[str, str] = said[table][code]
    except KeyError:
        sys.exit(f"{code} has no meaning. Write [{table}.{code}] in {MEANINGS.relative_to(ROOT)}.")
    return meaning


def main() -> None:
    text = page()
    if "--check" not in sys.argv:
        GUIDE.write_text(text, encoding="utf-8")
    elif not GUIDE.exists() or GUIDE.read_text(encoding="utf-8") != text:
        sys.exit(f"Stale: {GUIDE.relative_to(ROOT)}. Write it anew: make schema")


if __name__ == "__main__":
    main()
