"""Random rows and arguments for the reads of books, documents, licences and what goes across them."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from tests.reads.models.common import Money
from tests.support.differential import Answer, World
from tests.support.every_read import GROUPS, read_on

SOLUTIONS = ["a", "b", "A", "O'Neil & Co"]
LICENSED = list("cdefghijkl")
TEXTS = ["", "", "Ada", "ada", "O'Neil", '"quoted"', "100%", "%s", "x_y", "back\\slash", "Zoë", "two words"]
STATUSES = ["pending", "partial", "paid", "paid", "overdue", "cancelled", "odd"]
OFFSETS = [0, 0, 0, 1, -1, 7, 29, 30, 31, -29, -30, -31, -59, -60, -61, -89, -90, -91, -92, 365]
FEATURES = ["core", "bi", "msme", "msme_businesses", "users", "it's"]
DATABASES, MODELS = ["main", "it's", ""], ["res.partner", "sale.order", "x"]
FACTS: list[Any] = [
    {}, [], None, 7, "text", {"a": 1}, {"a": "1"}, {"a": 1.0}, {"a": None}, {"a": True}, {"b": [1, 2, {"c": 3}]},
    {"a": 1, "b": [2]}, {"o": {"p": {"q": "it's"}, "r": 1}}, {"o": {"r": 1}}, {"b": []}, [1, "x"], ["x"], "x", [[1, 2]],
]  # fmt: skip
WORDS = ["lease", "leasehold", "mill", "lane", "permit", "review", "urgent", "o", "hara", "2024", "inv7", "x1y2"]
MANY = [f"k{number}" for number in range(24)]
PARTS = [" ", " ", " ", "-", "/", ", ", "'", " & ", "_", "\\", "\t", ". ", ":*"]


class Filler:
    """Fills tables with random rows."""

    def __init__(self, world: World) -> None:
        self.connection, self.world, self.chance = world.connection, world, world.chance

    def add(self, table: str, number: int, **columns: Any) -> list[int]:
        """Rows whose columns have these values, one of a list's, or what a function returns; their ids.

        A row that another one excludes is left out.
        """
        values = [
            [
                of() if callable(of) else self.chance.choice(of) if isinstance(of, list) else of
                for of in columns.values()
            ]
            for _ in range(number)
        ]
        self.connection.cursor().executemany(
            f"insert into {table} ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})"
            " on conflict do nothing".encode(),
            values,
        )
        return [key for (key,) in self.connection.execute(f"select id from {table}".encode())]

    def flag(self) -> bool:
        return self.chance.random() < 0.7

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    def day(self) -> date:
        return some_day(self.world, self.chance)

    def maybe_day(self) -> date | None:
        return self.day() if self.flag() else None

    def moment(self) -> datetime:
        clock = self.chance.choice([time(0), time(12), time(23, 59, 59), time(23, 59, 59, 999999)])
        return datetime.combine(self.day(), clock, self.world.zone)

    def maybe_moment(self) -> datetime | None:
        return self.moment() if self.flag() else None

    def near(self) -> datetime:
        """Now, or not quite."""
        away = self.chance.choice([timedelta(0), timedelta(microseconds=1), timedelta(hours=9), timedelta(days=40)])
        return self.world.now + self.chance.choice([away, -away])

    def money(self) -> Money:
        return some_money(self.chance)

    def facts(self) -> Jsonb:
        return Jsonb(self.chance.choice(FACTS))

    def user(self) -> int:
        return self.chance.randint(1, 3)

    def maybe_user(self) -> int | None:
        return self.user() if self.flag() else None

    def sentence(self) -> str:
        words = [self.chance.choice(WORDS) for _ in range(self.chance.randint(0, 4))]
        cased = [self.chance.choice([word, word.title(), word.upper()]) for word in words]
        return "".join(word + self.chance.choice(PARTS) for word in cased)


def some_day(world: World, chance: random.Random) -> date:
    """A day that many rows share, or are just before or after."""
    bases: list[date] = [
        world.today,
        world.today,
        date(2024, 2, 29),
        date(2024, 12, 31),
        date(2023, 5, 31),
        date(2025, 1, 1),
    ]
    return chance.choice(bases) + timedelta(chance.choice([*OFFSETS, chance.randint(-500, 500)]))


def some_money(chance: random.Random) -> Money:
    return Decimal(chance.choice([0, 0, 1, 100, 10000, -5000, 333, 66667, chance.randint(1, 9_999_999)])) / 100


def some_query(world: World, chance: random.Random) -> str:
    if chance.random() < 0.2:  # what lies beyond 1,000 characters does not count
        first, last = chance.choice(WORDS), chance.choice(WORDS)
        before = 1000 - chance.choice([0, 1, len(last) - 1, len(last), len(last), len(last) + 1])
        return first.ljust(before) + last + chance.choice(["", " nowhere", "-nowhere"])
    if chance.random() < 0.2:  # nor beyond 20 words
        many = chance.sample(MANY, 22)
        many.insert(chance.choice([0, 18, 19, 20, 21, 22]), "nowhere")
        return " ".join(chance.sample(many[:4], 3) + many)
    chosen = [chance.choice([*WORDS, "nowhere", ""]) for _ in range(chance.choice([0, 1, 1, 1, 2, 2, 3]))]
    begun = [word[: chance.randint(1, 9)].upper() if chance.random() < 0.5 else word for word in chosen]
    return chance.choice(["", "'", "!("]) + "".join(word + chance.choice(PARTS) for word in begun)


ARGUMENTS: dict[str, Callable[[World, random.Random], Any]] = {
    **dict.fromkeys(("since", "until", "on_date", "after_date"), some_day),
    "id": lambda world, chance: chance.randint(0, 30),
    "after_id": lambda world, chance: chance.randint(0, 90),
    "after_rank": lambda world, chance: chance.choice([1.0, 0.7, 0.55, 0.4, 0.1]),
    "carried": lambda world, chance: some_money(chance),
    "page_size": lambda world, chance: chance.choice([1, 2, 3, 10, 1000]),
    "account": lambda world, chance: chance.choice(["bank", "it's", "", "none"]),
    "period": lambda world, chance: chance.choice(["day", "week", "month", "quarter", "year"]),
    "of_type": lambda world, chance: chance.choice(["income", "expense", "barter", ""]),
    "months": lambda world, chance: chance.choice([1, 2, 3, 12, 13, 0, -3]),
    "database_name": lambda world, chance: chance.choice([*DATABASES, "none"]),
    "model_name": lambda world, chance: chance.choice([*MODELS, "none"]),
    "query": some_query,
    "metadata": lambda world, chance: chance.choice([facts for facts in FACTS if facts not in ({}, [], None)]),
    "within_days": lambda world, chance: chance.choice([0, 1, 29, 30, 31, 400, -1]),
    "state": lambda world, chance: chance.choice(["draft", "approved", "odd", "none"]),
    "document_type_id": lambda world, chance: chance.randint(1, 3),
    "category_id": lambda world, chance: chance.randint(1, 5),
    "feature_name": lambda world, chance: chance.choice([*FEATURES, "none", ""]),
}


def made_up(read: str, owners: Sequence[str] = ()) -> Callable[[World], Answer]:
    """Arguments of a read, whose rows are one of the owners'; those that have a default are left out at times."""

    def made(world: World) -> Answer:
        chance = world.chance
        parameters = inspect.signature(read_on(GROUPS, *read.split("."))).parameters
        taken = {
            name: ARGUMENTS[name](world, chance)
            for name, parameter in parameters.items()
            if name in ARGUMENTS and (parameter.default is inspect.Parameter.empty or chance.random() < 0.5)
        }
        for name in parameters.keys() & {"solution_name", "business_id", "company_id"}:
            taken[name] = chance.choice(owners)
        if "seldom" in taken.values():  # a hundred years at most
            taken["until"] = date(2199, 12, 31)
        if "after_date" not in taken and "after_date" in parameters:
            taken.pop("after_id", None)
        if "after_created_at" in parameters:
            taken.pop("after_id", None)
        return taken

    return made
