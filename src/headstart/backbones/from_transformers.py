"""Backbones of Hugging Face transformers: `hf/org/name`, by its own model classes.

Code that a repository brings along is never run, and only safetensors weights are opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from headstart.backbones import hub, known
from headstart.backbones.base import Backbone
from headstart.backbones.outline import Outline, assemble
from headstart.backbones.transformers_audio import AUDIO_FAMILIES
from headstart.backbones.transformers_audio_spec import audio_spec_from_json, read_audio_spec
from headstart.backbones.transformers_classifier import old_classifier
from headstart.backbones.transformers_families import FAMILIES, Family, whole
from headstart.backbones.transformers_spec import read_spec, spec_from_json
from headstart.backbones.transformers_speech import SPEECH_FAMILIES
from headstart.backbones.transformers_speech_spec import FILES as SPEECH_FILES
from headstart.backbones.transformers_speech_spec import read_characters, read_speech_spec
from headstart.backbones.transformers_text import TEXT_FAMILIES, pooled, whole_text
from headstart.backbones.transformers_text_spec import FILES, read_pooling, read_text_spec
from headstart.backbones.weights_file import is_whole, refuse_pickles
from headstart.errors import BackboneError, closest
from headstart.schema import Card, InputSpec, TextSpec

PROCESSORS = ("preprocessor_config.json", "processor_config.json")

NOT_STATED = (
    "_name_or_path",
    "architectures",
    "auto_map",
    "dtype",
    "id2label",
    "label2id",
    "torch_dtype",
    "transformers_version",
)
"""What a configuration holds besides the architecture; a recipe does without."""

IMPURE = {"vit_mae": "it hides patches at random"}
"""Model types whose output is not a function of the picture."""


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise BackboneError(
            "transformers is not installed, and this backbone is one of its.",
            "Install it with `pip install headstart[transformers]`.",
        ) from None
    return transformers


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers from drawing bars and listing the classifier it left out."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _read_config(folder: Path, reference: str) -> tuple[dict[str, Any], Any]:
    """Return a folder's configuration, as it is written and as transformers understands it."""
    try:
        values = dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise BackboneError(
            f"The config.json of '{reference}' is missing or not JSON.",
            "Give a folder or a repository that was saved by transformers or timm.",
        ) from None
    kind = values.get("model_type")
    if "architecture" in values and kind in (None, "timm_wrapper"):
        raise BackboneError(
            f"'{reference}' was saved by timm, not by transformers.",
            f"Name it timm/hf_hub:{reference.removeprefix('hf/')}.",
        )
    known_types = _transformers().CONFIG_MAPPING
    if kind not in known_types:
        where = " and its repository's own code is never run" if "auto_map" in values else ""
        raise BackboneError(
            f"'{reference}' is of type '{kind}', which this transformers does not know{where}."
            f"{closest(str(kind), list(known_types.keys()))}",
            "Update transformers, or choose another model.",
        )
    if kind in IMPURE:
        raise BackboneError(
            f"'{reference}' cannot be a backbone as it is: {IMPURE[kind]}.",
            "Choose the same weights from timm, or another model.",
        )
    try:
        return values, _transformers().AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # each configuration class checks its values in a way of its own
        raise _unusable(reference, error) from None


def _unusable(reference: str, error: Exception) -> BackboneError:
    said = " ".join(str(error).split())
    return BackboneError(
        f"transformers cannot make '{reference}' ({said[:200] or type(error).__name__}).",
        "Its configuration and its weights do not fit; choose another model, or copy it again.",
    )


def _family(config: Any) -> Family:
    known_families = FAMILIES | AUDIO_FAMILIES | TEXT_FAMILIES
    if config.model_type in known_families:
        return known_families[config.model_type]
    kind = _transformers().MODEL_MAPPING.get(type(config), None)
    texts = getattr(kind, "main_input_name", "") in TAKES["text"] and not config.is_encoder_decoder
    return Family(whole_text, modality="text") if texts else Family(whole)


def _family_of(net: Any) -> Family:
    """Return the family of a module: with its decoder, where it was loaded with it."""
    whole = SPEECH_FAMILIES.get(net.config.model_type)
    return whole if whole and type(net).__name__ == whole.loader else _family(net.config)


TAKES = {
    "image": ("pixel_values",),
    "audio": ("input_values", "input_features"),
    "text": ("input_ids",),
}
"""What the first input of a model of each modality is called."""


