"""What a pickle may ask for: the makers of arrays, bytes and sets, by the names in the file."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

PLAIN = (str, bytes, int, float, np.generic, type(None))
# Booleans, integers, floats, complex numbers, byte strings and text; an object array could nest.
KINDS = "biufcSU"
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
OTHERS = "only numbers, text, bytes, lists, tuples, sets, dicts and numpy arrays are admitted"


class Refused(Exception):
    """The pickle holds what is not admitted, or is not a pickle."""


@dataclass
class Made:
    """An array or a dtype whose content comes in a later operation."""

    kind: str
    value: Any = None


def hashable(key: Any) -> Hashable:
    """Plain keys only: the hash of nested tuples recurses without a limit.

    Nor what many different values of share a hash, which makes a dict of them take hours.
    """
    if type(key) is int and key.bit_length() > 64:
        raise Refused("has a key or member of a set that is an int of more than 64 bits")
    if not isinstance(key, PLAIN) or isinstance(key, np.complexfloating):
        raise Refused(f"has a key or member of a set that is a {type(key).__name__}, but {OTHERS}")
    return key


def _bytes(value: Any) -> bytes:
    """Raw bytes; Python 2 wrote them as text of one byte a letter."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if not isinstance(value, bytes | bytearray):
        raise Refused(f"gives a {type(value).__name__} where bytes are due")
    return bytes(value)


def _dtype_of(value: Any) -> np.dtype:
    if not isinstance(value, Made) or value.kind != "dtype":
        raise ValueError("an array has no dtype")
    return value.value


def _dtype(code: Any, *_: Any) -> Made:
    text = code.decode("ascii") if isinstance(code, bytes) else code
    # "f4" or "U12": a longer text could describe a structure
    plain = isinstance(text, str) and text[:1] in KINDS and text[1:].isdecimal()
    if not plain or len(text) > 8:
        shown = ascii(text)[:40] if isinstance(text, str) else type(text).__name__
        raise Refused(f"holds an array of dtype {shown}, but {OTHERS}")
    return Made("dtype", np.dtype(text))


def with_byte_order(dtype: np.dtype, state: tuple[Any, ...]) -> np.dtype:
    """The dtype with the byte order that the state of a pickled dtype gives; no structures."""
    order: Any = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
    if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise Refused(f"holds an array of a structured dtype, but {OTHERS}")
    return dtype if order == "|" else dtype.newbyteorder(order)


def array(shape: Any, dtype: Any, fortran: Any, raw: Any) -> np.ndarray:
    """An array over raw bytes, once its shape was held against how many there are."""
    kind, content = _dtype_of(dtype), _bytes(raw)
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("the shape of an array is no tuple of whole numbers")
    if kind.itemsize == 0 or len(shape) > 32:
        raise ValueError("an array has items of no size or more than 32 axes")
    needed = prod(shape) * kind.itemsize
    if needed != len(content):
        stated = " x ".join(str(n) if n < 10**18 else "very many" for n in shape) or "1"
        raise Refused(
            f"states an array of {stated} {kind} values, but holds {len(content)} bytes of it; "
            "nothing was set aside for it: write the file again"
        )
    flat = np.frombuffer(content, kind)
    return flat.reshape(shape, order="F" if fortran else "C")


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    """An array as protocol 5 writes it.

    numpy >= 2.3 gives with the order "K" which axes to exchange afterwards: the shape is that of
    the memory, before they are.
    """
    if order != "K" or axes is None:
        if order not in ("C", "F"):
            raise ValueError("the order of an array is none of C, F and K")
        return array(shape, dtype, order == "F", raw)
    if type(axes) is not tuple or not all(type(n) is int for n in axes):
        raise ValueError("the axes of an array are no tuple of whole numbers")
    return array(shape, dtype, False, raw).transpose(axes)


def _scalar(dtype: Any, raw: Any) -> Any:
    kind = _dtype_of(dtype)
    # an empty text has no bytes, of which no array can be made
    return array((1,), dtype, False, raw)[0] if kind.itemsize else kind.type()


def _encode(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes are given in an encoding other than latin1")
    return text.encode("latin-1")


def _reconstruct(*_: Any) -> Made:
    return Made("array")


def make_set(items: Any = ()) -> set[Any]:
    """A set of plain members."""
    if type(items) is not list and items != ():
        raise ValueError("a set is not made from a list")
    return {hashable(item) for item in items}


def _nothing(make: Callable[[], Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        if arguments:
            raise Refused(f"makes a {make.__name__} from something, but {OTHERS}")
        return make()

    return call


def _byte_array(content: Any = b"", encoding: Any = "latin-1") -> bytearray:
    return bytearray(_bytes(content))


CALLS: dict[str, Callable[..., Any]] = {
    "reconstruct": _reconstruct,
    "scalar": _scalar,
    "dtype": _dtype,
    "frombuffer": _from_buffer,
    "encode": _encode,
    "bytes": _nothing(bytes),
    "bytearray": _byte_array,
    "dict": _nothing(dict),
    "set": make_set,
    "frozenset": lambda items=(): frozenset(make_set(items)),
}

NAMES = {
    **{f"{module}._reconstruct": "reconstruct" for module in MODULES},
    **{f"{module}.scalar": "scalar" for module in MODULES},
    "numpy.core.numeric._frombuffer": "frombuffer",
    "numpy._core.numeric._frombuffer": "frombuffer",
    "numpy.dtype": "dtype",
    "numpy.ndarray": "ndarray",
    "_codecs.encode": "encode",
    "collections.OrderedDict": "dict",
    **{
        f"{module}.{name}": name
        for module in ("builtins", "__builtin__")
        for name in ("bytes", "bytearray", "set", "frozenset")
    },
}
