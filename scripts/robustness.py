"""Measure how a trained variant's accuracy falls when test clips are damaged on purpose."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from microgesture.errors import run
from microgesture.probes import probe_step
from microgesture.progress import progress
from microgesture.robustness import measure, write_measured
from microgesture.variants import Trained


def main() -> None:
    probe_step(__file__, __doc__, write_curve)


def write_curve(
    trained: Trained, skeletons: Path, tests: pd.DataFrame, config: Mapping[str, Any], out: Path
) -> None:
    rows = measure(trained, skeletons, tests, config, lambda levels: progress(levels, "levels"))
    write_measured(out, rows)


if __name__ == "__main__":
    run(main)
