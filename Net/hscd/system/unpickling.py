"""Reads the pickles of this program and of the guide's as data: nothing that they name is imported or called.

A pickle is a program for a small stack machine. This is that machine with the instructions that numbers, texts, arrays
and distances need; the standard library only splits the file into instructions. What can be built is a dict of such
values and of flat lists and tuples of them: nothing grows beyond the file, or nests deep enough to exhaust the stack.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from hscd.heads import HEADS

# Parameter files name the network's head as the guide's program does: a function of its module `siamese`.
HEAD_MODULE = "siamese"

_NUMBERS = re.compile(r"[<>=|]?(f2|f4|f8|i1|i2|i4|i8|u1|u2|u4|u8|b1)")
_MARK = object()
# A pickle can use a value again and again, each time as a copy. No sound one makes its reader look at this many values
# and bytes.
_WORK_A_BYTE, _LEAST_WORK = 16, 2**16


def loads(data: bytes) -> Any:
    """Read a pickle of plain values, NumPy arrays and registered distances.

    Raises:
        pickle.UnpicklingError: if it holds or refers to anything else; what damaged bytes raise besides is not known.
    """
    machine = _Machine(_WORK_A_BYTE * len(data) + _LEAST_WORK)
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            break
        machine.step(opcode.name, argument)
    value = machine.pop()
    machine.work_on(value.values() if isinstance(value, dict) else [value])
    return {key: _finished(entry) for key, entry in value.items()} if isinstance(value, dict) else _finished(value)


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
_HEADS = {(HEAD_MODULE, distance.function.__name__): distance.function for distance in HEADS.values()}


def _short(value: Any) -> str:
    """A value in a message: the start of a text, the type of anything else."""
    return repr(value[:80]) if isinstance(value, str) else type(value).__name__


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | bytes | bytearray | np.generic)


def _is_flat(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(map(_is_plain, value))


def _finished(value: Any) -> Any:
    """A value of the result; what is only good for building others is an error."""
    if isinstance(value, _Array) and value.values is not None:
        return value.values
    if _is_plain(value) or _is_flat(value) or isinstance(value, np.ndarray) or value in _HEADS.values():
        return value
    raise pickle.UnpicklingError("it holds more than numbers, texts, arrays and flat lists of them")


class _Machine:
    """The stack, the memo and the instructions."""

    def __init__(self, work: int) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._work = work

    def work_on(self, values: Iterable[Any]) -> None:
        """Account for a look at, or a copy of, values."""
        self._work -= sum(len(value) if isinstance(value, Sized) else 1 for value in values)
        if self._work < 0:
            raise pickle.UnpicklingError("it uses its values over and over")

    def step(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        stack = self._stack
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                stack.append(_MARK)
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(name == "NEWTRUE")
            case "INT" | "LONG" | "LONG1" | "LONG4" | "BININT" | "BININT1" | "BININT2":
                if not -(2**63) <= argument < 2**64:
                    raise pickle.UnpicklingError("it holds an integer of more than 64 bits")
                stack.append(argument)
            case (
                "FLOAT" | "BINFLOAT"
                | "STRING" | "BINSTRING" | "SHORT_BINSTRING"
                | "UNICODE" | "SHORT_BINUNICODE" | "BINUNICODE" | "BINUNICODE8"
                | "SHORT_BINBYTES" | "BINBYTES" | "BINBYTES8" | "BYTEARRAY8"
            ):  # fmt: skip
                stack.append(argument)
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE":
                self._push_tuple(self._pop_to_mark())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._push_tuple([self.pop() for _ in range(int(name[-1]))][::-1])
            case "EMPTY_LIST":
                stack.append([])
            case "LIST":
                values = self._pop_to_mark()
                stack.append([])
                self._extend(values)
            case "APPEND":
                self._extend([self.pop()])
            case "APPENDS":
                self._extend(self._pop_to_mark())
            case "EMPTY_DICT":
                stack.append({})
            case "DICT":
                values = self._pop_to_mark()
                stack.append({})
                self._set_items(values)
            case "SETITEM":
                self._set_items([self.pop(), self.pop()][::-1])
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "GLOBAL" | "INST":  # INST calls what it names: nothing that may be called is written so
                stack.append(self._named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                function = self.pop()
                stack.append(self._named(self.pop(), function))
            case "REDUCE":
                arguments, function = self.pop(), self.pop()
                if not (isinstance(function, _Constructor) and isinstance(arguments, tuple)):
                    raise pickle.UnpicklingError("it calls what cannot be called")
                self.work_on(arguments)
                stack.append(function.call(*arguments))
            case "BUILD":
                state = self.pop()
                if not (isinstance(stack[-1], _Array | _Dtype) and isinstance(state, tuple)):
                    raise pickle.UnpicklingError("it changes an object in a way that is not allowed")
                self.work_on(state)
                stack[-1].set_state(state)
            case _:
                raise pickle.UnpicklingError(f"it holds the instruction {name}, which is not allowed")

    def pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise pickle.UnpicklingError("it takes a value that is not there")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        values = []
        while self._stack[-1] is not _MARK:
            values.append(self._stack.pop())
        self._stack.pop()
        return values[::-1]

    def _push_tuple(self, values: list[Any]) -> None:
        """Arguments, states and shapes."""
        self.work_on(values)
        if not all(_is_plain(value) or _is_flat(value) or isinstance(value, _Dtype) for value in values):
            raise pickle.UnpicklingError("it nests containers")
        self._stack.append(tuple(values))

    def _extend(self, values: list[Any]) -> None:
        if not (isinstance(self._stack[-1], list) and all(map(_is_plain, values))):
            raise pickle.UnpicklingError("it nests containers")
        self._stack[-1].extend(values)

    def _set_items(self, values: list[Any]) -> None:
        self.work_on(values)
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise pickle.UnpicklingError(f"it sets items of a {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str) or isinstance(value, dict):
                raise pickle.UnpicklingError("it nests containers, or has keys that are not text")
            target[key] = value

    @staticmethod
    def _named(module: Any, name: Any) -> Any:
        reference = (str(module), str(name))
        if reference not in _HEADS and reference not in _ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {'.'.join(reference)[:80]}, which is not allowed")
        return _HEADS.get(reference, _ALLOWED.get(reference))
