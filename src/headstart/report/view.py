"""What the page shows, section by section, prepared so that the template only lays it out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from headstart.report.classes import by_class, confusion
from headstart.report.meters import domain, forgetting
from headstart.report.names import clean, name, names, sentence
from headstart.report.pictures import address, mark, sound_address, text_of
from headstart.report.plots import count_bar, hundred, interval
from headstart.report.spans import marked
from headstart.report.stages import stages
from headstart.report.transcripts import transcripts
from headstart.report.verdict import caveats, verdict
from headstart.report.words import (
    UNBOUNDED,
    decimals,
    figure,
    figures,
    in_hundred,
    mapping,
    meaning,
    number,
    sequence,
    several,
    things,
    title,
    whole,
)
from headstart.schema import MULTI

LONGEST_TEXT = 700
FIRST = ("accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "exact_match", "roc_auc")
MANY_CLASSES = 20
MANY_FILES = 30
SEVERITIES = {"problem": "Problem", "warning": "Warning", "info": "Note"}


def view(
    evaluation: Mapping[str, Any], pictures: Mapping[str, Mapping[str, str]], folder: str
) -> dict[str, Any]:
    """Return everything the template needs; what the evaluation lacks is None or empty."""
    data = mapping(evaluation.get("data"))
    return {
        "verdict": _bound(verdict(evaluation)),
        "caveats": [_bound(caveat) for caveat in caveats(evaluation)],
        "hero": _hero(evaluation),
        "facts": _facts(evaluation, data),
        "source": clean(data["source"]) if data.get("source") else "",
        "things": things(evaluation),
        "notes": [sentence(note) for note in sequence(evaluation.get("notes"))],
        "n_test": whole(evaluation.get("n_test")),
        "figures": _figures(evaluation),
        "twins_shown": bool(figures(evaluation.get("test_without_twins"))),
        "classes": by_class(evaluation),
        "confusion": confusion(evaluation),
        "mistakes": _mistakes(evaluation, pictures),
        "transcripts": transcripts(evaluation, pictures),
        "trust": _trust(evaluation),
        "data": _data(evaluation, data),
        "findings": _findings(evaluation),
        "domain": domain(evaluation),
        "forgetting": forgetting(evaluation),
        "stages": stages(evaluation, pictures),
        "choices": _choices(evaluation),
        "use": _use(evaluation, folder),
        "from_within": folder == ".",
        "ground": _ground(evaluation),
        "version": clean(evaluation.get("headstart") or "?"),
    }


def _facts(evaluation: Mapping[str, Any], data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    trained, tested = whole(evaluation.get("n_train")), whole(evaluation.get("n_test"))
    labels = several(evaluation.get("labels"))
    facts: list[tuple[str, Any]] = []
    if data.get("source"):
        facts.append(("Data", name(data["source"])))
    if labels:
        kind = "labels" if evaluation.get("task") == MULTI else "classes"
        shown = names(labels) if len(labels) <= 6 else f"{len(labels):,}"
        facts.append((kind.capitalize(), shown))
    if trained is not None and tested is not None:
        facts.append(("Examples", f"{trained:,} to learn from, {tested:,} to be tested on"))
    if evaluation.get("backbone"):
        facts.append(("Stands on", name(evaluation["backbone"])))
    if evaluation.get("strategy"):
        facts.append(("Trained by", clean(evaluation["strategy"])))
    return facts


def _bound(text: str) -> str:
    """Keep `95 %` on one line."""
    return text.replace(" %", "\u00a0%")


def _hero(evaluation: Mapping[str, Any]) -> Markup | None:
    """Draw what the verdict says, where it says it in hundreds."""
    accuracy = figures(evaluation.get("test")).get("accuracy")
    if evaluation.get("task") == MULTI or accuracy is None:
        return None
    guess = figure(mapping(evaluation.get("baseline")).get("accuracy"))
    return hundred(accuracy, guess.value if guess else None)


def _figures(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    test = figures(evaluation.get("test"))
    without = figures(evaluation.get("test_without_twins"))
    guesses = {
        key: known.value
        for key, entry in mapping(evaluation.get("baseline")).items()
        if (known := figure(entry))
    }
    headline = evaluation.get("headline")
    order = [entry for entry in (headline, *FIRST) if entry in test]
    shown = []
    for key in dict.fromkeys([*order, *test]):
        known = test[key]
        bounded = key not in UNBOUNDED
        other = without.get(key)
        shown.append(
            {
                "title": title(key),
                "meaning": meaning(key),
                "headline": key == headline,
                "value": decimals(known.value),
                "spread": f"{decimals(known.low)} to {decimals(known.high)}",
                "without": decimals(other.value) if other else "",
                "plot": interval(known, mark=guesses.get(key)) if bounded else "",
                "mark": key in guesses,
            }
        )
    return shown


def _mistakes(
    evaluation: Mapping[str, Any], pictures: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    shown = []
    for entry in sequence(evaluation.get("mistakes")):
        record = mapping(entry)
        file = str(record.get("name") or "")
        sure = number(record.get("probability"))
        truth, said = several(record.get("truth")), several(record.get("said"))
        shown.append(
            {
                "file": name(file),
                "mark": mark(file),
                "truth": names(truth),
                "said": names(said),
                "sure": "" if sure is None else f"{in_hundred(sure)} %",
                "picture": address(pictures.get(file)),
                "sound": sound_address(pictures.get(file)),
                "text": clean(text_of(pictures.get(file)) or "", LONGEST_TEXT),
                "marked": _marked(record, text_of(pictures.get(file))),
                "kept": mapping(pictures.get(file)).get("data", ""),
                "alt": clean(f"{file}: is {', '.join(truth)}, taken for {', '.join(said)}"),
            }
        )
    return shown


def _marked(record: Mapping[str, Any], text: str | None) -> list[tuple[str, Markup]]:
    """Return a text as it should be marked and as it was, where the mistake is one of places."""
    if text is None or "said_spans" not in record:
        return []
    return [
        ("is", marked(text, record.get("true_spans"))),
        ("said", marked(text, record["said_spans"])),
    ]


def _trust(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    test = figures(evaluation.get("test"))
    error = test.get("calibration_error") or test.get("ece")
    unknown = mapping(evaluation.get("unknown"))
    rate, stated = number(unknown.get("rate_on_test")), number(unknown.get("stated"))
    return {
        "error": None
        if error is None
        else {
            "points": f"{100 * error.value:.1f}",
            "spread": f"{100 * error.low:.1f} to {100 * error.high:.1f}",
        },
        "rate": None if rate is None else f"{100 * rate:.1f} %",
        "stated": None if stated is None else f"{100 * stated:g} %",
    }


def _data(evaluation: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    counts = {
        str(label): count
        for label, entry in mapping(data.get("counts")).items()
        if (count := whole(entry)) is not None
    }
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    largest = ordered[0][1] if ordered else 0
    aside = [
        (name(record.get("name", "")), sentence(record.get("why", "")))
        for record in map(mapping, sequence(data.get("set_aside")))
    ]
    twins = mapping(data.get("twins"))
    return {
        "counts": [
            (name(label), f"{count:,}", count_bar(count, largest)) for label, count in ordered
        ],
        "many": len(ordered) > MANY_CLASSES,
        "total": f"{sum(counts.values()):,}",
        "smallest": f"{ordered[-1][1]:,}" if ordered else "",
        "largest": f"{largest:,}",
        "split": sentence(data.get("split") or ""),
        "aside": aside[:MANY_FILES],
        "aside_total": len(aside),
        "twin_groups": whole(twins.get("groups")),
        "twins_across": whole(twins.get("across")),
        "notes": [sentence(note) for note in sequence(data.get("notes"))],
        "things": things(evaluation),
    }


def _findings(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = [mapping(entry) for entry in sequence(evaluation.get("findings"))]
    ranks = list(SEVERITIES)
    known.sort(
        key=lambda entry: (
            ranks.index(entry["severity"]) if entry.get("severity") in ranks else len(ranks)
        )
    )
    shown = []
    for entry in known:
        files = several(entry.get("files"))
        count = max(whole(entry.get("count")) or 0, len(files))
        severity = str(entry.get("severity"))
        shown.append(
            {
                "severity": severity if severity in SEVERITIES else "info",
                "word": SEVERITIES.get(severity, "Note"),
                "message": sentence(entry.get("message") or ""),
                "advice": sentence(entry.get("advice") or ""),
                "files": [name(file) for file in files[:MANY_FILES]],
                "count": count,
                "more": count - min(len(files), MANY_FILES),
            }
        )
    return shown


def _choices(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = [mapping(entry) for entry in sequence(evaluation.get("choices"))]
    scored = [(entry, figure({**entry, "value": entry.get("score")})) for entry in entries]
    ends = [end for _, known in scored if known for end in (known.low, known.high)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = max((high - low) * 0.1, 0.005)
    shown = []
    for entry, known in scored:
        seconds = number(entry.get("seconds"))
        shown.append(
            {
                "what": clean(entry.get("what") or ""),
                "why": sentence(entry.get("why") or ""),
                "kept": bool(entry.get("kept")),
                "score": decimals(known.value) if known else "–",
                "spread": f"{decimals(known.low)} to {decimals(known.high)}" if known else "",
                "plot": interval(known, start=low - room, end=high + room) if known else "",
                "seconds": "" if seconds is None else f"{seconds:.1f} s",
            }
        )
    return shown


def _use(evaluation: Mapping[str, Any], folder: str) -> dict[str, str]:
    example = {"text": "new.txt", "audio": "new.wav"}.get(
        str(evaluation.get("modality")), "new.jpg"
    )
    typed = shlex.quote(folder)
    return {
        "shell": f"headstart predict {typed} {example} folder_of_new_ones/\n"
        f"headstart predict {typed} folder_of_new_ones/ --format csv > answers.csv\n"
        f"headstart evaluate {typed} more_labelled_ones/",
        "python": "import headstart as hs\n\n"
        f"model = hs.load({folder!r})\n"
        f"for answer in model.predict([{example!r}]):\n"
        "    print(answer.label, answer.probability, answer.known)",
    }


def _ground(evaluation: Mapping[str, Any]) -> list[tuple[str, Any]]:
    card = mapping(evaluation.get("card"))
    seconds = mapping(evaluation.get("seconds"))
    rows: list[tuple[str, Any]] = []
    if evaluation.get("backbone"):
        rows.append(("Backbone", name(evaluation["backbone"])))
    licence = evaluation.get("licence") or card.get("licence")
    if licence:
        rows.append(("Licence of its weights", clean(licence)))
    if card.get("origin"):
        rows.append(("Where from", clean(card["origin"])))
    parameters = whole(card.get("parameters"))
    if parameters:
        rows.append(("Parameters", f"{parameters:,}"))
    if evaluation.get("seed") is not None:
        rows.append(("Seed", clean(evaluation["seed"])))
    times = [
        f"{heading} {known:.1f} s"
        for key, heading in (("features", "features"), ("head", "head"), ("total", "all in all"))
        if (known := number(seconds.get(key))) is not None
    ]
    if times:
        rows.append(("Time", ", ".join(times)))
    rows.append(("Made by", f"headstart {clean(evaluation.get('headstart') or '?')}"))
    return rows
