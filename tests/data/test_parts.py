import numpy as np
import pytest

from microgesture.data.layouts import layout_from_dict, load_layout
from microgesture.data.parts import part_joints, view_of
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY

LAYOUTS = REPOSITORY / "config/layouts"
PARTS = [["body"], ["body", "hands"], ["hands", "body", "head"], ["left_hand", "right_hand"]]


def layout(name):
    return load_layout(LAYOUTS / f"{name}.yaml")


def test_without_parts_a_view_is_the_layout(layout22):
    view = view_of(layout22)
    assert view.joints.tolist() == list(range(22)) and view.boxes == 1
    for stream in ("joint", "limb", "joint_motion"):
        assert view.sizes(stream) == [layout22.channels(stream)]
        assert np.array_equal(view.channel_flip(stream), layout22.channel_flip(stream))
    assert np.array_equal(view.edges, layout22.edges)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("name", ["openpose22", "openpose73"])
def test_a_mirror_image_swaps_points_and_limbs_of_mirrored_parts(name, parts):
    own = layout(name)
    view = view_of(own, parts)
    assert [own.joints[v] for v in view.joints[view.box == 0]] == [
        own.joints[v] for v in part_joints(own, parts[0])
    ]
    for stream in ("joint", "limb"):
        flip = view.channel_flip(stream)
        assert len(flip) == sum(view.sizes(stream))
        assert np.array_equal(flip[flip], np.arange(len(flip)))
    assert np.array_equal(view.joints[view.flip], own.flip[view.joints])
    sides = ["left_hand", "right_hand"]
    swapped = [
        parts.index(sides[1 - sides.index(p)]) if p in sides else parts.index(p) for p in parts
    ]
    assert np.array_equal(view.box[view.flip], np.array(swapped)[view.box])
    assert (view.box[view.edges[:, 0]] == view.box[view.edges[:, 1]]).all()
    for edge, other in zip(view.edges, view.edges[view.limb_flip], strict=True):
        assert set(view.flip[edge]) == set(other)


def test_parts_of_a_layout_are_those_of_its_file_or_the_regions():
    assert view_of(layout("openpose73"), ["body", "hands", "head"]).sizes("joint") == [41, 44, 24]
    assert view_of(layout("openpose22"), ["body", "hands"]).sizes("joint") == [22, 12]
    assert view_of(layout("openpose_hands"), ["hands"]).sizes("limb") == [43]
    raw = layout("openpose22").as_dict()
    again = layout_from_dict({**raw, "parts": {"body": ["neck", "nose"]}}, LAYOUTS)
    assert view_of(again, ["body"]).sizes("joint") == [2]
    assert layout_from_dict(again.as_dict(), LAYOUTS).parts == {"body": (0, 1)}


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"feet": ["nose"]}, "found 'feet', expected body"),
        (["nose"], "expected body"),
        ({"body": []}, r"parts\.body: expected a list"),
        ({"body": ["nose", "nose"]}, r"parts\.body: expected a list"),
        ({"body": ["toe"]}, r"parts\.body names the joint 'toe', which is not in joints"),
    ],
)
def test_parts_of_a_file_are_checked(layout22, parts, says):
    with pytest.raises(InputError, match=says):
        layout_from_dict({**layout22.as_dict(), "parts": parts}, LAYOUTS)


def test_a_part_that_is_not_there_or_has_no_mirror_image_is_named(layout22):
    with pytest.raises(InputError, match="kinect25 has 1 joints of the part head, which needs 3"):
        view_of(layout("kinect25"), ["head"])
    with pytest.raises(InputError, match="openpose_hands has 0 joints of the part head"):
        view_of(layout("openpose_hands"), ["hands", "head"])
    with pytest.raises(InputError, match="left_hand is there without its mirror image"):
        view_of(layout22, ["body", "left_hand"])
