"""Small nets of the real classes learn four utterances by heart, are kept, and still know them."""

import numpy as np
import pytest
import transformers

import headstart as hs
from headstart import features
from headstart.activations import PLAIN, at_boundary
from headstart.backbones.source import open_writer
from headstart.heads.layer import HeadLayer
from headstart.modalities.audio_script import to_tokens
from headstart.normalise import plain
from headstart.progress import Silent
from headstart.registry import MODALITIES, TASKS
from headstart.schema import SPEECH, Phase, Said, Sample
from headstart.speech.frames import characters_of, spell
from headstart.speech.model import Scribe
from headstart.trainer import train
from headstart.writing.learning import spelling_layer
from headstart.writing.lessons import Dictation, Spelling
from tests.backbones.families import HEARING, STABLE
from tests.data import data_folder
from tests.speech.saying import save_whisper

pytestmark = [
    pytest.mark.data,
    pytest.mark.filterwarnings("ignore:At least one mel filter"),
]

SHORT = (1, 7, 10, 12)
"""Those of the first sixteen that are no longer than five seconds."""

HEARS = {
    **HEARING,
    **STABLE,
    "hidden_size": 96,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "conv_dim": [32, 64, 96],
    "conv_kernel": [10, 8, 24],
    "conv_stride": [5, 8, 12],
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
    **dict.fromkeys(("hidden_dropout", "attention_dropout", "feat_proj_dropout"), 0.0),
}
WRITES = {
    "d_model": 96,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 192,
    "decoder_ffn_dim": 256,
    "max_source_positions": 250,
    "max_target_positions": 100,
    "init_std": 0.1,
}


@pytest.fixture(scope="module")
def samples():
    folder = data_folder("audio", "ljspeech32")
    lines = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()
    rows = [lines[at].split("|") for at in SHORT]
    clips = [Sample(folder / f"{name}.flac", Said(text), name) for name, text, _ in rows]
    return features.identify(clips, MODALITIES.get("audio")())[0]


def learn(backbone, samples):
    """Train what is trained on the four, and return the model."""
    modality, texts = MODALITIES.get("audio")(), [plain(each.target.text) for each in samples]
    everyone = np.arange(len(samples))
    again = np.tile(everyone, 20)
    boundary = backbone.hearing if backbone.decoder else 1
    fetch = at_boundary(samples, modality, backbone, boundary, PLAIN, "float32")
    if backbone.decoder is None:
        known = characters_of(texts)
        numbers = [spell(text, known) for text in texts]
        lesson = Spelling(fetch, texts, numbers, known, again, everyone)
        layer = spelling_layer(backbone, known, None, 0)
    else:
        known, layer = (), HeadLayer((), 1, 0)
        tokens = [np.array(to_tokens(text, backbone.spec)) for text in texts]
        spec, decoder = backbone.spec, backbone.decoder
        lesson = Dictation(fetch, texts, tokens, spec, decoder, again, everyone)
    phase = Phase(
        "by heart",
        boundary,
        objective="train",
        epochs=9,
        batch_size=8,
        rate=2e-3,
        backbone_rate=2e-3,
        views=1,
    )
    train(phase, backbone, layer, lesson, seed=0, deadline=None, progress=Silent())
    head, task = layer.head(1.0), TASKS.get(SPEECH)()
    return Scribe(modality, backbone, task, head, known, "by heart", "float32", trained=True)


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2"])
def test_what_is_said_is_learnt_by_heart(kind, samples, tmp_path):
    if kind == "whisper":
        save_whisper(tmp_path / "net", many=False, **WRITES)
    else:
        config = transformers.Wav2Vec2Config(**HEARS)
        transformers.Wav2Vec2Model(config).save_pretrained(tmp_path / "net")
        transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "net")
    model = learn(open_writer(str(tmp_path / "net")), samples)
    clips = [sample.input for sample in samples]
    said = model.predict(clips)
    assert [each.label for each in said] == [plain(sample.target.text) for sample in samples]
    assert all(each.probability > 0.8 for each in said)
    model.save(tmp_path / "model")
    assert hs.load(tmp_path / "model").predict(clips) == said
