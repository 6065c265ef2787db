"""The program of the process in which the HDF5 library runs: a line of JSON asks for something, until the input ends.

It is not imported but started by `process`, so that a file on which the library crashes costs this process alone. A
request has a `path`, the `names` that lead to a group or array, and what memory it may take, `room`; one for values has
the `slices` of a window. The answer is a line of JSON, behind which the values follow, if any.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5t

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_CLASSES = {
    h5t.INTEGER: "integers", h5t.FLOAT: "floating-point numbers", h5t.STRING: "text", h5t.BITFIELD: "bit fields",
    h5t.OPAQUE: "opaque values", h5t.COMPOUND: "compound values", h5t.REFERENCE: "references",
    h5t.ENUM: "an enumeration", h5t.VLEN: "values of any length", h5t.ARRAY: "arrays",
}  # fmt: skip
_NUMBERS = [getattr(h5t, f"STD_{kind}{bits}{order}E") for kind in "IU" for bits in (8, 16, 32, 64) for order in "LB"]
_NUMBERS += [getattr(h5t, f"IEEE_F{bits}{order}E") for bits in (16, 32, 64) for order in "LB"]
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
_OTHER_FILTERS = {32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "zfp", 32015: "Zstandard"}

# Texts of any length lie elsewhere in the file, and many of them can refer to the same long one.
_MAX_ATTRIBUTE, _MAX_TEXTS, _LONG_TEXT = 2**20, 2**28, 2**22


def main() -> None:
    for line in sys.stdin.buffer:
        values = None
        try:
            answer, values = _answer(json.loads(line))
            reply = json.dumps(answer)
        except MemoryError:
            reply = json.dumps({"error": "reading it takes far more memory than what it holds"})
        except Exception as error:  # damaged files make h5py raise many types
            reply = json.dumps({"error": str(error.args[0] if isinstance(error, KeyError) else error)})
        sys.stdout.buffer.write(reply.encode() + b"\n")
        if values is not None:
            sys.stdout.buffer.write(values.data)
        sys.stdout.buffer.flush()


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray | None]:
    _limit_memory(request["room"])
    # The cache of chunks is of no use: each is read once for a window.
    with h5py.File(request["path"], "r", rdcc_nbytes=0, locking=False) as file:
        node = _followed(file, request["names"])
        if "attribute" in request:
            return _attribute(node, request["attribute"]), None
        if "slices" not in request:
            return _description(node), None
        if refusal := _refusal(node):
            raise ValueError(refusal)
        slices = tuple(slice(*ends) for ends in request["slices"])
        values = np.empty([part.stop - part.start for part in slices], node.dtype.newbyteorder("="))
        node.read_direct(values, slices)
        return {}, values.reshape(-1).view(np.uint8)


def _limit_memory(room: int) -> None:
    """Let this process take so many bytes more than it did when it was started."""
    if resource is not None and _START:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (_START + room, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _address_space() -> int:
    """Bytes that this process has of its address space; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (OSError, AttributeError):
        return 0


def _followed(file: h5py.File, names: list[str]) -> Any:
    """What names lead to, by links inside of the file only."""
    node = file
    for name in names:
        if not isinstance(node, h5py.Group) or not _is_hard(node, name):
            raise ValueError(f"{'/'.join(names)!r} is not there, or is a link")
        node = node[name]
    return node


def _is_hard(group: h5py.Group, name: str) -> bool:
    return isinstance(group.get(name, getlink=True), h5py.HardLink)


# --- descriptions ----------------------------------------------------------------------------------------------------


