"""The only place that writes result files and the only one that reads pickles.

Every file is written beside its target under a temporary name and moved over it when it is whole and on the disk, so
that what is found there is the old file or the new one, never a part of either.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import pickle
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from hscd.system import messages, unpickling
from hscd.system.errors import InputError, brief
from hscd.system.paths import require_regular

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TEMPORARY = ".hscd-tmp"


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error.

    The folder is created if it is missing, and what a killed program left in it half-written is removed. The file gets
    the usual access rights of a new file, not the private ones of a temporary file.

    Raises:
        OSError: if it cannot be written, for example on a full disk; it names `path`, whose old content stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    file, temporary = _temporary_file(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _open_to_others(temporary)
            if os.name == "posix":  # before the end of the block ends the lock
                move(temporary, path)
        if os.name != "posix":
            move(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        _name(error, path, temporary)
        raise


@contextmanager
def atomic_path(path: Path, stale: Sequence[str] = ()) -> Iterator[Path]:
    """`atomic_file` for libraries that want a path: what is at the one given takes the place of `path` after the block.

    It has a short name with the suffix of `path`, in a folder of its own that is removed with all else that a library
    leaves in it.

    Args:
        path: the result file.
        stale: endings of files that other programs keep beside `path`, such as ".aux.xml". They tell of its old
            content, and are removed with it.

    Raises:
        OSError: as of `atomic_file`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    lock, temporary = _temporary_file(path)
    folder = _folder_of(temporary)
    try:
        with lock:
            try:
                folder.mkdir()
                written = folder / f"new{path.suffix}"
                yield written
                with written.open("r+b") as file:
                    os.fsync(file.fileno())
                _open_to_others(written)
                for ending in stale:
                    remove(path.with_name(path.name + ending))
                move(written, path)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except BaseException as error:
        _name(error, path, folder)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _folder_of(temporary: Path) -> Path:
    """The folder that a locked temporary file stands for."""
    return temporary.with_name(f"{temporary.name}.d")


def remove(path: Path) -> bool:
    """Remove a regular file, if there is one; whether it was removed. One that cannot be is warned of, no error."""
    try:
        if path.is_file():
            path.unlink()
            return True
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            messages.warn(f"{path}: is out of date and cannot be removed: {error.strerror}")
    return False


def _open_to_others(path: Path) -> None:
    """Give a file the usual access rights of a new file."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def _name(error: BaseException, path: Path, temporary: Path) -> None:
    """Raise an error of the operating system again if it names no file or a temporary one, now naming `path`."""
    if not isinstance(error, OSError) or error.errno is None:
        return
    if error.filename is None or Path(error.filename).is_relative_to(temporary):
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def _temporary_file(path: Path) -> tuple[BinaryIO, Path]:
    """A new file beside `path`, locked."""
    while True:
        try:
            handle, name = tempfile.mkstemp(prefix=".", suffix=_TEMPORARY, dir=path.parent)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        file, temporary = os.fdopen(handle, "w+b"), Path(name)
        if _lock(file) is not False and _is_still(temporary, file):
            return file, temporary
        file.close()  # another process took it for one to sweep, before it was locked


def require_folder(folder: Path) -> None:
    """Make a folder for results, and see that it can be written.

    Raises:
        OSError: naming the folder, if it cannot.
        InputError: if a file is in its place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{folder}: expected a folder for results; it, or the folder above it, is not one") from error
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), str(folder)) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole."""
    with atomic_file(path) as file:
        file.write(content)


def move(source: Path, target: Path) -> None:
    """Move a file on its disk over another; what is at the target is either of them, also after a power cut."""
    source.replace(target)
    if os.name == "posix":  # the disk has to know the names in the folder too
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):  # some file systems do not offer it
                raise
        finally:
            os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove the temporary files of programs that no longer run, where locks tell."""
    for path in folder.glob(f".*{_TEMPORARY}"):
        with suppress(OSError):  # it may just be moved, or swept by another program
            with path.open("r+b") as file:
                abandoned = _lock(file) is True
            if abandoned:
                shutil.rmtree(_folder_of(path), ignore_errors=True)
                path.unlink()


