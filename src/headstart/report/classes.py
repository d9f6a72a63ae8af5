"""Class by class: how well each is known, and which are mistaken for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.names import name
from headstart.report.plots import bar
from headstart.report.words import decimals, figures, mapping, sequence, several, title, whole
from headstart.schema import Figure

COLUMNS = ("precision", "recall", "f1", "roc_auc")
FULL_MATRIX = 10
MANY_CLASSES = 40
WEAKEST = 15
PAIRS = 20
SHADES = 8


def by_class(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the per-class table; of very many classes, the weakest ones first and apart."""
    record = mapping(evaluation.get("per_class"))
    ordered = [label for label in several(evaluation.get("labels")) if label in record]
    ordered += [str(label) for label in record if label not in set(ordered)]
    known = {label: figures(record[label]) for label in ordered}
    columns = [column for column in COLUMNS if any(column in row for row in known.values())]
    rows = {
        label: {
            "name": name(label),
            "support": whole(mapping(record[label]).get("support")),
            "cells": [_cell(row.get(column)) for column in columns],
        }
        for label, row in known.items()
    }
    weakest: list[str] = []
    if len(rows) > MANY_CLASSES:
        judged = [label for label, row in known.items() if "f1" in row]
        weakest = sorted(judged, key=lambda label: known[label]["f1"].value)[:WEAKEST]
    return {
        "columns": [title(column) for column in columns],
        "rows": list(rows.values()),
        "weakest": [rows[label] for label in weakest],
    }


def _cell(known: Figure | None) -> dict[str, Any] | None:
    if known is None:
        return None
    return {
        "value": decimals(known.value),
        "spread": f"{decimals(known.low)} to {decimals(known.high)}",
        "bar": bar(known),
    }


def confusion(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the confusion matrix: whole up to ten classes, beyond that the pairs most confused."""
    labels = several(evaluation.get("labels"))
    counts = [
        [whole(count) or 0 for count in sequence(row)]
        for row in sequence(evaluation.get("confusion"))
    ]
    if not counts or len(counts) != len(labels) or any(len(row) != len(labels) for row in counts):
        return None
    pairs = sorted(
        (
            (count, truth, said)
            for truth, row in enumerate(counts)
            for said, count in enumerate(row)
            if truth != said and count
        ),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    return {
        "labels": [name(label) for label in labels],
        "rows": [
            {
                "name": name(labels[truth]),
                "total": sum(row),
                "cells": [_shade(count, sum(row), truth == said) for said, count in enumerate(row)],
            }
            for truth, row in enumerate(counts)
        ]
        if len(labels) <= FULL_MATRIX
        else [],
        "pairs": [
            {
                "truth": name(labels[truth]),
                "said": name(labels[said]),
                "count": count,
                "total": sum(counts[truth]),
            }
            for count, truth, said in pairs[:PAIRS]
        ],
        "n_pairs": len(pairs),
        "wrong": sum(count for count, _, _ in pairs),
    }


def _shade(count: int, total: int, right: bool) -> dict[str, Any]:
    share = count / total if total else 0.0
    step = 0 if not count else 1 + round(share * (SHADES - 1))
    return {
        "count": count,
        "percent": f"{100 * share:.0f} %" if total else "",
        "style": f"{'right' if right else 'wrong'} shade{step}",
    }
