import json
from dataclasses import fields

import numpy as np
import pytest
import yaml

from microgesture.data.layouts import layout_from_dict, load_layout
from microgesture.utils.errors import InputError
from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / "config/layouts").glob("*.yaml"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def layout(request):
    return load_layout(request.param)


def test_every_layout_is_one_tree_that_mirrors_onto_itself(layout):
    assert (layout.hops() >= 0).all()
    assert len(layout.edges) == len(layout.joints) - 1
    assert (layout.flip[layout.flip] == np.arange(len(layout.joints))).all()
    assert (layout.limb_flip[layout.limb_flip] == np.arange(len(layout.edges))).all()
    for edge, partner in zip(layout.edges, layout.edges[layout.limb_flip], strict=True):
        assert set(layout.flip[edge]) == set(partner)


def test_a_layout_comes_back_from_a_json_file_that_sorts_its_keys(layout, tmp_path):
    raw = json.loads(json.dumps(layout.as_dict(), sort_keys=True))
    back = layout_from_dict(raw, tmp_path / "model.safetensors")
    for field in fields(layout):
        one, other = getattr(layout, field.name), getattr(back, field.name)
        assert np.array_equal(one, other), field.name


def test_left_and_right_are_swapped_by_name(layout):
    for name, partner in zip(layout.joints, np.array(layout.joints)[layout.flip], strict=True):
        mirrored = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert partner == mirrored


def test_openpose22_is_the_published_layout(layout22):
    # the ids as they stand in the documentation of the 2023 release
    published = [*range(8), 15, 16, 17, 18, 99, 103, 107, 111, 115, 120, 124, 128, 132, 136]
    assert layout22.points.tolist() == published
    edges = {
        (1, 0),
        (1, 2),
        (2, 3),
        (3, 4),
        (1, 5),
        (5, 6),
        (6, 7),
        (0, 8),
        (8, 10),
        (0, 9),
        (9, 11),
    }
    edges |= {(7, tip) for tip in range(12, 17)} | {(4, tip) for tip in range(17, 22)}
    assert set(map(tuple, layout22.edges.tolist())) == edges
    pairs = [(2, 5), (3, 6), (4, 7), (8, 9), (10, 11), *[(tip, tip + 5) for tip in range(12, 17)]]
    expected = np.arange(22)
    for a, b in pairs:
        expected[a], expected[b] = b, a
    assert layout22.flip.tolist() == expected.tolist()


def test_openpose41_adds_19_points_of_the_face(layout22, layout41):
    assert layout41.points[:22].tolist() == layout22.points.tolist()
    face = layout41.points[22:]
    assert len(face) == 19 and face.min() >= 25 and face.max() < 95
    assert layout41.channels("joint") == 41 and layout41.channels("limb") == 40


def test_adjacency_by_hand(tmp_path):
    # a chain out - middle - center: each column is divided by its joint's neighbours and itself
    path = write(
        tmp_path,
        joints={"center": 0, "middle": 1, "out": 2},
        center="center",
        edges=[["center", "middle"], ["middle", "out"]],
        flip=[],
    )
    same, further, nearer = load_layout(path).adjacency()
    assert np.allclose(same, np.diag([1 / 2, 1 / 3, 1 / 2]))
    assert np.allclose(further, [[0, 0, 0], [1 / 2, 0, 0], [0, 1 / 3, 0]])
    assert np.allclose(nearer, [[0, 1 / 3, 0], [0, 0, 1 / 2], [0, 0, 0]])


def test_adjacency_sums_to_one_over_neighbours(layout):
    assert np.allclose(layout.adjacency().sum(axis=(0, 1)), 1)


def test_directed_adjacency_by_hand(tmp_path):
    # a chain out - middle - center - twin: each subset's columns are divided by their own sum
    path = write(
        tmp_path,
        joints={"center": 0, "middle": 1, "out": 2, "twin": 3},
        center="center",
        edges=[["center", "middle"], ["out", "middle"], ["center", "twin"]],
        flip=[],
    )
    same, nearer, further = load_layout(path).directed_adjacency()
    assert np.array_equal(same, np.eye(4))
    assert np.array_equal(nearer, [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    half = [[0, 0, 0, 0], [1 / 2, 0, 0, 0], [0, 1, 0, 0], [1 / 2, 0, 0, 0]]
    assert np.array_equal(further, half)


def test_directed_adjacency_is_that_of_two_stream_agcn(layout):
    """As its get_spatial_graph makes it of links (child, parent), a loop for each normalisation."""
    size, parents = len(layout.joints), layout.parents()
    links = [(child, parent) for child, parent in enumerate(parents) if child != parent]
    expected = np.zeros((3, size, size))
    for k, pairs in enumerate(
        ([(v, v) for v in range(size)], links, [(parent, child) for child, parent in links])
    ):
        for start, end in pairs:
            expected[k, end, start] = 1
        for w in range(size):
            if expected[k, :, w].sum() > 0:
                expected[k, :, w] /= expected[k, :, w].sum()
    np.testing.assert_allclose(layout.directed_adjacency(), expected, rtol=1e-6)


def write(folder, **changes):
    raw = {
        "name": "small",
        "center": "neck",
        "joints": {"neck": 1, "left": 5, "right": 2},
        "edges": [["neck", "left"], ["neck", "right"]],
        "flip": [["left", "right"]],
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({**raw, **changes}, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"edges": [["neck", "left"], ["neck", "rihgt"]]}, r"edges\[1\] names the joint 'rihgt'"),
        ({"edges": [["neck", "left"]], "flip": []}, "right: no edges lead to neck"),
        (
            {"edges": [["neck", "left"], ["neck", "right"], ["left", "right"]]},
            "form a cycle",
        ),
        ({"edges": [["neck", "left"], ["left", "right"]]}, "neck - left has no mirror image"),
        (
            {"flip": [["left", "right"], ["right", "neck"]]},
            r"flip\[1\] names a joint that an earlier",
        ),
        ({"joints": {"neck": 1, "left": 5, "right": 5}}, "same point number"),
        ({"flip": []}, "flip does not pair left with right"),
        ({"joints": {"neck": 1, "left": 5, "right": 137}}, "right is point 137; expected 0 to 136"),
        ({"joints": [["neck", 1], ["left"]]}, "joints must map each joint's name"),
        ({"center": "nose"}, "center names the joint 'nose'"),
        ({"colour": "red"}, "expected the keys"),
        ({"edges": [["neck"]]}, r"edges\[0\] is \['neck'\]; expected two joint names"),
    ],
)
def test_a_wrong_layout_is_refused_with_its_file_and_entry(tmp_path, changes, said):
    path = write(tmp_path, **changes)
    with pytest.raises(InputError, match=said) as caught:
        load_layout(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_layout_is_refused(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("joints: [")
    with pytest.raises(InputError, match="cannot be read as a layout"):
        load_layout(path)


def test_parents_lead_to_the_center_along_the_edges(layout):
    parents, hops = layout.parents(), layout.hops()
    edges = {frozenset(edge) for edge in layout.edges.tolist()}
    for joint, parent in enumerate(parents.tolist()):
        if joint == layout.center:
            assert parent == joint
        else:
            assert hops[parent] == hops[joint] - 1 and frozenset((joint, parent)) in edges


def test_a_motion_has_the_joints_channels(layout22):
    assert layout22.channels("joint_motion") == 22 and layout22.channels("limb") == 21
    assert np.array_equal(layout22.channel_flip("joint_motion"), layout22.flip)


@pytest.mark.parametrize("as_pairs", [False, True])
def test_a_joint_that_yaml_takes_for_something_else_is_to_be_quoted(layout22, tmp_path, as_pairs):
    joints = {"no": 0, "neck": 1, "wrist": 4}
    raw = {"name": "n", "center": "neck", "edges": [["neck", "wrist"]], "flip": []}
    given = yaml.safe_load(yaml.safe_dump(joints).replace("'no'", "no"))
    raw["joints"] = list(map(list, given.items())) if as_pairs else given
    with pytest.raises(InputError, match=r"n.yaml: joints: False is no name; put it in quotes"):
        layout_from_dict(raw, tmp_path / "n.yaml")
