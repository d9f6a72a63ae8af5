"""Speak single words with espeak-ng in many voices, and keep what was spoken when.

    python pretraining/audio/speech.py words english.parquet   # writes words.txt from the novels
    python pretraining/audio/speech.py generate DIR --clips 400000 --minutes 3 --workers 12

Each clip knows its word, language, voice variant, rate, pitch and, from espeak's own events, which
phoneme sounds at which sample. The ten digits are left out: their spellings in every form, their
homophones, and every word in whose phonemes, in the voice that speaks it, a digit's phonemes occur.
The library is called in process (a process a word would take a hundred times longer); workers are
processes of their own, because the library holds one voice at a time and may crash.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
WORDS = HERE / "words.txt"
RATE = 22_050  # espeak's own; the GPU resamples, at a speed that is drawn anew each time
EVENTS = 20
SHARD = 8192

ENGLISH = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd")
ENGLISH += ("en-029", "en-us-nyc")
# Other languages read the same spellings in their own way: sounds that English lacks. It is then
# another word: the label is (language, spelling).
FOREIGN = ("de", "es", "it", "fr", "pl", "pt-br", "nl", "sv", "fi", "tr", "hu", "cs", "ro", "id")
_VARIANTS = (
    "f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 klatt klatt2 klatt3 klatt4 klatt5 klatt6 croak whisper "
    "whisperf Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco "
    "Mario Michael Mike Nguyen Storm Tweaky adam anika announcer antonio aunty belinda benjamin "
    "boris caleb david ed edward grandma grandpa gustave iven iven2 iven3 iven4 john kaukovalta "
    "linda max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph steph2 "
    "steph3 travis victor zac"
)
VARIANTS = tuple(_VARIANTS.split())
HELD_OUT = ("m7", "f5", "klatt4", "Gene", "linda", "steph2")  # never trained on: the validation

_NUMBERS = (
    "zero zeros zeroes zeroth nought naught nil null oh o one ones oneself two twos twofold "
    "three threes threefold four fours fourfold fourscore five fives six sixes seven sevens "
    "eight eights nine nines first firstly second seconds secondly third thirds thirdly fourth "
    "fourths fifth fifths sixth sixths seventh eighth ninth tenth ten tens eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty "
    "sixty seventy eighty ninety hundred hundreds thousand thousands million millions once "
    "twice thrice single double couple pair dozen half quarter someone anyone everyone none "
    "nobody"
)
NUMBERS = frozenset(_NUMBERS.split())
_HOMOPHONES = (
    "won wan to too tu tue for fore foe faux ate ait tree free fife sics sicks nein sex sax "
    "nigh won't wonder into unto onto tonight today tomorrow together forty fort forth toward "
    "towards"
)
HOMOPHONES = frozenset(_HOMOPHONES.split())


class Speaker:
    """One espeak-ng library, one voice at a time."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(os.environ.get("ESPEAK_LIBRARY", "libespeak-ng.so.1"))
        folder = os.environ.get("ESPEAK_DATA_PATH")
        # 2: audio comes back through a callback and is not played. Options: phoneme events, in the
        # phonetic alphabet, and never exit the process.
        rate = self.library.espeak_Initialize(
            2, 0, folder.encode() if folder else None, 1 | 2 | 1 << 15
        )
        if rate != RATE:
            raise RuntimeError(f"espeak-ng answered {rate} instead of {RATE}: is its data there?")
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.chunks: list[np.ndarray] = []
        self.events: list[tuple[int, str]] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
        )
        self.callback = kind(self._hear)  # kept: the library holds no reference
        self.library.espeak_SetSynthCallback(self.callback)

    def _hear(self, wave: ctypes._Pointer, count: int, event: ctypes._Pointer) -> int:
        if count > 0 and wave:
            self.chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while event[index].type != 0:
            if event[index].type == 7:
                name = event[index].id.string.decode("utf8", "ignore")
                self.events.append((event[index].sample, plain(name)))
            index += 1
        return 0

    def voice(self, name: str, rate: int, pitch: int, span: int) -> bool:
        """Choose a voice such as "en-us+f1"; False when this espeak-ng does not have it."""
        if self.library.espeak_SetVoiceByName(name.encode()) != 0:
            return False
        for parameter, value in ((1, rate), (3, pitch), (4, span)):
            self.library.espeak_SetParameter(parameter, value, 0)
        return True

    def phonemes(self, text: str) -> str:
        """Return what the voice would say, in the phonetic alphabet without stress and length."""
        pointer = ctypes.pointer(ctypes.c_char_p(text.encode()))
        kind = ctypes.POINTER(ctypes.c_void_p)
        said = self.library.espeak_TextToPhonemes(ctypes.cast(pointer, kind), 1, 2)
        return plain((said or b"").decode("utf8", "ignore")).replace("ː", "")

    def say(self, text: str) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Return the waveform (int16) and the phonemes with the sample at which each begins."""
        self.chunks, self.events = [], []
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        empty = np.zeros(0, np.int16)
        return (np.concatenate(self.chunks) if self.chunks else empty), self.events


class _Id(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


def plain(phonemes: str) -> str:
    """Drop stress, ties, spaces and joiners."""
    return re.sub(r"[ˈˌ\s_|͡\u200d\u200c]", "", phonemes)


def digit_sounds(speaker: Speaker, language: str) -> set[str]:
    """Return how the ten digits sound in a language, in English too, whatever the language."""
    sounds = set()
    for voice in {language, "en-us", "en"}:
        if not speaker.voice(voice, 175, 50, 50):
            raise RuntimeError(f"espeak-ng has no voice {voice!r}; its digits cannot be left out")
        for digit in range(10):
            sounds.add(speaker.phonemes(str(digit)))
    speaker.voice(language, 175, 50, 50)
    return {sound for sound in sounds if sound}


def allowed(speaker: Speaker, language: str, words: list[str]) -> list[str]:
    """Return the words in whose sound, in this language, no digit's sound occurs."""
    digits = digit_sounds(speaker, language)
    good = []
    for word in words:
        said = speaker.phonemes(word)
        if said and not any(digit in said for digit in digits):
            good.append(word)
    return good


