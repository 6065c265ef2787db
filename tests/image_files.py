"""Image files made byte by byte, damaged ones, and how a reader may take them."""

import os
import random
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from conftest import PROJECT
from hscd.readers import read_image
from hscd.system.errors import InputError


def random_array(shape, dtype=np.uint16, seed=0):
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, endpoint=True).astype(dtype)


def refuses(function, path, *arguments):
    """The message of the InputError; one line that names the path."""
    with pytest.raises(InputError) as caught:
        function(path, *arguments)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def element(kind, content, order="<"):
    """An element of a .mat file: type, size, content, padding to eight bytes."""
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def mat_5(shape, data, *, matrix_class=11, compressed=False, order="<", name=b"cube"):
    """A .mat file of one variable: class 11 is uint16, `data` the element of its values."""
    matrix = (
        element(6, struct.pack(f"{order}II", matrix_class, 0), order)
        + element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + element(1, name, order)
        + data
    )
    content = element(14, matrix, order)
    if compressed:
        packed = zlib.compress(content)
        content = struct.pack(f"{order}II", 15, len(packed)) + packed
    mark = struct.pack(f"{order}H", 0x0100) + (b"IM" if order == "<" else b"MI")
    return b"MATLAB 5.0 MAT-file".ljust(124) + mark + content


def reads_whole_or_refuses(path, image, variable):
    """Whether the reader noticed the damage; if it did not, the values must be right all the same."""
    try:
        found = read_image(path, variable)
    except InputError as error:
        if str(path) not in str(error):
            raise AssertionError(f"message without the path: {error}") from error
        return True
    np.testing.assert_array_equal(found, image)
    return False


def tiff(rows, columns, *, strips=((200, 16),), rows_per_strip=None, following=0, more=()):
    """A TIFF of 16-bit values: header, tags, and room for some strips; `more` are further tags, as (tag, values)."""
    offsets, sizes = zip(*strips, strict=True)
    tags = {256: [columns], 257: [rows], 258: [16], 259: [1], 262: [1], 273: offsets, 277: [1],
            278: [rows if rows_per_strip is None else rows_per_strip], 279: sizes, **dict(more)}  # fmt: skip
    entries, far = b"", b""
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:
            packed, far = struct.pack("<I", 400 + len(far)), far + packed
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following)
    return head.ljust(400, b"\1") + far


def outcome(open_image, path, variable, limit):
    """What a damaged file gives: an error of one line, or an image."""
    try:
        image = open_image(path, variable, limit)
        if image.nbytes <= limit:
            pixels = image.read()
            assert (pixels.shape, pixels.dtype) == (image.shape, image.dtype)
    except InputError as error:
        message = str(error)
    else:
        return "image"
    assert str(path) in message
    assert message.isprintable()
    return "error"


def outcomes_of_cuts(open_image, path, variable, limit):
    """Outcomes of a file that ends after each 1/64 of it."""
    content, found = path.read_bytes(), []
    for part in range(64):
        path.write_bytes(content[: len(content) * part // 64])
        found.append(outcome(open_image, path, variable, limit))
    return found


def outcomes_of_flips(open_image, path, variable, limit, times):
    """Outcomes of a file of which some bits are flipped, so many times."""
    content, rng, found = path.read_bytes(), random.Random(0), []
    for _ in range(times):
        flipped = bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 8))):
            bit = rng.randrange(8 * len(content))
            flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        found.append(outcome(open_image, path, variable, limit))
    return found


READ_WITHIN = """
import resource, sys
from pathlib import Path
from hscd.system.errors import InputError
from hscd.readers import read_image
import psutil
import rasterio
allowed = psutil.Process().memory_info().vms + 300 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
try:
    read_image(Path(sys.argv[1]), "cube", *map(int, sys.argv[2:]))
except InputError as error:
    print(error)
"""


def read_within(path, *limit):
    """The message of the InputError that reading ends with, in a process that may take 300 MB more than it has."""
    done = subprocess.run(
        [sys.executable, "-c", READ_WITHIN, str(path), *map(str, limit)],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(PROJECT / "Net")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
