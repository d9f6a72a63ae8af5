"""The bundled image net: a small residual convolutional net for pictures of 48 to 128 px.

It is read by stages, so its shape is chosen for readings rather than for a leaderboard: most of
the depth sits at stride 8 (stage 3), where a multiplication buys most on small pictures, and the
last stage ends in a wide 1x1 layer, because linear heads on few labels like many cheap features.
Only dense 3x3 and 1x1 convolutions are used: they are what CPUs run fastest in bfloat16,
channels-last. BatchNorm is kept, as its statistics describe the pictures the net has seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

STAGES = ("stem", "stage1", "stage2", "stage3", "stage4")
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def conv_unit(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution with BatchNorm; no bias, since BatchNorm has one."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut.

    Where the map shrinks, the shortcut averages before its 1x1 convolution: a strided 1x1 alone
    would throw three quarters of the map away unseen.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = conv_unit(inputs, outputs, 3, stride)
        self.second = conv_unit(outputs, outputs, 3)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1:
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride), *conv_unit(inputs, outputs, 1))
        elif inputs != outputs:
            self.shortcut = conv_unit(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's map; half as high and wide where `stride` is 2."""
        inner = self.second(torch.relu(self.first(x)))
        return torch.relu(inner + self.shortcut(x))


class SmallResNet(nn.Module):
    """Stem and four residual stages (`stages`, in order), then a linear classifier.

    `widths` and `blocks` give the channels and the number of residual blocks of stages 1 to 4;
    `features` is the width of the 1x1 layer that ends stage 4. The classifier is not needed for
    transfer; it is kept so that what is forgotten of the original task can be measured.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 80, 160, 256),
        blocks: Sequence[int] = (1, 2, 3, 1),
        features: int = 512,
        classes: int = 199,
    ) -> None:
        super().__init__()
        self.config = {
            "widths": list(widths),
            "blocks": list(blocks),
            "features": features,
            "classes": classes,
        }
        stages: dict[str, nn.Module] = {
            "stem": nn.Sequential(*conv_unit(3, widths[0], 3, stride=2), nn.ReLU())
        }
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, blocks, strict=True), start=1):
            parts: list[nn.Module] = []
            for block in range(depth):
                stride = 2 if block == 0 and number > 1 else 1
                parts.append(Residual(inputs, width, stride))
                inputs = width
            if number == len(widths):
                parts += [*conv_unit(inputs, features, 1), nn.ReLU()]
            stages[f"stage{number}"] = nn.Sequential(*parts)
        self.stages = nn.ModuleDict(stages)
        self.classifier = nn.Linear(features, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_maps(self, x: Tensor) -> dict[str, Tensor]:
        """Return every stage's map, by the stage's name."""
        maps = {}
        for name, stage in self.stages.items():
            x = stage(x)
            maps[name] = x
        return maps

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the last stage's map."""
        for stage in self.stages.values():
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of the classes met in pretraining."""
        scores: Tensor = self.classifier(self.forward_features(x).mean((2, 3)))
        return scores