def _lock(file: IO[bytes]) -> bool | None:
    """Lock a file for as long as it is open; False if another process has, None if the file system has no locks."""
    if sys.platform == "win32":
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Keep other processes from working on `path` during the block.

    Raises:
        InputError: if another one is at it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = require_regular(path.with_name(f".{path.name}.lock"))
    while True:
        with lock.open("ab") as file:
            if _lock(file) is False:
                raise InputError(f"{path}: another run is using it; wait for it to end, or give this one another name")
            if not _is_still(lock, file):  # its last owner removed it after we opened it
                continue
            try:
                yield
            finally:
                with suppress(OSError):  # Windows does not remove a file that is open
                    lock.unlink()
        with suppress(OSError):
            if os.name != "posix":
                lock.unlink()
        return


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether a path still names an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Write rows of one set of columns under one header row; None and NaN become empty cells.

    Args:
        path: CSV file.
        rows: by the names of their columns.
        columns: their names, which have to be given where there may be no row.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: None if value is None or value != value else value for name, value in row.items()})
    write_bytes(path, text.getvalue().encode("utf-8"))


def write_figure(path: Path, figure: Any, dpi: int) -> None:
    """Write a Matplotlib figure as PNG."""
    with atomic_file(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)  # drawn as a box
        figure.savefig(file, format="png", dpi=dpi)


# --- pickles ---------------------------------------------------------------------------------------------------------


def read_pickle(path: Path, functions: unpickling.Functions | None = None) -> dict[str, Any]:
    """Read a parameter or pseudo-label file: a dict of plain values, NumPy arrays and functions.

    No code from the file is run.

    Args:
        path: the file.
        functions: those that it may name, by module and name ("siamese.SAM"); None for none.

    Raises:
        InputError: if the file is damaged, refers to anything else, or does not hold a dict.
    """
    try:
        content = unpickling.loads(require_regular(path).read_bytes(), functions)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # damaged pickles raise whatever the broken opcode leads to
        raise InputError(f"{path}: not a usable pickle file: {brief(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a dict, found {type(content).__name__}")
    return content


def write_pickle(path: Path, content: Mapping[str, Any], functions: unpickling.Functions | None = None) -> None:
    """Write a dict that the guide's program reads too.

    Args:
        path: the file.
        content: plain values, flat lists and tuples of them, arrays, functions.
        functions: those that may be among the values, by the module and name under which readers know them.

    Raises:
        TypeError: if another function is among the values.
    """
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in content.items()}
    named = {key: _name_of(value, functions or {}) for key, value in plain.items() if callable(value)}
    plain.update({key: f"<{name}>" for key, name in named.items()})
    # Pickle names a function by the module it is imported from, which is not where its readers have it, and for
    # arrays one that NumPy 1 does not have. Protocol 3 has no frame lengths, so the names can be exchanged in its
    # bytes.
    names = [(b"cnumpy._core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\n_reconstruct\n")]
    for name in named.values():
        placeholder = f"<{name}>".encode()
        marked = b"X" + len(placeholder).to_bytes(4, "little") + placeholder
        names.append((marked, "c{}\n{}\n".format(*name.rpartition(".")[::2]).encode()))
    with atomic_file(path) as file:
        pickle.Pickler(_Renaming(file, names), protocol=3).dump(plain)


def _name_of(value: Any, functions: unpickling.Functions) -> str:
    """The module and name of a function for a pickle."""
    for name, function in functions.items():
        if function is value:
            return name
    raise TypeError(f"{value!r} is not among the functions that the file may name: {', '.join(functions) or 'none'}")


class _Renaming:
    """Passes on what Pickle writes, with names exchanged, without holding all of it.

    Pickle names a thing once, before its content: the first match is the name, not content that looks like it.
    """

    def __init__(self, file: IO[bytes], names: list[tuple[bytes, bytes]]) -> None:
        self._file = file
        self._names = names

    def write(self, data: bytes) -> int:
        for exchange in list(self._names):
            if exchange[0] in data:
                data = data.replace(*exchange, 1)
                self._names.remove(exchange)
        return self._file.write(data)
