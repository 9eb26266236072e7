"""What a release promises, found by looking: a sorted list of lines, each of which is in later releases, too."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import click
import psycopg
import tomlkit
from psycopg.rows import tuple_row

import fbs_db
from fbs_db import cli, errors
from fbs_db.database import config, django_settings
from fbs_db.django import hosts
from fbs_db.health import metrics
from fbs_db.reads.client import declared
from fbs_db.reports import Report
from tests.support import ROOT
from tests.support.every_read import GROUPS, read_of, reads

#: Whose names are public.
MODULES = ("fbs_db", "fbs_db.django", "fbs_db.reads")
_COLUMNS = r"""
select
    c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
    case when obj_description(c.oid, 'pg_class') ~ '^Internal\.' then 'internal ' else '' end
from pg_class as c
inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relname ~ '^fbs_' and c.relkind in ('r', 'p', 'v')
"""
_FUNCTIONS = """
select
    proname::text, pg_get_function_arguments(oid), pg_get_function_result(oid),
    coalesce(obj_description(oid, 'pg_proc'), '')
from pg_proc
where pronamespace = 'public'::regnamespace and proname ~ '^fbs_'
"""


def promised(installed: psycopg.Connection, *, every: bool = False) -> list[str]:
    """All that is public, and the functions that the package calls, a line each.

    Parameters:
        installed: a connection to a database with the whole schema, on the newest PostgreSQL.
        every: all internal functions, called or not.
    """
    found = {*_commands("fbs-db", cli.main), *_codes(), *_keys(), *_names(), *_reports(), *_reads(), *_others()}
    found |= {*_objects(installed, every)}
    return sorted(" ".join(line.split()) for line in found)


def _commands(path: str, command: click.Command) -> Iterator[str]:
    yield f"command {path}"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from (f"option {path} {name}" for name in (*parameter.opts, *parameter.secondary_opts))
        else:
            yield f"argument {path} {parameter.human_readable_name}"
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands(f"{path} {name}", one)


def _codes() -> Iterator[str]:
    known = tomlkit.parse((ROOT / "fbs_db" / "guides" / "errors.toml").read_text(encoding="utf-8"))
    for kind, entries in known.unwrap().items():
        yield from (f"{kind} {name}" for name in entries)
    for name, one in vars(errors).items():
        if inspect.isclass(one) and issubclass(one, errors.FbsDbError):
            yield from (f"error {name} is a {base.__name__}" for base in one.__mro__[:-3])
            yield f"error {name} ends with {one.exit_code}"


def _keys() -> Iterator[str]:
    for where, keys in (("fbs-db.toml", config._KEYS), ("FBS_DB", django_settings._KEYS), ("HOSTS", hosts._KEYS)):
        yield from (f"key {where} {key}" for key in keys)


def _names() -> Iterator[str]:
    for module in MODULES:
        of = importlib.import_module(module)
        for name in of.__all__:
            yield f"python {module}.{name}"
            one = getattr(of, name)
            if inspect.isfunction(one):
                yield from _signature(f"{module}.{name}", inspect.signature(one))


def _signature(name: str, signature: inspect.Signature) -> Iterator[str]:
    parameters = signature.parameters.values()
    yield from (f"parameter {name}({one.name})" for one in parameters)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    yield f"needed {name}({', '.join(needed)})"


def _reports() -> Iterator[str]:
    for module in pkgutil.walk_packages(fbs_db.__path__, "fbs_db."):
        if ".django" not in module.name and "__main__" not in module.name and ".testing" not in module.name:
            importlib.import_module(module.name)
    for one in _subclasses(Report):
        yield from (f"field {one.__name__}.{field.name}" for field in fields(one))


def _subclasses(of: Any) -> Iterator[Any]:
    for one in of.__subclasses__():
        yield one
        yield from _subclasses(one)


def _reads() -> Iterator[str]:
    for group, name in reads():
        of = getattr(GROUPS, group)
        if name.endswith(".stream"):
            yield f"read {group}.{name}"
            continue
        yield f"read {group}.{name}"
        yield from _signature(f"{group}.{name}", inspect.signature(getattr(of, name)))
        row = read_of(group, name).row
        yield f"class {row.__module__}.{row.__name__}"
        yield from (f"row {group}.{name}: {field}" for field in row._fields)


def _others() -> Iterator[str]:
    yield from (f"metric {name}({', '.join(labels)})" for name, (_, labels) in metrics._FAMILIES.items())
    folder = ROOT / "fbs_db"
    fixtures = (folder / "testing" / "plugin.py").read_text(encoding="utf-8")
    yield from (f"fixture {name}" for name in re.findall(r"(?m)^@pytest\.fixture.*\ndef ([a-z]\w*)", fixtures))
    guides = "".join(path.read_text(encoding="utf-8") for path in (folder / "guides").glob("*.md"))
    yield from (f"in Django {name}" for name in re.findall(r"\bfbs_db\.django\.[\w.]+\w", guides))
    yield from (
        f"model {one.read.row.__name__}" for one in declared().values() if not one.read.arguments and one.read.key
    )


def _objects(installed: psycopg.Connection, every: bool) -> Iterator[str]:
    cursor = installed.cursor(row_factory=tuple_row)
    yield from (f"setting {name}" for (name,) in cursor.execute("select name from fbs_settings").fetchall())
    for table, column, kind, internal in cursor.execute(_COLUMNS).fetchall():
        yield f"{internal}table {table}"
        yield f"{internal}column {table}.{column} {kind}"
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "fbs_db").rglob("*.py")]
    called = {name for text in texts for name in re.findall(r"\bfbs_\w+", text)}
    for name, arguments, result, comment in cursor.execute(_FUNCTIONS).fetchall():
        said = f"{name}({arguments}) returns {result}"
        if not comment.startswith(("Internal.", "Trigger")):
            yield f"function {said}"
        elif result != "trigger" and (every or name in called):
            yield f"internal function {said}"
