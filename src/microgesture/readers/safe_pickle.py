"""Reading a pickle that somebody else wrote, without running anything that it asks for.

A pickle is a program. This interpreter knows the operations that build numbers, text, bytes, plain
containers and numpy arrays, and nothing else: no name in the file is ever imported or called, and
no size in it is believed before it was held against the bytes that are there.
"""

import codecs
import io
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.readers.pickle_values import (
    CALLS,
    NAMES,
    OTHERS,
    Made,
    Refused,
    array,
    hashable,
    make_set,
    with_byte_order,
)
from microgesture.utils.content import check_file
from microgesture.utils.errors import InputError
from microgesture.utils.memory import bounded

_MARK = object()
_OPERATIONS: dict[bytes, tuple[str, Any]] = {
    operation.code.encode("latin-1"): (operation.name, operation.arg and operation.arg.reader)
    for operation in pickletools.opcodes
}


@dataclass
class _Global:
    """A name that the file asks for; a stand-in, never the thing itself."""

    name: str


def load(path: str | Path) -> Any:
    """Read a pickle of plain containers and numpy arrays.

    Parameters
    ----------
    path
        The file; protocols 0 to 5, written by numpy 1 or 2, or by Python 2.

    Returns
    -------
    Any
        What was pickled; arrays are read-only views of the file's bytes.

    Raises
    ------
    InputError
        If the file cannot be read or is no complete pickle, asks for anything but numpy arrays and
        plain containers (the message names it), states sizes that its bytes do not hold, or takes
        more than its `microgesture.utils.memory.allowance`.

    """
    try:
        check_file(path)
        if not Path(path).is_file():
            raise Refused("is not a file; check the path")
        with open(path, "rb") as handle:
            size = handle.seek(0, io.SEEK_END)
            handle.seek(0)
            with bounded(path):
                return _Machine(size).run(_Bounded(handle, size))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Refused as error:
        raise InputError(f"{path}: {error}") from None


class _Bounded:
    """A file that never sets memory aside for more than it has left."""

    def __init__(self, handle: io.BufferedReader, size: int) -> None:
        self.handle, self.size = handle, size
        self.place = 0

    def read(self, count: int) -> bytes:
        content = self.handle.read(max(0, min(count, self.size - self.place)))
        self.place += len(content)
        return content

    def readline(self) -> bytes:
        line = self.handle.readline()
        self.place += len(line)
        return line


def _next_operation(file: _Bounded) -> tuple[str, Any]:
    """Name and argument of an operation, read strictly: an argument is complete."""
    code = file.read(1)
    if code not in _OPERATIONS:
        raise ValueError(f"{code!r} is no operation" if code else "it does not end")
    name, reader = _OPERATIONS[code]
    if name == "STRING":
        return name, _python2_text(file.readline())
    return name, reader(file) if reader else None


def _python2_text(line: bytes) -> str:
    """The text of Python 2's protocol 0, which holds an array's bytes, too."""
    text = line.removesuffix(b"\n")
    if not line.endswith(b"\n") or len(text) < 2 or text[0] != text[-1] or text[0] not in b"'\"":
        raise ValueError("a text has no quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin-1")


