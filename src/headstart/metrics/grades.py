"""Labels that are grades (1 to 5 stars): it counts how far off an answer is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from headstart.metrics.calibration import weighted_mean
from headstart.metrics.intervals import Resamples, positive_interval, share_interval
from headstart.schema import Figure

MOST_GRADES = 10
NUMBERED = re.compile(r"(\d+)(\s*(?:stars?|points?|/\s*\d+))?", re.IGNORECASE)
SCALES = (
    ("very negative", "negative", "neutral", "positive", "very positive"),
    ("terrible", "bad", "okay", "good", "great"),
    ("very low", "low", "medium", "high", "very high"),
)


def read_grades(labels: Sequence[str]) -> np.ndarray | None:
    """Return the grade that each label is, where all of them are steps of one scale.

    Whole numbers from 0 or 1 without a gap, three to ten of them, with or without stars; or at
    least three neighbouring words of a usual scale. The ten digits are no grades.
    """
    if not 3 <= len(labels) <= MOST_GRADES:
        return None
    matches = [NUMBERED.fullmatch(label.strip()) for label in labels]
    if all(matches):
        grades = [int(match[1]) for match in matches if match]
        digits = len(grades) == 10 and min(grades) == 0
        ends = min(grades), max(grades)
        whole = len(set(grades)) == len(labels) and ends[1] - ends[0] == len(labels) - 1
        return np.array(grades) if whole and ends[0] in (0, 1) and not digits else None
    words = [label.strip().lower().replace("_", " ") for label in labels]
    for scale in SCALES:
        if set(words) <= set(scale):
            steps = [scale.index(word) for word in words]
            if len(set(steps)) == len(labels) == max(steps) - min(steps) + 1:
                return np.array(steps)
    return None


def grade_figures(
    said: np.ndarray, truth: np.ndarray, grades: np.ndarray, resamples: Resamples
) -> dict[str, Figure]:
    """Return by how many grades answers are off on average, and how many are off by one at most."""
    gaps = np.abs(grades[said] - grades[truth]).astype(np.float64)
    error = weighted_mean(gaps, resamples.weights)
    near = weighted_mean((gaps <= 1).astype(np.float64), resamples.weights)
    farthest = float(grades.max() - grades.min())
    return {
        "grade_error": positive_interval(error, resamples.groups, farthest),
        "within_one_grade": share_interval(near, resamples.groups),
    }
