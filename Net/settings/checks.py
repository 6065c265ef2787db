"""What has to fit together in a configuration file beyond the values of single keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hscd.branches import BRANCHES
from hscd.labels import by_name
from hscd.system.errors import printable
from hscd.system.naming import at, in_file, place
from hscd.system.paths import misplaced
from settings.data_set import DataSet
from settings.keys import LABEL_KEYS, MASK_KEYS, data_set_keys
from settings.records import SETTINGS_ALIAS, SETTINGS_SECTION, results_of


class Checks:
    """Collects what is wrong with one file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[str] = []
        self.overrides: tuple[str, ...] = ()
        self.settings_section = SETTINGS_SECTION

    def problem(self, text: str) -> None:
        # Values and overrides are quoted from what the user wrote, which may hold line breaks.
        self.problems.append(in_file(self.file, printable("\\n".join(text.splitlines()))))

    def where(self, section: str, key: str) -> str:
        """The place of a value; where --set gives it, after the last text that does, as the file does not hold it."""
        for text in reversed(self.overrides):
            of, _, name = text.partition("=")[0].strip().rpartition(".")
            of = self.settings_section if of in (SETTINGS_SECTION, SETTINGS_ALIAS) else of
            if (of, name.lower()) == (section, key.lower()):
                return f"--set {text}: {place(section, key)}"
        return place(section, key)

    def check_data_set(self, name: str, values: dict[str, Any]) -> None:
        if any(character in name for character in "/\\"):
            self.problem(f"[{name}]: the name of a data set is part of file names and cannot hold / or \\")
        self.check_places(name, {key for key, value in values.items() if value is not None}, values)
        try:
            by_name(values.get(key) for key in LABEL_KEYS)
        except ValueError as error:
            self.problem(at(name, str(error)))

    def check_places(self, name: str, given: set[str], values: dict[str, Any]) -> None:
        """Which keys that say where a data set lies go together, and with those that say what its labels mean."""
        masks = [key for key in MASK_KEYS if key in given and "pairs" not in given]
        if "pairs" in given:
            for key in ("imgAPath", "imgBPath", "labelPath", *MASK_KEYS):
                if key in given:
                    self.problem(f"{place(name, key)}: pairs says where images and labels lie; remove one of the two")
        else:
            for key in ("imgAPath", "imgBPath"):
                if key in values and key not in given:
                    self.problem(f"{place(name, key)}: missing; expected {_allowed(key)}")
            if "split" in given:
                self.problem(f"{place(name, 'split')}: chooses rows of a list of pairs, and there are no pairs")
            if "imgAPath" in given and self.same_images(values):
                self.problem(
                    f"{place(name, 'imgAPath', 'imgBPath')}: both are {values['imgAPath']}; if that one file holds "
                    "both images, matLabelA and matLabelB say which is which"
                )
        # One line says what is to be left out; what would be missing beside that depends on the choice.
        if masks and given & {"labelPath", *LABEL_KEYS}:
            others = [key for key in ("labelPath", *LABEL_KEYS) if key in given]
            say = "says" if len(masks) == 1 else "say"
            self.problem(f"{place(name, *others)}: {' and '.join(masks)} {say} what changed; remove one of the two")
            return
        if len(masks) == 1:
            missing = next(key for key in MASK_KEYS if key not in given)
            self.problem(f"{place(name, missing)}: missing; expected {_allowed(missing)}, as {masks[0]} is given")
        if len(masks) == 2 and values[masks[0]] == values[masks[1]]:
            self.problem(f"{place(name, *masks)}: both are {values[masks[0]]}; expected two different masks")
        if ("labelPath" in given and "pairs" not in given) or ("pairs" in given and given & set(LABEL_KEYS)):
            of = "is a labelPath" if "labelPath" in given else "are values of other labels"
            for key in LABEL_KEYS[:2]:
                if key in values and key not in given:
                    self.problem(f"{place(name, key)}: missing; expected a number, as there {of}")

    @staticmethod
    def same_images(values: dict[str, Any]) -> bool:
        """Whether the before and the after images are the same ones."""
        variables = [values.get(key) or values.get("matLabel") for key in ("matLabelA", "matLabelB")]
        return values["imgAPath"] == values.get("imgBPath") and variables[0] == variables[1]

    def check_learning(self, general: dict[str, Any]) -> None:
        """Which keys of trainings go together."""
        network = general.get("network", "")
        turns = general.get("training") and general.get("augment_flips")
        if turns and network in BRANCHES and not BRANCHES[network].sees_neighbours:
            self.problem(
                f"{place(self.settings_section, 'augment_flips')}: has no effect on network = {network}, which sees "
                "single pixels; expected network = patch or imagenet"
            )
        if general.get("ft_release_learning_rate") is not None and not general.get("ft_freeze"):
            self.problem(
                f"{place(self.settings_section, 'ft_release_learning_rate')}: has no effect without frozen layers; "
                "set ft_freeze >= 1, or use ft_learning_rate"
            )

    def check_results(self, general: dict[str, Any], data_sets: dict[str, DataSet]) -> None:
        """No results where images and label maps are looked for: the next run would take them for such."""
        images = [
            (place(name, key), path)
            for name, data_set in data_sets.items()
            for key, path in (
                ("imgAPath", data_set.img_a_path), ("imgBPath", data_set.img_b_path),
                ("labelPath", data_set.label_path), ("changedMask", data_set.changed_mask),
                ("unchangedMask", data_set.unchanged_mask),
            )
            if path is not None
        ]  # fmt: skip
        for problem in misplaced(results_of(self.settings_section, general, data_sets), images):
            self.problem(problem)


def _allowed(name: str) -> str:
    return next(key.allowed for key in data_set_keys() if key.name == name)
