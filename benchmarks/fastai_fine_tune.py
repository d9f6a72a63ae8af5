"""fastai's `vision_learner(...).fine_tune(4)` on given weights; run by speed.py in its own Python.

    python fastai_fine_tune.py PHOTOS ARCHITECTURE WEIGHTS.safetensors

Prints one JSON line with the seconds from data to trained model.
"""

import json
import sys
import time

photos, architecture, weights = sys.argv[1:4]

import torch  # noqa: E402
from fastai.vision.all import (  # noqa: E402
    ImageDataLoaders,
    Resize,
    accuracy,
    vision_learner,
)
from safetensors.torch import load_file  # noqa: E402

begun = time.perf_counter()
loaders = ImageDataLoaders.from_folder(
    photos, train="train", valid="val", item_tfms=Resize(224), num_workers=2
)
learner = vision_learner(loaders, architecture, pretrained=False, metrics=accuracy)
body = learner.model[0].model if hasattr(learner.model[0], "model") else learner.model[0]
missing = body.load_state_dict(load_file(weights), strict=False)
with learner.no_bar(), learner.no_logging():
    learner.fine_tune(4)
seconds = time.perf_counter() - begun
loss, right = learner.validate()
print(
    json.dumps(
        {
            "seconds": seconds,
            "accuracy": float(right),
            "missing": len(missing.missing_keys),
            "torch": torch.__version__,
        }
    )
)
