"""The rule that looks for shortcuts: sure of real ones, seldom fooled by chance."""

import numpy as np

from headstart.check.looked import Looked
from headstart.check.shortcuts import find_shortcuts
from headstart.schema import Sample


def look(labels, facts, twins=()):
    samples = tuple(Sample(None, label, f"{at}.jpg") for at, label in enumerate(labels))
    return Looked(samples, len(samples), tuple(facts), twins)


def test_chance_alone_is_almost_never_reported():
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(40):
        labels = random.choice(["a", "b"], 40)
        facts = [
            {
                "width": int(random.integers(100, 120)),
                "bytes": float(random.normal()),
                "mode": str(random.choice(["RGB", "L"])),
                "damaged": bool(random.random() < 0.2),
            }
            for _ in labels
        ]
        alarms += bool(find_shortcuts(look(labels, facts)))
    assert alarms <= 2


def test_a_partial_shortcut_is_a_warning_and_is_described():
    random = np.random.default_rng(1)
    labels = np.repeat(["ant", "bee"], 60)
    facts = [
        {"damaged": bool(random.random() < (0.75 if label == "ant" else 0.2))} for label in labels
    ]
    (finding,) = find_shortcuts(look(labels, facts))
    assert finding.severity == "warning"
    assert "'ant' yes" in finding.message
    assert len(finding.files) == finding.count > 60


def test_a_number_need_not_be_monotonous():
    labels = ["a", "b", "c"] * 30
    facts = [
        {"width": {"a": 50, "b": 100, "c": 150}[label] + at % 7} for at, label in enumerate(labels)
    ]
    (finding,) = find_shortcuts(look(labels, facts))
    assert finding.severity == "problem"
    assert "'b' 103" in finding.message


def test_copies_do_not_make_a_shortcut():
    """Pictures copied ten times repeat whatever width they have, and prove nothing by it."""
    random = np.random.default_rng(2)
    widths = random.permutation(np.arange(100, 120))
    labels = random.permutation(["a"] * 10 + ["b"] * 10)
    rows = [at % 20 for at in range(200)]
    facts = [{"width": int(widths[row])} for row in rows]
    twins = tuple(tuple(range(start, 200, 20)) for start in range(20))
    assert find_shortcuts(look([labels[row] for row in rows], facts, twins)) == []


def test_rare_labels_are_left_out():
    labels = ["a"] * 20 + ["b"] * 20 + ["c"]
    facts = [{"mode": "L" if label == "c" else "RGB"} for label in labels]
    assert find_shortcuts(look(labels, facts)) == []
    assert find_shortcuts(look(["a"] * 9, [{"mode": "L"}] * 9)) == []
