"""The command that prints the guides."""

from __future__ import annotations

import re

import click

from fbs_db.cli.base import main
from fbs_db.cli.completion import GUIDES, topics
from fbs_db.cli.output import echo
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.errors import UsageError


@subcommand(main, "help", schema=False)
@click.argument("topic", required=False, shell_complete=topics)
def show_help(_: Call, *, topic: str | None) -> Answer:
    """List the guides, or print the one about TOPIC.

    \b
    fbs-db help                                 the topics
    fbs-db help django                          a guide
    fbs-db help FB020                           one SQLSTATE, check id or exit code
    """
    guides = {path.stem: path.read_text(encoding="utf-8") for path in sorted(GUIDES.glob("*.md"))}
    if topic is None:
        return Answer({name: summary(page) for name, page in guides.items()}, _show_topics)
    found = guides.get(topic.lower()) or _entry(guides["errors"], topic)
    if not found:
        raise UsageError(
            f"Unknown topic {topic!r}.",
            hint=f"Topics: {', '.join(guides)}. Also a SQLSTATE, check id or exit code, such as FB020."
            " For the options of a command: fbs-db COMMAND --help",
        )
    return Answer({"text": found.rstrip()}, lambda value: echo(value["text"]))


def summary(page: str) -> str:
    """The one line that follows a guide's title."""
    return page.split("\n\n")[1].replace("\n", " ")


def _entry(errors: str, code: str) -> str:
    """The entry of a code in the guide ``errors``; empty text if there is none."""
    wanted = {code.lower(), f"fbs_db.{code}".lower(), f"exit code {code}".lower()}
    for section in re.split(r"^(?=##)", errors, flags=re.MULTILINE):
        heading, _, _ = section.partition("\n")
        if wanted & {name.strip().lower() for name in heading.lstrip("# ").split(",")}:
            return section
    return ""


def _show_topics(topics: dict[str, str]) -> None:
    width = max(map(len, topics))
    for name, text in topics.items():
        echo(f"  {name:<{width}}  {text}")
