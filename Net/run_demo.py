"""Script: the whole pipeline on the demo data, from images to maps, and what it gave.

It does what the other scripts do, step by step, in one process.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import config
import labelbyneigh_generation
import labelbyperc_generation
import main as main_script
import predutils
from commandline import run
from hscd.system import storage
from hscd.system.errors import counted
from hscd.system.messages import result
from pipeline import detection
from settings import Settings
from settings.presets import PRESETS

# Fewer trials than a real search has.
TRIALS = 3
# The spectral angle on unscaled data gives the better pseudo-labels; the network works on rescaled data.
PSEUDO_ED = {"train_set": "DEMO B", "distance": "ED", "apply_rescaling": True}
PSEUDO_SAM = {"train_set": "DEMO B", "distance": "SAM", "apply_rescaling": False}
TRAIN = {
    "train_set": "DEMO A",
    "test_set": "DEMO B",
    "distance": "ED",
    "model_name": "DEMO_ED",
    "apply_rescaling": True,
}
# The test says that these pseudo-labels are meant.
TUNED = TRAIN | {"detector": PSEUDO_SAM["distance"]}
NO_LABELS = {"test_set": "DEMO B", "apply_rescaling": False} | PRESETS["unsupervised"]


def detect(settings: Settings) -> None:
    """What `detect.py` does, into a folder of its own: its files are not named after the pair."""
    folder = settings.stat_path / f"{settings.test_set}_change"
    storage.require_folder(folder)
    detection.detect(replace(settings, stat_path=folder))


STEPS: tuple[tuple[str, Callable[[Settings], object], dict[str, Any]], ...] = (
    ("Pseudo-labels of place B, plain Euclidean distance", predutils.generate, PSEUDO_ED),
    ("Pseudo-labels of place B, spectral angle", predutils.generate, PSEUDO_SAM),
    ("Map of place B without labels (detect.py)", detect, NO_LABELS),
    ("Maps of the best pseudo-labels", labelbyperc_generation.generate, PSEUDO_SAM),
    ("Maps of neighbourhood-selected pseudo-labels", labelbyneigh_generation.generate, PSEUDO_SAM),
    ("Search for a model on place A", main_script.train, TRAIN),
    ("Test on place B, no fine-tuning", main_script.test, TRAIN | {"fine_tuning": config.NO_FINE_TUNING}),
    ("Test, fine-tuned on all pseudo-labels", main_script.test, TUNED | {"fine_tuning": config.ALL_PSEUDO_LABELS}),
    ("Test, fine-tuned on the best by percentage", main_script.test, TUNED | {"fine_tuning": config.BY_PERCENTAGE}),
    ("Test, fine-tuned by neighbourhood", main_script.test, TUNED | {"fine_tuning": config.BY_NEIGHBORHOOD}),
)


def run_all(settings: Settings) -> None:
    """Run every step, then list the files written and the accuracy of each map."""
    started = time.time()
    searches = {name: replace(search, max_evals=TRIALS) for name, search in settings.searches.items()}
    settings = replace(settings, searches=searches)
    folders = [settings.stat_path, settings.model_path, settings["DEMO B"].pseudo_folder()]
    written: list[Path] = []
    accuracies: list[str] = []
    for number, (title, stage, changes) in enumerate(STEPS, start=1):
        result(f"\n[{number}/{len(STEPS)}] {title}")
        step_started = time.time()
        stage(replace(settings, **changes))
        files = [file for folder in folders for file in _files_since(folder, step_started)]
        accuracies += [_accuracy_line(title, file) for file in files if _holds_accuracy(file)]
        written += [file for file in files if file not in written]
    result(f"\n{counted(len(written), 'file')} written:")
    for file in written:
        result(f"  {os.path.relpath(file)}")
    result(f"\n{'overall accuracy / kappa / F1 on DEMO B':<52}  {'raw':^22}   after correction")
    result("\n".join(accuracies))
    result(f"\nDone in {time.time() - started:.0f} s.")


def _files_since(folder: Path, moment: float) -> list[Path]:
    """Files of a folder that are not older than a moment, TensorBoard's records left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if file.is_file() and "logs" not in file.relative_to(folder).parts and file.stat().st_mtime >= moment
    )


def _holds_accuracy(file: Path) -> bool:
    """A table of a map, or the record of a detection, whose folder holds no such table."""
    if (record := file.with_name("run.json")).exists():
        return file == record
    return file.suffix == ".csv" and not file.stem.endswith(("_corrected", "_stats", "_curves"))


def _accuracy_line(title: str, file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        (row,) = json.loads(text)["results"].values()
    else:
        row = next(csv.DictReader(text.splitlines()))
    raw, corrected = (
        f"{float(row['overall_accuracy' + suffix]):.3f} / {float(row['kappa' + suffix]):.3f} / "
        f"{float(row['f1' + suffix]):.3f}"
        for suffix in ("", "_correction")
    )
    return f"  {title:<50}  {raw}   {corrected}"


_KEPT = "files of finished steps are kept; the same command begins again with the first step"


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Run the whole pipeline on the demo data.", run_all, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
