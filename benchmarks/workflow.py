"""Seconds that Snakemake needs for 100 variants with 5 seeds: all new, and nothing to do.

    python benchmarks/workflow.py

Every step is replaced by one that only makes its files, so that Snakemake itself is what is timed.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.project import copy_repository

VARIANTS, SEEDS = 100, 5
MAKE_OUTPUTS = (
    '"for f in {output:q}; do case $f in */figures/data|*/figures/report) mkdir -p $f;;'
    " *) touch $f;; esac; done; : "
)


def copy_with_empty_steps(folder):
    copy_repository(folder)
    for rules in (folder / "workflow/rules").glob("*.smk"):
        text = rules.read_text()
        text = re.sub(r'" ?(?:python|\{params\.launch\}) scripts/', MAKE_OUTPUTS, text)
        rules.write_text(text.replace(" 2> >(tee {log:q} >&2)", ""))


def write_config(folder):
    path = folder / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    rows = list(config["variants"].items())
    config["variants"] = {
        f"v{number}": {**rows[number % len(rows)][1], "training": {"learning_rate": 0.01 + number}}
        for number in range(VARIANTS)
    }
    config["seeds"] = list(range(SEEDS))
    config["fusions"] = {"fused": {"title": "fused", "members": {"v0": 1, "v1": 1}}}
    config.update(claims=[], submission="fused", occlusion=None)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake(folder, *arguments):
    """Seconds and what was printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    start = time.perf_counter()
    done = subprocess.run(
        ["snakemake", "--cores", "2", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"snakemake failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - start, done.stdout + done.stderr


def measure():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_with_empty_steps(folder)
        write_config(folder)
        new, said = snakemake(folder, "--dry-run")
        jobs = re.search(r"^total +(\d+)", said, re.M)[1]
        snakemake(folder, "--quiet")
        nothing, said = snakemake(folder, "--dry-run")
        assert "Nothing to be done" in said, said[-2000:]
    what = f"{VARIANTS} variants x {SEEDS} seeds, {jobs} jobs"
    return [
        {"what": f"Graph, {what}", "ours_s": new, "target": "< 10 s"},
        {"what": f"Run with nothing to do, {what}", "ours_s": nothing, "target": "< 10 s"},
    ]


if __name__ == "__main__":
    for row in measure():
        print(f"{row['what']}: {row['ours_s']:.1f} s (target {row['target']})")
