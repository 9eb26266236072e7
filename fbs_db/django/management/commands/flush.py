"""``manage.py flush``, which PostgreSQL would refuse while FBS's tables point at the users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import flush
from django.db import connections

from fbs_db import files
from fbs_db.config import BASE
from fbs_db.django.install import place_of


class Command(flush.Command):  # type: ignore[misc]
    """Django's own, emptying FBS's tables together with those of the host. Django's test cases use it, too."""

    def handle(self, **options: Any) -> None:
        with _among_djangos_tables(options["database"]):
            super().handle(**options)


@contextmanager
def _among_djangos_tables(alias: str) -> Iterator[None]:
    """A block in which Django counts FBS's tables among its own: what it empties, it empties at once."""
    introspection = connections[alias].introspection
    own = introspection.django_table_names

    def with_ours(*args: Any, **options: Any) -> list[str]:
        names = own(*args, **options)
        return [*names, *(name for name in _tables(alias) if name not in names)]

    introspection.django_table_names = with_ours
    try:
        yield
    finally:
        del introspection.django_table_names


def _tables(alias: str) -> list[str]:
    """FBS's tables that hold rows of a host's: not its history, its settings or its rules."""
    place = place_of(alias)
    if place is None:
        return []
    theirs = [file.creates for file in files.load() if file.component != BASE]
    names = [name for creates in theirs for kind, name in creates if kind == "table"]
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "select case when pg_table_is_visible(c.oid) then c.relname::text"
            " else format('%%I.%%I', n.nspname, c.relname) end"
            " from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid"
            " where n.nspname = %s and c.relname = any(%s)",
            [place.schema or "public", [*names, "fbs_cleanup_queue"]],
        )
        return [name for (name,) in cursor.fetchall()]
