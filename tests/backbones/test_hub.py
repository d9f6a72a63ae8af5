"""Backbones from the hub: the real client against a small hub on this machine."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub import LocalHub, Repository
from tests.standing import files

OPENING = Path(__file__).with_name("opening.py")


def run(steps, endpoint, home, **environment):
    """Take steps in a fresh process whose hub is `endpoint` and whose cache is in `home`."""
    done = subprocess.run(
        [sys.executable, str(OPENING)],
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ
        | {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(home),
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return answers, done.stderr


def opened(what, **options):
    return {"do": "open", "what": what, **options}


@pytest.fixture(scope="module")
def registered():
    """Return weights for two of timm's own names; those of the second are larger than a chunk."""
    import timm
    from safetensors.torch import save

    return {
        name: {"model.safetensors": save(timm.create_model(name.split(".")[0]).state_dict())}
        for name in ("test_resnet.r160_in1k", "resnet10t.c3_in1k")
    }


def sharded():
    """Cut the tiny ViT's weights into two files and an index, as large models come."""
    from safetensors.torch import load, save

    whole = dict(files("hf"))
    tensors = load(whole.pop("model.safetensors"))
    names = sorted(tensors)
    parts = {
        "model-00001-of-00002.safetensors": names[::2],
        "model-00002-of-00002.safetensors": names[1::2],
    }
    index = {"metadata": {}, "weight_map": {n: part for part, ns in parts.items() for n in ns}}
    whole["model.safetensors.index.json"] = json.dumps(index).encode()
    for part, chosen in parts.items():
        whole[part] = save({name: tensors[name] for name in chosen}, {"format": "pt"})
    return whole


def with_card(kind, licence):
    return files(kind) | {"README.md": f"---\nlicense: {licence}\n---\n# Tiny\n".encode()}


def without(kind, name):
    return {key: value for key, value in files(kind).items() if key != name}


def pickled(kind):
    return {**without(kind, "model.safetensors"), "pytorch_model.bin": b"\x80\x04" + bytes(9000)}


STEPS = {
    "hf": opened("hf/tiny/vit"),
    "hf again": opened("hf/tiny/vit"),
    "hf offline": opened("hf/tiny/vit", offline=True),
    "timm": opened("timm/hf_hub:tiny/resnet"),
    "timm registered": opened("timm/test_resnet.r160_in1k"),
    "timm through hf": opened("hf/tiny/resnet"),
    "sharded": opened("hf/tiny/sharded"),
    "sharded offline": opened("hf/tiny/sharded", offline=True),
    "breaks once": opened("timm/resnet10t.c3_in1k"),
    "breaks": opened("hf/tiny/breaks"),
    "breaks offline": opened("hf/tiny/breaks", offline=True),
    "left over": {"do": "left"},
    "corrupt": opened("hf/tiny/corrupt"),
    "corrupt offline": opened("hf/tiny/corrupt", offline=True),
    "gated": opened("hf/tiny/gated"),
    "private": opened("hf/tiny/private"),
    "refused": opened("hf/tiny/refused"),
    "missing": opened("hf/tiny/vot"),
    "missing timm": opened("timm/resnet18.a1_in2k"),
    "missing architecture": opened("timm/resnet17"),
    "not a name": opened("hf/tiny//vit"),
    "pickled": opened("hf/tiny/pickled"),
    "pickled timm": opened("timm/hf_hub:tiny/pickled"),
    "pickled url": opened("timm/legacy_seresnet18.in1k"),
    "no config": opened("hf/tiny/no-config"),
    "offline without": opened("hf/tiny/never", offline=True),
    "describe": {"do": "describe", "what": "timm/test_resnet.r160_in1k"},
    "describe absent": {"do": "describe", "what": "timm/resnet18.a1_in1k"},
    "describe hf": {"do": "describe", "what": "hf/tiny/described"},
    "describe timm on the hub": {"do": "describe", "what": "timm/hf_hub:tiny/described-timm"},
    "describe what is here": {"do": "describe", "what": "hf/tiny/vit", "offline": True},
    "list": {"do": "list"},
    "to be topped up": opened("hf/tiny/topped-up"),
    "its processor goes": {"do": "forget", "what": "tiny/topped-up"},
    "lacking offline": opened("hf/tiny/topped-up", offline=True),
    "topped up": opened("hf/tiny/topped-up"),
    "damage": {"do": "damage", "what": "tiny/resnet"},
    "damaged": opened("timm/hf_hub:tiny/resnet"),
}