def _description(node: Any) -> dict[str, Any]:
    if isinstance(node, h5py.Group):
        # Names that are no text are bytes, and lead nowhere.
        names = [name for name in node if isinstance(name, str) and _is_hard(node, name)]
        return {"names": names, "place": int(h5py.h5o.get_info(node.id).addr)}
    if not isinstance(node, h5py.Dataset):
        raise ValueError("it holds the description of a type where an array is expected")
    kind = node.id.get_type()
    numbers = _number_type(kind)
    return {
        "shape": node.shape,
        "class": _class_of(kind),
        "dtype": numbers and numbers.str,
        "refusal": _refusal(node),
        "plain": node.chunks is None and not _filters(node) and node.id.get_storage_size() > 0,
        "chunk": node.chunks,
        "dimensions": [_dimension(axis) for axis in node.dims] if "DIMENSION_LIST" in node.attrs else [],
    }


def _number_type(kind: Any) -> np.dtype | None:
    """The type of plain numbers, in the byte order of this machine; None for anything else."""
    return kind.dtype.newbyteorder("=") if any(kind.equal(known) for known in _NUMBERS) else None


def _class_of(kind: Any) -> str:
    if kind.get_class() == h5t.STRING and kind.is_variable_str():
        return _CLASSES[h5t.VLEN]
    return _CLASSES.get(kind.get_class(), "values of an unknown type")


def _filters(node: h5py.Dataset) -> list[int]:
    plist = node.id.get_create_plist()
    return [plist.get_filter(number)[0] for number in range(plist.get_nfilters())]


def _refusal(node: Any) -> str:
    """Why the values of what names lead to are not read; "" if they are."""
    if not isinstance(node, h5py.Dataset):
        return "it holds a group where an array is expected"
    if node.shape is None:
        return "it holds an array without a shape"
    kind = node.id.get_type()
    if _number_type(kind) is None:
        return f"it holds {_class_of(kind)} of {kind.get_size()} bytes where numbers are expected"
    plist = node.id.get_create_plist()
    if plist.get_layout() == h5d.VIRTUAL or plist.get_external_count():
        return "it holds an array that lies in other files; save it as an array of its own"
    for number in _filters(node):
        if number not in _FILTERS:
            name = _OTHER_FILTERS.get(number, f"filter {number}")
            return f"it holds an array packed with {name}; save it with gzip, or unpacked"
    size = math.prod(node.shape) * kind.get_size()
    stored, file_size = node.id.get_storage_size(), node.file.id.get_filesize()
    if stored > file_size or (node.chunks is None and stored not in (0, size)):
        return f"it holds {stored} bytes of an array of {size}, in a file of {file_size}"
    return ""


def _dimension(axis: Any) -> str:
    """The path of the dimension scale of an axis; "" where it has none."""
    try:
        return axis[0].name or ""
    except Exception:
        return ""


def _attribute(node: Any, name: str) -> dict[str, Any]:
    """The texts or numbers of an attribute; nothing if there is none."""
    if name not in node.attrs:
        return {}
    attribute = h5a.open(node.id, name.encode())
    kind, shape = attribute.get_type(), attribute.shape
    count = 0 if shape is None else math.prod(shape)
    if count * kind.get_size() > _MAX_ATTRIBUTE:
        raise ValueError(f"it holds an attribute of {count} values of {kind.get_size()} bytes")
    if not count:  # an empty list of texts is often written as one of numbers
        return {"texts": [], "numbers": [], "shape": [0]}
    if (dtype := _number_type(kind)) is not None:
        values = np.empty(shape, dtype)
        attribute.read(values)
        return {"numbers": values.ravel().tolist(), "shape": shape, "dtype": dtype.str}
    if kind.get_class() != h5t.STRING:
        raise ValueError(f"it holds an attribute {name} of {_class_of(kind)}")
    if kind.is_variable_str() and count * min(node.file.id.get_filesize(), _LONG_TEXT) > _MAX_TEXTS:
        raise ValueError(f"it holds an attribute {name} of {count} texts")
    return {"texts": [_text(value) for value in np.ravel(np.array(node.attrs[name], object))]}


def _text(value: Any) -> str:
    """A text, up to the zero that ends it."""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).partition("\0")[0]


_START = _address_space()

if __name__ == "__main__":
    main()
