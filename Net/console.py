"""Script: all scripts as commands of one program, `hscd detect BEFORE AFTER` for example."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

import config
from commandline import add_version, guarded
from hscd.system import messages, storage
from hscd.system.errors import InputError, nearest
from pipeline.commands import COMMANDS

INIT = "init"
# What `init` writes, and what each file is for.
_TEMPLATES = {
    "net.conf": "says what the commands do; `hscd demo` runs them all on demo data",
    "oscd.csv": "lists the pairs of the published data set OSCD, whose sections of net.conf name it; no other needs it",
}


def init() -> None:
    """Write a net.conf that runs on the demo data, and the list that it names, into the current folder.

    Raises:
        InputError: if there is one.
    """
    for name in _TEMPLATES:
        if (config.WORK_PATH / name).exists():
            raise InputError(f"{config.WORK_PATH / name}: exists already and is left as it is")
    for name in _TEMPLATES:
        storage.write_bytes(config.WORK_PATH / name, (config.NET_PATH / name).read_bytes())
    for name, role in _TEMPLATES.items():
        messages.result(f"{config.WORK_PATH / name} {role}")


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:<17}{command.does}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="hscd",
        description="Change detection between two remote-sensing images of one place.",
        epilog=f"commands:\n{listing}\n"
        f"  {INIT:<17}write a net.conf for the demo data, and oscd.csv, into the current folder\n\n"
        "`hscd COMMAND --help` explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_version(parser)
    parser.add_argument("command", nargs="?", metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="of the command")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = (parser := _parser()).parse_args(arguments)
    messages.show_messages()
    if options.command is None:
        parser.print_help()
        return 0
    if options.command == INIT:
        return guarded(init)
    if options.command not in COMMANDS:
        near = nearest(options.command, [*COMMANDS, INIT])
        messages.error(f"{options.command}: unknown command{near or '; --help lists the commands'}")
        return 2
    command = COMMANDS[options.command]
    sys.argv[0] = f"hscd {options.command}"  # what --help and errors call it
    words = [*options.arguments, *(word for override in command.overrides for word in ("--set", override))]
    return int(import_module(command.script).main(words))


if __name__ == "__main__":
    raise SystemExit(main())
