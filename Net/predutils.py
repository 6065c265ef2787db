"""Script and stage: distances of two images -> pseudo-labels -> selection -> spatial correction.

Run as a script, it saves the pseudo-labels of every pair of `train_set`, with their maps and metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import config
from commandline import run
from hscd.corrections.spatial import spatial_correction
from hscd.detectors.spectral import pixel_distances
from hscd.models.saved import model_files
from hscd.records import PseudoLabels
from hscd.reports.furniture import Furniture, of_grid
from hscd.scenes.pairing import opened_image
from hscd.scenes.scene import same_and_varied
from hscd.scores import classify
from hscd.search.engines import ENGINES
from hscd.selections.neighborhood import labels_by_neighborhood
from hscd.selections.percentage import labels_by_percentage
from hscd.system import storage
from hscd.system.errors import InputError, counted
from hscd.system.messages import tell, warn
from hscd.system.paths import require_names, require_regular
from hscd.thresholds import cut_scores
from hscd.thresholds.otsu import otsu_cut
from pipeline import pseudo as making
from pipeline import pseudo_source, replaced
from pipeline.commands import key_of, suggested, tell_next
from pipeline.pair_tasks import Job, spread_pairs
from pipeline.pseudo import pseudo_file
from pipeline.pseudo_source import Made
from pipeline.run_record import recorded
from settings import DataSet, Settings
from settings.presets import RECOMMENDED
from settings.records import SETTINGS_SECTION
from settings.used_settings import used_keys

# Keys that a model has its own of: distance, scale, and where it is trained.
_OF_MODEL = {"settings.distance", "settings.apply_rescaling", "settings.train_set"}

__all__ = [
    "beside_maps",
    "labels_by_neighborhood",
    "labels_by_percentage",
    "load_pseudo_labels",
    "pseudo_file",
    "pseudo_labels",
    "spatial_correction",
]


def pseudo_labels(
    first_img: np.ndarray,
    second_img: np.ndarray,
    dist_function: Callable[[Any, Any], Any],
    return_distances: bool = False,
    valid: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Label the pixels of a pair by Otsu's threshold on their spectral distance.

    Args:
        first_img: (pixels, bands) before image.
        second_img: (pixels, bands) after image.
        dist_function: a distance of `hscd.heads`.
        return_distances: return the distances instead of the labels.
        valid: where pixels are not masked, as many boolean values in any shape; None where none is.

    Returns:
        (pixels,) uint8 labels, 0 changed, 1 unchanged, 2 masked, or (pixels,) float32 distances, NaN where masked; and
        the threshold.

    Raises:
        InputError: if all distances are equal, unless the two images are the same and not constant: nothing changed.
    """
    distances = pixel_distances(first_img, second_img, dist_function)
    kept: Any = slice(None)
    if valid is not None:
        kept = np.flatnonzero(valid.ravel())
        distances[~valid.ravel()] = np.nan
    cut = cut_scores(distances, otsu_cut, lambda: same_and_varied([(first_img[kept], second_img[kept])]))
    return (distances if return_distances else classify(distances, cut.value)), cut.value


def load_pseudo_labels(
    section: DataSet,
    pair_name: str,
    shape: tuple[int, int] | None = None,
    *,
    settings: Settings | None = None,
    of_model: bool = True,
) -> PseudoLabels:
    """Read the saved pseudo-labels of a pair.

    Args:
        section: the data set's section.
        pair_name: the pair.
        shape: (rows, columns) of the pair's images, to be checked; None where they are not at hand.
        settings: those of the run, which the command that an error suggests goes by. A warning says where the file was
            made by another detector than theirs.
        of_model: as of `pseudo_source.doubt`.

    Raises:
        InputError: if the file is missing or damaged, or was made for an image of another shape.
    """
    file = pseudo_file(section, pair_name)
    if not require_regular(file).is_file():
        raise InputError(f"{file}: no such file; make it with {_command(section, settings)}")
    content = storage.read_pickle(file)
    try:
        rows, columns = (int(length) for length in content["shape"])
        loaded = PseudoLabels(
            threshold=float(content["threshold"]),
            distances=np.asarray(content["distances"]),
            shape=(rows, columns),
        )
        if "votes" in content:
            loaded["votes"] = np.asarray(content["votes"], np.float32)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{file}: not a file of pseudo-labels: {error!r}") from error
    distances = loaded["distances"]
    if distances.shape == (rows * columns, 1):  # the guide's program saved a column
        distances = loaded["distances"] = distances[:, 0]
    if min(rows, columns) < 1 or distances.shape != (rows * columns,) or distances.dtype.kind != "f":
        raise InputError(
            f"{file}: expected distances of {rows} × {columns} pixels, found {distances.size} values "
            f"of type {distances.dtype}"
        )
    if not np.isfinite(loaded["threshold"]) or np.isinf(distances).any() or np.isnan(distances).all():
        raise InputError(f"{file}: the threshold is NaN or infinite, or a distance is infinite, or all are NaN")
    votes = loaded.get("votes")
    if votes is not None and (votes.shape != distances.shape or not ((votes >= 0) & (votes <= 1)).all()):
        raise InputError(f"{file}: expected votes in [0, 1], one for each of the {distances.size} distances")
    if shape is not None and loaded["shape"] != tuple(shape):
        raise InputError(
            f"{file}: made for an image of shape {loaded['shape']}, the pair has {tuple(shape)}; "
            f"make them again with {_command(section, settings)}"
        )
    if settings is not None:
        source = pseudo_source.recorded_source(settings, section, pair_name, loaded["threshold"])
        if doubt := pseudo_source.doubt(source, settings, of_model=of_model):
            warn(f"{file}: {doubt}")
    return loaded


