"""The databases of a project, and the components that each of them holds.

A project configures them in ``fbs-db.toml``, in ``pyproject.toml`` under ``[tool.fbs-db]``, or in
Django's settings as ``FBS_DB``. By default one database holds all components. Where each database lists its
components, the default one included, those that none lists are left out.

[databases.default]
url = "postgresql://app@db.example/app"
schema = "fbs"
user_table = "accounts_user"
role = "fbs_owner"

[databases.licences]
env = "LICENCES_URL"
components = ["licensing"]
user_key_type = "uuid"

[databases.solutions]
url = "postgresql://app@db.example/fbs_{solution}_db"
solutions = "*"
components = ["dms"]
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from psycopg import ProgrammingError, conninfo

from fbs_db import files, wording
from fbs_db.errors import TargetError, UsageError
from fbs_db.files import BASE
from fbs_db.redaction import ConnectionString

DEFAULT = "default"
#: Stands in the place of a solution in the name of the database that new ones are copied from.
TEMPLATE = "template"


@dataclass(frozen=True)
class DatabaseConfig:
    """The configuration of a database, or of a pattern: of the databases that solutions have of their own.

    A value that is not configured is None.

    Attributes:
        name: its name.
        url: its connection string.
        env: the environment variable that holds the connection string.
        service: the libpq service that has the connection settings.
        schema: the schema of FBS's tables.
        user_table: the host's user table.
        role: the role to work as, which the login is a member of; reads are done as the login.
        user_key_type: the type of the users' keys, if their table is in another database.
        components: the components that it holds; None for all.
        solutions: the solutions that have a database by this pattern: their names, ``*`` for all whose database
            is on the server, or a query for the default database; None where this is one database.
        solution: the solution whose own database it is; `TEMPLATE` where it is what new ones are copied from.
        reason: why it holds them, in words.
    """

    name: str = DEFAULT
    url: str | None = None
    env: str | None = None
    service: str | None = None
    schema: str | None = None
    user_table: str | None = None
    role: str | None = None
    user_key_type: str | None = None
    components: tuple[str, ...] | None = None
    solutions: tuple[str, ...] | str | None = None
    solution: str | None = None
    reason: str = "there is one database, which holds all"

    def __post_init__(self) -> None:
        if self.url is not None:
            object.__setattr__(self, "url", ConnectionString(self.url))

    def holds(self, component: str) -> bool:
        """Whether this database holds a component."""
        return component == BASE or self.components is None or component in self.components

    @property
    def is_template(self) -> bool:
        """Whether it is the database that those of new solutions are copied from."""
        return self.solution == TEMPLATE

    def connection_string(self) -> str | None:
        """Its connection string; None if the environment decides.

        Raises:
            UsageError: the variable that should hold it is not set.
        """
        if self.env is None:
            return f"service={self.service}" if self.service else self.url
        if not os.environ.get(self.env):
            raise UsageError(
                f"Database {self.name} takes its connection string from {self.env}, which is not set.",
                hint=f"Set it: export {self.env}=postgresql://user@host/database",
            )
        return ConnectionString(os.environ[self.env])


@dataclass(frozen=True)
class Config:
    """The databases of a project.

    Attributes:
        databases: the single databases, by name.
        patterns: the patterns of databases that solutions have of their own, by name.
        source: where they are configured, such as a path; an empty string if nowhere.
        definite: whether the configuration overrides the environment, as Django's settings do.
        members: databases of solutions that have another name here than on their server, as in a host's tests.
    """

    databases: Mapping[str, DatabaseConfig] = field(default_factory=lambda: {DEFAULT: DatabaseConfig()})
    source: str = ""
    definite: bool = False
    patterns: Mapping[str, DatabaseConfig] = field(default_factory=dict)
    members: Mapping[str, DatabaseConfig] = field(default_factory=dict)

    @property
    def default(self) -> DatabaseConfig:
        """The database to use if none is named: the only one, or the one called default.

        Raises:
            UsageError: there are several, and none is called default.
        """
        if len(self.databases) == 1:
            return next(iter(self.databases.values()))
        if DEFAULT not in self.databases:
            names = ", ".join((*self.databases, *self.patterns))
            raise UsageError(
                f"{self.source} configures {names}; none of them is called {DEFAULT}.",
                hint="Name one: --database NAME",
            )
        return self.databases[DEFAULT]

    def home_of(self, component: str) -> DatabaseConfig | None:
        """The database that holds a component, or the first pattern that does; None where it is left out."""
        return next((one for one in (*self.databases.values(), *self.patterns.values()) if one.holds(component)), None)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The components that no database holds."""
        return tuple(component for component in files.components() if self.home_of(component) is None)

    def left_out_error(self, component: str) -> TargetError:
        """The error for what needs a component that is left out."""
        return TargetError(
            f"Component {component} is left out: no database of {self.source} lists it.",
            hint=f"To have it, list it in the components of one. Then type: {wording.command('migrate', '--all')}",
        )


