"""Everything that answers in a database, from its catalog: tables, views and functions, with questions to ask."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tests.support.isolated import ALIKE, MARK, RECORD, SECRET, USERS, Facts

#: Functions that say how FBS fares. An application has no right to what some read.
OF_HEALTH = {"fbs_health", "fbs_metrics", "fbs_isolation_obstacles", "fbs_rights", "fbs_setting"}
#: Arguments of functions by name, such as find rows of a solution.
_SINCE, _UNTIL = date.today() - timedelta(days=400), date.today() + timedelta(days=400)
_TABLE = {
    "document_id": "fbs_dms_document",
    "workflow_id": "fbs_dms_document_workflow",
    "approval_id": "fbs_dms_document_approval",
}


def _arguments(facts: Facts) -> dict[str, Any]:
    values, solution, mark = facts.values, facts.solution, MARK.format(facts.solution)
    document = values["fbs_dms_document"]
    return {
        **{name: facts.ids[table] for name, table in _TABLE.items()},
        **{name: facts.named(name) for name in ("business_id", "company_id", "solution_name")},
        "account": values["fbs_app_basicledger"]["account"],
        "after_created_at": _UNTIL,
        "after_date": _SINCE,
        "after_id": 0,
        "at": None,
        "before_created_at": _UNTIL,
        "before_id": 10**9,
        "bucket": "1 day",
        "carried": 0,
        "category_id": document["category_id"],
        "column_name": "company_id",
        "columns": ["solution_name"],
        "content": mark,
        "database_name": ALIKE["fbs_custom_fields", "database_name"],
        "document_type_id": document["document_type_id"],
        "feature_name": values["fbs_license_manager_feature_usage"]["feature_name"],
        "field_type": "text",
        "field_value": mark,
        "file": values["fbs_dms_file_attachment"]["file"],
        "handshake_id": values["fbs_handshakes"]["handshake_id"],
        "host_table": "fbs_dms_document",
        "key": mark,
        "keys": ["1"],
        "kpi_id": 1,
        "limits": values["fbs_license_manager_solution_license"]["limits"],
        "measured_value": 1,
        "metadata": {"of": mark},
        **RECORD,
        "model": RECORD["model_name"],
        "months": 3,
        "named": [solution],
        "needed": sql.SQL("fbs_document_words({}, 'of')::text::tsquery").format(facts.named("company_id")),
        "of_table": "fbs_dms_document",
        "of_type": values["fbs_app_incomeexpense"]["transaction_type"],
        "on_date": date.today(),
        "only_rule": None,
        "origin": _SINCE,
        "page_size": 100,
        "period": "month",
        "query": mark,
        "quick": False,
        "record_ids": [1],
        "relation": "fbs_dms_document",
        "secret_key": values["fbs_handshakes"]["secret_key"],
        "setting": "cleanup",
        "since": _SINCE,
        "solution": facts.named("solution_name"),
        "state": document["state"],
        "tagged_ids": [facts.ids["fbs_dms_document"]],
        "table_id": "fbs_dms_document",
        "table_name": "fbs_dms_document",
        "target": None,
        "token": SECRET.format("all"),
        "until": _UNTIL,
        "user_id": USERS[solution],
        "user_table": "fbs_dms_document",
        "wanted": True,
        "what": "handshakes",
        "within_days": 400,
        "words": None,
        "zone": "UTC",
    }


#: By type, arguments of the functions for FBS's own use, which read with the rights of whoever calls them.
_BY_TYPE = {
    "bigint": 1,
    "boolean": True,
    "date": date.today(),
    "integer": 1,
    "jsonb": {},
    "name[]": ["x"],
    "numeric": 1,
    "oid": 10,
    "regclass": "fbs_dms_document",
    "text": "x",
    "text[]": ["x"],
    "timestamp with time zone": date.today(),
    "tsquery": "x",
}


@dataclass(frozen=True)
class Answer:
    """What answers.

    Attributes:
        kind: table, view or function.
        is_read: it is for readers, and not for FBS's own use.
        parameters: of a function, names and types; the first ``required`` have no default.
        mentions: names of what it stands on.
        is_definer: it has the rights of its owner.
        acts: it may change something.
        columns: those that the role reads, of a table or view.
    """

    kind: str
    name: str
    is_read: bool
    parameters: list[tuple[str, str]] = field(default_factory=list)
    required: int = 0
    mentions: frozenset[str] = frozenset()
    is_definer: bool = False
    acts: bool = False
    columns: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


_ANSWERS = """
select
    case c.relkind when 'v' then 'view' else 'table' end as kind, c.relname as name, true as is_read,
    null::text[] as names, null::text[] as types, 0 as required,
    -- What it names as a text, such as a list of tables, is not read by it.
    (
        select string_agg(coalesce(t.relname, f.proname), ' ')
        from pg_rewrite as r
        inner join pg_depend as d on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
        left join pg_class as t on d.refobjid = t.oid and d.refclassid = 'pg_class'::regclass and t.oid <> c.oid
        left join pg_proc as f on d.refobjid = f.oid and d.refclassid = 'pg_proc'::regclass
        where r.ev_class = c.oid
    ) as source, false as is_definer, false as acts,
    (
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
        from pg_attribute as a
        where
            a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            and has_column_privilege(%(role)s, c.oid, a.attnum, 'select')
    ) as columns