def _require_known_input(net: Any, config: Any, reference: str) -> None:
    family = _family_of(net)
    if getattr(net, "main_input_name", "") not in TAKES[family.modality]:
        raise BackboneError(
            f"'{reference}' takes '{net.main_input_name}', and its type, '{config.model_type}', is "
            "none of those that can be used so.",
            "Choose a vision model, an encoder or a decoder of texts, or one of: "
            f"{', '.join(AUDIO_FAMILIES)}.",
        )


def _outline_of(net: Any, config: Any, reference: str) -> Outline:
    _require_known_input(net, config, reference)
    if getattr(net, "adapter", None) is not None:
        raise BackboneError(
            f"'{reference}' ends in an adapter that shortens its output, which is not described.",
            "Choose the same model without it (add_adapter false).",
        )
    return _family_of(net).describe(net)


def _assembled(net: Any, spec: InputSpec, recipe: dict[str, Any], card: Card) -> Backbone:
    outline = _outline_of(net, net.config, card.name)
    if spec.modality == "text":
        outline = pooled(outline, net, recipe["reading"])
    stages, unowned = assemble(outline, net)
    return Backbone(
        name=card.name,
        module=net,
        stages=stages,
        spec=spec,
        card=card,
        recipe=recipe,
        reader=outline.read,
        opaque=outline.opaque,
        unowned=unowned,
        decoder=outline.decoder,
    )


def _fresh(config: Any, loader: str) -> Any:
    """Return a module of the architecture; never by code from outside transformers."""
    kind = getattr(_transformers(), loader)
    with _quietly():
        make = kind.from_config if loader == "AutoModel" else kind._from_config
        net = make(config, dtype=torch.float32)
        return _without(net, _family_of(net).drops)


def _without(net: Any, parts: tuple[str, ...]) -> Any:
    """Return a module without some of its parts, which no stage runs."""
    for part in parts:
        setattr(net, part, None)
    return net


def _read_spec(folder: Path, name: str, net: Any, family: Family) -> tuple[InputSpec, str]:
    """Return a folder's preprocessing, and a remark where its processor does more than that."""
    if family.modality == "audio":
        heard = read_audio_spec(folder, name, net.config)
        writes = family in SPEECH_FAMILIES.values()
        return read_speech_spec(folder, name, net.config, heard) if writes else heard, ""
    if family.modality == "text":
        return read_text_spec(folder, name, net.config), ""
    return read_spec(folder, name, int(getattr(net.config, "num_channels", 3)))


def _card(name: str, net: Any, licence: str, origin: str, about: str, *, local: bool) -> Card:
    outline = _outline_of(net, net.config, name)
    parameters = sum(each.numel() for each in net.parameters())
    opaque = known.OPAQUE if outline.opaque else ""
    return Card(
        name=name,
        source="hf",
        family=outline.family,
        modality=_family_of(net).modality,
        licence=licence,
        origin=origin,
        parameters=parameters,
        bytes=parameters * 4,
        local=local,
        about=" ".join(part for part in (opaque, about) if part),
    )


def open_folder(folder: Path, name: str, origin: str, family: Family | None = None) -> Backbone:
    """Return the backbone in a folder that transformers saved, as of its family unless told."""
    transformers = _transformers()
    if not is_whole(folder):
        raise refuse_pickles(name, [file.name for file in folder.glob("*.bin")])
    written, config = _read_config(folder, name)
    family = family or _family(config)
    try:
        with _quietly():
            net, report = getattr(transformers, family.loader).from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (RuntimeError, ValueError, OSError, ImportError) as error:
        raise _unusable(name, error) from None
    net = _without(net, family.drops)
    missing = sorted(key for key in report["missing_keys"] if key.split(".")[0] not in family.drops)
    for key in (key for key in family.idle if key in missing):
        torch.nn.init.zeros_(net.get_parameter(key))
        missing.remove(key)
    if any(key.startswith("pooler.") for key in missing):
        net.pooler = None  # the checkpoint has none, and random numbers are no reading
        missing = [key for key in missing if not key.startswith("pooler.")]
    if missing or report.get("mismatched_keys"):
        raise BackboneError(
            f"The weights of '{name}' do not fill its architecture ({len(missing)} are missing, "
            f"'{(missing or ['none'])[0]}' among them).",
            "The checkpoint is incomplete or of another task; choose another model.",
        )
    _require_known_input(net, net.config, name)
    spec, remark = _read_spec(folder, name, net, family)
    # As it is written, not as understood: a newer transformers understands more of it, and the
    # same checkpoint would have another fingerprint.
    tower = written.get("vision_config", {}) if family.towers else written
    stated = {key: value for key, value in tower.items() if key not in NOT_STATED}
    recipe = {
        "source": "hf",
        "name": name,
        "loader": family.loader,
        "config": {**stated, "model_type": net.config.model_type},
        "pooler": getattr(net, "pooler", None) is not None,
        "spec": spec.to_json(),
    }
    if family.modality == "text":
        recipe["reading"], remark = read_pooling(folder, net.config)
    card = _card(name, net, hub.licence_of(folder), origin, remark, local=True)
    backbone = _assembled(net, spec, recipe, card)
    if str((written.get("architectures") or [""])[0]).endswith("ForImageClassification"):
        backbone.classify = old_classifier(folder, backbone, family.classified)
    return backbone


