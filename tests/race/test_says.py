"""What a race says, on made-up records whose truth is known."""

import numpy as np
import pytest

from headstart.race.figures import compare, label_scale, rising, summarise
from headstart.race.forecast import Curves, Points, check, forecast, points_of
from headstart.race.says import say
from headstart.race.worth import about, crossing

COUNTS = (5, 10, 20, 50, "all")
CLASSES, POOL, TESTS = 5, 500, 400
FROZEN = {"scratch": "none", "probe": "all", "partial": "some"}


def make(curves, counts=COUNTS, seeds=3, noise=0.0, resamples=60):
    """Return a record, up to what it says; `curves` maps a strategy to value by labels a class."""
    runs = []
    chance = np.random.default_rng(0)
    test = chance.normal(0, 0.01, resamples)  # what another test would change, for all alike
    for name, curve in curves.items():
        for count in counts:
            n = POOL if count == "all" else count * CLASSES
            for seed in range(seeds):
                value = float(np.clip(curve(n / CLASSES) + noise * chance.normal(), 0, 1))
                own = chance.normal(0, 0.002, resamples)
                figure = {"value": value, "low": value - 0.05, "high": value + 0.05}
                runs.append(
                    {
                        "id": f"{name}-{count}-{seed}",
                        "strategy": name,
                        "labels_per_class": count,
                        "seed": seed,
                        "n_train": n,
                        "test": {"macro_f1": figure},
                        "draws": [value, *(value + test + own)],
                    }
                )
    labels = [f"class {number}" for number in range(CLASSES)]
    record = {
        "headline": "macro_f1",
        "data": {"labels": labels, "n_pool": POOL, "n_test": TESTS},
        "labels_per_class": list(counts),
        "seeds": list(range(seeds)),
        "strategies": [{"name": name, "frozen": FROZEN[name]} for name in curves],
        "runs": runs,
    }
    record["summary"] = summarise(record)
    record["paired"] = [
        row
        for name, against in (("probe", "scratch"), ("partial", "scratch"), ("partial", "probe"))
        if name in curves and against in curves
        for row in compare(record, name, against, TESTS)
    ]
    return record


def power(ceiling, height, fall):
    return lambda n: ceiling - height * n**-fall


SCRATCH = power(0.95, 1.0, 0.4)


def of(rows, strategy, count):
    return next(r for r in rows if (r["strategy"], r["labels_per_class"]) == (strategy, count))


def test_worth_is_where_the_curve_from_scratch_gets_there():
    record = make({"scratch": SCRATCH, "probe": lambda n: SCRATCH(4 * n)})
    row = of(say(record)["worth"], "probe", 10)
    assert row["scratch_labels"] == pytest.approx(40, rel=0.05)
    assert row["low"] == row["high"] == pytest.approx(row["scratch_labels"])
    assert row["sentence"].startswith("Probe at 10 a class equals scratch at about ")


def test_worth_tells_that_scratch_never_got_there():
    record = make({"scratch": lambda n: 0.4, "probe": lambda n: 0.8})
    row = of(say(record)["worth"], "probe", 5)
    assert row["scratch_labels"] is None
    assert row["sentence"].startswith("Probe at 5 a class does better than scratch even with all")
    assert of(say(record)["worth"], "probe", "all")["sentence"].endswith("scratch with as many.")
    assert "scratch does not get there even with all labels" in say(record)["verdict"]


def test_worth_tells_that_nothing_was_saved():
    record = make({"scratch": lambda n: 0.8, "probe": lambda n: 0.6})
    row = of(say(record)["worth"], "probe", 10)
    assert row["scratch_labels"] == 5
    assert "no better than scratch at 5 a class" in row["sentence"]
    assert "from scratch surely does better" in say(record)["verdict"]


def test_worth_has_an_interval_over_seeds_that_holds_the_truth():
    held = 0
    for shift in range(20):
        record = make(
            {"scratch": SCRATCH, "probe": lambda n, by=1 + shift / 10: SCRATCH(by * n)}, noise=0.01
        )
        row = of(say(record)["worth"], "probe", 10)
        high = np.inf if row["high"] is None else row["high"]
        held += row["low"] <= 10 * (1 + shift / 10) * 1.02 and high >= 10 * (1 + shift / 10) * 0.98
    assert held >= 16


def test_one_seed_has_points_and_no_bands():
    record = make({"scratch": SCRATCH, "probe": power(0.9, 0.5, 0.5)}, seeds=1)
    assert all(row["low"] is None and row["high"] is None for row in record["summary"])
    says = say(record)
    assert of(says["worth"], "probe", 10)["low"] is None
    assert "(" not in of(says["worth"], "probe", 10)["sentence"].replace("(about", "")


