"""Reading foreign pickles: plain content of every protocol comes through, all else is refused."""

import collections
import itertools
import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgesture.readers import safe_pickle as unpickle
from microgesture.utils.errors import InputError


@pytest.fixture
def load(tmp_path):
    def run(content):
        path = tmp_path / "a.pkl"
        path.write_bytes(content)
        return unpickle.load(path)

    return run


def same(a, b):
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


RNG = np.random.default_rng(0)
ARRAYS = {
    "half": RNG.normal(size=(1, 5, 25, 2)).astype("f2"),
    "fortran": np.asfortranarray(RNG.normal(size=(3, 4))),
    "big endian": np.arange(3, dtype=">i4"),
    "text": np.array(["ab", "çde"]),
    "bytes": np.array([b"x"]),
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "empty": np.zeros((0, 3)),
    "scalar array": np.array(3.0),
    "view": np.arange(12).reshape(3, 4)[:, ::2],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(load, protocol, name):
    assert same(load(pickle.dumps(ARRAYS[name], protocol)), ARRAYS[name])


DTYPES = ["f2", "f4", "f8", "i1", "u2", "i4", "i8", "?", "c8", "S3", "U2"]
LAYOUTS = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "axes reversed": lambda a: a.transpose(2, 1, 0),
    "axes permuted": lambda a: a.transpose(2, 0, 1),
    "view": lambda a: a[:, ::2, 1:],
    "backwards": lambda a: a[::-1],
    "empty": lambda a: a[:0].transpose(1, 0, 2),
    "single": lambda a: a[:1].transpose(1, 2, 0),
    "no axes": lambda a: a[1, 1, 1:2].reshape(()),
    "flat": np.ravel,
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("order", "<>")
def test_arrays_are_those_that_numpy_unpickles(load, protocol, layout, order):
    values = np.random.default_rng(1).integers(0, 100, (2, 3, 4))
    for code in DTYPES:
        array = LAYOUTS[layout](values.astype(np.dtype(code).newbyteorder(order)))
        content = pickle.dumps(array, protocol)
        for expected in (pickle.loads(content), array):  # numpy's own may be in native order
            assert load(content).dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
            np.testing.assert_array_equal(load(content), expected, strict=False)
            assert load(content).shape == expected.shape
        got = load(pickle.dumps({"a": [array, array], "n": array.T}, protocol))
        assert got["a"][0] is got["a"][1] and np.array_equal(got["n"], array.T)


def test_axes_of_a_permuted_array_as_numpy_2_3_writes_them(load):
    cube = np.arange(24, dtype="f4").reshape(2, 3, 4)
    for axes in itertools.permutations(range(3)):
        # what `ndarray.__reduce_ex__(5)` gives, whichever numpy runs the test
        made = Call(numeric_frombuffer(), cube.tobytes(), cube.dtype, cube.shape, "K", axes)
        assert same(load(pickle.dumps(made, 5)), cube.transpose(axes))
    for axes in ((0, 1), (0, 1, 1), (0, 1, 3), (0, 1, 2.0), [0, 1, 2], 1):
        made = Call(numeric_frombuffer(), cube.tobytes(), cube.dtype, cube.shape, "K", axes)
        with pytest.raises(InputError, match="is not a complete pickle"):
            load(pickle.dumps(made, 5))


def numeric_frombuffer():
    return pickle.loads(b"\x80\x04\x8c\x13numpy._core.numeric\x8c\x0b_frombuffer\x93.")


def test_arrays_whose_bytes_are_elsewhere_are_refused(load):
    buffers = []
    content = pickle.dumps(np.arange(5.0), 5, buffer_callback=buffers.append)
    assert buffers
    with pytest.raises(InputError, match=r"out of band.*without buffer_callback"):
        load(content)


def test_an_empty_text_of_numpy(load):
    for value in (np.str_(""), np.bytes_(b"")):
        assert same(load(pickle.dumps(value)), value)


def test_an_array_in_the_first_protocol_of_python_2(load):
    content = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntS'b'\ntR(I1\n(I2\nt"
        b"cnumpy\ndtype\n(S'i2'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
        b"S'\\x01\\x00\xfe\\xff'\ntb."
    )
    expected = pickle.loads(content, encoding="latin1")
    assert expected.tolist() == [1, -2] and same(load(content), expected)


@pytest.mark.parametrize("protocol", range(6))
def test_scalars_and_containers(load, protocol):
    shared = [1, 2]
    value = {
        "numpy": [np.float32(2.5), np.int64(-7), np.str_("a"), np.bool_(True)],
        "plain": (None, True, 3, -1, 10**40, 1.5, float("inf"), "é\n", b"\xff\0", bytearray(b"1")),
        "sets": [{1, 2}, frozenset(["a"]), set()],
        "shared": [shared, shared],
        "empty": [[], (), {}, "", b""],
    }
    assert same(load(pickle.dumps(value, protocol)), value)
    got = load(pickle.dumps([shared, shared], protocol))
    assert got[0] is got[1]


def test_an_ordered_dict_is_a_dict(load):
    content = pickle.dumps(collections.OrderedDict([("b", 1), ("a", 2)]))
    assert load(content) == {"b": 1, "a": 2}


def test_numpy_1_named_its_module_otherwise(load):
    content = pickle.dumps(np.arange(3.0), 2)
    older = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert older != content
    assert same(load(older), np.arange(3.0))


def test_an_array_that_python_2_wrote(load):
    # its raw bytes are a text of one byte a letter
    raw = np.arange(3, dtype="<f4").tobytes()
    old = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(raw)]) + raw + b"tb."
    )
    with np.errstate(all="ignore"):
        assert same(pickle.loads(old, encoding="latin1"), np.arange(3, dtype="<f4"))
    assert same(load(old), np.arange(3, dtype="<f4"))


