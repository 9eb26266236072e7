"""Fields that hosts add to records."""

from datetime import datetime

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row


class CustomFieldsValues(Row):
    """A row of ``fbs_custom_fields_values``.

    Attributes:
        model_name: Kind of host record it is about, such as tenants.tenant; together with record_id it names the host's
            record.
        record_id: Number of the host's record it is about; together with model_name it names that record.
        field_name: What the extra fact is called; unique for one record and database_name.
        database_name: Odoo database the value belongs to, by name; "" when it belongs to none.
        field_type: How the value is to be read. Normally one of: char (short text), text (long), integer, float
            (decimal), boolean (true/false), date, datetime, json, choice.
        field_value: The extra fact itself, always kept as text and read the way field_type says.
        value: The value as JSON of its type (see fbs_custom_fields_typed); None where it does not fit the type.
        fits: Whether the value fits its type.
        solution_name: Solution that keeps the value; "" when not tied to one.
    """

    id: int
    model_name: str
    record_id: int
    field_name: str
    database_name: str
    field_type: str
    field_value: str
    value: Json | None
    fits: bool
    solution_name: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class CustomFieldsObjects(Row):
    """A row of ``fbs_custom_fields_objects``.

    Other fields as in `CustomFieldsValues`.

    Attributes:
        database_name: Odoo database the fields belong to, by name; "" for those that belong to none.
        fields: JSON object: the value of each field by its name, as JSON of its type; as text where it does not fit the
            type.
        misfits: Names of the fields whose value does not fit their type, in order of the alphabet; {} when all do.
        updated_at: When one of the fields last changed.
    """

    model_name: str
    record_id: int
    database_name: str
    fields: Json
    misfits: list[str]
    updated_at: datetime


class CustomFieldsRecords(Row):
    """A row of ``fbs_custom_fields_records``."""

    record_id: int
    fields: Json
    misfits: list[str]


class CustomFields(Group[AnyDriver]):
    """Fields that hosts add to records."""

    @view(
        "fbs_custom_fields_values",
        order=("model_name", "record_id", "field_name", "database_name"),
        together=(
            ("model_name", "record_id"),
            ("model_name", "record_id", "field_name"),
            ("model_name", "record_id", "database_name"),
        ),
        not_alone=("record_id", "field_name", "database_name"),
    )
    def values(
        self,
        *,
        id: int | None = None,
        model_name: str | None = None,
        record_id: int | None = None,
        field_name: str | None = None,
        database_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[CustomFieldsValues]:
        """Custom fields one by one, each with its value as JSON of its type; those set aside as well. Pages go by
        model_name, record_id, field_name, database_name.
        """

    @view(
        "fbs_custom_fields_objects",
        order=("model_name", "record_id", "database_name"),
        together=(("model_name", "record_id"), ("model_name", "record_id", "database_name")),
        not_alone=("record_id", "database_name"),
    )
    def objects(
        self,
        *,
        model_name: str | None = None,
        record_id: int | None = None,
        database_name: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[CustomFieldsObjects]:
        """The custom fields of a record as one JSON object with values of their types, a row for each record and Odoo
        database. Fields set aside are left out; a record without any has no row.
        """

    @function("fbs_custom_fields_records")
    def records(
        self, model_name: str, record_ids: list[int], *, database_name: str | None = None
    ) -> Page[CustomFieldsRecords]:
        """The custom fields of records of one model, each record's as one JSON object with values of their types; names
        of those whose value does not fit its type, and is given as text, are in misfits. A row for each record asked
        for, {} for one without fields; fields of one Odoo database, unless named of those that belong to none. Fields
        set aside are left out.
        """
