"""Stage: load the image pairs of a data set, rescale them, relabel them, and pair their pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from configparser import ConfigParser, SectionProxy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from hscd.kinds import KINDS
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN, classes_of
from hscd.learn.samples import Samples
from hscd.scenes import patches
from hscd.scenes.fingerprint import fingerprint, part_of, window_of
from hscd.scenes.grids import RESAMPLED
from hscd.scenes.image import Image, in_memory
from hscd.scenes.nodata import unmeasured, valid_pixels
from hscd.scenes.patches import Patches
from hscd.scenes.scaling import band_ranges, fill_pixels, joined
from hscd.scenes.scene import Scene, pair_bytes, survey, windows_of
from hscd.system.arrays import aligned_empty
from hscd.system.errors import InputError
from hscd.system.hardware import available_memory
from hscd.system.messages import tell, warn
from image_pairs import (
    Alone,
    all_masked,
    found_of_both,
    label_map,
    memory_limit,
    nothing_left,
    open_pairs,
    relabel,
    require_labels,
    require_room,
)
from pair_finding import PairFiles
from pipeline import parts
from settings import DataSet, Settings, data_set_of, settings_of

Images = list[np.ndarray]

# Bytes that a test needs at once for each pixel of a pair: distance, prediction, correction, truth, mask, and copies.
_MAP_BYTES = 12
# More of an ensemble: sums, votes, the scores of its first members, probability.
_ENSEMBLE_BYTES = 22
# And for kinds of change: their map, what is numbered, and copies.
_KINDS_BYTES = 4
# And for each pixel of the others meanwhile: distance, truth, mask.
_KEPT_BYTES = 6


def load_dataset(name: str, conf: Settings | ConfigParser) -> tuple[Images, Images, Images, list[str]]:
    """Load every pair of a data set, in sorted order of their file names.

    Args:
        name: the data set's section.
        conf: checked settings (`settings.read_settings`), or a parser that has read net.conf (`settings.settings_of`).

    Returns:
        Before images and after images, (rows, columns, bands) in the number type of their files, or in floating point
        where they are scaled or interpolated, or where pixels are masked, which are NaN; label maps, (rows, columns) in
        the values of their files, masked arrays where those declare pixels without data; names of the pairs.

    Raises:
        InputError: if anything is missing, unreadable or larger than `memory_limit`, if shapes or bands do not agree,
            if a label value is not configured, or if there are NaN or infinite pixels and no `nodata` is configured.
    """
    conf = settings_of(conf)
    return _loaded(_opened(name, conf), conf[name], conf)


def _opened(name: str, conf: Settings) -> list[tuple[PairFiles, Image, Image]]:
    """The pairs of a data set, if all their images fit into memory."""
    pairs = open_pairs(conf[name], conf)
    require_room(f"{conf.file}: memory_limit: all images of [{name}]", _bytes(pairs), memory_limit(conf))
    return pairs


def _loaded(
    pairs: list[tuple[PairFiles, Image, Image]], section: DataSet, conf: Settings
) -> tuple[Images, Images, Images, list[str]]:
    """What `load_dataset` returns of opened pairs."""
    return (
        [before.read() for _, before, _ in pairs],
        [after.read() for _, _, after in pairs],
        [label_map(files, before, section, conf) for files, before, _ in pairs],
        [files.name for files, _, _ in pairs],
    )


def preprocessing(
    images_a: Sequence[np.ndarray],
    images_b: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    conf_section: DataSet | SectionProxy,
    keep_unlabeled: bool,
    apply_rescaling: bool,
    valid: Sequence[np.ndarray | None] | None = None,
    room: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Put the pixels of all pairs together, rescaled and with the program's labels.

    Args:
        images_a: before images, (rows, columns, bands).
        images_b: after images.
        labels: label maps (rows, columns) in the values of their files; not modified.
        conf_section: the data set's section, of the settings or of a parser.
        keep_unlabeled: keep pixels of unknown label.
        apply_rescaling: min-max to [0, 1] by band over all before and after pixels of all pairs; a constant band
            becomes 0.
        valid: for each pair the (rows, columns) mask of the pixels that are not masked, None where none is. By default
            those are masked that are NaN, infinite or the section's `nodata`.
        room: bytes that the pixel pairs may take; None for any number.

    Returns:
        (pixels, 2, bands) float32 array, pair after pair, row-major; (pixels,) uint8 labels, 0 changed,
        1 unchanged, 2 unknown. Masked pixels have no part in the ranges and are of unknown label; where they are
        kept, their values are 0.

    Raises:
        InputError: if a label value is not configured, every pixel of a pair is masked, a value cannot have been
            measured, or there is no room.
    """
    conf_section = data_set_of(conf_section)
    if valid is None:
        nodata = [conf_section.nodata] * 2
        valid = [valid_pixels(images, nodata) for images in zip(images_a, images_b, strict=True)]
    for number, mask in enumerate(valid, start=1):
        if mask is not None and not mask.any():
            raise InputError(all_masked(f"pair {number}", conf_section))
    relabeled = [relabel(values.ravel(), conf_section) for values in labels]
    for flat, mask in zip(relabeled, valid, strict=True):
        if mask is not None:
            flat[~mask.ravel()] = UNKNOWN
    kept = [None if keep_unlabeled else np.flatnonzero(flat != UNKNOWN) for flat in relabeled]
    sizes = [len(flat) if keep is None else len(keep) for flat, keep in zip(relabeled, kept, strict=True)]
    ranges = band_ranges([*images_a, *images_b], [*valid, *valid])
    if unmeasured(ranges):
        raise InputError(f"[{conf_section.name}]: {unmeasured(ranges)}")
    bands = images_a[0].shape[-1]
    if room is not None:
        require_room(f"[{conf_section.name}]: {sum(sizes):,} pixel pairs", sum(sizes) * pair_bytes(bands), room)
    pairs = aligned_empty((sum(sizes), 2, bands))
    start = 0
    for before, after, keep, mask, size in zip(images_a, images_b, kept, valid, sizes, strict=True):
        for date, image in enumerate((before, after)):
            fill_pixels(pairs[start : start + size, date], image, keep, ranges if apply_rescaling else None, mask)
        start += size
    flat_labels = [flat if keep is None else flat[keep] for flat, keep in zip(relabeled, kept, strict=True)]
    return pairs, np.concatenate(flat_labels)


