"""Measure how a trained variant's accuracy falls when test clips are damaged on purpose."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from microgesture.data.clip_file import Clips
from microgesture.inference.build import Trained
from microgesture.probing.robustness import measure, write_measured
from microgesture.probing.test_clips import probe_step
from microgesture.settings.probing import RobustnessStep
from microgesture.utils.errors import run
from microgesture.utils.progress import progress


def main() -> None:
    probe_step(__file__, __doc__, RobustnessStep, write_curve)


def write_curve(
    trained: Trained,
    skeletons: Path,
    tests: pd.DataFrame,
    config: RobustnessStep,
    out: Path,
    crops: Clips | None,
) -> None:
    def told(levels: Iterable[Any]) -> Iterable[Any]:
        return progress(levels, "levels")

    write_measured(out, measure(trained, skeletons, tests, config, crops, told))


if __name__ == "__main__":
    run(main)
