"""Each declared read is what the catalog has: name, columns, types, arguments, filters, order, known values."""

from __future__ import annotations

import inspect
import itertools
import pickle
import pydoc
import typing
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from types import NoneType
from typing import Any
from uuid import UUID

import psycopg
import pytest

from fbs_db.reads.approvals import Approvals, ApprovalsApprovers
from fbs_db.reads.client import Groups
from fbs_db.reads.drivers import AsyncDriver
from fbs_db.reads.rows import Row, UserKey
from fbs_db.reads.unreadable import home
from tests.support.every_read import GROUPS, read_of, read_on, reads

DECLARED = [(group, name) for group, name in reads() if not name.endswith(".stream")]
LISTS = [(group, name.removesuffix(".stream")) for group, name in reads() if name.endswith(".stream")]
VIEWS = [(group, name) for group, name in DECLARED if read_of(group, name).arguments is None]
FUNCTIONS = [(group, name) for group, name in DECLARED if read_of(group, name).arguments is not None]
PAGING = {"after": str, "limit": int}

#: Types in Python by those of PostgreSQL.
TYPES: dict[str, Any] = {
    "bigint": int,
    "integer": int,
    "smallint": int,
    "numeric": Decimal,
    "double precision": float,
    "real": float,
    "boolean": bool,
    "text": str,
    "character varying": str,
    "uuid": UUID,
    "date": date,
    "timestamp with time zone": datetime,
    "interval": timedelta,
    "jsonb": Any,
    "inet": IPv4Address | IPv6Address,
    "fbs_user_id": UserKey,
    "bigint[]": list[int],
    "integer[]": list[int],
    "text[]": list[str],
}


def always(kind: Any) -> Any:
    """A type without None; unions as sets."""
    if typing.get_origin(kind) is list or not typing.get_args(kind):
        return kind
    kinds = set(typing.get_args(kind)) - {NoneType}
    return kinds.pop() if len(kinds) == 1 else kinds


def columns(connection: psycopg.Connection, source: str) -> dict[str, str]:
    """Name and type of each column of a view."""
    query = (
        "select attname::text, format_type(atttypid, null) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum"
    )
    return dict(connection.execute(query, [source]).fetchall())


def called(connection: psycopg.Connection, source: str) -> tuple[dict[str, str], int, dict[str, str]]:
    """Name and type of each argument of a function, how many have no default, and what it returns."""
    query = (
        "select proargnames, proargmodes::text[], pronargs, pronargdefaults,"
        " array(select format_type(t, null) from unnest(coalesce(proallargtypes, proargtypes::oid[])) as t),"
        " format_type(prorettype, null) from pg_proc where pronamespace = 'public'::regnamespace and proname = %s"
    )
    ((names, modes, count, defaults, types, result),) = connection.execute(query, [source]).fetchall()
    pairs = list(zip(names, types, strict=False))
    returned = dict(pairs[count:]) if modes and set(modes) & {"t", "o"} else {"": result}
    return dict(pairs[:count]), count - defaults, returned


def test_every_view_of_a_group_is_declared_once(installed: psycopg.Connection) -> None:
    query = "select relname::text from pg_class where relkind = 'v' and relname ~ %s"
    found = [name for (name,) in installed.execute(query, [f"^fbs_({'|'.join(vars(GROUPS))})_"])]
    assert len(found) > 40
    assert sorted(found) == sorted(read_of(*of).source for of in VIEWS)
    sources = [read_of(*of).source for of in DECLARED]
    assert len(sources) == len(set(sources)) == 91
    assert all(source == f"fbs_{group}_{name}" for (group, name), source in zip(DECLARED, sources, strict=True))


