"""From scratch: the same net with fresh weights, the honest opponent of everything pretrained."""

from __future__ import annotations

from headstart import defaults
from headstart.schema import Phase
from headstart.strategies.base import Facts


class Scratch:
    """Give every stage fresh weights and train them all on the user's data alone."""

    name = "scratch"
    about = "same net, fresh weights, trained on your data alone"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the one phase: everything, from fresh weights, with augmentation."""
        return [
            Phase(
                "everything from fresh weights",
                boundary=0,
                objective="train",
                fresh=True,
                epochs=defaults.scratch_epochs(facts.samples),
                patience=defaults.scratch_patience(facts.samples),
                batch_size=defaults.batch_size(facts.samples),
                rate=defaults.SCRATCH_RATE,
                backbone_rate=defaults.SCRATCH_RATE,
                weight_decay=defaults.SCRATCH_WEIGHT_DECAY,
                smoothing=defaults.SMOOTHING,
                views=defaults.views(facts.samples),
            )
        ]
