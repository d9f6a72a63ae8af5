"""The estimators take texts as they take paths: strings that end in no known way are texts."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from headstart.sklearn import HeadstartClassifier, HeadstartFeatures
from tests import words
from tests.standing import save_tiny


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return str(save_tiny(tmp_path_factory.mktemp("bert"), "text"))


def test_texts_are_learnt_and_told_apart(net):
    texts, labels = zip(*words.reviews(60), strict=True)
    classifier = HeadstartClassifier(net, strategy="probe").fit(texts, labels)
    more, truth = zip(*words.reviews(40, seed=4), strict=True)
    assert (classifier.predict(np.array(more, object)) == np.array(truth)).mean() > 0.8


def test_features_of_texts_stand_in_a_pipeline(net):
    texts, labels = zip(*words.reviews(60), strict=True)
    pipe = make_pipeline(HeadstartFeatures(net, boundary=1), LogisticRegression(max_iter=1000))
    assert cross_val_score(pipe, texts, labels, cv=3).mean() > 0.7
