"""The floor, and the student's start: averaged token vectors taken from the teacher.

Each row of the vocabulary is shown to the teacher as a text of its own. The principal components
of those vectors, weighted so that frequent tokens count less, averaged over a text: that is a
static sentence embedding. The student begins as exactly this and is trained from there.
"""

from __future__ import annotations

import teacher as teacher_
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from headstart.backbones.nets.text import Embed, TextNet

RARE = 1e-3  # a token this frequent counts half


@torch.no_grad()
def piece_vectors(net: nn.Module, folder_tokenizer: Tokenizer, pieces: list[str]) -> Tensor:
    """The teacher's unnormalised mean state for every piece of the vocabulary."""
    device = next(net.parameters()).device
    found = []
    folder_tokenizer.no_padding()
    for i in range(0, len(pieces), 512):
        rows = folder_tokenizer.encode_batch([p.removeprefix("##") for p in pieces[i : i + 512]])
        width = max(len(r.ids) for r in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        for k, row in enumerate(rows):
            ids[k, : len(row.ids)] = torch.tensor(row.ids)
        ids = ids.to(device)
        mask = torch.arange(width, device=device) < torch.tensor(
            [len(r.ids) for r in rows], device=device
        ).unsqueeze(1)
        x, weight = teacher_.states(net, ids, mask).float(), mask.unsqueeze(-1).float()
        found.append((x * weight).sum(1) / weight.sum(1))
    return torch.cat(found)


def static_table(vectors: Tensor, counts: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Weighted principal coordinates (rows x width) and the components (width x 384)."""
    share = counts.float() / counts.sum().clamp_min(1)
    weight = RARE / (RARE + share)
    centred = vectors - vectors.mean(0)
    _, _, components = torch.linalg.svd(centred, full_matrices=False)
    components = components[:width]
    return (centred @ components.T) * weight[:, None], components


@torch.no_grad()
def begin(net: TextNet, table: Tensor, components: Tensor) -> None:
    """Set the net so that its sentence embedding is the static one."""
    embed = net.stages["embed"]
    assert isinstance(embed, Embed)
    scale = table.square().mean().sqrt() / 0.3
    embed.table.weight.copy_(table / scale)
    nn.init.orthogonal_(embed.widen.weight)
    nn.init.zeros_(embed.widen.bias)
    nn.init.zeros_(net.project.bias)
    # Orthonormal columns: the transpose undoes the widening.
    net.project.weight.copy_(components.T @ embed.widen.weight.T * scale)
