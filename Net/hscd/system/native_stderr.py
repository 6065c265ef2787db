"""What libraries written in C say on file descriptor 2, past `sys.stderr`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def collected() -> Iterator[IO[bytes]]:
    """A file that gets what is written to file descriptor 2 during the block, by any thread."""
    with tempfile.TemporaryFile() as output:
        try:
            stream = os.dup(2)
        except OSError:  # there is none
            yield output
            return
        os.dup2(output.fileno(), 2)
        try:
            yield output
        finally:
            os.dup2(stream, 2)
            os.close(stream)
