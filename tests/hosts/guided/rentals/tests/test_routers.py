"""Which tables Django makes, and where it reads and writes, whatever routers there are."""

from unittest import mock, skipUnless

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections, migrations, models, router
from django.db.migrations.state import ProjectState
from django.test import SimpleTestCase, TransactionTestCase, override_settings
from fbs_app.models import ApprovalRequest, CustomField, Extra

from fbs_db.django.router import Router
from rentals.models import Tenant

OURS = "fbs_db.django.router.Router"
LISTS = (
    [],
    ["fbs_app.routers.FBSDatabaseRouter"],
    ["host.routers.PrimaryReplica", "fbs_app.routers.FBSDatabaseRouter"],
    [OURS],
    [OURS, "host.routers.PrimaryReplica"],
    ["host.routers.PrimaryReplica", OURS],
)


class Elsewhere(models.Model):
    """A model of the host's for a table of FBS's."""

    class Meta:
        app_label, db_table = "rentals", "fbs_kpis"


class Unmanaged(models.Model):
    class Meta:
        app_label, db_table, managed = "rentals", "fbs_notifications", False


class InTheSchema(models.Model):
    class Meta:
        app_label, db_table = "rentals", '"public"."fbs_charts"'


class InAnother(models.Model):
    class Meta:
        app_label, db_table = "rentals", '"archive"."fbs_charts"'


class Proxy(ApprovalRequest):
    class Meta:
        app_label, proxy = "rentals", True


OF_FBS = (ApprovalRequest, CustomField, Elsewhere, Unmanaged, InTheSchema, Proxy)
OF_THE_HOST = (Tenant, Extra, User, InAnother)


def historical(model):
    name = model._meta.label.split(".")
    return ProjectState.from_apps(apps).apps.get_model(*name)


class Order(SimpleTestCase):
    def assert_first(self):
        first, *others = router.routers
        self.assertIsInstance(first, Router)
        self.assertFalse([one for one in others if isinstance(one, Router)])
        return [type(one).__name__ for one in others]

    def test_it_goes_first_in_every_list(self):
        before = self.assert_first()
        self.assertEqual(len(before), len(settings.DATABASE_ROUTERS))
        for names in LISTS:
            with override_settings(DATABASE_ROUTERS=names):
                inside = [name.rpartition(".")[2] for name in names if name != OURS]
                self.assertEqual(self.assert_first(), inside)
                with override_settings(DATABASE_ROUTERS=[]):
                    self.assertEqual(self.assert_first(), [])
                self.assertEqual(self.assert_first(), inside)
            self.assertEqual(self.assert_first(), before)

    def test_it_goes_first_where_the_list_itself_is_changed(self):
        class Other:
            pass

        before = self.assert_first()
        with mock.patch.object(router, "routers", [Other()]):
            self.assertEqual(self.assert_first(), ["Other"])
        self.assertEqual(self.assert_first(), before)
        other = Other()
        router.routers.insert(0, other)
        self.assertEqual(self.assert_first(), ["Other", *before])
        router.routers.remove(other)
        router.routers.append(other)
        self.assertEqual(self.assert_first(), [*before, "Other"])
        router.routers.remove(other)
        self.assertEqual(self.assert_first(), before)


class Tables(SimpleTestCase):
    def test_no_migration_makes_a_table_of_ours(self):
        for names in LISTS:
            with override_settings(DATABASE_ROUTERS=names):
                for model in OF_FBS:
                    with self.subTest(names=names, model=model):
                        self.assertIs(router.allow_migrate_model("default", model), True)
                        self.assertIs(router.allow_migrate_model("default", historical(model)), False)
                for model in OF_THE_HOST:
                    with self.subTest(names=names, model=model):
                        self.assertIs(router.allow_migrate_model("default", model), True)
                        self.assertIs(router.allow_migrate_model("default", historical(model)), True)

    def test_what_runs_python_or_sql_in_a_migration(self):
        for names in LISTS:
            with override_settings(DATABASE_ROUTERS=names):
                for label in ("fbs_app", "fbs_dms", "fbs_license_manager"):
                    self.assertIs(router.allow_migrate("default", label), False)
                self.assertIs(router.allow_migrate("default", "fbs_app", model_name="approvalrequest"), False)
                self.assertIs(router.allow_migrate("default", "fbs_app", model_name="extra"), True)
                self.assertIs(router.allow_migrate("default", "rentals"), True)
                self.assertIs(router.allow_migrate("default", "rentals", model_name="tenant"), True)
                self.assertIs(router.allow_migrate("default", "rentals", model_name="elsewhere"), True)
                self.assertIs(router.allow_migrate("default", "rentals", model_name="gone"), True)

    def test_operations_of_a_migration(self):
        state = ProjectState.from_apps(apps)
        editor = mock.Mock(connection=connections["default"])
        for operation in (
            migrations.RemoveField("ApprovalRequest", "status"),
            migrations.AlterField("ApprovalRequest", "status", models.TextField()),
            migrations.DeleteModel("CustomField"),
        ):
            after = state.clone()
            operation.state_forwards("fbs_app", after)
            operation.database_forwards("fbs_app", editor, state, after)
        self.assertEqual([call for call in editor.method_calls if call[0] != "connection"], [])

    @override_settings(FBS_DB={"WRONG": 1})
    def test_where_the_settings_make_no_sense(self):
        for model in OF_FBS:
            self.assertIs(router.allow_migrate_model("default", model), False)
            self.assertIs(router.allow_migrate_model("default", historical(model)), False)
            self.assertEqual(router.db_for_read(model), router.db_for_read(Tenant))


@skipUnless("replica" in connections, "no replica")
class Replica(TransactionTestCase):
    databases = "__all__"

    def test_reads_go_to_the_replica_and_writes_to_the_primary(self):
        for model in (*OF_FBS, *OF_THE_HOST):
            self.assertEqual((router.db_for_read(model), router.db_for_write(model)), ("replica", "default"))
        user = User.objects.create(username="asks")
        ApprovalRequest.objects.create(title="t", description="", approval_type="other", requester=user)
        found = ApprovalRequest.objects.get()
        self.assertEqual((found._state.db, found.requester._state.db), ("replica", "replica"))
        self.assertIs(router.allow_migrate_model("replica", ApprovalRequest), True)
        found.requester = user
        found.save()
        user.delete()
        self.assertFalse(ApprovalRequest.objects.exists())


@skipUnless("licensing" in connections, "one database")
class Placed(SimpleTestCase):
    def test_those_that_are_placed_elsewhere_are_read_and_written_there(self):
        license_ = apps.get_model("fbs_license_manager", "SolutionLicense")
        for names in LISTS:
            with override_settings(DATABASE_ROUTERS=names, FBS_DB=APART):
                self.assertEqual(router.db_for_read(license_), "licensing")
                self.assertEqual(router.db_for_write(license_), "licensing")
                self.assertIs(router.allow_migrate_model("licensing", license_), True)
                self.assertIs(router.allow_migrate_model("default", license_), False)
                self.assertIs(router.allow_migrate_model("licensing", ApprovalRequest), False)
                self.assertIs(router.allow_relation(license_(), license_()), True)


APART = {"DATABASES": {"default": {}, "licensing": {"COMPONENTS": ["licensing"]}}}
