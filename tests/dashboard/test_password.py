"""The password in a browser: nothing before it, everything behind it."""

import pytest
from argon2 import PasswordHasher
from seeded import PATIENCE
from servers.dashboard import serving

pytestmark = pytest.mark.browser

HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")


def test_people_sign_in_and_look_but_change_nothing(browser, redis_as_operator, tmp_path):
    (tmp_path / "hash").write_text(HASH, encoding="utf-8")
    hashed = {"STREAMGAUGE_DASHBOARD__PASSWORD_HASH_FILE": str(tmp_path / "hash")}
    with serving(tmp_path, **redis_as_operator, **hashed) as dashboard:
        tab = browser.new_page(base_url=dashboard.address)
        tab.set_default_timeout(1000 * PATIENCE)
        tab.goto("/incidents")
        tab.get_by_label("Password").fill("correct horse")
        tab.get_by_role("button", name="Sign in").click()
        tab.locator(".sg-tile").first.wait_for()
        tab.get_by_role("status").get_by_text("Live").wait_for()
        tab.goto("/incidents?source=pump-7")
        tab.locator(".sg-row a").first.click()
        tab.get_by_role("heading", name="Evidence").wait_for()
        assert tab.get_by_role("button", name="Acknowledge").count() == 0
        tab.close()
