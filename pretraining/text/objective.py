"""What the student is asked for: the teacher's sentence, neighbourhoods and word states."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TEMPERATURE = 0.05


def direction(student: Tensor, target: Tensor) -> Tensor:
    """One minus the cosine, averaged: both are unit vectors."""
    return 1.0 - (student * target).sum(-1).mean()


def neighbourhood(student: Tensor, target: Tensor) -> Tensor:
    """How differently the student ranks the batch: KL from the teacher's similarity rows.

    Each student vector is compared with the teacher's vectors of the whole batch, so its own
    target is the positive and every other text a negative weighted as the teacher weighs it.
    """
    wanted = F.softmax(target @ target.T / TEMPERATURE, dim=-1)
    found = F.log_softmax(student @ target.T / TEMPERATURE, dim=-1)
    return F.kl_div(found, wanted, reduction="batchmean")


def word_means(x: Tensor, word: Tensor, words: int) -> tuple[Tensor, Tensor]:
    """Sums of token states by word, (batch * words) x width, and which words have any."""
    batch, length, width = x.shape
    spare = batch * words  # tokens of no word, and of words beyond `words`, are put here
    row = torch.arange(batch, device=x.device)[:, None] * words
    slot = torch.where((word >= 0) & (word < words), row + word, spare).reshape(-1)
    sums = torch.zeros(spare + 1, width, device=x.device, dtype=torch.float32)
    sums = sums.index_add(0, slot, x.reshape(batch * length, width).float())
    seen = torch.zeros(spare + 1, device=x.device).index_add(
        0, slot, torch.ones(batch * length, device=x.device)
    )
    return sums[:spare], seen[:spare] > 0


def words_direction(
    student: Tensor, student_word: Tensor, teacher: Tensor, teacher_word: Tensor, words: int
) -> Tensor:
    """One minus the cosine between both nets' states of the same word, averaged over words."""
    ours, here = word_means(student, student_word, words)
    theirs, there = word_means(teacher, teacher_word, words)
    both = (here & there).float()
    # The sum's direction is the mean's: no need to divide.
    cosine = F.cosine_similarity(ours, theirs, dim=-1, eps=1e-6)
    return ((1.0 - cosine) * both).sum() / both.sum().clamp_min(1.0)