def forbidden_spelling(word: str) -> bool:
    """Tell whether a spelling is a number word, a homophone of a digit, or built on a digit."""
    if word in NUMBERS or word in HOMOPHONES:
        return True
    return bool(re.search(r"(zero|three|four|five|seven|eight(?!er)|nine|^six|^one|^two)", word))


def choose_words(parquet: Path, count: int) -> list[str]:
    """Return the most frequent words of the novels that may be spoken, by frequency."""
    import pyarrow.parquet as pq

    table = pq.read_table(parquet).to_pydict()
    counts: Counter[str] = Counter()
    for source, text in zip(table["source"], table["text"], strict=True):
        if source == "novel":
            counts.update(re.findall(r"(?<![A-Za-z'’.])[a-z]{2,}(?![A-Za-z'’])", text))
    words = [w for w, n in counts.most_common(12_000) if n >= 5 and not forbidden_spelling(w)]
    speaker = Speaker()
    keep = set(words)
    seen: set[str] = set()
    for language in ("en-us", "en"):
        keep &= set(allowed(speaker, language, words))
    chosen = []
    for word in words:  # of words that sound alike, only the most frequent is kept
        sound = speaker.phonemes(word)
        if word in keep and sound not in seen and len(sound) >= 2:
            seen.add(sound)
            chosen.append(word)
    return chosen[:count]


def encode(wave: np.ndarray) -> np.ndarray:
    """Return 8-bit mu-law of a float wave in -1..1; a quarter of float16's memory at 38 dB."""
    law = np.sign(wave) * np.log1p(255.0 * np.abs(wave)) / np.log(256.0)
    return np.round(np.clip(law, -1, 1) * 127.0 + 128.0).astype(np.uint8)


