"""Record what a trained variant looks at: hide joints for a while and predict again."""

from pathlib import Path

from microgesture.probing.occlusion import occlusion_map
from microgesture.probing.test_clips import Probed, probe_step
from microgesture.settings.probing import OcclusionStep
from microgesture.utils.errors import run
from microgesture.utils.files import write_json
from microgesture.utils.progress import progress


def main() -> None:
    probe_step(__file__, __doc__, OcclusionStep, write_map)


def write_map(probed: Probed, config: OcclusionStep, out: Path) -> None:
    trained, skeletons, clips = probed.trained, probed.skeletons, probed.clips
    write_json(
        out, occlusion_map(trained, skeletons, clips, config, lambda rows: progress(rows, "clips"))
    )


if __name__ == "__main__":
    run(main)