class Labelled(NamedTuple):
    """The pixels of a data set whose label is known.

    `pairs`, (pixels, 2, bands) float32, and `labels`, (pixels,), 0 changed, 1 unchanged, are those of `preprocessing`;
    for a network that sees neighbours, `pairs` are patches around them.
    `places` tells the pairs of images that they are of from others (`hscd.scenes.fingerprint`), `names` and `sizes` are
    their names and how many pixels each has. `held_out`, (pixels,) boolean, are those to validate on, of the validation
    part or of blocks; None where these are to be drawn at random.
    """

    pairs: np.ndarray | Patches
    labels: np.ndarray
    places: tuple[str, ...]
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    held_out: np.ndarray | None = None


def labelled_pixels(name: str, conf: Settings, *, judged: bool = False) -> Labelled:
    """The pixels of a data set whose label is known, for training.

    Args:
        name: the data set's section.
        conf: checked settings.
        judged: of a data set that is divided into parts, take the test part; else the train and the validation part,
            which may also be one of blocks (`validation`).

    Raises:
        InputError: as `load_dataset`; also if every pixel of a pair is masked, or no pixel is of one of the classes.
    """
    section = conf[name]
    require_labels(section, conf)
    opened = _opened(name, conf)
    befores, afters, label_maps, names = _loaded(opened, section, conf)
    valid = [valid_pixels(images, [None, None]) for images in zip(befores, afters, strict=True)]  # masked is NaN by now
    for (files, *_), mask in zip(opened, valid, strict=True):
        if mask is not None and not mask.any():
            raise InputError(nothing_left(files, section, conf))
    divided, taken, known = _divided(opened, label_maps, valid, section, conf, judged)
    wanted = (parts.TEST,) if judged else (parts.TRAIN, parts.VALIDATION)
    if taken is not None:
        label_maps = [parts.only(values, of, wanted) for values, of in zip(label_maps, taken, strict=True)]
    room = available_memory() // (2 if conf.reach else 1)  # to extend images takes a copy
    pairs, labels = preprocessing(
        befores, afters, label_maps, section, conf.reach > 0, conf.apply_rescaling, valid, room
    )  # fmt: skip
    found: np.ndarray | Patches = pairs
    if conf.reach:
        at = labels != UNKNOWN
        found, labels = patches.of_images(pairs, [of.shape for of in label_maps], valid, at, conf.reach), labels[at]
    if not all((labels == value).any() for value in (CHANGED, UNCHANGED)):
        raise InputError(
            f"[{name}]: train_set and test_set of a training need labelled pixels of both classes"
            f"{' in that part' if divided else ''}, found {found_of_both(labels, section)}"
        )
    places = tuple(
        fingerprint(window_of(before), image.unmoved or window_of(after), before.shape)
        for before, after, (*_, image) in zip(befores, afters, opened, strict=True)
    )
    if divided is not None:
        places = tuple(part_of(place, of) for place, of in zip(places, divided, strict=True))
    held_out = None
    if taken is not None:
        known = [there & np.isin(of, wanted) for of, there in zip(taken, known, strict=True)]
        to_validate = [of[there] == parts.VALIDATION for of, there in zip(taken, known, strict=True)]
        held_out = parts.validated(section, labels, np.concatenate(to_validate))
    sizes = tuple(int(np.count_nonzero(there)) for there in known)
    return Labelled(found, labels, places, tuple(names), sizes, held_out)


class _Divided(NamedTuple):
    """Of each pair, (rows, columns) each: its parts, those to take pixels of, and whether their label is known.

    The first is None where the data set has no parts, both are where it is not divided.
    """

    parts: Sequence[np.ndarray] | None
    taken: Sequence[np.ndarray] | None
    known: list[np.ndarray]


