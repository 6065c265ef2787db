"""The formats of images that are known, by suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hscd.registry import Registry
from hscd.scenes.image import Image

# A reader takes a path, where the format has named variables the name of one, and the bytes that what is read at once
# may take; it checks what the file declares before it allocates.
Reader = Callable[[Path, str | None, int], Image]
READERS: Registry[Reader] = Registry("reader", "hscd.readers")


def reads(*suffixes: str) -> Callable[[Reader], Reader]:
    """Decorator of the reader of files with these suffixes."""

    def add(reader: Reader) -> Reader:
        for suffix in suffixes:
            READERS.add(suffix, reader)
        return reader

    return add
