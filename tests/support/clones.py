"""Databases for tests, each a copy of one that is made once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import psycopg

from tests.support.servers import Server

#: Fills the database of a URL.
Make = Callable[[str], object]
#: Gives a connection to a database of a kind, on a server of a version.
CloneOf = Callable[[str, int, Make], Iterator[psycopg.Connection]]

#: What a statement that is undone moves all the same.
SEQUENCES = "select oid::regclass::text, pg_sequence_last_value(oid) from pg_class where relkind = 'S'"
RESTART = "select setval(%s, coalesce(%s::bigint, 1), %s)"
#: Whether a database is as it was: nothing that began since was committed, nobody is on it, and it did not grow.
UNTOUCHED = """
select
    (
        select coalesce(bool_and(pg_xact_status(n::text::xid8) = 'aborted'), true)
        from generate_series(%(since)s, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1) as n
    )
    and not exists (select from pg_stat_activity where datname = %(name)s)
    and exists (select from pg_database where datname = %(name)s and pg_database_size(oid) < %(size)s + 4 * 1024 ^ 2)
"""
LEFT = "select count(*) from pg_stat_activity where datname = %(name)s"


class Clones:
    """Databases like one that is made once on a server. What a test leaves as it was is given to the next."""

    def __init__(self, server: Server, name: str, make: Make) -> None:
        self.server, self.name, self.whole = server, name, False
        self.template = server.create(f"{name}_template")
        make(server.url(self.template))
        with closing(psycopg.connect(server.url(self.template))) as connection:
            self.sequences: dict[str, int | None] = dict(connection.execute(SEQUENCES).fetchall())

    def one(self) -> Iterator[psycopg.Connection]:
        """A connection to such a database, of which the test is the only user."""
        reused, self.whole = self.whole, False
        if not reused:
            self.server.drop(self.name)
            self.server.create(self.name, self.template)
        with closing(psycopg.connect(self.server.url(self.name))) as connection:
            for sequence, value in connection.execute(SEQUENCES).fetchall() if reused else []:
                if value != (stood := self.sequences[sequence]):
                    connection.execute(RESTART, [sequence, stood, stood is not None])
            connection.commit()
            query = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_database_size(%s)"
            since, size = self.server.admin.execute(query, [self.name]).fetchone() or (0, 0)
            yield connection
            with suppress(psycopg.Error):
                connection.rollback()
        at = {"since": since, "name": self.name, "size": size}
        # Sessions that were closed take a moment to end.
        for _ in range(10):
            self.whole = self.server.admin.execute(UNTOUCHED, at).fetchone() == (True,)
            if self.whole or self.server.admin.execute(LEFT, at).fetchone() == (0,):
                break
            time.sleep(0.01)