@pytest.mark.parametrize(("group", "name"), VIEWS, ids=lambda part: part)
def test_a_view_is_as_declared(installed: psycopg.Connection, group: str, name: str) -> None:
    read = read_of(group, name)
    found = columns(installed, read.source)
    assert read.row._fields == tuple(found)
    for column, kind in read.row.__annotations__.items():
        assert always(kind) == always(TYPES[found[column]]), column
    parameters = inspect.signature(read_on(GROUPS, group, name)).parameters
    of_filters = {one: kind for one, kind in parameters.items() if one not in ("since", "until", *PAGING)}
    for one, parameter in of_filters.items():
        assert always(parameter.annotation) == always(TYPES[found[one]]), one
    for bound in ("since", "until"):
        assert (bound in parameters) == bool(read.ranged)
        if read.ranged:
            assert always(parameters[bound].annotation) == TYPES[found[read.ranged]]
    assert {*read.filters, *itertools.chain(*read.together)} == of_filters.keys()
    assert {one.lstrip("-") for one in read.order} <= found.keys()
    assert read.order
    if (group, name) in LISTS:
        assert parameters["limit"].default == 50
        assert all(one.default is None for one in parameters.values() if one.name != "limit")
    for column, state in read.states.items():
        assert {column, *state.of} <= found.keys()
        query = "select pronargs, pronargdefaults from pg_proc where proname = %s"
        [(most, optional)] = installed.execute(query, [state.test]).fetchall()
        assert most - optional <= 1 + len(state.of) <= most


@pytest.mark.parametrize(("group", "name"), VIEWS, ids=lambda part: part)
def test_known_values_are_those_of_the_choices(installed: psycopg.Connection, group: str, name: str) -> None:
    """Of columns that a view shows as they are in one table."""
    read = read_of(group, name)
    query = (
        "select distinct a.attname::text, c.choices from pg_rewrite as r"
        " inner join pg_depend as d on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass and d.refobjsubid > 0"
        " inner join pg_class as t on d.refobjid = t.oid and d.refclassid = 'pg_class'::regclass"
        " inner join pg_attribute as a on t.oid = a.attrelid and d.refobjsubid = a.attnum"
        " inner join fbs_choices as c on t.relname = c.table_name and a.attname = c.column_name"
        " where r.ev_class = %s::regclass"
    )
    found = installed.execute(query, [read.source]).fetchall()
    names = [column for column, _ in found]
    parameters = inspect.signature(read_on(GROUPS, group, name)).parameters
    assert {column: list(values) for column, values in read.known.items()} == {
        column: values for column, values in found if column in parameters and names.count(column) == 1
    }


@pytest.mark.parametrize(("group", "name"), FUNCTIONS, ids=lambda part: part)
def test_a_function_is_as_declared(installed: psycopg.Connection, group: str, name: str) -> None:
    read = read_of(group, name)
    arguments, needed, returned = called(installed, read.source)
    assert read.arguments == {one: kind.replace("fbs_user_id", "SCHEMA.fbs_user_id") for one, kind in arguments.items()}
    assert read.needed == tuple(arguments)[:needed]
    signature = inspect.signature(read_on(GROUPS, group, name))
    assert [*signature.parameters] == [*arguments]
    for one, parameter in signature.parameters.items():
        assert always(parameter.annotation) == always(TYPES[arguments[one]]), one
        assert parameter.default is (parameter.empty if one in read.needed else None)
    if read.row is Row:
        assert always(signature.return_annotation) == always(TYPES[returned[""]])
        return
    if "" in returned:  # a type of the schema's
        returned = columns(installed, returned[""])
    assert read.row._fields == tuple(returned)
    for column, kind in read.row.__annotations__.items():
        assert always(kind) == always(TYPES[returned[column]]), column


#: Tables of some thousand rows at most, whose filters need no index.
SMALL = {
    "fbs_business_rules",
    "fbs_charts",
    "fbs_compliance_rules",
    "fbs_dashboards",
    "fbs_discovery_sessions",
    "fbs_dms_document_category",
    "fbs_handshakes",
    "fbs_kpis",
    "fbs_license_manager_solution_license",
    "fbs_msme_compliance",
    "fbs_msme_kpis",
    "fbs_msme_marketing",
    "fbs_msme_setup_wizard",
    "fbs_msme_templates",
    "fbs_odoo_models",
    "fbs_odoo_modules",
    "fbs_recurring_transactions",
    "fbs_report_schedules",
    "fbs_reports",
    "fbs_workflow_definitions",
}


