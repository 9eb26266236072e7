"""``manage.py flush`` that empties FBS's tables too: PostgreSQL truncates no table that others point at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.management.commands import flush
from django.db import connections, router

from fbs_db import files
from fbs_db.database.django_settings import table_in_sql
from fbs_db.django.install import config_of, is_there
from fbs_db.files import BASE


class Command(flush.Command):  # type: ignore[misc]
    """Django's flush, with FBS's tables among those of the host. Django's test cases use it too."""

    def handle(self, **options: Any) -> None:
        with _among_djangos_tables(options["database"]):
            super().handle(**options)


@contextmanager
def _among_djangos_tables(alias: str) -> Iterator[None]:
    """A block in which Django counts FBS's tables among its own, and truncates all in one statement.

    It counts tables of models whose ``db_table`` names a schema too: Django looks for those in
    the search_path alone.
    """
    introspection = connections[alias].introspection
    own = introspection.django_table_names

    def with_ours(*args: Any, **options: Any) -> list[str]:
        names = own(*args, **options)
        return [*names, *(name for name in (*_tables(alias), *_in_named_schemas(alias)) if name not in names)]

    introspection.django_table_names = with_ours
    try:
        yield
    finally:
        del introspection.django_table_names


def _in_named_schemas(alias: str) -> list[str]:
    """The tables of models whose ``db_table`` names a schema."""
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and '"."' in model._meta.db_table and router.allow_migrate_model(alias, model)
    }
    return [table for table in sorted(tables) if is_there(alias, table_in_sql(table, alias))]


def _tables(alias: str) -> list[str]:
    """FBS's tables with rows of the host: all but its history, settings and rules."""
    config = config_of(alias)
    if config is None:
        return []
    created = [file.creates for file in files.load() if file.component != BASE]
    names = [name for creates in created for kind, name in creates if kind == "table"]
    with connections[alias].cursor() as cursor:
        cursor.execute(
            # Django's quote_name adds the outer quotes.
            "select case when pg_table_is_visible(c.oid) then '' else n.nspname || '\".\"' end || c.relname::text"
            " from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
            " where n.nspname = %s and c.relname = any(%s)",
            [config.schema or "public", [*names, "fbs_cleanup_queue"]],
        )
        return [name for (name,) in cursor.fetchall()]
