"""net.conf read into checked settings: every key, every refusal."""

import configparser
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import CONFIGURATION, PROJECT, Workspace, make_pair, write_mat
from hscd.scenes.band_choice import BandRange
from hscd.system.errors import InputError
from settings import DataSet, Settings, read_settings
from settings.explaining import ExplainSettings
from settings.families import FAMILIES
from settings.keys import data_set_keys, fields_of, search_keys, settings_keys
from settings.learning import LearningSettings

# One section of each kind, with the table of its keys.
TABLES = {"settings": settings_keys(), "PLACE A": data_set_keys(), "hyperas settings ED": search_keys()}
# Options of methods that have a default, of which there may be any number; those of the contract have none.
OPTIONAL = {
    option.name: option.default
    for family in FAMILIES
    for option in family.registry.all_options()
    if option.default is not ...
}
KEYS = [(section, key.name) for section, keys in TABLES.items() for key in keys if key.name not in OPTIONAL]
KEY = {(section, key.name): key for section, keys in TABLES.items() for key in keys}

# What each key must refuse.
BOOLEAN = ["", "maybe", "2", "None"]
LABEL = ["", "red", "nan", "inf", "-inf", "1e999", "1,", "1 2", "1, nan", "0xff", "0xff00001"]
CHOICES = ["", "32", "[]", "[0]", "[32, -1]", "[1.5]", "[True]", "['32']", "(32, 64)", "{32}", "[32", "[[32]]",
           "[32] * 2", "range(3)", "None", "[" * 500]  # fmt: skip
