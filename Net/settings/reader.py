"""Reads configuration files, and parsers that have read one, into checked settings."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import config
from hscd.heads import HEADS
from hscd.registry import Option
from hscd.system.errors import InputError, nearest
from hscd.system.naming import place
from hscd.system.parsing import broken_lines
from hscd.system.paths import require_regular
from settings.checks import Checks
from settings.comparison import COMPARE_SECTION, CompareSettings
from settings.data_set import DataSet
from settings.explaining import ExplainSettings
from settings.families import BRANCHES, FAMILIES, NETWORKS, Family, is_needed
from settings.keys import (
    KINDS,
    compare_keys,
    data_set_keys,
    family_options,
    fields_of,
    network_options,
    search_keys,
    settings_keys,
)
from settings.learning import LearningSettings
from settings.presets import preset_values
from settings.records import SETTINGS_ALIAS, SETTINGS_SECTION, Settings
from settings.search import SearchSettings, search_missing, search_section

# What kinds of sections are called.
_SECTIONS = {
    "settings": f"[{SETTINGS_SECTION}]", "data set": "a data set", "search": f"[{search_section('…')}]",
    "compare": f"[{COMPARE_SECTION}]",
}  # fmt: skip
_RECORDED = {"pseudo_source": "detector"}  # what run records call the value of a key
_COMMENT = re.compile(r"(?:^|\s)[#;].*")


def read_settings(file: str | Path | None = None, overrides: Iterable[str] = (), *, trains: bool = True) -> Settings:
    """Read and check a configuration file.

    Args:
        file: the file; relative paths in it are relative to its folder. None for that of `config`.
        overrides: `SECTION.KEY=VALUE` texts that take the place of what the file says; without a VALUE, as if the file
            did not say it.
        trains: whether the search that a training needs is asked for.

    Raises:
        InputError: with one line for every problem of the file and the overrides.
    """
    file = Path(config.DATA_CONFIG_PATH if file is None else file)
    return _Reader(file, _parse(file), overrides).settings(trains)


def settings_of(conf: Settings | configparser.ConfigParser) -> Settings:
    """The checked settings of a parser that has read a configuration file.

    A parser does not know where its file lies: paths in it are relative to the folder of `config.DATA_CONFIG_PATH`.

    Raises:
        InputError: as `read_settings`.
    """
    if isinstance(conf, Settings):
        return conf
    return _Reader(config.DATA_CONFIG_PATH, _plain_copy(conf), ()).settings()


def parser_settings(parser: configparser.ConfigParser, name: str) -> Settings:
    """The checked settings of a parser whose paths are absolute; errors name them as `name`.

    Raises:
        InputError: as `read_settings`.
    """
    return _Reader(Path(name), parser, ()).settings()


def data_set_of(section: DataSet | configparser.SectionProxy) -> DataSet:
    """The checked data set of a section of a parser; as `settings_of`."""
    if isinstance(section, DataSet):
        return section
    return _Reader(config.DATA_CONFIG_PATH, _plain_copy(section.parser), ()).data_set(section.name)


def search_of(section: SearchSettings | configparser.SectionProxy, network: str) -> SearchSettings:
    """The checked choices of a search, of a section of a parser for a branch network; as `settings_of`."""
    if isinstance(section, SearchSettings):
        return section
    return _Reader(config.DATA_CONFIG_PATH, _plain_copy(section.parser), ()).search(section.name, network)


def _parse(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    try:
        text = require_regular(file).read_text(encoding="utf-8-sig")
        parser.read_string(text)
    except OSError as error:
        remedy = "; `hscd init` writes one" if config.INSTALLED and not file.exists() else ""
        raise InputError(f"{file}: cannot be read: {error.strerror}{remedy}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not a text file in UTF-8: {error.reason}") from error
    except configparser.Error as error:
        raise InputError("\n".join(f"{file}: {line}" for line in broken_lines(error, text))) from error
    return parser


def _plain_copy(parser: configparser.RawConfigParser) -> configparser.ConfigParser:
    """What a parser of any kind holds, without the comments that it may have taken for parts of values."""
    copy = configparser.ConfigParser(interpolation=None)
    for section in parser.sections():
        copy.add_section(section)
        for key, value in parser.items(section, raw=True):
            lines = [_COMMENT.sub("", line).rstrip() for line in (value or "").splitlines()]
            copy.set(section, key, "\n".join(lines))
    return copy


class _Reader(Checks):
    """Reads the sections of one file and collects what is wrong with them."""

    def __init__(self, file: Path, parser: configparser.ConfigParser, overrides: Iterable[str]) -> None:
        super().__init__(file)
        self.parser = parser
        self.searches = {search_section(name): name for name in HEADS}
        aliased = parser.has_section(SETTINGS_ALIAS)
        if aliased and parser.has_section(SETTINGS_SECTION):
            self.problem(f"[{SETTINGS_ALIAS}] is another spelling of [{SETTINGS_SECTION}]; keep one of the two")
        self.settings_section = SETTINGS_ALIAS if aliased else SETTINGS_SECTION
        self.overrides = tuple(overrides)
        for override in self.overrides:
            self.override(override)

    def keys_of(self, section: str) -> Sequence[Option]:
        if section in (SETTINGS_SECTION, SETTINGS_ALIAS):
            return settings_keys()
        if section == COMPARE_SECTION:
            return compare_keys()
        return search_keys() if section in self.searches else data_set_keys()

    def override(self, text: str) -> None:
        target, equals, value = text.partition("=")
        section, dot, key = target.strip().rpartition(".")
        if not dot:
            near = nearest(target.strip(), [key.name for key in settings_keys()], f"{SETTINGS_SECTION}.")
            self.problem(f"--set {text}: expected SECTION.KEY=VALUE{near}")
            return
        if section in (SETTINGS_SECTION, SETTINGS_ALIAS):
            section = self.settings_section
        if section in self.searches and not self.parser.has_section(section):
            self.no_search(section)
            return
        if not self.parser.has_section(section):
            self.problem(f"--set {text}: no section [{section}]{nearest(section, self.parser.sections())}")
            return
        names = [known.name for known in self.keys_of(section)]
        if key.lower() not in (name.lower() for name in names):
            self.problem(f"--set {text}: [{section}] has no key {key}{_elsewhere(key) or nearest(key, names)}")
            return
        if not equals:
            self.problem(f"--set {text}: the value is missing; expected {section}.{key}=VALUE")
            return
        if value.strip():
            self.parser.set(section, key, value.strip())
        else:
            self.parser.remove_option(section, key)

    def section(
        self, section: str, families: tuple[Family, ...] = (), general: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The values of a section by key; what is wrong is noted and left out.

        Args:
            section: its name.
            families: those whose options stand in it.
            general: the values of [settings] by key, which say whose options are needed; None if they stand here.
        """
        keys = self.keys_of(section)
        known = {key.name.lower(): key for key in keys}
        if not self.parser.has_section(section):
            self.problem(f"section [{section}] is missing{nearest(section, self.parser.sections())}")
            return {}
        found = dict(self.parser.items(section))
        for name in found:
            if name not in known:
                near = _elsewhere(name) or nearest(name, [key.name for key in keys])
                self.problem(f"{place(section, name)}: unknown key{near}")
        values: dict[str, Any] = {}
        for name, key in known.items():
            if name not in found:
                if key.default is not ...:
                    values[key.name] = key.default
                elif is_needed(key.name, families, values if general is None else general):
                    self.problem(f"{place(section, key.name)}: missing; expected {key.allowed}")
                continue
            try:
                values[key.name] = key.parse(found[name])
            except (ValueError, OverflowError):
                hint = "; an indented line goes on with the one before it" if "\n" in found[name] else ""
                hint = hint or _nearest_value(found[name], getattr(key.parse, "names", ()))
                self.problem(f"{self.where(section, key.name)}: found {found[name]!r}; expected {key.allowed}{hint}")
        return values

    def apply_preset(self) -> None:
        """Have the keys of [settings] that are not given be what the preset says for the detector."""
        given = self.parser[self.settings_section] if self.parser.has_section(self.settings_section) else {}
        for key, value in preset_values(given).items():
            if not self.parser.has_option(self.settings_section, key):
                self.parser.set(self.settings_section, key, value)

    def settings(self, trains: bool = True) -> Settings:
        self.apply_preset()
        general = self.section(self.settings_section, FAMILIES)
        searches = {}
        for section, distance in self.searches.items():
            trained = trains and general.get("training") and distance == general.get("distance")
            if self.parser.has_section(section):
                network = general.get("network") if trained else self.network_of(section, general)
                searches[distance] = self.section(section, (NETWORKS,), general | {"network": network})
            elif trained:
                self.no_search(section)
        data_sets = {
            name: self.section(name)
            for name in self.parser.sections()
            if name not in (SETTINGS_SECTION, SETTINGS_ALIAS, COMPARE_SECTION, *self.searches)
        }
        compared = self.section(COMPARE_SECTION) if self.parser.has_section(COMPARE_SECTION) else {}
        for name, values in data_sets.items():
            self.check_data_set(name, values)
        named: list[tuple[str, str, Any]]
        named = [(self.settings_section, key, general[key]) for key in ("train_set", "test_set") if key in general]
        named += [(COMPARE_SECTION, "data", name) for name in compared.get("data") or ()]
        for section, key, name in named:
            if name not in data_sets:
                self.problem(
                    f"{self.where(section, key)}: found {name!r}; expected the name of a data set's section: "
                    f"{', '.join(data_sets) or 'none is there'}{nearest(name, data_sets)}"
                )
        self.check_learning(general)
        self.raise_problems()
        folder = self.folder
        general |= {key: folder / general[key] for key in ("model_path", "stat_path")}
        found = {name: _data_set(name, values, folder) for name, values in data_sets.items()}
        self.check_results(general, found)
        self.raise_problems()
        return Settings(
            file=self.file,
            overrides=self.overrides,
            data_sets=found,
            searches={distance: _search(values, folder) for distance, values in searches.items()},
            options=_options(general, family_options(), folder),
            compare=CompareSettings(**compared),
            learning=LearningSettings(**_by_field(LearningSettings, general)),
            explain=ExplainSettings(**_by_field(ExplainSettings, general)),
            **_by_field(Settings, general),
        )

    def no_search(self, section: str) -> None:
        """Note that the section of a search is missing."""
        others = [of for name, of in self.searches.items() if self.parser.has_section(name)]
        self.problem(search_missing(self.searches[section], others))

    def network_of(self, section: str, general: dict[str, Any]) -> Any:
        """The network that a section of a search is for: the chosen one if it can be, else one whose options it has."""
        given = set(self.parser.options(section))
        chosen = general.get("network")
        has = [name for name in BRANCHES if given & {option.name.lower() for option in BRANCHES.options(name)}]
        return chosen if chosen in has or not has else has[0]

    def data_set(self, name: str) -> DataSet:
        """One data set, whatever the rest of the file says."""
        values = self.section(name)
        self.check_data_set(name, values)
        self.raise_problems()
        return _data_set(name, values, self.folder)

    def search(self, name: str, network: str) -> SearchSettings:
        """The choices of one search, whatever the rest of the file says, and whatever distance its section names."""
        self.searches.setdefault(name, "")
        values = self.section(name, (NETWORKS,), {"network": network})
        self.raise_problems()
        return _search(values, self.folder)

    @property
    def folder(self) -> Path:
        """What relative paths are relative to."""
        return self.file.resolve().parent

    def raise_problems(self) -> None:
        if self.problems:
            raise InputError("\n".join(dict.fromkeys(self.problems)))


