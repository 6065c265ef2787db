"""Script and stage: distances of two images -> pseudo-labels -> selection -> spatial correction.

Run as a script, it saves the pseudo-labels of every pair of `train_set`, with their maps and metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import config
from commandline import run
from hscd import storage
from hscd.distances import DISTANCES, pixel_distances
from hscd.errors import InputError
from hscd.evaluation import PLAUSIBLE_SHARE, Confusion, changed_share, confusion
from hscd.inspection import named
from hscd.messages import warn
from hscd.paths import require_names, require_regular
from hscd.records import PseudoLabels
from hscd.scene import Scene
from hscd.selection import (
    CORRECTION_RADIUS,
    all_labels,
    classify,
    labels_by_neighborhood,
    labels_by_percentage,
)
from hscd.spatial import spatial_correction
from hscd.thresholds import otsu

__all__ = [
    "labels_by_neighborhood",
    "labels_by_percentage",
    "load_pseudo_labels",
    "pseudo_labels",
    "select",
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
        dist_function: a distance of `hscd.distances`.
        return_distances: return the distances instead of the labels.
        valid: where pixels are not masked, as many boolean values in any shape; None where none is.

    Returns:
        (pixels,) uint8 labels, 0 changed, 1 unchanged, 2 masked, or (pixels,) float32 distances, NaN where masked; and
        the threshold.

    Raises:
        InputError: if all distances are equal, unless the two images are the same and not constant: nothing changed.
    """
    distances = pixel_distances(first_img, second_img, dist_function)
    kept = slice(None) if valid is None else np.flatnonzero(valid.ravel())
    threshold = _split(distances, valid, lambda: [(first_img[kept], second_img[kept])])
    return (distances if return_distances else classify(distances, threshold)), threshold


def _split(
    distances: np.ndarray, valid: np.ndarray | None, spectra: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]
) -> float:
    """The threshold of distances, which become NaN where pixels are masked.

    It is Otsu's; where that is undefined and the two images are the same, their distance: nothing changed.

    Args:
        distances: (pixels,) float32.
        valid: mask in any shape; None where no pixel is masked.
        spectra: gives the before and the after spectra of the valid pixels, part by part.
    """
    if valid is not None:
        distances[~valid.ravel()] = np.nan
    try:
        return otsu(distances)
    except InputError:
        if not _same_and_varied(spectra()):
            raise
        return float(np.nanmax(distances))


