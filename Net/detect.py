"""Script: what changed between two images, without labels, a model or a configuration file."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from commandline import carry_out, guarded, parse
from hscd.readers import name_of
from hscd.system.errors import InputError
from hscd.system.messages import warn
from pipeline.commands import told_by_options
from pipeline.detection import detect
from settings.two_images import places, settings_for, unused


def run(arguments: Sequence[str] | None) -> None:
    """Parse the command line and detect."""
    parser = argparse.ArgumentParser(
        description="Map what changed between two images of one place. No labels are needed.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", type=Path, help="image, .SAFE folder or folder of bands of the earlier date")
    parser.add_argument("after", type=Path, help="the same of the later date")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="label map to judge by; --set changedLabel=VALUE and unchangedLabel=VALUE say what its values mean",
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="results (default: BEFORE_AFTER_change here)")
    parser.add_argument(
        "--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE", help="a setting; repeatable"
    )
    options = parse(parser, arguments)
    for image in (options.before, options.after):
        if not image.exists():
            raise InputError(f"{image}: no such file or folder")
    name = name_of(options.before)
    out = options.out or Path(f"{name}_{name_of(options.after)}_change")
    with told_by_options():
        settings = settings_for(options.before, options.after, options.labels, out, options.overrides)
        for text in unused(settings).values():
            warn(text)
        carry_out(settings, detect)


def _epilog() -> str:
    """What --help says of the keys for --set."""
    keys = textwrap.fill(", ".join(places()), 78, initial_indent="  ", subsequent_indent="  ")
    example = "nodata=0, bands=1-50, detector=irmad or memory_limit=2000"
    return f"keys for --set KEY=VALUE, {example} for example:\n{keys}\n\nnet.conf and docs/keys.md explain them."


def main(arguments: Sequence[str] | None = None) -> int:
    return guarded(lambda: run(arguments), "a map that was not finished is not kept; the same command begins anew")


if __name__ == "__main__":
    raise SystemExit(main())
