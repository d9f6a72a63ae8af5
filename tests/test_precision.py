"""The faster number format is used where the processor has it, and gives exact weights back."""

import torch

from headstart.backbones.source import open_backbone
from headstart.modalities.image import Image
from headstart.precision import TOLERANCE, at_precision, choose, native_bfloat16
from tests.standing import save_tiny


def test_the_processor_is_asked_in_words_that_torch_knows():
    known = torch.cpu.get_capabilities()
    asked = {"avx512_bf16", "amx_bf16"} & set(known)
    assert asked or known.get("architecture") != "x86_64"
    assert native_bfloat16() == any(known[name] for name in asked)


def test_exact_weights_come_back(tmp_path):
    backbone = open_backbone(str(save_tiny(tmp_path)))
    before = {n: t.clone() for n, t in backbone.module.state_dict().items()}
    with at_precision(backbone, "bfloat16"):
        assert next(backbone.module.parameters()).dtype == torch.bfloat16
    after = backbone.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {t.dtype for t in after.values()} == {t.dtype for t in before.values()}


def test_a_format_that_moves_features_too_far_is_not_used(tmp_path, monkeypatch):
    backbone = open_backbone(str(save_tiny(tmp_path)))
    monkeypatch.setattr("headstart.precision.native_bfloat16", lambda *_: True)
    monkeypatch.setattr("headstart.precision.TOLERANCE", 0.0)
    assert TOLERANCE > 0
    assert choose(backbone, Image()) == "float32"
