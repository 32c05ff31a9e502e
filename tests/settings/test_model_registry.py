"""Where models are registered: addresses, logins, and what is refused."""

from pathlib import Path

import pytest

from stream_app.errors import SettingsError
from stream_app.settings import Settings, load_settings


def loaded(tmp_path, text):
    path = tmp_path / "streamgauge.toml"
    path.write_text(text)
    return load_settings(path).registry


def test_a_file_is_the_default_and_has_its_models_beside_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    said = Settings().registry
    assert said.file == Path("streamgauge-models/registry.db")
    assert said.artifact_root == (tmp_path / "streamgauge-models" / "artifacts").as_uri()
    monkeypatch.setenv("STREAMGAUGE_REGISTRY", "https://models.example/")
    said = load_settings().registry
    assert (said.uri, said.file, said.artifact_root) == ("https://models.example", None, None)
    assert loaded(tmp_path, 'registry = "sqlite:////data/m.db"').uri == "https://models.example"


def test_a_login_is_read_from_files_and_shown_nowhere(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    said = loaded(
        tmp_path, f'[registry]\nuri = "https://m"\ntoken_file = "{tmp_path}/token"\nartifacts = "s3://models"'
    )
    assert (said.bearer, said.artifact_root) == ("s3cret", "s3://models")
    assert "s3cret" not in repr(said)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('uri = "mysql://db"', "is not sqlite:///FILE, http://HOST:PORT or https://"),
        ('uri = "sqlite:///"', "is not sqlite:///FILE"),
        ('uri = "http://ann:pw@m"', "no user or password in the address"),
        ('uri = "http://m"\ntoken = "t"', "http:// sends the password or token readable"),
        ('uri = "https://m"\nusername = "ann"', "username and password .* belong together"),
        ('uri = "https://m"\ntoken = "t"\nusername = "ann"\npassword = "p"', "a token and a login are set"),
        ('token = "t"', "a SQLite file has no login"),
        ('uri = "https://m"\ncert_file = "c"\nkey_file = "k"', "certificate and key in one file"),
        ('uri = "http://m"\nca_file = "c"', "ca_file is set, but nothing would be encrypted"),
        ('trusted_types = ["os:system"]', "is not the full name of a type"),
    ],
)
def test_what_would_not_work_or_leak_is_refused(tmp_path, lines, message):
    with pytest.raises(SettingsError, match=message):
        loaded(tmp_path, f"[registry]\n{lines}")
