"""The words everything else is written in: small frozen records, no torch, no behaviour.

Whatever crosses a floor of the house (a sample, an input specification, a phase of training, an
evaluation) is one of these. They are plain data, so they can be compared, hashed, written as JSON
and sent to another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from headstart.tokenized import Tokenized

SINGLE = "classify"
MULTI = "multilabel"
SPEECH = "transcribe"
ANSWERING = "answer"


@dataclass(frozen=True, slots=True)
class Sample:
    """One example: where its input is, what it should come out as, and which others it belongs to.

    `input` is a path, or the thing itself (a picture, an array, a text). `key` identifies the
    content (two copies of one file share it); `group` names what must not be split, such as a
    patient; `name` is what a person calls it (a path relative to the data's folder).
    """

    input: Any
    target: Any = None
    name: str = ""
    key: str = ""
    group: str | None = None


@dataclass(frozen=True)
class Unreadable:
    """An input that was set aside, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class InputSpec:
    """What a backbone wants its input to look like; it comes from the checkpoint and travels on.

    Modalities subclass this (`ImageSpec`, `TextSpec`). Two equal specs prepare equal tensors, so a
    spec's JSON is part of every store key.
    """

    modality: str

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON-ready values."""
        return asdict(self)

    def files(self) -> dict[str, str]:
        """Return what is too large to be a value: JSON texts by file name, kept with weights."""
        return {}

    def with_files(self, files: Mapping[str, str]) -> InputSpec:
        """Return the spec with the files that it was kept with."""
        return self


@dataclass(frozen=True)
class ImageSpec(InputSpec):
    """How a picture becomes a tensor: resize, crop, scale to 0..1, normalise.

    `resize` is what happens to the decoded picture first: ("shortest", n) scales the shorter side
    to n, ("exact", h, w) ignores the aspect ratio, ("cover", h, w) scales until both sides reach
    h and w, ("contain", h, w) scales until both fit within them (the crop that follows then pads
    with the mean colour), ("none",) leaves the size alone. `crop` is the centre crop that follows,
    or None; `crop_rounding` says where it starts when the margin is odd, as torchvision (and so
    timm) rounds to the nearest even number and transformers rounds down.
    `engine` names the resampling code, because Pillow's and torch's differ by a grey level or two
    and a checkpoint was trained with one of them.
    """

    modality: str = "image"
    size: tuple[int, int] = (224, 224)
    resize: tuple[str | int, ...] = ("shortest", 224)
    crop: tuple[int, int] | None = (224, 224)
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos", "box"] = "bilinear"
    engine: Literal["pillow", "torch"] = "pillow"
    crop_rounding: Literal["even", "down"] = "even"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    scale: float = 1 / 255
    channels: int = 3


@dataclass(frozen=True)
class AudioSpec(InputSpec):
    """How a sound becomes a tensor: resampled, cut into windows, and what is made of the samples.

    `rate` is in samples a second. `window` is how many blocks of 160 samples the net hears at once:
    of longer clips it hears evenly spread windows, whose readings are pooled. With `fixed` it hears
    nothing shorter either, so silence follows a short clip; `least` is the fewest samples at all.
    `features` "wave" are the samples, "unit wave" the same with mean 0 and deviation 1 in each
    window; "kaldi" and "whisper" are two kinds of log-mel frames, of `bands` bands, the former
    brought to scale by `mean` and `deviation`.
    """

    modality: str = "audio"
    rate: int = 16_000
    window: int = 2_000
    fixed: bool = False
    least: int = 160
    features: Literal["wave", "unit wave", "kaldi", "whisper"] = "wave"
    bands: int = 0
    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class Stretch:
    """A part of a longer recording: its path or bytes, and where the part begins and ends in it.

    Times are seconds; `end` None is the recording's own.
    """

    path: Path | bytes
    start: float
    end: float | None = None


@dataclass(frozen=True)
class TextSpec(Tokenized, InputSpec):
    """How a text becomes token ids: by the checkpoint's own tokenizer, up to so many of them.

    `tokenizer` is the sha256 of its tokenizer.json, which says everything: how words are cut, what
    is lower-cased, which special tokens stand around a text or a pair. The file's content, being
    large, is in `content` and no part of the values. `length` is how many tokens, special ones
    counted, the backbone reads at once. `kinds` says that it is told by a second number a token
    which text of a pair a token is of.
    """

    modality: str = "text"
    length: int = 512
    kinds: bool = False


@dataclass(frozen=True)
class SpeechSpec(Tokenized, AudioSpec):
    """How a sound becomes a tensor, and how what is said in it stands as tokens.

    `opening` are the tokens that every text begins with, up to the language's, and `closing` the
    rest of them; `languages` are those of which one stands between the two, once it is known which.
    `end` is the token that ends a text, `length` the most tokens of one, these included. `never`
    are tokens that are not written, and `never_first` those that no text begins with. `moments` is
    the first of the tokens that stand for moments in time, in hundredths of a second 0, 2, 4 and so
    on; 0 is said where a checkpoint knows none.
    """

    opening: tuple[int, ...] = ()
    closing: tuple[int, ...] = ()
    languages: tuple[int, ...] = ()
    end: int = 0
    length: int = 448
    never: tuple[int, ...] = ()
    never_first: tuple[int, ...] = ()
    moments: int = 0

    @property
    def timed(self) -> tuple[int, ...]:
        """Return the tokens that a text begins with which has moments in it.

        The token right below the moments is the one that says that none will come.
        """
        return tuple(token for token in (*self.opening, *self.closing) if token != self.moments - 1)

    def in_language(self, token: int) -> SpeechSpec:
        """Return the spec of texts in the language that a token stands for."""
        return replace(self, opening=(*self.opening, token), languages=())


@dataclass(frozen=True)
class Said:
    """What is said in a recording: what a transcript of it should be. It has no labels."""

    text: str


@dataclass(frozen=True)
class Card:
    """What a person should know about a backbone before standing on it."""

    name: str
    source: str
    family: str = ""
    modality: str = "image"
    licence: str = "not stated"
    origin: str = ""
    parameters: int = 0
    bytes: int = 0
    local: bool = False
    about: str = ""


@dataclass(frozen=True)
class Phase:
    """One stretch of training, as data: what is trained, how, and until when.

    `boundary` is the freeze boundary k: stages before it are frozen, stages from it on are trained.
    `objective` "solve" fits the head in closed form or by a convex solver on cached features, from
    the readings of boundary `reads_from` upwards; "train" runs the optimiser loop; "estimate" takes
    BatchNorm's running statistics anew from the inputs and changes nothing else. `fresh` gives
    the trained stages, and the head, new weights first. `adapters` is the rank of the low-rank
    adapters that are trained in place of the stages' own weights (0: none).

    `rate` is the head's peak rate. The topmost stage's is `backbone_rate`, and every stage below it
    has `decay` times that of the one above. The phase ends after `epochs`, or when `patience` of
    them bring nothing better on the validation side: a plateau. `views` of each example are learnt
    from, mirror images among them unless `mirrored` says that those mean something else.
    """

    name: str
    boundary: int
    objective: Literal["solve", "train", "estimate"] = "solve"
    reads_from: int = 0
    fresh: bool = False
    adapters: int = 0
    epochs: int = 0
    patience: int = 0
    batch_size: int = 32
    rate: float = 0.0
    backbone_rate: float = 0.0
    decay: float = 1.0
    weight_decay: float = 0.0
    smoothing: float = 0.0
    views: int = 0
    mirrored: bool = True
    warmup: float = 0.1

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of the views: 0 is the plain one, even ones are mirror images."""
        return tuple(range(self.views) if self.mirrored else (0, *range(1, 2 * self.views, 2)))[
            : max(1, self.views)
        ] or (0,)


@dataclass(frozen=True)
class Figure:
    """One number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Point:
    """How well samples that are only watched were answered at one moment of training.

    `epoch` is 0 where a phase began or where a head was solved, and `seconds` what training had
    taken by then, the watching left out.
    """

    phase: str
    epoch: int
    seconds: float
    value: float


@dataclass(frozen=True)
class Choice:
    """One thing that was tried: its score on data that is not the test, and whether it was kept.

    What there was no time to try has no score, and `why` says so.
    """

    what: str
    score: float | None
    low: float | None
    high: float | None
    seconds: float
    kept: bool
    why: str


@dataclass(frozen=True)
class Prediction:
    """What the model says of one input. `known` is False for an input unlike any it has seen.

    For several labels per example `label` is the tuple of those that apply.
    """

    input: str
    label: str | tuple[str, ...]
    probability: float
    probabilities: Mapping[str, float]
    known: bool = True


@dataclass(frozen=True)
class Span:
    """A stretch of a text that something is said of; `start` and `end` count its characters."""

    start: int
    end: int
    text: str
    label: str
    probability: float


@dataclass(frozen=True)
class Marked(Prediction):
    """A prediction that points at places in the input: the `spans` that its labels are of."""

    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording, in seconds, and what was said in it."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript(Prediction):
    """What was said in a recording: the whole text is the `label`, its `segments` say when."""

    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something `check` found in the data: how bad, which files, and what to do about it."""

    kind: str
    severity: Literal["info", "warning", "problem"]
    message: str
    advice: str
    files: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on samples that no choice saw.

    `figures` are the overall metrics by name, `per_class` the same by label (with its number of
    samples as `support`), `confusion` the counts with rows the truth. `mistakes` are the worst
    errors first, as JSON-ready records.
    """

    task: str
    labels: tuple[str, ...]
    headline: str
    n: int
    figures: Mapping[str, Figure]
    per_class: Mapping[str, Mapping[str, Figure | int]] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    mistakes: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
