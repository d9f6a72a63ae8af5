"""Packs what training and evaluation need into one small folder, to be carried to a GPU machine.

python pretraining/text/pack.py --data DATA --teacher TEACHER --out OUT
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import suite
import teacher as teacher_
from safetensors.torch import load_file, save_file


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack corpus, teacher and evaluation texts.")
    for name in ("data", "teacher", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    folder = args.out / "teacher"
    folder.mkdir(parents=True, exist_ok=True)
    teacher_.check(args.teacher)
    tensors = load_file(args.teacher / "model.safetensors")
    kept = {k: v.half() for k, v in tensors.items() if v.is_floating_point() and "pooler" not in k}
    save_file(kept, folder / "model.safetensors")
    packed = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "packed.json").write_text(
        json.dumps({"original": teacher_.SHA256, "packed": packed, "dtype": "float16"}) + "\n"
    )
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(args.teacher / name, folder / name)
    table = pq.read_table(args.data / "pretraining/english.parquet", columns=["source", "text"])
    pq.write_table(table, args.out / "english.parquet", compression="zstd", compression_level=19)
    sets = suite.load(args.data)
    pq.write_table(
        pa.table({"name": list(sets), "json": [json.dumps(v) for v in sets.values()]}),
        args.out / "suite.parquet",
        compression="zstd",
        compression_level=19,
    )
    for path in sorted(p for p in args.out.rglob("*") if p.is_file()):
        print(f"{path.stat().st_size:>12,} {path.relative_to(args.out)}")


if __name__ == "__main__":
    main()
