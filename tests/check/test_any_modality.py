"""`check` knows no kind of input by name: a toy modality is looked at as pictures are."""

import hashlib

import numpy as np
import pytest

from headstart.check import check
from headstart.errors import UnreadableInput
from headstart.registry import MODALITIES


class Words:
    name = "words"
    suffixes = frozenset({".words"})
    inline = False
    timed = False

    def accepts(self, source):
        return str(source).endswith(".words")

    def fingerprint(self, source):
        return hashlib.sha256(source.read_bytes()).hexdigest()

    def read(self, source):
        if not (found := source.read_text()):
            raise UnreadableInput("It says nothing.", "Write something.")
        return found.split()

    def facts(self, source):
        text = source.read_text()
        return {"letters": len(text), "language": "shouted" if text.isupper() else "said"}

    def sketch(self, raw):
        digest = hashlib.sha256(" ".join(sorted(raw)).lower().encode()).digest()
        return np.frombuffer(digest, np.uint8)

    def twins(self, sketches):
        groups = {}
        for row, each in enumerate(sketches):
            groups.setdefault(each.tobytes(), []).append(row)
        return [group for group in groups.values() if len(group) > 1]


@pytest.fixture
def _words():
    MODALITIES.add("words", Words)
    yield
    MODALITIES.remove("words")


@pytest.mark.usefixtures("_words")
def test_a_toy_modality_is_checked(tmp_path):
    for label, say in (("calm", str.lower), ("angry", str.upper)):
        (tmp_path / label).mkdir()
        for at in range(12):
            (tmp_path / label / f"{at}.words").write_text(say(f"{label} word {at} and {at * 7}"))
    (tmp_path / "calm" / "turned.words").write_text("3 word calm and 21")
    (tmp_path / "angry" / "copy.words").write_text("calm word 5 and 35")
    (tmp_path / "calm" / "none.words").write_text("")
    found = {finding.kind: finding for finding in check(tmp_path).findings}
    assert found["unreadable"].files == ("calm/none.words",)
    assert found["near_copies"].files == ("calm/3.words", "calm/turned.words")
    assert found["conflicting_labels"].files == ("angry/copy.words", "calm/5.words")
    assert "language" in found["shortcut"].message