_KEY_TYPES = r"smallint|integer|bigint|uuid|text|(varchar|character varying)(\(\d+\))?"
#: The keys of a database; all values but the components and the solutions are text.
_KEYS = tuple(known.name for known in fields(DatabaseConfig) if known.name not in ("name", "reason", "solution"))
#: All whose database is on the server.
EVERY = "*"


def parse(content: Mapping[str, Any], source: str) -> Config:
    """The databases that a project's file, or its Django settings, configure.

    Parameters:
        content: the content of the file.
        source: where it is, for messages.

    Raises:
        UsageError: a key is unknown, a value is invalid, or a component is in two databases.
    """
    said = content.get("databases", {})
    for path, table in {"databases": said, **_named(said)}.items():
        if not isinstance(table, Mapping):
            raise UsageError(f"{source}: {path} is not a table.", hint="Write tables like [databases.default].")
    strange = [key for key in content if key != "databases"]
    strange += [f"{path}.{key}" for path, table in _named(said).items() for key in table if key not in _KEYS]
    if strange:
        raise unknown_keys(source, strange, f"Known: tables like [databases.default] with the keys {', '.join(_KEYS)}.")
    databases = {name: _database(name, table, source) for name, table in said.items()}
    if all(database.components is not None for database in databases.values()):
        # The default database holds the rest, even if it is not configured.
        databases = {DEFAULT: DatabaseConfig(), **databases}
    if len(databases) > 1 or databases[next(iter(databases))].components is not None:
        databases = _placed(databases, source)
    kept = {name: config for name, config in databases.items() if name in said or config.components != ()}
    return Config(
        {name: config for name, config in kept.items() if config.solutions is None},
        source,
        patterns={name: config for name, config in kept.items() if config.solutions is not None},
    )


def _named(said: Any) -> dict[str, Any]:
    """The tables of the databases by their paths; none where it is no table itself."""
    return {f"databases.{name}": table for name, table in said.items()} if isinstance(said, Mapping) else {}


def _database(name: str, table: Mapping[str, Any], source: str) -> DatabaseConfig:
    where = f"{source}: databases.{name}"
    for key, value in table.items():
        if key == "solutions":
            _refuse_solutions(where, value)
        elif key == "components":
            if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(v, str) for v in value):
                raise UsageError(
                    f"{where}.components is not a list of texts.", hint='Write it like components = ["msme", "bi"]'
                )
        elif not isinstance(value, str) or not value:
            raise UsageError(f"{where}.{key} is not a text.", hint=f'Write it like {key} = "..."')
    if not re.fullmatch(_KEY_TYPES, table.get("user_key_type", "bigint")):
        raise UsageError(
            f"{where}.user_key_type is {table['user_key_type']!r}.",
            hint="Write smallint, integer, bigint, uuid, text or varchar(N).",
        )
    ways = [key for key in ("url", "env", "service") if key in table]
    if len(ways) > 1:
        raise UsageError(f"{where} has {' and '.join(ways)}; only one of them is allowed.", hint="Remove the others.")
    if "solutions" in table and name == DEFAULT:
        raise UsageError(
            f"{where} has solutions, and {DEFAULT} is the one database that is used if none is named.",
            hint="Give these databases another name, such as [databases.solutions].",
        )
    if not ways and name != DEFAULT:
        raise UsageError(
            f"{where} has no connection settings.",
            hint="Give it a url, an env (the name of a variable), or a service (of libpq).",
        )
    if "solutions" in table and "service" in table:
        raise UsageError(
            f"{where} has solutions and a service.", hint='Write url = "service=NAME dbname=fbs_{solution}_db".'
        )
    lists = {key: tuple(table[key]) for key in ("components", "solutions") if isinstance(table.get(key), Sequence)}
    values = {**table, **{key: value for key, value in lists.items() if not isinstance(table[key], str)}}
    config = DatabaseConfig(name, **values)
    if config.url is not None:
        refuse_no_placeholder(config, config.url, where)
    return config