#: Filters for which an index of some hundred thousand entries is read through.
READ_THROUGH = {("fbs_odoo_fields", "relation_model")}


@pytest.mark.parametrize(("group", "name"), VIEWS, ids=lambda part: part)
def test_an_index_serves_each_filter(installed: psycopg.Connection, group: str, name: str) -> None:
    """One that begins with its column, or that has it beside the column the list begins with; of a set, all."""
    read = read_of(group, name)
    query = (
        "select array(select a.attname::text from unnest(i.indkey) with ordinality as key (number, place)"
        " left join pg_attribute as a on i.indrelid = a.attrelid and key.number = a.attnum order by key.place)"
        " from pg_index as i where i.indrelid = %s::regclass"
    )
    first = home(read.source, read.order[0].lstrip("-"))
    for columns in [*((one,) for one in read.filters), *read.together]:
        homes = [found for one in columns if (found := home(read.source, one))]  # others are worked out
        tables = {table for table, _ in homes}
        if len(homes) < len(columns) or len(tables) > 1 or tables <= SMALL:
            continue
        (table,) = tables
        keys = {column for _, column in homes}
        indexes = [index for (index,) in installed.execute(query, [table])]
        assert any(
            keys <= set(index)
            and (len(keys) > 1 or index[0] in keys or (table, index[0]) == first or {*homes} <= READ_THROUGH)
            for index in indexes
        ), columns


# --- as Python sees it


@pytest.mark.parametrize(("group", "name"), reads(), ids=lambda part: part)
def test_help_and_signature_of_each(group: str, name: str) -> None:
    waiting = Groups(AsyncDriver(None, "public"))  # type: ignore[arg-type]
    read = read_of(group, name)
    for groups in (GROUPS, waiting):
        bound = read_on(groups, group, name)
        signature = inspect.signature(bound)
        text = pydoc.plain(pydoc.render_doc(bound))
        assert f"\n{name.rpartition('.')[2]}{signature}\n" in text
        assert bound.__doc__.partition("\n")[0] in text
        assert "self" not in signature.parameters
        assert inspect.iscoroutinefunction(type(bound).__call__) == (groups is waiting and ".stream" not in name)
        if name.endswith(".stream"):
            assert not signature.parameters.keys() & PAGING.keys()
        else:
            assert f"Reads ``{read.source}``." in text
            assert all(one in text for one in signature.parameters)
    of_class = pydoc.plain(pydoc.render_doc(type(getattr(GROUPS, group))))
    assert f" {name.removesuffix('.stream')}(self" in of_class


def test_a_call_takes_what_is_declared_alone() -> None:
    pending = GROUPS.approvals.pending
    with pytest.raises(TypeError, match=r"Approvals\.pending\(\) got an unexpected keyword argument 'approver'"):
        pending(approver=7)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Approvals\.pending\(\) takes 1 positional argument but 2 were given"):
        pending(7)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'key'"):
        GROUPS.operations.cached()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'id'"):
        GROUPS.approvals.details()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"Approvals\.pending\.stream\(\) gives all rows: it takes no limit"):
        pending.stream(limit=3)


def test_single_rows_have_no_stream() -> None:
    assert not hasattr(GROUPS.approvals.details, "stream")
    assert not hasattr(GROUPS.accounting.cash_position, "stream")


def test_rows_are_tuples_with_names() -> None:
    row = ApprovalsApprovers(7, *range(1, len(ApprovalsApprovers._fields)))
    first, *_ = row
    assert first == row.approver_id == row[0] == 7
    assert ApprovalsApprovers(**row.as_dict()) == row
    assert pickle.loads(pickle.dumps(row)) == row
    assert repr(row).startswith("ApprovalsApprovers(approver_id=7, ")
    assert hash(row) == hash(tuple(row))
    with pytest.raises(AttributeError):
        row.new = 1  # type: ignore[attr-defined]
    for wrong in ({}, {"approver_id": 1}, row.as_dict() | {"more": 1}):
        with pytest.raises(TypeError, match=r"^ApprovalsApprovers takes approver_id, "):
            ApprovalsApprovers(**wrong)
    assert Approvals.approvers.read.nullable == ("approver_id",)