def open_writer_folder(folder: Path, name: str, origin: str) -> Backbone:
    """Return a backbone with all that it writes by: its decoder, or the characters it spells."""
    _, config = _read_config(folder, name)
    backbone = open_folder(folder, name, origin, SPEECH_FAMILIES.get(config.model_type))
    if backbone.decoder is None and backbone.spec.modality == "audio":
        backbone.characters = read_characters(folder, name, config)
    return backbone


class Transformers:
    """The source of backbones that transformers knows."""

    def open(self, name: str, *, offline: bool) -> Backbone:
        """Return the pretrained backbone of a repository, from the hub's cache or the hub."""
        return open_folder(self._fetch(name, offline, ()), f"hf/{name}", origin=f"hub: {name}")

    def open_writer(self, name: str, *, offline: bool) -> Backbone:
        """Return the same with all that it writes by."""
        folder = self._fetch(name, offline, SPEECH_FILES)
        return open_writer_folder(folder, f"hf/{name}", origin=f"hub: {name}")

    def _fetch(self, name: str, offline: bool, more: tuple[str, ...]) -> Path:
        _transformers()
        reference = f"hf/{name}"
        folder = hub.fetch(
            name,
            reference,
            offline=offline,
            needs=("config.json",),
            wishes=tuple(dict.fromkeys((*PROCESSORS, *FILES, *more, hub.CARD))),
            near=self._names,
        )
        _, config = _read_config(folder, reference)
        wanted: list[tuple[str, ...]] = [
            FILES[:2] if _family(config).modality == "text" else PROCESSORS
        ]
        wanted += [more] if config.model_type in SPEECH_FAMILIES and more else []
        for names in wanted:
            if not (offline or any((folder / each).is_file() for each in names[:2])):
                # Whoever only ran the model before has its weights in the cache, not this file.
                pinned = f"{hub.split_revision(name)[0]}@{folder.name}"
                folder = hub.glance(
                    pinned, reference, offline=offline, needs=names[:1], wishes=names[1:]
                )
        return folder

    def build(self, recipe: Mapping[str, Any]) -> Backbone:
        """Rebuild an architecture with fresh weights from a recipe."""
        config = _transformers().AutoConfig.for_model(**recipe["config"])
        net = _fresh(config, str(recipe["loader"]))
        if not recipe["pooler"]:
            net.pooler = None
        kinds: dict[str, Callable[[Mapping[str, Any]], InputSpec]] = {
            "image": spec_from_json,
            "audio": audio_spec_from_json,
            "text": lambda values: TextSpec(**values),
        }
        spec = kinds[recipe["spec"]["modality"]](recipe["spec"])
        card = _card(str(recipe["name"]), net, "not stated", "fresh weights", "", local=True)
        return _assembled(net, spec, dict(recipe), card)

    def cards(self) -> list[Card]:
        """Return cards of models that are good to stand on; any other can be named as well."""
        return known.LISTS["hf"]()

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of one repository, from its small files; no weights are downloaded."""
        listed = {card.name: card for card in self.cards()}.get(f"hf/{name}")
        if listed is not None:
            return listed
        reference = f"hf/{name}"
        folder = hub.glance(
            name,
            reference,
            offline=offline,
            needs=("config.json",),
            wishes=(hub.CARD,),
            near=self._names,
        )
        _, config = _read_config(folder, reference)
        family = _family(config)
        tower = config.vision_config if family.towers else config
        with torch.device("meta"):
            net = _fresh(tower, family.loader)
        local = hub.cached(name) is not None
        licence = hub.licence_of(folder)
        return _card(reference, net, licence, f"hub: {name}", "", local=local)

    def _names(self) -> list[str]:
        return [card.name for card in known.HF] + [f"hf/{repo}" for repo in hub.cached_repos()]
