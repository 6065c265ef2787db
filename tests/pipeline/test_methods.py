"""Methods of a comparison, from their texts."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import config
from conftest import ONE_PLACE, Workspace
from hscd.detection import UNSUPERVISED, natural_threshold
from hscd.detectors import DETECTORS
from hscd.models import saved as models
from hscd.system.errors import InputError
from hscd.thresholds import THRESHOLDS
from pair_finding import PairFiles
from pipeline.methods import NO_LABELS, OTHER_LABELS, OTHER_PARTS, THESE_LABELS, UNTOLD_LABELS, methods_of
from pipeline.model_commands import command_of_model
from settings import read_settings
from settings.two_images import IMAGES, settings_for
from tiny_model import PARAMETERS, WEIGHTS


@pytest.fixture
def base(tmp_path):
    return read_settings(Workspace(tmp_path, text=ONE_PLACE).file)


def test_without_texts_there_is_every_detector_with_its_threshold(base):
    methods = methods_of(None, base)
    assert [method.detectors for method in methods] == [(name,) for name in DETECTORS]
    assert all(method.threshold in THRESHOLDS for method in methods)
    named = {method.source: method.name for method in methods}
    assert named["ED"] == "ED+otsu"
    assert named["irmad"] == "irmad+kmeans"
    assert named["context_regression"] == f"context_regression+{UNSUPERVISED['threshold']}"
    assert {method.correction for method in methods} == {UNSUPERVISED["correction"]}


def test_the_threshold_of_the_default_detector_is_that_of_the_preset(monkeypatch):
    monkeypatch.setitem(UNSUPERVISED, "threshold", "li")
    assert natural_threshold("context_regression") == "li"


def test_a_text_names_threshold_correction_and_options(base):
    (method,) = methods_of(
        ["pca_kmeans + otsu+majority : pca_kmeans_radius=2: normalisation = pif:pif_chance=0.5"], base
    )
    assert (method.threshold, method.correction, method.normalisation) == ("otsu", "majority", "pif")
    assert method.options == {"pca_kmeans_radius": 2, "pif_chance": 0.5}
    assert method.name == "pca_kmeans+otsu+majority:pca_kmeans_radius=2:normalisation = pif:pif_chance=0.5"
    settings = method.settings(base, 7)
    assert (settings.detector_name, settings.threshold, settings.correction) == ("pca_kmeans", "otsu", "majority")
    assert (settings.seed, settings.apply_rescaling, settings.normalisation) == (7, False, "pif")
    assert settings.options["pca_kmeans_radius"] == 2


@pytest.mark.parametrize(
    ("text", "said", "folder", "command"),
    [
        ("irmad+kmeans", [], "irmad+kmeans_change", "--set detector=irmad --set threshold=kmeans"),
        # What was said of the images stays, but for values of no labels; the method's own parts count more.
        ("irmad+kmeans", ["nodata=0", "changedLabel=1", "matLabelTruth=t", "correction=majority", "floor_p=0.3"],
         "irmad+kmeans_change",
         "--set nodata=0 --set floor_p=0.3 --set detector=irmad --set threshold=kmeans"),
        ("mad/cva+otsu+majority:normalisation=pif:pif_chance=0.5:ensemble=2:apply_rescaling=True", ["settings.seed=1"],
         "mad_cva+otsu+majority_normalisation=pif_pif_chance=0.5_ensemble=2_apply_rescalin_change",
         "--set detector=mad --set threshold=otsu --set correction=majority --set normalisation=pif "
         "--set apply_rescaling=True --set ensemble=2 --set 'ensemble_detectors=mad, cva' --set pif_chance=0.5"),
    ],
)  # fmt: skip
def test_a_command_makes_the_map_of_a_method(tmp_path, monkeypatch, text, said, folder, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "NET_PATH", Path("/program"))
    images = Path("a.npy"), Path("b.npy"), None, tmp_path
    base = replace(settings_for(*images, [of for of in said if "." not in of]), overrides=tuple(said))
    (method,) = methods_of([text], base)
    told = method.command(base)
    words = shlex.split(told)
    # It is read in a file of the comparison, in whatever folder, and writes to one of its own there.
    out = ["--out", str(tmp_path / folder)]
    assert words[:6] == [sys.executable, "/program/detect.py", str(tmp_path / "a.npy"), str(tmp_path / "b.npy"), *out]
    assert told.endswith(f" {tmp_path / folder} {command}")
    # On the console, from here: /program is not in the current folder, the images and results are.
    here = shlex.split(method.command(base, anywhere=False))
    assert here[1:6] == ["/program/detect.py", "a.npy", "b.npy", "--out", folder]
    elsewhere = replace(base, data_sets={})
    assert " BEFORE AFTER --set " in method.command(elsewhere)
    # Of the only pair of a data set it names the images, and says how they are read.
    pair = replace(base[IMAGES], nodata=7.0), PairFiles("p", Path("/x/before.tif"), Path("/x/after.tif"), None)
    assert " /x/before.tif /x/after.tif --set nodata=7 --set " in method.command(elsewhere, pair=pair)
    again = settings_for(*images, words[7::2])
    assert method.settings(base, again.seed).members == again.members
    for field in ("detector", "threshold", "correction", "normalisation", "apply_rescaling", "nodata"):
        assert getattr(method.settings(base, 0), field, None) == getattr(again, field, None)
    assert {key: again.options[key] for key in method.options} == method.options
    assert replace(method, model="M").command(base) is None


def test_the_command_of_labelled_images_judges_its_map(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = ["changedLabel=1", "unchangedLabel=0", "nodata=7"]
    base = settings_for(Path("a.npy"), Path("b.npy"), Path("my labels.npy"), tmp_path, said)
    (method,) = methods_of(["SAM+otsu"], base)
    words = shlex.split(method.command(base, anywhere=False))
    assert words[2:8] == ["a.npy", "b.npy", "--labels", "my labels.npy", "--out", "SAM+otsu_change"]
    assert words[9::2] == [*said, "detector=SAM", "threshold=otsu"]
    again = settings_for(*map(Path, words[2:4]), Path(words[5]), tmp_path, words[9::2])
    assert again[IMAGES] == base[IMAGES]


def test_options_of_the_settings_count_where_the_text_has_none(tmp_path):
    file = Workspace(tmp_path, text=ONE_PLACE).file
    base = read_settings(file, ["settings.floor_p=0.25"])
    methods = methods_of(["mad+floor", "mad+floor:floor_p=0.5"], base)
    assert [method.options["floor_p"] for method in methods] == [0.25, 0.5]
    # Scores are the same whatever the threshold; another detector's option is another score.
    assert [method.scores for method in methods] == ["mad", "mad"]
    assert methods_of(["pca_kmeans:pca_kmeans_radius=2"], base)[0].scores == "pca_kmeans:pca_kmeans_radius=2"


def test_what_it_depends_on_is_what_bears_on_it(base):
    first, second, third = methods_of(["ED", "ED+otsu+majority", "mad+floor"], base)
    assert first.depends(base) != second.depends(base)
    assert first.depends(base)["options"] == {}
    assert third.depends(base)["options"] == {"floor_p": "1e-05"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo", "foo is neither a detector nor a model in {models}; detectors: COS"),
        ("iramd", "iramd is neither a detector nor a model in {models}; did you mean irmad?; detectors: COS, ED, "),
        ("ED+otsuu", "otsuu is not a threshold; did you mean otsu?; known: chi2, "),
        ("ED+otsu+major", "major is not a correction; did you mean majority?; known: majority, median, none, "),
        ("ED+otsu+none+x", "expected DETECTOR[/DETECTOR …][+THRESHOLD[+CORRECTION]][:KEY=VALUE …]"),
        ("+otsu", "expected DETECTOR"),
        ("ED:radius", "found 'radius'; expected DETECTOR"),
        ("ED:floor_p=1", "it has no option floor_p; known: normalisation, apply_rescaling, ensemble"),
        ("mad+floor:floor_p=2", "floor_p: found '2'; expected a number in ]0, 1["),
        ("ED:apply_rescaling=maybe", "apply_rescaling: found 'maybe'; expected True or False"),
        ("ED:normalisation=no", "no is not a normalisation"),
        ("ED/iramd", "iramd is not a detector; did you mean irmad?"),
        ("ED/ED", "expected DETECTOR[/DETECTOR …]"),
        ("ED:ensemble=0", "ensemble: found '0'; expected an integer from 1 to 100"),
        ("ED:pseudo_labels=SAM", "it has no option pseudo_labels"),
    ],
)
def test_what_is_no_method_is_refused_with_the_nearest_name(base, text, said):
    with pytest.raises(InputError) as caught:
        methods_of([text], base)
    assert str(caught.value).startswith(f"method {text!r}: ")
    assert said.format(models=base.model_path) in str(caught.value)


def test_a_saved_model_is_a_method_rescaled_as_it_was_trained(base):
    prefix = base.model_path / "MINE"
    for rescaled in (True, False):
        models.save_model(prefix, PARAMETERS, WEIGHTS, rescaled=rescaled, trained_on=["00ff"])
        (method,) = methods_of(["MINE"], base)
        assert (method.detectors, method.model, method.name) == ((), "MINE", "MINE+otsu")
        assert method.rescaled is rescaled
        assert method.settings(base, 0).model_name == "MINE"
    assert method.seen(base, "00ff") == THESE_LABELS
    assert method.seen(base, "00fe") == OTHER_LABELS
    assert methods_of(["ED"], base)[0].seen(base, "00ff") == NO_LABELS
    # Trained on the other parts of a scene: it has not seen the test part of the same division, but of any other.
    models.save_model(prefix, PARAMETERS, WEIGHTS, rescaled=False, trained_on=["00ff/01"])
    seen = [method.seen(base, place) for place in ("00ff/01", "00ff/02", "00ff", "00fe/01")]
    assert seen == [OTHER_PARTS, THESE_LABELS, THESE_LABELS, OTHER_LABELS]
    before = method.depends(base)
    models.save_model(prefix, PARAMETERS, WEIGHTS, rescaled=False)
    assert method.seen(base, "00ff") == UNTOLD_LABELS
    assert method.depends(base) != before
    with pytest.raises(InputError, match="it has no option normalisation"):
        methods_of(["MINE:normalisation=pif"], base)


def test_an_option_that_is_a_path_is_relative_to_the_configuration(base, monkeypatch):
    from hscd.registry import Option

    monkeypatch.setitem(DETECTORS._options, "cva", (Option("weights", Path, "a file", None),))
    (method,) = methods_of(["cva:weights=a/b"], base)
    assert method.options["weights"] == base.file.resolve().parent / "a/b"


def test_an_ensemble_of_detectors_and_seeds_is_a_method(base):
    first, second = methods_of(["cva/irmad+floor:floor_p=0.25:ensemble=3", "cva:ensemble=2"], base)
    assert (first.name, first.source) == ("cva/irmad+floor:floor_p=0.25:ensemble=3", "cva/irmad")
    assert (second.source, second.threshold) == ("cva", natural_threshold("cva"))
    assert first.settings(base, 7).members == [(name, number) for name in ("cva", "irmad") for number in range(3)]
    assert first.options["floor_p"] == 0.25
    assert second.depends(base) != methods_of(["cva"], base)[0].depends(base)
    # An ensemble of the configuration is none of a method that does not name one.
    several = replace(base, ensemble=4, ensemble_detectors=("ED", "SAM"), ensemble_bands=0.5)
    of_one = methods_of(["cva"], several)[0].settings(several, 0)
    assert (of_one.members, of_one.ensemble_bands) == ([("cva", 0)], 1)


def test_a_model_can_be_fine_tuned_on_pseudo_labels(base):
    models.save_model(base.model_path / "MINE", PARAMETERS, WEIGHTS, rescaled=True, trained_on=["00ff"])
    text = "MINE:pseudo_labels=mad/cva+floor+majority:floor_p=0.25:fine_tuning=1:pseudo_percentage=0.2:ensemble=2"
    method, plain = methods_of([text, "MINE"], base)
    assert (method.name, method.source) == (text.replace("MINE", "MINE+otsu"), "MINE fine-tuned on mad/cva")
    assert method.seen(base, "00fe") == OTHER_LABELS
    of_map, of_pseudo = method.settings(base, 7), method.pseudo_settings(base, 7)
    assert (of_map.threshold, of_map.correction, of_map.model_name, of_map.seed) == ("otsu", "none", "MINE", 7)
    assert (of_pseudo.threshold, of_pseudo.correction, of_pseudo.fine_tuning) == ("floor", "majority", 1)
    assert of_pseudo.members == [("mad", 0), ("mad", 1), ("cva", 0), ("cva", 1)]
    assert of_pseudo.options["floor_p"] == 0.25
    assert method.pseudo_settings(method.settings(base, 7), 7).options["pseudo_percentage"] == 0.2
    assert (method.rescaled, method.pseudo.rescaled) == (True, False)
    assert methods_of(["MINE:pseudo_labels=ED:pseudo_rescaling=True"], base)[0].pseudo.rescaled
    others = ["MINE:pseudo_labels=ED", "MINE:pseudo_labels=SAM", "MINE:pseudo_labels=ED:pseudo_limit=9"]
    found = [of.depends(base) for of in (method, plain, *methods_of(others, base))]
    assert all(found.count(depends) == 1 for depends in found)
    slower = replace(base, learning=replace(base.learning, ft_learning_rate=1e-5))
    assert method.depends(slower) != method.depends(base)
    assert plain.depends(slower) == plain.depends(base)
    with pytest.raises(InputError, match="ft_rounds = 2: a comparison fine-tunes in one round"):
        methods_of([text], replace(base, learning=replace(base.learning, ft_rounds=2)))
    for end, said in (
        ("pseudo_labels=MINE", "pseudo_labels: MINE is a model; expected a detector"),
        ("pseudo_labels=ED:x=1", "method 'ED:apply_rescaling=False:x=1': it has no option x"),
        ("pseudo_labels=ED:fine_tuning=-1", "fine_tuning: found -1, which is none, and pseudo_labels"),
        ("pseudo_labels=ED:fine_tuning=3", "fine_tuning: by agreement is for main.py; expected 0, 1 or 2"),
        ("pseudo_labels=ED:fine_tuning=9", "fine_tuning: found '9'; expected -1 (none), 0 (all pseudo-labels)"),
        ("fine_tuning=1", "it has no option fine_tuning; known: apply_rescaling, pseudo_labels"),
    ):
        with pytest.raises(InputError) as caught:
            methods_of([f"MINE:{end}"], base)
        assert said in str(caught.value)
    without = replace(base, options={key: value for key, value in base.options.items() if key != "pseudo_percentage"})
    with pytest.raises(InputError, match=r"pseudo_percentage: missing; expected a number in \]0, 1\]"):
        methods_of(["MINE:pseudo_labels=ED:fine_tuning=1"], without)
    assert methods_of([text], without) == [method]


# What main.py has to be told of the method; the options are those of its threshold alone, and of the selection.
def test_commands_make_the_maps_of_a_model(base, tmp_path, monkeypatch):
    models.save_model(base.model_path / "M", PARAMETERS, WEIGHTS, rescaled=True)
    plain, tuned, both = methods_of(
        ["M+kmeans", "M:pseudo_labels=irmad+chi2+majority:chi2_p=0.01:fine_tuning=1:pseudo_percentage=0.3",
         "M+otsu+median:pseudo_labels=SAM+otsu+majority"], base,
    )  # fmt: skip

    def told(method):
        text = command_of_model(method, base, "PLACE A", anywhere=True)
        return [shlex.split(part) for part in text.split(" && ")] if text else []

    def sets(words):
        return {word.removeprefix("settings.") for word in words if word.startswith("settings.")}

    ((_, script, *words),) = told(plain)
    assert Path(script).name == "main.py"
    assert words[:2] == ["--config", str(base.file)]
    assert sets(words) >= {
        "test_set=PLACE A", "model_name=M", "training=False", "fine_tuning=-1", "threshold=kmeans", "correction=none",
        "apply_rescaling=True",
    }  # fmt: skip
    (_, first, *made), (_, second, *tested) = told(tuned)
    assert [Path(script).name for script in (first, second)] == ["predutils.py", "main.py"]
    assert sets(made) >= {"train_set=PLACE A", "detector=irmad", "threshold=chi2", "correction=majority",
                          "apply_rescaling=False", "chi2_p=0.01"}  # fmt: skip
    assert sets(tested) >= {"fine_tuning=1", "pseudo_percentage=0.3", "threshold=otsu", "correction=majority"}
    assert not any("chi2_p" in word for word in tested)
    # Each command is one that the program takes.
    read_settings(base.file, made[made.index("--set") + 1 :: 2])
    again = read_settings(base.file, tested[tested.index("--set") + 1 :: 2])
    assert (again.fine_tuning, again.options["pseudo_percentage"]) == (1, 0.3)
    assert told(both) == []  # a test has one correction, of its pseudo-labels and of its map
    # What the settings say of ensembles and of pseudo-labels, and the method does not, is taken back.
    said = ("ensemble_detectors=ED, SAM", "ensemble=2", "ensemble_bands=0.5", "pseudo_limit=100", "normalisation=pif")
    base = read_settings(base.file, [f"settings.{text}" for text in said])
    (_, _, *made), (_, _, *tested) = told(tuned)
    again = [read_settings(base.file, words[words.index("--set") + 1 :: 2]) for words in (made, tested)]
    ranked = tuned.pseudo_settings(base, base.seed)
    for field in ("members", "ensemble_bands", "normalisation", "threshold", "correction", "apply_rescaling"):
        assert getattr(again[0], field) == getattr(ranked, field)
    assert ranked.members == [("irmad", 0)]
    assert (again[1].pseudo_limit, ranked.pseudo_limit) == (None, None)