from pg_class as c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
union all
select
    'function', p.proname, obj_description(p.oid, 'pg_proc') !~ '^Internal[.]',
    p.proargnames[1:p.pronargs], array(select format_type(t, null) from unnest(p.proargtypes) as t),
    p.pronargs - p.pronargdefaults, p.prosrc, p.prosecdef, p.provolatile = 'v' or p.prokind = 'p', null
from pg_proc as p
where
    p.pronamespace = 'public'::regnamespace and p.prorettype <> all ('{trigger,event_trigger}'::regtype[])
    and has_function_privilege(%(role)s, p.oid, 'execute')
order by kind, name
"""


def answers(connection: psycopg.Connection, role: str) -> list[Answer]:
    """Everything in the schema that a role may ask, and every table and view, whether it may or not."""
    found = connection.cursor(row_factory=dict_row).execute(_ANSWERS, {"role": role}).fetchall()
    return [
        Answer(
            one["kind"],
            one["name"],
            one["is_read"],
            list(zip(one["names"] or [], one["types"] or [], strict=True)),
            one["required"],
            frozenset(re.findall(r"\w+", one["source"] or "")),
            one["is_definer"],
            one["acts"],
            one["columns"] or "",
        )
        for one in found
    ]


def questions(one: Answer, facts: Iterable[Facts]) -> list[sql.Composed]:
    """Queries of all its rows, each as a text: of a function, with arguments of each solution."""
    if one.kind != "function":
        rows = f"select {one.columns or '*'} from {{}}"
        return [sql.SQL(f"select t::text from ({rows}) as t").format(sql.Identifier(one.name))]
    asked: dict[str, sql.Composed] = {}
    for of in facts:
        for number in sorted({one.required, len(one.parameters)}):
            query = _call(one, of, number)
            asked.setdefault(query.as_string(), query)
    return list(asked.values())


def _call(one: Answer, facts: Facts, number: int) -> sql.Composed:
    """A call with the first arguments."""
    known = _arguments(facts)
    given = []
    for name, kind in one.parameters[:number]:
        # A function for FBS's own use may be asked anything, if it has nobody else's rights.
        may_be_any = not one.is_read and not one.is_definer
        assert name in known or may_be_any, f"{one.name}({name}) finds rows with what? Say so in _arguments()"
        value = known[name] if name in known else _BY_TYPE[kind]
        text = psycopg.types.json.Jsonb(value) if isinstance(value, dict) else value
        given.append(sql.SQL(f"{{}}::{kind}").format(text))
    return sql.SQL("select t::text from {}({}) as t").format(sql.Identifier(one.name), sql.SQL(", ").join(given))


def ask(connection: psycopg.Connection, query: sql.SQL | sql.Composed) -> list[str]:
    """The rows, or the error; times of day, which go on, are left out."""
    try:
        return sorted(timeless(row) for (row,) in connection.execute(query))
    except psycopg.Error as error:
        return [f"error {told(error)}"]


def told(error: psycopg.Error) -> str:
    """All that an error says."""
    said = error.diag
    parts = (
        said.sqlstate, said.message_primary, said.message_detail, said.message_hint, said.context,
        said.schema_name, said.table_name, said.column_name, said.datatype_name, said.constraint_name,
        said.internal_query,
    )  # fmt: skip
    return " | ".join(part for part in parts if part)


def timeless(row: str | None) -> str:
    return re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "TIME", row or "")
