"""Script: what the configured data sets hold, in numbers and pictures, before anything is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import config
import dataprocessing as dp
from commandline import run
from hscd.errors import InputError
from hscd.inspection import PairSummary, best_bands, summarise
from hscd.labels import UNKNOWN
from hscd.reports import quicklook


def inspect(settings: config.Settings) -> None:
    """Print what every data set holds, and draw a quick look at each of its pairs.

    Raises:
        InputError: at the end, with one line for every pair or data set that cannot be used.
    """
    errors = []
    for name, section in settings.data_sets.items():
        if not (section.img_a_path.is_dir() or name in (settings.train_set, settings.test_set)):
            print(f"[{name}] not there: {section.img_a_path}")
            continue
        try:
            files = dp.pair_files(section)
        except InputError as error:
            errors.append(str(error))
            continue
        print(f"[{name}] {len(files)} {'pair' if len(files) == 1 else 'pairs'} in {section.img_a_path.parent}")
        for file_name in files:
            try:
                print(*_lines(file_name, _inspect_pair(file_name, section, settings)), sep="\n")
            except InputError as error:
                errors.append(str(error))
    if errors:
        raise InputError("\n".join(errors))


def _inspect_pair(file_name: str, section: config.DataSet, settings: config.Settings) -> PairSummary:
    """Numbers of a pair; its picture is drawn on the way."""
    before, after, labels = dp.load_pair(file_name, section, settings)
    [valid] = dp.valid_masks([before], [after], [Path(file_name).stem], section)
    labels = dp.relabel(labels, section)
    if valid is not None:
        labels[~valid] = UNKNOWN
    picture = settings.stat_path / f"{section.name}_{Path(file_name).stem}_quicklook.png"
    quicklook.write(picture, (before, after), best_bands(before), valid, labels)
    return summarise((before, after), valid, labels, has_labels=section.label_path is not None)


def _lines(file_name: str, found: PairSummary) -> list[str]:
    """The numbers of a pair in words."""
    rows, columns, bands = found.shape
    pixels = rows * columns
    lines = [f"  {file_name}: {rows} × {columns} pixels, {bands} {'band' if bands == 1 else 'bands'}"]
    for name, kind, (low, high) in zip(("before", "after"), found.types, found.ranges, strict=True):
        lines.append(f"    {name}: {kind}, {low:g} … {high:g}")
    if found.masked:
        lines.append(f"    masked: {found.masked:,} pixels ({found.masked / pixels:.1%})")
    counts = ", ".join(f"{name} {count:,} ({count / pixels:.1%})" for name, count in found.labels.items())
    lines.append(f"    labels: {counts or 'none, no labelPath'}")
    return lines + [f"    look at: {problem}" for problem in found.problems]


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Print what the configured data sets hold, and draw a quick look at each pair.", inspect, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
