"""fastai's `vision_learner(...).fine_tune(4)` on given weights and pictures, in its own Python.

Run by speed.py and opponents.py, which need no fastai themselves. It reads a job from its input as
JSON: `net` (a backbone that headstart bundles, or a timm architecture with its `weights`), `size`,
`labels`, the pictures to `learn` from and to `watch` after every epoch (each a path and a label),
those to `ask` about (paths), whether they are to be `normalised`, `workers` and `seed`. It prints
one JSON line: the seconds from pictures to trained model, and what was said of those asked about.

Everything is fastai's default: Adam, one epoch with the body frozen and four with all of it open,
rates by layer group, dropout, batches of 64 (all there is, where that is less).

fastai wants older companions than headstart, so it gets an environment of its own, beside this
one's torch, torchvision, timm and scikit-learn:

    python -m venv FASTAI
    echo VENV_OF_HEADSTART/lib/python3.11/site-packages > FASTAI/lib/python3.11/site-packages/b.pth
    FASTAI/bin/pip install --no-deps fastai==2.8.12 fastcore==2.2.39 fasttransform==0.0.5 \
        fastprogress==1.0.3 fastdownload==0.0.8 'plum-dispatch<2.10' beartype matplotlib requests \
        contourpy cycler kiwisolver fonttools pyparsing urllib3 charset-normalizer certifi
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
from fastai.vision.all import (
    CategoryBlock,
    DataBlock,
    ImageBlock,
    IndexSplitter,
    Normalize,
    Resize,
    imagenet_stats,
    set_seed,
    vision_learner,
)
from safetensors.torch import load_file
from torch import nn

EPOCHS = 4
BATCH = 64


def bundled(name):
    """Return what builds a bundled net as fastai wants one: its stages, then a pool to cut at."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
    from headstart.backbones.source import open_backbone

    stages = open_backbone(name).module.requires_grad_(True).stages
    return lambda pretrained: nn.Sequential(*stages.values(), nn.AdaptiveAvgPool2d(1))


def load(learner, weights):
    """Give a timm net its weights; return how many it missed."""
    body = learner.model[0].model if hasattr(learner.model[0], "model") else learner.model[0]
    return len(body.load_state_dict(load_file(weights), strict=False).missing_keys)


def main():
    """Do the job and say what came of it."""
    job = json.load(sys.stdin)
    if job["workers"] == 0:
        torch.set_num_threads(1)
    set_seed(job["seed"])
    net = bundled(job["net"]) if job["net"].startswith("bundled/") else job["net"]
    begun, cpu = time.perf_counter(), time.process_time()
    pictures = [*job["learn"], *job["watch"]]
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=job["labels"])),
        get_x=lambda each: each[0],
        get_y=lambda each: each[1],
        splitter=IndexSplitter(range(len(job["learn"]), len(pictures))),
        item_tfms=Resize(job["size"]),
        batch_tfms=Normalize.from_stats(*imagenet_stats) if job["normalised"] else None,
    )
    loaders = block.dataloaders(
        pictures, bs=min(BATCH, len(job["learn"])), num_workers=job["workers"]
    )
    learner = vision_learner(loaders, net, pretrained=callable(net))
    missing = 0 if callable(net) else load(learner, job["weights"])
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(EPOCHS)
        seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
        asked = loaders.test_dl([[path, None] for path in job["ask"]], num_workers=0)
        answers, _ = learner.get_preds(dl=asked)
    said = [job["labels"][at] for at in answers.argmax(1).tolist()]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": spent,
                "said": said,
                "missing": missing,
                "torch": torch.__version__,
                "threads": os.environ.get("OMP_NUM_THREADS"),
            }
        )
    )


main()