class Call:
    """Pickled as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Plain:
    pass


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (Call(os.system, "touch ran"), "posix.system"),
        (Call(eval, "open('ran', 'w')"), "eval"),
        (Call(open, "ran", "w"), "open"),
        (Call(getattr, "a", "upper"), "getattr"),
        (Call(np.load, "x.npy", None, True), "numpy.load"),
        (Call(np.fromfile, "/dev/zero"), "fromfile"),
        (Plain(), ""),
        (os.system, "posix.system"),
        (np.array([Call(os.system, "touch ran")], object), "dtype 'O8'"),
    ],
)
def test_nothing_else_is_admitted_and_nothing_runs(
    load, tmp_path, monkeypatch, protocol, thing, name
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        load(pickle.dumps({"annotations": [thing]}, protocol))
    assert not (tmp_path / "ran").exists()
    message = str(caught.value)
    assert name in message and "a.pkl: byte " in message and "\n" not in message


def test_the_message_names_what_was_asked_for(load):
    with pytest.raises(InputError, match=r"asks for posix.system, which could run code.*not trust"):
        load(pickle.dumps(Call(os.system, "true")))


def test_a_name_with_line_breaks_stays_on_one_line(load):
    content = b"\x80\x04\x8c\x03a\nb\x8c\x03c\nd\x93."
    with pytest.raises(InputError, match=r"asks for a\\nb.c\\nd,"):
        load(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02P7\n.",
        b"\x80\x02]Q.",
        b"\x80\x02\x82\x01.",
        b"(ios\nsystem\n.",
        b"(cos\nsystem\no.",
        b"\x80\x05\x97.",
        b"\x80\x02cnumpy\ndtype\n)\x81.",
    ],
    ids=["persistent", "binary persistent", "extension", "inst", "obj", "buffer", "newobj"],
)
def test_other_ways_to_make_objects_are_refused(load, content):
    with pytest.raises(InputError, match=r"a.pkl: byte \d+: (holds the operation|asks for)"):
        load(content)


def array_of(shape, dtype="f8", raw=b"12345678"):
    made = pickle.dumps(np.frombuffer(raw, "f8"), 2)
    old, new = pickle.dumps((1,), 2)[2:-1], pickle.dumps(shape, 2)[2:-1]
    assert made.count(b"K\x01\x85") == 1 and old[:3] == b"K\x01\x85"
    return made.replace(b"K\x01\x85", new.partition(b"q")[0]).replace(b"X\x02\x00\x00\x00f8", dtype)


@pytest.mark.parametrize(
    "shape", [(10**12,), (2**62, 4), (3, 10**6, 10**6), (2,), (0,), (2**63, 0)]
)
def test_a_shape_that_its_bytes_do_not_hold_sets_nothing_aside(load, shape):
    content = array_of(shape, b"X\x02\x00\x00\x00f8")
    tracemalloc.start()
    with pytest.raises(InputError, match=r"states an array of .* but holds 8 bytes"):
        load(content)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("code", ["O8", "V8", "M8", "f8,f8", "U99999999", "f3", "", "8f8"])
def test_other_dtypes_are_refused(load, code):
    raw = code.encode()
    with pytest.raises(InputError):
        load(array_of((1,), b"X" + struct.pack("<I", len(raw)) + raw))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.",  # bytes of a terabyte
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.",  # a byte array of a terabyte
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"abc.",  # text of a terabyte
        b"\x80\x02\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"\1.",  # a number of 2 GB
        b"\x80\x02Nr\xff\xff\xff\x7f0.",  # a place far out in the memo, then nothing
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N",  # a frame of a terabyte, no end
    ],
    ids=["bytes", "bytearray", "text", "number", "memo", "frame"],
)
def test_a_stated_length_sets_nothing_aside(load, content):
    tracemalloc.start()
    with pytest.raises(InputError, match="is not a complete pickle"):
        load(content)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_nesting_of_any_depth_is_no_recursion(load):
    depth = 200_000
    value = load(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
    count = 0
    while value:
        value, count = value[0], count + 1
    assert count == depth - 1


def test_a_nested_key_is_refused_before_it_is_hashed(load):
    content = b"\x80\x02})" + b"\x85" * 200_000 + b"Ns."
    with pytest.raises(InputError, match="key or member of a set that is a tuple"):
        load(content)


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04", b"hello", b"\x80\x04.", b"(.", b"\x80\x04N0."]
)
def test_what_is_no_complete_pickle(load, content):
    with pytest.raises(InputError, match=r"a\.pkl: .*is not a complete pickle"):
        load(content)


def test_every_cut_off_pickle_is_refused(load):
    content = pickle.dumps({"a": [np.arange(3), "text", 1.5, (1, 2)]})
    for end in range(len(content)):
        with pytest.raises(InputError):
            load(content[:end])


def test_a_missing_file_a_folder_and_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("none", ".", "pipe"):
        with pytest.raises(InputError, match="is not a file"):
            unpickle.load(tmp_path / name)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(value=PLAIN, protocol=st.integers(0, 5))
def test_plain_values_come_through(tmp_path_factory, value, protocol):
    path = tmp_path_factory.getbasetemp() / "plain.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert same(unpickle.load(path), value)


def test_the_operations_are_those_of_the_standard_library():
    names = {op.name for op in unpickle.pickletools.opcodes}
    handled = {*unpickle._HANDLERS, *unpickle._LITERALS, *unpickle._CONSTANTS}
    assert handled <= names
    assert names - handled == {
        *("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"),
        *("NEXT_BUFFER", "READONLY_BUFFER", "PROTO", "FRAME", "STOP"),
    }
