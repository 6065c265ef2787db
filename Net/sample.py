"""Script: points of a change map to label by hand, and the accuracy and area of change that the labels give."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import config
from commandline import guarded, kept_if_used, parse, tell_results
from hscd.evaluation.sampling import LEAST
from hscd.system import parsing
from hscd.system.errors import InputError
from hscd.system.interrupts import ctrl_c_heeded
from hscd.system.messages import tell
from pipeline.commands import suggested
from pipeline.sampling import Design, draw, estimate

# How the change map of a run is called, or ends, and the scores beside it.
_CHANGE, _SCORE, _SUFFIX = "change.tif", "score.tif", ".tif"
# Pictures of both, which are no maps.
_PICTURES = ("change.png", "score.png")


def run(arguments: Sequence[str] | None) -> None:
    """Parse the command line; draw a sample or evaluate a labelled one."""
    options = _parsed(arguments)
    if options.map is None and options.labelled is None:
        raise InputError("expected a change map to draw a sample from, or --labelled with a sample")
    if (options.before is None) != (options.after is None) or (options.before and options.labelled):
        raise InputError("--before and --after: name both images, of the sample that is drawn from a map")
    if options.labels is not None and options.labelled is None:
        raise InputError("--labels: expected --labelled too, the sample that they are of")
    for path in (options.map, options.labelled, options.before, options.after, options.labels):
        if path is not None and not path.exists():
            raise InputError(f"{path}: no such file")
    with ctrl_c_heeded(), kept_if_used(*([] if options.out is None else [options.out])):
        if options.labelled is not None:
            folder = estimate(options.labelled, options.map and _change_map(options.map), options.out, options.labels)
        else:
            accuracies = options.changed_accuracy, options.unchanged_accuracy
            design = Design(options.standard_error, accuracies, options.minimum, options.size, options.seed)
            images = (options.before, options.after) if options.before else None
            folder = draw(_change_map(options.map), options.out, design, images)
    tell_results(folder)


def _change_map(path: Path) -> Path:
    """The change map that is meant: of a folder of results the one in it.

    Raises:
        InputError: if what lies beside a change map is named: its scores, a picture of it, or a sample of it.
    """
    if path.is_dir() and (inside := path / _CHANGE).is_file():
        tell(f"{path}: a folder; its change map is {inside}")
        return inside
    raster = path.with_suffix(_SUFFIX)
    beside = raster.with_name(raster.name.removesuffix(_SCORE) + _CHANGE) if raster.name.endswith(_SCORE) else raster
    if path.suffix == _SUFFIX and beside != path and beside.is_file():
        raise InputError(f"{path}: holds the scores; expected the change map, which is {beside}")
    if path.name.endswith(_PICTURES) and beside.is_file():
        raise InputError(f"{path}: is a picture; expected the change map, which is {beside}")
    if path.name.endswith("_sample.gpkg"):
        raise InputError(f"{path}: is a sample; to estimate from it: {suggested('sample', '--labelled', path)}")
    return path


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Draw random points among the changed and unchanged pixels of a change map, to be labelled in "
        "a GIS or on a page; and estimate accuracy and area of change from them.",
        epilog="Labels that were not drawn at random, such as a mask of known pixels, show how right the map is there, "
        "not how right it is as a whole or how much changed.",
    )
    of_map = "change map: 1 changed, 0 unchanged, 255 no data; or a folder with change.tif"
    parser.add_argument("map", type=Path, nargs="?", help=of_map)
    parser.add_argument(
        "--labelled", type=Path, metavar="FILE", help="the sample with its column class filled in: estimate from it"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="CSV",
        help="labels from the page of that sample, saved in it first: columns id, row, column (from 0), class (1, 0, "
        "unsure or empty)",
    )
    for date in ("before", "after"):
        of = f"{date} image for the page (default: that of the run beside the map)"
        parser.add_argument(f"--{date}", type=Path, metavar="IMAGE", help=of)
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="results (default: where the map, or the sample, is)"
    )
    share, points = (partial(parsing.number, low=0, high=1), "a number in ]0, 1["), _integer(LEAST)
    _add(parser, "--standard-error", share, 0.01, "target for overall accuracy and for the share of change")
    _add(parser, "--changed-accuracy", share, 0.7, "expected share of what the map calls changed that really is")
    _add(parser, "--unchanged-accuracy", share, 0.95, "expected share of what it calls unchanged that really is")
    _add(parser, "--minimum", points, 75, "minimum number of points in each of the two classes")
    _add(parser, "--size", points, None, "number of points, in place of what these give")
    _add(parser, "--seed", _integer(0, 2**32 - 1), config.SEED, "of the random draw")
    return parse(parser, arguments)


def _integer(low: int, high: float = math.inf) -> tuple[Callable[[str], Any], str]:
    """What reads an integer, and what is expected of it."""
    expected = f"an integer >= {low}" if high == math.inf else f"an integer from {low} to {high}"
    return partial(parsing.integer, low=low, high=high), expected


def _add(
    parser: argparse.ArgumentParser, name: str, read: tuple[Callable[[str], Any], str], default: object, what: str
) -> None:
    def value(text: str) -> Any:
        try:
            return read[0](text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"found {text!r}; expected {read[1]}") from None

    described = what if default is None else f"{what} (default: {default})"
    parser.add_argument(name, type=value, default=default, metavar="N", help=described)


def main(arguments: Sequence[str] | None = None) -> int:
    return guarded(lambda: run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
