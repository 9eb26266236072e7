"""What was found in Odoo: models, fields and modules."""

from datetime import datetime, timedelta

from fbs_db.reads.declared import AnyDriver, Group, function, view
from fbs_db.reads.pages import Page
from fbs_db.reads.rows import Json, Row


class DiscoveryModels(Row):
    """A row of ``fbs_discovery_models``.

    Attributes:
        database_name: Odoo database in which it was found, by name.
        model_name: What Odoo calls it, such as res.partner; unique within one Odoo database.
        technical_name: Name Odoo uses inside its programs.
        display_name: Title people see in Odoo.
        module_name: Odoo module that brings it.
        is_installed: True while it is installed in that Odoo database.
        model_type: What sort it is, such as business or custom.
        capabilities: List of what can be done with such records; [] when not known.
        constraints: Rules that such records must keep to, by name; {} when none are known.
        last_verified: When it was last seen to exist.
    """

    id: int
    database_name: str
    model_name: str
    technical_name: str
    display_name: str
    description: str
    module_name: str
    is_active: bool
    is_installed: bool
    model_type: str
    capabilities: Json
    constraints: Json
    field_count: int
    discovered_at: datetime
    last_verified: datetime


class DiscoveryFields(Row):
    """A row of ``fbs_discovery_fields``.

    Other fields as in `DiscoveryModels`.

    Attributes:
        odoo_model_id: Kind of record that has it, by its number in fbs_discovery_models.
        model_name: Kind of record that has it, by name.
        field_name: What Odoo calls the field; unique within one kind of record.
        display_name: Label people see in Odoo.
        field_type: What the field can hold, in Odoo's words, such as char or many2one.
        required: True when a record cannot be saved without a value here.
        readonly: True when people can see the value but not change it.
        computed: True when Odoo works the value out by itself.
        stored: True when Odoo keeps the value in its database.
        default_value: Value Odoo fills in for a new record, as text; "" when there is none.
        help_text: Explanation Odoo shows beside the field; "" when there is none.
        selection_options: List of the values one may choose from; [] when the field offers no choice.
        relation_model: Kind of record the field links to; "" when it links to none.
        field_constraints: Limits on the value, by name; {} when none are known.
    """

    id: int
    odoo_model_id: int
    database_name: str
    model_name: str
    field_name: str
    technical_name: str
    display_name: str
    field_type: str
    required: bool
    readonly: bool
    computed: bool
    stored: bool
    default_value: str
    help_text: str
    selection_options: Json
    relation_model: str
    field_constraints: Json
    discovered_at: datetime


class DiscoveryModules(Row):
    """A row of ``fbs_discovery_modules``.

    Other fields as in `DiscoveryModels`.

    Attributes:
        module_name: What Odoo calls the module; unique within one Odoo database.
        version: Release of the module, as Odoo reports it.
        author: Person or company that made it; "" when not known.
        website: Web address of the module or its maker; "" when not known.
        category: Group Odoo files the module under.
        auto_install: True when Odoo adds the module by itself once all it needs is there.
        depends: List of the other Odoo modules it needs, by name; [] when it needs none.
        data_files: List of the files it loads when it is installed; [] when none are known.
        demo_data: True when the module comes with its sample data.
        application: True for a full app, false for an add-on to others.
    """

    id: int
    database_name: str
    module_name: str
    technical_name: str
    display_name: str
    description: str
    version: str
    author: str
    website: str
    category: str
    is_installed: bool
    is_active: bool
    auto_install: bool
    depends: Json
    data_files: Json
    demo_data: bool
    application: bool
    discovered_at: datetime
    last_verified: datetime


class DiscoverySessionList(Row):
    """A row of ``fbs_discovery_session_list``.

    Attributes:
        session_id: Text by which programs refer to the search; unique.
        database_name: Odoo database that was looked through, by name.
        session_type: What the search set out to find.
        status: How the search stands, such as running or completed.
        started_at: When the search began.
        completed_at: When the search ended; None while it has not.
        duration: How long the search took; None while it has not ended.
        error_count: How many errors were noted; None when errors is not a list.
        errors: List of what went wrong; [] when nothing did.
        configuration: Settings the search was run with; {} when none were given.
    """

    id: int
    session_id: str
    database_name: str
    session_type: str
    status: str
    started_at: datetime
    completed_at: datetime | None
    duration: timedelta | None
    total_models: int
    total_fields: int
    total_modules: int
    error_count: int | None
    errors: Json
    configuration: Json


class DiscoverySchema(Row):
    """A row of ``fbs_discovery_schema``."""

    field_name: str
    source: str
    field_type: str
    display_name: str
    required: bool
    readonly: bool
    computed: bool
    stored: bool
    default_value: str
    help_text: str
    selection_options: Json | None
    relation_model: str
    has_custom_values: bool


class Discovery(Group[AnyDriver]):
    """What was found in Odoo: models, fields and modules."""

    @view(
        "fbs_discovery_models",
        order=("id",),
        ranged="last_verified",
        together=(("database_name", "model_name"), ("database_name", "module_name")),
        known={"model_type": ("base", "business", "system", "custom")},
    )
    def models(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        module_name: str | None = None,
        model_type: str | None = None,
        is_active: bool | None = None,
        is_installed: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DiscoveryModels]:
        """Kinds of record (models) found in each Odoo database."""

    @view(
        "fbs_discovery_fields",
        order=("odoo_model_id", "field_name"),
        together=(("database_name", "model_name"), ("odoo_model_id", "field_name")),
    )
    def fields(
        self,
        *,
        id: int | None = None,
        odoo_model_id: int | None = None,
        database_name: str | None = None,
        model_name: str | None = None,
        field_name: str | None = None,
        field_type: str | None = None,
        relation_model: str | None = None,
        required: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DiscoveryFields]:
        """Fields found on the kinds of record of each Odoo database."""

    @view("fbs_discovery_modules", order=("database_name", "module_name"), together=(("database_name", "module_name"),))
    def modules(
        self,
        *,
        id: int | None = None,
        database_name: str | None = None,
        module_name: str | None = None,
        category: str | None = None,
        is_installed: bool | None = None,
        is_active: bool | None = None,
        application: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DiscoveryModules]:
        """Odoo modules (apps and add-ons) found in each Odoo database."""

    @view(
        "fbs_discovery_session_list",
        order=("-started_at", "-id"),
        ranged="started_at",
        known={"status": ("running", "completed", "failed", "cancelled")},
    )
    def session_list(
        self,
        *,
        id: int | None = None,
        session_id: str | None = None,
        database_name: str | None = None,
        session_type: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[DiscoverySessionList]:
        """Searches in which FBS looked through an Odoo database, and what each found."""

    @function("fbs_discovery_schema")
    def schema(self, database_name: str, model_name: str) -> Page[DiscoverySchema]:
        """Merged schema of a kind of record (model) in an Odoo database: each field once, by name. source is odoo for a
        field found there, custom for one that only FBS's custom fields have; where both have it, Odoo's description
        counts and has_custom_values says that there are custom values too. A custom field's type is that of its value
        changed last; values set aside do not count. No rows for a model of which neither knows a field. Where custom
        fields are kept in another database, Odoo's fields only. Cost: the model's fields and all its custom values.
        """
