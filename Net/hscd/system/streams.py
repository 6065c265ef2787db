"""Standard output and error that never end the work: letters they do not have, and readers that went away."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast


class _Patient:
    """A text stream whose failures are kept for later; what is written after one goes nowhere."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.refusal: OSError | None = None

    def write(self, text: str) -> int:
        with self._kept():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._kept():
            self._stream.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.refusal = self.refusal or error
            with suppress(OSError, ValueError):  # what waits in it would fail again, at the end of the process
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Refusals:
    """What the streams refused in a block; full after it."""

    def __init__(self) -> None:
        self.of: dict[str, OSError] = {}

    def but_closed(self) -> list[tuple[str, OSError]]:
        """Those that are not of a reader who has seen enough, as `head` has."""
        closed = (errno.EPIPE, errno.EINVAL)  # the latter on Windows
        return [(name, error) for name, error in self.of.items() if error.errno not in closed]


def _fill(number: int) -> None:
    """Have a file descriptor lead nowhere if it is closed."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


@contextmanager
def patient_streams() -> Iterator[Refusals]:
    """Print in the block whatever the streams can show: the rest is escaped, and none of their errors ends the work."""
    for number in (0, 1, 2):  # a file that is opened under one of these would get what libraries in C print
        with suppress(OSError):
            _fill(number)
    refusals = Refusals()
    before = sys.stdout, sys.stderr
    patient = []
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        patient.append(_Patient(stream or io.StringIO()))  # one that was closed; progress bars want one
    sys.stdout, sys.stderr = cast(Any, patient)
    try:
        yield refusals
    finally:
        sys.stdout, sys.stderr = before
        for name, stream in zip(("standard output", "standard error"), patient, strict=True):
            stream.flush()
            if stream.refusal is not None:
                refusals.of[name] = stream.refusal