def _nearest_value(text: str, known: Sequence[str]) -> str:
    """As `nearest`, for the first of the names of a value that is none of those known."""
    wrong = [name for name in (part.strip() for part in text.split(",")) if name not in known]
    return nearest(wrong[0], known) if wrong else ""


def _elsewhere(name: str) -> str:
    """Where a key belongs that is unknown where it stands; nothing where no section has it."""
    if name in _RECORDED:
        return f"; run records call it that, the key is {_RECORDED[name]}"
    known = [_SECTIONS[kind] for kind, keys in KINDS.items() if name.lower() in (key.name.lower() for key in keys())]
    return f"; it is a key of {' or '.join(known)}" if known else ""


def _by_field(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a section by the fields of its record."""
    return {name: values[key.name] for name, key in fields_of(record).items()}


def _options(values: dict[str, Any], names: set[str], folder: Path) -> dict[str, Any]:
    """The values of options; paths are relative to a folder."""
    found = {name: value for name, value in values.items() if name in names}
    return {name: folder / value if isinstance(value, Path) else value for name, value in found.items()}


def _data_set(name: str, values: dict[str, Any], folder: Path) -> DataSet:
    """The record of a section; paths are relative to a folder."""
    fields = _by_field(DataSet, values)
    paths = {field: folder / value for field, value in fields.items() if isinstance(value, Path)}
    return DataSet(name=name, **fields | paths)


def _search(values: dict[str, Any], folder: Path) -> SearchSettings:
    return SearchSettings(**_by_field(SearchSettings, values), options=_options(values, network_options(), folder))
