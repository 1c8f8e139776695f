"""Measure how a trained variant's accuracy falls when test clips are damaged on purpose."""

from pathlib import Path

from microgesture.probing.robustness import measure, write_measured
from microgesture.probing.test_clips import Probed, probe_step
from microgesture.settings.probing import RobustnessStep
from microgesture.utils.errors import run
from microgesture.utils.progress import progress


def main() -> None:
    probe_step(__file__, __doc__, RobustnessStep, write_curve, video=True)


def write_curve(probed: Probed, config: RobustnessStep, out: Path) -> None:
    write_measured(out, measure(probed, config, lambda levels: progress(levels, "levels")))


if __name__ == "__main__":
    run(main)