def load_told(
    section: DataSet, pair_name: str, settings: Settings, shape: tuple[int, int] | None = None
) -> tuple[PseudoLabels, Made]:
    """`load_pseudo_labels` for maps of them; what made them is told.

    A distance or scale that --set gives is what pseudo-labels are asked for by, as nothing is trained or tested.

    Returns:
        They, and what made them.
    """
    pseudo = load_pseudo_labels(section, pair_name, shape, settings=settings, of_model=False)
    source = pseudo_source.recorded_source(settings, section, pair_name, pseudo["threshold"])
    by = pseudo_source.described(source)
    made = f"made by {by}, threshold {pseudo['threshold']:.5g}"
    tell(f"{pair_name}: pseudo-labels of {pseudo_file(section, pair_name)}, {made}")
    asked = pseudo_source.as_asked(settings)
    as_made = pseudo_source.as_made(source, asked)
    return pseudo, Made(by, settings if as_made is asked else as_made)


def saved_pairs(section: DataSet, settings: Settings | None = None) -> list[str]:
    """Names of the pairs of a data set, sorted; where its images are not at hand, of those with pseudo-labels.

    Raises:
        InputError: if there are none.
    """
    from pair_finding import is_there, pair_files

    if is_there(section):
        return [files.name for files in pair_files(section)]
    names = sorted(file.stem for file in section.pseudo_folder().glob("*.pickle") if not file.name.startswith("."))
    if not names:
        raise InputError(f"{section.pseudo_folder()}: no pseudo-labels; make them with {_command(section, settings)}")
    return names


def beside_maps(section: DataSet, pair_name: str, shape: tuple[int, int], settings: Settings) -> Furniture | None:
    """Scale bar, north arrow and the aspect of pixels for maps of the saved pseudo-labels of a pair.

    Where its images are not at hand, cannot be read (a warning says so) or have no place on the ground, None.

    Args:
        section: the data set's section.
        pair_name: the pair.
        shape: (rows, columns) of its maps.
        settings: those of the run.
    """
    from image_pairs import memory_limit, reading_of
    from pair_finding import is_there, pair_files

    files = next((of for of in pair_files(section) if of.name == pair_name), None) if is_there(section) else None
    paths = () if files is None else (files.before, files.after)
    try:
        for path, variable in zip(paths, section.variables, strict=False):
            grid = opened_image(path, variable, reading_of(section), memory_limit(settings)).grid
            if grid is not None:
                return of_grid(path, grid, shape)
    except InputError as error:
        warn(f"{error}; the maps of {pair_name} are drawn with square pixels")
    return None


def _command(section: DataSet, settings: Settings | None) -> str:
    """What makes the pseudo-labels of a data set, and why so, for errors."""
    makes, why = command(section, settings)
    return f"`{makes}`{why and f'; {why}'}"


def command(section: DataSet, settings: Settings | None) -> tuple[str, str]:
    """The command that makes the pseudo-labels of a data set, and why it says more than that; "" where it does not.

    The distance of a network makes poorer ones than the preset, so this takes its place unless the settings name a
    detector, or the user asked for a distance.
    """
    preset, why = tuple[str, ...](), ""
    if settings is not None and not pseudo_source.names_detector(pseudo_source.as_asked(settings)):
        preset = (f"settings.preset={RECOMMENDED}",)
        why = f"no detector is named, and {RECOMMENDED} makes better ones than the distance of the network"
    return suggested("pseudo-labels", settings=settings, sets=(*preset, f"settings.train_set={section.name}")), why


