"""Reads the pickles of this program and of the guide's as data: nothing that they name is imported or called.

A pickle is a program for a small stack machine. This is that machine with the instructions that numbers, texts, arrays
and the names of a few functions need; the standard library only splits the file into instructions. What can be built is
a dict of such values and of flat lists and tuples of them: nothing grows beyond the file, or nests deep enough to
exhaust the stack.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

# Functions that a pickle may name, by module and name, "siamese.SAM". They are handed on and never called.
Functions = Mapping[str, Callable[..., Any]]

_NUMBERS = re.compile(r"[<>=|]?(f2|f4|f8|i1|i2|i4|i8|u1|u2|u4|u8|b1)")
_MARK = object()
# A pickle can use a value again and again, each time as a copy. No sound one makes its reader look at this many values
# and bytes.
_WORK_A_BYTE, _LEAST_WORK = 16, 2**16


def loads(data: bytes, functions: Functions | None = None) -> Any:
    """Read a pickle of plain values, NumPy arrays and functions.

    Args:
        data: the content of a file.
        functions: those that it may name; None for none.

    Raises:
        pickle.UnpicklingError: if it holds or refers to anything else; what damaged bytes raise besides is not known.
    """
    functions = functions or {}
    machine = _Machine(_WORK_A_BYTE * len(data) + _LEAST_WORK, functions)
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            break
        machine.step(opcode.name, argument)
    value = machine.pop()
    machine.work_on(value.values() if isinstance(value, dict) else [value])
    if isinstance(value, dict):
        return {key: _finished(entry, functions) for key, entry in value.items()}
    return _finished(value, functions)


@dataclass(frozen=True)
class _Constructor:
    """What stands for something that a pickle refers to in order to call it."""

    call: Callable[..., Any]


@dataclass
class _Dtype:
    """A NumPy number type; a pickle gives its byte order as state."""

    dtype: np.dtype

    def set_state(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


@dataclass
class _Array:
    """An array; a pickle gives its content as state."""

    values: np.ndarray | None = None

    def set_state(self, state: tuple) -> None:
        _, shape, dtype, column_major, data = state
        self.values = _from_buffer(data, dtype, shape, "F" if column_major else "C")


def _dtype(code: str, *_: Any) -> _Dtype:
    if not (isinstance(code, str) and _NUMBERS.fullmatch(code)):
        raise pickle.UnpicklingError(f"it holds values of type {_short(code)}, which is not a number type")
    return _Dtype(np.dtype(code))


def _from_buffer(data: bytes | str, dtype: _Dtype, shape: tuple, order: str = "C") -> np.ndarray:
    """numpy's _frombuffer; a shape that does not fit the bytes is a ValueError."""
    return np.frombuffer(_bytes(data), dtype.dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: _Dtype, data: bytes | str) -> Any:
    """numpy's scalar."""
    return np.frombuffer(_bytes(data), dtype.dtype, count=1)[0]


def _bytes(data: bytes | str, encoding: str = "latin-1") -> bytes:
    """Bytes, also where they are written as text of Latin-1."""
    return data.encode("latin-1") if isinstance(data, str) else data


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Constructor(_dtype),
    ("numpy", "ndarray"): None,  # an argument of _reconstruct
    # How protocols up to 2 write bytes.
    ("_codecs", "encode"): _Constructor(_bytes),
    ("__builtin__", "bytes"): _Constructor(lambda: b""),
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1 and 2
    _ALLOWED |= {
        (f"{_core}.multiarray", "_reconstruct"): _Constructor(lambda kind, shape, code: _Array()),
        (f"{_core}.multiarray", "scalar"): _Constructor(_scalar),
        (f"{_core}.numeric", "_frombuffer"): _Constructor(_from_buffer),
    }


def _short(value: Any) -> str:
    """A value in a message: the start of a text, the type of anything else."""
    return repr(value[:80]) if isinstance(value, str) else type(value).__name__


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | bytes | bytearray | np.generic)


def _is_flat(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_plain, value))


def _finished(value: Any, functions: Functions) -> Any:
    """A value of the result; what is only good for building others is an error."""
    if isinstance(value, _Array) and value.values is not None:
        return value.values
    if _is_plain(value) or _is_flat(value) or isinstance(value, np.ndarray):
        return value
    if any(value is function for function in functions.values()):
        return value
    raise pickle.UnpicklingError("it holds more than numbers, texts, arrays and flat lists of them")


