"""FBS_DB that makes no sense: an error with the check's id, and no traceback, from whichever command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.guided import VERSIONS, Guided, guided
from tests.support.servers import Server

#: What FBS_DB says, as Python has it, and what the error says.
WRONG = [
    ("None", "FBS_DB in Django's settings is None."),
    ("[]", "FBS_DB in Django's settings is []."),
    ("'default'", "FBS_DB in Django's settings is 'default'."),
    ("{'WRONG': 1}", "unknown key WRONG."),
    ("{1: {}}", "unknown key 1."),
    ("{'DATABASES': []}", "DATABASES is not a dictionary of dictionaries."),
    ("{'DATABASES': ''}", "DATABASES is not a dictionary of dictionaries."),
    ("{'DATABASES': 5}", "DATABASES is not a dictionary of dictionaries."),
    ("{'DATABASES': {'default': None}}", "DATABASES is not a dictionary of dictionaries."),
    ("{'DATABASES': {'elsewhere': {}}}", "DATABASES names elsewhere, but Django's DATABASES does not."),
    ("{'DATABASES': {5: {}, None: {}}}", "DATABASES names 5, None, but Django's DATABASES does not."),
    ("{'DATABASES': {'default': {5: 1}}}", "unknown key databases.default.5."),
    ("{'DATABASES': {'default': {'TABLES': 'x'}}}", "unknown key databases.default.tables."),
    ("{'DATABASES': {'default': {'URL': 'postgresql:///x'}}}", "unknown key databases.default.url."),
    ("{'DATABASES': {'default': {'SCHEMA': 5}}}", "databases.default.schema is not a text."),
    ("{'DATABASES': {'default': {'USER_TABLE': ''}}}", "databases.default.user_table is not a text."),
    ("{'DATABASES': {'default': {'USER_KEY_TYPE': 'serial'}}}", "databases.default.user_key_type is 'serial'."),
    ("{'DATABASES': {'default': {'COMPONENTS': 'msme'}}}", "databases.default.components is not a list of texts."),
    ("{'DATABASES': {'default': {'COMPONENTS': [5]}}}", "databases.default.components is not a list of texts."),
    ("{'DATABASES': {'default': {'COMPONENTS': ['mesme']}}}", "unknown component 'mesme'."),
    ("{'HOSTS': []}", "HOSTS is not a dictionary of dictionaries."),
    ("{'HOSTS': 'rentals.Tenant'}", "HOSTS is not a dictionary of dictionaries."),
    ("{'HOSTS': {'rentals.Tenant': None}}", "HOSTS is not a dictionary of dictionaries."),
    ("{'HOSTS': {'rentals.Tennant': {}}}", "HOSTS: rentals.Tennant: App 'rentals' doesn't have a 'Tennant' model."),
    ("{'HOSTS': {'rental.Tenant': {}}}", "HOSTS: rental.Tenant: No installed app with label 'rental'."),
    ("{'HOSTS': {'Tenant': {}}}", "HOSTS: Tenant: not enough values to unpack"),
    ("{'HOSTS': {'a.b.c': {}}}", "HOSTS: a.b.c: too many values to unpack"),
    ("{'HOSTS': {'': {}}}", "HOSTS: : not enough values to unpack"),
    ("{'HOSTS': {5: {}}}", "HOSTS: 5: 5 is not the name of a model."),
    ("{'HOSTS': {None: {}}}", "HOSTS: None: None is not the name of a model."),
    ("{'HOSTS': {'rentals.Tenant': {'key': 'id'}}}", "HOSTS: rentals.Tenant: unknown key key."),
    ("{'HOSTS': {'rentals.Tenant': {5: 'id'}}}", "HOSTS: rentals.Tenant: unknown key 5."),
    ("{'HOSTS': {'rentals.Tenant': {'KEY': 'number'}}}", "Tenant has no field named 'number'"),
    ("{'HOSTS': {'rentals.Tenant': {'KEY': 5}}}", "HOSTS: rentals.Tenant: KEY is 5."),
    ("{'HOSTS': {'rentals.Tenant': {'KEY': []}}}", "HOSTS: rentals.Tenant: KEY is []."),
    ("{'HOSTS': {'rentals.Location': {'KEY': 'tenant'}}}", "HOSTS: rentals.Location: its key is not one column."),
    ("{'HOSTS': {'rentals.Tenant': {'MODEL_NAME': 5}}}", "HOSTS: rentals.Tenant: MODEL_NAME is 5."),
    ("{'HOSTS': {'rentals.Tenant': {'MODEL_NAME': ''}}}", "HOSTS: rentals.Tenant: MODEL_NAME is ''."),
    ("{'HOSTS': {'rentals.Tenant': {'SOLUTION': 5}}}", "HOSTS: rentals.Tenant: SOLUTION is 5."),
    (
        "{'HOSTS': {'rentals.Tenant': {'SOLUTION_COLUMN': 'schema_name'}}}",
        "HOSTS: rentals.Tenant: Tenant has no field named 'schema_name'",
    ),
    (
        "{'HOSTS': {'rentals.Tenant': {'SOLUTION': 'acme', 'SOLUTION_COLUMN': 'name'}}}",
        "HOSTS: rentals.Tenant has SOLUTION and SOLUTION_COLUMN.",
    ),
    ("{'HOSTS': {'rentals.Tenant': {'FOLLOW_KEYS': 1}}}", "HOSTS: rentals.Tenant: FOLLOW_KEYS is 1."),
    ("{'SIGNALS': 'no'}", "SIGNALS is 'no'."),
    ("{'SIGNALS': 0}", "SIGNALS is 0."),
    ("{'LATER_NAMES': 'yes'}", "LATER_NAMES is 'yes'."),
    ("{'SOLUTION': 5}", "SOLUTION is 5."),
]
#: Each of them under each command, in one process: what is printed, and the exit code.
EACH = """
import io
from contextlib import redirect_stderr, redirect_stdout
from django.core.management import ManagementUtility
from django.test import override_settings

