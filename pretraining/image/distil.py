"""What the small net learns from the teacher: its answers, and what it sees on the way there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.backbones.nets.image import SmallResNet

Answers = tuple[Tensor, Tensor, Tensor]  # scores, last stage's mean, third stage's 2x2 grid


class StudentInTraining(nn.Module):
    """The small net with linear maps into the teacher's features, thrown away afterwards."""

    def __init__(self, net: SmallResNet, teacher_features: int) -> None:
        super().__init__()
        self.net = net
        widths = net.config["widths"]
        self.to_mean = nn.Linear(net.config["features"], teacher_features)
        self.to_grid = nn.Conv2d(widths[2], teacher_features, 1)

    def forward(self, x: Tensor) -> Answers:
        maps = self.net.forward_maps(x)
        mean = maps["stage4"].mean((2, 3))
        grid = self.to_grid(F.adaptive_avg_pool2d(maps["stage3"], 2))
        return self.net.classifier(mean), self.to_mean(mean), grid


def flat(answers: Answers) -> Answers:
    """Float32, and the grid's cells as rows."""
    scores, mean, grid = (t.float() for t in answers)
    return scores, mean, grid.permute(0, 2, 3, 1).flatten(0, 2)


def standard(x: Tensor) -> Tensor:
    """Zero mean and unit variance over the batch, so that no feature outshouts another."""
    return (x - x.mean(0)) / (x.std(0) + 1e-3)


def distance(student: Answers, teacher: Answers, temperature: float = 2.0) -> Tensor:
    """Softened class scores plus standardised features."""
    scores, mean, grid = flat(student)
    with torch.no_grad():
        goal, goal_mean, goal_grid = flat(teacher)
        goal = F.log_softmax(goal / temperature, 1)
        goal_mean, goal_grid = standard(goal_mean), standard(goal_grid)
    answer = F.log_softmax(scores / temperature, 1)
    talk = F.kl_div(answer, goal, reduction="batchmean", log_target=True) * temperature**2
    return talk + F.mse_loss(mean, goal_mean) + 0.5 * F.mse_loss(grid, goal_grid)
