"""The keys of net.conf, one table a kind of section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hscd.heads import HEADS
from hscd.records import LARGEST_BATCH
from hscd.scenes import band_choice
from hscd.system import parsing
from hscd.system.hardware import BACKENDS

SEED = 0
MAX_EVALS = 30


@dataclass(frozen=True)
class Key:
    """One key of a section: how its text is read and what is allowed.

    `parse` raises ValueError for what is not allowed. A key without a default must be there.
    """

    name: str
    parse: Callable[[str], Any]
    allowed: str
    default: Any = ...


_TRUE_FALSE = "True or False"
_INTEGERS = "a Python list of integers >= 1, for example [32, 64]"

SETTINGS = (
    Key("train_set", parsing.filled, "the name of a data set's section"),
    Key("test_set", parsing.filled, "the name of a data set's section"),
    Key("distance", parsing.one_of(HEADS), " or ".join(HEADS)),
    Key("model_name", parsing.file_name, "a name that can be part of a file name, without / or \\"),
    Key("apply_rescaling", parsing.boolean, _TRUE_FALSE),
    Key("training", parsing.boolean, _TRUE_FALSE),
    Key("fine_tuning", lambda text: parsing.integer(text, -1, 2),
        "-1 (none), 0 (all pseudo-labels), 1 (by percentage) or 2 (by neighbourhood)"),
    Key("pseudo_percentage", lambda text: parsing.number(text, 0, 1, high_included=True), "a number in ]0, 1]"),
    Key("pseudo_radius", lambda text: parsing.integer(text, 1), "an integer >= 1"),
    Key("seed", lambda text: parsing.integer(text, 0, 2**32 - 1), "an integer from 0 to 4294967295", SEED),
    Key("backend", parsing.one_of(BACKENDS), " or ".join(BACKENDS), BACKENDS[0]),
    Key("workers", lambda text: parsing.integer(text, 1), "an integer >= 1", None),
    Key("memory_limit", lambda text: parsing.integer(text, 1), "an integer >= 1, in MiB", None),
    Key("min_area", parsing.not_negative, "a number >= 0", 0.0),
    Key("model_path", parsing.path, "a folder", Path("model")),
    Key("stat_path", parsing.path, "a folder", Path("stat")),
)  # fmt: skip
_BANDS = "numbers of bands from 1 and ranges of them or of wavelengths, for example 1-50, 60, 430-900 nm"
_VALUES = "a number, several (1, 2, 3) or colours (0xff0000)"
DATA_SET = (
    Key("imgAPath", parsing.path, "the folder of the before images", None),
    Key("imgBPath", parsing.path, "the folder of the after images", None),
    Key("labelPath", parsing.path, "the folder of the label maps", None),
    Key("changedMask", parsing.path, "the folder of the masks of changed pixels", None),
    Key("unchangedMask", parsing.path, "the folder of the masks of unchanged pixels", None),
    Key("pairs", parsing.path, "a CSV file that lists the pairs", None),
    Key("split", parsing.filled, "a value of the column split of the list of pairs", None),
    Key("pseudoPath", parsing.path, "the folder of the pseudo-labels"),
    Key("matLabel", parsing.filled, "the name of the variable in the .mat files", None),
    Key("matLabelA", parsing.filled, "the name of the variable in the .mat files of before images", None),
    Key("matLabelB", parsing.filled, "the name of the variable in the .mat files of after images", None),
    Key("matLabelTruth", parsing.filled, "the name of the variable in the .mat files of label maps", None),
    Key("changedLabel", parsing.label_values, _VALUES, None),
    Key("unchangedLabel", parsing.label_values, _VALUES, None),
    Key("unknownLabel", lambda text: parsing.label_values(text, parsing.number_or_nan), f"{_VALUES}, or nan", None),
    Key("nodata", parsing.number_or_nan, "a number or nan", None),
    Key("bands", band_choice.parse_bands, _BANDS, None),
    Key("bad_bands", lambda text: band_choice.parse_bands(text, (band_choice.FILE, band_choice.WATER)),
        f"{_BANDS}, {band_choice.FILE} or {band_choice.WATER} among them", None),
    Key("scale", lambda text: parsing.number(text, 0), "a number > 0", None),
)  # fmt: skip
SEARCH = (
    Key("batch_size", lambda text: parsing.integers(text, LARGEST_BATCH),
        f"a Python list of integers from 1 to {LARGEST_BATCH}, for example [32, 64]"),
    Key("neurons", parsing.integers, _INTEGERS),
    Key("neurons_1", parsing.integers, _INTEGERS),
    Key("neurons_2", parsing.integers, _INTEGERS),
    Key("max_dropout", lambda text: parsing.number(text, 0, 1), "a number in ]0, 1["),
    Key("fourth_layer", parsing.boolean, _TRUE_FALSE),
    Key("max_evals", lambda text: parsing.integer(text, 1), "an integer >= 1", MAX_EVALS),
)  # fmt: skip
LABEL_KEYS = ("changedLabel", "unchangedLabel", "unknownLabel")
MASK_KEYS = ("changedMask", "unchangedMask")