REFUSED: dict[str, list[str]] = {
    "train_set": ["", "NOWHERE", "place a", "settings", "hyperas settings ED"],
    "test_set": ["", "NOWHERE", "place a", "settings", "hyperas settings ED"],
    "distance": ["", "ed", "SID", "ED, SAM"],
    "preset": ["", "Unsupervised", "none"],
    "normalisation": ["", "None", "mean"],
    "detector": ["", "ed", "SID", "none"],
    "ensemble": ["", "0", "-1", "101", "2.5", "all"],
    "shift_tolerance": ["", "True", "both", "ONE_WAY"],
    "register": BOOLEAN,
    "ensemble_detectors": ["", "cva,", "cva, CVA", "cva, cva", "cva irmad", "None"],
    "threshold": ["", "Otsu", "0.5"],
    "correction": ["", "mode", "None"],
    "kinds": ["", "None", "kmeans"],
    "objects": ["", "None", "box"],
    "objects_overlap": ["", "0", "1.1", "nan"],
    "embedding": ["", "None", "t-SNE", "UMAP", "pca, tsne"],
    "explain_pixels": ["", "19", "100001", "50.5", "all"],
    "ideal_smoothness": ["", "-1", "nan", "inf", "smooth"],
    **dict.fromkeys(("embedding_map", "band_importance", "ideal_spectrum", "adversarial"), BOOLEAN),
    "loss": ["", "hinge"],
    "pretraining": ["", "None", "pca"],
    "margin": ["", "0", "-1", "nan", "inf", "wide"],
    "network": ["", "2d"],
    "start_from": ["", "model/M", "."],
    "sampling": ["", "Balanced", "even"],
    "augment_gain": ["", "1", "-0.1", "nan", "much"],
    "augment_noise": ["", "-0.1", "nan", "inf"],
    "augment_bands": ["", "1", "-0.1", "nan", "1-3"],
    "augment_flips": BOOLEAN,
    "ensemble_bands": ["", "0", "1.1", "nan", "all"],
    "ft_learning_rate": ["", "0", "-1", "nan", "slow"],
    "ft_epochs": ["", "0", "1.5", "all"],
    "ft_freeze": ["", "-1", "1.5", "all"],
    "ft_release_learning_rate": ["", "0", "-1", "nan", "slow"],
    "ft_rounds": ["", "0", "1.5"],
    "ft_co_teaching": ["", "1", "-0.1", "nan", "all"],
    "ft_loss": ["", "hinge"],
    "ft_distance": ["", "ed"],
    "ft_optimizer": ["", "Adam", "rmsprop"],
    "ft_schedule": ["", "Cosine", "linear"],
    "ft_rival": ["", "svm"],
    "engine": ["", "Local", "cluster"],
    "model_name": ["", "a/b", "..\\b", ".", ".."],
    "apply_rescaling": BOOLEAN,
    "training": BOOLEAN,
    "report": BOOLEAN,
    "fine_tuning": ["", "-2", "4", "0.5", "all", "True"],
    "pseudo_percentage": ["", "0", "-0.1", "1.0001", "40%", "nan", "inf"],
    "pseudo_natural_ratio": BOOLEAN,
    "pseudo_limit": ["", "0", "3", "-1", "4.5", "all"],
    "pseudo_radius": ["", "0", "-1", "2.5", "r"],
    "validation": ["", "Random", "10"],
    "seed": ["", "-1", "4294967296", "1.5", "x"],
    "backend": ["", "torch", "TensorFlow", "tensorflow, jax"],
    "workers": ["", "0", "-1", "1.5", "auto"],
    "min_area": ["", "-1", "nan", "inf", "small"],
    "memory_limit": ["", "0", "-1", "1.5", "2 GB", "all"],
    "model_path": [""],
    "stat_path": [""],
    "imgAPath": [""],
    "imgBPath": [""],
    "labelPath": [""],
    "changedMask": [""],
    "unchangedMask": [""],
    "pairs": [""],
    "split": [""],
    "parts": ["", "60, 40", "60, 10, 30, 5", "0, 10, 30", "60, 10, 0", "60, -10, 30", "60 10 30", "nan, 1, 1"],
    "parts_block": ["", "0", "-1", "2.5", "half"],
    "pseudoPath": [""],
    "matLabel": [""],
    "matLabelA": [""],
    "matLabelB": [""],
    "matLabelTruth": [""],
    "changedLabel": LABEL,
    "unchangedLabel": LABEL,
    "unknownLabel": [value for value in LABEL if "nan" not in value],
    "nodata": ["", "none", "inf", "-inf", "1e999", "0, 1", "NaN or 0"],
    "bands": ["", "0", "3-1", "red", "1.5", "file", "water", "1; 2"],
    "bad_bands": ["", "0", "3-1", "red", "1.5", "none"],
    "scale": ["", "0", "-1", "nan", "inf", "file"],
    "batch_size": [*CHOICES, "[32, 1048577]"],
    "neurons": CHOICES,
    "neurons_1": CHOICES,
    "neurons_2": CHOICES,
    **dict.fromkeys(("conv_filters", "conv_filters_1", "conv_kernel", "conv_units"), CHOICES),
    "imagenet_trainable": BOOLEAN,
    "patch_size": [*CHOICES, "2", "(3, 5)", "[3, 4]", "33", "3, 5", "[[3]]", "[[1, 3]]", "[[5, 3]]", "[[3, [5, 7]]]"],
    "patch_filters": CHOICES,
    "patch_bands": [*(value for value in CHOICES if value != "[0]"), "[-1]"],
    "max_dropout": ["", "0", "1", "-0.1", "1.5", "nan", "[0.2]"],
    "fourth_layer": BOOLEAN,
    "batch_normalisation": BOOLEAN,
    "optimizer": ["", "Adam", "adam, adam", "rmsprop"],
    "schedule": ["", "Cosine", "cosine,"],
    "max_evals": ["", "0", "-1", "2.5", "many"],
}
# Those that one fine-tuning alone asks for, and its code.
OF_TUNING = {"pseudo_percentage": 1, "pseudo_radius": 2}
# Those of how models learn, by the names of the fields that they fill.
LEARNING = vars(LearningSettings())
# Those of what a test explains, by the names of the fields that they fill.
EXPLAIN = vars(ExplainSettings())
# The values of the keys that may be left out; paths are relative to the file.
DEFAULTS = {
    "shift_tolerance": "none",
    "pseudoPath": None,
    "register": False,
    "pseudo_natural_ratio": False,
    "report": True,
    "pseudo_limit": None,
    "preset": None,
    "normalisation": "none",
    "detector": None,
    "ensemble": 1,
    "ensemble_bands": 1.0,
    **LEARNING,
    "batch_normalisation": False,
    "optimizer": None,
    "schedule": None,
    "ensemble_detectors": None,
    "threshold": "otsu",
    "correction": "majority",
    "kinds": "none",
    "objects": "none",
    "objects_overlap": 0.5,
    **EXPLAIN,
    "loss": "contrastive",
    "pretraining": "none",
    "margin": None,
    "network": "dense",
    "engine": "local",
    "validation": "random",
    "seed": 0,
    "backend": "tensorflow",
    "workers": None,
    "memory_limit": None,
    "min_area": 0,
    "model_path": "model",
    "stat_path": "stat",
    "imgAPath": None,
    "imgBPath": None,
    "labelPath": None,
    "changedMask": None,
    "unchangedMask": None,
    "pairs": None,
    "split": None,
    "parts": None,
    "parts_block": None,
    "matLabel": None,
    "matLabelA": None,
    "matLabelB": None,
    "matLabelTruth": None,
    "changedLabel": None,
    "unchangedLabel": None,
    "unknownLabel": None,
    "nodata": None,
    "bands": None,
    "bad_bands": None,
    "scale": None,
    "max_evals": 30,
    "conv_filters": [16],
    "conv_filters_1": [8],
    "conv_kernel": [5],
    "conv_units": [64, 96],
    "imagenet_trainable": False,
    "patch_size": [5],
    "patch_filters": [32],
    "patch_bands": [0],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sound configuration file; the tests overwrite it with broken ones."""
    path = tmp_path / "net.conf"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return path


def edit(text: str, section: str, key: str, value: str | None) -> str:
    """The configuration with one key set to a value, or left out."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    if value is None:
        parser.remove_option(section, key)
    else:
        parser.set(section, key, value)
    edited = io.StringIO()
    parser.write(edited)
    return edited.getvalue()


def problems(file: Path, *overrides: str) -> list[str]:
    """The lines of the error that reading the file must raise; each names the file."""
    with pytest.raises(InputError) as caught:
        read_settings(file, overrides)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{file}: ") for line in lines), lines
    return lines


def value_of(read: Settings, section: str, key: str) -> Any:
    """A value of the settings by the name it has in the file."""
    record: Any = read if section == "settings" else read.data_sets.get(section)
    if section.startswith("hyperas"):
        record = read.searches[section.removeprefix("hyperas settings ")]
    if key in LEARNING:
        record = read.learning
    if key in EXPLAIN:
        record = read.explain
    fields = {option.name: field for field, option in fields_of(type(record)).items()}
    return getattr(record, fields[key]) if key in fields else record.options[key]


# --- what is read ----------------------------------------------------------------------------------------------------


EVERY_KEY = """
[settings]
train_set = PLACE A
test_set = Place b
distance = SAM
normalisation = histogram
sampling = balanced
augment_noise = 0.1
ft_learning_rate = 1e-4
ft_freeze = 1
ft_release_learning_rate = 1e-5
ft_rounds = 3
ft_co_teaching = 0.2
ft_loss = triplet
ft_schedule = cosine
start_from = M_pretrained
ft_rival = naive_bayes
embedding = tsne
explain_pixels = 500
adversarial = True
detector = ED
model_name = best model.1
apply_rescaling = False
training = True
fine_tuning = 2
pseudo_percentage = 0.4
pseudo_radius = 5
pseudo_percentage_unchanged = 0.8
pseudo_natural_ratio = True
pseudo_limit = 20000
seed = 7
backend = jax
workers = 3
memory_limit = 512
min_area = 2.5
model_path = saved/models
stat_path = reports

[PLACE A]
imgAPath = data/before
imgBPath = data/after
labelPath = data/label
pseudoPath = data/pseudo
matLabel = HypeRvieW
matLabelA = T1
matLabelB = T2
matLabelTruth = Binary
changedLabel = 1, 0xFF0000
unchangedLabel = 2.5
unknownLabel = -1
nodata = -32768
bands = 1-3, 400-500 nm
bad_bands = file, 2
scale = 1e-4
parts = 60, 0, 40.5
parts_block = 16

[Place b]
pairs = lists/b.csv
split = train
pseudoPath = b4
changedLabel = 2
unchangedLabel = 1

[Place c]
imgAPath = c1
imgBPath = c2
changedMask = c3
unchangedMask = c4
pseudoPath = c5

[hyperas settings ED]
batch_size = [32, 64]
neurons = [224]
neurons_1 = [160, 96]
neurons_2 = [1]
max_dropout = 0.5
fourth_layer = True
max_evals = 3

[hyperas settings SAM]
batch_size = [16]
neurons = [8]
neurons_1 = [4]
neurons_2 = [2]
max_dropout = 0.25
fourth_layer = False
max_evals = 1
"""


def every_data_set(folder: Path) -> dict[str, DataSet]:
    """Those of `EVERY_KEY`, whose file lies in a folder."""
    return {
        "PLACE A": DataSet(
            name="PLACE A",
            img_a_path=folder / "data/before",
            img_b_path=folder / "data/after",
            label_path=folder / "data/label",
            pseudo_path=folder / "data/pseudo",
            mat_label="HypeRvieW",
            mat_label_a="T1",
            mat_label_b="T2",
            mat_label_truth="Binary",
            changed_label=(1, 0xFF0000),
            unchanged_label=(2.5,),
            unknown_label=(-1,),
            nodata=-32768,
            bands=(BandRange(1, 3, False), BandRange(400, 500, True)),
            bad_bands=("file", BandRange(2, 2, False)),
            scale=1e-4,
            parts=(60, 0, 40.5),
            parts_block=16,
        ),
        "Place b": DataSet(
            name="Place b",
            img_a_path=None,
            img_b_path=None,
            label_path=None,
            pseudo_path=folder / "b4",
            mat_label=None,
            changed_label=(2,),
            unchanged_label=(1,),
            unknown_label=None,
            pairs=folder / "lists/b.csv",
            split="train",
        ),
        "Place c": DataSet(
            name="Place c",
            img_a_path=folder / "c1",
            img_b_path=folder / "c2",
            label_path=None,
            pseudo_path=folder / "c5",
            mat_label=None,
            changed_label=None,
            unchanged_label=None,
            unknown_label=None,
            changed_mask=folder / "c3",
            unchanged_mask=folder / "c4",
        ),
    }


def test_layers_are_released_only_where_some_are_frozen(tmp_path: Path) -> None:
    file = tmp_path / "net.conf"
    file.write_text(edit(CONFIGURATION, "settings", "ft_release_learning_rate", "1e-4"), encoding="utf-8")
    (line,) = problems(file)
    assert "ft_release_learning_rate: has no effect without frozen layers" in line
    assert read_settings(file, ["settings.ft_freeze=1"]).learning.ft_freeze == 1


def test_every_key_is_read_and_typed(tmp_path: Path) -> None:
    file = tmp_path / "net.conf"
    file.write_text(EVERY_KEY, encoding="utf-8")
    read = read_settings(file)
    assert read == Settings(
        file=file,
        train_set="PLACE A",
        test_set="Place b",
        distance="SAM",
        model_name="best model.1",
        apply_rescaling=False,
        training=True,
        fine_tuning=2,
        pseudo_natural_ratio=True,
        pseudo_limit=20_000,
        normalisation="histogram",
        explain=ExplainSettings(embedding="tsne", explain_pixels=500, adversarial=True),
        detector="ED",
        seed=7,
        backend="jax",
        workers=3,
        memory_limit=512,
        min_area=2.5,
        model_path=tmp_path / "saved/models",
        stat_path=tmp_path / "reports",
        learning=LearningSettings(
            sampling="balanced",
            augment_noise=0.1,
            ft_learning_rate=1e-4,
            ft_freeze=1,
            ft_release_learning_rate=1e-5,
            ft_rounds=3,
            ft_co_teaching=0.2,
            ft_loss="triplet",
            ft_schedule="cosine",
            start_from="M_pretrained",
            ft_rival="naive_bayes",
        ),
        options=OPTIONAL | {"pseudo_percentage": 0.4, "pseudo_radius": 5, "pseudo_percentage_unchanged": 0.8},
        data_sets=every_data_set(tmp_path),
        searches=read.searches,
    )
    names = ("batch_size", "neurons", "neurons_1", "neurons_2", "max_dropout", "fourth_layer", "batch_normalisation")
    # Some options of networks are those of a detector, too.
    given = OPTIONAL | DEFAULTS
    others = {name: value for name, value in given.items() if name.startswith(("conv_", "patch_", "imagenet_"))}
    assert {distance: (search.choices, search.max_evals) for distance, search in read.searches.items()} == {
        "ED": (dict(zip(names, ([32, 64], [224], [160, 96], [1], 0.5, True, False), strict=True)) | others, 3),
        "SAM": (dict(zip(names, ([16], [8], [4], [2], 0.25, False, False), strict=True)) | others, 1),
    }
    # 1 == 1.0 == True: equality says nothing about types.
    for name in ("apply_rescaling", "training"):
        assert type(getattr(read, name)) is bool
    for name in ("fine_tuning", "seed"):
        assert type(getattr(read, name)) is int
    assert [type(read.options[name]) for name in ("pseudo_percentage", "pseudo_radius")] == [float, int]
    search = read.searches["ED"]
    assert [type(search.choices[name]) for name in ("max_dropout", "fourth_layer")] == [float, bool]
    assert type(search.max_evals) is int


@pytest.mark.parametrize(("text", "value"), [("True", True), ("true", True), ("FALSE", False), ("False", False)])
def test_booleans_in_any_case(file: Path, text: str, value: bool) -> None:
    assert read_settings(file, [f"settings.training={text}"]).training is value


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_a_key_left_out_is_an_error_or_takes_its_default(file: Path, section: str, key: str) -> None:
    file.write_text(edit(CONFIGURATION, section, key, None), encoding="utf-8")
    if key in ("changedLabel", "unchangedLabel"):
        assert problems(file) == [f"{file}: [{section}] {key}: missing; expected a number, as there is a labelPath"]
        file.write_text(edit(edit(CONFIGURATION, section, key, None), section, "labelPath", None), encoding="utf-8")
    if key in ("imgAPath", "imgBPath"):
        assert problems(file) == [f"{file}: [{section}] {key}: missing; expected {KEY[section, key].allowed}"]
        listed = CONFIGURATION
        for other in ("imgAPath", "imgBPath", "labelPath"):
            listed = edit(listed, section, other, None)
        file.write_text(edit(listed, section, "pairs", "a.csv"), encoding="utf-8")
    if key in OF_TUNING:
        used = OF_TUNING[key]
        assert all(
            key not in read_settings(file, [f"settings.fine_tuning={code}"]).options for code in {-1, 0, 3 - used}
        )
        file.write_text(edit(file.read_text(encoding="utf-8"), section, "fine_tuning", str(used)), encoding="utf-8")
    if key in DEFAULTS:
        default = file.parent / DEFAULTS[key] if key.endswith("_path") else DEFAULTS[key]
        assert value_of(read_settings(file), section, key) == default
    else:
        assert problems(file) == [f"{file}: [{section}] {key}: missing; expected {KEY[section, key].allowed}"]


def test_a_list_of_pairs_needs_the_values_of_both_classes_or_of_none(file: Path) -> None:
    listed = CONFIGURATION
    for key in ("imgAPath", "imgBPath", "labelPath", "unchangedLabel", "unknownLabel"):
        listed = edit(listed, "PLACE A", key, None)
    file.write_text(edit(listed, "PLACE A", "pairs", "a.csv"), encoding="utf-8")
    said = "[PLACE A] unchangedLabel: missing; expected a number, as there are values of other labels"
    assert problems(file) == [f"{file}: {said}"]


def test_several_label_values_colours_and_nan(file: Path) -> None:
    # 0x0100ff = 1 · 65536 + 0 · 256 + 255
    found = read_settings(file, ["PLACE A.changedLabel= 3,4.5 ,0x0100ff", "PLACE A.unknownLabel=0, NaN"])["PLACE A"]
    assert found.changed_label == (3, 4.5, 65791)
    assert repr(found.unknown_label) == "(0.0, nan)"


def test_a_variable_of_its_own_goes_before_the_common_one(file: Path) -> None:
    assert read_settings(file)["PLACE A"].variables == ("cube", "cube", "cube")
    overrides = ["PLACE A.matLabelB=T2", "PLACE B.matLabelTruth=Binary"]
    read = read_settings(file, overrides)
    assert read["PLACE A"].variables == ("cube", "T2", "cube")
    assert read["PLACE B"].variables == (None, None, "Binary")


NO_LABELS = {"labelPath": None, "changedLabel": None, "unchangedLabel": None, "unknownLabel": None}
LISTED = {"imgAPath": None, "imgBPath": None, "labelPath": None, "pairs": "a.csv"}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"pairs": "a.csv"}, ["imgAPath: pairs says", "imgBPath: pairs says", "labelPath: pairs says"]),
        (LISTED | {"changedMask": "m", "unchangedMask": "n", **dict.fromkeys(list(NO_LABELS)[1:])},
         ["changedMask: pairs says", "unchangedMask: pairs says"]),
        ({"split": "train"}, ["split: chooses rows of a list of pairs"]),
        ({"imgAPath": None, "imgBPath": None}, ["imgAPath: missing", "imgBPath: missing"]),
        ({"imgBPath": "data/a/before"}, ["imgAPath, imgBPath: both are data/a/before"]),
        ({"imgBPath": "data/a/before", "matLabelA": "T1", "matLabelB": "T1"}, ["imgAPath, imgBPath: both are"]),
        (NO_LABELS | {"changedMask": "m"}, ["unchangedMask: missing; expected a folder, or one mask, as chang"]),
        (NO_LABELS | {"unchangedMask": "m"}, ["changedMask: missing; expected a folder, or one mask, as unchan"]),
        ({"changedMask": "m", "unchangedMask": "n"},
         ["labelPath, changedLabel, unchangedLabel, unknownLabel: changedMask and unchangedMask say what changed"]),
        # What is to be left out is said once, and not what would then be missing.
        ({"changedMask": "m"}, ["labelPath, changedLabel, unchangedLabel, unknownLabel: changedMask says what"]),
        (NO_LABELS | {"changedMask": "m", "unchangedMask": "n", "labelPath": "l"},
         ["labelPath: changedMask and unchangedMask say what changed; remove one of the two"]),
        (NO_LABELS | {"unchangedMask": "n", "labelPath": "l"}, ["labelPath: unchangedMask says what changed"]),
        (LISTED | NO_LABELS | {"changedMask": "m"}, ["changedMask: pairs says"]),
        (LISTED | NO_LABELS | {"labelPath": "l"}, ["labelPath: pairs says"]),
        (NO_LABELS | {"changedMask": "m/n.bmp", "unchangedMask": "m/./n.bmp"},
         ["changedMask, unchangedMask: both are m/n.bmp; expected two different masks"]),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together(file: Path, edits: dict[str, str | None], expected: list[str]) -> None:
    text = CONFIGURATION
    for key, value in edits.items():
        text = edit(text, "PLACE A", key, value)
    file.write_text(text, encoding="utf-8")
    lines = problems(file)
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith(f"{file}: [PLACE A] {part}")


