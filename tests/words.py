"""Texts that tests make: of two kinds that any net can tell apart, each different."""

import csv
import random

GOOD = ["lovely", "bright", "kind", "quick", "warm", "happy", "sweet", "gentle", "clean", "fresh"]
BAD = ["awful", "dark", "cruel", "slow", "cold", "sad", "bitter", "rough", "dirty", "stale"]
THINGS = ["room", "food", "staff", "garden", "train", "hotel", "dinner", "window", "music"]
REST = ["the", "was", "really", "and", "we", "thought", "it", "very", "with", "a", "but", "also"]


def write_review(good, chance, words=14):
    """Return a review of made-up words, most of them of its kind."""
    said = GOOD if good else BAD
    pick = [
        chance.choice(said if chance.random() < 0.4 else THINGS if chance.random() < 0.5 else REST)
        for _ in range(words)
    ]
    return " ".join(pick).capitalize() + "."


def reviews(count=80, seed=0):
    """Return (text, label) pairs, half of them "good" and half "bad"."""
    chance = random.Random(seed)
    return [(write_review(at % 2, chance), "good" if at % 2 else "bad") for at in range(count)]


def write_csv(path, rows, header=("review", "stars"), **how):
    with path.open("w", encoding=how.get("encoding", "utf-8"), newline="") as file:
        csv.writer(file, delimiter=how.get("delimiter", ",")).writerows([header, *rows])
    return path
