"""Can tiny speech models learn by heart what is said in sixteen utterances?

    HEADSTART_DATA=... python benchmarks/transcribe.py

A Whisper and a wav2vec2 of the real classes, a few million random weights each, learn the first
sixteen utterances of ljspeech32: the one its decoder, on what its encoder gives once, the other all
but what hears the samples. Expected is a word error rate under 5 % on what was learnt, from the
model that was saved and loaded elsewhere too. Of Whisper it is also measured how long an epoch
takes from the stored states and through the encoder, and that the losses are the same. Results go
to benchmarks/results/transcribe.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

import headstart as hs
from headstart import features
from headstart.activations import PLAIN, at_boundary
from headstart.backbones.base import Backbone
from headstart.backbones.source import open_writer
from headstart.evaluate import judge
from headstart.heads.layer import HeadLayer
from headstart.modalities.audio_script import to_tokens
from headstart.normalise import plain
from headstart.progress import Silent
from headstart.registry import MODALITIES, TASKS
from headstart.schema import SPEECH, Phase, Said, Sample
from headstart.speech.frames import characters_of, spell
from headstart.speech.hearing import speech_spec
from headstart.speech.model import Scribe
from headstart.trainer import train
from headstart.writing.learning import spelling_layer
from headstart.writing.lessons import Dictation, Spelling

RESULTS = Path(__file__).resolve().parent / "results" / "transcribe.json"
UTTERANCES = 16
BATCH = 8
PASSES = 20
"""How often an epoch goes over the utterances before they are transcribed."""

HEARS = {
    "hidden_size": 192,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 768,
    "conv_dim": [64, 128, 192],
    "conv_kernel": [10, 8, 24],
    "conv_stride": [5, 8, 12],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.0,
}
WRITES = {
    "d_model": 192,
    "encoder_layers": 4,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 768,
    "decoder_ffn_dim": 768,
    "max_source_positions": 500,
    "init_std": 0.07,
    "max_target_positions": 200,
    "suppress_tokens": [],
    "begin_suppress_tokens": [],
}


def read_utterances(folder: Path) -> list[Sample]:
    """Return the first utterances, each with what is said in it."""
    lines = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()[:UTTERANCES]
    rows = [line.split("|") for line in lines]
    samples = [Sample(folder / f"{name}.flac", Said(text), name) for name, text, _ in rows]
    return features.identify(samples, MODALITIES.get("audio")())[0]


def save_whisper(folder: Path) -> None:
    """Save a Whisper of random weights with a tokenizer of its own kind, which knows bytes."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    tokenizer = transformers.WhisperTokenizer(
        vocab={letter: number for number, letter in enumerate(letters)}, merges=[]
    )
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    end, start = (tokenizer.get_vocab()[token] for token in special[:2])
    config = transformers.WhisperConfig(
        **WRITES,
        vocab_size=len(tokenizer),
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
    )
    net = transformers.WhisperForConditionalGeneration(config)
    net.generation_config.is_multilingual = False
    net.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(chunk_length=10).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_wav2vec2(folder: Path) -> None:
    """Save a wav2vec2 of random weights that never spelt."""
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**HEARS)).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)


class Said16:
    """One model learning what it is then asked about."""

    def __init__(self, kind: str, folder: Path, samples: list[Sample]) -> None:
        torch.manual_seed(0)
        {"whisper": save_whisper, "wav2vec2": save_wav2vec2}[kind](folder)
        self.kind, self.samples = kind, samples
        self.backbone: Backbone = open_writer(str(folder))
        self.boundary = self.backbone.hearing if kind == "whisper" else 1
        self.fetch = at_boundary(
            samples, MODALITIES.get("audio")(), self.backbone, self.boundary, PLAIN, "float32"
        )
        texts = [plain(sample.target.text) for sample in samples]
        everyone = np.arange(len(samples))
        learning = np.tile(everyone, PASSES)
        if self.backbone.decoder is None:
            self.characters = characters_of(texts)
            numbers = [spell(text, self.characters) for text in texts]
            self.layer = spelling_layer(self.backbone, self.characters, None, 0)
            self.lesson: Any = Spelling(
                self.fetch, texts, numbers, self.characters, learning, everyone
            )
        else:
            self.characters, self.layer = (), HeadLayer((), 1, 0)
            spec = speech_spec(self.backbone)
            tokens = [np.array(to_tokens(text, spec), np.int64) for text in texts]
            self.lesson = Dictation(
                self.fetch, texts, tokens, spec, self.backbone.decoder, learning, everyone
            )

    def learn(self, epochs: int, rate: float) -> list[dict[str, float]]:
        """Train and return what each epoch came to."""
        phase = Phase(
            "by heart",
            self.boundary,
            objective="train",
            epochs=epochs,
            batch_size=BATCH,
            rate=rate,
            backbone_rate=rate,
            views=1,
        )
        done = train(
            phase,
            self.backbone,
            self.layer,
            self.lesson,
            seed=0,
            deadline=None,
            progress=Telling(self.kind),
        )
        return [
            {"loss": each.loss, "word_accuracy": each.score, "seconds": each.seconds}
            for each in done.epochs
        ]

    def model(self) -> Scribe:
        """Return what was learnt as a model that can be kept."""
        return Scribe(
            MODALITIES.get("audio")(),
            self.backbone,
            TASKS.get(SPEECH)(),
            self.layer.head(1.0),
            self.characters,
            "by heart",
            "float32",
            trained=True,
        )


