"""The part of Django's checks that concerns the tables of models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004

from fbs_db import files
from fbs_db.adoption.catalog import alike
from fbs_db.database.django_settings import is_per_tenant, value_of
from fbs_db.database.session import open_session
from fbs_db.django.hosts import HostModel
from fbs_db.django.messages import for_shell, migrate_command
from fbs_db.django.router import APPS, READ_ONLY_APPS
from fbs_db.schema import snapshot
from fbs_db.schema.later_names import LATER, list_later_names
from fbs_db.wording import command

_ONE_TABLE = "FBS's rows point at the rows of one table. A schema per tenant is not supported."


def of_settings(hosts: Iterable[HostModel]) -> Iterator[CheckMessage]:
    """Errors for models with a table per tenant, and a warning for models with later names of tables."""
    for host in hosts:
        if is_per_tenant(host.model):
            yield Error(
                f"HOSTS names {host.model._meta.label}, which has a table in each tenant's schema. {_ONE_TABLE}",
                hint="Leave it out of HOSTS, or keep its app in SHARED_APPS alone.",
                id="fbs_db.E008",
            )
    if apps.is_installed("django.contrib.auth") and is_per_tenant(users := get_user_model()):
        yield Error(
            f"AUTH_USER_MODEL is {users._meta.label}, which has a table in each tenant's schema. {_ONE_TABLE}",
            hint="Keep its app in SHARED_APPS alone.",
            id="fbs_db.E008",
        )
    later = _called_later()
    if later and not value_of("LATER_NAMES"):
        names, labels = zip(*sorted(later.items()), strict=True)
        more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
        with for_shell(None):
            adopt = command("adopt")
        yield Warning(
            f"{', '.join(labels[:3])}{more}: these models use later names of FBS's tables, such as {names[0]}."
            " Without LATER_NAMES, Django makes separate tables for them.",
            hint='Set FBS_DB = {"LATER_NAMES": True}. Then type: python manage.py migrate\n'
            f"If Django has made such tables already, first type: {adopt}",
            id="fbs_db.W009",
        )


def names_taken(alias: str) -> Iterator[CheckMessage]:
    """A warning for models whose later names belong to something else than FBS's views."""
    later = _called_later()
    if not later or not value_of("LATER_NAMES"):
        return
    taken = {row.later_name: row for row in list_later_names(alias) if row.state == "taken"}
    others = [f"{taken[name].taken_by} {name} ({label})" for name, label in sorted(later.items()) if name in taken]
    if others:
        yield Warning(
            f"FBS in {alias}: LATER_NAMES is on, but other objects have the names of these models:"
            f" {', '.join(others)}.",
            hint=f"Make one table of the two: {command('adopt')}\nThen: {migrate_command(alias)}",
            id="fbs_db.W009",
        )


def _called_later() -> dict[str, str]:
    """Labels of FBS's models that use later names of tables, by that name."""
    return {
        model._meta.db_table: model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if model._meta.db_table in LATER and _is_of_fbs(model)
    }


def _is_of_fbs(model: Any) -> bool:
    """Whether a model with a later name is FBS's: a host may use such a name itself."""
    objects = snapshot.expected([file.id for file in files.load()], 180000)
    columns = [field.column for field in model._meta.concrete_fields]
    return model._meta.app_label in APPS or alike(LATER[model._meta.db_table], columns, objects)


def not_attached(unattached: Iterable[HostModel], alias: str) -> Iterator[CheckMessage]:
    """An error or a warning for each model that is not attached, with the reason."""
    elsewhere = """
        select string_agg(quote_ident(n.nspname), ', ' order by n.nspname)
        from pg_catalog.pg_class as c
        inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
        where c.relname = %s and c.relkind in ('r', 'p') and to_regclass(%s) is null
        """
    with open_session(alias, None, application="fbs-db check") as session:
        for host in unattached:
            label, table = host.model._meta.label, host.table(alias)
            ((schemas,),) = session.select(elsewhere, host.model._meta.db_table, table)
            if schemas:
                yield Error(
                    f"FBS in {alias}: {label} is not attached. Its table {table} is in {schemas}, which the connection"
                    f" does not search. {_ONE_TABLE}",
                    hint="Name the schema in db_table or in the search_path, or leave the model out of HOSTS.",
                    id="fbs_db.E008",
                )
            else:
                yield Warning(
                    f"FBS in {alias}: {label} is not attached.",
                    hint=migrate_command(alias),
                    id="fbs_db.W122",
                )


def out_of_sight(alias: str) -> Iterator[CheckMessage]:
    """A warning if Django's connection does not find the tables of FBS's models."""
    models = [model._meta for model in apps.get_models() if model._meta.app_label not in READ_ONLY_APPS]
    ours = [model.label for model in models if model.db_table in _names()]
    with open_session(alias, None, application="fbs-db check") as session:
        if ours and session.select("select %s = any(current_schemas(false))", session.schema) == [(False,)]:
            ((path,),) = session.select("select current_setting('search_path')")
            yield Warning(
                f"FBS in {alias}: its tables are in schema {session.schema}, and the search_path of Django's connection"
                f" is {path}. {ours[0]} does not find its table.",
                hint=f'Name a schema of the search_path: FBS_DB = {{"DATABASES": {{"{alias}": {{"SCHEMA": "..."}}}}}}.',
                id="fbs_db.W010",
            )


@cache
def _names() -> frozenset[str]:
    """All names of FBS's tables, later ones included."""
    return frozenset(LATER) | {name for file in files.load() for kind, name in file.creates if kind == "table"}
