"""The page on extending is followed to the letter, in a copy of the repository."""

import re

import numpy as np
import pytest
import yaml

from microgesture.data.store import read_index
from microgesture.readers.common import POINTS22
from tests.conftest import REPOSITORY, make_clip
from tests.project import Project

PAGE = (REPOSITORY / "docs/extending.md").read_text()


def section(name):
    """What the page says under a label, up to the next heading of this level."""
    return PAGE.partition(f"({name})=")[2].partition("\n## ")[2].partition("\n## ")[0]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def steps(text):
    """Each code block of a section with the file that the text before it names."""
    path, new = None, False
    for part in re.split(r"(^```\w+\n.*?^```\n)", text, flags=re.M | re.S):
        code = re.fullmatch(r"```(\w+)\n(.*?)^```\n", part, re.M | re.S)
        if code is None:
            for word, name in re.findall(r"^(New file|In) `(src/\S+?)`", part, re.M):
                path, new = name, word == "New file"
        elif code[1] in ("python", "diff"):
            assert new == (code[1] == "python"), part
            yield path, new, code[2]


def patched(text, diff):
    """A text with a change applied, whose old lines stand in it exactly once."""
    lines = [(line[:1], line[1:]) for line in diff.splitlines()]
    assert {mark for mark, _ in lines} <= {"+", "-", " ", ""}
    before = "".join(f"{line}\n" for mark, line in lines if mark != "+")
    after = "".join(f"{line}\n" for mark, line in lines if mark != "-")
    assert text.count(before) == 1, before
    return text.replace(before, after)


def follow(text, folder):
    """Write and edit what a section says; return the files that were there before."""
    edited = set()
    for path, new, code in steps(text):
        file = folder / path
        assert file.exists() != new, path
        if new:
            file.write_text(code)
        else:
            edited.add(path)
            file.write_text(patched(file.read_text(), code))
    return edited


def run_commands(project, text):
    commands = blocks(text, "bash")[0].splitlines()
    for command in commands:
        done = project.run("bash", "-c", command)
        assert done.returncode == 0, done.stdout + done.stderr
    return commands


@pytest.mark.slow
def test_a_new_network_is_trained_as_the_page_says(tmp_path):
    project, text = Project(tmp_path / "copy"), section("new-network")
    (project.folder / "docs").mkdir()
    edited = follow(text, project.folder)
    assert len(edited) == 2, "the page promises two files"
    given = yaml.safe_load(blocks(text, "yaml")[0])
    given["models"]["gru"]["training"].update(epochs=1, batch=16)
    given["models"]["gru"]["length"] = 8
    config = {**project.config, "seeds": [0]}
    for key in ("models", "variants"):
        config[key].update(given[key])
    project.write(config)
    assert "gru41_align/seed0" in run_commands(project, text)[-1]
    model = project.folder / "results/train/gru41_align/seed0/model.safetensors"
    assert model.stat().st_size > 0
    reference = (project.folder / "docs/config.md").read_text()
    assert "`models.gru.network`" in reference


def archives(folder):
    """Enough clips to train on, since a config without them is refused."""
    for number, split in enumerate(["train"] * 16 + ["val", "test"]):
        label = ("left", "right")[number % 2]
        clip = make_clip(label=label, seed=number)
        file = folder / split / label / f"s{number}_{number}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, points=clip.points[:, list(POINTS22)])


@pytest.mark.slow
def test_a_new_format_is_read_as_the_page_says(tmp_path):
    project, text = Project(tmp_path / "copy"), section("new-format")
    (project.folder / "docs").mkdir()
    edited = follow(text, project.folder)
    assert len(edited) == 2, "the page promises two files"
    archives(project.folder / "data/archives")
    (project.folder / "classes.yaml").write_text("classes: [left, right]\n")
    data = {**yaml.safe_load(blocks(text, "yaml")[0])["data"], "points": "imigue22"}
    base = {**project.config, "classes": "classes.yaml"}
    project.write({**base, "data": data})
    run_commands(project, text)
    index = read_index(project.folder / "results/skeletons/clips.parquet")
    assert index.clip_id.iloc[0] == "s17_17"
    assert index.split.value_counts().to_dict() == {"train": 16, "val": 1, "test": 1}
    assert set(index[index.label == "right"].subject) == {f"s{n}" for n in range(1, 18, 2)}
    # the folder is recognised, a misspelt key is refused, and a damaged archive is named
    told = "from microgesture.readers.sources import detect; print(detect('data/archives'))"
    assert project.run("python", "-c", told).stdout == "archives\n"
    project.write({**base, "data": {**data, "rooot": "data/archives"}})
    refused = project.snakemake("--dry-run")
    assert "did you mean 'root'" in refused.stdout + refused.stderr
    project.write({**base, "data": data})
    broken = project.folder / "data/archives/val/left/s16_16.npz"
    broken.write_bytes(broken.read_bytes()[:100])
    failed = project.snakemake("results/skeletons/clips.parquet")
    assert failed.returncode != 0
    assert "s16_16.npz: cannot be read" in failed.stdout + failed.stderr


def test_the_table_of_what_is_touched_names_files_that_exist():
    table = PAGE.partition("| to add |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z_/]+\.py)`", table)
    assert len(named) == 11
    assert all((REPOSITORY / "src/microgesture" / name).is_file() for name in named)
