"""Run all benchmarks and write their table.

    python benchmarks/run.py [--out benchmarks/RESULTS.md] [--only drawing steps ...]

Every line compares two ways in one run on one machine, so the ratios hold where seconds do not.
"""

import argparse
import datetime
import importlib
import os
import platform
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
PARTS = {
    "drawing": "Drawing heatmaps and the cache",
    "steps": "Training steps",
    "mvit": "Training steps of MViT",
    "parts": "Parts in boxes of their own, at full scale",
    "pretraining": "Pre-training steps",
    "memory": "Memory of training",
    "workflow": "The workflow",
    "readers": "Reading raw data",
    "video": "Video",
    "render": "Rendering the embedded videos",
    "fusion": "Token fusion",
    "online": "Detection in long recordings",
}
HEADER = "| What | Reference | Here | Ratio | Target | Note |\n|---|---:|---:|---:|---|---|"


def amount(row, key):
    seconds = row.get(key)
    if seconds is None:
        return ""
    if row.get("unit") == "bytes":
        return f"{seconds / 1e6:,.3g} MB"
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def line(row):
    ratio = f"{row['ratio']:.3g} x" if "ratio" in row else ""
    here = row.get("value") or amount(row, "ours_s")
    cells = [row["what"], amount(row, "reference_s"), here, ratio]
    target = row.get("target") or ""
    cells.append(target if isinstance(target, str) else f"at least {target} x")
    return f"| {' | '.join([*cells, row.get('note') or ''])} |"


def processor():
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor()


def machine():
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{processor()}, {os.cpu_count()} cores, {gpu}; torch {torch.__version__}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/RESULTS.md"))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    text = [
        "# Benchmarks",
        "",
        f"{machine()}; {datetime.date.today()}.",
        "Repeat with `make bench`; on a GPU, `python benchmarks/steps.py --gpu`.",
    ]
    for part in args.only:
        print(f"{PARTS[part]} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        rows = importlib.import_module(f"benchmarks.{part}").measure()
        seconds = time.perf_counter() - start
        text += ["", f"## {PARTS[part]}", "", HEADER, *map(line, rows)]
        print("\n".join(map(line, rows)), f"({seconds:.0f} s)", file=sys.stderr, flush=True)
    args.out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
