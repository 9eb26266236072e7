"""The command ``metrics``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

import fbs_db
from fbs_db.cli.base import main
from fbs_db.cli.output import print_exact
from fbs_db.cli.subcommand import Answer, Call, subcommand
from fbs_db.database import project
from fbs_db.errors import UsageError
from fbs_db.own_files import replace_file

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily


@subcommand(main, "metrics", as_json=False)
@click.option(
    "--all",
    "everywhere",
    is_flag=True,
    help="Read all databases, with the label database. Those of a pattern have one figure together.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write them to this file in one step, for node_exporter's textfile collector; - for standard output.",
)
def metrics(call: Call, *, everywhere: bool, output: Path | None) -> Answer:
    """Print figures for Prometheus, in its text format.

    Gauges: clean-ups that wait and their age, migrations by state, findings by kind, sizes
    of tables, the worker's last run. The view fbs_metrics has the same for an exporter.

    Exit codes: 0 done; 2 a database could not be read: then its fbs_up is 0.
    """
    if everywhere:
        call.refuse_database()
    with project.read_once():
        families = fbs_db.metrics(call.database, schema=call.schema, all_databases=everywhere)
    from prometheus_client import CollectorRegistry, generate_latest  # they take long to import

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(families))
    text = generate_latest(registry)
    unread = any(sample.value == 0 for family in families if family.name == "fbs_up" for sample in family.samples)
    return Answer(text, partial(_write, output), 2 if unread else 0)


class _Read:
    """A collector of what was read."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families


def _write(file: Path | None, text: bytes) -> None:
    if file in (None, Path("-")):
        print_exact(text.decode(), nl=False)
        return
    try:
        replace_file(file, text, mode=0o644)  # the collector is another user
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{file} cannot be written: {reason}.") from error
