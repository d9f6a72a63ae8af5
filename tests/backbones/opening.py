"""Run as a process of its own: open the backbones asked for on stdin, and say how it went.

The hub's client reads its address and its cache's folder when it is first imported, so a test that
sets them needs a fresh process.
"""

import json
import sys
from pathlib import Path

from headstart.backbones import hub
from headstart.backbones.known import list_backbones
from headstart.backbones.source import describe, open_backbone, stronger_on_this_machine
from headstart.errors import HeadstartError


def damage(repo: str) -> None:
    """Flip the last byte of a repository's weights in the cache."""
    path = hub.cached_file(repo, "model.safetensors").resolve()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def forget(repo: str) -> None:
    """Leave the cache as one that only ever ran the model: without its processor."""
    link = hub.cached_file(repo, "preprocessor_config.json")
    link.resolve().unlink()
    link.unlink()


def run(step: dict) -> object:
    match step["do"]:
        case "open":
            backbone = open_backbone(step["what"], offline=step.get("offline", False))
            return {"stages": backbone.depth, "fingerprint": backbone.fingerprint()}
        case "describe":
            card = describe(step["what"], offline=step.get("offline", False))
            return {"licence": card.licence, "local": card.local, "parameters": card.parameters}
        case "list":
            return {card.name: card.local for card in list_backbones()}
        case "stronger":
            return [card.name for card in stronger_on_this_machine("image")]
        case "damage":
            return damage(step["what"])
        case "forget":
            return forget(step["what"])
        case "left":
            cache = hub.cache_folder()
            return [str(path.relative_to(cache)) for path in Path(cache).rglob("*incomplete*")]


def main() -> None:
    for step in json.load(sys.stdin):
        try:
            answer = {"ok": run(step)}
        except HeadstartError as error:
            answer = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
