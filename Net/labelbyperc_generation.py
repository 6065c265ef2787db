"""Script: maps of the best 10 %, 20 % … 90 % pseudo-labels of every pair of `train_set`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import config
import predutils as pu
from commandline import run
from hscd.reports import maps
from hscd.system.messages import progress
from hscd.system.paths import require_names
from pipeline import pseudo_source
from pipeline.commands import tell_maps
from pipeline.pseudo_source import Made
from pipeline.run_record import recorded
from settings import Settings

PERCENTAGES = range(10, 100, 10)


def generate(settings: Settings) -> Settings:
    """Draw the maps from the saved pseudo-labels; the settings by which these were made."""
    section = settings[settings.train_set]
    run_file = settings.stat_path / f"{section.name}_percentages_run.json"
    names, made = pu.saved_pairs(section, settings), dict[str, Made]()
    for name in names:
        require_names([run_file, _picture(settings, name, PERCENTAGES[-1])])
    with (
        recorded("maps by percentages", settings, [section.name], run_file) as record,
        progress(total=len(names) * len(PERCENTAGES), desc="maps by percentage", unit="map") as bar,
    ):
        for name in names:
            pseudo, made[name] = pu.load_told(section, name, settings)
            beside = pu.beside_maps(section, name, pseudo["shape"], settings)
            record.add_files(name, pseudo_labels=pu.pseudo_file(section, name))
            chosen, drawn = {}, {}
            for percentage in PERCENTAGES:
                positions, labels = pu.labels_by_percentage(pseudo, percentage / 100)
                drawn[f"the best {percentage} %"] = _picture(settings, name, percentage)
                maps.write_classes(
                    _picture(settings, name, percentage),
                    maps.selection_panels(positions, labels, pseudo["shape"]),
                    unknown="excluded",
                    heading=f"{settings.train_set}, {name}: the best {percentage} % of the pseudo-labels",
                    beside=beside,
                )
                bar.update()
                chosen[str(percentage)] = len(positions)
            record.add_outputs(name, drawn)
            tell_maps(name, list(drawn.values()))
            record.add_result(
                name,
                {"threshold": pseudo["threshold"], "total_pixels": len(pseudo["distances"]), "pixels": chosen},
            )
        alike = pseudo_source.all_made(section, made, settings)
    return alike


def dispatch(settings: Settings) -> None:
    """Draw the maps, and tell what the selection is for."""
    pu.tell_use(generate(settings), config.BY_PERCENTAGE)


def _picture(settings: Settings, name: str, percentage: int) -> Path:
    return settings.stat_path / f"{settings.train_set}_{name}_{percentage}%.png"


_KEPT = "files that were written are kept; the same command makes all of them again"


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Draw maps of the best 10 % to 90 % pseudo-labels of train_set.", dispatch, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