class _Machine:
    """The stack, the memo and the instructions."""

    def __init__(self, work: int, functions: Functions) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._work = work
        named = {tuple(name.rpartition(".")[::2]): function for name, function in functions.items()}
        self._known: dict[tuple[str, ...], Any] = _ALLOWED | named

    def work_on(self, values: Iterable[Any]) -> None:
        """Account for a look at, or a copy of, values."""
        self._work -= sum(len(value) if isinstance(value, Sized) else 1 for value in values)
        if self._work < 0:
            raise pickle.UnpicklingError("it uses its values over and over")

    def step(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        instruction = _INSTRUCTIONS.get(name)
        if instruction is None:
            raise pickle.UnpicklingError(f"it holds the instruction {name}, which is not allowed")
        instruction(self, argument)

    def pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise pickle.UnpicklingError("it takes a value that is not there")
        return self._stack.pop()

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def push_integer(self, value: int) -> None:
        if not -(2**63) <= value < 2**64:
            raise pickle.UnpicklingError("it holds an integer of more than 64 bits")
        self._stack.append(value)

    def pop_some(self, count: int) -> list[Any]:
        """The last values of the stack, in their order on it."""
        return [self.pop() for _ in range(count)][::-1]

    def pop_to_mark(self) -> list[Any]:
        values = []
        while self._stack[-1] is not _MARK:
            values.append(self._stack.pop())
        self._stack.pop()
        return values[::-1]

    def push_tuple(self, values: list[Any]) -> None:
        """Arguments, states and shapes."""
        self.work_on(values)
        if not all(_is_plain(value) or _is_flat(value) or isinstance(value, _Dtype) for value in values):
            raise pickle.UnpicklingError("it nests containers")
        self._stack.append(tuple(values))

    def push_list(self, values: list[Any]) -> None:
        self._stack.append([])
        self.extend(values)

    def extend(self, values: list[Any]) -> None:
        if not (isinstance(self._stack[-1], list) and all(map(_is_plain, values))):
            raise pickle.UnpicklingError("it nests containers")
        self._stack[-1].extend(values)

    def push_dict(self, values: list[Any]) -> None:
        self._stack.append({})
        self.set_items(values)

    def set_items(self, values: list[Any]) -> None:
        self.work_on(values)
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise pickle.UnpicklingError(f"it sets items of a {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str) or isinstance(value, dict):
                raise pickle.UnpicklingError("it nests containers, or has keys that are not text")
            target[key] = value

    def remember(self, place: int | None) -> None:
        """Keep the last value of the stack, at the next place where none is given."""
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def recall(self, place: int) -> None:
        self._stack.append(self._memo[place])

    def push_named(self, module: Any, name: Any) -> None:
        reference = (str(module), str(name))
        if reference not in self._known:
            raise pickle.UnpicklingError(f"it refers to {'.'.join(reference)[:80]}, which is not allowed")
        self._stack.append(self._known[reference])

    def call(self) -> None:
        """REDUCE: call what stands for a constructor; nothing else can be called."""
        arguments, function = self.pop(), self.pop()
        if not (isinstance(function, _Constructor) and isinstance(arguments, tuple)):
            raise pickle.UnpicklingError("it calls what cannot be called")
        self.work_on(arguments)
        self._stack.append(function.call(*arguments))

    def set_state(self) -> None:
        """BUILD: of an array or a number type; nothing else has a state."""
        state = self.pop()
        if not (isinstance(self._stack[-1], _Array | _Dtype) and isinstance(state, tuple)):
            raise pickle.UnpicklingError("it changes an object in a way that is not allowed")
        self.work_on(state)
        self._stack[-1].set_state(state)


_Instruction = Callable[[_Machine, Any], None]
# What is not in this table is not allowed.
_INSTRUCTIONS: dict[str, _Instruction] = {
    "MARK": lambda machine, _: machine.push(_MARK),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.push_tuple(machine.pop_to_mark()),
    "TUPLE1": lambda machine, _: machine.push_tuple(machine.pop_some(1)),
    "TUPLE2": lambda machine, _: machine.push_tuple(machine.pop_some(2)),
    "TUPLE3": lambda machine, _: machine.push_tuple(machine.pop_some(3)),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push_list(machine.pop_to_mark()),
    "APPEND": lambda machine, _: machine.extend(machine.pop_some(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "DICT": lambda machine, _: machine.push_dict(machine.pop_to_mark()),
    "SETITEM": lambda machine, _: machine.set_items(machine.pop_some(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "MEMOIZE": lambda machine, _: machine.remember(None),
    "STACK_GLOBAL": lambda machine, _: machine.push_named(*machine.pop_some(2)),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.set_state(),
}


def _alike(names: str, instruction: _Instruction) -> dict[str, _Instruction]:
    """Entries of instructions that differ only in how their argument is written."""
    return dict.fromkeys(names.split(), instruction)


_INSTRUCTIONS |= _alike("PROTO FRAME", lambda machine, argument: None)
_INSTRUCTIONS |= _alike("INT LONG LONG1 LONG4 BININT BININT1 BININT2", _Machine.push_integer)
_INSTRUCTIONS |= _alike(
    "FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 "
    "SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8",
    _Machine.push,
)
_INSTRUCTIONS |= _alike("PUT BINPUT LONG_BINPUT", _Machine.remember)
_INSTRUCTIONS |= _alike("GET BINGET LONG_BINGET", _Machine.recall)
# INST calls what it names: nothing that may be called is written so.
_INSTRUCTIONS |= _alike("GLOBAL INST", lambda machine, names: machine.push_named(*names.split(" ", 1)))
