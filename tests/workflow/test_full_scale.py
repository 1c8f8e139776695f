"""The full-scale configs on a folder with as many videos as the release has."""

import pytest

from tests.project import Project

VIDEOS = {
    "imigue_data_phase1/datasets/imigue_skeleton_train": 245,
    "imigue_data_phase1/datasets/imigue_skeleton_validate": 10,
    "imigue_data_phase2/imigue_skeleton_test": 104,
}
FILMS = ("imigue_rgb_phase1/train_data", "imigue_rgb_phase1/validation_data", "imigue_rgb_phase2")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Files of the release's names; nothing is read before a step runs."""
    project = Project(tmp_path_factory.mktemp("release"))
    number = 0
    for (folder, count), films in zip(VIDEOS.items(), FILMS, strict=True):
        for _ in range(count):
            number += 1
            name, root = f"{number:04d}", project.folder / "data/imigue"
            for path in (
                root / folder / name / f"{name}_openpose.xlsx",
                root / folder / name / f"{name}_label.csv",
                root / films / name / f"{name}.mp4",
            ):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
    return project


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("imigue", {"skeletons": 1, "synthesize": 0}),
        ("imigue_pretrain", {"skeletons": 1, "windows": 2, "pretrain": 2}),
        ("imigue_video", {"skeletons": 1, "crops": 1, "tokens": 9}),
    ],
)
def test_a_config_is_planned_for_a_whole_release(project, config, expected):
    said = project.planned("--configfile", f"config/{config}.yaml")
    assert {rule: said.get(rule, 0) for rule in expected} == expected
    assert said["train"] >= 9
