"""Mirror images: learnt from where they mean the same, left out where they do not."""

import numpy as np
import pytest
import torch

from headstart import features
from headstart.activations import at_boundary
from headstart.backbones.source import open_backbone
from headstart.learn import learn
from headstart.registry import MODALITIES
from headstart.schema import Phase, Sample
from tests.depth import lessons
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("mirrors"))


def arrows(count: int = 40) -> tuple[Sample, ...]:
    """Draw bright patches on one side of noise: their mirror images are of the other class."""
    modality, drawn = MODALITIES.get("image")(), []
    for number in range(count):
        chance = np.random.default_rng(number)
        picture = chance.integers(0, 90, (48, 48, 3)).astype(np.uint8)
        side = number % 2
        picture[10:40, 24 * side : 24 * side + 20] += 120
        drawn.append(Sample(picture, ("left", "right")[side], f"{number}.png"))
    return tuple(features.identify(drawn, modality)[0])


def noted(model) -> list[str]:
    return [each.why for each in model.choices if each.what == "no mirror images"]


def test_where_left_and_right_differ_no_view_is_mirrored(folder, monkeypatch):
    lessons.hurry(monkeypatch, epochs=1, views=3)
    job = lessons.job(folder, "partial", samples=arrows(), labels=("left", "right"))
    asked = set()
    real = features.views

    def spy(samples, modality, spec, numbers, progress=None):
        asked.update(numbers)
        return real(samples, modality, spec, numbers, progress)

    monkeypatch.setattr(features, "views", spy)
    monkeypatch.setattr("headstart.store.limit", lambda: 0)  # so that views are asked for
    (why,) = noted(learn(job))
    assert "fewer answers were right" in why
    assert asked == {0, 1, 3}


def test_where_they_do_not_views_are_mirrored(folder, monkeypatch):
    lessons.hurry(monkeypatch, epochs=1)
    assert not noted(learn(lessons.job(folder, "partial")))


def test_a_probe_does_not_ask(folder, monkeypatch):
    monkeypatch.setattr("headstart.mirrors.compare", lambda *_: pytest.fail("asked"))
    learn(lessons.job(folder, "probe", samples=arrows(), labels=("left", "right")))


def test_even_views_are_of_the_mirror_image():
    """With everything but the mirror taken out of chance, a view is the picture or its mirror."""
    modality = MODALITIES.get("image")()
    spec = open_backbone("bundled/image").spec
    wide = np.zeros((64, 64, 3), np.uint8)
    wide[:, 40:] = 255
    raw = modality.read(wide)
    for number in range(1, 9):
        view = modality.view(raw, spec, "key", number)["x"].astype(float)
        half = view.shape[2] // 2
        brighter_right = view[:, :, half:].mean() > view[:, :, :half].mean()
        assert brighter_right == (number % 2 == 1), number


def test_mirroring_twice_is_nothing():
    modality = MODALITIES.get("image")()
    example = {"x": np.arange(24, dtype=np.uint8).reshape(3, 2, 4)}
    mirrored = modality.mirror(example)
    assert not np.array_equal(mirrored["x"], example["x"])
    assert np.array_equal(modality.mirror(mirrored)["x"], example["x"])


@pytest.mark.parametrize(
    ("views", "mirrored", "numbers"),
    [
        (0, True, (0,)),
        (1, False, (0,)),
        (3, True, (0, 1, 2)),
        (3, False, (0, 1, 3)),
    ],
)
def test_the_numbers_of_views(views, mirrored, numbers):
    assert Phase("a phase", 0, views=views, mirrored=mirrored).numbers == numbers


def test_states_of_any_views_can_be_fetched(folder):
    given, backbone = lessons.samples(3), open_backbone(str(folder))
    modality = MODALITIES.get("image")()
    fetch = at_boundary(given, modality, backbone, 1, (0, 1, 3), "float32")
    some = at_boundary(given, modality, backbone, 1, (0, 3), "float32")
    pairs = [(0, 3), (2, 0)]
    assert torch.equal(fetch(pairs)["x"], some(pairs)["x"])