def test_without_scratch_nothing_is_said_of_its_labels():
    says = say(make({"probe": power(0.9, 0.5, 0.5)}))
    assert says["worth"] == []
    assert "Nothing else was raced" in says["verdict"]
    assert says["deeper"]["helps_from"] is None


def test_share_is_of_the_best_that_all_the_data_give():
    record = make({"scratch": lambda n: 0.2, "probe": lambda n: 0.6 if n < 100 else 0.8})
    row = of(say(record)["share"], "probe", 10)
    # Who learns nothing from any number of labels reaches little, not the whole of its own.
    assert of(say(record)["share"], "scratch", 10)["share_of_quality"] == pytest.approx(0.25)
    assert row["share_of_data"] == pytest.approx(0.1)
    assert row["share_of_quality"] == pytest.approx(0.75)
    assert "With 10 % of the labels (10 a class) probe reaches 75 %" in row["sentence"]


def test_going_deeper_helps_from_where_it_surely_does():
    record = make({"probe": lambda n: 0.7, "partial": lambda n: 0.7 if n < 20 else 0.8})
    deeper = say(record)["deeper"]
    assert deeper["helps_from"] == 20
    assert deeper["sentence"].startswith("At 20 a class and with every larger number, partial")


def test_going_deeper_does_not_help_by_noise():
    record = make({"probe": lambda n: 0.7, "partial": lambda n: 0.705}, noise=0.02)
    deeper = say(record)["deeper"]
    assert deeper["helps_from"] is None
    assert "did not surely beat probe" in deeper["sentence"]


def test_no_difference_is_told_that_there_cannot_be():
    record = make({"probe": lambda n: 0.9, "scratch": lambda n: 0.1}, seeds=2, noise=0.1)
    assert all(-1 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in record["paired"])


def test_harm_is_told():
    record = make({"probe": lambda n: 0.7, "partial": lambda n: 0.5})
    assert "surely does worse" in say(record)["deeper"]["sentence"]


def test_the_next_labels_bring_what_the_curve_has():
    curve = power(0.9, 0.8, 0.5)
    record = make({"probe": curve}, noise=0.005)
    coming = forecast(record)
    truth = curve((POOL + 100) / CLASSES) - curve(POOL / CLASSES)
    assert coming["strategy"] == "probe"
    assert coming["low"] <= truth <= coming["high"]
    assert coming["checked"]["of"] == 3
    assert coming["checked"]["hidden"] == [50, "all"]


def test_too_few_points_are_not_forecast():
    coming = forecast(make({"probe": power(0.9, 0.8, 0.5)}, counts=(5, "all")))
    assert coming["gain"] is None
    assert coming["checked"]["of"] == 0


def test_the_forecast_holds_on_made_up_curves():
    chance, held, asked = np.random.default_rng(0), 0, 0
    sizes = np.array([25.0, 50, 100, 250, 500])
    for _ in range(40):
        curve = power(chance.uniform(0.7, 1), chance.uniform(0.5, 1.2), chance.uniform(0.25, 0.8))
        truth = np.clip(curve(sizes), 0.1, 1)
        spread = np.sqrt(truth * (1 - truth) * (0.3 / sizes + 0.25 / TESTS))
        seen = truth + spread * chance.normal(size=(3, 5))
        found = check(
            Points(sizes, seen.mean(0), seen.var(0, ddof=1), np.array([3, 3, 3, 3, 3]), TESTS)
        )
        held, asked = held + sum(good for _, good in found), asked + len(found)
    assert 0.8 <= held / asked <= 0.99


def test_a_forecast_is_wider_further_off():
    points, _ = points_of(make({"probe": power(0.9, 0.8, 0.5)}, noise=0.01), "probe")
    curves = Curves(points)
    near, far = curves.at(600, 3), curves.at(5000, 3)
    assert far[2] - far[1] > near[2] - near[1]


def test_curves_are_read_between_points():
    labels = np.array([5.0, 20.0, 80.0])
    assert crossing(labels, [0.2, 0.4, 0.6], 0.5) == pytest.approx(40)
    assert crossing(labels, [0.2, 0.4, 0.6], 0.1) == 5
    assert crossing(labels, [0.2, 0.4, 0.6], 0.7) == np.inf
    assert rising([0.3, 0.2, 0.5]).tolist() == [0.25, 0.25, 0.5]
    assert [about(n) for n in (7.4, 43, 143, 1462)] == ["7", "43", "140", "1,500"]


def test_all_labels_are_as_many_a_class_as_draws_tell():
    assert label_scale(make({"probe": SCRATCH}))["all"] == POOL / CLASSES
