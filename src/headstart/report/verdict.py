"""The verdict: what the model is worth, in a sentence that needs no statistics to be understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.words import (
    decimals,
    figure,
    figures,
    in_hundred,
    mapping,
    several,
    things,
    title,
    whole,
)
from headstart.schema import MULTI, Figure

FEW_TESTED = 50
UNEVEN = 0.7
BOTH_WAYS = (
    ("micro", "labels that it gives", "that apply", ""),
    ("macro", "labels that it gives", "that apply", ", averaged over labels"),
    ("entity", "things that it names", "that are there", ""),
)
"""How precision and recall are said, by the beginning of their names."""


def verdict(evaluation: Mapping[str, Any]) -> str:
    """Return the verdict on a model as one sentence."""
    test = figures(evaluation.get("test"))
    accuracy = test.get("accuracy")
    if evaluation.get("task") != MULTI and accuracy is not None:
        return _of_accuracy(evaluation, accuracy)
    if "wer" in test:
        return _of_words(evaluation, test["wer"])
    headline = str(evaluation.get("headline", ""))
    if headline in test:
        return _of_headline(evaluation, headline, test)
    return "This model has not been measured on examples that it did not learn from."


def _of_accuracy(evaluation: Mapping[str, Any], accuracy: Figure) -> str:
    what = things(evaluation)
    tested = whole(evaluation.get("n_test"))
    spread = f"95 % interval {in_hundred(accuracy.low)} to {in_hundred(accuracy.high)}"
    if accuracy.value == 1 and tested:
        said = f"Right on all {tested:,} test {things(evaluation, tested)} ({spread} in 100)"
    else:
        said = f"Right about {in_hundred(accuracy.value)} in 100 new {what} of this kind ({spread})"
    guess = _guess(evaluation, "accuracy")
    if guess is None:
        return f"{said}."
    if accuracy.low > guess:
        return f"{said}; always guessing the most common class would get {in_hundred(guess)}."
    if accuracy.high < guess:
        return (
            f"Worse than guessing: {said[0].lower()}{said[1:]}, while always naming the most "
            f"common class would get {in_hundred(guess)}."
        )
    return (
        f"Not shown to be better than guessing: {said[0].lower()}{said[1:]}, and always naming "
        f"the most common class would get {in_hundred(guess)}."
    )


def _of_words(evaluation: Mapping[str, Any], wrong: Figure) -> str:
    spread = f"95 % interval {in_hundred(wrong.low)} to {in_hundred(wrong.high)}"
    said = f"Of 100 words in new {things(evaluation)} of this kind"
    if wrong.value >= 1:
        return f"{said} it gets none right: it makes {in_hundred(wrong.value)} errors ({spread})."
    return f"{said} it gets about {in_hundred(wrong.value)} wrong ({spread})."


def _of_headline(evaluation: Mapping[str, Any], headline: str, test: dict[str, Figure]) -> str:
    known = test[headline]
    spread = (
        f"{title(headline)} {decimals(known.value)}, "
        f"95 % interval {decimals(known.low)} to {decimals(known.high)}"
    )
    for kind, given, there, averaged in BOTH_WAYS:
        precision, recall = test.get(f"{kind}_precision"), test.get(f"{kind}_recall")
        if precision is not None and recall is not None:
            said = (
                f"Of 100 {given} about {in_hundred(precision.value)} are right, and of 100 {there} "
                f"it finds about {in_hundred(recall.value)}{averaged} ({spread})"
            )
            break
    else:
        said = f"On new {things(evaluation)} of this kind: {spread}"
    guess = _guess(evaluation, headline)
    if guess is None:
        return f"{said}."
    if known.low > guess:
        return f"{said}; guessing would get {decimals(guess)}."
    return f"Not shown to be better than guessing ({decimals(guess)}): {said[0].lower()}{said[1:]}."


def _guess(evaluation: Mapping[str, Any], name: str) -> float | None:
    """Return what saying the most common answer every time would get."""
    known = figure(mapping(evaluation.get("baseline")).get(name))
    return None if known is None else known.value


def caveats(evaluation: Mapping[str, Any]) -> list[str]:
    """Return what a careful reader should know before leaning on the verdict."""
    found = []
    tested = whole(evaluation.get("n_test"))
    if tested is not None and tested < FEW_TESTED:
        found.append(
            f"Measured on only {tested} {things(evaluation, tested)}, so the intervals are wide: "
            "more labelled examples would tell more."
        )
    test = figures(evaluation.get("test"))
    guess = _guess(evaluation, "accuracy")
    balanced = test.get("balanced_accuracy")
    if guess is not None and guess >= UNEVEN and balanced is not None:
        found.append(
            f"The classes are uneven: one of them is {in_hundred(guess)} in 100. With every class "
            f"counting the same, it is right about {in_hundred(balanced.value)} in 100 "
            f"({in_hundred(balanced.low)} to {in_hundred(balanced.high)})."
        )
    without = figures(evaluation.get("test_without_twins"))
    across = whole(mapping(mapping(evaluation.get("data")).get("twins")).get("across"))
    if without:
        found.append(_of_twins(evaluation, test, without))
    elif across:
        found.append(
            "Everything in the test stands in the training part too, as it is or as a "
            "near-duplicate, so nothing is known about new inputs."
        )
    unseen = [
        label
        for label, record in mapping(evaluation.get("per_class")).items()
        if whole(mapping(record).get("support")) == 0
    ]
    if unseen:
        found.append(
            f"{len(unseen)} of {len(several(evaluation.get('labels')))} classes have no example "
            "in the test, so nothing is known about them."
        )
    return found


def _of_twins(
    evaluation: Mapping[str, Any], test: dict[str, Figure], without: dict[str, Figure]
) -> str:
    headline = "accuracy" if "accuracy" in without else str(evaluation.get("headline"))
    twins = mapping(mapping(evaluation.get("data")).get("twins"))
    across = whole(twins.get("across"))
    said = (
        f"{across} near-duplicates stand" if across and across > 1 else "Near-duplicates stand"
    ) + " on both sides of the split that came with the data"
    whole_test, only = test.get(headline), without.get(headline)
    if whole_test is None or only is None:
        return f"{said}; the figures without them are shown beside."
    return (
        f"{said}. {title(headline)} is {decimals(whole_test.value)} with them and "
        f"{decimals(only.value)} without."
    )
