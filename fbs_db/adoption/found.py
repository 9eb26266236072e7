"""What is found of FBS's tables that Django made, under FBS's names or former ones.

Everything has the names of the migrations, so that it compares with what they create; its
present name is beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fbs_db.schema.later_names import FORMER

#: Tables that migrations of FBS 2.0.3 create under other names than its models have, and FBS's names of them.
STRAYS = {
    "fbs_cash_entries": "fbs_app_cashentry",
    "fbs_income_expenses": "fbs_app_incomeexpense",
    "fbs_basic_ledgers": "fbs_app_basicledger",
    "fbs_tax_calculations": "fbs_app_taxcalculation",
    "fbs_msme_setup_wizards": "fbs_msme_setup_wizard",
}
#: Tables of those migrations that no release has a model for.
UNUSED = (
    "fbs_chart_of_accounts",
    "fbs_compliance_checks",
    "fbs_dashboard_widgets",
    "fbs_financial_periods",
    "fbs_model_relationships",
    "fbs_report_executions",
)
#: Every other name of a table, and FBS's name of it.
OTHER_NAMES = FORMER | STRAYS
#: Columns that have other names there, and FBS's names of them.
FORMER_COLUMNS = {
    "fbs_dms_document_tags": {"dmsdocument_id": "document_id", "dmsdocumenttag_id": "documenttag_id"},
}


@dataclass(frozen=True)
class Table:
    """A table, or another relation with a table's name.

    Attributes:
        name: FBS's name of it.
        present: its present name.
        oid: its OID.
        definition: its kind, as in the snapshot.
        owner: the role that owns it.
        ours: whether the present role has the owner's privileges.
        alike: whether it has at least half of FBS's columns.
    """

    name: str
    present: str
    oid: int
    definition: str
    owner: str
    ours: bool
    alike: bool


@dataclass(frozen=True)
class Twin:
    """A table that exists under two names.

    Attributes:
        kept: the one to keep: the one with rows, else the one with FBS's name.
        other: the other one.
        rows: number of rows in `kept`; None where the role cannot count them.
        other_rows: number of rows in `other`, likewise.
    """

    kept: Table
    other: Table
    rows: int | None
    other_rows: int | None


@dataclass(frozen=True)
class Column:
    """A column of such a table.

    Attributes:
        name: table and column, by FBS's names.
        present: the column's present name.
        number: its attribute number.
        type: its type, without the collation.
        collated: whether its collation differs from its type's.
        not_null: whether it is NOT NULL.
        default: its default, as in the snapshot; empty text where it has none.
        sequence: the sequence that numbers it, with the schema; empty text where there is none.
        sequence_name: the same without schema and quotes.
        owns_sequence: whether the sequence is dropped with the column.
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
        table: FBS's name of the table.
        name: present name of the constraint.
        kind: ``p``, ``u``, ``f``, ``c`` or ``x``, as in pg_constraint.
        definition: its definition, by FBS's names of tables and columns.
        columns: its columns, by FBS's names.
        valid: whether it is validated.
        target: the table that a foreign key references, with the schema; else empty text.
        target_oid: OID of that table; 0 where there is none.
        target_columns: the referenced columns.
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
    """An index of such a table that belongs to no constraint.

    Attributes:
        table: FBS's name of the table.
        name: present name of the index.
        unique: whether it is unique.
        substance: method, keys and everything after them, by FBS's names of columns.
        valid: whether it is valid and ready.
    """

    table: str
    name: str
    unique: bool
    substance: str
    valid: bool


@dataclass(frozen=True)
class Found:
    """Everything found.

    Attributes:
        tables: by FBS's name.
        twins: tables that exist under two names, with rows in both.
        empty: tables without rows to drop: each exists under another name too, or has a name that no model has.
        columns: by table and column.
        constraints, indexes: those of these tables.
        strangers: relations with another name of a table and too few of its columns.
        relations: every other relation with a name that FBS needs, and its kind.
    """

    tables: dict[str, Table]
    twins: tuple[Twin, ...]
    empty: tuple[Table, ...]
    columns: dict[str, Column]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    strangers: tuple[Table, ...]
    relations: dict[str, str]

    def columns_of(self, table: str) -> list[Column]:
        return [column for name, column in self.columns.items() if name.partition(".")[0] == table]
