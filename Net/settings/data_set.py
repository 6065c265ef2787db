"""The record of a data set's section."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hscd.scenes import band_choice
from hscd.system import parsing
from settings.declared import key

_BANDS = "numbers of bands from 1 and ranges of them or of wavelengths, for example 1-50, 60, 430-900 nm"
_VALUES = "a number, several (1, 2, 3) or colours (0xff0000)"


def _place(name: str, of: str, says: str) -> dict[str, Any]:
    return key(name, parsing.path, f"the folder of the {of}", None, says)


def _variable(name: str, files: str, says: str) -> dict[str, Any]:
    return key(name, parsing.filled, f"the name of the variable in the .mat files{files}", None, says)


def _labels(name: str, says: str) -> dict[str, Any]:
    return key(name, parsing.label_values, _VALUES, None, says)


@dataclass(frozen=True)
class DataSet:
    """A data set's section: where its pairs lie and what its labels mean; without ground truth there are no labels.

    Either `img_a_path` and `img_b_path` are there, or `pairs`, a list of pairs.
    """

    name: str
    img_a_path: Path | None = field(metadata=_place("imgAPath", "before images", "before images, or one of them"))
    img_b_path: Path | None = field(
        metadata=_place("imgBPath", "after images", "after images, of the same names, or one of them")
    )
    label_path: Path | None = field(
        metadata=_place("labelPath", "label maps", "label maps, of the same names, or one of them; needed for training")
    )
    changed_mask: Path | None = field(
        default=None,
        kw_only=True,
        metadata=_place(
            "changedMask", "masks of changed pixels", "masks that are not zero where pixels are changed, or one of them"
        ),
    )
    unchanged_mask: Path | None = field(
        default=None,
        kw_only=True,
        metadata=_place(
            "unchangedMask",
            "masks of unchanged pixels",
            "the same of unchanged pixels; the two take the place of labelPath",
        ),
    )
    pairs: Path | None = field(
        default=None, kw_only=True,
        metadata=key(
            "pairs", parsing.path, "a CSV file that lists the pairs", None,
            "names of pairs and of their files, in place of the paths above: columns name, before, after and, as they "
            "apply, label, changed_mask and unchanged_mask, split",
        ),
    )  # fmt: skip
    split: str | None = field(
        default=None, kw_only=True,
        metadata=key(
            "split", parsing.filled, "a value of the column split of the list of pairs", None, "the rows to take"
        ),
    )  # fmt: skip
    pseudo_path: Path = field(
        metadata=key(
            "pseudoPath",
            parsing.path,
            "the folder of the pseudo-labels",
            says="pseudo-labels, which predutils.py writes",
        )
    )
    mat_label: str | None = field(
        metadata=_variable("matLabel", "", "variable that holds the data (.mat, .nc); needed where several fit")
    )
    mat_label_a: str | None = field(
        default=None, kw_only=True, metadata=_variable("matLabelA", " of before images", "that of before images")
    )
    mat_label_b: str | None = field(
        default=None, kw_only=True, metadata=_variable("matLabelB", " of after images", "that of after images")
    )
    mat_label_truth: str | None = field(
        default=None, kw_only=True, metadata=_variable("matLabelTruth", " of label maps", "that of label maps")
    )
    changed_label: tuple[float, ...] | None = field(
        metadata=_labels("changedLabel", "changed in the label maps; needed with labelPath")
    )
    unchanged_label: tuple[float, ...] | None = field(
        metadata=_labels("unchangedLabel", "unchanged in them; needed with labelPath")
    )
    unknown_label: tuple[float, ...] | None = field(
        metadata=key(
            "unknownLabel", lambda text: parsing.label_values(text, parsing.number_or_nan), f"{_VALUES}, or nan", None,
            "unknown in them, as is what they declare as nodata",
        )
    )  # fmt: skip
    nodata: float | None = field(
        default=None,
        metadata=key(
            "nodata", parsing.number_or_nan, "a number or nan", None,
            "image pixels without data, which are masked; by default what the file declares",
        ),
    )  # fmt: skip
    bands: band_choice.Choice | None = field(
        default=None, metadata=key("bands", band_choice.parse_bands, _BANDS, None, "bands to use")
    )
    bad_bands: band_choice.Choice | None = field(
        default=None,
        metadata=key(
            "bad_bands", lambda text: band_choice.parse_bands(text, (band_choice.FILE, band_choice.WATER)),
            f"{_BANDS}, {band_choice.FILE} or {band_choice.WATER} among them", None,
            "bands not to use; file: those on the file's own list; water: where water vapour absorbs",
        ),
    )  # fmt: skip
    scale: float | None = field(
        default=None,
        metadata=key(
            "scale", lambda text: parsing.number(text, 0), "a number > 0", None,
            "factor of the values in place of the file's own scale and offset",
        ),
    )  # fmt: skip

    @property
    def variables(self) -> tuple[str | None, str | None, str | None]:
        """Names of the arrays in the .mat files of before images, after images and label maps."""
        before, after, truth = (
            own or self.mat_label for own in (self.mat_label_a, self.mat_label_b, self.mat_label_truth)
        )
        return before, after, truth