@pytest.fixture(scope="module")
def visit(registered, tmp_path_factory):
    """Go through all steps once; later tests look at how each went."""
    vit, resnet = with_card("hf", "mit"), files("timm")
    repositories = {
        "tiny/vit": Repository(vit),
        "tiny/resnet": Repository(resnet),
        "timm/test_resnet.r160_in1k": Repository(registered["test_resnet.r160_in1k"]),
        "timm/resnet10t.c3_in1k": Repository(
            registered["resnet10t.c3_in1k"], breaks=1, after=15_000_000
        ),
        "tiny/topped-up": Repository(vit),
        "tiny/described": Repository(vit),
        "tiny/described-timm": Repository(with_card("timm", "bsd-3-clause")),
        "tiny/sharded": Repository(sharded()),
        "tiny/breaks": Repository(vit, breaks=-1),
        "tiny/corrupt": Repository(vit, corrupt=True),
        "tiny/gated": Repository(vit, gated=True),
        "tiny/private": Repository(vit, private=True),
        "tiny/refused": Repository(vit, refused=True),
        "tiny/pickled": Repository(pickled("hf")),
        "tiny/no-config": Repository(without("hf", "config.json")),
    }
    home = tmp_path_factory.mktemp("hf")
    with LocalHub(repositories) as local:
        answers, said = run(list(STEPS.values()), local.endpoint, home)
    went = dict(zip(STEPS, answers, strict=True))
    return {"went": went, "said": said, "home": home, "repositories": repositories}


@pytest.mark.parametrize(
    ("step", "stages"),
    [("hf", 3), ("timm", 5), ("timm registered", 5), ("sharded", 3), ("breaks once", 5)],
)
def test_download_opens(visit, step, stages):
    assert visit["went"][step]["ok"]["stages"] == stages, visit["went"][step]


def test_what_was_downloaded_is_what_the_hub_has(visit):
    went = visit["went"]
    same = ["hf", "hf again", "hf offline", "sharded", "sharded offline"]
    assert len({went[step]["ok"]["fingerprint"] for step in same}) == 1


def test_download_is_quiet(visit):
    assert "%|" not in visit["said"]


def test_second_time_asks_the_hub_for_nothing(visit):
    served = visit["repositories"]["tiny/vit"].served
    assert sorted(served) == [
        "README.md@0",
        "config.json@0",
        "model.safetensors@0",
        "preprocessor_config.json@0",
    ]


def test_broken_transfer_is_resumed_where_it_broke(visit):
    served = visit["repositories"]["timm/resnet10t.c3_in1k"].served
    chunk = 10 * 1024 * 1024  # what the client writes at a time
    assert served == ["model.safetensors@0", f"model.safetensors@{chunk}"]


def test_broken_transfer_leaves_nothing_half(visit):
    assert visit["went"]["left over"]["ok"] == []
    assert "not on this machine" in visit["went"]["breaks offline"]["message"]
    assert "not on this machine" in visit["went"]["corrupt offline"]["message"]


@pytest.mark.parametrize(
    ("step", "error", "cause", "cure"),
    [
        ("breaks", "HubError", "broke off", "Run this again"),
        ("corrupt", "HubError", "is corrupt: its checksum", "thrown away"),
        ("damaged", "HubError", "is corrupt: its checksum", "hf cache rm model/tiny/resnet"),
        ("gated", "HubError", "gated", "hf auth login"),
        ("private", "BackboneError", "or it is private", "hf auth login"),
        ("refused", "HubError", "HTTP 403", "hf auth login"),
        ("missing", "BackboneError", "Did you mean 'hf/tiny/vit'?", "Check the name"),
        ("missing timm", "UnknownName", "Did you mean 'resnet18.a1_in1k'?", "timm/resnet18."),
        ("missing architecture", "UnknownName", "Did you mean 'resnet1", "timm.list_pretrained"),
        ("not a name", "BackboneError", "There is no model", "Check the name"),
        ("timm through hf", "BackboneError", "saved by timm", "timm/hf_hub:tiny/resnet"),
        ("pickled", "BackboneError", "pytorch_model.bin", "save_pretrained"),
        ("pickled timm", "BackboneError", "pytorch_model.bin", "save_for_hf"),
        ("pickled url", "BackboneError", "pickled file", "save_for_hf"),
        ("no config", "BackboneError", "no config.json", "Choose a repository"),
        ("lacking offline", "BackboneError", "no preprocessor_config.json", "save_pretrained"),
        ("offline without", "BackboneError", "told to stay offline", "Run once without --offline"),
    ],
)
def test_failure_says_its_cause_and_cure(visit, step, error, cause, cure):
    answer = visit["went"][step]
    assert answer.get("error") == error, answer
    assert cause in answer["message"]
    assert cure in answer["hint"]
    assert "\n" not in answer["message"] + answer["hint"]