def _same_and_varied(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether before and after spectra are the same, but not those of one pixel the same as those of all others."""
    first: np.ndarray | None = None
    varied = False
    for before, after in parts:
        if not np.array_equal(before, after):
            return False
        if len(before):
            first = before[0] if first is None else first
            varied = varied or bool((before != first).any())
    return varied


def select(pseudo_dict: PseudoLabels, settings: config.Settings) -> tuple[np.ndarray, np.ndarray]:
    """Positions and labels of the pseudo-labels that `fine_tuning` of the settings asks for."""
    if settings.fine_tuning == config.BY_PERCENTAGE:
        return labels_by_percentage(pseudo_dict, settings.pseudo_percentage)
    if settings.fine_tuning == config.BY_NEIGHBORHOOD:
        return labels_by_neighborhood(pseudo_dict, settings.pseudo_radius)
    return all_labels(pseudo_dict)


def pseudo_file(section: config.DataSet, pair_name: str) -> Path:
    """File of the pseudo-labels of a pair."""
    return section.pseudo_path / f"{pair_name}.pickle"


def load_pseudo_labels(section: config.DataSet, pair_name: str, shape: tuple[int, int] | None = None) -> PseudoLabels:
    """Read the saved pseudo-labels of a pair.

    Args:
        section: the data set's section.
        pair_name: the pair.
        shape: (rows, columns) of the pair's images, to be checked; None where they are not at hand.

    Raises:
        InputError: if the file is missing or damaged, or was made for an image of another shape.
    """
    file = pseudo_file(section, pair_name)
    if not require_regular(file).is_file():
        raise InputError(
            f"{file}: no such file; `python predutils.py --set 'settings.train_set={section.name}'` makes it"
        )
    content = storage.read_pickle(file)
    try:
        rows, columns = (int(length) for length in content["shape"])
        loaded = PseudoLabels(
            threshold=float(content["threshold"]),
            distances=np.asarray(content["distances"]),
            shape=(rows, columns),
        )
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
    if shape is not None and loaded["shape"] != tuple(shape):
        raise InputError(
            f"{file}: made for an image of shape {loaded['shape']}, the pair has {tuple(shape)}; "
            f"run `python predutils.py --set 'settings.train_set={section.name}'` again"
        )
    return loaded


def saved_pairs(section: config.DataSet) -> list[str]:
    """Names of the pairs of a data set, sorted; where its images are not at hand, of those with pseudo-labels.

    Raises:
        InputError: if there are none.
    """
    from pair_finding import is_there, pair_files

    if is_there(section):
        return [files.name for files in pair_files(section)]
    names = sorted(file.stem for file in section.pseudo_path.glob("*.pickle") if not file.name.startswith("."))
    if not names:
        raise InputError(
            f"{section.pseudo_path}: no pseudo-labels; "
            f"`python predutils.py --set 'settings.train_set={section.name}'` makes them"
        )
    return names


def generate(settings: config.Settings) -> None:
    """Make and save the pseudo-labels of every pair of `train_set`, with maps and metrics."""
    from tqdm import tqdm

    from dataprocessing import scenes
    from hscd.reports import gis
    from image_pairs import pair_files

    section = settings[settings.train_set]
    storage.require_folder(section.pseudo_path)  # where that fails, no work should be lost
    for files in pair_files(section):
        prefix = _prefix(settings, files.name)
        require_names(
            [pseudo_file(section, files.name), *gis.result_files(prefix), *_tables(prefix), *_pictures(prefix)]
        )
    scenes_of_set = scenes(section.name, settings)
    function = DISTANCES[settings.distance].function
    with tqdm(scenes_of_set, desc="pseudo-labels", unit="pair") as progress:
        made = [_pseudo_labels_of(section, scene, function) for scene in progress]
    # Only when all pairs have a threshold is anything written.
    for scene, (pseudo, generation_time) in zip(scenes_of_set, made, strict=True):
        storage.write_pickle(pseudo_file(section, scene.name), pseudo)
        _report(_prefix(settings, scene.name), pseudo, scene, settings, generation_time)


def _prefix(settings: config.Settings, pair_name: str) -> Path:
    """Folder and start of the names of the results of a pair."""
    rescaling = f"rescaling_{settings.apply_rescaling}"
    return settings.stat_path / f"{settings.train_set}_{pair_name}_{settings.distance}_pseudo_{rescaling}"


def _tables(prefix: Path) -> list[Path]:
    return [prefix.with_name(prefix.name + ending) for ending in (".csv", "_corrected.csv")]


def _pictures(prefix: Path) -> list[Path]:
    return [prefix.with_name(prefix.name + ending) for ending in (".png", "_corrected.png")]


def _pseudo_labels_of(section: config.DataSet, scene: Scene, function: Callable) -> tuple[PseudoLabels, float]:
    """Pseudo-labels of a pair, and the seconds they took."""
    started = time.perf_counter()
    try:
        distances = scene.map(lambda pairs, _: pixel_distances(pairs[:, 0], pairs[:, 1], function), "distances").ravel()
        threshold = _split(distances, scene.valid, lambda: _spectra(scene))
    except InputError as error:
        raise InputError(f"[{section.name}] {scene.name}: {error}") from error
    if not (distances > threshold).any():
        warn(f"[{section.name}] {scene.name}: the two images are the same in every valid pixel: nothing changed")
    return {"threshold": threshold, "distances": distances, "shape": scene.truth.shape}, time.perf_counter() - started


def _spectra(scene: Scene) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Before and after spectra of the valid pixels, window by window."""
    for window in scene.windows:
        pairs = scene.pairs(window)
        if scene.valid is not None:
            pairs = pairs[scene.valid[window].ravel()]
        yield pairs[:, 0], pairs[:, 1]


def _report(
    prefix: Path, pseudo: PseudoLabels, scene: Scene, settings: config.Settings, generation_time: float
) -> None:
    """Write metrics and maps of the pseudo-labels of a pair, before and after spatial correction."""
    from hscd.reports import gis, maps, tables

    truth = scene.truth
    prediction = classify(pseudo["distances"], pseudo["threshold"]).reshape(pseudo["shape"])
    started = time.perf_counter()
    corrected = spatial_correction(prediction, CORRECTION_RADIUS)
    correction_time = time.perf_counter() - started
    counts, corrected_counts = confusion(prediction, truth), confusion(corrected, truth)
    head = {"total_examples": counts.total, "threshold": pseudo["threshold"]}
    table, corrected_table = _tables(prefix)
    storage.write_csv(
        table,
        [
            head
            | tables.metrics(counts)
            | {"generation_time": generation_time}
            | tables.metrics(corrected_counts, "_correction")
            | {"correction_time": correction_time}
        ],
    )
    storage.write_csv(
        corrected_table,
        [
            head
            | tables.metrics(corrected_counts)
            | {"generation_time": generation_time, "correction_time": correction_time}
        ],
    )
    for picture, labels in zip(_pictures(prefix), (prediction, corrected), strict=True):
        maps.write_classes(picture, maps.prediction_panels(labels, truth))
    gis.write_results(
        prefix, pseudo["distances"].reshape(pseudo["shape"]), pseudo["threshold"], prediction, corrected, scene.grid,
        settings.min_area, {"DISTANCE": settings.distance},
    )  # fmt: skip
    tell(f"{prefix.name} ({named(scene.before)})", (prediction, corrected), (counts, corrected_counts))


def tell(name: str, labels: tuple[np.ndarray, np.ndarray], counts: tuple[Confusion, Confusion]) -> None:
    """Print what came out for a pair, before and after spatial correction; doubt what labels do not bear out."""
    from hscd.reports import tables

    print(f"{name}: {tables.outcome(labels, counts)}")
    share = max(changed_share(of_map) for of_map in labels)
    if counts[0].total == 0 and share > PLAUSIBLE_SHARE:
        warn(
            f"{name}: {100 * share:.0f} % of the pixels are called changed, which is rare, and no label tells whether "
            f"they are; look at the map (without ground truth more than {100 * PLAUSIBLE_SHARE:.0f} % is doubted)"
        )
    refuted = [
        f"kappa {of_map.kappa:.3f}{when}"
        for of_map, when in zip(counts, ("", " after correction"), strict=True)
        if of_map.is_chance
    ]
    if refuted:
        warn(
            f"{name}: {', '.join(refuted)}: no better than chance; look at the map, and at which values of the labels "
            "are changed and unchanged"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    return run("Make the pseudo-labels of every pair of train_set.", generate, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