def printed(*words):
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            ManagementUtility(["manage.py", *words]).execute()
        except SystemExit as ended:
            code = ended.code
        except BaseException as error:
            code = f"traceback of {error!r}"
        else:
            code = 0
    return code, out.getvalue()

COMMANDS = ("check",), ("check", "--database", "default"), ("migrate",)
OTHERS = ("check", "--tag", "database", "--database", "default"), ("migrate", "--skip-checks"), ("migrate", "--plan")
for text, says in wrong:
    with override_settings(FBS_DB=eval(text)):
        for words in (*COMMANDS, *OTHERS):
            code, said = printed(*words)
            assert code in (1, 2), (text, words, code, said)
            assert says in said, (text, words, said)
            assert "(fbs_db.E00" in said, (text, words, said)
            assert "Traceback" not in said, (text, words, said)
print("all of them")
"""


@pytest.fixture(scope="module", params=VERSIONS)
def host(request: pytest.FixtureRequest, pg18: Server) -> Iterator[Guided]:
    with guided(request.param, pg18) as host:
        yield host


def test_each_wrong_setting_is_an_error_of_each_command(host: Guided) -> None:
    assert "all of them" in host.do(f"wrong = {WRONG!r}\n{EACH}")
    assert host.select("select to_regclass('django_migrations'), to_regclass('fbs_migrations')") == [(None, None)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "said", [{"WRONG": 1}, {"HOSTS": {"rentals.Tennant": {}}}, {"SIGNALS": "no"}], ids=["key", "model", "switch"]
)
def test_wrong_settings_from_the_first_line_of_a_process(host: Guided, said: dict[str, Any]) -> None:
    wrong = host.having(fbs_db=said)
    assert "(fbs_db.E001)" in wrong.manage("check", code=1)
    assert "(fbs_db.E001)" in wrong.manage("check", "--database", "default", code=1)
    assert "(fbs_db.E001)" in wrong.manage("migrate", code=1)
    assert "(fbs_db.E001)" in wrong.having(first=["replaced"]).manage("migrate", code=1)
    assert "(fbs_db.E001)" in wrong.manage("test", "rentals.tests.test_life", "--noinput", code=2)
    printed = wrong.run("-m", "fbs_db", "status", code=2)
    assert "FBS_DB in Django's settings" in printed
    wrong.do("from rentals.models import *\nfrom django.db import router\nprint(router.db_for_read(Tenant))")


def test_databases_that_django_cannot_connect_to(host: Guided) -> None:
    for place, says in (
        ({"NAME": ""}, "FBS_DB in Django's settings: Django cannot connect to database default"),
        (
            {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            "database default is SQLite. FBS needs PostgreSQL.",
        ),
    ):
        wrong = host.having(databases={"default": host.place("default", **place)})
        assert says in wrong.manage("check", code=1)