def generate(settings: Settings) -> None:
    """Make and save the pseudo-labels of every pair of `train_set`, with maps and metrics."""
    from image_pairs import pair_files

    section = settings[settings.train_set]
    storage.require_folder(section.pseudo_folder())  # where that fails, no work should be lost
    kind = making.kind(settings)
    run_file = settings.stat_path / f"{section.name}_{kind}_run.json"
    pairs = pair_files(section)
    for files in pairs:
        require_names([*making.writes(settings, files.name), run_file])
    with recorded("pseudo-labels", settings, [section.name], run_file) as record:
        record.add_inputs(pairs)
        parts = replaced.warn_of_settings(settings, "pseudo-labels", section.name, run_file)
        others = pseudo_source.made_by_others(settings, section, [files.name for files in pairs])
        replaced.warn_of_pseudo_labels(section, others)
        failed: list[str] = []
        if ENGINES[settings.engine].spreads:
            job = Job(making.make_alone, partial(making.reads, settings), partial(making.writes, settings))
            failures = spread_pairs(settings, section, pairs, job, record)
            failed = [_failed(section, name, error) for name, error in failures.items()]
            for failure in failed:
                warn(failure)
        else:
            making.make_all(settings, section.name, record)
        of_all = f"(of {counted(len(pairs), 'pair')}, {len(pairs) - len(failed)} with pseudo-labels)"
        if len(failed) == len(pairs):
            raise InputError(f"{failed[0]} {of_all}")
        replaced.remove_unwritten(record, run_file, parts)
    if failed:  # only now, so that there is a record of the others
        raise InputError(f"{failed[0]} {of_all}")


def dispatch(settings: Settings) -> None:
    """Make the pseudo-labels, and tell what they are for."""
    generate(settings)
    chosen = settings.fine_tuning != config.NO_FINE_TUNING
    tell_use(settings, settings.fine_tuning if chosen else config.ALL_PSEUDO_LABELS)


def tell_use(settings: Settings, fine_tuning: int) -> None:
    """Tell the command that uses the pseudo-labels of `train_set`, with a value of `fine_tuning`."""
    section, model = settings[settings.train_set], settings.model_name
    kept = (text for text in settings.overrides if key_of(text) not in _OF_MODEL)
    given = {key_of(text) for text in settings.overrides}
    if section.name != settings.test_set and "settings.train_set" not in given:
        # This is where the model is trained, as net.conf says: a test is elsewhere.
        tell_tuning(replace(settings, overrides=tuple(kept)), fine_tuning, settings)
        return
    sets = [f"settings.test_set={section.name}"]
    if not pseudo_source.names_detector(settings) and pseudo_source.asks_for(settings, "distance"):
        sets.append(f"settings.detector={settings.distance}")  # the distance of a test is that of its model
    if settings.fine_tuning != fine_tuning:
        sets.append(f"settings.fine_tuning={fine_tuning}")
    settings = replace(settings, overrides=tuple(kept))
    if model_files(settings.model_path / model)[0].exists():
        fine_tunes = suggested("test", settings=settings, sets=tuple(sets))
        tell_next(f"to test {model} on {section.name}, fine-tuned on these pseudo-labels", fine_tunes)
    else:
        made_by = used_keys(settings, "pseudo-labels") - used_keys(settings, "training")
        unread = {f"{SETTINGS_SECTION}.{key}".lower() for key in made_by}
        read = tuple(text for text in settings.overrides if key_of(text) not in unread)
        trains = suggested("train", settings=replace(settings, overrides=read))
        tell_next(f"to train a model ({model} is not there yet) that can be fine-tuned on them", trains)


def tell_tuning(settings: Settings, fine_tuning: int, asked: Settings | None = None) -> None:
    """Tell the command that fine-tunes the model on `test_set`, or the one that makes the pseudo-labels for it.

    Nothing is told where `test_set` has no images, or no folder of pseudo-labels.

    Args:
        settings: those of the test.
        fine_tuning: its value.
        asked: those by which pseudo-labels are made, whose scale may be another one; None for the same.
    """
    from pair_finding import is_there, pair_files

    section, model = settings[settings.test_set], settings.model_name
    if section.pseudo_path is None or not is_there(section):
        return
    if all(pseudo_file(section, files.name).exists() for files in pair_files(section)):
        sets = () if settings.fine_tuning == fine_tuning else (f"settings.fine_tuning={fine_tuning}",)
        fine_tunes = suggested("test", settings=settings, sets=sets)
        tell_next(f"to test {model} on {section.name}, fine-tuned on its pseudo-labels", fine_tunes)
        return
    makes, why = command(section, asked or settings)
    tell_next(f"to make the pseudo-labels of {section.name} that the test fine-tunes on{why and f' ({why})'}", makes)


def _failed(section: DataSet, name: str, error: str) -> str:
    """What to say of a pair whose pseudo-labels could not be made."""
    where, file = f"[{section.name}] {name}: ", pseudo_file(section, name)
    said = error if error.startswith(where) else where + error
    return f"{said}; {file} is of an earlier run" if file.exists() else said


_KEPT = (
    "files that were written are kept; the same command makes all of them again (with engine = ray those that are "
    "missing)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Make the pseudo-labels of every pair of train_set.", dispatch, arguments, kept=_KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
