"""FBS's receivers do not break what the host does, and what good ones do stays."""

import gc
import logging
from contextlib import contextmanager
from functools import partial
from unittest import skipIf, skipUnless

import django
from django.contrib.auth.models import User
from django.db import Error, IntegrityError, connection, connections, transaction
from django.db.models.signals import post_save, pre_delete
from django.dispatch import Signal
from django.test import TestCase, TransactionTestCase, override_settings
from django.test.utils import CaptureQueriesContext
from fbs_app.models import ApprovalRequest, CustomField

from rentals.models import Location, Tenant

MODULE = "fbs_app.signals"
SIGNALS = {"HOSTS": {"rentals.Tenant": {}, "rentals.Location": {}}}


def of_fbs(function, module=MODULE):
    function.__module__ = module
    return function


def broken_query(**kwargs):
    with connection.cursor() as cursor:
        cursor.execute("select no_such_column")


@contextmanager
def receiving(function, signal=post_save, sender=Tenant, module=MODULE, **options):
    """A block in which one more of FBS's receivers is connected."""
    options = {"weak": False, **options}
    signal.connect(of_fbs(function, module), sender=sender, **options)
    try:
        yield
    finally:
        assert signal.disconnect(function, sender=sender, dispatch_uid=options.get("dispatch_uid"))


class Case(TransactionTestCase):
    def setUp(self):
        self.location = Location.objects.create(name="here")

    def _fixture_teardown(self):
        """Only what these tests fill: emptying all of FBS's tables takes longer than they do."""
        for model in (Tenant, Location, CustomField, ApprovalRequest, User):
            model.objects.all()._raw_delete("default")

    def rent(self, name="tenant"):
        return Tenant.objects.create(name=name, location=self.location)

    def assert_goes_on(self, function, logged="failed, and the host goes on", **options):
        """In a transaction of the host's, before and after which it writes, and which it commits."""
        with receiving(function, **options), self.assertLogs("fbs_db", "WARNING") as logs:
            with transaction.atomic():
                self.rent("before")
                self.rent("after")
        self.assertEqual(sorted(Tenant.objects.values_list("name", flat=True)), ["after", "before"])
        self.assertFalse(connection.execute_wrappers)
        self.assertNotIn("close", vars(connection))
        text = "\n".join(logs.output)
        self.assertIn(logged, text)
        return text


