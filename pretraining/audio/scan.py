"""Show that no digit is spoken in the pretraining speech, and that no recording is read by it.

    python pretraining/audio/scan.py --out scan.json [--clips runs/speech]

Three checks: the spellings of the word list; the sound of every word in every language and accent
that speaks it, against the sound of the ten digits there and in English; and the source of the
recipe, which must not be able to read a sound file. With `--clips`, each clip is looked up too.
"""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path

import numpy as np
from speech import (
    ENGLISH,
    FOREIGN,
    HOMOPHONES,
    NUMBERS,
    WORDS,
    Speaker,
    digit_sounds,
    forbidden_spelling,
    shards,
)

HERE = Path(__file__).resolve().parent
RECIPE = (
    "train.py",
    "train_on_cpu.py",
    "corpus.py",
    "speech.py",
    "sounds.py",
    "families.py",
    "augment.py",
)
READERS = {"soundfile", "torchaudio", "librosa", "wave", "audioread", "soxr", "aifc", "sunau"}
SUFFIXES = (".wav", ".ogg", ".flac", ".mp3")


def scan_sounds(words: list[str]) -> tuple[dict[str, dict], dict[str, set[str]]]:
    """Return, per language, how the digits sound there, and which words are unfit to be spoken."""
    speaker, found, unfit = Speaker(), {}, {}
    for language in ENGLISH + FOREIGN:
        digits = digit_sounds(speaker, language)
        said = {word: speaker.phonemes(word) for word in words}
        bad = {w: s for w, s in said.items() if not s or any(digit in s for digit in digits)}
        unfit[language] = set(bad)
        found[language] = {
            "digits": sorted(digits),
            "left_out": len(bad),
            "spoken": len(words) - len(bad),
            "equal_to_a_digit": sorted(w for w, s in said.items() if s in digits),
            "examples_left_out": sorted(bad)[:10],
        }
    return found, unfit


def scan_clips(folder: Path, words: list[str], unfit: dict[str, set[str]]) -> dict[str, object]:
    """Look every clip that was made up in the lists of what must not be spoken."""
    count, wrong, pairs = 0, 0, set()
    for path in shards(folder):
        with np.load(path) as shard:
            rows = shard["facts"][:, 1:3]
        count += len(rows)
        pairs |= {tuple(row) for row in np.unique(rows, axis=0).tolist()}
    languages = ENGLISH + FOREIGN
    bad = [(languages[la], words[wo]) for wo, la in pairs if words[wo] in unfit[languages[la]]]
    wrong = len(bad)
    return {"clips": count, "words_by_language": len(pairs), "with_a_digit": wrong, "which": bad}


def scan_source() -> dict[str, object]:
    """Return what the recipe imports and names that could read a recording (nothing may)."""
    imports, names = set(), []
    for file in RECIPE:
        tree = ast.parse((HERE / file).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imports |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imports.add(node.module.split(".")[0])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names += [node.value] if node.value.endswith(SUFFIXES) else []
    return {
        "files": list(RECIPE),
        "imports": sorted(imports),
        "able_to_read_sound": sorted(imports & READERS),
        "sound_files_named": names,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=Path, help="folder of generated clips")
    asked = parser.parse_args()
    words = WORDS.read_text().split()
    found, unfit = scan_sounds(words)
    source = scan_source()
    report = {
        "words": len(words),
        "spelled_like_a_number": [w for w in words if forbidden_spelling(w)],
        "number_words_and_homophones_left_out": sorted(NUMBERS | HOMOPHONES),
        "rule": "a word is not spoken by a voice if, in that voice, its phonemes contain those of "
        "any of the ten digits in the voice's language or in English; words are spoken one at a "
        "time, so no digit can arise between two",
        "languages": found,
        "source": source,
    }
    clean = not report["spelled_like_a_number"]
    clean &= not source["able_to_read_sound"] and not source["sound_files_named"]
    if asked.clips:
        report["clips"] = scan_clips(asked.clips, words, unfit)
        clean &= report["clips"]["with_a_digit"] == 0
    report["clean"] = clean
    asked.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps({"clean": clean, "words": len(words)}))
    raise SystemExit(0 if clean else 1)


if __name__ == "__main__":
    main()
