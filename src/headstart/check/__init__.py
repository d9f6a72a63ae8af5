"""What is wrong with the data, before any training: one file for each kind of look.

`check` is the verb; `examine` is the same for samples that have been read already. The looks know
no modality: they see facts, sketches and labels, which the modality and the data set give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from headstart import dataset
from headstart.check.examine import examine
from headstart.check.mislabels import find_mislabels
from headstart.progress import Progress, Silent
from headstart.recognise import recognise, transcript_column
from headstart.schema import Finding

__all__ = ["CheckReport", "check", "examine", "find_mislabels"]


@dataclass(frozen=True)
class CheckReport:
    """What `check` found, the worst first, and how much it looked at."""

    findings: tuple[Finding, ...]
    n_train: int
    n_test: int
    set_aside: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return asdict(self)


def check(
    data: Any,
    *,
    test: Any = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Say what is wrong with labelled data, before any training: files, copies, labels, shortcuts.

    Takes what `fit` takes: a folder with a sub-folder per class, a CSV or Parquet file, or a
    DataFrame, of which `image`, `audio` or `text`, and `label`, choose the columns; `audio` and
    `text` together are recordings and what is said in them. Nothing is changed.

    >>> import headstart as hs                                          # doctest: +SKIP
    >>> for finding in hs.check("photos/").findings:                    # doctest: +SKIP
    ...     print(finding.severity, finding.message)
    """
    progress = progress or Silent()
    columns = {"image": image, "audio": audio, "text": text}
    seeing, column = recognise(data, columns)
    found = dataset.scan(
        data,
        suffixes=seeing.suffixes,
        inline=seeing.inline,
        timed=seeing.timed,
        input_column=column,
        label=label,
        group=group,
        separator=separator,
        transcript=transcript_column(columns),
        test=test,
    )
    for note in found.notes:
        progress.say(note)
    findings = examine(
        found.samples,
        seeing,
        test=found.test or (),
        set_aside=found.set_aside,
        progress=progress,
    )
    return CheckReport(
        findings,
        len(found.samples),
        len(found.test or ()),
        sum(finding.count for finding in findings if finding.kind == "unreadable"),
        found.notes,
    )