def work(out: Path, index: int, workers: int, clips: int, minutes: float, seed: int) -> None:
    """Speak until this worker's share of clips is done or the time is over; write shards."""
    os.nice(5)
    end = time.monotonic() + 60.0 * minutes
    speaker, words = Speaker(), WORDS.read_text().split()
    lists: dict[str, list[str]] = {}
    number = {word: i for i, word in enumerate(words)}
    languages = ENGLISH + FOREIGN
    shard, made, job, names = Shard(), 0, index, [""]
    while made < clips // workers and time.monotonic() < end:
        draw = random.Random(f"{seed}/{job}")
        language = draw.choice(ENGLISH if draw.random() < 0.85 else FOREIGN)
        variant = draw.choice(VARIANTS)
        if language not in lists:
            try:
                lists[language] = allowed(speaker, language, words)
            except RuntimeError:  # another espeak-ng may have fewer voices
                lists[language] = []
        job += workers
        for _ in range(8):
            rate, pitch = draw.randint(105, 260), draw.randint(10, 90)
            if not speaker.voice(f"{language}+{variant}", rate, pitch, draw.randint(10, 90)):
                break
            for word in draw.sample(lists[language], min(48, len(lists[language]))):
                facts = (number[word], languages.index(language), VARIANTS.index(variant))
                made += shard.add(speaker.say(word), (*facts, rate, pitch), names)
        if len(shard.facts) >= SHARD:
            shard.write(out / f"shard_{index}_{job}.npz", names)
            shard = Shard()
    if shard.facts:
        shard.write(out / f"shard_{index}_{job}.npz", names)


