"""What a transformers checkpoint was trained to say is heard, though only its base is loaded."""

import json

import pytest
import torch

from headstart.backbones.source import open_backbone
from tests.backbones.families import HF
from tests.standing import PROCESSOR, save_tiny

ASKED = (
    "hf_vit",
    "hf_deit",
    "hf_dinov2",
    "hf_dinov2_registers",
    "hf_beit",
    "hf_swin",
    "hf_swinv2",
    "hf_resnet",
    "hf_regnet",
    "hf_convnext",
    "hf_convnextv2",
    "hf_mobilenetv1",
    "hf_mobilenetv2",
)


@pytest.mark.parametrize("name", ASKED)
def test_the_checkpoints_classifier_answers_as_the_library_has_it(name, tmp_path):
    import transformers

    config = dict(HF[name].recipe["config"])
    config = transformers.AutoConfig.for_model(**config, num_labels=7)
    if name == "hf_deit":  # of two kinds of classifiers for it, this is the one that is described
        config.architectures = ["DeiTForImageClassification"]
    torch.manual_seed(0)
    whole = transformers.AutoModelForImageClassification.from_config(config).eval()
    whole.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    backbone = open_backbone(str(tmp_path))
    x = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        scores = backbone.classify(backbone({"x": x}))
        torch.testing.assert_close(scores, whole(x).logits, rtol=1e-4, atol=1e-5)
    assert not any("classifier" in key for key in backbone.module.state_dict())


def test_a_checkpoint_without_one_has_none(tmp_path):
    import transformers

    net = transformers.AutoModelForImageClassification.from_pretrained(save_tiny(tmp_path, "hf"))
    net.vit.save_pretrained(tmp_path / "base")
    (tmp_path / "base" / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    assert open_backbone(str(tmp_path / "base")).classify is None
