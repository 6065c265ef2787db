"""The record of a data set's section."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hscd.labels import OTHER
from hscd.scenes import band_choice
from hscd.system import parsing
from hscd.system.errors import InputError
from settings.declared import key

_BANDS = "numbers from 1, and ranges of them or of wavelengths, for example 1-50, 60, 430-900 nm"
_VALUES = "a number, several as 1, 2, 3, or colours as 0xff0000"


def _place(name: str, of: str, says: str) -> dict[str, Any]:
    return key(name, parsing.path, f"a folder, or one {of}", None, says)


def _variable(name: str, says: str, otherwise: str = "") -> dict[str, Any]:
    return key(name, parsing.filled, "the name of a variable", None, says, otherwise)


def _parts(text: str) -> tuple[float, float, float]:
    train, validation, test = (parsing.not_negative(part) for part in text.split(","))
    if not (train and test):
        raise ValueError
    return train, validation, test


def _labels(name: str, says: str) -> dict[str, Any]:
    return key(name, parsing.label_values, _VALUES, None, says)


def _unknown(text: str) -> tuple[float, ...] | str:
    return OTHER if text == OTHER else parsing.label_values(text, parsing.number_or_nan)


@dataclass(frozen=True)
class DataSet:
    """A data set's section: where its pairs lie and what its labels mean; without ground truth there are no labels.

    Either `img_a_path` and `img_b_path` are there, or `pairs`, a list of pairs.
    """

    name: str
    img_a_path: Path | None = field(metadata=_place("imgAPath", "image", "where the before images lie"))
    img_b_path: Path | None = field(
        metadata=_place("imgBPath", "image", "where the after images lie, under the same names")
    )
    label_path: Path | None = field(
        metadata=_place(
            "labelPath", "label map", "where the label maps lie, under the same names (a training needs them)"
        )
    )
    changed_mask: Path | None = field(
        default=None, kw_only=True,
        metadata=_place(
            "changedMask", "mask",
            "where the masks of changed pixels lie, which are not zero there (two masks take the place of labelPath)",
        ),
    )  # fmt: skip
    unchanged_mask: Path | None = field(
        default=None, kw_only=True,
        metadata=_place("unchangedMask", "mask", "where the masks of unchanged pixels lie, which are not zero there"),
    )  # fmt: skip
    pairs: Path | None = field(
        default=None, kw_only=True,
        metadata=key(
            "pairs", parsing.path, "a CSV file", None,
            "list of the pairs and their files, in place of the paths above, with the columns name, before, after and, "
            "as they apply, label, changed_mask, unchanged_mask and split",
        ),
    )  # fmt: skip
    split: str | None = field(
        default=None, kw_only=True,
        metadata=key("split", parsing.filled, "a value of its column split", None, "rows of that list to take", "all"),
    )  # fmt: skip
    parts: tuple[float, float, float] | None = field(
        default=None, kw_only=True,
        metadata=key(
            "parts", _parts, "three numbers, for example 60, 10, 30", None,
            "shares of the labelled pixels that a training learns from, is validated on (0: on a random part of the "
            "first) and is tested on, drawn in blocks", "all of them for each",
        ),
    )  # fmt: skip
    parts_block: int | None = field(
        default=None, kw_only=True,
        metadata=key(
            "parts_block", lambda text: parsing.integer(text, 1), "an integer >= 1", None,
            "side of these blocks in pixels, and of those of validation = blocks",
            "a tenth of the shorter side of the image",
        ),
    )  # fmt: skip
    pseudo_path: Path | None = field(
        metadata=key(
            "pseudoPath", parsing.path, "a folder", None,
            "where the pseudo-labels lie, which predutils.py writes (needed by that and by a fine-tuning)",
        )
    )  # fmt: skip
    mat_label: str | None = field(
        metadata=_variable("matLabel", "variable that holds the data in .mat and .nc files (needed where several fit)")
    )
    mat_label_a: str | None = field(
        default=None,
        kw_only=True,
        metadata=_variable("matLabelA", "that of before images, where the names differ", "matLabel"),
    )
    mat_label_b: str | None = field(
        default=None, kw_only=True, metadata=_variable("matLabelB", "that of after images", "matLabel")
    )
    mat_label_truth: str | None = field(
        default=None, kw_only=True, metadata=_variable("matLabelTruth", "that of label maps", "matLabel")
    )
    changed_label: tuple[float, ...] | None = field(
        metadata=_labels("changedLabel", "what stands for changed in the label maps (needed with labelPath)")
    )
    unchanged_label: tuple[float, ...] | None = field(
        metadata=_labels("unchangedLabel", "what stands for unchanged in the label maps (needed with labelPath)")
    )
    unknown_label: tuple[float, ...] | str | None = field(
        metadata=key(
            "unknownLabel", _unknown, f"{_VALUES}, or nan, or {OTHER} for every other value", None,
            "what stands for unknown in the label maps, beside what they declare as nodata",
        )
    )  # fmt: skip
    nodata: float | None = field(
        default=None,
        metadata=key(
            "nodata", parsing.number_or_nan, "a number or nan", None,
            "value of image pixels without data, which are masked", "what the file declares",
        ),
    )  # fmt: skip
    bands: band_choice.Choice | None = field(
        default=None,
        metadata=key(
            "bands",
            lambda text: band_choice.parse_bands(text, (band_choice.COMMON,)),
            f"{_BANDS}, or {band_choice.COMMON}, alone or before them",
            None,
            "bands to use (common are those of the coarser of two sensors, to which the finer one is resampled)",
            "all",
        ),
    )
    bad_bands: band_choice.Choice | None = field(
        default=None,
        metadata=key(
            "bad_bands", lambda text: band_choice.parse_bands(text, (band_choice.FILE, band_choice.WATER)),
            f"{_BANDS}, {band_choice.FILE} or {band_choice.WATER} among them", None,
            "bands not to use (file is those on the file's own list, water those where water vapour absorbs)",
            "none",
        ),
    )  # fmt: skip
    scale: float | None = field(
        default=None,
        metadata=key(
            "scale", lambda text: parsing.number(text, 0), "a number > 0", None,
            "factor of the values, in place of the scale and offset of the file", "those of the file",
        ),
    )  # fmt: skip

    register: bool = field(
        default=False, kw_only=True,
        metadata=key(
            "register", parsing.boolean, "True or False", False,
            "True: after images are moved onto the before images, where they are shifted by a tenth of a pixel or more",
        ),
    )  # fmt: skip

    def pseudo_folder(self) -> Path:
        """Where the pseudo-labels lie; `InputError` if the section does not say."""
        if self.pseudo_path is None:
            raise InputError(f"[{self.name}] pseudoPath: missing; expected a folder, for the pseudo-labels")
        return self.pseudo_path

    @property
    def variables(self) -> tuple[str | None, str | None, str | None]:
        """Names of the arrays in the .mat files of before images, after images and label maps."""
        before, after, truth = (
            own or self.mat_label for own in (self.mat_label_a, self.mat_label_b, self.mat_label_truth)
        )
        return before, after, truth
