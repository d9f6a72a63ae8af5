"""What training took from a model that wrote before: its wrong words then and now.

The checkpoint as it came writes down the same recordings as the model that was made of it. One that
only heard before, and spelt nothing, has no words to lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from headstart.backbones.base import Backbone
from headstart.heads.layer import HeadLayer
from headstart.metrics import draw, measure_transcripts
from headstart.normalise import plain
from headstart.schema import Sample
from headstart.speech.model import Scribe
from headstart.writing.learning import spelling_layer


def as_it_came(model: Scribe, before: Backbone) -> Scribe | None:
    """Return the checkpoint of a model as a model of its own; None where it wrote nothing yet."""
    if before.decoder is not None:
        before.spec = model.backbone.spec  # in the language that was found
        return replace(model, backbone=before, head=HeadLayer((), 1, 0).head(1.0), adapters=None)
    known = before.characters
    if known is None:
        return None
    head = spelling_layer(before, known.spelt, known, seed=0).head(1.0)
    return replace(model, backbone=before, head=head, labels=known.spelt, adapters=None)


def wrong_words(model: Scribe, before: Backbone, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the word error rate of recordings before and after, nothing where there was none."""
    came = as_it_came(model, before)
    if came is None:
        return {}
    said = [plain(sample.target.text) for sample in samples]
    resamples = draw(None, len(said))
    found = {}
    for moment, each in (("before", came), ("after", model)):
        written = [
            plain(line.label) for line in each.transcribe(samples) if isinstance(line.label, str)
        ]
        found[moment] = asdict(measure_transcripts(said, written, resamples)["wer"])
    return found
