"""Videos that are damaged, odd, or not those of the skeletons: one message each, with numbers."""

import cv2
import numpy as np
import pytest

from microgesture.settings.video import Crops
from microgesture.utils.errors import InputError
from microgesture.video.cut import VideoNotes, Wanted, cut_video
from microgesture.video.decode import Decoder, probe
from tests.video.test_make import clip, crops, numbers, store_of
from tests.videos import number_in, stripes, textures, turned, write_audio, write_video

FRAMES, HEIGHT, WIDTH = 40, 48, 64


def cut(path, *spans, size=(HEIGHT, WIDTH), fps=25.0, expected=FRAMES, **settings):
    """Numbers of the frames that are cut out of a video of `stripes`, by clip, and the notes."""
    side = max(size)
    square = ((size[1] - side) // 2, (size[0] - side) // 2, side)
    wanted = [
        Wanted(f"c_{first}", first, count, square, *size, fps, expected) for first, count in spans
    ]
    seen, given = VideoNotes(), {"side": 48, "on_bad_clip": "stop", **settings}
    made = dict(cut_video(path, wanted, Crops(**given), seen))
    shown = {
        one.clip_id: [number_in(cv2.imdecode(np.frombuffer(blob, np.uint8), 1)) for blob in blobs]
        for one, blobs in made.items()
    }
    return shown, seen


def refused(path, *spans, **more):
    """The one reason for which every clip of a video is refused."""
    shown, seen = cut(path, *(spans or [(0, 4)]), **more)
    assert not shown and len(set(seen.bad.values())) == 1
    return seen.bad.popitem()[1]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """An mp4 file with its index at the start, and one with it at the end."""
    folder = tmp_path_factory.mktemp("good")
    write_video(folder / "front.mp4", stripes(FRAMES), movflags="faststart")
    write_video(folder / "end.mp4", stripes(FRAMES))
    return folder


@pytest.mark.parametrize("name", ["front.mp4", "end.mp4"])
def test_an_index_at_either_end(good, name):
    content = (good / name).read_bytes()
    assert (content.index(b"moov") < content.index(b"mdat")) == (name == "front.mp4")
    assert cut(good / name, (2, 3))[0] == {"c_2": [2, 3, 4]}


def test_files_that_hold_no_video(tmp_path, good):
    whole = {name: (good / name).read_bytes() for name in ("front.mp4", "end.mp4")}
    for name, content in {
        "zero.mp4": b"",
        "text.mp4": b"name,start,end\n" * 50,
        "without.mp4": whole["end.mp4"][: whole["end.mp4"].index(b"moov")],
        "within.mp4": whole["end.mp4"][:-600],
        "codec.mp4": whole["front.mp4"].replace(b"avc1", b"zzzz"),
    }.items():
        (tmp_path / name).write_bytes(content)
    write_audio(tmp_path / "audio.mp4")
    mkv = write_video(tmp_path / "codec.mkv", stripes(3)).read_bytes()
    (tmp_path / "codec.mkv").write_bytes(mkv.replace(b"ISO/AVC", b"ISO/XXX"))
    (tmp_path / "folder.mp4").mkdir()
    again = "; copy it again, or write it anew with ffmpeg"
    invalid = f"cannot be read as video (Invalid data found when processing input){again}"
    assert refused(tmp_path / "zero.mp4") == f"is empty{again}"
    assert refused(tmp_path / "text.mp4") == invalid
    assert refused(tmp_path / "without.mp4") == invalid
    assert refused(tmp_path / "within.mp4") == f"its index is cut short{again}"
    for name in ("codec.mp4", "codec.mkv"):
        assert "coded in a way that this build of FFmpeg cannot" in refused(tmp_path / name)
    assert refused(tmp_path / "audio.mp4").startswith("holds audio but no video; name the file")
    assert refused(tmp_path / "folder.mp4") == "is not a regular file; check the path"
    assert refused(tmp_path / "none.mp4") == "does not exist; check the path"


def test_a_truncated_file_gives_the_clips_that_it_holds(tmp_path, good):
    content = (good / "front.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 3 // 4])
    reason = refused(tmp_path / "cut.mp4")
    assert "but its skeletons 40; its header promises 40, so it was cut short: copy" in reason
    shown, seen = cut(tmp_path / "cut.mp4", (0, 4), (30, 10), expected=None)
    assert shown == {"c_0": [0, 1, 2, 3]}
    assert seen.bad["c_30"].startswith("frames 30..39, but the video is damaged after frame ")


def test_more_labels_than_frames_and_frames_missing_at_the_end(good):
    shown, seen = cut(good / "end.mp4", (2, 2), (38, 10), expected=None)
    assert shown == {"c_2": [2, 3]}
    assert seen.bad == {
        "c_38": "frames 38..47, but the video has 40 frames; check the rows of the clips and the "
        "file"
    }
    shown, seen = cut(good / "end.mp4", (36, 6), expected=42)
    assert shown == {"c_36": [36, 37, 38, 39, 39, 39]} and seen.repeated == 2
    assert seen.notes == {"length": "has 40 frames, its skeletons 42"}


def test_another_length(good):
    text = "the video has 40 frames, but its skeletons {} (at 25 frames a second, against {}); {}"
    wrong = "give the right video, or raise video.slack"
    for many in (43, 37):
        assert refused(good / "end.mp4", expected=many) == text.format(many, 25, wrong)
    doubled = text.format(80, 50, "set video.match: time, or raise video.slack")
    assert refused(good / "end.mp4", expected=80, fps=50.0) == doubled
    shown, _ = cut(good / "end.mp4", (10, 6), expected=80, fps=50.0, match="time")
    assert shown == {"c_10": [5, 5, 6, 6, 7, 7]}
    assert "in its 1.6 s; give the right video" in refused(
        good / "end.mp4", expected=60, fps=50.0, match="time"
    )


def test_a_variable_frame_rate(tmp_path):
    times = [n * 40 + (n > 20) * 400 for n in range(FRAMES)]
    path = write_video(tmp_path / "uneven.mp4", stripes(FRAMES), times=times)
    shown, seen = cut(path, (18, 5))
    assert shown == {"c_18": [18, 19, 20, 21, 22]}
    rate = "has a variable frame rate, frames are 40 to 440 ms apart"
    assert seen.notes == {"rate": rate}
    assert "(at a variable rate, 40 to 440 ms, against 25); set video.match: time" in refused(
        path, expected=50
    )
    shown, _ = cut(path, (18, 15), expected=50, match="time")
    assert shown == {"c_18": [18, 19, *[20] * 11, 21, 22]}


def test_a_video_that_is_shown_turned(tmp_path, good):
    plain = write_video(tmp_path / "plain.mp4", textures(4), movflags="faststart")
    path = tmp_path / "turned.mp4"
    path.write_bytes(turned(plain.read_bytes(), HEIGHT))
    found = probe(path)
    assert (found.height, found.width, found.rotation) == (WIDTH, HEIGHT, 270)
    decoder = Decoder(path)
    _, frame = next(iter(decoder))
    # as players show it, which OpenCV does as well
    _, other = cv2.VideoCapture(str(path)).read()
    assert np.abs(decoder.picture(frame, 270).astype(int) - other[..., ::-1]).max() < 8
    assert "turned by 270 degrees), of another shape" in refused(path, (0, 2), expected=4)
    _, seen = cut(path, (0, 2), expected=4, size=(WIDTH, HEIGHT))
    assert not seen.bad and seen.notes["rotation"].startswith("is shown turned by 270 degrees")


def test_another_resolution(tmp_path):
    path = write_video(tmp_path / "small.mp4", stripes(FRAMES, HEIGHT // 2, WIDTH // 2))
    reason = refused(path)
    assert reason.startswith("the video is 32 x 24, but its skeletons lie in 64 x 48; if they are")
    shown, seen = cut(path, (3, 3), resolution="scale")
    assert shown == {"c_3": [3, 4, 5]}
    assert seen.notes == {"resolution": "is 32 x 24, its skeletons lie in 64 x 48"}
    wide = write_video(tmp_path / "wide.mp4", stripes(FRAMES, HEIGHT // 2, WIDTH))
    assert "of another shape; give the video" in refused(wide, resolution="scale")


@pytest.mark.parametrize(
    ("codec", "pixels", "height", "width"),
    [("libx264", "yuv420p10le", 48, 64), ("libx264", "yuv444p", 47, 61), ("ffv1", "gray", 47, 61)],
)
def test_ten_bits_odd_sizes_and_grey(tmp_path, codec, pixels, height, width):
    path = tmp_path / "odd.mkv"
    write_video(path, stripes(FRAMES, height, width), codec=codec, pixels=pixels)
    assert cut(path, (7, 3), size=(height, width))[0] == {"c_7": [7, 8, 9]}


def test_a_bad_video_ends_the_run_or_costs_its_clips(tmp_path):
    write_video(tmp_path / "0001.mp4", stripes(FRAMES))
    (tmp_path / "0002.mp4").write_bytes(b"")
    store = store_of(tmp_path, [clip("0001_0", 3, 2, 40), clip("0002_0", 0, 4, 40)])
    with pytest.raises(InputError, match=r"0002.mp4: clip 0002_0: is empty; copy it .*on_bad_clip"):
        crops(tmp_path, store)
    manifest, records = crops(tmp_path, store, on_bad_clip="skip")
    assert manifest["missing"]["0002_0"].startswith(f"{tmp_path}/0002.mp4: is empty")
    assert numbers(records, 0) == [3, 4] and numbers(records, 1) == [0, 0, 0, 0]
