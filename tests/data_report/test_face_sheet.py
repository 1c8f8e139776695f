"""The contact sheet of faces in the data report: which recordings, and what is said of them."""

import matplotlib.image
import numpy as np
import pytest

from microgesture.data.clip_file import Records, write_records
from microgesture.data_report import faces
from microgesture.utils.files import write_json
from microgesture.video.crops import pack_crop
from microgesture.video.pictures import BODY, MARKS, Told, packed

STATED = {"windows": {"faces": 2, "frames": 1}, "face": 28, "context": 16}


@pytest.fixture
def made(tmp_path):
    """Fifteen recordings, each of another grey; the last one is blurred, and masked throughout."""
    counts = {}
    with write_records(tmp_path / "pictures.arrow", STATED) as writer:
        for n in range(15):
            sharp = n < 14
            seen = np.array([[1.0, 1.0], [1.0, 0.0]]) * sharp
            score = np.array([[0.9, 0.8], [0.7, 0.0]])
            told = Told(
                seen, np.full((2, 2), 0.2 if sharp else 0.01), score, 80 * score,
                np.zeros((2, 2, MARKS, 3)), np.zeros((2, 1, len(BODY), 3)), np.array([0, 9]), True,
            )  # fmt: skip
            face = pack_crop(np.full((28, 28, 3), 10 * n, np.uint8))
            frame = pack_crop(np.zeros((16, 16, 3), np.uint8))
            row = {"clip_id": f"{n:04d}", "label": -1, "subject": "p", "split": "train"}
            blobs = [*[face] * 4, frame, frame, packed(told)]
            writer.append({**row, "num_frames": 2, "blobs": blobs})
            counts[row["clip_id"]] = {"asked": 4, "faces": 3 * sharp}
    manifest = {"missing": {}, "notes": {}, "flat": ["0014"], "recordings": counts}
    write_json(tmp_path / "pictures.json", manifest)
    return tmp_path


def test_the_section_says_what_is_masked_and_pixelated_and_draws(made):
    said, alt = faces.section(made / "pictures.json", made / "figures")
    assert said.startswith("42 of 60 faces can be used; the others are masked. They are 28 x 28")
    assert "1 recordings show no face that can be used, such as 0014" in said
    assert "have little detail, such as 0014: they are probably blurred or pixelated" in said
    assert alt == faces.ALT
    picture = matplotlib.image.imread(made / "figures/faces.png")
    assert picture.shape[1] > 800 and picture[..., :3].std() > 0.1


def test_blurred_ones_come_first_and_the_rest_evenly(made, monkeypatch):
    drawn = []
    monkeypatch.setattr(faces, "plot_faces", lambda rows, path: drawn.extend(rows))
    manifest = {"flat": ["0014"]}
    faces.face_sheet(Records(made / "pictures.arrow"), manifest, made / "x.png")
    names = [row.title for row in drawn]
    assert names[0] == "0014: little detail, probably blurred or pixelated"
    assert len(names) == faces.PEOPLE and names[1] == "0000" and names[-1] == "0013"
    assert [int(row.faces.mean().round(-1)) for row in drawn[1:3]] == [0, 20]
    np.testing.assert_array_equal(drawn[1].seen, [True, True, True, False])
    np.testing.assert_allclose(drawn[1].quality[0], [0.9, 72, 0.2])
    assert drawn[1].quality[3, 0] == 0 and not drawn[0].seen.any()