def _divided(
    opened: list[tuple[PairFiles, Image, Image]],
    label_maps: Images,
    valid: Sequence[np.ndarray | None],
    section: DataSet,
    conf: Settings,
    judged: bool,
) -> _Divided:
    """How the pairs are divided, to judge by their pixels or to learn from them."""
    labels = []
    for values, mask in zip(label_maps, valid, strict=True):
        labels.append(relabel(values, section))
        if mask is not None:
            labels[-1][~mask] = UNKNOWN
    divided = None
    if section.parts is not None:
        divided = [
            parts.part_map(section, conf, files.name, of, before.grid or after.grid)
            for (files, before, after), of in zip(opened, labels, strict=True)
        ]
    taken = divided if judged else parts.with_validation(section, conf, labels, divided)
    return _Divided(divided, taken, [of != UNKNOWN for of in labels])


def scenes(name: str, conf: Settings, bands: int | None = None, alone: Alone | None = None) -> list[Scene]:
    """The pairs of a data set for prediction and pseudo-labels, all rescaled together; or one of them alone.

    Their pixels are read here once, and again when they are asked for, unless all images fit into memory together.

    Args:
        name: the data set's section.
        conf: checked settings.
        bands: number of bands that the model was trained on; None where there is no model.
        alone: the one; None for all.

    Raises:
        InputError: as `load_dataset`; also if every pixel of a pair is masked, or the images have other bands, which
            is told before pixels are read.
    """
    section = conf[name]
    opened = open_pairs(section, conf, alone)
    found_bands = opened[0][1].shape[2]
    if bands not in (None, found_bands):
        raise InputError(
            f"[{name}] {opened[0][0].name}: {found_bands} bands, model {conf.model_name} was trained on {bands} bands"
        )
    pairs = _in_memory(opened, conf)
    found = []
    for files, before, after in pairs:
        if RESAMPLED in after.format:
            how = "cubic" if section.register else "bilinear"
            tell(f"{files.name}: the after image is resampled onto the grid of the before image ({how})")
        truth, classes = np.broadcast_to(np.uint8(UNKNOWN), before.shape[:2]), None
        if files.has_labels:
            labels = label_map(files, before, section, conf)
            truth, classes = relabel(labels, section), classes_of(labels, section.changed_label or ())
        seen = survey(before, after, windows_of(before, after))
        if seen.valid is not None and not seen.valid.any():
            raise InputError(nothing_left(files, section, conf))
        if seen.ranges is not None and unmeasured(seen.ranges):
            raise InputError(f"[{name}] {files.name}: {unmeasured(seen.ranges)}")
        for path, suspects in zip((files.before, files.after), seen.suspects, strict=True):
            for suspect in suspects:
                warn(f"{path}: {suspect}")
        if seen.valid is not None:
            truth = np.where(seen.valid, truth, np.uint8(UNKNOWN))
        found.append(Scene(files.name, before, after, truth, seen.valid, seen.ranges, classes))
    together = joined([scene.ranges for scene in found]) if alone is None or alone.ranges is None else alone.ranges
    ranges = together if conf.apply_rescaling else None
    return [replace(scene, ranges=ranges) for scene in found]


def _in_memory(pairs: list[tuple[PairFiles, Image, Image]], conf: Settings) -> list[tuple[PairFiles, Image, Image]]:
    """The pairs with their images in memory: all of them if they fit beside the maps, else those that are packed."""
    room = memory_limit(conf)
    pixels = [math.prod(before.shape[:2]) for _, before, _ in pairs]
    of_one = _MAP_BYTES + (0 if KINDS[conf.kinds] is None else _KINDS_BYTES)
    of_one += _ENSEMBLE_BYTES if len(conf.members) > 1 else 0
    maps = of_one * max(pixels) + _KEPT_BYTES * (sum(pixels) - max(pixels))
    require_room(f"{conf.file}: memory_limit: the maps of all pairs", maps, room)
    fits = _bytes(pairs) <= _to_fill(room - maps, conf)

    def of(image: Image) -> Image:
        packed = image.block == image.shape[:2]
        return in_memory(image) if fits or packed else image

    return [(files, of(before), of(after)) for files, before, after in pairs]


def pairs_to_learn(scene: Scene, positions: np.ndarray, conf: Settings, reach: int = 0) -> Any:
    """Pixel pairs to train with at row-major positions of valid pixels of a scene, in that order.

    Args:
        scene: the pair.
        positions: of the pixels.
        conf: checked settings.
        reach: how many pixels around its own the network sees, for which patches are needed.

    Returns:
        (positions, 2, bands) float32 array, or `Patches`, where there is room for it, else samples, with which a
        training ends in the same weights but takes longer.
    """
    return Samples([scene], [positions], reach=reach).within(_to_fill(memory_limit(conf), conf))


def _to_fill(room: int, conf: Settings) -> int:
    """The bytes of some room that one thing may take: of what is available half is left to all else."""
    return room // (2 if conf.memory_limit is None else 1)


def _bytes(pairs: list[tuple[PairFiles, Image, Image]]) -> int:
    """Bytes of all images in memory."""
    return sum(image.nbytes for _, *images in pairs for image in images)
