"""The teacher: too large to ship, trained first, and the small net learns to answer like it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.backbones.nets.image import Residual, conv_unit


class Teacher(nn.Module):
    """A wide residual net that keeps 64 px pictures at full resolution in its first layer."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_unit(3, width, 3), nn.ReLU())
        widths, blocks = (2 * width, 4 * width, 8 * width, 8 * width), (2, 3, 2, 2)
        stages: list[nn.Module] = []
        inputs = width
        for outputs, depth in zip(widths, blocks, strict=True):
            parts = [Residual(inputs if i == 0 else outputs, outputs, 2 if i == 0 else 1)
                     for i in range(depth)]  # fmt: skip
            stages.append(nn.Sequential(*parts))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.features = inputs
        self.classifier = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Residual):
                # Start as the identity, so that depth does no harm in the first steps.
                nn.init.zeros_(module.second[1].weight)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class scores, the last stage's mean, and the third stage's 2x2 grid."""
        x = self.stem(x)
        for stage in self.stages[:3]:
            x = stage(x)
        grid = F.adaptive_avg_pool2d(x, 2)
        mean = self.stages[3](x).mean((2, 3))
        return self.classifier(mean), mean, grid


class TeacherInTraining(nn.Module):
    """The teacher with a projection for telling pictures apart, thrown away afterwards."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.teacher = teacher
        self.project = nn.Sequential(
            nn.Linear(teacher.features, 512), nn.ReLU(), nn.Linear(512, 128)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores, mean, _ = self.teacher(x)
        return scores, self.project(mean)


def tell_apart(a: Tensor, b: Tensor, temperature: float = 0.2) -> Tensor:
    """InfoNCE: of all second views in the batch, find the one of the same picture.

    Labels alone make a net forget whatever does not separate the 199 classes; this keeps it.
    """
    a, b = F.normalize(a.float(), dim=1), F.normalize(b.float(), dim=1)
    likeness = a @ b.T / temperature
    target = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(likeness, target) + F.cross_entropy(likeness.T, target)) / 2
