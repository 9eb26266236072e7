"""FBS's tables as something else made them: under their names or former ones.

All is told by the names it is to have, so that it compares with what the files make;
what it is called now is beside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from fbs_db.database.session import Session
from fbs_db.schema.later_names import FORMER
from fbs_db.schema.snapshot import Key, Object, in_schema, normalized

#: Tables that the migrations of FBS 2.0.3 make under names which its models do not have.
STRAYS = {
    "fbs_cash_entries": "fbs_app_cashentry",
    "fbs_income_expenses": "fbs_app_incomeexpense",
    "fbs_basic_ledgers": "fbs_app_basicledger",
    "fbs_tax_calculations": "fbs_app_taxcalculation",
    "fbs_msme_setup_wizards": "fbs_msme_setup_wizard",
}
#: Tables of those migrations for which no release has a model.
UNUSED = (
    "fbs_chart_of_accounts",
    "fbs_compliance_checks",
    "fbs_dashboard_widgets",
    "fbs_financial_periods",
    "fbs_model_relationships",
    "fbs_report_executions",
)
#: Tables by all other names than their own.
OTHER_NAMES = FORMER | STRAYS
#: Their columns that have other names there.
FORMER_COLUMNS = {
    "fbs_dms_document_tags": {"dmsdocument_id": "document_id", "dmsdocumenttag_id": "documenttag_id"},
}


@dataclass(frozen=True)
class Table:
    """A table, or what else bears a table's name.

    Attributes:
        name: as it is to be called.
        present: as it is called.
        oid: PostgreSQL's number of it.
        definition: what it is, as the snapshot words it.
        owner: the role it belongs to.
        ours: whether the present role may do what its owner may.
        alike: whether it has half of FBS's columns, or more.
    """

    name: str
    present: str
    oid: int
    definition: str
    owner: str
    ours: bool
    alike: bool


@dataclass(frozen=True)
class Double:
    """A table that is there under two names.

    Attributes:
        kept: the one to go on with: that which has rows, or else FBS's name.
        other: the other one.
        rows: how many rows the first has; None where the role cannot tell.
        other_rows: how many the other has.
    """

    kept: Table
    other: Table
    rows: int | None
    other_rows: int | None


@dataclass(frozen=True)
class Column:
    """A column of such a table.

    Attributes:
        name: table and column, as they are to be called.
        present: as the column is called.
        number: PostgreSQL's number of it in its table.
        type: without its collation.
        collated: whether its collation is another than its type's.
        not_null: whether it has to be filled.
        default: as the snapshot words it; empty where it has none.
        sequence: where its numbers come from, with its schema; empty where from none.
        sequence_name: the same without the schema and without quotes.
        owns_sequence: whether that goes with the column.
    """

    name: str
    present: str
    number: int
    type: str
    collated: bool
    not_null: bool
    default: str
    sequence: str
    sequence_name: str
    owns_sequence: bool


@dataclass(frozen=True)
class Constraint:
    """A key or check of such a table.

    Attributes:
        table: as it is to be called.
        name: as the constraint is called.
        kind: ``p``, ``u``, ``f``, ``c`` or ``x``.
        definition: by the names that tables and columns are to have.
        columns: on which, by those names.
        valid: whether every row is known to obey.
        target: the table a foreign key points at, with its schema.
        target_oid: PostgreSQL's number of that; 0 where there is none.
        target_columns: what it points at there.
    """

    table: str
    name: str
    kind: str
    definition: str
    columns: tuple[str, ...]
    valid: bool
    target: str
    target_oid: int
    target_columns: tuple[str, ...]


@dataclass(frozen=True)
class Index:
    """An index of such a table that no constraint has made.

    Attributes:
        table: as it is to be called.
        name: as the index is called.
        unique: whether it keeps values apart.
        substance: method, keys and all that follows, by the names columns are to have.
        valid: whether it is used.
    """

    table: str
    name: str
    unique: bool
    substance: str
    valid: bool


@dataclass(frozen=True)
class Found:
    """All of it.

    Attributes:
        tables: by the name they are to have.
        doubled: tables that are there under two names, with rows in both.
        empty: tables that go: each is there under another name besides, or no model has its name.
        columns: by table and column.
        constraints, indexes: of those tables.
        strangers: what has a former name, and too little in common with FBS's table.
        relations: every other relation of the schema with a name that FBS needs, and what it is.
    """

    tables: dict[str, Table]
    doubled: tuple[Double, ...]
    empty: tuple[Table, ...]
    columns: dict[str, Column]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    strangers: tuple[Table, ...]
    relations: dict[str, str]

    def columns_of(self, table: str) -> list[Column]:
        return [column for name, column in self.columns.items() if name.partition(".")[0] == table]


_TABLES = """
select
    c.relname::text, c.oid::bigint,
    concat_ws(
        ' ',
        case c.relpersistence when 'u' then 'unlogged' end,
        case c.relkind
            when 'r' then 'table' when 'p' then 'partitioned table' when 'f' then 'foreign table'
            when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'c' then 'type'
            else 'index'
        end,
        case when c.relrowsecurity and c.relforcerowsecurity then 'with row security forced on its owner' end
    ),
    pg_get_userbyid(c.relowner)::text, pg_has_role(c.relowner, 'usage'),
    array(
        select a.attname::text from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    )
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname = %(schema)s and c.relname = any(%(names)s)
"""

_COLUMNS = """
select
    a.attrelid::bigint, a.attname::text, a.attnum::integer,
    format_type(a.atttypid, a.atttypmod),
    a.attcollation <> y.typcollation, a.attnotnull,
    case
        when a.attgenerated <> '' then 'generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ')'
        when a.attidentity = 'd' then 'generated by default as identity'
        when a.attidentity = 'a' then 'generated always as identity'
        else coalesce('default ' || pg_get_expr(d.adbin, d.adrelid), '')
    end,
    coalesce(quote_ident(n.nspname) || '.' || quote_ident(s.relname), ''), coalesce(s.relname::text, ''),
    coalesce(s.oid = pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass, false)
