"""Stage: the parts of a pair that a training learns from, is validated on and is tested on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import config
from hscd.evaluation.blocks import block_side, drawn_parts
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.readers import open_image
from hscd.records import PIXEL_GRID, Grid
from hscd.reports import gis
from hscd.system.errors import InputError, brief
from hscd.system.messages import tell, warn
from hscd.system.paths import require_names
from settings import DataSet, Settings

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
    side = section.parts_block or block_side(labels.shape)
    shares = ", ".join(f"{share:g}" for share in section.parts)
    how = f"parts {shares}, blocks of {side}, guard {config.PARTS_GUARD}, seed {conf.seed}"
    if file.exists():
        return _read(file, labels.shape, how)
    require_names([file])
    classes = np.select([labels == CHANGED, labels == UNCHANGED], [0, 1], -1)
    rng = np.random.default_rng(conf.seed)
    parts = drawn_parts(labels.shape, side, config.PARTS_GUARD, section.parts, rng, classes)
    gis.write_parts(file, parts, grid or PIXEL_GRID, how)
    counts = "; ".join(
        f"{name} {np.count_nonzero(labels[parts == part] == CHANGED):,} changed and "
        f"{np.count_nonzero(labels[parts == part] == UNCHANGED):,} unchanged"
        for part, name in _NAMES.items()
    )
    tell(f"[{section.name}] {pair}: parts drawn in blocks of {side} pixels: {counts}; {file}")
    return parts


def _read(file: Path, shape: tuple[int, ...], how: str) -> np.ndarray:
    image = open_image(file)
    parts = image.read()[:, :, 0]
    if parts.shape != shape or parts.dtype != np.uint8 or parts.max() > TEST:
        raise InputError(f"{file}: not the parts of an image of {shape} pixels; remove it to have them drawn anew")
    if how not in image.names:
        said = brief(image.names[0]) if image.names else "in another way"
        warn(f"{file}: drawn as {said}, not as configured ({how}), and used as it is; remove it to have it drawn anew")
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
        if min(found) < 2:
            raise InputError(
                f"[{section.name}] parts: the {_NAMES[part]} part has {found[0]} changed and {found[1]} unchanged "
                "pixels, at least two of each are needed; give it a larger share, or all smaller blocks (parts_block)"
            )
    return held_out
