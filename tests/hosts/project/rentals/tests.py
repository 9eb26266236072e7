"""The host's own tests, by Django's runner and by pytest."""

from unittest import skipIf

from django.conf import settings
from django.test import TestCase, TransactionTestCase

from rentals.deeds import fbs_rows, let, let_and_give_up, sql


class InOneTransaction(TestCase):
    databases = "__all__"

    def test_nothing_is_there_before(self):
        assert fbs_rows() == ({}, [])
        let(1)

    @skipIf(len(settings.DATABASES) > 1, "nothing is carried over before it is committed")
    def test_nothing_is_left_by_the_other(self):
        assert fbs_rows() == ({}, [])
        let_and_give_up()


class WithCommits(TransactionTestCase):
    databases = "__all__"

    def test_rows_are_gone_after_each(self):
        assert fbs_rows() == ({}, [])
        let(1)

    def test_rows_are_gone_after_the_other(self):
        assert fbs_rows() == ({}, [])
        let_and_give_up()
        let(2)

    def test_settings_and_rules_stay(self):
        assert sql("select count(*) from fbs_cleanup_rules") == [(4,)]
        assert sql("select value from fbs_settings where name = 'cleanup'") == [("on",)]
