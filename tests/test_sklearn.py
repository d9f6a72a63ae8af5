"""The estimators behave as scikit-learn expects: clone, parameters, pipelines, searches."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from headstart import store
from headstart.errors import DataError, HeadstartError, UnknownName
from headstart.sklearn import HeadstartClassifier, HeadstartFeatures
from tests.pictures import draw, make_folder
from tests.standing import save_tiny

PER_CLASS = 12


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("photos"), PER_CLASS)
    return [str(folder / label / f"{n}.png") for n in range(PER_CLASS) for label in ("red", "blue")]


@pytest.fixture(scope="module")
def labels():
    return np.array(["red", "blue"] * PER_CLASS)


@pytest.fixture(scope="module")
def fitted(tiny, paths, labels):
    return HeadstartClassifier(tiny).fit(paths, labels)


ESTIMATORS = [
    HeadstartClassifier("timm/x", strategy="scratch", seed=3, time=9.0, offline=True),
    HeadstartFeatures("timm/x", boundary=2, offline=True),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_parameters_are_kept_as_they_were_given(estimator):
    given = estimator.get_params()
    assert set(given) == set(vars(estimator)), "the constructor does more than keep its parameters"
    copy = clone(estimator)
    assert copy is not estimator
    assert copy.get_params() == given
    assert copy.set_params(backbone="timm/y") is copy
    assert copy.backbone == "timm/y"
    assert estimator.backbone == "timm/x"
    with pytest.raises(ValueError, match="colour"):
        copy.set_params(colour="red")
    assert "timm/x" in repr(estimator)


def test_a_clone_is_not_fitted(fitted, paths):
    with pytest.raises(NotFittedError):
        clone(fitted).predict(paths)


@pytest.mark.parametrize("call", ["predict", "predict_proba", "transform"])
def test_nothing_is_said_before_fitting(tiny, paths, call):
    kind = HeadstartFeatures if call == "transform" else HeadstartClassifier
    with pytest.raises(NotFittedError):
        getattr(kind(tiny), call)(paths)


def test_what_a_classifier_says(fitted, paths, labels):
    assert is_classifier(fitted)
    assert fitted.classes_.tolist() == ["blue", "red"]
    probabilities = fitted.predict_proba(paths)
    assert probabilities.shape == (len(paths), 2)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (fitted.predict(paths) == fitted.classes_[probabilities.argmax(1)]).all()
    assert fitted.score(paths, labels) > 0.9


def test_paths_pictures_and_arrays_are_the_same_inputs(tiny, fitted, paths, labels):
    from_paths = fitted.predict_proba(paths[:4])
    pictures = [Image.open(path).convert("RGB") for path in paths]
    arrays = [np.asarray(picture) for picture in pictures]
    for same in (pictures[:4], arrays[:4], np.stack(arrays[:4]), np.array(paths[:4])):
        assert fitted.predict_proba(same) == pytest.approx(from_paths, abs=1e-5)
    for X in (pictures, np.stack(arrays)):
        again = HeadstartClassifier(tiny).fit(X, labels)
        assert again.predict_proba(paths[:4]) == pytest.approx(from_paths, abs=1e-4)


@pytest.mark.parametrize(
    "y",
    [
        np.array([7, -1] * PER_CLASS),
        [True, False] * PER_CLASS,
        np.array(["é", ""] * PER_CLASS, dtype=object),
    ],
    ids=["whole", "yes and no", "text"],
)
def test_classes_come_back_as_they_were_given(tiny, paths, y):
    model = HeadstartClassifier(tiny).fit(paths, y)
    assert model.classes_.tolist() == sorted(set(np.asarray(y).tolist()))
    said = model.predict(paths)
    assert said.dtype == np.asarray(y).dtype
    assert (said == np.asarray(y)).mean() > 0.9


def test_the_same_seed_gives_the_same_answers(tiny, paths, labels):
    one, two = (HeadstartClassifier(tiny, seed=4).fit(paths, labels) for _ in range(2))
    assert np.array_equal(one.predict_proba(paths), two.predict_proba(paths))


def test_cross_validation_reads_the_store(tiny, paths, labels, monkeypatch):
    """Three folds, and every picture is computed once."""
    computed = []
    fill = store.fill
    monkeypatch.setattr(store, "fill", lambda *a: computed.append(fill(*a)) or computed[-1])
    scores = cross_val_score(HeadstartClassifier(tiny), paths, labels, cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert scores.mean() > 0.8
    assert sum(computed) == len(paths)


def test_groups_are_split_between_by_scikit_learn_too(tiny, paths, labels):
    groups = np.arange(len(paths)) // 4
    scores = cross_val_score(
        HeadstartClassifier(tiny),
        paths,
        labels,
        groups=groups,
        cv=GroupKFold(3),
        error_score="raise",
    )
    assert scores.mean() > 0.8


def test_groups_stay_on_one_side_of_inner_splits(tiny, paths, labels, monkeypatch):
    import headstart.sklearn as module

    jobs = []
    make = module.make
    monkeypatch.setattr(module, "make", lambda job, **how: jobs.append(job) or make(job, **how))
    HeadstartClassifier(tiny).fit(paths, labels, groups=np.arange(len(paths)) // 2)
    assert [sample.group for sample in jobs[0].samples] == [str(n // 2) for n in range(len(paths))]


def test_features_in_a_pipeline_and_a_grid(tiny, paths, labels):
    pipe = make_pipeline(
        HeadstartFeatures(tiny), StandardScaler(), LogisticRegression(max_iter=2000)
    )
    search = GridSearchCV(
        pipe,
        {"headstartfeatures__boundary": [1, None], "logisticregression__C": [0.1, 1.0]},
        cv=2,
        error_score="raise",
    ).fit(paths, labels)
    assert search.best_score_ > 0.8
    assert len(search.cv_results_["params"]) == 4
    assert (search.predict(paths) == labels).mean() > 0.9


def test_a_classifier_in_a_grid(tiny, paths, labels):
    search = GridSearchCV(HeadstartClassifier(tiny), {"seed": [0, 1]}, cv=2, error_score="raise")
    assert search.fit(paths, labels).best_score_ > 0.8


def test_features_are_rows_in_order_and_deeper_ones_differ(tiny, paths):
    shallow = HeadstartFeatures(tiny, boundary=1).fit_transform(paths)
    deep = HeadstartFeatures(tiny).fit_transform(paths)
    assert len(shallow) == len(deep) == len(paths)
    assert shallow.shape[1] != deep.shape[1]
    backwards = HeadstartFeatures(tiny).fit_transform(paths[::-1])
    assert np.array_equal(backwards[::-1], deep)
    twice = HeadstartFeatures(tiny).fit_transform([paths[0], paths[0]])
    assert np.array_equal(twice[0], twice[1])


@pytest.mark.parametrize(
    ("X", "y", "error", "says"),
    [
        ("photos/", ["a", "b"], ValueError, "sequence"),
        (None, ["a", "b"], ValueError, "sequence"),
        (7, ["a", "b"], ValueError, "sequence"),
        ([], [], ValueError, "0 sample"),
        (["a.png", "b.png"], ["a"], ValueError, "2 samples"),
        (["{0}", "{1}"], ["a", "a"], ValueError, "one class"),
        (["{0}", "{1}"], [0.25, 0.5], ValueError, "continuous"),
        (["{0}", "{1}"], [[0, 1], [1, 0]], ValueError, "1d array"),
        (["{0}", "{1}"], None, ValueError, "1d array"),
        (["{0}", "nowhere.png", "{1}", "{2}"], ["a", "b", "a", "b"], DataError, "nowhere.png"),
    ],
)
def test_wrong_inputs_say_what_was_expected(tiny, paths, X, y, error, says):
    if isinstance(X, list):
        X = [each.format(*paths) for each in X]
    with pytest.raises(error, match=says):
        HeadstartClassifier(tiny).fit(X, y)


def test_wrong_choices_say_what_there_is(tiny, paths, labels):
    with pytest.raises(UnknownName, match="Did you mean 'probe'"):
        HeadstartClassifier(tiny, strategy="prob").fit(paths, labels)
    with pytest.raises(HeadstartError, match="no/such/folder"):
        HeadstartClassifier("/no/such/folder").fit(paths, labels)
    with pytest.raises(ValueError, match="boundary must be one of"):
        HeadstartFeatures(tiny, boundary=99).fit(paths)


def test_what_cannot_be_read_is_refused_when_asked(fitted, tmp_path, paths):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"broken\.png"):
        fitted.predict([paths[0], broken])
    with pytest.raises(HeadstartError):
        HeadstartFeatures(fitted.backbone).fit_transform([paths[0], broken])


def test_pictures_are_what_they_are_given_as(fitted):
    new = [draw("red", 900), np.asarray(draw("blue", 901))]
    assert fitted.predict(new).tolist() == ["red", "blue"]
