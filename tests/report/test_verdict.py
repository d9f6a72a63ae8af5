"""The sentence that a person reads first says what the figures say, no more."""

import pytest

from headstart.report import caveats, verdict
from tests.evaluations import several, single


def measured(value, low, high, guess=None, n_test=200, **more):
    baseline = {} if guess is None else {"accuracy": {"value": guess, "low": guess, "high": guess}}
    return {
        "task": "classify",
        "modality": "image",
        "headline": "macro_f1",
        "n_test": n_test,
        "labels": ["a", "b"],
        "test": {"accuracy": {"value": value, "low": low, "high": high}},
        "baseline": baseline,
        **more,
    }


def test_a_good_model_is_compared_with_guessing():
    said = verdict(measured(0.87, 0.81, 0.92, guess=0.52))
    assert said == (
        "Right about 87 in 100 new pictures of this kind (95 % interval 81 to 92); "
        "always guessing the most common class would get 52."
    )


def test_a_model_whose_interval_holds_guessing_is_not_called_better():
    said = verdict(measured(0.56, 0.48, 0.64, guess=0.52))
    assert said.startswith("Not shown to be better than guessing: right about 56 in 100")


def test_a_model_below_guessing_is_called_worse():
    assert verdict(measured(0.3, 0.25, 0.35, guess=0.52)).startswith("Worse than guessing:")


def test_no_error_at_all_is_not_called_certainty():
    said = verdict(measured(1.0, 0.94, 1.0, guess=0.5, n_test=60))
    assert said.startswith("Right on all 60 test pictures (95 % interval 94 to 100 in 100)")


def test_near_the_ends_a_decimal_is_kept():
    assert "99.6 in 100" in verdict(measured(0.996, 0.98, 0.999))
    assert "interval 98 to 99.9" in verdict(measured(0.996, 0.98, 0.999))


@pytest.mark.parametrize(
    ("modality", "plural"), [("text", "texts"), ("audio", "recordings"), (None, "examples")]
)
def test_examples_are_called_what_they_are(modality, plural):
    assert f"new {plural} of this kind" in verdict(measured(0.8, 0.7, 0.9, modality=modality))


def test_several_labels_are_judged_by_precision_and_recall():
    said = verdict(several(["beach", "sunset", "urban"]))
    assert said.startswith("Of 100 labels that it gives about ")
    assert "Macro F1" in said
    assert "guessing would get 0.210" in said


def test_figures_that_are_undefined_or_missing_are_survived():
    assert verdict({}).startswith("This model has not been measured")
    assert verdict({"test": {"accuracy": {"value": None}}}).startswith("This model has not been")
    assert "Right about 80" in verdict({"test": {"accuracy": {"value": 0.8}}, "labels": None})


def test_a_small_test_is_a_caveat():
    assert caveats(measured(0.8, 0.6, 0.9, n_test=12))[0].startswith("Measured on only 12 pictures")
    assert caveats(measured(0.8, 0.75, 0.85, n_test=400)) == []


def test_uneven_classes_are_a_caveat_with_the_balanced_figure():
    evaluation = measured(0.9, 0.87, 0.93, guess=0.85)
    evaluation["test"]["balanced_accuracy"] = {"value": 0.61, "low": 0.5, "high": 0.7}
    (said,) = caveats(evaluation)
    assert "one of them is 85 in 100" in said
    assert "right about 61 in 100 (50 to 70)" in said


def test_a_test_of_nothing_but_twins_is_said_to_tell_nothing():
    evaluation = measured(1.0, 0.9, 1.0, data={"twins": {"groups": 4, "across": 4}})
    assert any("nothing is known about new inputs" in each for each in caveats(evaluation))


def test_twins_across_a_users_split_are_a_caveat_with_both_figures():
    evaluation = measured(0.9, 0.87, 0.93, data={"twins": {"groups": 4, "across": 3}})
    evaluation["test_without_twins"] = {"accuracy": {"value": 0.84, "low": 0.8, "high": 0.88}}
    (said,) = caveats(evaluation)
    assert said.startswith("3 near-duplicates stand on both sides")
    assert "0.900 with them and 0.840 without" in said


def test_classes_that_were_never_tested_are_a_caveat():
    evaluation = measured(0.9, 0.8, 0.95)
    evaluation["per_class"] = {"a": {"support": 0}, "b": {"support": {"value": 20}}}
    assert caveats(evaluation) == [
        "1 of 2 classes have no example in the test, so nothing is known about them."
    ]


def test_a_simulated_model_reads_well():
    assert verdict(single(["ant", "bee"], 153)).count("95 % interval") == 1
