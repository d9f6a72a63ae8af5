"""Numbers and their 95 % intervals: what a set of predictions is worth, and how sure that is.

Every measure is written once, for weighted samples and many weightings at a time: the first
weighting counts each sample once and gives the value, the others are bootstrap resamples and give
its uncertainty. numpy alone, so that reading a report or an evaluation costs no other import.
"""

from headstart.metrics.answers import exact, overlap
from headstart.metrics.entities import (
    count_entities,
    entity_f1,
    find_entities,
    measure_entities,
)
from headstart.metrics.grades import grade_figures, read_grades
from headstart.metrics.intervals import (
    Resamples,
    draw,
    paired,
    paired_difference,
    positive_interval,
    share_interval,
    wilson,
)
from headstart.metrics.multi import measure_multi, multi_scores
from headstart.metrics.ranking import rank_measures
from headstart.metrics.single import confusion, macro, macro_f1, measure_single, single_scores
from headstart.metrics.transcripts import align_words, measure_transcripts, word_accuracy

__all__ = [
    "Resamples",
    "align_words",
    "confusion",
    "count_entities",
    "draw",
    "entity_f1",
    "exact",
    "find_entities",
    "grade_figures",
    "macro",
    "macro_f1",
    "measure_entities",
    "measure_multi",
    "measure_single",
    "measure_transcripts",
    "multi_scores",
    "overlap",
    "paired",
    "paired_difference",
    "positive_interval",
    "rank_measures",
    "read_grades",
    "share_interval",
    "single_scores",
    "wilson",
    "word_accuracy",
]