@pytest.mark.parametrize(
    "edits",
    [LISTED, LISTED | {"split": "b"}, NO_LABELS, NO_LABELS | {"changedMask": "m", "unchangedMask": "n"},
     {"imgBPath": "data/a/before", "matLabelB": "T2"}],
)  # fmt: skip
def test_keys_that_go_together(file: Path, edits: dict[str, str | None]) -> None:
    text = CONFIGURATION
    for key, value in edits.items():
        text = edit(text, "PLACE A", key, value)
    file.write_text(text, encoding="utf-8")
    assert read_settings(file)["PLACE A"].name == "PLACE A"


@pytest.mark.parametrize("text", ["0", "1e-4", "-9999", "-3.4028235e38", "65535", "nan", "NaN"])
def test_nodata_is_a_number_or_nan(file: Path, text: str) -> None:
    nodata = read_settings(file, [f"PLACE A.nodata={text}"])["PLACE A"].nodata
    assert type(nodata) is float
    assert repr(nodata) == repr(float(text))


def test_the_settings_section_under_its_other_name(file: Path) -> None:
    expected = read_settings(file)
    file.write_text(CONFIGURATION.replace("[settings]", "[setting]"), encoding="utf-8")
    assert read_settings(file) == expected
    # An override may use either name, and a problem is told under the name in the file.
    assert read_settings(file, ["settings.seed=1"]).seed == read_settings(file, ["setting.seed=1"]).seed == 1
    (line,) = problems(file, "settings.distance=SID")
    assert "[setting] distance" in line