class Failures(Case):
    def test_an_exception_without_a_query(self):
        def fails(instance, **kwargs):
            return instance.no_such_attribute

        text = self.assert_goes_on(fails)
        self.assertIn("fbs_app.signals.", text)
        self.assertIn("on post_save of rentals.Tenant", text)
        self.assertIn('FBS_DB = {"SIGNALS": False}', text)
        self.assertEqual(text.count("Traceback"), 1, "the second time it is one line")

    def test_a_failed_query(self):
        self.assert_goes_on(broken_query)

    def test_a_failed_query_that_it_catches(self):
        def fails(**kwargs):
            try:
                broken_query()
            except Error:
                pass

        self.assert_goes_on(fails, "left the transaction broken")

    def test_a_row_that_is_there_already(self):
        def fails(**kwargs):
            User.objects.create(pk=1, username="one")
            User.objects.create(pk=1, username="other")

        self.assert_goes_on(fails)
        self.assertFalse(User.objects.exists())

    def test_a_block_without_savepoint_that_it_leaves_by_an_error(self):
        def fails(**kwargs):
            try:
                with transaction.atomic(savepoint=False):
                    User.objects.create(username="gone")
                    raise ValueError
            except ValueError:
                pass

        self.assert_goes_on(fails, "left the transaction broken")
        self.assertFalse(User.objects.exists())

    def test_a_transaction_that_it_gives_up(self):
        self.assert_goes_on(lambda **kwargs: transaction.set_rollback(True), "left the transaction broken")

    def test_what_it_wrote_before_is_undone(self):
        def fails(**kwargs):
            User.objects.create(username="gone")
            raise ValueError

        self.assert_goes_on(fails)
        self.assertFalse(User.objects.exists())

    def test_a_failure_within_blocks_of_its_own(self):
        def fails(**kwargs):
            with transaction.atomic():
                User.objects.create(username="gone")
                with transaction.atomic():
                    broken_query()

        self.assert_goes_on(fails)
        self.assertFalse(User.objects.exists())

    def test_a_closed_connection(self):
        for close in (lambda **kwargs: connection.close(), lambda **kwargs: connections.close_all()):
            self.assert_goes_on(close, "It stays open.")
            Tenant.objects.all().delete()

    def test_a_commit_of_its_own_is_refused(self):
        self.assert_goes_on(lambda **kwargs: transaction.commit())

    def test_one_after_the_other(self):
        with receiving(lambda **kwargs: User.objects.get_or_create(username="kept")):
            self.assert_goes_on(broken_query)
        self.assertTrue(User.objects.exists())

    def test_one_within_the_other(self):
        def within(instance, **kwargs):
            User.objects.create(username="kept")
            Location.objects.create(name="of the outer")

        def fails(instance, **kwargs):
            User.objects.create(username="gone")
            broken_query()

        with receiving(within), receiving(fails, sender=Location), self.assertLogs("fbs_db"):
            with transaction.atomic():
                self.rent()
        self.assertEqual([user.username for user in User.objects.all()], ["kept"])
        self.assertTrue(Location.objects.filter(name="of the outer").exists())

    def test_a_transaction_that_it_ends_is_not_committed_in_part(self):
        def ends(**kwargs):
            with connection.cursor() as cursor:
                cursor.execute("rollback")

        with receiving(ends), self.assertRaises(Error):
            with transaction.atomic():
                self.rent("before")
                self.rent("after")
        self.assertFalse(Tenant.objects.exists())

    def test_a_lost_connection_is_an_error_of_the_host(self):
        def loses(**kwargs):
            with connection.cursor() as cursor:
                cursor.execute("select pg_terminate_backend(pg_backend_pid())")

        with receiving(loses), self.assertRaises(Error):
            with transaction.atomic():
                self.rent()
        connection.close()
        self.assertFalse(Tenant.objects.exists())

    def test_a_transaction_that_was_broken_before_stays_so(self):
        with receiving(broken_query), self.assertRaises(Error), self.assertLogs("fbs_db"):
            with transaction.atomic():
                try:
                    with transaction.atomic(savepoint=False):
                        raise ValueError
                except ValueError:
                    pass
                post_save.send(Tenant, instance=None)
                self.rent()
        self.assertFalse(Tenant.objects.exists())

    def test_in_autocommit(self):
        with receiving(broken_query), self.assertLogs("fbs_db"), CaptureQueriesContext(connection) as queries:
            post_save.send(Tenant, instance=None)
        self.assertEqual(len(queries), 1, "nothing to protect")

        def fails(**kwargs):
            with transaction.atomic():
                User.objects.create(username="gone")
                broken_query()

        with receiving(fails), self.assertLogs("fbs_db"):
            post_save.send(Tenant, instance=None)
        self.assertFalse(User.objects.exists())
        self.rent()

    def test_in_a_transaction_by_hand(self):
        transaction.set_autocommit(False)
        try:
            with receiving(broken_query), self.assertLogs("fbs_db"):
                Tenant.objects.bulk_create([Tenant(name="kept", location=self.location)])
                post_save.send(Tenant, instance=None)
                transaction.commit()
        finally:
            transaction.rollback()
            transaction.set_autocommit(True)
        self.assertEqual(Tenant.objects.get().name, "kept")

    def test_rows_are_read_on_while_it_fails(self):
        for number in range(5):
            self.rent(f"{number}")
        with receiving(broken_query), self.assertLogs("fbs_db"), transaction.atomic():
            for tenant in Tenant.objects.iterator(chunk_size=2):
                tenant.name += "!"
                tenant.save()
        self.assertEqual(Tenant.objects.filter(name__endswith="!").count(), 5)

    def test_an_interrupt_passes(self):
        def interrupts(**kwargs):
            User.objects.count()
            raise KeyboardInterrupt

        with receiving(interrupts), self.assertRaises(KeyboardInterrupt):
            with transaction.atomic():
                self.rent()
        self.assertFalse(Tenant.objects.exists())
        self.assertFalse(connection.execute_wrappers)
        self.assertNotIn("close", vars(connection))


class InTestCase(TestCase):
    def test_a_transaction_of_django_tests_goes_on(self):
        location = Location.objects.create(name="here")
        with receiving(broken_query), self.assertLogs("fbs_db"):
            Tenant.objects.create(name="a", location=location)
            Tenant.objects.create(name="b", location=location)
        with self.assertLogs("fbs_db"):
            location.delete()
        self.assertFalse(Tenant.objects.exists())


