"""The whole way at a shell: check, fit, predict, evaluate, report, on pictures made here."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from headstart.cli.run import run

PROMISED = {
    "task",
    "labels",
    "n_train",
    "n_test",
    "strategy",
    "backbone",
    "headline",
    "seconds",
    "test",
    "choices",
}


def draw_pictures(folder, count, seed):
    """Draw striped pictures: `across` has level stripes, `down` upright ones, in any colours."""
    random = np.random.default_rng(seed)
    for label in ("across", "down"):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            wave = np.sin(np.arange(64) * random.uniform(0.4, 1.2) + random.uniform(0, 6))
            stripes = np.repeat(wave[:, None], 64, 1)
            stripes = stripes if label == "across" else stripes.T
            colour = random.uniform(40, 200, 3)
            noise = random.normal(0, 25, (64, 64, 3))
            pixels = np.clip(colour + 50 * stripes[..., None] + noise, 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Make photos, a tiny backbone in a folder, and fit once."""
    import timm
    import torch

    root = tmp_path_factory.mktemp("world")
    draw_pictures(root / "photos", 40, seed=1)
    draw_pictures(root / "more", 8, seed=2)
    (root / "photos" / "down" / "broken.png").write_bytes(b"not a picture")
    shutil.copy(root / "photos/across/0.png", root / "photos/across/copy.png")
    torch.manual_seed(0)
    net = timm.create_model("test_resnet", pretrained=False)
    timm.models.save_for_hf(net, root / "net", safe_serialization=True)
    return root


@pytest.fixture(scope="module")
def fitted(world):
    """Fit through the command line, once for all tests here."""
    import contextlib

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(
            [
                *("fit", str(world / "photos"), "--out", str(world / "model")),
                *("--backbone", str(world / "net"), "--json"),
            ]
        )
    assert code == 0, err.getvalue()
    return json.loads(out.getvalue()), err.getvalue()


def test_fit_writes_what_it_promised(world, fitted):
    evaluation, said = fitted
    assert evaluation.keys() >= PROMISED
    assert evaluation["labels"] == ["across", "down"]
    assert evaluation["n_train"] + evaluation["n_test"] == 81
    assert evaluation["test"]["accuracy"]["value"] > 0.8
    assert evaluation["seconds"].keys() == {"features", "head", "total"}
    assert all(
        choice.keys() >= {"what", "score", "low", "high", "seconds", "kept", "why"}
        for choice in evaluation["choices"]
    )
    assert [each["name"] for each in evaluation["data"]["set_aside"]] == ["down/broken.png"]
    assert json.loads((world / "model/evaluation.json").read_text()) == evaluation
    assert said


def test_the_report_lies_in_the_model_folder(world, fitted):
    page = (world / "model/report.html").read_text()
    value = fitted[0]["test"]["macro_f1"]["value"]
    assert f"{value:.3f}" in page
    assert str(world / "photos") not in page


def test_predict_reads_files_and_folders_and_names_what_it_cannot_read(headstart, world, fitted):
    ended = headstart(
        *("predict", world / "model", world / "more/down", world / "photos/across/3.png"),
        *(world / "photos/down/broken.png", "--format", "json"),
    )
    assert ended.code == 0
    said = [json.loads(line) for line in ended.out.splitlines()]
    assert len(said) == 9
    for answer in said:
        assert answer.keys() == {"input", "label", "probability", "probabilities", "known"}
        assert answer["probability"] == max(answer["probabilities"].values())
    assert sum(answer["label"] == "down" for answer in said) >= 6
    assert "broken.png" in ended.err


def test_predict_in_csv(headstart, world, fitted):
    ended = headstart("predict", world / "model", world / "more", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert len(rows) == 16
    assert sum(row["label"] in row["input"] for row in rows) >= 12


def test_strict_refuses_what_cannot_be_read(headstart, world, fitted):
    ended = headstart("predict", world / "model", world / "photos/down/broken.png", "--strict")
    assert ended.code == 2
    assert "broken.png" in ended.err


def test_evaluate_gives_the_same_figures_for_more_data(headstart, world, fitted):
    told = headstart("evaluate", world / "model", world / "more", "--json").json
    assert told["n_test"] == 16
    assert told["test"].keys() == fitted[0]["test"].keys()
    assert headstart("evaluate", world / "model", world / "more").out.startswith("Right")


def test_report_is_written_again(headstart, world, fitted):
    page = world / "model/report.html"
    before = page.read_text()
    page.write_text(before)
    assert headstart("report", world / "model", "--no-open").code == 0
    again = page.read_text()
    assert again.count("<img") == before.count("<img")
    assert "What is taken for what" in again


def test_check_finds_the_copy_and_the_broken_file(headstart, world):
    told = headstart("check", world / "photos", "--json").json
    named = {file for finding in told["findings"] for file in finding["files"]}
    assert any("broken.png" in file for file in named)
    assert any("copy.png" in file for file in named)


def test_your_own_test_data_is_the_test(headstart, world):
    ended = headstart(
        *("fit", world / "photos", "--test", world / "more", "--out", world / "own"),
        *("--backbone", world / "net", "--no-pictures", "--json"),
    )
    assert ended.code == 0, ended.err
    assert ended.json["n_test"] == 16
    assert "<img" not in (world / "own/report.html").read_text()


def test_fit_at_a_shell_tells_what_came_of_it(headstart, world):
    ended = headstart("fit", world / "photos", "--out", world / "b", "--backbone", world / "net")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Right")
    assert f"headstart predict {world / 'b'} NEW_FILES" in ended.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "{}/fotos"], "fotos"),
        (["fit", "{}/empty"], "empty"),
        (["fit", "{}/photos", "--strategy", "prob"], "Did you mean 'probe'?"),
        (["fit", "{}/photos", "--task", "clasify"], "Did you mean 'classify'?"),
        (["fit", "{}/photos", "--backbone", "tim/resnet18"], "Did you mean 'timm'?"),
        (["fit", "{}/photos", "--out", "{}/photos"], "photos"),
        (["predict", "{}/photos", "a.png"], "model.json"),
        (["evaluate", "{}/fotos", "{}/photos"], "fotos"),
        (["check", "{}/fotos"], "fotos"),
        (["backbones", "tim/resnet18"], "Did you mean 'timm'?"),
    ],
    ids=lambda value: " ".join(value).replace("{}/", "") if isinstance(value, list) else "",
)
def test_mistakes_are_told_in_two_lines(headstart, world, words, message):
    (world / "empty").mkdir(exist_ok=True)
    ended = headstart(*(word.replace("{}", str(world)) for word in words))
    assert ended.code == 2, ended.err
    assert ended.out == ""
    assert message in ended.err
    assert [line.split(":")[0] for line in ended.err.splitlines()[-2:]] == ["Error", "To fix it"]