def test_both_names_of_the_settings_section_are_an_error(file: Path) -> None:
    text = CONFIGURATION + CONFIGURATION.partition("[PLACE A]")[0].replace("[settings]", "[setting]")
    file.write_text(text, encoding="utf-8")
    (line,) = problems(file)
    assert "[setting]" in line
    assert "[settings]" in line


def test_paths_are_relative_to_the_file_and_not_to_the_current_folder(
    file: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    file.write_text(edit(CONFIGURATION, "PLACE A", "imgBPath", str(elsewhere)), encoding="utf-8")
    monkeypatch.chdir(file.parent)
    read = read_settings("net.conf")
    monkeypatch.chdir(elsewhere)
    assert read["PLACE A"].img_a_path == file.parent / "data/a/before"
    assert read["PLACE A"].img_b_path == elsewhere
    assert read.model_path == file.parent / "model"
    assert read_settings(file) == read_settings(str(file))


def test_comments_at_the_end_of_a_line(file: Path) -> None:
    text = CONFIGURATION.replace("train_set = PLACE A", "train_set = PLACE A   # the first; place")
    text = text.replace("neurons = [8]", "neurons = [8, 9]  ; units")
    text = text.replace("imgAPath = data/a/before", "imgAPath = data/a#1/be;fore")  # no blank before: no comment
    file.write_text("# a file\n; of settings\n" + text, encoding="utf-8")
    read = read_settings(file)
    assert read.train_set == "PLACE A"
    assert read.searches["ED"].choices["neurons"] == [8, 9]
    assert read["PLACE A"].img_a_path == file.parent / "data/a#1/be;fore"


def test_a_percent_sign_is_itself(file: Path) -> None:
    assert read_settings(file, ["settings.model_name=100%(x)s"]).model_name == "100%(x)s"


def test_utf8_with_a_byte_order_mark_and_windows_line_ends(file: Path) -> None:
    expected = read_settings(file, ["settings.model_name=città"])
    text = edit(CONFIGURATION, "settings", "model_name", "città")
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_settings(file) == expected


def test_an_unknown_data_set_is_an_error_that_lists_the_known_ones(file: Path) -> None:
    with pytest.raises(InputError, match=r"net\.conf: no section \[NOWHERE\].*PLACE A, PLACE B"):
        read_settings(file)["NOWHERE"]


# --- what is refused -------------------------------------------------------------------------------------------------


def test_the_lists_of_this_file_name_every_key() -> None:
    assert set(REFUSED) == {name for _, name in KEYS}
    assert set(DEFAULTS) == {name for place, name in KEYS if KEY[place, name].default is not ...}


@pytest.mark.parametrize(
    ("section", "key", "value"), [(*place, value) for place in KEYS for value in REFUSED[place[1]]]
)
def test_a_value_out_of_range_is_an_error(file: Path, section: str, key: str, value: str) -> None:
    file.write_text(edit(CONFIGURATION, section, key, value), encoding="utf-8")
    (line,) = problems(file)
    assert line.startswith(f"{file}: [{section}] {key}: found {value!r}; expected ")
    if key in ("train_set", "test_set") and value:
        near = "; did you mean PLACE A?" if value == "place a" else ""
        assert line.endswith(f"a data set's section: PLACE A, PLACE B{near}")
    else:
        told, _, meant = line.partition("; did you mean ")
        assert told.endswith(f"expected {KEY[section, key].allowed}")
        assert not meant or meant.removesuffix("?") in KEY[section, key].parse.names


def test_a_path_holds_no_nul(file: Path) -> None:
    file.write_text(CONFIGURATION.replace("data/a/pseudo", "da\0ta"), encoding="utf-8")
    (line,) = problems(file)
    assert "[PLACE A] pseudoPath: found 'da\\x00ta'; expected a folder" in line


def test_an_indented_line_does_not_become_a_part_of_the_path_before_it(file: Path) -> None:
    file.write_text(CONFIGURATION.replace("matLabel = cube", "  nodata = 700"), encoding="utf-8")
    (line,) = problems(file)
    assert "[PLACE A] pseudoPath: found 'data/a/pseudo\\nnodata = 700'" in line
    assert line.endswith("; an indented line goes on with the one before it")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("settings", "pseudo_percentage", "1"),
        ("settings", "pseudo_radius", "1"),
        ("settings", "fine_tuning", "-1"),
        ("settings", "seed", "4294967295"),
        ("hyperas settings ED", "max_dropout", "0.999"),
        ("hyperas settings ED", "max_evals", "1"),
        ("hyperas settings ED", "neurons", "[1]"),
        ("hyperas settings ED", "batch_size", "[1048576]"),
    ],
)
def test_the_ends_of_a_range_that_belong_to_it_are_read(file: Path, section: str, key: str, value: str) -> None:
    read = value_of(read_settings(file, [f"{section}.{key}={value}"]), section, key)
    assert str(read) == value or float(value) == read


