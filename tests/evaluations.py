"""Evaluations as `fit` writes them, from simulated answers and the real measures."""

import base64
import io

import numpy as np

from headstart.metrics import (
    align_words,
    confusion,
    draw,
    measure_multi,
    measure_single,
    measure_transcripts,
)
from headstart.report.words import pictured

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "مرحبا بالعالم",
    "a" * 5000,
    "line\nbreak\x1b[31m\x00",
    "' onmouseover='alert(1)",
    "</style></title><base href=//evil.example>",
    "\u202egnp.exe",
    "&amp;&lt;b&gt;",
    "half\udcff",
    "",
)


def picture(seed=0, size=120):
    """Return a small generated picture the way a modality shows one."""
    from PIL import Image

    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(30, 225, (4, 5, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((size, size * 3 // 4), Image.Resampling.BICUBIC).save(file, "JPEG")
    return {
        "kind": "picture",
        "mime": "image/jpeg",
        "data": base64.b64encode(file.getvalue()).decode(),
    }


def _record(figure):
    if isinstance(figure, int):
        return figure
    return {"value": figure.value, "low": figure.low, "high": figure.high}


def _wrap(task, labels, figures, per_class, n_test, headline, **more):
    return {
        "format": 1,
        "headstart": "0.1.0",
        "modality": "image",
        "task": task,
        "labels": list(labels),
        "n_train": 4 * n_test,
        "n_test": n_test,
        "strategy": "probe",
        "backbone": "bundled/image",
        "licence": "Apache-2.0",
        "headline": headline,
        "seconds": {"features": 4.31, "head": 0.82, "total": 5.77},
        "test": {name: _record(figure) for name, figure in figures.items()},
        "per_class": {
            label: {name: _record(figure) for name, figure in row.items()}
            for label, row in zip(labels, per_class, strict=True)
        },
        "choices": [
            _choice("last stage, mean", 0.861, 0.83, 0.89, 0.3, False, "scored lower"),
            _choice("last two stages", 0.884, 0.85, 0.91, 0.5, True, "best in cross-validation"),
            _choice("class weights", 0.879, 0.85, 0.91, 0.4, False, "no help shown on same folds"),
        ],
        "unknown": {"rate_on_test": 0.031, "stated": 0.02},
        "domain": {
            "distance": 0.254,
            "by": "readings",
            "stages": _stages("distance", 0.21, 0.215, 0.256, 0.259, 0.317),
            "advice": "Near what bundled/image was trained on: stay on top.",
        },
        "stages": {
            "headline": headline,
            "n": 4 * n_test,
            "scores": [
                {**each, "low": each["value"] - 0.05, "high": each["value"] + 0.04}
                for each in _stages("value", 0.41, 0.52, 0.66, 0.81, 0.78)
            ],
            "says": "stage3 does best alone (0.810), where stem gets 0.410.",
            "patches": [
                {"stage": name, "pixels": pixels, "channels": _channels(name, list(labels)[:3])}
                for name, pixels in (("stem", 12), ("stage2", 38), ("stage4", 62))
            ],
        },
        "forgetting": {
            "reference": "128 generated inputs",
            "stages": _stages("cka", 0.997, 0.923, 0.942, 0.858, 0.762),
            "agreement": {"value": 0.41, "low": 0.33, "high": 0.5},
            "kept": {"value": 0.59, "low": 0.55, "high": 0.63},
            "lost": 0.41,
            "says": "The backbone lost 41 % of what it knew.",
        },
        "findings": [
            {
                "kind": "exact_duplicates",
                "severity": "warning",
                "message": "6 files are copies of others.",
                "advice": "They were kept on one side of the split; remove them if unintended.",
                "files": ["ant/a.jpg", "ant/b.jpg"],
                "count": 6,
            },
            {
                "kind": "shortcut",
                "severity": "problem",
                "message": "The file format predicts the label: 97 % of 'bee' are PNG.",
                "advice": "Save all classes in one format, or the model may learn the format.",
                "files": [f"bee/{number}.png" for number in range(40)],
                "count": 90,
            },
            {
                "kind": "sizes",
                "severity": "info",
                "message": "Sizes run from 120 to 4,000 pixels.",
                "advice": "",
                "files": [],
                "count": 0,
            },
        ],
        "seed": 0,
        "notes": ["One class was never said, so its precision is not defined."],
        **more,
    }


def _stages(what, *values):
    names = ("stem", "stage1", "stage2", "stage3", "stage4")
    return [{"stage": name, what: each} for name, each in zip(names, values, strict=True)]


def _channels(stage, labels):
    return [
        {
            "channel": number,
            "label": label,
            "patches": [f"{stage}, channel {number}: {label}/{at}.jpg" for at in range(5)],
        }
        for number, label in enumerate(labels)
    ]


def _choice(what, score, low, high, seconds, kept, why):
    return {
        "what": what,
        "score": score,
        "low": low,
        "high": high,
        "seconds": seconds,
        "kept": kept,
        "why": why,
    }


def single(labels, n_test=150, skill=2.2, seed=0, uneven=0.0, mistakes=12):
    """Return the evaluation of a simulated classifier; more `skill` is right more often."""
    random = np.random.default_rng(seed)
    count = len(labels)
    shares = np.exp(-uneven * np.arange(count))
    truth = random.choice(count, n_test, p=shares / shares.sum())
    logits = random.normal(size=(n_test, count)) + skill * np.eye(count)[truth]
    if count > 2:
        logits[:, 1] += 1.2 * (truth == 2)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    figures, per_class = measure_single(
        probabilities, truth, draw(None, n_test, columns=count, seed=seed)
    )
    said = probabilities.argmax(1)
    wrong = [at for at in np.argsort(-probabilities.max(1)) if said[at] != truth[at]]
    common = float((truth == np.bincount(truth).argmax()).mean())
    counts = 5 * np.bincount(truth, minlength=count)
    return _wrap(
        "classify",
        labels,
        figures,
        per_class,
        n_test,
        "macro_f1",
        confusion=np.asarray(confusion(said, truth, count)).tolist(),
        mistakes=[
            {
                "name": f"{labels[truth[at]]}/IMG_{2000 + at}.jpg",
                "truth": labels[truth[at]],
                "said": labels[said[at]],
                "probability": float(probabilities[at].max()),
            }
            for at in wrong[:mistakes]
        ],
        baseline={
            "what": "always the most common class",
            "accuracy": {"value": common, "low": common - 0.05, "high": common + 0.05},
            "macro_f1": {"value": 1 / count, "low": 0.5 / count, "high": 1.5 / count},
        },
        data={
            "source": "photos",
            "counts": {label: int(n) for label, n in zip(labels, counts, strict=True)},
            "split": f"Test: {n_test} of {5 * n_test} sealed before anything is chosen.",
            "set_aside": [{"name": "ants/imageNotFound.gif", "why": "is not a picture"}],
            "twins": {"groups": 3, "across": 0},
            "notes": ["Read as one folder per class."],
        },
    )


def transcribed(n_test=30, seed=0):
    """Return the evaluation of a simulated model that writes down what was said."""
    random = np.random.default_rng(seed)
    known = ["printing", "in", "the", "only", "sense", "with", "which", "we", "are", "concerned"]
    said, wrote = [], []
    for at in range(n_test):
        words = [known[n] for n in random.integers(0, len(known), 12)]
        heard = []
        for word in words:
            chance = random.random()
            heard += [] if chance < 0.05 else [word[:-1] + "x"] if chance < 0.15 else [word]
            heard += ["uh"] if chance > 0.96 else []
        said.append(" ".join(words))
        wrote.append(" ".join(heard))
    figures = measure_transcripts(said, wrote, draw(None, n_test, seed=seed))
    mistakes = [
        {
            "name": f"clips/{at}.flac",
            "truth": said[at],
            "said": wrote[at],
            "probability": 0.8,
            "errors": sum(run.fate != "equal" for run in align_words(said[at], wrote[at])),
            "words": len(said[at].split()),
            "runs": [vars(run) for run in align_words(said[at], wrote[at])],
        }
        for at in range(n_test)
        if said[at] != wrote[at]
    ]
    more = {"modality": "audio", "mistakes": mistakes, "data": {"source": "clips.csv"}}
    return _wrap("transcribe", [], figures, [], n_test, "word_accuracy", **more)


def several(labels, n_test=120, seed=0):
    """Return the evaluation of a simulated model that gives several labels an example."""
    random = np.random.default_rng(seed)
    truth = (random.random((n_test, len(labels))) < 0.35).astype(int)
    logits = random.normal(size=truth.shape) + 2.5 * truth - 1.4
    probabilities = 1 / (1 + np.exp(-logits))
    said = (probabilities > 0.5).astype(int)
    figures, per_class = measure_multi(
        probabilities, said, truth, draw(None, n_test, columns=len(labels), seed=seed)
    )
    wrong = np.flatnonzero((said != truth).any(1))[:8]
    return _wrap(
        "multilabel",
        labels,
        figures,
        per_class,
        n_test,
        "macro_f1",
        confusion=[],
        mistakes=[
            {
                "name": f"scene_{at}.jpg",
                "truth": [label for label, on in zip(labels, truth[at], strict=True) if on],
                "said": [label for label, on in zip(labels, said[at], strict=True) if on],
                "probability": float(probabilities[at].max()),
            }
            for at in wrong
        ],
        baseline={"what": "always the most common labels", "macro_f1": {"value": 0.21}},
        data={
            "source": "scenes.csv",
            "counts": {label: int(n) for label, n in zip(labels, truth.sum(0), strict=True)},
            "split": f"Test: {n_test} of {5 * n_test} sealed before anything is chosen.",
            "set_aside": [],
            "twins": {"groups": 0, "across": 0},
            "notes": [],
        },
    )


def hostile():
    """Return an evaluation in which every name a stranger could choose is an attack."""
    evaluation = single(list(HOSTILE[:9]), n_test=90, skill=1.0)
    for number, mistake in enumerate(evaluation["mistakes"]):
        mistake["name"] = HOSTILE[number % len(HOSTILE)] + f"/{number}.jpg"
    evaluation["data"]["source"] = HOSTILE[7]
    evaluation["notes"] = list(HOSTILE)
    evaluation["data"]["set_aside"] = [{"name": bad, "why": bad} for bad in HOSTILE]
    evaluation["data"]["notes"] = list(HOSTILE)
    evaluation["data"]["split"] = HOSTILE[0]
    for meter, said in (("domain", "advice"), ("forgetting", "says")):
        evaluation[meter][said] = HOSTILE[0]
        for stage, bad in zip(evaluation[meter]["stages"], HOSTILE, strict=False):
            stage["stage"] = bad
    evaluation["forgetting"]["reference"] = HOSTILE[1]
    evaluation["stages"]["says"] = HOSTILE[0]
    for each, bad in zip(evaluation["stages"]["scores"], HOSTILE, strict=False):
        each["stage"] = bad
    for each, bad in zip(evaluation["stages"]["patches"], HOSTILE, strict=False):
        each["stage"] = bad
    evaluation["findings"] = [
        {
            "kind": "x",
            "severity": bad,
            "message": bad,
            "advice": bad,
            "files": list(HOSTILE),
            "count": 12,
        }
        for bad in HOSTILE
    ]
    evaluation["choices"][0] |= {"what": HOSTILE[1], "why": HOSTILE[0]}
    evaluation |= {"backbone": HOSTILE[1], "licence": HOSTILE[0], "strategy": HOSTILE[2]}
    evaluation["headstart"] = HOSTILE[0]
    evaluation["test"][HOSTILE[1]] = {"value": 0.5, "low": 0.4, "high": 0.6}
    return evaluation


def pictures(evaluation):
    """Return a generated picture for all that an evaluation may show: mistakes and patches."""
    return {name: picture(number) for number, name in enumerate(pictured(evaluation))}
