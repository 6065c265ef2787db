"""What the scripts have in common: their options, and one line instead of a traceback."""

from __future__ import annotations

import argparse
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import config
import hscd
from hscd.search.engines import ENGINES
from hscd.system import messages, storage
from hscd.system.errors import InputError, brief, nearest
from hscd.system.hardware import choose_backend
from hscd.system.interrupts import ctrl_c_heeded
from hscd.system.lean import start_lean
from hscd.system.streams import patient_streams
from pair_finding import require_apart
from pipeline.commands import quoted, shown
from settings import Settings, read_settings
from settings.tables import short_lines

_DEFAULT = "net.conf in the current folder" if config.INSTALLED else "net.conf beside this script"


def run(
    description: str, stage: Callable[[Settings], None], arguments: Sequence[str] | None = None, *, kept: str = ""
) -> int:
    """Parse the command line, read the configuration and run a stage.

    Args:
        description: what the script does, for --help.
        stage: gets the checked settings.
        arguments: command line; None for that of the process.
        kept: as of `guarded`.

    Returns:
        Exit status: 0 if all went well and was written, whether or not somebody read what was printed; 2 for input that
        cannot be used, 1 for a failing system call or too little memory, 130 for Ctrl-C.
    """

    def work() -> None:
        parser = argparse.ArgumentParser(
            description=description, epilog=epilog(), formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add_configuration(parser, "use VALUE instead of what the configuration file says; repeatable")
        options = parse(parser, arguments)
        carry_out(read_settings(options.config, options.overrides), stage)

    return guarded(work, kept)


def add_configuration(parser: argparse.ArgumentParser, overriding: str) -> None:
    """Add --config and --set; `overriding` is the help of the latter."""
    parser.add_argument(
        "--config", type=Path, default=config.DATA_CONFIG_PATH, metavar="FILE",
        help=f"configuration file (default: {_DEFAULT})",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE", help=overriding
    )


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line, with the options that say how much is shown; from here on that is heeded.

    Raises:
        InputError: if there is an option, or an argument, that the command does not know.
    """
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--quiet", action="store_const", const=messages.QUIET, dest="level", default=messages.NORMAL,
        help="show results, warnings and errors alone, and no progress",
    )  # fmt: skip
    level.add_argument(
        "--verbose", action="store_const", const=messages.VERBOSE, dest="level", help="show also how long things take"
    )
    add_version(parser)
    options, left = parser.parse_known_args(arguments)
    messages.show_messages(options.level)
    if left:
        raise InputError(_unexpected(left[0], re.findall(r"--[\w-]+", parser.format_usage())))
    return options


def _unexpected(word: str, known: Sequence[str]) -> str:
    """What to say of a word of a command line that no option takes; `known` are the options that there are."""
    if word.startswith("-"):
        near = nearest(word.partition("=")[0], known)
        return f"{word}: unknown option{near or '; --help lists the options'}"
    meant = "--set" if "=" in word else "--config"
    if meant in known and ("=" in word or word.endswith(".conf")):
        return f"{word}: did you mean {quoted([meant, word])}?"
    return f"{word}: is one argument too many; --help says what is expected"


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add --version."""
    version = f"hscd {hscd.__version__} (Python {platform.python_version()})"
    parser.add_argument("--version", action="version", version=version, help="show the version and exit")


def carry_out(settings: Settings, stage: Callable[[Settings], None]) -> None:
    """Run a stage when all is known to be ready for it."""
    choose_backend(settings.backend)
    ENGINES[settings.engine].require()
    require_apart(settings)
    folders, pseudo = (settings.model_path, settings.stat_path), settings[settings.train_set].pseudo_path
    with kept_if_used(*folders, *(() if pseudo is None else (pseudo,))):
        for folder in folders:
            storage.require_folder(folder)  # where that fails, no work should be lost
        with ctrl_c_heeded():
            stage(settings)
    tell_results(settings.stat_path)


def tell_results(folder: Path) -> None:
    """Tell, as the last line of a command, where its results are."""
    messages.result(f"results: {shown(folder, anywhere=True)}")


@contextmanager
def kept_if_used(*folders: Path) -> Iterator[None]:
    """Remove folders that the block made, and those above them, if it fails and leaves them empty."""
    new = {path for folder in folders for path in (folder, *folder.parents) if not path.exists()}
    try:
        yield
    except BaseException:
        for path in sorted(new, key=lambda path: len(path.parts), reverse=True):
            with suppress(OSError):  # it holds something, or was never made
                path.rmdir()
        raise


def guarded(work: Callable[[], None], kept: str = "") -> int:
    """Have what goes wrong be one line; the exit status, as `run` has it.

    Args:
        work: what may go wrong.
        kept: what is left after Ctrl-C, and what the same command does then.
    """
    start_lean()
    with patient_streams() as refused:
        status = _guarded(work, kept)
    for name, error in refused.but_closed():
        status = status or 1
        with suppress(OSError):
            messages.error(f"{name}: {error.strerror}; the results are not affected")
    return status


def _guarded(work: Callable[[], None], kept: str) -> int:
    try:
        work()
    except InputError as error:
        for line in str(error).splitlines():
            messages.error(line)
        return 2
    except MemoryError as error:
        messages.error(f"out of memory: {brief(error)}")
        return 1
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
        messages.error(str(message))
        return 1
    except KeyboardInterrupt:
        messages.ended(f"interrupted: {kept}" if kept else "interrupted")
        return 130
    return 0


def epilog() -> str:
    """What --help says of net.conf."""
    keys = "\n".join(short_lines("settings"))
    more = "Settings, data sets and outputs are described in net.conf and in docs/."
    return f"keys of [settings], for --set settings.KEY=VALUE:\n{keys}\n\n{more}"