@pytest.mark.parametrize(
    ("section", "wrong", "nearest"),
    [
        ("settings", "modelname", "model_name"),
        ("settings", "pseudo_precentage", "pseudo_percentage"),
        ("PLACE A", "imgApaths", "imgAPath"),
        ("hyperas settings SAM", "neuron_1", "neurons_1"),
        ("settings", "imgAPath", None),  # a key of another kind of section; nothing here is near it
    ],
)
def test_an_unknown_key_is_an_error_with_the_nearest_known_name(
    file: Path, section: str, wrong: str, nearest: str | None
) -> None:
    file.write_text(edit(CONFIGURATION, section, wrong, "1"), encoding="utf-8")
    (line,) = problems(file)
    assert line.startswith(f"{file}: [{section}] {wrong.lower()}: unknown key")
    assert (f"did you mean {nearest}?" in line) if nearest else ("did you mean" not in line)
    assert line.endswith("; it is a key of a data set") == (nearest is None)


def without(section: str) -> str:
    """The configuration without a section."""
    parser = configparser.ConfigParser()
    parser.read_string(CONFIGURATION)
    parser.remove_section(section)
    out = io.StringIO()
    parser.write(out)
    return out.getvalue()


@pytest.mark.parametrize("section", ["settings", "hyperas settings ED"])
def test_a_missing_section_is_an_error(file: Path, section: str) -> None:
    file.write_text(without(section), encoding="utf-8")
    (line,) = problems(file)
    assert f"section [{section}] is missing" in line


