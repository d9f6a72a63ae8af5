"""Wrong labels are found by a model that never saw them; hard but right ones are left alone."""

import numpy as np

from headstart.check import find_mislabels


def probabilities_for(targets, n_labels, random):
    """Make a decent model's out-of-fold probabilities: mostly right, seldom sure."""
    logits = random.normal(size=(len(targets), n_labels))
    logits[np.arange(len(targets)), targets] += 4
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_flipped_labels_come_first():
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 600)
    probabilities = probabilities_for(truth, 4, random)
    given = truth.copy()
    flipped = random.choice(600, 30, replace=False)
    given[flipped] = (given[flipped] + 1) % 4
    names = [f"{row}.jpg" for row in range(600)]
    (finding,) = find_mislabels(probabilities, given, ("a", "b", "c", "d"), names)
    wrong = {names[row] for row in flipped}
    assert len(wrong & set(finding.files[:30])) >= 22
    assert finding.count == len(finding.files)
    assert finding.count <= 60
    assert finding.files[0] in finding.message


def test_agreement_is_silence():
    probabilities = np.eye(3)[[0, 1, 2, 0]] * 0.97 + 0.01
    assert find_mislabels(probabilities, np.array([0, 1, 2, 0]), "abc", list("wxyz")) == []


def test_a_weak_model_does_not_take_its_own_misses_for_mislabels():
    random = np.random.default_rng(2)
    truth = random.integers(0, 6, 400)
    logits = random.normal(size=(400, 6)) * 1.4
    logits[np.arange(400), truth] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    sure = probabilities.max(1) > 0.8
    assert (probabilities.argmax(1) != truth)[sure].sum() >= 10, "it is sure and wrong at times"
    found = find_mislabels(probabilities, truth, "abcdef", [str(x) for x in range(400)])
    assert sum(finding.count for finding in found) <= 4


def test_an_unsure_model_accuses_nobody():
    random = np.random.default_rng(1)
    probabilities = random.dirichlet(np.full(5, 50.0), 300)
    targets = random.integers(0, 5, 300)
    found = find_mislabels(probabilities, targets, "abcde", [str(x) for x in range(300)])
    assert sum(finding.count for finding in found) <= 30


def test_a_label_without_examples_is_never_suspected():
    probabilities = np.array([[0.02, 0.03, 0.95], [0.9, 0.05, 0.05], [0.1, 0.85, 0.05]])
    assert find_mislabels(probabilities, np.array([0, 0, 1]), "abc", list("xyz")) == []