class OnCommit(Case):
    def test_what_a_failed_one_left_for_after_the_commit_is_dropped(self):
        called = []

        def fails(**kwargs):
            transaction.on_commit(lambda: called.append("of fbs"))
            User.objects.count()
            transaction.on_commit(lambda: called.append("of fbs"))
            raise ValueError

        with receiving(fails), self.assertLogs("fbs_db"):
            with transaction.atomic():
                transaction.on_commit(lambda: called.append("before"))
                self.rent()
                transaction.on_commit(lambda: called.append("after"))
        self.assertEqual(called, ["before", "after"])

    def test_what_a_good_one_left_is_done(self):
        called = []
        with receiving(lambda **kwargs: transaction.on_commit(lambda: called.append("of fbs"))):
            with transaction.atomic():
                self.rent()
                self.assertEqual(called, [])
        self.assertEqual(called, ["of fbs"])

    def test_what_fails_after_the_commit_goes_no_further(self):
        called = []

        def fails():
            raise ValueError

        def leaves(**kwargs):
            transaction.on_commit(of_fbs(fails))

        with receiving(leaves), self.assertLogs("fbs_db") as logs:
            with transaction.atomic():
                self.rent()
                transaction.on_commit(lambda: called.append("of the host"))
        self.assertEqual(called, ["of the host"])
        self.assertIn("after the commit failed", logs.output[0])


class Good(Case):
    def test_what_it_wrote_is_committed(self):
        with self.assertNoLogs("fbs_db"), transaction.atomic():
            location = Location.objects.create(name="there")
        noted = CustomField.objects.filter(record_id=location.pk, field_name="noted")
        self.assertEqual(noted.count(), 1)

    def test_one_that_only_logs_costs_no_query(self):
        def logs(instance, **kwargs):
            logging.getLogger("fbs_app").warning("saved %s", instance.name)

        with transaction.atomic(), self.assertLogs("fbs_app") as logged:
            with receiving(logs), CaptureQueriesContext(connection) as with_it:
                self.rent("one")
            with CaptureQueriesContext(connection) as without:
                self.rent("two")
        self.assertEqual(len(with_it), len(without))
        self.assertEqual(logged.output, ["WARNING:fbs_app:saved one"])

    def test_one_that_queries_costs_a_savepoint(self):
        def queries(**kwargs):
            User.objects.count()
            User.objects.count()

        with transaction.atomic(), receiving(queries), CaptureQueriesContext(connection) as captured:
            self.rent()
        told = [query["sql"].partition(" ")[0] for query in captured]
        self.assertEqual(told, ["INSERT", "SAVEPOINT", "SELECT", "SELECT", "RELEASE"])

    def test_its_log_lines_remain_where_it_is_guarded(self):
        user = User.objects.create(username="asks")
        with self.assertLogs("fbs_app") as logged:
            ApprovalRequest.objects.create(title="", description="", approval_type="other", requester=user)
        self.assertEqual(logged.output, ["WARNING:fbs_app:approval request saved: other"])

    def test_blocks_of_its_own(self):
        def writes(**kwargs):
            with transaction.atomic():
                User.objects.create(username="kept")
            try:
                with transaction.atomic():
                    User.objects.create(username="gone")
                    broken_query()
            except Error:
                pass

        with self.assertNoLogs("fbs_db"), receiving(writes), transaction.atomic():
            self.rent()
        self.assertEqual(User.objects.get().username, "kept")

    def test_the_host_rolls_back_all_of_it(self):
        with receiving(lambda **kwargs: User.objects.create(username="gone")), self.assertRaises(IntegrityError):
            with transaction.atomic():
                self.rent()
                raise IntegrityError
        self.assertFalse(User.objects.exists() or Tenant.objects.exists())

    def test_what_it_answers_is_handed_on(self):
        def answers(**kwargs):
            return "answer"

        with receiving(answers):
            self.assertEqual([answer for _, answer in post_save.send(Tenant)], ["answer"])


class Several(TransactionTestCase):
    databases = "__all__"

    @skipUnless("licensing" in connections, "one database")
    def test_each_database_that_it_uses_goes_on(self):
        def fails(**kwargs):
            for alias in ("default", "licensing"):
                User.objects.using(alias).create(username="gone")
            broken_query()

        location = Location.objects.create(name="here")
        with receiving(fails), self.assertLogs("fbs_db"):
            with transaction.atomic("licensing"), transaction.atomic():
                User.objects.using("licensing").create(username="kept")
                Tenant.objects.create(name="kept", location=location)
                User.objects.using("licensing").create(username="kept, too")
        self.assertEqual(User.objects.using("licensing").count(), 2)
        self.assertEqual((User.objects.count(), Tenant.objects.count()), (0, 1))


