"""Stage: what an earlier run left under the same names: warnings before it is replaced, and would be missed.

What the earlier run wrote beside results that are replaced, and this one does not write, is removed, as it tells of
what is no longer there. The record of the earlier run says which files these are; no other file is ever removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import config
from hscd.models.saved import model_files
from hscd.readers import envi
from hscd.reports.page.found import read_run
from hscd.search.record import file_of
from hscd.system import messages, storage
from hscd.system.errors import InputError, brief, counted
from pair_finding import PairFiles
from pipeline.run_record import BEST, RunRecord, differing_settings, plain, resolved, stamp_of
from settings import DataSet, Settings
from settings.families import names, options_after
from settings.keys import LABEL_KEYS, MASK_KEYS, data_set_keys, fields_of
from settings.learning import LearningSettings
from settings.two_images import places
from settings.used_settings import used_keys

# Keys that a map does not depend on.
_NO_PART_IN_MAPS = {*LABEL_KEYS, *MASK_KEYS, "matLabelTruth", "memory_limit", "report"}
# Keys that file names have, or that say how a run is done, what else it writes, or the same as other keys.
_NO_PART_IN_RESULTS = _NO_PART_IN_MAPS | {
    "train_set", "test_set", "model_name", "stat_path", "pseudoPath", "labelPath", "training", "fine_tuning",
    "distance", "detector", "preset", "engine", "workers", "backend", "min_area", "kinds", "objects",
}  # fmt: skip
# Parts of the results that have settings of their own, by the key that asks for them: those settings.
_OF_PARTS = {
    "kinds": {"kinds", *names(options_after("kinds"))},
    "objects": {"objects", "objects_overlap"},
}
_NOTHING = "none"  # by which both keys ask for none
# All parts of the results, as run records note their files.
PARTS = frozenset({"map", "explanation", *_OF_PARTS})
# What sample.py draws from the change map.
SAMPLE = "change_sample.gpkg"
_ELSEWHERE = "--out FOLDER writes elsewhere"
_OTHER_FOLDER = "another stat_path keeps both"


def warn_of_map(settings: Settings, files: PairFiles) -> Collection[str]:
    """Warn that the map of other images or settings is replaced, or a sample loses the map that it was drawn from.

    Returns:
        Those of the `PARTS` that are replaced by others.
    """
    folder = settings.stat_path
    record = _earlier(folder / "run.json")
    images, lost, parts = _images(record), list[str](), frozenset[str]()
    if len(images) == 1 and not all(map(_is_same, images[0], (files.before, files.after))):
        lost, parts = [f"the results of {' and '.join(images[0])} are replaced"], PARTS
    elif len(images) == 1:
        among = set(places()) - _NO_PART_IN_MAPS
        lost, parts = _lost(record["settings"], settings, among, "the map made {} is replaced")
    sample = folder / SAMPLE
    if sample.exists() and ("map" in parts or not images):  # of the same images and settings the same map is made
        lost.append(f"{sample.name} was drawn from the map that is replaced and no longer fits the new one")
    _warn(str(folder), lost, _ELSEWHERE)
    return parts


def _lost(
    earlier: Mapping[str, Any], settings: Settings, among: set[str], whole: str, data_set: str | None = None
) -> tuple[list[str], frozenset[str]]:
    """What other settings replace, in words, and as those of the `PARTS`.

    Args:
        earlier: the settings of the earlier run, as its record has them.
        settings: those of this run.
        among: the keys that the results depend on; those of single parts may be among them.
        whole: what to say of all results; {} becomes how they were made.
        data_set: that both work on; None for `test_set`.
    """
    if other := differing_settings(earlier, settings, among.difference(*_OF_PARTS.values()), data_set):
        return [whole.format(brief(", ".join(other), 300))], PARTS
    lost = {}
    for part, keys in _OF_PARTS.items():  # that both runs write
        if _NOTHING not in (earlier.get(part, _NOTHING), getattr(settings, part)) and (
            other := differing_settings(earlier, settings, keys, data_set)
        ):
            lost[part] = f"the {part} made {brief(', '.join(other), 300)} are replaced"
    return list(lost.values()), frozenset(lost)


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


def warn_of_settings(settings: Settings, command: str, data_set: str, path: Path) -> Collection[str]:
    """Warn that the results of a run on a data set are replaced that were made with other settings.

    Args:
        settings: of the run.
        command: as its record calls it.
        data_set: that it works on.
        path: of the record.

    Returns:
        As `warn_of_map`.
    """
    earlier = _earlier(path)
    if earlier.get("command") != command:
        return frozenset()
    playing = _playing(settings, command)
    lost, parts = _lost(earlier["settings"], settings, playing, "the results made {} are replaced", data_set)
    _warn(f"[{data_set}]", lost, _OTHER_FOLDER)
    return parts


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
    keys = used_keys(settings, command)
    if command == "maps by radii":
        keys -= {"pseudo_radius", "seed", "apply_rescaling"}  # of saved pseudo-labels; each radius has its map
    if command == "test" and settings.fine_tuning == config.NO_FINE_TUNING:
        keys.discard("seed")  # nothing is drawn
    elif command == "test":
        keys |= {key.name for key in fields_of(LearningSettings).values()} - {"start_from"}
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


def warn_of_comparison(folder: Path, methods: Sequence[str], pairs: Sequence[PairFiles]) -> Collection[str]:
    """Warn that tables of a comparison are replaced which have methods, pairs or labels that the new ones lack.

    Returns:
        As `warn_of_map`.
    """
    record = _earlier(folder / "run.json")
    if record.get("command") != "compare":
        return frozenset()
    lost = []
    if missing := [name for name in record["results"] if name not in methods]:
        lost.append(f"the tables with {', '.join(missing)} are replaced")
    now = {(str(files.before), str(files.after)): files.has_labels for files in pairs}
    if judged := [images for images in _images(record, labelled=True) if now.get(images) is False]:
        lost.append(f"the tables by the labels of {_all_of(judged)} are replaced")
    if others := [images for images in _images(record) if images not in now]:
        lost.append(f"the tables of {_all_of(others)} are replaced")
    _warn(str(folder), [brief(text, 300) for text in lost], _ELSEWHERE)
    return PARTS if lost else frozenset()


def remove_unwritten(record: RunRecord, path: Path, replaced: Collection[str]) -> None:
    """Remove what the earlier run of this command wrote of replaced results and this one did not, and tell it.

    Other files of the earlier run are noted in the record of this one. A file that somebody changed or put there is
    none of an earlier run, and stays. To be called at the end of a run, before its record takes the place of the
    earlier one.

    Args:
        record: of this run. Of pairs that it noted no files of, nothing is removed.
        path: of the record.
        replaced: those of the `PARTS` that were warned of.
    """
    earlier, removed, doubtful = _earlier(path), [], []
    # File names of detect.py do not have the pair: those of another one tell of what is replaced as well.
    others = next(iter(record.written.values()), None) if record.command == "detect" else None
    for pair, part, name, stamp in _written(earlier) if earlier.get("command") == record.command else ():
        of_pair, file = record.written.get(pair, others), path.with_name(name)
        found = _stamp(file)
        if of_pair is None or name in of_pair.get(part, ()) or found is None:
            continue
        unchanged = found == stamp
        if part in replaced and unchanged:
            removed += [name] if storage.remove(file) else []
            continue
        if unchanged:
            record.add_kept(pair, part, name, stamp)
        if part in replaced or _threshold(earlier["results"], pair) != _threshold(record.results, pair):
            doubtful.append(name)
    if removed:
        messages.tell(f"{path.parent}: removed {', '.join(removed)} of an earlier run, which this one does not write")
    if doubtful:
        names = brief(", ".join(doubtful), 300)
        messages.warn(f"{path.parent}: kept {names} of an earlier run, though not of the results that are there now")


def _written(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """The pair, part, name and stamp of each file that a run noted as written; of a damaged record, what is sound."""
    for pair, parts in _entries(record.get("written")):
        for part, files in _entries(parts):
            yield from ((pair, part, name, stamp) for name, stamp in _entries(files) if name == Path(name).name)


def _entries(value: Any) -> Collection[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _stamp(path: Path) -> dict[str, Any] | None:
    """The stamp of a regular file; None of anything else."""
    try:
        return stamp_of(path) if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None


def _threshold(results: Mapping[str, Any], pair: str) -> Any:
    """By which maps are told apart that the same settings made, of a model trained again for example."""
    return plain(results.get(pair, {}).get("threshold"))


def _earlier(path: Path) -> dict[str, Any]:
    """The record of the earlier run; empty where there is none that can be read."""
    try:
        return read_run(path).record
    except InputError:
        return {}


def _all_of(pairs: Sequence[tuple[str, str]]) -> str:
    """The images of the first of some pairs, and how many more there are."""
    more = f" and {counted(len(pairs) - 1, 'more pair')}" if len(pairs) > 1 else ""
    return f"{' and '.join(pairs[0])}{more}"


def _is_same(recorded: str, path: Path) -> bool:
    """Whether a recorded path names an image; of ENVI by its header (of a folder) or by the file of its pixels."""
    earlier = Path(recorded)
    is_envi = {earlier.suffix.lower(), path.suffix.lower()} <= {*envi.SUFFIXES, *envi.DATA_SUFFIXES}
    return earlier == path or (is_envi and earlier.with_suffix("") == path.with_suffix(""))


def _images(record: Mapping[str, Any], labelled: bool = False) -> list[tuple[str, str]]:
    """The two images of each pair of a record, or of those with labels; none of a record that is damaged."""
    try:
        pairs = [pair for pair in record["inputs"] if not labelled or {"label", "changed_mask"} & pair.keys()]
        return [(str(pair["before"]["path"]), str(pair["after"]["path"])) for pair in pairs]
    except (AttributeError, KeyError, TypeError):
        return []


def _warn(where: str, lost: Sequence[str], remedy: str) -> None:
    if lost:
        messages.warn(f"{where}: {'; '.join(lost)}; {remedy}")
