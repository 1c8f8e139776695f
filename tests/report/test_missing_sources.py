"""The page's part on fused variants without one of their sources."""

from types import SimpleNamespace

import pandas as pd
import pytest

from microgesture.data import paths
from microgesture.report import material
from microgesture.report.render import render
from microgesture.report.sections import missing_section
from microgesture.utils.errors import InputError
from tests.sections import shown

VARIANTS = {
    "a": {"title": "Joint"},
    "b": {"title": "Video"},
    "both": {"title": "Token fusion", "model": "token_fusion", "sources": ["a", "b"]},
}


def written(folder, run, values, clips=10):
    """A file of the step as it writes it: accuracy with both, without a, without b."""
    path = folder / paths.missing_sources("both", run)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{name},{clips},{value},{value / 2}"
        for name, value in zip(("", "a", "b"), values, strict=True)
    ]
    path.write_text("\n".join(["missing,clips,top1,mean_class", *lines, ""]))
    return path


def section(folder, **config):
    step = shown({"variants": VARIANTS, "seeds": [0, 1], **config})
    frame = material._missing_sources(step, folder)
    return missing_section(SimpleNamespace(missing_sources=frame, config=step), folder)


def test_a_line_a_source_has_mean_and_spread_over_the_seeds(tmp_path):
    written(tmp_path, "seed0", (0.8, 0.5, 0.6))
    written(tmp_path, "seed1", (0.9, 0.5, 0.2))
    made = section(tmp_path)
    assert made.content["lines"] == [
        ["Token fusion", "nothing", "85.0 ± 7.1", "42.5 ± 3.5"],
        ["Token fusion", "Joint", "50.0 ± 0.0", "25.0 ± 0.0"],
        ["Token fusion", "Video", "40.0 ± 28.3", "20.0 ± 14.1"],
    ]
    text = render("page/missing.html", content=made.content)
    assert "Token fusion" in text and "40.0 ±\u00a028.3" in text and "2 runs a variant" in text


def test_the_folds_of_a_seed_count_by_their_clips(tmp_path):
    for fold, clips in enumerate((30, 10, 10)):
        written(tmp_path, f"seed0-fold{fold}", (1.0 if fold else 0.5, 0.5, 0.5), clips)
    made = section(tmp_path, seeds=[0], folds=3)
    assert made.content["lines"][0][2:] == ["70.0", "35.0"]


def test_without_fused_variants_there_is_no_such_part(tmp_path):
    step = shown({"variants": {"a": {"title": "Joint"}}, "seeds": [0]})
    assert material._missing_sources(step, tmp_path) is None
    assert missing_section(SimpleNamespace(missing_sources=None, config=step), tmp_path) is None


def test_a_file_that_lacks_or_is_another_is_named(tmp_path):
    written(tmp_path, "seed0", (0.8, 0.5, 0.6))
    with pytest.raises(InputError, match=r"seed1\.csv: is not there"):
        section(tmp_path)
    other = written(tmp_path, "seed1", (0.8, 0.5, 0.6))
    pd.read_csv(other).rename(columns={"top1": "top5"}).to_csv(other, index=False)
    with pytest.raises(InputError, match=r"seed1\.csv: has the columns missing, clips, top5"):
        section(tmp_path)