class Kinds(Case):
    def test_receivers_of_each_kind(self):
        class Receiver:
            def __call__(self, **kwargs):
                raise ValueError

            def method(self, **kwargs):
                raise ValueError

        of_fbs(Receiver)
        Receiver.method.__module__ = MODULE
        instance = Receiver()
        for one in (instance, instance.method, partial(of_fbs(lambda **kwargs: [].pop()), extra=1)):
            for weak in (False, True):
                post_save.connect(one, sender=Tenant, weak=weak, dispatch_uid="one")
                with self.assertLogs("fbs_db"):
                    self.rent()
                self.assertTrue(post_save.disconnect(sender=Tenant, dispatch_uid="one"))

    def test_modules(self):
        for module in (MODULE, f"{MODULE}.rentals", "fbs_dms.signals", "fbs_license_manager.signals"):
            self.assert_goes_on(broken_query, module=module)
            Tenant.objects.all().delete()

    def test_those_of_others_raise(self):
        for module in ("rentals.signals", "fbs_app.signals_of_the_host", "host.fbs_app.signals"):
            with self.assertRaises(Error), receiving(broken_query, module=module):
                self.rent()

    def test_signals_of_each_kind(self):
        own = Signal()
        with receiving(broken_query, signal=own, sender=None), self.assertLogs("fbs_db"):
            own.send(sender="any")
            self.assertEqual([answer for _, answer in own.send_robust(sender="any")], [None])

    def test_a_weak_one_goes_with_what_it_is(self):
        def fails(**kwargs):
            raise ValueError

        post_save.connect(of_fbs(fails), sender=Tenant)
        with self.assertLogs("fbs_db"):
            self.rent()
        count = len(post_save.receivers)
        del fails
        gc.collect()
        with self.assertNoLogs("fbs_db"):
            self.rent()
        self.assertEqual(len(post_save.receivers), count - 1)

    def test_it_is_disconnected_as_it_was_connected(self):
        def fails(**kwargs):
            raise ValueError

        for known in ({}, {"sender": Tenant}, {"dispatch_uid": "known"}, {"sender": Tenant, "dispatch_uid": "known"}):
            post_save.connect(of_fbs(fails), **known)
            with self.assertLogs("fbs_db"):
                self.rent()
            self.assertFalse(post_save.disconnect(fails, sender=Location, dispatch_uid="unknown"))
            self.assertTrue(post_save.disconnect(fails, **known))
            with self.assertNoLogs("fbs_db"):
                self.rent()

    def test_fbs_own_are_found_by_disconnect(self):
        from fbs_app import signals

        self.assertTrue(pre_delete.disconnect(signals.cleanup_on_delete))
        try:
            with self.assertNoLogs("fbs_db"):
                self.location.delete()
        finally:
            pre_delete.connect(signals.cleanup_on_delete)

    @skipIf(django.VERSION < (5,), "Django's signals await nobody before 5.0")
    def test_those_that_are_awaited(self):
        async def fails(**kwargs):
            await User.objects.acreate(username="gone")
            await User.objects.acreate(username="gone")

        async def writes(**kwargs):
            await User.objects.aget_or_create(username="kept")

        with receiving(writes):
            self.assert_goes_on(fails)
        self.assertEqual(User.objects.get().username, "kept")

    @skipIf(django.VERSION < (5,), "Django's signals await nobody before 5.0")
    async def test_those_that_are_awaited_by_an_awaiting_host(self):
        async def fails(**kwargs):
            await User.objects.acreate(username="one")
            raise ValueError

        with receiving(fails), self.assertLogs("fbs_db"):
            await post_save.asend(Tenant, instance=None)
            await post_save.asend_robust(Location, instance=None)


class Switch(Case):
    @override_settings(FBS_DB={**SIGNALS, "SIGNALS": True})
    def test_they_are_left_alone(self):
        with receiving(broken_query), self.assertRaises(Error):
            self.rent()
        with self.assertRaises(Error):
            self.location.delete()

    @override_settings(FBS_DB={**SIGNALS, "SIGNALS": False})
    def test_they_are_switched_off(self):
        called = []
        of_the_host = partial(called.append, "of the host")
        post_save.connect(lambda **kwargs: of_the_host(), sender=Tenant, weak=False, dispatch_uid="host")
        try:
            with receiving(lambda **kwargs: called.append("of fbs"), dispatch_uid="fbs"):
                self.rent()
        finally:
            post_save.disconnect(sender=Tenant, dispatch_uid="host")
        self.assertEqual(called, ["of the host"])
        self.assertFalse(pre_delete.has_listeners(Tenant))
        with self.assertNoLogs("fbs_app"):
            self.location.delete()

    @override_settings(FBS_DB={"WRONG": 1})
    def test_they_are_guarded_where_the_settings_make_no_sense(self):
        self.assert_goes_on(broken_query)
