"""Stage: load the image pairs of a data set, rescale them, relabel them, and pair their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from config import DATA_PATH, DataSet, Settings
from hscd import readers
from hscd.arrays import aligned_empty
from hscd.errors import InputError
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN, remap
from hscd.nodata import valid_pixels
from hscd.records import Scene
from hscd.scaling import band_ranges, fill_pixels

Images = list[np.ndarray]

_MEBIBYTE = 2**20


def load_dataset(name: str, conf: Settings) -> tuple[Images, Images, Images, list[str]]:
    """Load every pair of a data set, in sorted order of their file names.

    Args:
        name: the data set's section.
        conf: checked settings (`config.read`).

    Returns:
        Before images and after images, (rows, columns, bands) in the number type of their files; label maps,
        (rows, columns) in the values of their files; names of the pairs.

    Raises:
        InputError: if anything is missing, unreadable or larger than `memory_limit`, if shapes or bands do not agree,
            if a label value is not configured, or if there are NaN or infinite pixels and no `nodata` is configured.
    """
    section = conf[name]
    befores: Images = []
    afters: Images = []
    label_maps: Images = []
    names: list[str] = []
    for file_name in pair_files(section):
        before, after, labels = load_pair(file_name, section, conf)
        if befores and before.shape[2] != befores[0].shape[2]:
            raise InputError(
                f"{section.img_a_path / file_name}: {before.shape[2]} bands, pair {names[0]} of the same data set "
                f"has {befores[0].shape[2]}"
            )
        befores.append(before)
        afters.append(after)
        label_maps.append(labels)
        names.append(Path(file_name).stem)
    return befores, afters, label_maps, names


def load_pair(file_name: str, section: DataSet, conf: Settings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Load the before image, the after image and the label map of one pair, as `load_dataset` has them."""
    limit = None if conf.memory_limit is None else conf.memory_limit * _MEBIBYTE
    before, after = (
        readers.read_image(folder / file_name, section.mat_label, limit, finite=section.nodata is None)
        for folder in (section.img_a_path, section.img_b_path)
    )
    if before.shape != after.shape:
        raise InputError(
            f"{section.img_b_path / file_name}: shape {after.shape} differs from {before.shape} "
            "of the before image (rows, columns, bands)"
        )
    return before, after, _label_map(file_name, before.shape[:2], section, limit)


def _label_map(file_name: str, shape: tuple[int, int], section: DataSet, limit: int | None) -> np.ndarray:
    """A label map in the values of its file; zeros, which say nothing, in a data set without ground truth."""
    if section.label_path is None:
        return np.zeros(shape, np.uint8)
    file = section.label_path / file_name
    labels = readers.read_label_map(file, section.mat_label, limit)
    if labels.shape != shape:
        raise InputError(f"{file}: label map of shape {labels.shape}, images of {shape}")
    relabel(labels, section, file)
    return labels


def relabel(labels: np.ndarray, section: DataSet, source: Path | None = None) -> np.ndarray:
    """A label map in the program's labels; an error names the file it comes from, or else the section."""
    if section.changed_label is None or section.unchanged_label is None:
        return np.full(labels.shape, UNKNOWN, np.uint8)
    try:
        return remap(labels, section.changed_label, section.unchanged_label, section.unknown_label)
    except InputError as error:
        where = f"{source} ([{section.name}])" if source else f"[{section.name}]"
        raise InputError(f"{where}: {error}") from error


def valid_masks(
    befores: Sequence[np.ndarray], afters: Sequence[np.ndarray], names: Sequence[str], section: DataSet
) -> list[np.ndarray | None]:
    """The (rows, columns) mask of the pixels of each pair that hold data in both images; None where all do."""
    if section.nodata is None:
        return [None] * len(befores)
    masks = []
    for before, after, name in zip(befores, afters, names, strict=True):
        valid = valid_pixels([before, after], section.nodata)
        if valid is not None and not valid.any():
            raise InputError(
                f"[{section.name}] {name}: nothing is left of the pair: every pixel is NaN, infinite or nodata = "
                f"{section.nodata:.15g} in a band of one of its images"
            )
        masks.append(valid)
    return masks


def _make_demo(section: DataSet) -> None:
    """Make the demo data set that a section points at, unless it is there already."""
    from hscd import demo

    for folder in demo.PLACES:
        # The label map is the last file that is written.
        if section.img_a_path.parent == DATA_PATH / folder and not any((DATA_PATH / folder / "label").glob("*.mat")):
            print("making the demo data …", flush=True)
            demo.write_demo(DATA_PATH)


