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
sql("update fbs_cleanup_queue set attempts = 4, next_attempt_at = now() + interval '8 minutes', error = %s"
    " where id in (2, 3)", "permission denied for table fbs_custom_fields <b>in a trigger</b>")
sql("insert into fbs_cleanup_queue (model_name, solution, operation, keys, target, ticket)"
    " values ('rentals.room', 'acme', 'rekey', '{1}', 'elsewhere', gen_random_uuid())")
"""


class Pages:
    """The pages of the admin; and pictures of them, where FBS_DB_TEST_PICTURES names a directory."""

    def __init__(self, chrome: Chrome, address: str) -> None:
        self.chrome, self.address = chrome, address
        self._pictures = os.environ.get("FBS_DB_TEST_PICTURES")
        self._taken = 0

    def open(self, page: str) -> str:
        self.chrome.get(f"{self.address}/admin/{page}")
        return self.seen()

    def seen(self) -> str:
        """The text of the page."""
        if self._pictures:
            self._taken += 1
            self.chrome.save_screenshot(str(Path(self._pictures) / f"{self._taken:02}.png"))
        return self.chrome.find_element("css selector", "body").text

    def log_in(self, name: str) -> None:
        self.chrome.delete_all_cookies()
        self.open("login/")
        self.chrome.find_element("name", "username").send_keys(name)
        self.chrome.find_element("name", "password").send_keys("secret")
        self.click("input[type=submit]")

    def click(self, selector: str) -> str:
        """Follow a link, or press a button; the text of the page that comes."""
        from selenium.webdriver.support.expected_conditions import staleness_of
        from selenium.webdriver.support.wait import WebDriverWait

        left = self.chrome.find_element("css selector", "html")
        self.chrome.find_element("css selector", selector).click()
        WebDriverWait(self.chrome, 30).until(staleness_of(left))
        return self.seen()

    def act(self, action: str, *ids: int) -> str:
        """Choose clean-ups in the list, and what to do with them."""
        from selenium.webdriver.support.select import Select

        self.chrome.get(f"{self.address}/admin/fbs_db_admin/queuedcleanup/")
        for number in ids:
            self.chrome.find_element("css selector", f"input[value='{number}'].action-select").click()
        Select(self.chrome.find_element("name", "action")).select_by_value(action)
        return self.click("button[name=index]")

    def overflow(self) -> int:
        """Pixels of the page beside the window."""
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.chrome.execute_script(wide))


@pytest.mark.slow
def test_an_operator_looks_retries_and_gives_up(make: Callable[..., Project], tmp_path: Path) -> None:
    project = make(NEWEST).having(apps=ADMIN_APPS, settings=ADMIN).migrated()
    with browser(tmp_path / "profile") as chrome, serving(project) as address:
        project.do(BEFORE)
        pages = Pages(chrome, address)
        pages.log_in("boss")
        assert "Waiting clean-ups" in pages.open("")
        for page, shows in (
            ("cleanuprule", "Custom fields of a record go with it."),
            ("hosttable", "rentals_tenant"),
            ("setting", "cleanup_threshold"),
            ("migration", "0001_initial"),
            ("health", "clean-up rentals.tenant: failed"),
        ):
            assert shows in pages.open(f"fbs_db_admin/{page}/")

        listed = pages.open("fbs_db_admin/queuedcleanup/")
        assert "6 waiting clean-ups" in listed
        assert "<b>in a trigger</b>" in listed, "as text"
        assert "rekey, in database elsewhere" in listed
        assert "2 waiting clean-ups" in pages.click("a[href*='state=failed']")
        assert "permission denied" in pages.click("#result_list a[href*='/2/change/']")

        retried = pages.act("retry", 1, 2, 6)
        assert "2 clean-ups done: 2 rows." in retried
        assert "1 clean-up for other databases: due now, for a worker." in retried
        assert "Give up clean-ups?" in pages.act("give_up", 3, 6)
        assert "4 waiting clean-ups" in pages.click("a.cancel-link")
        pages.act("give_up", 3, 6)
        given_up = pages.click("input[type=submit][value^=Yes]")
        assert "2 clean-ups given up." in given_up
        assert "2 waiting clean-ups" in given_up
        assert "3, delete of rentals.tenant" in pages.open(""), "what was done"

        project.select("drop index fbs_approval_responses_responder_id_idx; drop view fbs_approvals_details")
        damaged = pages.open("fbs_db_admin/health/")
        assert "fbs_approval_responses_responder_id_idx: missing" in damaged
        command = chrome.find_element("css selector", ".error code").text
        assert "fbs_approvals_details" in project.typed(command), "the command can be pasted"

        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        for width in (1280, 500):
            chrome.set_window_size(width, 900)
            for page in ("health", "queuedcleanup"):
                pages.open(f"fbs_db_admin/{page}/")
                assert pages.overflow() == 0
            pages.act("give_up", 4)
            assert pages.overflow() == 0

        pages.log_in("looks")
        assert "2 waiting clean-ups" in pages.open("fbs_db_admin/queuedcleanup/")
        assert not chrome.find_elements("name", "action")
        assert "Settings" not in pages.open("")
