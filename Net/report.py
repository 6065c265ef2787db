"""Script: the runs in a folder of results as pages to look at, written anew from its files, or served."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import config
from commandline import guarded, parse
from hscd.system.errors import InputError
from hscd.system.interrupts import ctrl_c_heeded
from pipeline.serving import publish, serve


def run(arguments: Sequence[str] | None) -> None:
    """Parse the command line and write the pages, then serve them if that is asked for."""
    parser = argparse.ArgumentParser(
        description="Write the report of all runs in a folder of results and below it, from the files there.",
        epilog="Every run adds itself; this is for runs of earlier versions, moved folders, and to serve the pages.",
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=config.STAT_PATH, help="folder of results (default: stat)"
    )
    parser.add_argument(
        "--serve", action="store_true", help="serve it at a local address, with TensorBoard beside it, until Ctrl-C"
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of the local address (default: a free one)")
    options = parse(parser, arguments)
    if not 0 <= options.port < 2**16:
        raise InputError(f"--port: found {options.port}; expected 0 to {2**16 - 1}")
    with ctrl_c_heeded():
        publish(options.folder)
    if options.serve:
        serve(options.folder, options.port)


def main(arguments: Sequence[str] | None = None) -> int:
    return guarded(lambda: run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
