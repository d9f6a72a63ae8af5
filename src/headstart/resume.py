"""Which journal a run writes in: the one of where its model goes, or of all that it stands on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from headstart import places
from headstart.backbones.base import Backbone
from headstart.choose import PROBE
from headstart.job import Job
from headstart.journal import Journal, Nowhere


def open_journal(
    job: Job, backbone: Backbone, time: float | None, out: str | Path | None, restart: bool
) -> Journal | Nowhere:
    """Open the journal of a job; one that another run was writing for the same place is refused."""
    if job.strategy == PROBE:
        return Nowhere()  # solved in seconds, on features that are in the store
    said = [[sample.key, str(sample.target), str(sample.group)] for sample in job.samples]
    about = {
        "data": _hash([said, job.labels]),
        "weights": backbone.fingerprint(),
        "backbone": backbone.name,
        "strategy": job.strategy,
        "task": job.task,
        "seed": int(job.seed),
        "time": time,
        "unfreeze": job.unfreeze,
        "keep": job.keep,
        "device": backbone.device.type,
    }
    folder = places.runs() / _hash(about if out is None else str(Path(out).absolute()))[:32]
    if restart:
        Journal(folder).done()
    return Journal.open(folder, about)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
