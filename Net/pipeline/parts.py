"""Stage: the parts of a pair that a training learns from, is validated on and is tested on, in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import config
from hscd.evaluation.blocks import block_side, drawn_parts, drawn_together
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.readers import open_image
from hscd.records import PIXEL_GRID, Grid
from hscd.reports import gis
from hscd.system.errors import InputError, brief
from hscd.system.messages import tell, warn
from hscd.system.paths import require_names
from settings import DataSet, Settings
from settings.records import VALIDATIONS

RANDOM = VALIDATIONS[0]
TRAIN, VALIDATION, TEST = 1, 2, 3
_NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}


def parts_file(section: DataSet, conf: Settings, pair: str) -> Path:
    """File of the parts of a pair."""
    return conf.stat_path / f"{section.name}_{pair}_parts.tif"


def part_map(section: DataSet, conf: Settings, pair: str, labels: np.ndarray, grid: Grid | None) -> np.ndarray:
    """The parts of a pair: those of its file, or, where there is none, drawn from the seed and saved.

    Args:
        section: of the data set, which has `parts`.
        conf: checked settings.
        pair: its name.
        labels: (rows, columns) labels, each class of which is divided by the shares.
        grid: where the pixels lie; None where that is not known.

    Returns:
        (rows, columns) uint8: TRAIN, VALIDATION, TEST, or 0 in none.

    Raises:
        InputError: if the file is damaged, or of an image of another shape.
    """
    assert section.parts is not None
    file = parts_file(section, conf, pair)
    side = _side(section, labels)
    shares = ", ".join(f"{share:g}" for share in section.parts)
    how = f"parts {shares}, blocks of {side}, guard {config.PARTS_GUARD}, seed {conf.seed}"
    if file.exists():
        return _read(file, labels.shape, how)
    require_names([file])
    rng = np.random.default_rng(conf.seed)
    parts = drawn_parts(labels.shape, side, config.PARTS_GUARD, section.parts, rng, _classes(labels))
    gis.write_parts(file, parts, grid or PIXEL_GRID, how)
    counts = _counted([labels], [parts])
    counted = _counts_text(counts, (TRAIN, VALIDATION, TEST))
    tell(f"[{section.name}] {pair}: parts drawn in blocks of {side} pixels: {counted}; {file}")
    return parts


def with_validation(
    section: DataSet, conf: Settings, labels: Sequence[np.ndarray], divided: Sequence[np.ndarray] | None
) -> Sequence[np.ndarray] | None:
    """What a training learns from and is validated on, if that is configured: the parts, or blocks drawn from the seed.

    Args:
        section: of the data set.
        conf: checked settings.
        labels: of each pair, (rows, columns).
        divided: the parts of each pair, as of `part_map`; None where the data set has none.

    Returns:
        Of each pair as `part_map`, blocks of the train part, or of all pixels where there are no parts, being drawn to
        be the validation part; `divided`, where that has one or the validation is to be random.
    """
    if divided and conf.reach > config.PARTS_GUARD:
        warn(
            f"[{section.name}] parts: {2 * config.PARTS_GUARD} pixels lie between them, so patches of "
            f"{2 * conf.reach + 1} × {2 * conf.reach + 1} pixels hold pixels of other parts"
        )
    has_validation = divided is not None and any((of == VALIDATION).any() for of in divided)
    if conf.validation == RANDOM:
        if conf.reach and not has_validation:
            warn(
                f"[{section.name}] validation = random: the patches of pixels to validate on share pixels with those "
                "that are learned from, so the validation loss flatters; validation = blocks keeps them apart"
            )
        return divided
    if has_validation:
        tell(f"[{section.name}]: the search is validated on the validation part of parts; validation is ignored")
        return divided
    within = divided or [np.full(of.shape, TRAIN, np.uint8) for of in labels]
    classes = [np.where(part == TRAIN, _classes(of), -1) for part, of in zip(within, labels, strict=True)]
    sides = [_side(section, of) for of in labels]
    share = config.VALIDATION_SPLIT
    rng = np.random.default_rng([conf.seed, VALIDATION])  # not as the parts, whose blocks may be the same
    guard = max(config.PARTS_GUARD, conf.reach)  # of both parts, so their patches share no pixel
    drawn = drawn_together(classes, sides, guard, (1 - share, share), rng)
    found = [np.where(part == TRAIN, of, part) for part, of in zip(within, drawn, strict=True)]
    counts = _counted(labels, found)
    for part in (TRAIN, VALIDATION):
        where = f"[{section.name}] validation = blocks"
        _require_both(where, part, counts[part], "give the blocks another side (parts_block)")
    tell(f"[{section.name}]: validation in blocks: {_counts_text(counts, (TRAIN, VALIDATION))}")
    return found


def _side(section: DataSet, labels: np.ndarray) -> int:
    return section.parts_block or block_side(labels.shape)


def _classes(labels: np.ndarray) -> np.ndarray:
    """Labels as the classes that are divided."""
    return np.select([labels == CHANGED, labels == UNCHANGED], [0, 1], -1)


def _counted(labels: Sequence[np.ndarray], parts: Sequence[np.ndarray]) -> dict[int, list[int]]:
    """How many changed and unchanged pixels of all pairs are in each part."""
    both = list(zip(labels, parts, strict=True))
    return {
        part: [
            sum(int(np.count_nonzero((values == label) & (of == part))) for values, of in both)
            for label in (CHANGED, UNCHANGED)
        ]
        for part in _NAMES
    }


def _counts_text(counts: dict[int, list[int]], told: Sequence[int]) -> str:
    """What some parts hold, for the terminal."""
    return "; ".join(f"{_NAMES[part]} {counts[part][0]:,} changed and {counts[part][1]:,} unchanged" for part in told)


def _read(file: Path, shape: tuple[int, ...], how: str) -> np.ndarray:
    image = open_image(file)
    parts = image.read()[:, :, 0]
    if parts.shape != shape or parts.dtype != np.uint8 or parts.max() > TEST:
        raise InputError(f"{file}: not the parts of an image of {shape} pixels; remove it to have them drawn again")
    if how not in image.names:
        drawn = brief(image.names[0]) if image.names else "in another way"
        warn(f"{file}: drawn as {drawn}, not as configured ({how}); used anyway; remove it to have it drawn again")
    return parts


def test_part(
    section: DataSet, conf: Settings, pair: str, labels: np.ndarray, grid: Grid | None
) -> tuple[np.ndarray, np.ndarray]:
    """The labels of a pair that a map is judged by, those of its test part, others unknown; and the parts.

    Arguments and errors are those of `part_map`.
    """
    of = part_map(section, conf, pair, labels, grid)
    judging = np.where(of == TEST, labels, np.uint8(UNKNOWN))
    known = np.count_nonzero(judging != UNKNOWN)
    tell(f"[{section.name}] {pair}: judged by the {known:,} labels of its test part")
    return judging, of


def only(labels: np.ndarray, parts: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """A label map in any values, (rows, columns), as a masked array that is masked outside of some parts."""
    return np.ma.array(labels, mask=np.ma.getmaskarray(labels) | ~np.isin(parts, wanted))


def validated(section: DataSet, labels: np.ndarray, held_out: np.ndarray) -> np.ndarray | None:
    """Which pixels are of the validation part, where there is one.

    Args:
        section: of the data set.
        labels: (pixels,) labels.
        held_out: (pixels,) whether each is of the validation part.

    Raises:
        InputError: if the train or the validation part has fewer than two pixels of a class.
    """
    if not held_out.any():
        return None
    for part, among in ((TRAIN, ~held_out), (VALIDATION, held_out)):
        found = [int(np.count_nonzero(labels[among] == label)) for label in (CHANGED, UNCHANGED)]
        remedy = "give it a larger share, or all smaller blocks (parts_block)"
        _require_both(f"[{section.name}] parts", part, found, remedy)
    return held_out


def _require_both(where: str, part: int, found: Sequence[int], remedy: str) -> None:
    """Raise an `InputError` where a part has not two pixels of each class."""
    if min(found) < 2:
        raise InputError(
            f"{where}: the {_NAMES[part]} part has {found[0]} changed and {found[1]} unchanged "
            f"pixels, at least two of each are needed; {remedy}"
        )