def pair_files(section: DataSet) -> list[str]:
    """File names that the before, after and label folder share, sorted; any that one of them lacks is an error.

    Without ground truth there is no label folder.

    The demo data is made first if the section points at it and it is not there yet.
    """
    _make_demo(section)
    folders = {"imgAPath": section.img_a_path, "imgBPath": section.img_b_path}
    if section.label_path is not None:
        folders["labelPath"] = section.label_path
    listings = {}
    for key, folder in folders.items():
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder ([{section.name}] {key})")
        listings[key] = {
            entry.name
            for entry in folder.iterdir()
            if entry.suffix.lower() in readers.READERS and not entry.name.startswith(".")
        }
    names = sorted(set().union(*listings.values()))
    if not names:
        raise InputError(f"{section.img_a_path}: holds no image of a known format ({', '.join(readers.READERS)})")
    for key, present in listings.items():
        missing = [name for name in names if name not in present]
        if missing:
            other = next(folders[key] for key, present in listings.items() if missing[0] in present)
            raise InputError(
                f"{folders[key] / missing[0]}: missing, but {other / missing[0]} is there; before, after and label of "
                f"a pair carry the same file name ([{section.name}] {key})"
            )
    stems = [Path(name).stem for name in names]
    for stem in stems:
        if stems.count(stem) > 1:
            raise InputError(f"{section.img_a_path}: two pairs are named {stem!r}; results would overwrite each other")
    return names


def preprocessing(
    images_a: Sequence[np.ndarray],
    images_b: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    conf_section: DataSet,
    keep_unlabeled: bool,
    apply_rescaling: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Put the pixels of all pairs together, rescaled and with the program's labels.

    Args:
        images_a: before images, (rows, columns, bands).
        images_b: after images.
        labels: label maps (rows, columns) in the values of their files; not modified.
        conf_section: the data set's section.
        keep_unlabeled: keep pixels of unknown label.
        apply_rescaling: min-max to [0, 1] by band over all before and after pixels of all pairs; a constant band
            becomes 0.

    Returns:
        (pixels, 2, bands) float32 array, pair after pair, row-major; (pixels,) uint8 labels, 0 changed,
        1 unchanged, 2 unknown. Masked pixels (`nodata` of the section) have no part in the ranges and are of unknown
        label; where they are kept, their values are 0.

    Raises:
        InputError: if a label value is not configured, or every pixel of a pair is masked.
    """
    names = [f"pair {number}" for number in range(1, len(labels) + 1)]
    valid = valid_masks(images_a, images_b, names, conf_section)
    return _pixel_pairs(images_a, images_b, labels, valid, conf_section, keep_unlabeled, apply_rescaling)


def _pixel_pairs(
    images_a: Sequence[np.ndarray],
    images_b: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    valid: Sequence[np.ndarray | None],
    section: DataSet,
    keep_unlabeled: bool,
    apply_rescaling: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """`preprocessing` of pairs whose masks are known."""
    relabeled = [relabel(label_map.ravel(), section) for label_map in labels]
    for flat, mask in zip(relabeled, valid, strict=True):
        if mask is not None:
            flat[~mask.ravel()] = UNKNOWN
    kept = [None if keep_unlabeled else np.flatnonzero(flat != UNKNOWN) for flat in relabeled]
    sizes = [len(flat) if keep is None else len(keep) for flat, keep in zip(relabeled, kept, strict=True)]
    ranges = band_ranges([*images_a, *images_b], [*valid, *valid]) if apply_rescaling else None
    pairs = aligned_empty((sum(sizes), 2, images_a[0].shape[-1]))
    start = 0
    for before, after, keep, mask, size in zip(images_a, images_b, kept, valid, sizes, strict=True):
        for date, image in enumerate((before, after)):
            fill_pixels(pairs[start : start + size, date], image, keep, ranges, mask)
        start += size
    flat_labels = [flat if keep is None else flat[keep] for flat, keep in zip(relabeled, kept, strict=True)]
    return pairs, np.concatenate(flat_labels)


def labelled_pixels(name: str, conf: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Pixel pairs and labels of the pixels of a data set whose label is known, for training.

    Raises:
        InputError: as `load_dataset`; also if every pixel of a pair is masked, or no pixel is of one of the classes.
    """
    if conf[name].label_path is None:
        raise InputError(f"{conf.file}: [{name}] labelPath: missing; train_set and test_set of a training need labels")
    befores, afters, label_maps, names = load_dataset(name, conf)
    valid = valid_masks(befores, afters, names, conf[name])
    pairs, labels = _pixel_pairs(
        befores, afters, label_maps, valid, conf[name], keep_unlabeled=False, apply_rescaling=conf.apply_rescaling
    )
    changed, unchanged = (int(np.count_nonzero(labels == value)) for value in (CHANGED, UNCHANGED))
    if not (changed and unchanged):
        raise InputError(
            f"[{name}]: train_set and test_set of a training need labelled pixels of both classes, found {changed} "
            f"changed and {unchanged} unchanged"
        )
    return pairs, labels


def scenes(name: str, conf: Settings) -> list[Scene]:
    """The pairs of a data set for prediction and pseudo-labels, all rescaled together; their pixels lie in one array.

    Raises:
        InputError: as `load_dataset`; also if every pixel of a pair is masked.
    """
    befores, afters, label_maps, names = load_dataset(name, conf)
    valid = valid_masks(befores, afters, names, conf[name])
    pairs, labels = _pixel_pairs(
        befores, afters, label_maps, valid, conf[name], keep_unlabeled=True, apply_rescaling=conf.apply_rescaling
    )
    ends = np.cumsum([label_map.size for label_map in label_maps])
    return [
        Scene(
            pair_name,
            pairs[end - label_map.size : end],
            labels[end - label_map.size : end].reshape(label_map.shape),
            mask,
        )
        for pair_name, end, label_map, mask in zip(names, ends, label_maps, valid, strict=True)
    ]
