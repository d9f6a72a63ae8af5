"""Names and providers; and that a modality, a source, a task and a strategy are each one file."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from headstart.backbones.source import open_backbone
from headstart.dataset import read
from headstart.errors import UnknownName
from headstart.features import survey
from headstart.job import Job
from headstart.learn import learn
from headstart.registry import BACKBONES, MODALITIES, STRATEGIES, TASKS, Registry
from tests.toys import WIDTH, Layers, Numbers, Shout, Twice

TOYS = (
    (MODALITIES, "numbers", Numbers),
    (BACKBONES, "layers", Layers),
    (TASKS, "shout", Shout),
    (STRATEGIES, "twice", Twice),
)


@pytest.fixture
def _toys():
    for registry, name, toy in TOYS:
        registry.add(name, toy)
    yield
    for registry, name, _ in TOYS:
        registry.remove(name)


@pytest.fixture
def rows(tmp_path):
    chance = np.random.default_rng(0)
    for label, centre in (("low", -1.0), ("high", 1.0)):
        (tmp_path / "rows" / label).mkdir(parents=True)
        for number in range(15):
            values = chance.normal(centre, 0.3, WIDTH)
            np.savetxt(tmp_path / "rows" / label / f"{number}.num", values)
    return tmp_path / "rows"


@pytest.mark.usefixtures("_toys")
def test_a_toy_of_each_kind_works_from_folder_to_prediction(rows):
    samples = read(rows, suffixes=Numbers.suffixes).samples
    surveyed = survey(samples, Numbers(), open_backbone("layers/two")).samples
    job = Job(
        tuple(surveyed),
        ("high", "low"),
        task="shout",
        modality="numbers",
        backbone="layers/two",
        strategy="twice",
    )
    model = learn(job)
    said = model.predict([np.full(WIDTH, 1.0), np.full(WIDTH, -1.0)])
    assert [prediction.label for prediction in said] == ["HIGH", "LOW"]
    assert model.strategy == "twice"


@pytest.mark.usefixtures("_toys")
@pytest.mark.parametrize(("registry", "name", "toy"), TOYS)
def test_toys_are_listed_beside_the_built_in(registry, name, toy):
    assert name in registry.names()
    assert len(registry.names()) > 1
    registry.remove(name)
    assert name not in registry.names()


def test_a_wrong_name_says_which_there_are():
    with pytest.raises(UnknownName) as caught:
        STRATEGIES.get("prob")
    assert caught.value.message == "There is no strategy called 'prob'. Did you mean 'probe'?"
    assert "probe" in caught.value.hint
    assert "scratch" in caught.value.hint


def test_an_entry_point_is_loaded_when_it_is_asked_for():
    registry = Registry("thing", "headstart.things")
    point = EntryPoint("ordered", "collections:OrderedDict", "headstart.things")
    absent = EntryPoint("absent", "no_such_module:Thing", "headstart.things")
    registry.__dict__["_found"] = {"ordered": point, "absent": absent}
    assert registry.names() == ["absent", "ordered"]
    assert registry.get("ordered").__name__ == "OrderedDict"


@pytest.mark.parametrize("registry", [MODALITIES, BACKBONES, TASKS, STRATEGIES])
def test_every_built_in_name_loads(registry):
    for name in registry.names():
        assert registry.get(name) is not None
