"""Where the public sets are that some tests read, and what is said when they are not there."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

WHERE_FROM = (
    "Public sets: ants_bees zhangtao7750/syn, flowers5 Kounteyo98/Data, blood_cells "
    "Shenggan/BCCD_Dataset, brain_mri MohamedAliHabib/Brain-Tumor-Detection, fashion900 "
    "zalandoresearch/fashion-mnist, banking77 PolyAI-LDN/task-specific-datasets, esc10 "
    "karolpiczak/ESC-10, ljspeech32 coqui-ai/TTS (all on GitHub). Lay them out as CONTRIBUTING.md "
    "says and set HEADSTART_DATA to their folder."
)


def data_root() -> Path:
    """Return where the public sets would be: HEADSTART_DATA, else beside the repository."""
    named = os.environ.get("HEADSTART_DATA")
    return Path(named) if named else REPOSITORY.parent / "shared" / "data"


def data_folder(*parts: str) -> Path:
    """Return a folder or file of the public sets, or skip the test that asks for it."""
    path = data_root().joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the public data set {'/'.join(parts)} is not on this machine. {WHERE_FROM}")
    return path