class _Machine:
    """The stack machine of a pickle, cut down to what builds data."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left = 2 * size  # bytes that may yet be made of the file's own

    def run(self, file: _Bounded) -> Any:
        place = 0
        try:
            # the strict reading of the operations, with their arguments checked for completeness
            while True:
                place = file.place
                name, argument = _next_operation(file)
                if name == "STOP":
                    return self.pop()
                self.step(name, argument)
        except Refused as error:
            raise Refused(f"byte {place}: {error}") from None
        except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
            text = " ".join(str(error).split())[:100]
            raise Refused(
                f"byte {place}: is not a complete pickle ({text}); write the file again"
            ) from None

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _HANDLERS:
            _HANDLERS[name](self, argument)
        elif name == "NEXT_BUFFER":
            raise Refused(
                "holds the operation NEXT_BUFFER: the bytes of its arrays are kept outside of it "
                "(out of band); write it again without buffer_callback"
            )
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"holds the operation {name}, but {OTHERS}; nothing was run")

    def pop(self) -> Any:
        """The top of the stack, with an array's stand-in replaced by the array."""
        if not self.stack or self.stack[-1] is _MARK:
            raise ValueError("an operation finds nothing to work on")
        top = self.stack.pop()
        if isinstance(top, _Global):
            raise Refused(f"holds {top.name} itself, but {OTHERS}; nothing was run")
        if isinstance(top, Made) and top.kind == "array":
            if top.value is None:
                raise ValueError("an array has no content")
            return top.value
        return top

    def pop_to_mark(self) -> list[Any]:
        items = []
        while self.stack and self.stack[-1] is not _MARK:
            items.append(self.pop())
        self.stack.pop()
        return items[::-1]

    def under(self, kind: type) -> Any:
        """The container on top of the stack, to put something in."""
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f"an operation finds no {kind.__name__} to work on")
        return self.stack[-1]

    def reduce(self, _: Any) -> None:
        arguments = self.pop()
        called = self.stack.pop()
        if type(arguments) is not tuple or not isinstance(called, _Global):
            raise ValueError("something is called that is no name")
        made = CALLS[called.name](*arguments)
        self.count(made)
        self.stack.append(made)

    def build(self, _: Any) -> None:
        state = self.pop()
        made = self.stack[-1]
        if not isinstance(made, Made) or type(state) is not tuple:
            raise Refused(f"sets the inside of a {type(made).__name__}, but {OTHERS}")
        if made.kind == "array":
            made.value = array(*state[-4:])
            self.count(made.value)
        else:
            made.value = with_byte_order(made.value, state)

    def count(self, made: Any) -> None:
        """Hold bytes and arrays against the file: text becomes bytes, and these an array."""
        kind = type(made)
        if kind is bytes or kind is bytearray:
            self.left -= len(made)
        elif kind is np.ndarray:
            self.left -= made.nbytes
        if self.left < 0:
            raise Refused("makes more bytes than it holds; write the file again")

    def find(self, module: str, name: str) -> None:
        wanted = f"{module}.{name}"
        if wanted not in NAMES:
            # a name may be any text, line breaks included
            raise Refused(
                f"asks for {ascii(wanted)[1:-1][:80]}, which could run code, but {OTHERS}; "
                "nothing was run: do not trust the file"
            )
        # the class of an array is only ever an argument, and which one is known
        self.stack.append(None if wanted == "numpy.ndarray" else _Global(NAMES[wanted]))

    def stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise ValueError("a name is no text")
        self.find(module, name)

    def put(self, number: int | None) -> None:
        if not self.stack or self.stack[-1] is _MARK:
            raise ValueError("an operation finds nothing to work on")
        self.memo[len(self.memo) if number is None else number] = self.stack[-1]

    def set_items(self, items: list[Any]) -> None:
        target = self.under(dict)
        if len(items) % 2:
            raise ValueError("a key has no value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[hashable(key)] = value


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "MARK": lambda: _MARK,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}

# Operations that push their own argument; those that push "any" look something up.
_LITERALS = {
    op.name
    for op in pickletools.opcodes
    if op.arg and not op.stack_before and op.stack_after not in ([], [pickletools.anyobject])
}


def _memoized(machine: _Machine, number: Any) -> None:
    machine.stack.append(machine.memo[int(number)])


def _drop(machine: _Machine, _: Any) -> None:
    machine.stack.pop()


def _drop_to_mark(machine: _Machine, _: Any) -> None:
    machine.pop_to_mark()


def _put(machine: _Machine, number: Any) -> None:
    machine.put(None if number is None else int(number))


def _tuple_of(count: int) -> Callable[[_Machine, Any], None]:
    def make(machine: _Machine, _: Any) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(reversed(items)))

    return make


def _append(machine: _Machine, _: Any) -> None:
    item = machine.pop()
    machine.under(list).append(item)


def _appends(machine: _Machine, _: Any) -> None:
    items = machine.pop_to_mark()
    machine.under(list).extend(items)


def _set_item(machine: _Machine, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_items([key, value])


def _dict_of(machine: _Machine, _: Any) -> None:
    items = machine.pop_to_mark()
    machine.stack.append({})
    machine.set_items(items)


def _add_items(machine: _Machine, _: Any) -> None:
    items = machine.pop_to_mark()
    machine.under(set).update(map(hashable, items))


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "POP": _drop,
    "POP_MARK": _drop_to_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "LIST": lambda machine, _: machine.stack.append(machine.pop_to_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "FROZENSET": lambda machine, _: machine.stack.append(
        frozenset(make_set(machine.pop_to_mark()))
    ),
    "DICT": _dict_of,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "ADDITEMS": _add_items,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _put,
    "GET": _memoized,
    "BINGET": _memoized,
    "LONG_BINGET": _memoized,
    "GLOBAL": lambda machine, argument: machine.find(*argument.split(" ", 1)),
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