from pg_catalog.pg_attribute as a
inner join pg_catalog.pg_type as y on a.atttypid = y.oid
left join pg_catalog.pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
left join pg_catalog.pg_class as s on s.relkind = 'S' and s.oid = coalesce(
    case when a.attidentity <> '' then pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass end,
    (
        select e.refobjid from pg_catalog.pg_depend as e
        inner join pg_catalog.pg_class as q on e.refobjid = q.oid
        where
            e.classid = 'pg_catalog.pg_attrdef'::regclass and e.objid = d.oid
            and e.refclassid = 'pg_catalog.pg_class'::regclass and q.relkind = 'S'
    )
)
left join pg_catalog.pg_namespace as n on s.relnamespace = n.oid
where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""

_CONSTRAINTS = """
select
    k.conrelid::bigint, k.conname::text, k.contype::text,
    regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
    array(
        select a.attname::text from unnest(k.conkey) with ordinality as u (number, place)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = u.number
        order by u.place
    ),
    k.convalidated,
    case when k.confrelid <> 0 then (
        select format('%%I.%%I', n.nspname, c.relname) from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid where c.oid = k.confrelid
    ) else '' end,
    k.confrelid::bigint,
    array(
        select a.attname::text from unnest(k.confkey) with ordinality as u (number, place)
        inner join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = u.number
        order by u.place
    )
from pg_catalog.pg_constraint as k
where k.conrelid = any(%(oids)s::oid[]) and k.contype in ('p', 'u', 'f', 'c', 'x') and k.conparentid = 0
order by k.conrelid, k.conname
"""

_INDEXES = """
select
    i.indrelid::bigint, c.relname::text, i.indisunique,
    substr(
        pg_get_indexdef(c.oid),
        length(format(
            'CREATE %%sINDEX %%I ON %%I.%%I ',
            case when i.indisunique then 'UNIQUE ' else '' end, c.relname, n.nspname, t.relname
        )) + 1
    ),
    i.indisvalid and i.indisready
from pg_catalog.pg_index as i
inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
inner join pg_catalog.pg_class as t on i.indrelid = t.oid
inner join pg_catalog.pg_namespace as n on t.relnamespace = n.oid
where
    i.indrelid = any(%(oids)s::oid[])
    and not exists (
        select from pg_catalog.pg_constraint as k where k.conindid = c.oid and k.contype in ('p', 'u', 'x')
    )
order by i.indrelid, c.relname
"""


# Indexes and sequences of tables, which are gone with them.
_GOES_WITH = """
select c.relname::text
from pg_catalog.pg_class as c
where
    c.oid in (select i.indexrelid from pg_catalog.pg_index as i where i.indrelid = any(%(oids)s::oid[]))
    or c.oid in (
        select d.objid from pg_catalog.pg_depend as d
        where
            d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
            and d.refobjid = any(%(oids)s::oid[]) and d.deptype in ('a', 'i')
    )
"""


def read(session: Session, objects: Mapping[Key, Object]) -> Found:
    """What is there of FBS's tables, whoever made them.

    Parameters:
        objects: all that the files make.
    """
    found: dict[str, Table] = {}
    doubled: list[Double] = []
    empty: list[Table] = []
    strangers: list[Table] = []
    for table in candidates(session, objects):
        if table.present in STRAYS and rows_of(session, table) == 0:
            empty.append(table)
        elif table.present in OTHER_NAMES and not table.alike:
            strangers.append(table)
        elif table.name not in found:
            found[table.name] = table
        elif table.definition != "view":  # which shows the table, or is the host's own; it stays
            double = _double(session, found[table.name], table)
            found[table.name] = double.kept
            if double.other_rows == 0:
                empty.append(double.other)
            else:
                doubled.append(double)
    return described(session, objects, found, doubled, empty, strangers)


def _double(session: Session, ours: Table, other: Table) -> Double:
    rows, other_rows = rows_of(session, ours), rows_of(session, other)
    if rows == 0 and other_rows:
        return Double(other, ours, other_rows, rows)
    return Double(ours, other, rows, other_rows)


