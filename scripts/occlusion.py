"""Record what a trained variant looks at: hide joints for a while and predict again."""

from pathlib import Path

import pandas as pd

from microgesture.data.clip_file import Clips
from microgesture.inference.build import Trained
from microgesture.probing.occlusion import occlusion_map
from microgesture.probing.test_clips import probe_step
from microgesture.settings.probing import OcclusionStep
from microgesture.utils.errors import InputError, run
from microgesture.utils.files import write_json
from microgesture.utils.progress import progress


def main() -> None:
    probe_step(__file__, __doc__, OcclusionStep, write_map)


def write_map(
    trained: Trained,
    skeletons: Path,
    tests: pd.DataFrame,
    config: OcclusionStep,
    out: Path,
    crops: Clips | None,
) -> None:
    if crops is not None:
        raise InputError("--crops: what is hidden are points of skeletons; leave it out")
    write_json(
        out, occlusion_map(trained, skeletons, tests, config, lambda rows: progress(rows, "clips"))
    )


if __name__ == "__main__":
    run(main)
