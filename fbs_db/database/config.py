"""Which databases there are, and which components of FBS live in each.

A project says it once: in ``fbs-db.toml``, in ``pyproject.toml`` under ``[tool.fbs-db]``,
or in Django's settings as ``FBS_DB``. Where nothing is said, one database holds all.

[databases.default]
url = "postgresql://app@db.example/app"
schema = "fbs"
user_table = "accounts_user"

[databases.licences]
env = "LICENCES_URL"
components = ["licensing"]
user_key_type = "uuid"
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from fbs_db import files
from fbs_db.errors import UsageError
from fbs_db.files import BASE

DEFAULT = "default"


@dataclass(frozen=True)
class DatabaseConfig:
    """What is said of a database; None where nothing is.

    Attributes:
        name: what it is called.
        url: connection string.
        env: environment variable that holds it.
        service: name of a service of libpq's.
        schema: where FBS's tables are.
        user_table: the host's user table.
        user_key_type: type of the users' keys, where their table is elsewhere.
        components: what of FBS lives here; None for all of it.
        reason: why those components live here, in words.
    """

    name: str = DEFAULT
    url: str | None = None
    env: str | None = None
    service: str | None = None
    schema: str | None = None
    user_table: str | None = None
    user_key_type: str | None = None
    components: tuple[str, ...] | None = None
    reason: str = "there is one database, which holds all"

    def holds(self, component: str) -> bool:
        """Whether files of a component belong into this database."""
        return component == BASE or self.components is None or component in self.components

    def connection_string(self) -> str | None:
        """How to connect to it; None where only the environment can tell.

        Raises:
            UsageError: the variable that holds it is not set.
        """
        if self.env is None:
            return f"service={self.service}" if self.service else self.url
        if not os.environ.get(self.env):
            raise UsageError(
                f"The connection string of database {self.name} is to be in {self.env}, which is not set.",
                hint=f"Set it: export {self.env}=postgresql://user@host/database",
            )
        return os.environ[self.env]


@dataclass(frozen=True)
class Config:
    """All databases of a project.

    Attributes:
        databases: by name.
        source: what says so, such as a path; empty where nothing does.
        definite: whether it goes before the environment, as Django's settings do.
    """

    databases: Mapping[str, DatabaseConfig] = field(default_factory=lambda: {DEFAULT: DatabaseConfig()})
    source: str = ""
    definite: bool = False

    @property
    def default(self) -> DatabaseConfig:
        """The database that is meant where none is named: the one called default, or the only one.

        Raises:
            UsageError: there are several, and none is called so.
        """
        if len(self.databases) == 1:
            return next(iter(self.databases.values()))
        if DEFAULT not in self.databases:
            raise UsageError(
                f"{self.source} configures {', '.join(self.databases)}, and none of them is called {DEFAULT}.",
                hint="Say which: --database NAME",
            )
        return self.databases[DEFAULT]

    def named(self, name: str) -> DatabaseConfig:
        """The database of this name.

        Raises:
            UsageError: there is none.
        """
        if name not in self.databases:
            raise UsageError(
                f"There is no database {name!r} in {self.source or 'the configuration'}.",
                hint=f"There are: {', '.join(self.databases)}.",
            )
        return self.databases[name]


_KEY_TYPES = r"smallint|integer|bigint|uuid|text|(varchar|character varying)(\(\d+\))?"
#: What may be said of a database; all of it is text but for the components.
_KEYS = tuple(known.name for known in fields(DatabaseConfig) if known.name not in ("name", "reason"))


def parse(content: Mapping[str, Any], source: str) -> Config:
    """The databases that a project's file, or its Django settings, tell of.

    Parameters:
        content: what is written there.
        source: where that is, for the messages.

    Raises:
        UsageError: it says what nobody understands, or a component lives in two
            databases, or in none.
    """
    said = content.get("databases", {})
    strange = [key for key in content if key != "databases"]
    if isinstance(said, Mapping):
        strange += [
            f"databases.{name}{'' if not isinstance(table, Mapping) else f'.{key}'}"
            for name, table in said.items()
            for key in (table if isinstance(table, Mapping) else (None,))
            if key not in _KEYS
        ]
    if strange or not isinstance(said, Mapping):
        raise UsageError(
            f"{source} says what fbs-db does not know: {', '.join(strange) or 'databases'}.",
            hint=f"It knows tables like [databases.default] with the keys {', '.join(_KEYS)}.",
        )
    databases = {name: _database(name, table, source) for name, table in said.items()}
    if all(database.components is not None for database in databases.values()):
        # Where nothing else is said, the one that needs no name holds the rest.
        databases = {DEFAULT: DatabaseConfig(), **databases}
    if len(databases) > 1 or databases[next(iter(databases))].components is not None:
        databases = _placed(databases, source)
    return Config(
        {name: config for name, config in databases.items() if name in said or config.components != ()}, source
    )


def _database(name: str, table: Mapping[str, Any], source: str) -> DatabaseConfig:
    where = f"{source}: databases.{name}"
    for key, value in table.items():
        if key == "components":
            if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(v, str) for v in value):
                raise UsageError(f"{where}.components is not a list of texts.", hint='Like components = ["msme", "bi"]')
        elif not isinstance(value, str) or not value:
            raise UsageError(f"{where}.{key} is not a text.", hint=f'Write it like {key} = "..."')
    if not re.fullmatch(_KEY_TYPES, table.get("user_key_type", "bigint")):
        raise UsageError(
            f"{where}.user_key_type is {table['user_key_type']!r}.",
            hint="Keys are smallint, integer, bigint, uuid, text or varchar(N).",
        )
    ways = [key for key in ("url", "env", "service") if key in table]
    if len(ways) > 1:
        raise UsageError(f"{where} says {' and '.join(ways)}: one of them is enough.", hint="Keep one.")
    if not ways and name != DEFAULT:
        raise UsageError(
            f"{where} does not say where it is.",
            hint="Give it a url, an env (a variable's name), or a service of libpq's.",
        )
    components = table.get("components")
    values = {key: value for key, value in table.items() if key != "components"}
    return DatabaseConfig(name, **values, components=None if components is None else tuple(components))


def _placed(databases: dict[str, DatabaseConfig], source: str) -> dict[str, DatabaseConfig]:
    """Each component in the one database it lives in, or an error that says what is wrong."""
    every = files.components()
    lives: dict[str, str] = {}
    for name, database in databases.items():
        for component in database.components or ():
            if component not in every:
                raise UsageError(
                    f"{source}: databases.{name}.components: there is no component {component!r}.",
                    hint=f"There are: {', '.join(every)}.",
                )
            if lives.setdefault(component, name) != name:
                raise UsageError(
                    f"{source}: component {component} is in two databases: {lives[component]} and {name}.",
                    hint="Name it in one of them. To carry its rows over: fbs-db placement move",
                )
    open_ended = [name for name, database in databases.items() if database.components is None]
    if len(open_ended) > 1:
        raise UsageError(
            f"{source}: {' and '.join(open_ended)} both say nothing of components, so which of them holds the rest"
            " is not known.",
            hint="Give all but one of them: components = [...], which may be empty.",
        )
    rest = [component for component in every if component not in lives]
    if rest and not open_ended:
        raise UsageError(
            f"{source}: no database holds {', '.join(rest)}.",
            hint="Name it in one, or leave out components in one database, which then holds the rest.",
        )
    return {
        name: replace(
            database,
            components=tuple(rest) if name in open_ended else database.components or (),
            reason=f"{source} names no other database for it" if name in open_ended else f"{source} names it there",
        )
        for name, database in databases.items()
    }