class Shard:
    """Clips end to end, with a row of facts and a row of phoneme events for each."""

    def __init__(self) -> None:
        self.audio: list[np.ndarray] = []
        self.facts: list[tuple[int, ...]] = []
        self.times: list[np.ndarray] = []
        self.ids: list[np.ndarray] = []

    def add(
        self,
        spoken: tuple[np.ndarray, list[tuple[int, str]]],
        facts: tuple[int, ...],
        names: list[str],
    ) -> bool:
        """Trim, level and take in a clip; False when it is not a usable word."""
        wave, events = spoken
        if len(wave) == 0 or len(events) > EVENTS:
            return False
        loud = np.abs(wave.astype(np.int32))
        where = np.nonzero(loud > max(loud.max() // 100, 20))[0]
        if len(where) == 0:
            return False
        first, last = max(0, where[0] - 200), where[-1] + 200
        wave = wave[first:last]
        if not 0.12 < len(wave) / RATE < 1.6:
            return False
        times, ids = np.full(EVENTS, 1 << 30, np.int32), np.zeros(EVENTS, np.int16)
        for i, (sample, name) in enumerate(events):
            if name not in names:
                names.append(name)
            times[i], ids[i] = sample - first, names.index(name)
        self.audio.append(encode(wave.astype(np.float32) / (1.05 * loud.max())))
        self.facts.append((len(wave), *facts))
        self.times.append(times)
        self.ids.append(ids)
        return True

    def write(self, path: Path, names: list[str]) -> None:
        """Write the shard under its name only when it is whole."""
        part = path.with_suffix(".part.npz")
        np.savez(
            part,
            audio=np.concatenate(self.audio),
            facts=np.array(self.facts, np.int32),
            times=np.stack(self.times),
            ids=np.stack(self.ids),
            names=np.array(names),
        )
        part.rename(path)


def generate(out: Path, clips: int, minutes: float, workers: int, seed: int = 0) -> int:
    """Run the workers; return how many clips came. A worker that dies costs only its last shard."""
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "work", str(out)]
    command += ["--clips", str(clips), "--minutes", str(minutes), "--workers", str(workers)]
    command += ["--seed", str(seed)]
    # numpy must not start a thread pool in each worker.
    calm = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    running = [subprocess.Popen([*command, "--index", str(i)], env=calm) for i in range(workers)]
    deadline = time.monotonic() + 60 * minutes + 45
    for process in running:
        try:
            process.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
    return sum(len(np.load(path)["facts"]) for path in shards(out))


def shards(folder: Path) -> list[Path]:
    """Return the whole shards of a folder."""
    paths = sorted(folder.glob("shard_*.npz"))
    return [path for path in paths if ".part" not in path.name]


def load(paths: list[Path]) -> dict[str, np.ndarray | list[str]]:
    """Join shards: audio end to end, `start`, `facts` (length, word, language, variant, rate,
    pitch), `times`, `ids` in one list of phoneme `names` (0 is silence), and the sample `rate`."""
    names, audio, facts, times, ids = [""], [], [], [], []
    rate = RATE
    for path in paths:
        with np.load(path) as shard:
            index = {}
            for i, name in enumerate(shard["names"].tolist()):
                if name not in names:
                    names.append(name)
                index[i] = names.index(name)
            rename = np.array([index[i] for i in range(len(index))], np.int16)
            audio.append(shard["audio"])
            facts.append(shard["facts"])
            times.append(shard["times"])
            ids.append(rename[shard["ids"]])
            rate = int(shard["rate"]) if "rate" in shard else rate
    joined = np.concatenate(facts)
    start = np.concatenate([[0], np.cumsum(joined[:-1, 0], dtype=np.int64)])
    return {
        "audio": np.concatenate(audio),
        "start": start,
        "facts": joined,
        "times": np.concatenate(times),
        "ids": np.concatenate(ids),
        "names": names,
        "rate": np.array(rate),
    }


def pack(folder: Path, words: int, each: int = 5) -> None:
    """Write FOLDER.npz: a few clips of a few words at 16 kHz, for machines without espeak-ng."""
    from scipy.signal import resample_poly

    data, chosen = load(shards(folder)), []
    facts = data["facts"]
    for word in range(len(WORDS.read_text().split())):
        rows = np.nonzero((facts[:, 1] == word) & (facts[:, 2] < len(ENGLISH)))[0]
        if len(rows) >= each and len(chosen) < words * each:
            chosen += rows[:each].tolist()
    audio, new = [], facts[chosen]
    for i, row in enumerate(chosen):
        law = (data["audio"][data["start"][row] :][: facts[row, 0]] - 128.0) / 127.0
        wave = resample_poly(np.sign(law) * (256.0 ** np.abs(law) - 1) / 255.0, 320, 441)
        audio.append(encode(wave))
        new[i, 0] = len(wave)
    times = np.minimum(data["times"][chosen] * (320 / 441), 1 << 30).astype(np.int32)
    facts = {"facts": new, "times": times, "ids": data["ids"][chosen]}
    names = {"names": np.array(data["names"]), "rate": np.array(16_000)}
    np.savez_compressed(folder.with_suffix(".npz"), audio=np.concatenate(audio), **facts, **names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=("words", "generate", "work", "pack"))
    parser.add_argument("path", type=Path, help="english.parquet, or the folder for the clips")
    parser.add_argument("--count", type=int, default=2000, help="words to choose")
    parser.add_argument("--clips", type=int, default=400_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.action == "words":
        WORDS.write_text("\n".join(choose_words(asked.path, asked.count)) + "\n")
    elif asked.action == "pack":
        pack(asked.path, asked.count)
    elif asked.action == "work":
        share = (asked.index, asked.workers, asked.clips, asked.minutes, asked.seed)
        work(asked.path, *share)
    else:
        begun = time.monotonic()
        made = generate(asked.path, asked.clips, asked.minutes, asked.workers, asked.seed)
        print(json.dumps({"clips": made, "seconds": round(time.monotonic() - begun, 1)}))


if __name__ == "__main__":
    main()