def test_a_search_is_asked_for_only_where_it_is_run(file: Path) -> None:
    file.write_text(without("hyperas settings SAM"), encoding="utf-8")
    assert list(read_settings(file).searches) == ["ED"]
    (line,) = problems(file, "settings.distance=SAM")
    said = "section [hyperas settings SAM] is missing, which distance = SAM needs; copy that of ED"
    assert line == f"{file}: {said}"
    # Once, also where a key of it is given.
    assert problems(file, "settings.distance=SAM", "hyperas settings SAM.max_evals=3") == [line]
    read = read_settings(file, ["settings.distance=SAM", "settings.training=False"])
    # The one who trains all the same is told the same.
    with pytest.raises(InputError, match=r"net\.conf: section \[hyperas settings SAM\] is missing"):
        read.search("SAM")
    assert read.search("ED") == read.searches["ED"]


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("detector=Sam", "SAM"),
        ("detector=irmd", "irmad"),
        ("ensemble_detectors=ED, IRMAD", "irmad"),
        ("correction=major", "majority"),
        ("threshold=foo", None),  # floor has three of its letters, and means another thing
        ("ensemble_detectors=ED, ED", None),
    ],
)
def test_a_misspelt_method_comes_with_the_nearest_one(file: Path, value: str, near: str | None) -> None:
    (line,) = problems(file, f"settings.{value}")
    assert line.partition("; did you mean ")[2] == (f"{near}?" if near else "")


def test_a_search_that_is_there_is_checked_whatever_runs(file: Path) -> None:
    override = "hyperas settings SAM.max_dropout=2"
    for others in ([], ["settings.training=False"]):
        (line,) = problems(file, override, *others)
        assert "[hyperas settings SAM] max_dropout: found '2'" in line


def test_section_names_are_case_sensitive(file: Path) -> None:
    file.write_text(CONFIGURATION.replace("[settings]", "[Settings]"), encoding="utf-8")
    lines = problems(file)
    assert f"{file}: section [settings] is missing; did you mean Settings?" in lines


def test_no_data_set_at_all(file: Path) -> None:
    start, _, rest = CONFIGURATION.partition("[PLACE A]")
    file.write_text(start + "[hyperas" + rest.partition("[hyperas")[2], encoding="utf-8")
    assert len(problems(file)) == 2  # train_set and test_set
    assert all("none is there" in line for line in problems(file))


@pytest.mark.parametrize(
    "overrides",
    [
        ["PLACE A.changedLabel=2"],  # unchangedLabel is 2
        ["PLACE A.unknownLabel=2.0"],
        ["PLACE A.unknownLabel=1"],
        ["PLACE B.changedLabel=1", "PLACE B.unknownLabel=0"],
        ["PLACE A.changedLabel=1, 3, 2"],
        ["PLACE A.unknownLabel=nan, 0x000001"],
        ["PLACE A.unchangedLabel=2, 2"],
    ],
)
def test_equal_label_values_are_an_error(file: Path, overrides: list[str]) -> None:
    (line,) = problems(file, *overrides)
    assert overrides[0].partition(".")[0] in line
    assert all(key in line for key in ("changedLabel=", "unchangedLabel=", "expected different values"))


def test_a_data_set_name_that_cannot_be_part_of_a_file_name(file: Path) -> None:
    file.write_text(CONFIGURATION.replace("PLACE B", "PLACE/B"), encoding="utf-8")
    (line,) = problems(file)
    assert "[PLACE/B]" in line


