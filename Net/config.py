"""The program's constants, and net.conf read into checked settings.

`read` checks a whole configuration file before anything is loaded, and names every problem at once. The tables
`SETTINGS`, `DATA_SET` and `SEARCH` are the one list of keys.
"""

from __future__ import annotations

import configparser
import difflib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hscd import band_choice, parsing
from hscd.distances import DISTANCES
from hscd.errors import InputError, brief, printable
from hscd.hardware import BACKENDS
from hscd.paths import require_regular
from hscd.records import LARGEST_BATCH

NET_PATH = Path(__file__).resolve().parent
DATA_CONFIG_PATH = NET_PATH / "net.conf"
DATA_PATH = NET_PATH / "data"
MODEL_PATH = NET_PATH / "model"
STAT_PATH = NET_PATH / "stat"
SEED = 0
MAX_EVALS = 30

NO_FINE_TUNING, ALL_PSEUDO_LABELS, BY_PERCENTAGE, BY_NEIGHBORHOOD = -1, 0, 1, 2


@dataclass(frozen=True)
class DataSet:
    """A data set's section: where its pairs lie and what its labels mean; without ground truth there are no labels."""

    name: str
    img_a_path: Path
    img_b_path: Path
    label_path: Path | None
    pseudo_path: Path
    mat_label: str | None
    changed_label: float | None
    unchanged_label: float | None
    unknown_label: float | None
    nodata: float | None = None
    bands: band_choice.Choice | None = None
    bad_bands: band_choice.Choice | None = None
    scale: float | None = None


@dataclass(frozen=True)
class SearchSettings:
    """A [hyperas settings …] section: the choices of the search."""

    batch_size: list[int]
    neurons: list[int]
    neurons_1: list[int]
    neurons_2: list[int]
    max_dropout: float
    fourth_layer: bool
    max_evals: int = MAX_EVALS


@dataclass(frozen=True)
class Settings:
    """A checked configuration file."""

    file: Path
    train_set: str
    test_set: str
    distance: str
    model_name: str
    apply_rescaling: bool
    training: bool
    fine_tuning: int
    pseudo_percentage: float
    pseudo_radius: int
    seed: int
    backend: str
    workers: int | None
    memory_limit: int | None
    min_area: float
    model_path: Path
    stat_path: Path
    data_sets: dict[str, DataSet]
    searches: dict[str, SearchSettings]

    def __getitem__(self, name: str) -> DataSet:
        """The data set of a name; `InputError` if there is none."""
        try:
            return self.data_sets[name]
        except KeyError:
            raise InputError(f"{self.file.name}: no section [{name}]; data sets: {', '.join(self.data_sets)}") from None


