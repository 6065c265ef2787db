"""The program's constants, and net.conf read into checked settings.

`read` checks a whole configuration file before anything is loaded, and names every problem at once. The keys are those
of `config_keys`.
"""

from __future__ import annotations

import configparser
import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config_keys import DATA_SET, LABEL_KEYS, MASK_KEYS, MAX_EVALS, SEARCH, SETTINGS, Key
from config_keys import SEED as SEED
from hscd.heads import HEADS
from hscd.scenes import band_choice
from hscd.system.errors import InputError, brief, printable
from hscd.system.paths import require_regular

NET_PATH = Path(__file__).resolve().parent
DATA_CONFIG_PATH = NET_PATH / "net.conf"
DATA_PATH = NET_PATH / "data"
MODEL_PATH = NET_PATH / "model"
STAT_PATH = NET_PATH / "stat"

# When a training ends, of a trial as well as in fine-tuning, and the share of its pairs that is held out to judge by.
MAX_EPOCHS = 150
MIN_DELTA = 1e-4
PATIENCE = 10
VALIDATION_SPLIT = 0.2

NO_FINE_TUNING, ALL_PSEUDO_LABELS, BY_PERCENTAGE, BY_NEIGHBORHOOD = -1, 0, 1, 2


@dataclass(frozen=True)
class DataSet:
    """A data set's section: where its pairs lie and what its labels mean; without ground truth there are no labels.

    Either `img_a_path` and `img_b_path` are there, or `pairs`, a list of pairs.
    """

    name: str
    img_a_path: Path | None
    img_b_path: Path | None
    label_path: Path | None
    pseudo_path: Path
    mat_label: str | None
    changed_label: tuple[float, ...] | None
    unchanged_label: tuple[float, ...] | None
    unknown_label: tuple[float, ...] | None
    nodata: float | None = None
    bands: band_choice.Choice | None = None
    bad_bands: band_choice.Choice | None = None
    scale: float | None = None
    changed_mask: Path | None = None
    unchanged_mask: Path | None = None
    mat_label_a: str | None = None
    mat_label_b: str | None = None
    mat_label_truth: str | None = None
    pairs: Path | None = None
    split: str | None = None

    @property
    def variables(self) -> tuple[str | None, str | None, str | None]:
        """Names of the arrays in the .mat files of before images, after images and label maps."""
        before, after, truth = (
            own or self.mat_label for own in (self.mat_label_a, self.mat_label_b, self.mat_label_truth)
        )
        return before, after, truth


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


SETTINGS_SECTION = "settings"
SETTINGS_ALIAS = "setting"
SEARCH_SECTIONS = {f"hyperas settings {name}": name for name in HEADS}


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
        self.check_results(general, found)
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
        self.check_places(name, {key for key, value in values.items() if value is not None}, values)
        given = [key for key in LABEL_KEYS if values.get(key) is not None]
        every = [value for key in given for value in values[key]]
        if len(set(every)) < len(every):
            found = ", ".join(f"{key}={', '.join(f'{value:.15g}' for value in values[key])}" for key in given)
            self.problem(f"[{name}]: found {found}; expected different values")

    def check_places(self, name: str, given: set[str], values: dict[str, Any]) -> None:
        """Which keys that say where a data set lies go together, and with those that say what its labels mean."""
        masks = [key for key in MASK_KEYS if key in given]
        if "pairs" in given:
            for key in ("imgAPath", "imgBPath", "labelPath", *MASK_KEYS):
                if key in given:
                    self.problem(f"[{name}] {key}: pairs says where images and labels lie; leave out one of the two")
        else:
            for key in ("imgAPath", "imgBPath"):
                if key in values and key not in given:
                    self.problem(f"[{name}] {key}: missing; expected {_allowed(key)}")
            if "split" in given:
                self.problem(f"[{name}] split: chooses rows of a list of pairs, and there are no pairs")
            if "imgAPath" in given and self.same_images(values):
                self.problem(
                    f"[{name}] imgAPath, imgBPath: both are {values['imgAPath']}; if that one file holds both images, "
                    "matLabelA and matLabelB say which is which"
                )
        if len(masks) == 1:
            missing = next(key for key in MASK_KEYS if key not in given)
            self.problem(f"[{name}] {missing}: missing; expected {_allowed(missing)}, as there is a {masks[0]}")
        if masks and given & {"labelPath", *LABEL_KEYS}:
            other = ", ".join(key for key in ("labelPath", *LABEL_KEYS) if key in given)
            self.problem(f"[{name}] {other}: {' and '.join(masks)} say what changed; leave out one of the two")
        if "labelPath" in given or ("pairs" in given and given & set(LABEL_KEYS)):
            of = "is a labelPath" if "labelPath" in given else "are values of other labels"
            for key in LABEL_KEYS[:2]:
                if key in values and key not in given:
                    self.problem(f"[{name}] {key}: missing; expected a number, as there {of}")

    @staticmethod
    def same_images(values: dict[str, Any]) -> bool:
        """Whether the before and the after images are the same ones."""
        variables = [values.get(key) or values.get("matLabel") for key in ("matLabelA", "matLabelB")]
        return values["imgAPath"] == values.get("imgBPath") and variables[0] == variables[1]

    def check_results(self, general: dict[str, Any], data_sets: dict[str, DataSet]) -> None:
        """No results where images and label maps are looked for: the next run would take them for such."""
        results = [(f"[{self.settings_section}] {key}", general[key]) for key in ("model_path", "stat_path")]
        results += [(f"[{name}] pseudoPath", data_set.pseudo_path) for name, data_set in data_sets.items()]
        images = [
            (f"[{name}] {key}", path)
            for name, data_set in data_sets.items()
            for key, path in (
                ("imgAPath", data_set.img_a_path), ("imgBPath", data_set.img_b_path),
                ("labelPath", data_set.label_path), ("changedMask", data_set.changed_mask),
                ("unchangedMask", data_set.unchanged_mask),
            )
            if path is not None
        ]  # fmt: skip
        real = {path: Path(os.path.realpath(path)) for _, path in results + images}  # a loop of links is no error here
        for result, folder in results:
            for key, place in images:
                if real[place].is_file() and real[folder] == real[place].parent:
                    self.problem(
                        f"{result}: is the folder in which {key} lies; results would be taken for images, give another"
                    )
                elif real[folder].is_relative_to(real[place]):
                    where = "is the folder" if real[folder] == real[place] else f"found {str(folder)!r}, inside that"
                    self.problem(f"{result}: {where} of {key}; results would be taken for images, give them another")


def _allowed(name: str) -> str:
    return next(key.allowed for key in DATA_SET if key.name == name)


def _nearest(name: str, known: Iterable[str]) -> str:
    """A question after the nearest known name, whatever its case; nothing where none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def _data_set(name: str, values: dict[str, Any], folder: Path) -> DataSet:
    """The record of a section; the key imgAPath is its field img_a_path, and paths are relative to a folder."""
    fields = {re.sub("[A-Z]", lambda capital: f"_{capital.group().lower()}", key): values[key] for key in values}
    paths = {field: folder / value for field, value in fields.items() if isinstance(value, Path)}
    return DataSet(name=name, **fields | paths)