def _refuse_solutions(where: str, value: Any) -> None:
    """Refuse what is neither a list of names, nor a star, nor a query."""
    hint = 'Write ["acme"], or "*" for all that are on the server, or a query for their names: "select ..."'
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(one, str) and one for one in names):
        raise UsageError(f"{where}.solutions is neither a list of names nor a text.", hint=hint)
    if isinstance(value, str) and value != EVERY and not re.search(r"\s", value.strip()):
        raise UsageError(f"{where}.solutions is {value!r}, which is no query.", hint=hint)
    if not isinstance(value, str) and TEMPLATE in names:
        raise UsageError(
            f"{where}.solutions names {TEMPLATE}, which stands for the database that new ones are copied from.",
            hint="Leave it out. It is migrated with the others.",
        )


def placeholder(dbname: str) -> str | None:
    """The word in braces in a database's name, such as ``solution``; None where there is not exactly one."""
    found = re.findall(r"\{([a-z_]+)\}", dbname)
    return found[0] if len(found) == 1 else None


def refuse_no_placeholder(config: DatabaseConfig, url: str, where: str) -> None:
    """Refuse a pattern whose database's name has no placeholder, and a placeholder without a pattern.

    A string that libpq cannot read is refused where it is used.
    """
    try:
        dbname = str(conninfo.conninfo_to_dict(url).get("dbname") or "")
    except ProgrammingError:
        return
    if config.solutions is None and "{" in dbname:
        raise UsageError(
            f"{where}: {dbname} stands for many databases, and nothing says whose.",
            hint='Add solutions = "*" for all that are on the server, or a list, or a query for their names.',
        )
    if config.solutions is not None and (placeholder(dbname) is None or re.sub(r"\{[a-z_]+\}", "", dbname) == ""):
        raise UsageError(
            f"{where} has solutions, and its database's name is {dbname!r}.",
            hint="Put one placeholder beside other characters into that name: fbs_{solution}_db",
        )


def unknown_keys(source: str, keys: Sequence[str], hint: str) -> UsageError:
    """The error for keys that fbs-db does not know."""
    return UsageError(f"{source}: unknown key{'s' if len(keys) > 1 else ''} {', '.join(keys)}.", hint=hint)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _placed(databases: dict[str, DatabaseConfig], source: str) -> dict[str, DatabaseConfig]:
    """The databases, each with the components that it holds."""
    every = files.components()
    lives: dict[str, str] = {}
    for name, database in databases.items():
        for component in database.components or ():
            if component not in every:
                raise UsageError(
                    f"{source}: databases.{name}.components: unknown component {component!r}.",
                    hint=f"Known: {', '.join(every)}.",
                )
            home = lives.setdefault(component, name)
            # Solutions may be spread over servers, a pattern each.
            if home != name and (databases[home].solutions is None or database.solutions is None):
                raise UsageError(
                    f"{source}: component {component} is in two databases: {home} and {name}.",
                    hint="Name it in one of them. To move its rows, type: fbs-db placement move",
                )
    open_ended = [name for name, database in databases.items() if database.components is None]
    if len(open_ended) > 1 and any(databases[name].solutions is None for name in open_ended):
        raise UsageError(
            f"{source}: Only one database may omit `components`; {_listed(open_ended)}"
            f" {'both' if len(open_ended) == 2 else 'all'} do.",
            hint="Give all but one of them a list: components = [...]. It may be empty.",
        )
    rest = [component for component in every if component not in lives]
    return {
        name: replace(
            database,
            components=tuple(rest) if name in open_ended else database.components or (),
            reason=f"{source} names no other database for it" if name in open_ended else f"{source} names it there",
        )
        for name, database in databases.items()
    }
