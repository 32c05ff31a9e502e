"""Settings of the dashboard."""

import pytest

from stream_app.errors import SettingsError
from stream_app.settings import DashboardSettings, Settings

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("127.0.0.1", False),
        ("localhost", False),
        ("::1", False),
        ("0.0.0.0", True),
        ("::", True),
        ("monitor", True),
    ],
)
def test_it_knows_whether_others_can_reach_it(host, exposed):
    assert DashboardSettings(host=host).exposed is exposed


async def test_others_are_not_let_in_without_a_password():
    server = pytest.importorskip("stream_app.dashboard.server")
    settings = Settings(redis="redis://127.0.0.1:1/0", dashboard={"host": "0.0.0.0"})
    with pytest.raises(SettingsError, match="can be reached by others: set"):
        await server.serve(settings)


def test_the_hash_may_be_in_a_file(tmp_path):
    (tmp_path / "hash").write_text(HASH + "\n")
    settings = DashboardSettings(password_hash_file=str(tmp_path / "hash"))
    assert settings.hashed == HASH
    assert HASH not in repr(settings)


def test_a_password_in_place_of_its_hash_is_refused():
    with pytest.raises(ValueError, match="no hash of argon2id"):
        DashboardSettings(password_hash="secret")