# --- keys ------------------------------------------------------------------------------------------------------------


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
    Key("distance", parsing.one_of(DISTANCES), " or ".join(DISTANCES)),
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
DATA_SET = (
    Key("imgAPath", parsing.path, "the folder of the before images"),
    Key("imgBPath", parsing.path, "the folder of the after images"),
    Key("labelPath", parsing.path, "the folder of the label maps", None),
    Key("pseudoPath", parsing.path, "the folder of the pseudo-labels"),
    Key("matLabel", parsing.filled, "the name of the variable in the .mat files", None),
    Key("changedLabel", parsing.number, "a number", None),
    Key("unchangedLabel", parsing.number, "a number", None),
    Key("unknownLabel", parsing.number, "a number", None),
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
SETTINGS_SECTION = "settings"
SETTINGS_ALIAS = "setting"
SEARCH_SECTIONS = {f"hyperas settings {name}": name for name in DISTANCES}


# --- files -----------------------------------------------------------------------------------------------------------


def read(file: str | Path = DATA_CONFIG_PATH, overrides: Iterable[str] = ()) -> Settings:
    """Read and check a configuration file.

    Args:
        file: the file; relative paths in it are relative to its folder.
        overrides: `SECTION.KEY=VALUE` texts that take the place of what the file says.

    Raises:
        InputError: with one line for every problem of the file and the overrides.
    """
    file = Path(file)
    return _Checker(file, _parse(file), overrides).settings()


def _parse(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    try:
        with require_regular(file).open(encoding="utf-8-sig") as lines:
            parser.read_file(lines)
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not a text file in UTF-8: {error.reason}") from error
    except configparser.Error as error:
        raise InputError(f"{file}: {brief(error)}") from error
    return parser


class _Checker:
    """Reads the sections of one file and collects what is wrong with them."""

    def __init__(self, file: Path, parser: configparser.ConfigParser, overrides: Iterable[str]) -> None:
        self.file = file
        self.parser = parser
        self.problems: list[str] = []
        aliased = parser.has_section(SETTINGS_ALIAS)
        if aliased and parser.has_section(SETTINGS_SECTION):
            self.problem(f"[{SETTINGS_ALIAS}] is another spelling of [{SETTINGS_SECTION}]; keep one of the two")
        self.settings_section = SETTINGS_ALIAS if aliased else SETTINGS_SECTION
        for override in overrides:
            self.override(override)

    def problem(self, text: str) -> None:
        # Values and overrides are quoted from what the user wrote, which may hold line breaks.
        self.problems.append(f"{self.file}: " + printable("\\n".join(text.splitlines())))

    def keys_of(self, section: str) -> tuple[Key, ...]:
        if section in (SETTINGS_SECTION, SETTINGS_ALIAS):
            return SETTINGS
        return SEARCH if section in SEARCH_SECTIONS else DATA_SET

    def override(self, text: str) -> None:
        target, equals, value = text.partition("=")
        section, dot, key = target.strip().rpartition(".")
        if not (equals and dot):
            self.problem(f"--set {text}: expected SECTION.KEY=VALUE")
            return
        if section in (SETTINGS_SECTION, SETTINGS_ALIAS):
            section = self.settings_section
        if not self.parser.has_section(section):
            self.problem(f"--set {text}: no section [{section}]{_nearest(section, self.parser.sections())}")
            return
        names = [known.name for known in self.keys_of(section)]
        if key.lower() not in (name.lower() for name in names):
            self.problem(f"--set {text}: [{section}] has no key {key}{_nearest(key, names)}")
            return
        self.parser.set(section, key, value.strip())

    def section(self, section: str) -> dict[str, Any]:
        """The values of a section by key; what is wrong is noted and left out."""
        keys = self.keys_of(section)
        known = {key.name.lower(): key for key in keys}
        found = dict(self.parser.items(section)) if self.parser.has_section(section) else {}
        if not self.parser.has_section(section):
            self.problem(f"section [{section}] is missing{_nearest(section, self.parser.sections())}")
            return {}
        for name in found:
            if name not in known:
                self.problem(f"[{section}] {name}: unknown key{_nearest(name, [key.name for key in keys])}")
        values = {}
        for name, key in known.items():
            if name not in found:
                if key.default is ...:
                    self.problem(f"[{section}] {key.name}: missing; expected {key.allowed}")
                else:
                    values[key.name] = key.default
                continue
            try:
                values[key.name] = key.parse(found[name])
            except (ValueError, OverflowError):
                hint = "; an indented line goes on with the one before it" if "\n" in found[name] else ""
                self.problem(f"[{section}] {key.name}: found {found[name]!r}; expected {key.allowed}{hint}")
        return values

    def settings(self) -> Settings:
        general = self.section(self.settings_section)
        searches = {distance: self.section(section) for section, distance in SEARCH_SECTIONS.items()}
        data_sets = {
            name: self.section(name)
            for name in self.parser.sections()
            if name not in (SETTINGS_SECTION, SETTINGS_ALIAS, *SEARCH_SECTIONS)
        }
        for name, values in data_sets.items():
            self.check_data_set(name, values)
        for key in ("train_set", "test_set"):
            if key in general and general[key] not in data_sets:
                self.problem(
                    f"[{self.settings_section}] {key}: found {general[key]!r}; expected the name of a data set's "
                    f"section: {', '.join(data_sets) or 'none is there'}"
                )
        if self.problems:
            raise InputError("\n".join(self.problems))
        folder = self.file.resolve().parent
        general |= {key: folder / general[key] for key in ("model_path", "stat_path")}
        found = {name: _data_set(name, values, folder) for name, values in data_sets.items()}
        self.check_places(general, found)
        if self.problems:
            raise InputError("\n".join(self.problems))
        return Settings(
            file=self.file,
            data_sets=found,
            searches={distance: SearchSettings(**values) for distance, values in searches.items()},
            **general,
        )

    def check_data_set(self, name: str, values: dict[str, Any]) -> None:
        if any(character in name for character in "/\\"):
            self.problem(f"[{name}]: the name of a data set is part of file names and cannot hold / or \\")
        if values.get("labelPath") is not None:
            for key in ("changedLabel", "unchangedLabel"):
                if key in values and values[key] is None:
                    self.problem(f"[{name}] {key}: missing; expected a number, as there is a labelPath")
        keys = [key for key in ("changedLabel", "unchangedLabel", "unknownLabel") if values.get(key) is not None]
        if len({values[key] for key in keys}) < len(keys):
            found = ", ".join(f"{key}={values[key]:.15g}" for key in keys)
            self.problem(f"[{name}]: found {found}; expected different values")

    def check_places(self, general: dict[str, Any], data_sets: dict[str, DataSet]) -> None:
        """No results where images and label maps are looked for: the next run would take them for such."""
        results = [(f"[{self.settings_section}] {key}", general[key]) for key in ("model_path", "stat_path")]
        results += [(f"[{name}] pseudoPath", data_set.pseudo_path) for name, data_set in data_sets.items()]
        images = [
            (f"[{name}] {key}", path)
            for name, data_set in data_sets.items()
            for key, path in (
                ("imgAPath", data_set.img_a_path), ("imgBPath", data_set.img_b_path), ("labelPath", data_set.label_path)
            )
            if path is not None
        ]  # fmt: skip
        real = {path: Path(os.path.realpath(path)) for _, path in results + images}  # a loop of links is no error here
        for result, folder in results:
            for key, place in images:
                if real[folder].is_relative_to(real[place]):
                    where = "is the folder" if real[folder] == real[place] else f"found {str(folder)!r}, inside that"
                    self.problem(f"{result}: {where} of {key}; results would be taken for images, give them another")


def _nearest(name: str, known: Iterable[str]) -> str:
    """A question after the nearest known name, whatever its case; nothing where none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def _data_set(name: str, values: dict[str, Any], folder: Path) -> DataSet:
    return DataSet(
        name=name,
        img_a_path=folder / values["imgAPath"],
        img_b_path=folder / values["imgBPath"],
        label_path=None if values["labelPath"] is None else folder / values["labelPath"],
        pseudo_path=folder / values["pseudoPath"],
        mat_label=values["matLabel"],
        changed_label=values["changedLabel"],
        unchanged_label=values["unchangedLabel"],
        unknown_label=values["unknownLabel"],
        nodata=values["nodata"],
        bands=values["bands"],
        bad_bands=values["bad_bands"],
        scale=values["scale"],
    )
