"""Script: which method to take, on data sets of net.conf or on two images, with labels or without."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import config
from commandline import add_configuration, carry_out, guarded, parse
from hscd.readers import name_of
from hscd.system import parsing
from hscd.system.errors import InputError
from pipeline.commands import told_by_options
from pipeline.comparison import Request, compare
from settings import Settings, read_settings
from settings.two_images import settings_for


def run(arguments: Sequence[str] | None) -> None:
    """Parse the command line and compare."""
    options = parse(_parser(), arguments)
    of_files = _names_files(options.data)
    with told_by_options() if of_files else nullcontext():
        settings, request = _of_files(options) if of_files else _of_sections(options)
        if options.workers is not None:
            settings = replace(settings, workers=options.workers)
        carry_out(settings, partial(compare, request=request))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Compare methods: a ranking, which differences are larger than chance, maps and curves; without "
        "labels, how far the methods agree and how stable they are. Finished runs are not repeated.",
        epilog="A method is DETECTOR[+THRESHOLD[+CORRECTION]][:KEY=VALUE …], e.g. context_regression, irmad+otsu "
        "or ED+otsu+majority:normalisation=pif; DETECTOR/DETECTOR is an ensemble. The name of a saved model can "
        "replace a detector, and MODEL:pseudo_labels=DETECTOR+THRESHOLD fine-tunes it. Without --methods and "
        "--data, what [compare] of net.conf says.",
    )
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="methods (default: every detector)")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="NAME",
        help="data sets of net.conf (default: test_set), or two images: BEFORE AFTER",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="label map of the two images, with --set changedLabel=VALUE and unchangedLabel=VALUE",
    )
    parser.add_argument("--seeds", type=_count, metavar="N", help="runs of each method, with other seeds (default: 3)")
    parser.add_argument("--workers", type=_count, metavar="N", help="runs side by side (default: one a core)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="results (default: stat/comparison, or BEFORE_AFTER_comparison here)",
    )
    add_configuration(parser, "a setting, of two images KEY=VALUE; repeatable")
    return parser


def _count(text: str) -> int:
    try:
        return parsing.integer(text, 1, 1000)
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected an integer from 1 to 1000") from None


def _names(given: Sequence[str] | None) -> tuple[str, ...] | None:
    """Names of the command line, each of which may be several."""
    try:
        return None if given is None else parsing.names(",".join(given))
    except ValueError:
        raise InputError("--methods, --data: found no name; expected names, separated by commas or spaces") from None


def _names_files(data: Sequence[str] | None) -> bool:
    """Whether data are two files or folders rather than data sets."""
    return data is not None and len(data) == 2 and all(Path(name).exists() for name in data)


def _of_files(options: argparse.Namespace) -> tuple[Settings, Request]:
    before, after = (Path(name) for name in options.data)
    dates = dict.fromkeys(name_of(date) for date in (before, after))  # one, where both are called alike
    out = options.out or Path("_".join((*dates, "comparison")))
    settings = settings_for(before, after, options.labels, out, options.overrides)
    seeds = options.seeds or settings.compare.seeds
    names, data = _names(options.methods), [settings.test_set]
    return settings, Request(names, data, seeds, models=config.MODEL_PATH, parts=out, named=False)


def _of_sections(options: argparse.Namespace) -> tuple[Settings, Request]:
    if options.labels is not None:
        raise InputError("--labels: goes with --data BEFORE AFTER, two images; a data set has a labelPath")
    settings = read_settings(options.config, options.overrides)
    out = settings.stat_path / "comparison" if options.out is None else options.out.resolve()
    data = _names(options.data) or settings.compare.data or (settings.test_set,)
    for name in data:
        if name not in settings.data_sets:
            raise InputError(_no_data(name, data, settings))
    seeds = options.seeds or settings.compare.seeds
    methods = _names(options.methods) or settings.compare.methods
    request = Request(methods, data, seeds, models=settings.model_path, parts=settings.stat_path)
    return replace(settings, stat_path=out), request


def _no_data(name: str, data: Sequence[str], settings: Settings) -> str:
    """What to say of a name of --data that is no data set."""
    images = [other for other in data if Path(other).exists()]
    missing = [other for other in data if other not in (*images, *settings.data_sets)]
    if images and missing:
        return f"--data {missing[0]}: no such file, nor a data set of {settings.file.name}"
    if len(data) == 1 and images:
        return f"--data {name}: the second of two images is missing; expected --data BEFORE AFTER"
    return (
        f"--data {name}: neither a data set of {settings.file.name} (--config FILE names another) nor one of two "
        f"existing images; data sets: {', '.join(settings.data_sets)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    return guarded(lambda: run(arguments), "finished runs are kept; the same command does the others")


if __name__ == "__main__":
    raise SystemExit(main())
