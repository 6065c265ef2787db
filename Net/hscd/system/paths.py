"""Paths that could be misread, wait for ever, or be too long: what is checked of them before anything is opened."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from hscd.system.errors import InputError, brief

_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip
# What most file systems allow where none is asked: bytes of a name, and of a path with its closing zero.
_NAME_MAX, _PATH_MAX = 255, 4096
# `storage` writes a file under a temporary name beside it, and a database keeps a journal beside that.
_TEMPORARY = len("/.XXXXXXXX.hscd-tmp.d/new.gpkg-journal")


def require_regular(path: Path) -> Path:
    """The same path, unless it is neither a file nor a folder: opening a named pipe waits for one who writes to it.

    What is not there, or cannot be looked at, is left to whoever opens it.

    Raises:
        InputError: saying what it is.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return path
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: expected a file, found {_KINDS.get(stat.S_IFMT(mode), 'something else')}")
    return path


def require_names(paths: Iterable[Path]) -> None:
    """Refuse results whose name or path the disk does not take, before any work is done for them.

    Args:
        paths: of the files that will be written, in folders that are there; the temporary files of `storage` count too.

    Raises:
        InputError: naming the first that is too long.
    """
    for path in paths:
        name, folder = os.fsencode(path.name), os.fsencode(path.parent)
        most = _limit(path.parent, "PC_NAME_MAX", _NAME_MAX)
        if len(name) > most:
            raise InputError(
                f"{path}: the name of this result is {len(name)} bytes long, {most} are allowed; shorten the names of "
                "the pair, the data set or the model"
            )
        most = _limit(path.parent, "PC_PATH_MAX", _PATH_MAX) - 1
        size = len(folder) + max(len(name) + 1, _TEMPORARY)
        if size > most:
            raise InputError(
                f"{brief(path)}: the path of this result takes {size} bytes, {most} are allowed; shorten it"
            )


def misplaced(results: Sequence[tuple[str, Path]], images: Sequence[tuple[str, Path]]) -> list[str]:
    """What to say of folders of results among images and label maps: the next run would take results for such.

    Args:
        results: folders, each after the key that names it.
        images: folders of images, or images, each after what names it.
    """
    real = {path: _real(path) for _, path in (*results, *images)}
    problems = []
    for result, folder in results:
        for key, place in images:
            # `Path.is_file` raises where a path is too long.
            if real[folder] == real[place].parent and os.path.isfile(real[place]):  # noqa: PTH113
                problems.append(
                    f"{result}: is the folder in which {key} lies; results would be taken for images, give another"
                )
            elif real[folder].is_relative_to(real[place]):
                where = "is the folder of" if real[folder] == real[place] else f"found {str(folder)!r}, inside that of"
                if os.path.isfile(real[place]):  # noqa: PTH113
                    problems.append(f"{result}: is the file of {key}; expected a folder")
                    continue
                problems.append(f"{result}: {where} {key}; results would be taken for images, give them another")
    return problems


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))  # a loop of links is no error here
    except ValueError:  # no path at all: it holds a zero
        return path


def _limit(folder: Path, name: str, otherwise: int) -> int:
    try:
        found = os.pathconf(folder, name)
    except (AttributeError, OSError, ValueError):  # not on Windows; not of every file system
        return otherwise
    return found if found > 0 else otherwise


def for_gdal(path: Path) -> str:
    """A path that GDAL takes for that of a file: absolute, and not in one of its virtual file systems.

    A relative one may look like a connection to something ("GTIFF_DIR:1:x.tif"), and /vsizip/x like an archive.

    Raises:
        InputError: as `require_regular`; also where the name is not UTF-8, which is all that GDAL takes.
    """
    whole = Path(os.path.abspath(require_regular(path)))  # noqa: PTH100, `Path.resolve` would follow links
    if not _is_utf8(whole):
        raise InputError(f"{path}: its name, or that of one of its folders, is not UTF-8; rename it")
    return f"/.{whole}" if str(whole).startswith("/vsi") else str(whole)


def plain_folder(folder: Path) -> AbstractContextManager[Path]:
    """`plain_path` of a folder."""
    return plain_path(folder, "folder")


@contextmanager
def plain_path(path: Path, name: str) -> Iterator[Path]:
    """A path of a file or folder in which no program finds a meaning.

    pyogrio takes paths for addresses: what follows `!` for a file in an archive, what follows `;` for parameters. Where
    it would, the file or folder is given by a link of a plain name.

    Args:
        path: of what is there.
        name: of the link.

    Raises:
        OSError: if there is no room for a link.
    """
    from pyogrio.util import vsi_path

    whole = Path(os.path.abspath(path))  # noqa: PTH100

    def is_plain(path: Path) -> bool:
        return _is_utf8(path) and not str(path).startswith("/vsi") and vsi_path(str(path / "x")) == str(path / "x")

    if is_plain(whole):
        yield whole
        return
    usual = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
    place = next((place for place in usual if is_plain(place) and os.access(place, os.W_OK | os.X_OK)), None)
    if place is None:
        raise OSError(errno.EIO, "cannot be written under this name: there is no temporary folder", str(path))
    with tempfile.TemporaryDirectory(prefix="hscd-", dir=place) as links:
        link = Path(links) / name
        link.symlink_to(whole, target_is_directory=whole.is_dir())
        yield link


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
