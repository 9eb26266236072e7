"""A host with models of FBS 2.0.4 to 2.0.6, whose tables have later names: told, and led out."""

from __future__ import annotations

import pytest

from tests.support.projects import HOSTS, Project

MODELS = """
from django.db import models


class DMSDocumentType(models.Model):
    name = models.CharField(max_length=100, unique=True)
    code = models.CharField(max_length=50, unique=True)
    description = models.TextField(default="")
    requires_approval = models.BooleanField(default=False)
    allowed_extensions = models.CharField(max_length=500, default="pdf")
    max_file_size = models.IntegerField(default=50)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "fbs_dms"
        db_table = "dms_document_type"


class DMSDocumentTag(models.Model):
    name = models.CharField(max_length=50, unique=True)
    color = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "fbs_dms"
        db_table = "dms_document_tag"
"""
FILL = "from fbs_dms.models import *\nDMSDocumentType.objects.create(name='{0}', code='{0}')\n"
#: A model of the host's own, whose table happens to have a later name.
OF_HOST = """

class Paper(models.Model):
    text = models.TextField()

    class Meta:
        db_table = "dms_document"
"""


@pytest.fixture
def later(newest: Project) -> Project:
    """A host that says nothing of later names, and FBS's app with migrations."""
    app = newest.directory / "fbs_dms"
    (app / "migrations").mkdir(parents=True)
    for package in (app, app / "migrations"):
        (package / "__init__.py").touch()
    (app / "models.py").write_text(MODELS)
    newest.having(apps=["fbs_dms"]).manage("makemigrations", "fbs_dms")
    return newest.having(apps=["fbs_dms", "fbs_db.django"])


@pytest.mark.slow
def test_models_with_later_names_are_told_and_led_out(later: Project) -> None:
    labels = "fbs_dms.DMSDocumentTag, fbs_dms.DMSDocumentType"
    assert f"(fbs_db.W009) {labels}: these models use later names of FBS's tables" in later.manage("check")
    on = later.having(fbs_db={**HOSTS, "LATER_NAMES": True})
    assert "W009" not in on.manage("check")

    # Two sets of tables, with rows in Django's.
    later.manage("migrate")
    later.do(FILL.format("lease"))
    assert "(fbs_db.W105) FBS in default: table dms_document_type: there twice" in later.manage(
        "check", "--database", "default"
    )
    printed = on.manage("check", "--database", "default")
    assert (
        "(fbs_db.W009) FBS in default: LATER_NAMES is on, but other objects have the names of these models:"
        " table dms_document_tag" in printed
    )
    assert "make one table of the two: " in on.manage("migrate", code=2)

    plan = on.run("-m", "fbs_db", "adopt")
    assert "copied: fbs_dms_document_type: 1 row from dms_document_type" in plan
    assert "dropped: table dms_document_tag: it has no rows; fbs_dms_document_tag is kept" in plan
    on.run("-m", "fbs_db", "adopt", "--apply")
    assert "views under FBS's later names" in on.manage("migrate")
    assert "no issues" in on.manage("check", "--database", "default")
    on.do(f"{FILL.format('deed')}assert DMSDocumentType.objects.count() == 2\n")
    assert on.select("select code from fbs_dms_document_type order by id") == [("lease",), ("deed",)]


@pytest.mark.slow
def test_rows_in_both_are_for_the_host_to_decide_on(later: Project) -> None:
    later.manage("migrate")
    later.do(FILL.format("lease"))
    later.select("insert into fbs_dms_document_type (name, code) values ('a', 'a'), ('b', 'b')")
    printed = later.run("-m", "fbs_db", "adopt", "--apply", code=1)
    said = " ".join(printed.replace("--", "").split())  # it is wrapped
    assert "fbs_dms_document_type (2 rows) and dms_document_type (1 row) both exist" in said


@pytest.mark.slow
def test_a_model_of_the_hosts_own_is_no_matter(newest: Project) -> None:
    models = newest.directory / "rentals" / "models.py"
    models.write_text(models.read_text() + OF_HOST)
    newest.having(apps=[]).manage("makemigrations", "rentals")
    newest.manage("migrate")
    assert newest.manage("check", "--database", "default") == "System check identified no issues (0 silenced).\n"
