"""Where things are kept: one folder, which a person can name."""

from pathlib import Path

import pytest

from headstart import places
from headstart.errors import StorageError


def test_headstart_home_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("HEADSTART_HOME", str(tmp_path))
    assert places.store() == tmp_path / "store"


def test_the_cache_folder_is_honoured(monkeypatch, tmp_path):
    monkeypatch.delenv("HEADSTART_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert places.home() == tmp_path / "headstart"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert places.home() == Path.home() / ".cache" / "headstart"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    def unknown(_):
        raise KeyError("no such user")

    for name in ("HEADSTART_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(StorageError, match="HEADSTART_HOME"):
        places.home()