class Telling(Silent):
    """Says each epoch as it ends."""

    def __init__(self, what: str) -> None:
        self.what, self.count, self.begun = what, 0, time.perf_counter()

    def advance(self, steps: int = 1) -> None:
        """Say that an epoch has ended."""
        self.count += steps
        print(
            f"{self.what}: epoch {self.count}, {time.perf_counter() - self.begun:.0f} s", flush=True
        )


def asked(model: Scribe, samples: list[Sample]) -> dict[str, float]:
    """Return the error rates of a model on what it learnt."""
    found, _ = judge(model, samples, 0, Silent())
    return {name: found.figures[name].value for name in ("wer", "cer")}


def through_the_encoder(said: Said16) -> dict[str, Any]:
    """Time an epoch's losses and gradients from stored states, and with the encoder run again."""
    modality, backbone = MODALITIES.get("audio")(), said.backbone
    raw = at_boundary(said.samples, modality, backbone, 0, PLAIN, "float32")

    def anew(pairs: Any) -> dict[str, torch.Tensor]:
        return features.to_boundary(backbone, raw(pairs), backbone.hearing)

    def epoch(fetch: Callable[[Any], Any]) -> tuple[float, list[float]]:
        lesson, losses = replace(said.lesson, fetch=fetch), []
        phase = Phase("decoder", backbone.hearing, objective="train")
        begun = time.perf_counter()
        for at in range(0, len(said.samples), BATCH):
            pairs = [(position, 0) for position in range(at, min(at + BATCH, len(said.samples)))]
            loss = lesson.loss(backbone, said.layer, pairs, phase)
            loss.backward()
            losses.append(float(loss.detach()))
        return time.perf_counter() - begun, losses

    owned = {name for stage in backbone.stages[backbone.hearing :] for name in stage.owns}
    for name, parameter in backbone.module.named_parameters():
        parameter.requires_grad_(name in owned)
    rounds = [(epoch(said.fetch), epoch(anew)) for _ in range(4)][1:]
    backbone.module.requires_grad_(False)
    stored, again = (min(pair[at][0] for pair in rounds) for at in (0, 1))
    losses = [np.array(rounds[0][at][1]) for at in (0, 1)]
    return {
        "stored_seconds": stored,
        "encoder_seconds": again,
        "times_faster": again / stored,
        "largest_gap_of_losses": float(np.abs(losses[0] - losses[1]).max()),
    }


def main() -> None:
    """Run what is asked for and write down what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=["whisper", "wav2vec2"])
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--rate", type=float, default=1e-3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = Path(os.environ.get("HEADSTART_DATA", "../shared/data")) / "audio" / "ljspeech32"
    samples = read_utterances(data)
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for kind in given.kinds:
        with tempfile.TemporaryDirectory() as place:
            said = Said16(kind, Path(place) / "net", samples)
            about: dict[str, Any] = {"parameters": said.backbone.card.parameters}
            if kind == "whisper":
                about["decoder_epoch"] = through_the_encoder(said)
                print(about["decoder_epoch"], flush=True)
            begun = time.perf_counter()
            about["epochs"] = said.learn(given.epochs, given.rate)
            about["seconds"] = time.perf_counter() - begun
            model = said.model()
            about["learnt"] = asked(model, samples)
            model.save(Path(place) / "kept")
            loaded = hs.load(Path(place) / "kept")
            about["loaded"] = asked(loaded, samples)
            inputs = [sample.input for sample in samples]
            about["transcribes_the_same"] = loaded.predict(inputs) == model.predict(inputs)
        results[kind] = about
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        print(kind, about["learnt"], about["loaded"], about["transcribes_the_same"], flush=True)


if __name__ == "__main__":
    main()
