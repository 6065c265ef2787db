"""The processes in which the HDF5 library runs: started when they are needed, kept, replaced when a file ends one."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_SERVER = Path(__file__).with_name("server.py")
PATIENCE = 60.0  # seconds for an answer
_SLOWEST = 2**20  # bytes of values in a second, as from a disk far away
_MOST = 8  # processes that work at a time
_TO_DIE = 5.0  # seconds
# Nothing is loaded into the library that a file could ask for, and its file may lie where none can be locked.
_ENVIRONMENT = {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE", "OPENBLAS_NUM_THREADS": "1"}


class _EndedError(Exception):
    """The process ended instead of answering."""


class _LateError(_EndedError):
    """It was made to, as it did not answer in time."""


class Server:
    """A process in which the library runs; `asked` says whether it ever was asked for something."""

    def __init__(self) -> None:
        self.asked = False
        self._process = subprocess.Popen(
            [sys.executable, str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ENVIRONMENT,
            start_new_session=True,  # Ctrl-C is for the program, whose end is the end of the input
        )

    def ask(self, request: bytes, into: memoryview | None) -> dict[str, Any]:
        """The answer to a request; values are read into a buffer of their size.

        Raises:
            _EndedError: with the reason, if there is none.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._kill()

        patience = PATIENCE + (0 if into is None else into.nbytes / _SLOWEST)
        timer = threading.Timer(patience, stop)
        timer.daemon = True
        timer.start()
        self.asked = True
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line.endswith(b"\n"):
                raise _EndedError
            answer = json.loads(line)
            if into is not None and "error" not in answer and _filled(self._process.stdout, into) < into.nbytes:
                raise _EndedError
        except (_EndedError, BrokenPipeError):
            timer.cancel()
            end = self._end()
            raise (_LateError(f"takes longer than {patience:.0f} s") if late.is_set() else _EndedError(end)) from None
        finally:
            timer.cancel()
        return answer

    def _end(self) -> str:
        status = self.close(kill=True)
        names = {-member: member.name for member in signal.Signals}
        return f"ends in {names.get(status, f'status {status}')}"

    def runs(self) -> bool:
        """Whether it does, as its parent can tell."""
        return self._process.poll() is None

    def close(self, *, kill: bool = False) -> int:
        """End the process, at once or when it has done what it is at; its status."""
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.1 if kill else _TO_DIE)  # a crash takes a moment to be one
        self._kill()
        return self._process.wait()

    def _kill(self) -> None:
        # Not by `Popen.kill`, which in a fork of the process that started it takes it for ended.
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _filled(stream: IO[bytes], into: memoryview) -> int:
    return stream.readinto(into)  # type: ignore[attr-defined]


def ask(request: dict[str, Any], into: memoryview | None = None) -> dict[str, Any]:
    """What the library says of a file, or the values of a window of it.

    Args:
        request: as `server` describes it.
        into: bytes for the values, if the request is for values.

    Raises:
        ValueError: with what is wrong with the file; also if the library crashes or hangs on it.
    """
    line = json.dumps(request).encode() + b"\n"
    with _places:
        try:
            answer = _asked(line, into)
        except _EndedError as end:
            raise ValueError(f"the HDF5 library {end} on it") from None
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


def _asked(line: bytes, into: memoryview | None) -> dict[str, Any]:
    while True:
        try:
            server = idle.pop()
        except IndexError:
            server = Server()
        fresh = not server.asked
        try:
            answer = server.ask(line, into)
        except _EndedError as end:
            if fresh or isinstance(end, _LateError):
                raise
            continue  # something else may have ended it since it was asked last
        except BaseException:  # Ctrl-C: what it still has to say belongs to no other request
            server.close(kill=True)
            raise
        idle.append(server)
        return answer


def _close_all() -> None:
    while idle:
        idle.pop().close()


def _forget_all() -> None:
    """In a fork of this process: the processes belong to the one that started them."""
    global _places
    idle.clear()
    _places = threading.BoundedSemaphore(_MOST)


idle: list[Server] = []
_places = threading.BoundedSemaphore(_MOST)
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
