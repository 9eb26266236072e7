"""The admin in a browser, as an operator uses it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import browser, serving
from tests.support.projects import ADMIN, ADMIN_APPS, Project
from tests.support.versions import NEWEST

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BEFORE = """
from host.pages import user
for number in range(1, 8):
    let(number)
user("boss")
user("looks", "view_queuedcleanup", "view_health")
sql("update fbs_settings set value = 'queue' where name = 'cleanup'")
for number in range(1, 6):
    Tenant.objects.get(name=f"tenant {number}").delete()
Room.objects.filter(name="room 6").delete() if False else None
sql("update fbs_cleanup_queue set attempts = 4, error = %s, sqlstate = '42501', next_attempt_at = now() + interval"
    " '8 minutes' where id in (2, 3)", "permission denied for table fbs_custom_fields <b>in a trigger</b> of yours")
sql("insert into fbs_cleanup_queue (model_name, solution, operation, keys, target, ticket)"
    " values ('rentals.room', 'acme', 'rekey', '{1}', 'elsewhere', gen_random_uuid())")
"""


class Pages:
    """The pages, and pictures of them where FBS_DB_TEST_PICTURES names a directory."""

    def __init__(self, chrome: Chrome, address: str) -> None:
        self.chrome, self.address = chrome, address
        self.pictures = os.environ.get("FBS_DB_TEST_PICTURES")

    def picture(self, name: str) -> None:
        if self.pictures:
            self.chrome.save_screenshot(str(Path(self.pictures) / f"{name}.png"))

    def open(self, page: str, name: str = "") -> str:
        self.chrome.get(f"{self.address}/admin/{page}")
        self.picture(name or page.strip("/").replace("/", "-") or "index")
        return self.text

    @property
    def text(self) -> str:
        return self.chrome.find_element("css selector", "body").text

    def log_in(self, name: str) -> None:
        self.chrome.delete_all_cookies()
        self.open("login/")
        self.chrome.find_element("name", "username").send_keys(name)
        self.chrome.find_element("name", "password").send_keys("secret")
        self.click("input[type=submit]")

    def click(self, selector: str) -> None:
        self.chrome.find_element("css selector", selector).click()

    def act(self, action: str, *ids: int) -> None:
        from selenium.webdriver.support.select import Select

        self.open("fbs_db_admin/queuedcleanup/")
        for number in ids:
            self.click(f"input[name=_selected_action][value='{number}']")
        Select(self.chrome.find_element("name", "action")).select_by_value(action)
        self.click("button[name=index]")


@pytest.mark.slow
def test_an_operator_sees_retries_and_gives_up(make: Callable[..., Project], tmp_path: Path) -> None:
    project = make(NEWEST).having(apps=ADMIN_APPS, settings=ADMIN).migrated()
    with browser(tmp_path / "profile") as chrome, serving(project) as address:
        project.do(BEFORE)
        pages = Pages(chrome, address)
        pages.log_in("boss")
        assert "Waiting clean-ups" in pages.open("")
        assert "3880 objects" not in pages.open("fbs_db_admin/")
        for page in ("cleanuprule", "hosttable", "setting", "migration"):
            assert "Traceback" not in pages.open(f"fbs_db_admin/{page}/")
        assert "Healthy." not in pages.open("fbs_db_admin/health/", "waits")
        assert "6 waiting clean-ups" in pages.open("fbs_db_admin/queuedcleanup/")
        assert "<b>in a trigger</b>" in pages.text, "as text"
        pages.click("a[href*='state=failed']")
        assert "2 waiting clean-ups" in pages.text
        pages.picture("failed")
        pages.open("fbs_db_admin/queuedcleanup/2/change/")

        pages.act("retry", 1, 2, 6)
        pages.picture("retried")
        assert "2 clean-ups done: 2 rows." in pages.text
        assert "1 clean-up for other databases: due now, for a worker." in pages.text
        pages.act("give_up", 3, 6)
        pages.picture("give-up")
        pages.click("a.cancel-link")
        assert "4 waiting clean-ups" in pages.text
        pages.act("give_up", 3, 6)
        pages.click("input[type=submit][value^=Yes]")
        pages.picture("given-up")
        assert "2 clean-ups given up." in pages.text
        assert "2 waiting clean-ups" in pages.text
        pages.open("", "after")

        project.select(
            "drop index fbs_approval_responses_responder_id_idx; drop view fbs_approvals_details;"
            "alter table fbs_documents alter column created_at drop not null"
            if False
            else "drop index fbs_approval_responses_responder_id_idx; drop view fbs_approvals_details"
        )
        found = pages.open("fbs_db_admin/health/", "damaged")
        assert "fbs_approval_responses_responder_id_idx" in found
        assert "repair" in found

        for scheme in ("dark", "narrow"):
            if scheme == "dark":
                chrome.execute_cdp_cmd(
                    "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
                )
            else:
                chrome.set_window_size(500, 900)
            pages.open("fbs_db_admin/health/", f"{scheme}-health")
            pages.open("fbs_db_admin/queuedcleanup/", f"{scheme}-queue")
            pages.act("give_up", 4)
            pages.picture(f"{scheme}-give-up")
        pages.log_in("looks")
        assert "Retry" not in pages.open("fbs_db_admin/queuedcleanup/", "looks")
