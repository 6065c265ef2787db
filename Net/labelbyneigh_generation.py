"""Script: maps of neighbourhood-selected pseudo-labels of every pair of `train_set`, radius 2 … `pseudo_radius`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import config
import dataprocessing as dp
import predutils as pu
from commandline import run
from hscd.reports import maps
from hscd.system.errors import InputError
from hscd.system.messages import progress
from hscd.system.paths import require_names
from pipeline import pseudo_source, replaced
from pipeline.commands import tell_maps
from pipeline.plan import Plan
from pipeline.pseudo_source import Made
from pipeline.run_record import recorded
from settings import Settings

FIRST_RADIUS = 2


def generate(settings: Settings) -> Settings:
    """Draw the maps from the saved pseudo-labels; the settings by which these were made."""
    section, plan = settings[settings.train_set], Plan(settings)
    largest = settings.options.get("pseudo_radius")  # asked for by fine_tuning = 2 alone
    if largest is None or largest < FIRST_RADIUS:
        found = "missing" if largest is None else f"found {largest}"
        raise InputError(
            f"{settings.file}: [settings] pseudo_radius: {found}; maps are drawn from radius {FIRST_RADIUS} up to it"
        )
    radii = range(FIRST_RADIUS, largest + 1)
    run_file = settings.stat_path / f"{section.name}_radii_run.json"
    names, made = pu.saved_pairs(section, settings), dict[str, Made]()
    for name in names:
        require_names([run_file, _picture(settings, name, largest)])
    with (
        recorded("maps by radii", settings, [section.name], run_file) as record,
        progress(total=len(names) * len(radii), desc="maps by neighbourhood", unit="map") as bar,
    ):
        others = replaced.warn_of_settings(settings, "maps by radii", section.name, run_file)
        scenes = {scene.name: scene for scene in dp.scenes(section.name, settings)} if plan.guided else {}
        for name in names:
            scene = scenes.get(name)
            shape = None if scene is None else scene.truth.shape
            pseudo, made[name] = pu.load_told(section, name, settings, shape)
            correct, beside = plan.correct(scene), pu.beside_maps(section, name, pseudo["shape"], settings)
            record.add_files(name, pseudo_labels=pu.pseudo_file(section, name))
            chosen, drawn = {}, {}
            for radius in radii:
                positions, labels = pu.labels_by_neighborhood(pseudo, radius, correct)
                drawn[f"radius {radius}"] = _picture(settings, name, radius)
                maps.write_classes(
                    _picture(settings, name, radius),
                    maps.selection_panels(positions, labels, pseudo["shape"]),
                    unknown="excluded",
                    heading=f"{settings.train_set}, {name}: pseudo-labels by neighbourhood of radius {radius}",
                    beside=beside,
                )
                bar.update()
                chosen[str(radius)] = len(positions)
            record.add_outputs(name, drawn)
            record.add_written(name, "map", drawn.values())
            tell_maps(name, list(drawn.values()))
            record.add_result(
                name,
                {"threshold": pseudo["threshold"], "total_pixels": len(pseudo["distances"]), "pixels": chosen},
            )
        replaced.remove_unwritten(record, run_file, others)
        alike = pseudo_source.all_made(section, made, settings)
    return alike


def dispatch(settings: Settings) -> None:
    """Draw the maps, and tell what the selection is for."""
    pu.tell_use(generate(settings), config.BY_NEIGHBORHOOD)


def _picture(settings: Settings, name: str, radius: int) -> Path:
    return settings.stat_path / f"{settings.train_set}_{name}_radius{radius}.png"


_KEPT = "files that were written are kept; the same command makes all of them again"


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Draw maps of neighbourhood-selected pseudo-labels of train_set.", dispatch, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