def test_card_knows_licence_and_presence(visit):
    assert visit["went"]["describe"]["ok"] == {
        "licence": "apache-2.0",
        "local": True,
        "parameters": 469688,
    }
    assert visit["went"]["describe absent"]["ok"]["local"] is False


def test_card_is_read_without_downloading_weights(visit):
    went, repositories = visit["went"], visit["repositories"]
    card = went["describe hf"]["ok"]
    assert (card["licence"], card["local"]) == ("mit", False)
    assert card["parameters"] > 10_000
    assert went["describe timm on the hub"]["ok"]["licence"] == "bsd-3-clause"
    for name in ("tiny/described", "tiny/described-timm"):
        served = repositories[name].served
        assert sorted(served) == ["README.md@0", "config.json@0"]
    assert went["describe what is here"]["ok"]["local"] is True


def test_processor_missing_from_the_cache_is_fetched_alone(visit):
    assert visit["went"]["topped up"]["ok"] == visit["went"]["hf"]["ok"]
    served = visit["repositories"]["tiny/topped-up"].served
    assert served.count("model.safetensors@0") == 1
    assert served.count("preprocessor_config.json@0") == 2


def test_list_needs_no_network_and_says_what_is_here(visit):
    listed = visit["went"]["list"]["ok"]
    assert listed["timm/resnet18.a1_in1k"] is False
    assert any(name.startswith("hf/") for name in listed)


def test_cache_serves_when_the_hub_is_gone(visit):
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        steps = [opened("hf/tiny/vit"), opened("hf/tiny/other")]
        (cached, absent), _ = run(steps, endpoint, visit["home"])
    assert cached["ok"]["fingerprint"] == visit["went"]["hf"]["ok"]["fingerprint"]
    assert absent["error"] == "HubError"
    assert "cannot be reached" in absent["message"]
    assert "bundled backbone" in absent["hint"]


def test_a_page_that_is_no_hub_is_told_from_one(tmp_path):
    with LocalHub({}, portal=True) as portal:
        (answer,), _ = run([opened("hf/tiny/vit")], portal.endpoint, tmp_path)
    assert answer["error"] == "HubError"
    assert "is not a hub" in answer["message"]
    assert "HF_ENDPOINT" in answer["hint"]


def test_offline_by_the_environment(visit):
    steps = [opened("hf/tiny/vit"), opened("hf/tiny/other")]
    (cached, absent), _ = run(steps, "http://127.0.0.1:9", visit["home"], HF_HUB_OFFLINE="1")
    assert cached["ok"]["fingerprint"] == visit["went"]["hf"]["ok"]["fingerprint"]
    assert absent["error"] == "BackboneError"
    assert "HF_HUB_OFFLINE" in absent["hint"]


def test_stronger_backbone_on_this_machine_is_found(tmp_path):
    for name, commit in (
        ("timm--resnet18.a1_in1k", "1" * 40),
        ("timm--resnet50.a1_in1k", "2" * 40),
    ):
        repo = tmp_path / "hub" / f"models--{name}"
        (repo / "refs").mkdir(parents=True)
        (repo / "refs" / "main").write_text(commit)
        snapshot = repo / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "model.safetensors").write_bytes(b"weights")
    (answer,), _ = run([{"do": "stronger"}], "http://127.0.0.1:9", tmp_path)
    assert answer["ok"] == ["timm/resnet50.a1_in1k", "timm/resnet18.a1_in1k"]