def described(
    session: Session,
    objects: Mapping[Key, Object],
    tables: dict[str, Table],
    doubled: Iterable[Double] = (),
    empty: Iterable[Table] = (),
    strangers: Iterable[Table] = (),
) -> Found:
    """All there is to know of these tables, by the names they are to have."""
    by_oid = {table.oid: table for table in tables.values()}
    arguments = {"schema": session.schema, "oids": list(by_oid)}
    with in_schema(session):
        rows = session.cursor().execute(_COLUMNS, arguments).fetchall()
        keys = session.cursor().execute(_CONSTRAINTS, arguments).fetchall()
        others_of = session.cursor().execute(_INDEXES, arguments).fetchall()
    names = {(row[0], row[1]) for row in rows}
    columns = [_column(by_oid[row[0]], names, *row[1:]) for row in rows]
    constraints = [_constraint(by_oid[row[0]], *row[1:]) for row in keys]
    indexes = [
        Index(by_oid[oid].name, name, unique, normalized(renamed(by_oid[oid].name, substance)), valid)
        for oid, name, unique, substance, valid in others_of
    ]
    others = [*(double.other for double in doubled), *empty]
    known = {table.present for table in (*tables.values(), *others)}
    known |= {index.name for index in indexes} | {key.name for key in constraints if key.kind in "pux"}
    known |= {column.sequence_name for column in columns}
    known |= {name for (name,) in session.cursor().execute(_GOES_WITH, {"oids": [table.oid for table in others]})}
    gone = {table.oid for table in empty}
    return Found(
        tables,
        tuple(doubled),
        tuple(empty),
        {column.name: column for column in columns},
        tuple(key for key in constraints if key.target_oid not in gone),  # which goes with its target
        tuple(indexes),
        tuple(strangers),
        {name: what for name, what in _relations(session, objects).items() if name not in known},
    )


def candidates(session: Session, objects: Mapping[Key, Object]) -> list[Table]:
    """What has the name of one of FBS's tables, or another name of it; those with its own name first."""
    names = {name for kind, name in objects if kind == "table"}
    wanted = [*names, *(other for other, name in OTHER_NAMES.items() if name in names)]
    rows = session.cursor().execute(_TABLES, {"schema": session.schema, "names": wanted}).fetchall()
    return [
        Table(name, present, oid, definition, owner, ours, alike(name, columns, objects))
        for present, oid, definition, owner, ours, columns in sorted(rows, key=lambda row: row[0] in OTHER_NAMES)
        for name in (OTHER_NAMES.get(present, present),)
    ]


def rows_of(session: Session, table: Table) -> int | None:
    """How many rows a table has; None where the role cannot tell, as it is no owner's, or not all are shown."""
    hidden = session.select("select row_security_active(%s::oid)", table.oid) == [(True,)]
    if not table.ours or hidden or table.definition.partition(" with ")[0] not in ("table", "unlogged table"):
        return None
    place = f"{session.quoted_schema}.{sql.Identifier(table.present).as_string(session.connection)}"
    return int((session.cursor().execute(f"select count(*) from {place}".encode()).fetchone() or (0,))[0])


def alike(table: str, columns: Iterable[str], objects: Mapping[Key, Object]) -> bool:
    """Whether it may be FBS's: others may use the name, the former ones above all."""
    wanted = {name for kind, name in objects if kind == "column" and name.partition(".")[0] == table}
    there = {f"{table}.{FORMER_COLUMNS.get(table, {}).get(name, name)}" for name in columns}
    return 2 * len(wanted & there) >= len(wanted)


def _column(table: Table, names: Collection[tuple[int, str]], present: str, number: int, *rest: Any) -> Column:
    name = FORMER_COLUMNS.get(table.name, {}).get(present, present)
    name = present if (table.oid, name) in names else name
    return Column(f"{table.name}.{name}", present, number, *rest)


def _constraint(
    table: Table,
    name: str,
    kind: str,
    definition: str,
    columns: list[str],
    valid: bool,
    target: str,
    target_oid: int,
    target_columns: list[str],
) -> Constraint:
    names = FORMER_COLUMNS.get(table.name, {})
    of = tuple(names.get(column, column) for column in columns)
    text = renamed(table.name, definition)
    return Constraint(table.name, name, kind, text, of, valid, target, target_oid, tuple(target_columns))


def renamed(table: str, text: str) -> str:
    """A definition by the names that tables, and the columns of this one, are to have."""
    for former, name in (FORMER | FORMER_COLUMNS.get(table, {})).items():
        text = re.sub(rf"(?<!\w){former}(?!\w)", name, text)
    return text


def _relations(session: Session, objects: Mapping[Key, Object]) -> dict[str, str]:
    """Relations of the schema that bear names of FBS's."""
    names = [name.rpartition(".")[2] for kind, name in objects if kind in ("table", "view", "index", "constraint")]
    names += [f"{name.replace('.', '_')}_seq" for (kind, name), it in objects.items() if _is_identity(kind, it)]
    rows = session.cursor().execute(_TABLES, {"schema": session.schema, "names": names})
    return {name: definition for name, _, definition, _, _, _ in rows}


def _is_identity(kind: str, it: Object) -> bool:
    return kind == "default" and it.definition.endswith("as identity")
