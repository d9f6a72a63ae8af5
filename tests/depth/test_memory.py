"""Too little memory: the error says what to lower; what has nothing to do with it passes."""

import pytest

import headstart as hs
from headstart.choose import make
from headstart.errors import Failure
from tests.depth import lessons
from tests.pictures import make_folder
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("memory"))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_too_little_memory_says_what_to_lower(folder, monkeypatch, error):
    def train(*_, **__):
        raise error

    monkeypatch.setattr("headstart.learn.train", train)
    with pytest.raises(Failure, match="too little memory") as caught:
        make(lessons.job(folder, "partial"))
    assert "--unfreeze 1" in str(caught.value)
    assert "--strategy partial" in str(caught.value)


def test_so_does_the_first_pass_over_the_data(folder, tmp_path, monkeypatch):
    def forward(*_, **__):
        raise MemoryError

    monkeypatch.setattr("headstart.features.forward_readings", forward)
    with pytest.raises(Failure, match="too little memory") as caught:
        hs.fit(make_folder(tmp_path / "photos", 5), backbone=str(folder), out=tmp_path / "model")
    assert "smaller --backbone" in caught.value.hint
    assert not (tmp_path / "model").exists()


def test_other_errors_stay_as_they_are(folder, monkeypatch):
    def train(*_, **__):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("headstart.learn.train", train)
    with pytest.raises(RuntimeError, match="shapes"):
        make(lessons.job(folder, "partial"))
