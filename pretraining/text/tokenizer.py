"""The subword vocabulary: trained on the corpus, cased for the reader, folded for the table.

Words are counted over the corpus (lower-cased, no accents, novels at half weight, as their
English is old) with a mild prior for the words of the teacher's own vocabulary, whose order is by
frequency: everyday words that the corpus hardly uses still get a row of their own. The commonest
words become whole tokens; pieces for all others are learned from what is left.

Then every piece gets capital and upper-case variants, which are ids without a row of their own (see
`TextNet`): cutting "Card" gives the pieces of "card", and the id tells the case. The result is an
ordinary WordPiece `tokenizer.json`; `folding` reads which id stands for which row back out of it.

    python pretraining/text/tokenizer.py --corpus english.parquet --teacher TEACHER --out FILE
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
from corpus import load_passages
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROWS = 15000
WHOLE_WORDS = 11300
UPPER_WORDS = 4500
WEIGHTS = {"novel": 0.5, "encyclopedia": 1.0, "question": 1.0, "review": 1.0}
PRIOR_WORDS = 3_000_000
LOWER, CAPITAL, UPPER = 0, 1, 2


def count_words(path: Path) -> Counter[str]:
    """Weighted counts of lower-cased words and punctuation marks."""
    normalise = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    cut = pre_tokenizers.BertPreTokenizer()
    passages = load_passages(path)
    counts: Counter[str] = Counter()
    for source, weight in WEIGHTS.items():
        found: Counter[str] = Counter()
        for name, text in passages:
            if name == source:
                words = cut.pre_tokenize_str(normalise.normalize_str(text))
                found.update(word for word, _ in words)
        for word, n in found.items():
            counts[word] += int(np.ceil(n * weight))
    return counts


def add_prior(counts: Counter[str], teacher: Path) -> None:
    """Give each word of the teacher's vocabulary the count that its rank suggests."""
    vocabulary = json.loads((teacher / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = [w for w in sorted(vocabulary, key=vocabulary.get) if re.fullmatch(r"[a-z]{2,}", w)]
    scale = PRIOR_WORDS / sum(1 / (rank + 30) for rank in range(len(words)))
    for rank, word in enumerate(words):
        counts[word] += int(scale / (rank + 30))


def choose_pieces(counts: Counter[str]) -> list[str]:
    """The rows: special tokens, single characters, whole words, pieces for what is left."""
    characters: Counter[str] = Counter()
    for word, n in counts.items():
        for c in word:
            characters[c] += n
    kept = {c for c, n in characters.most_common(300) if n >= 20}
    kept |= set("abcdefghijklmnopqrstuvwxyz0123456789") | {chr(c) for c in range(33, 127)}
    kept -= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    singles = sorted(kept) + sorted("##" + c for c in kept if c.isalnum())
    common = [w for w, _ in counts.most_common(4 * WHOLE_WORDS) if len(w) > 1 and set(w) <= kept]
    whole = common[:WHOLE_WORDS]
    known = set(whole)
    rest = {w: n for w, n in counts.items() if w not in known and len(w) > 1 and set(w) <= kept}
    # A rare word's pieces matter about as much as a common one's: counts are square-rooted.
    lines = (" ".join([w] * max(1, round(n**0.5))) for w, n in rest.items() if n > 1)
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    room = ROWS - len(SPECIALS) - len(singles) - len(whole)
    trainer = trainers.WordPieceTrainer(vocab_size=ROWS, min_frequency=3, show_progress=False)
    learner.train_from_iterator(lines, trainer)
    learned = learner.get_vocab()
    pieces = [p for p in sorted(learned, key=learned.get) if p not in known and p not in singles]
    return SPECIALS + singles + whole + pieces[:room]


def capital(piece: str) -> str:
    prefix = "##" if piece.startswith("##") else ""
    bare = piece[len(prefix) :]
    return prefix + bare[:1].upper() + bare[1:]


def add_variants(rows: list[str], counts: Counter[str]) -> dict[str, int]:
    """The ids: the rows first, then capital and upper-case variants of what can have them."""
    ids = {piece: i for i, piece in enumerate(rows)}
    shouted = {w for w, _ in counts.most_common(UPPER_WORDS)}
    for piece in rows[len(SPECIALS) :]:
        bare = piece.removeprefix("##")
        if not bare.isascii() or not bare[0].isalpha():
            continue
        if not piece.startswith("##") or len(bare) == 1:
            ids.setdefault(capital(piece), len(ids))
        # Short pieces cover any upper-case word that has no variant of its own.
        if bare.isalpha() and (bare in shouted or len(bare) <= 3):
            ids.setdefault(piece.upper(), len(ids))
    return ids


def assemble(ids: dict[str, int]) -> Tokenizer:
    model = models.WordPiece(vocab=ids, unk_token="[UNK]", max_input_chars_per_word=100)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIALS)
    # An opening token, so that no text is empty; no closing one, as every token costs time.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", pair="[CLS] $A [SEP] $B", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def folding(tokenizer: Tokenizer) -> tuple[int, np.ndarray, np.ndarray]:
    """How many rows the table needs, and each id's row and case."""
    ids = tokenizer.get_vocab()
    pieces = sorted(ids, key=ids.get)
    base, case = np.arange(len(pieces)), np.zeros(len(pieces), dtype=np.uint8)
    for i, piece in enumerate(pieces):
        if piece not in SPECIALS and piece != piece.lower():
            base[i] = ids[piece.lower()]
            bare = piece.removeprefix("##")
            case[i] = UPPER if len(bare) > 1 and bare == bare.upper() else CAPITAL
    return int((base == np.arange(len(pieces))).sum()), base, case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    counts = count_words(args.corpus)
    add_prior(counts, args.teacher)
    rows = choose_pieces(counts)
    tokenizer = assemble(add_variants(rows, counts))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out), pretty=False)
    used, base, _ = folding(tokenizer)
    assert used == len(rows)
    assert (base[:used] == np.arange(used)).all()
    print(json.dumps({"rows": used, "ids": len(base), "bytes": args.out.stat().st_size}))


if __name__ == "__main__":
    main()
