"""What a transformers feature extractor does with sound, said as an `AudioSpec`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.errors import BackboneError
from headstart.schema import AudioSpec, SpeechSpec

BLOCK = 160
SECONDS = 20
"""How long wav2vec2 and HuBERT hear at once: about the longest that they were trained on."""

LEAST = 400
"""The samples that one frame of theirs is made of."""


def read_audio_spec(folder: Path, reference: str, config: Any) -> AudioSpec:
    """Return what a folder's feature extractor does."""
    from transformers import AutoFeatureExtractor

    if not (folder / "preprocessor_config.json").is_file():
        raise BackboneError(
            f"'{reference}' has no preprocessor_config.json, which says how its sounds are made.",
            "Save the feature extractor beside the model: "
            "`AutoFeatureExtractor.from_pretrained(ORIGINAL).save_pretrained(FOLDER)`.",
        )
    try:
        extractor = AutoFeatureExtractor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (ValueError, OSError, ImportError, KeyError) as error:
        raise BackboneError(
            f"The feature extractor of '{reference}' cannot be read "
            f"({str(error).splitlines()[0]}).",
            "Choose another model.",
        ) from None
    kind = type(extractor).__name__
    describe = DESCRIBED.get(kind)
    if describe is None:
        raise _unknown(reference, f"a {kind}")
    return describe(extractor, config, reference)


def _unknown(reference: str, what: str) -> BackboneError:
    return BackboneError(
        f"The feature extractor of '{reference}' asks for what headstart cannot do ({what}).",
        "Choose another model.",
    )


def _wave(extractor: Any, config: Any, reference: str) -> AudioSpec:
    return AudioSpec(
        rate=int(extractor.sampling_rate),
        window=SECONDS * int(extractor.sampling_rate) // BLOCK,
        least=LEAST,
        features="unit wave" if extractor.do_normalize else "wave",
    )


def _ast(extractor: Any, config: Any, reference: str) -> AudioSpec:
    if int(extractor.num_mel_bins) != int(config.num_mel_bins):
        raise _unknown(reference, f"{extractor.num_mel_bins} bands for {config.num_mel_bins}")
    plain = not extractor.do_normalize
    return AudioSpec(
        rate=int(extractor.sampling_rate),
        window=int(extractor.max_length),
        fixed=True,
        least=LEAST,
        features="kaldi",
        bands=int(extractor.num_mel_bins),
        mean=0.0 if plain else float(extractor.mean),
        deviation=0.5 if plain else float(extractor.std),
    )


def _whisper(extractor: Any, config: Any, reference: str) -> AudioSpec:
    if (int(extractor.n_fft), int(extractor.hop_length)) != (400, BLOCK):
        raise _unknown(reference, f"windows of {extractor.n_fft} by {extractor.hop_length}")
    if float(getattr(extractor, "dither", 0.0)):
        raise _unknown(reference, "dither, which is drawn at random")
    return AudioSpec(
        rate=int(extractor.sampling_rate),
        window=int(extractor.nb_max_frames),
        fixed=True,
        features="whisper",
        bands=int(extractor.feature_size),
    )


DESCRIBED = {
    "Wav2Vec2FeatureExtractor": _wave,
    "ASTFeatureExtractor": _ast,
    "WhisperFeatureExtractor": _whisper,
}


def audio_spec_from_json(values: Mapping[str, Any]) -> AudioSpec:
    """Return the specification that `to_json` wrote, as it is or read back from JSON."""
    if "tokenizer" not in values:
        return AudioSpec(**values)
    given: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in values.items()
    }
    return SpeechSpec(**given)
