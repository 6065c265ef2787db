"""Stage: what an earlier run left under the same names: warnings before it is replaced, and would be missed.

What a run of these names may write, and this one does not, is removed: it tells of results that are no longer there.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import config
from hscd.models.saved import model_files
from hscd.reports.page.found import read_run
from hscd.search.record import file_of
from hscd.system import messages, storage
from hscd.system.errors import InputError, brief, counted
from pair_finding import PairFiles
from pipeline.run_record import BEST, differing_settings, plain, resolved
from settings import DataSet, Settings
from settings.families import names, options_after
from settings.keys import LABEL_KEYS, MASK_KEYS, data_set_keys
from settings.two_images import places
from settings.used_settings import used_keys

# Keys that a map does not depend on.
_NO_PART_IN_MAPS = {*LABEL_KEYS, *MASK_KEYS, "matLabelTruth", "memory_limit", "report"}
# Keys that file names have, or that say how a run is done, what else it writes, or the same as other keys.
_NO_PART_IN_RESULTS = _NO_PART_IN_MAPS | {
    "train_set", "test_set", "model_name", "stat_path", "pseudoPath", "labelPath", "training", "fine_tuning",
    "distance", "detector", "preset", "engine", "workers", "backend", "min_area", "kinds", "objects",
}  # fmt: skip
# What sample.py draws from the change map.
SAMPLE = "change_sample.gpkg"
_ELSEWHERE = "--out FOLDER writes elsewhere"
_OTHER_FOLDER = "another stat_path keeps both"


def warn_of_map(settings: Settings, files: PairFiles) -> None:
    """Warn that the map of other images or settings is replaced, or a sample loses the map that it was drawn from."""
    folder, lost = settings.stat_path, []
    record = _earlier(folder / "run.json")
    images = _images(record)
    if len(images) == 1 and images[0] != (str(files.before), str(files.after)):
        lost.append(f"the results of {' and '.join(images[0])} are replaced")
    elif len(images) == 1 and (
        other := differing_settings(record["settings"], settings, set(places()) - _NO_PART_IN_MAPS)
    ):
        lost.append(f"the map made {', '.join(other)} is replaced")
    sample = folder / SAMPLE
    if sample.exists() and (lost or not images):  # of the same images and settings the same map is made
        lost.append(f"{sample.name} was drawn from the map that is replaced and no longer fits the new one")
    _warn(str(folder), lost, _ELSEWHERE)


def warn_of_model(settings: Settings, data_sets: Sequence[str], inputs: Sequence[Any], path: Path) -> None:
    """Warn that a saved model is replaced, unless a search goes on or the same training is repeated.

    Args:
        settings: of the training, as its record will have them.
        data_sets: names of those that it reads.
        inputs: its files, as its record will have them.
        path: of the record.
    """
    prefix = settings.model_path / settings.model_name
    weights = model_files(prefix)[0]
    if not weights.exists() or file_of(prefix).exists():
        return
    record, told = _earlier(path), "the saved model"
    if record.get("command") == "training":
        if [record["settings"], record.get("inputs")] == plain([resolved(settings, data_sets), inputs]):
            return
        loss = record["results"].get(BEST, {}).get("val_loss")
        of_loss = f", validation loss {loss:.5f}" if isinstance(loss, float) else ""
        told = brief(f"{told} of {record['started']} (train_set {record['settings'].get('train_set')}{of_loss})")
    _warn(str(weights), [f"{told} is replaced"], "another model_name keeps both")


def warn_of_settings(settings: Settings, command: str, data_set: str, path: Path) -> None:
    """Warn that the results of a test, or of pseudo-labels, are replaced that were made with other settings.

    Args:
        settings: of the run.
        command: as its record calls it.
        data_set: that it works on.
        path: of the record.
    """
    earlier = _earlier(path)
    if earlier.get("command") != command or not isinstance(earlier.get("settings"), dict):
        return
    if other := differing_settings(earlier["settings"], settings, _playing(settings, command), data_set):
        _warn(f"[{data_set}]", [f"the results made {brief(', '.join(other), 300)} are replaced"], _OTHER_FOLDER)


def warn_of_pseudo_labels(section: DataSet, others: Mapping[str, Sequence[str]]) -> None:
    """Warn that pseudo-labels are replaced that a run of another kind made; maps and tables have names of their own.

    Args:
        section: of the data set.
        others: names of its pairs, by what made their pseudo-labels.
    """
    lost = [f"the pseudo-labels of {brief(', '.join(names), 100)} by {by} are replaced" for by, names in others.items()]
    _warn(f"[{section.name}]", lost, "another pseudoPath keeps both")


def _playing(settings: Settings, command: str) -> set[str]:
    """The keys that the results of a command depend on."""
    keys = used_keys(settings, command) - names(options_after("kinds"))
    if command == "test" and settings.fine_tuning == config.NO_FINE_TUNING:
        keys.discard("seed")  # nothing is drawn
    return (keys | {key.name for key in data_set_keys()}) - _NO_PART_IN_RESULTS


def warn_of_test(where: str, path: Path, pair_name: str, source: str) -> None:
    """Warn that the test of a pair is replaced that was fine-tuned on pseudo-labels of another source.

    Args:
        where: what the message begins with.
        path: of the record of the run.
        pair_name: the pair.
        source: what made the pseudo-labels of this run.
    """
    earlier = _earlier(path).get("results", {}).get(pair_name, {}).get("pseudo_source")
    if isinstance(earlier, str) and earlier != source:
        lost = f"the results of the test that was fine-tuned on pseudo-labels by {brief(earlier)} are replaced"
        _warn(where, [lost], _OTHER_FOLDER)


def warn_of_comparison(folder: Path, methods: Sequence[str], pairs: Sequence[PairFiles]) -> None:
    """Warn that tables of a comparison are replaced which have methods, or pairs of images, that the new ones lack."""
    record = _earlier(folder / "run.json")
    if record.get("command") != "compare":
        return
    lost = []
    if missing := [name for name in record["results"] if name not in methods]:
        lost.append(f"the tables with {', '.join(missing)} are replaced")
    now = {(str(files.before), str(files.after)) for files in pairs}
    if others := [images for images in _images(record) if images not in now]:
        more = f" and {counted(len(others) - 1, 'more pair')}" if len(others) > 1 else ""
        lost.append(f"the tables of {' and '.join(others[0])}{more} are replaced")
    _warn(str(folder), [brief(text, 300) for text in lost], _ELSEWHERE)


def remove_unwritten(possible: Iterable[Path], written: Container[Path] = ()) -> None:
    """Remove what an earlier run wrote and this one did not, and tell it.

    Args:
        possible: files that a run may write, in one folder.
        written: those that this one wrote.
    """
    removed = [path for path in possible if path not in written and storage.remove(path)]
    if removed:
        names = ", ".join(path.name for path in removed)
        messages.tell(f"{removed[0].parent}: removed {names} of an earlier run, which this one does not write")


def _earlier(path: Path) -> dict[str, Any]:
    """The record of the earlier run; empty where there is none that can be read."""
    try:
        return read_run(path).record
    except InputError:
        return {}


def _images(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The two images of each pair of a record; none of a record that is damaged."""
    try:
        return [(str(pair["before"]["path"]), str(pair["after"]["path"])) for pair in record["inputs"]]
    except (KeyError, TypeError):
        return []


def _warn(where: str, lost: Sequence[str], remedy: str) -> None:
    if lost:
        messages.warn(f"{where}: {'; '.join(lost)}; {remedy}")