def test_all_problems_are_told_at_once_a_line_each(file: Path) -> None:
    text = CONFIGURATION
    for section, key, value in (
        ("settings", "distance", "SID"),
        ("settings", "pseudo_radius", "0"),
        ("settings", "test_set", "PLACE C"),
        ("settings", "modle_name", "M"),
        ("PLACE A", "imgAPath", None),
        ("PLACE B", "changedLabel", "1"),
        ("hyperas settings SAM", "max_dropout", "1"),
    ):
        text = edit(text, section, key, value)
    file.write_text(text, encoding="utf-8")
    lines = problems(file, "settings.sed=1", "nonsense")
    # The seven of the file in the order of its kinds of sections, and before them the two of the overrides.
    expected = [
        ["--set settings.sed=1", "[settings] has no key sed", "did you mean seed?"],
        ["--set nonsense", "SECTION.KEY=VALUE"],
        ["[settings] modle_name", "unknown key", "did you mean model_name?"],
        ["[settings] distance", "'SID'", "ED or SAM"],
        ["[settings] pseudo_radius", "'0'", ">= 1"],
        ["[settings] test_set", "'PLACE C'", "PLACE A, PLACE B"],
        ["[PLACE A] imgAPath", "missing", "folder"],
        ["[PLACE B]", "changedLabel=1, unchangedLabel=1", "different"],
        ["[hyperas settings SAM] max_dropout", "'1'", "]0, 1["],
    ]
    assert len(lines) == len(expected)
    for parts in expected:
        assert sum(all(part in line for part in parts) for line in lines) == 1, (parts, lines)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        # The first line is empty, [settings] the second one, distance the fifth, training the eighth.
        (CONFIGURATION.replace("distance = ED", "distance = ED\ndistance = SAM").encode(),
         ["line 6: found 'distance = SAM', a key that [settings] already has; remove one of the two"]),
        ((CONFIGURATION + "\n[PLACE A]\n").encode(),
         [f"line {len(CONFIGURATION.splitlines()) + 2}: found '[PLACE A]', a section that already appears above"]),
        (b"\n# places\ntrain_set = PLACE A\n",
         ["line 3: found 'train_set = PLACE A'; expected a section first, [settings] for example"]),
        (CONFIGURATION.replace("training = True", "training").encode(),
         ["line 8: found 'training'; expected KEY = VALUE, [SECTION], or # before a comment"]),
        (CONFIGURATION.replace("PLACE A", "CITT\xc0").encode("latin-1"), ["UTF-8"]),
        (CONFIGURATION.encode("utf-16"), ["UTF-8"]),
    ],
    ids=["duplicate key", "duplicate section", "no section header", "a key without =", "Latin-1", "UTF-16"],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_one_line(file: Path, content: bytes, said: list[str]) -> None:
    file.write_bytes(content)
    (line,) = problems(file)
    assert all(word in line for word in said)
    assert "Error" not in line


def test_every_broken_line_is_told_by_its_number(file: Path) -> None:
    file.write_text("[settings]\r\ntraining\r\nseed = 1\r\n= 3\r\n" + "x\n" * 20, encoding="utf-8")
    lines = problems(file)
    assert lines[0] == f"{file}: line 2: found 'training'; expected KEY = VALUE, [SECTION], or # before a comment"
    assert [line.split(": found")[0] for line in lines[1:]] == [f"{file}: line {n}" for n in (4, *range(5, 13))]


def test_an_empty_file_lacks_its_sections(file: Path) -> None:
    file.write_bytes(b"")
    (line,) = problems(file)
    assert "section [settings] is missing" in line


@pytest.mark.parametrize("name", ["nowhere.conf", "folder"])
def test_a_missing_file_or_a_folder_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (line,) = problems(tmp_path / name)
    assert "cannot be read" in line


# --- overrides -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("settings.distance=SAM", ("settings", "distance"), "SAM"),
        (" settings.distance = SAM ", ("settings", "distance"), "SAM"),
        ("settings.DISTANCE=SAM", ("settings", "distance"), "SAM"),  # keys are not case-sensitive, as in the file
        ("PLACE B.changedLabel=7", ("PLACE B", "changedLabel"), (7,)),
        ("hyperas settings ED.neurons=[1, 2]", ("hyperas settings ED", "neurons"), [1, 2]),
        ("settings.model_name=a=b.c", ("settings", "model_name"), "a=b.c"),
        # Optional keys that the file does not hold.
        ("settings.seed=5", ("settings", "seed"), 5),
        ("PLACE B.unknownLabel=0", ("PLACE B", "unknownLabel"), (0,)),
        ("PLACE B.matLabel=x", ("PLACE B", "matLabel"), "x"),
    ],
)
def test_an_override_takes_the_place_of_the_file(
    file: Path, override: str, place: tuple[str, str], value: object
) -> None:
    assert value_of(read_settings(file), *place) != value
    assert value_of(read_settings(file, [override]), *place) == value


def test_the_last_override_of_a_key_counts(file: Path) -> None:
    assert read_settings(file, ["settings.seed=5", "settings.seed=6"]).seed == 6


def test_an_override_can_give_a_missing_key(file: Path) -> None:
    file.write_text(edit(CONFIGURATION, "settings", "distance", None), encoding="utf-8")
    assert read_settings(file, ["settings.distance=SAM"]).distance == "SAM"


def test_an_override_in_a_section_with_a_dot_in_its_name(file: Path) -> None:
    file.write_text(CONFIGURATION.replace("PLACE B", "PLACE 2.1"), encoding="utf-8")
    assert read_settings(file, ["PLACE 2.1.changedLabel=9"])["PLACE 2.1"].changed_label == (9,)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("PLACEA.changedLabel=1", ["no section [PLACEA]", "did you mean PLACE A?"]),
        ("place a.changedLabel=1", ["no section [place a]", "did you mean PLACE A?"]),
        ("zzz.changedLabel=1", ["no section [zzz]"]),
        ("settings.distanze=SAM", ["[settings] has no key distanze", "did you mean distance?"]),
        ("PLACE A.distance=SAM", ["[PLACE A] has no key distance"]),
        ("hyperas settings ED.max_eval=1", ["[hyperas settings ED] has no key max_eval", "did you mean max_evals?"]),
        ("settings.distance", ["the value is missing; expected settings.distance=VALUE"]),
        ("settings.training", ["the value is missing; expected settings.training=VALUE"]),
        ("settings.pseudo_source=ED", ["has no key pseudo_source; run records call it that, the key is detector"]),
        ("distance=SAM", ["SECTION.KEY=VALUE; did you mean settings.distance?"]),
        ("detectr=cva", ["SECTION.KEY=VALUE; did you mean settings.detector?"]),
        ("=", ["SECTION.KEY=VALUE"]),
        ("", ["SECTION.KEY=VALUE"]),
        (".=", ["no section []"]),
    ],
)
def test_an_override_of_nothing_known_is_an_error(file: Path, override: str, said: list[str]) -> None:
    (line,) = problems(file, override)
    assert "--set" in line
    assert override in line
    assert all(part in line for part in said), line


