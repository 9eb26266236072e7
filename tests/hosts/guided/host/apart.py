"""Django's own tests of the host, in test databases of its solutions."""

import os
from unittest import skipUnless

from django.conf import settings
from django.db import OperationalError, connections, transaction
from django.test import TestCase, TransactionTestCase
from django.test.testcases import DatabaseOperationForbidden
from psycopg import conninfo

import fbs_db
from fbs_db.database import fleet
from fbs_db.django import solution
from host.solutions import DATABASES, each, filed, names

#: Django refuses it; before 5.0 it cannot refuse an alias that was made meanwhile, and there is no such test database.
UNUSABLE = (DatabaseOperationForbidden, OperationalError)
LISTED = isinstance(settings.FBS_DB["DATABASES"]["solutions"]["SOLUTIONS"], list)


@skipUnless(LISTED, "Django makes test databases of solutions that are listed")
class InTransactions(TestCase):
    databases = "__all__"

    def test_rows_are_in_test_databases(self):
        for one in DATABASES:
            with solution(one):
                filed(f"of {one}")
                with connections[DATABASES[one]].cursor() as cursor:
                    cursor.execute("select current_database()")
                    self.assertTrue(cursor.fetchone()[0].startswith("test_"))
        self.assertEqual(each(), {one: [f"of {one}"] for one in DATABASES})

    def test_nothing_is_left_by_the_other(self):
        self.assertEqual(each(), {one: [] for one in DATABASES})


@skipUnless(LISTED, "as above")
class WithCommits(TransactionTestCase):
    databases = {"default", *list(DATABASES.values())[:LISTED]}

    def test_fbs_db_reads_the_test_database(self):
        one, alias = next(iter(DATABASES.items()))
        with solution(one):
            filed("committed")
        with fbs_db.connect(alias) as fbs:
            self.assertEqual([row.name for row in fbs.documents.overview()], ["committed"])
        self.assertEqual(fbs_db.status(alias).pending, ())

    def test_rows_are_gone_after_each(self):
        self.assertEqual(names(next(iter(DATABASES.values()))), [])


class Unnamed(TestCase):
    """A test that names no database of a solution."""

    def test_no_database_of_a_solution_is_used(self):
        alias = DATABASES["bravo"]
        with solution("bravo"), self.assertRaises(UNUSABLE):
            names()
        self.assertEqual(connections["solutions"].settings_dict["NAME"].count("{solution}"), 1)
        if not LISTED:
            self.assertEqual(connections[alias].settings_dict["NAME"], f"test_{alias}")
            with self.assertRaises(UNUSABLE), transaction.atomic(using=alias):
                pass

    @skipUnless(not LISTED or "HOST_PARALLEL" not in os.environ, "databases of workers have numbers")
    def test_fbs_db_goes_through_test_databases(self):
        for one in fleet.members():
            self.assertTrue(str(conninfo.conninfo_to_dict(one.url)["dbname"]).startswith("test_"), one.name)
