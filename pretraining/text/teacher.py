"""The teacher, all-MiniLM-L6-v2: loaded from a local folder, read in half precision on a GPU."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 256  # the checkpoint's own limit (sentence_bert_config.json)


def check(folder: Path) -> None:
    """Refuse other weights: the original file by its hash, the packed one by what it says it is."""
    path = folder / "model.safetensors"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    packed = folder / "packed.json"
    if packed.exists():
        said = json.loads(packed.read_text("utf-8"))
        if said["original"] == SHA256 and said["packed"] == found:
            return
    if found != SHA256:
        raise SystemExit(f"{path} has sha256 {found}, expected {SHA256}: another teacher")


def load(folder: Path, device: torch.device) -> nn.Module:
    from transformers import BertConfig, BertModel

    check(folder)
    config = BertConfig(**json.loads((folder / "config.json").read_text("utf-8")))
    net = BertModel(config, add_pooling_layer=False)
    tensors = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
    result = net.load_state_dict(tensors, strict=False)
    missing = [
        k for k in result.missing_keys if "position_ids" not in k and "token_type_ids" not in k
    ]
    if missing:
        raise SystemExit(f"the teacher's file lacks {missing}")
    half = torch.float16 if device.type == "cuda" else torch.float32
    return net.to(device, half).eval().requires_grad_(False)


@torch.no_grad()
def states(net: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    found: Tensor = net(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    return found


def sentence(found: Tensor, mask: Tensor) -> Tensor:
    """Unit vectors: the mean of the token states, opening and closing tokens included."""
    weight = mask.unsqueeze(-1).float()
    return F.normalize((found.float() * weight).sum(1) / weight.sum(1), dim=-1)