def test_an_override_with_a_line_break_is_told_in_one_line(file: Path) -> None:
    (line,) = problems(file, "one\ntwo")
    assert "SECTION.KEY=VALUE" in line


def test_a_bad_value_in_an_override_is_an_error(file: Path) -> None:
    (line,) = problems(file, "settings.fine_tuning=4")
    assert line.startswith(f"{file}: --set settings.fine_tuning=4: [settings] fine_tuning: found '4'; expected ")
    # Of several the last one counts, whatever the case of the key; what the file says is told by its place there.
    twice = "settings.fine_tuning=0", "setting.Fine_Tuning=5", "PLACE A.changedLabel=x"
    first, second = problems(file, *twice)
    assert first.startswith(f"{file}: --set setting.Fine_Tuning=5: [settings] fine_tuning: found '5'; expected ")
    assert second.startswith(f"{file}: --set PLACE A.changedLabel=x: [PLACE A] changedLabel: found 'x'; expected ")
    (line,) = problems(file, "settings.test_set=PLACEA")
    assert "--set settings.test_set=PLACEA: [settings] test_set: found 'PLACEA'; expected the name of a data" in line
    assert line.endswith("; did you mean PLACE A?")


def test_the_command_says_every_problem_and_reads_no_data(workspace: Workspace) -> None:
    done = workspace.run("predutils", "settings.distance=SID", "PLACE B.changedLabel=1", "settings.x=1")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: ") and "net.conf" in line for line in lines)


# --- properties ------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
LINES = st.one_of(
    st.sampled_from(CONFIGURATION.splitlines()),
    st.sampled_from(["[settings]", "[setting]", "[DEFAULT]", "[", "[]", "[ ]", "]", "=", "key", "  more", "seed = 1"]),
    st.builds("{} = {}".format, st.sampled_from([name for _, name in KEYS]), TEXT),
    TEXT,
)


def reads_or_refuses(file: Path, *overrides: str) -> None:
    """Reading gives settings or an `InputError` every line of which names the file."""
    try:
        outcome: object = read_settings(file, overrides)
    except InputError as error:
        outcome = error
    if isinstance(outcome, InputError):
        assert all(line.startswith(f"{file}: ") for line in str(outcome).split("\n"))
    else:
        assert isinstance(outcome, Settings)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "net.conf"


@given(content=st.one_of(st.lists(LINES, max_size=40).map(lambda lines: "\n".join(lines).encode()), st.binary()))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_file_is_read_or_refused(scratch: Path, content: bytes) -> None:
    scratch.write_bytes(content)
    reads_or_refuses(scratch)


@given(place=st.sampled_from(KEYS), value=TEXT, override=TEXT.filter(str.isprintable))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_value_and_any_override_is_read_or_refused(
    scratch: Path, place: tuple[str, str], value: str, override: str
) -> None:
    scratch.write_text(CONFIGURATION, encoding="utf-8")
    reads_or_refuses(scratch, f"{place[0]}.{place[1]}={value}")
    reads_or_refuses(scratch, override)


# --- the file of the repository --------------------------------------------------------------------------------------


def test_the_shipped_file_has_the_data_sets_of_the_guide_and_the_demo() -> None:
    net = PROJECT / "Net"
    read = read_settings()
    assert read.file == net / "net.conf"
    # Spec, section 3: Bay Area and Santa Barbara are .mat files, Onera folders of .tif bands. The demo has the
    # layout of the first two (spec, section 10: changed, unchanged and unknown pixels).
    labels = {
        name: (section.mat_label, section.changed_label, section.unchanged_label, section.unknown_label)
        for name, section in read.data_sets.items()
    }
    assert (
        labels.items()
        >= {
            "BAY AREA": ("HypeRvieW", (1,), (2,), (0,)),
            "SANTA BARBARA": ("HypeRvieW", (1,), (2,), (0,)),
            "ONERA TRAIN": (None, (2,), (1,), None),
            "ONERA TEST": (None, (2,), (1,), None),
        }.items()
    )
    for name in ("DEMO A", "DEMO B"):
        assert None not in labels[name]
    assert {read.train_set, read.test_set} == {"DEMO A", "DEMO B"}
    assert read.training
    assert read.model_path == net / "model"
    assert read.stat_path == net / "stat"


def test_no_two_data_sets_of_the_shipped_file_share_a_folder() -> None:
    sections = [section for section in read_settings().data_sets.values() if section.pairs is None]
    roots = [section.pseudo_path.parent for section in sections]
    assert len(set(roots)) == len(roots) == 13
    for section, root in zip(sections, roots, strict=True):
        assert root.parent == PROJECT / "Net" / "data"
        given = (
            section.img_a_path,
            section.img_b_path,
            section.label_path,
            section.changed_mask,
            section.unchanged_mask,
        )
        assert all(path.is_relative_to(root) for path in given if path is not None)


def test_the_file_that_the_docs_show_runs(tmp_path: Path) -> None:
    text = (PROJECT / "docs/your_own_data.md").read_text(encoding="utf-8")
    space = Workspace(tmp_path, text=text.split("```ini\n")[1].split("```")[0])
    before, after, changed = make_pair(1)
    for part, array in (("before", before), ("after", after), ("label", np.where(changed, 1, 2).astype(np.uint8))):
        write_mat(tmp_path / f"data/{part}/town.mat", array)
    for script in ("inspect_data", "predutils"):
        done = space.call(script)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", ["settings.stat_path", "settings.model_path", "PLACE A.pseudoPath"])
def test_results_beside_an_image_that_is_named_are_refused(file: Path, key: str) -> None:
    # A folder below it is fine: no image is looked for there.
    (file.parent / "one").mkdir()
    named = []
    for part in ("imgAPath", "imgBPath", "labelPath"):
        (file.parent / f"one/{part}.tif").touch()
        named.append(f"PLACE A.{part}=one/{part}.tif")
    read_settings(file, [*named, f"{key}=one/results"])
    said = problems(file, *named, f"{key}=one")
    assert len(said) == 3
    assert all("is the folder in which [PLACE A]" in line for line in said)
