"""What made a file of pseudo-labels is told, and doubted where the settings say another detector."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

import predutils as pu
from conftest import CONFIGURATION
from hscd.reports.page.tuning import tuning
from hscd.system.errors import InputError
from hscd.system.messages import collected, show_messages
from pipeline import pseudo_source, replaced, testing
from pipeline.run_record import recorded
from settings import read_settings


@pytest.fixture
def asked(tmp_path):
    """Settings of a configuration with some keys of [settings]."""
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "data/a/pseudo").mkdir(parents=True)
    (tmp_path / "stat").mkdir()
    return lambda *keys: read_settings(file, [f"settings.{key}" for key in keys])


def make(settings, threshold, name="_run.json"):
    """A file of pseudo-labels of these settings, with the record of the run that made it."""
    content = {"threshold": threshold, "distances": np.linspace(0, 1, 12), "shape": (3, 4)}
    pu.pseudo_file(settings["PLACE A"], "town").write_bytes(pickle.dumps(content))
    path = settings.stat_path / f"PLACE A_{settings.detector_name}_pseudo_rescaling_{settings.apply_rescaling}{name}"
    with recorded("pseudo-labels", settings, ["PLACE A"], path) as record:
        record.add_result("town", {"threshold": threshold})


def told(settings):
    """What is said of the file when it is read, and what made it."""
    with collected() as warnings:
        read = pu.load_pseudo_labels(settings["PLACE A"], "town", settings=settings)
    source = pseudo_source.recorded_source(settings, settings["PLACE A"], "town", read["threshold"])
    return "\n".join(warnings), pseudo_source.described(source)


def test_another_detector_than_the_configured_one_is_told(asked):
    make(asked("distance=SAM", "apply_rescaling=False"), 0.25)
    # The scale and the threshold of a test are those of its model.
    for same in (("distance=SAM",), ("detector=SAM", "threshold=triangle"), ("detector=SAM", "apply_rescaling=True")):
        assert told(asked(*same)) == ("", "SAM (otsu, not rescaled)")
    assert told(asked()) == ("", "SAM (otsu, not rescaled)")  # the distance is that of the network
    warning, source = told(asked("detector=ED"))
    assert warning.endswith(
        "town.pickle: these pseudo-labels were made with detector = SAM, and the settings say detector = ED, which is "
        "not used; set what made them if they are meant, or make them again"
    )
    assert source == "SAM (otsu, not rescaled)"
    # A file that was made after it has a record of its own, though that of the other one is still there.
    make(asked(), 0.5)
    assert told(asked()) == ("", "ED (otsu, rescaled)")
    # Of two runs with one threshold, as ensembles have, the later one counts.
    make(asked("distance=SAM"), 0.5)
    for detector, year in (("SAM", 2031), ("ED", 2030)):
        path = asked().stat_path / f"PLACE A_{detector}_pseudo_rescaling_True_run.json"
        record = json.loads(path.read_text(encoding="utf-8")) | {"started": f"{year}-01-01T00:00:00+00:00"}
        path.write_text(json.dumps(record), encoding="utf-8")
    assert told(asked())[1] == "SAM (otsu, rescaled)"


def test_options_and_ensembles_count_and_the_recommended_detector_is_doubted_only_where_another_is_named(asked):
    make(asked("detector=irmad", "normalisation=pif"), 0.25)
    assert "with normalisation = pif, and the settings say normalisation = none" in told(asked("detector=irmad"))[0]
    make(asked("ensemble_detectors=ED, SAM", "ensemble=2"), 0.75)
    warning, source = told(asked("ensemble_detectors=ED, SAM"))
    assert "with ensemble = 2, and the settings say ensemble = 1" in warning
    assert source == "ED/SAM (otsu, rescaled)"
    make(asked("preset=unsupervised"), 0.5)
    assert told(asked()) == ("", "context_regression (empirical_null, rescaled)")
    for key, value in (("normalisation", "pif"), ("ensemble", 3), ("shift_tolerance", "one_way")):
        assert f"and the settings say {key} = {value}, which is not used" in told(asked(f"{key}={value}"))[0]
    assert "detector = context_regression, and the settings say detector = SAM" in told(asked("detector=SAM"))[0]


def test_maps_tell_what_made_them_and_lead_to_a_test_on_them(asked, capsys):
    show_messages()
    make(asked("preset=unsupervised", "normalisation=pif"), 0.5)
    (asked().model_path).mkdir(exist_ok=True)
    (asked().model_path / "M.h5").touch()

    def told(*keys):
        settings = asked("train_set=PLACE A", *keys)
        pu.tell_use(pu.load_told(settings["PLACE A"], "town", settings)[1].settings, 0)
        return capsys.readouterr().err

    said = told("distance=SAM")
    assert "with detector = context_regression, normalisation = pif, and the settings say distance = SAM, norm" in said
    assert "town.pickle, made by context_regression (empirical_null, rescaled), threshold 0.5\n" in said
    assert "--set settings.detector=context_regression --set settings.normalisation=pif" in said
    assert "SAM" not in said.partition("next, ")[2]
    # Of several detectors that are asked for one is left.
    said = told("ensemble_detectors=ED, SAM")
    assert "--set settings.ensemble_detectors= --set settings.detector=context_regression --set" in said
    # The scale counts where it is asked for, as no model has another one.
    said = told("normalisation=pif", "apply_rescaling=False")
    assert "made with apply_rescaling = True, and the settings say apply_rescaling = False, which is not" in said
    assert "warning" not in told("normalisation=pif", "apply_rescaling=True")
    # Where nothing else is asked for, nothing is warned of, and nothing added.
    said = told("normalisation=pif")
    assert "warning" not in said
    assert "detector=" not in said
    make(asked("distance=SAM"), 0.6)
    said = told("distance=SAM")
    assert "warning" not in said
    assert " --set settings.detector=SAM " in said
    make(asked("distance=SAM", "apply_rescaling=False"), 0.8)
    assert "warning" not in told("distance=SAM")  # the scale of the file is that of the network
    assert "with apply_rescaling = False, and" in told("distance=SAM", "apply_rescaling=True")
    make(asked("ensemble_detectors=ED, SAM"), 0.75)
    assert " --set 'settings.ensemble_detectors=ED, SAM' " in told("detector=ED")


def test_pseudo_labels_of_another_kind_are_not_replaced_without_a_word(asked):
    def of(settings, *names):
        with collected() as warnings:
            section = settings["PLACE A"]
            replaced.warn_of_pseudo_labels(section, pseudo_source.made_by_others(settings, section, names))
        return warnings

    assert of(asked(), "town") == []
    make(asked("detector=SAM"), 0.25)
    said = ["[PLACE A]: the pseudo-labels of town by SAM (otsu, rescaled) are replaced; another pseudoPath keeps both"]
    # "west" was in no run; those of the same kind are in the record of that, whose settings are told apart.
    assert of(asked(), "west", "town") == said
    assert of(asked("detector=SAM", "threshold=triangle"), "town") == []
    assert of(asked("detector=SAM", "apply_rescaling=False"), "town") == said
    # The same folder by another name.
    (asked().stat_path / "link").symlink_to(asked()["PLACE A"].pseudo_folder())
    linked = replace(asked()["PLACE A"], pseudo_path=asked().stat_path / "link")
    assert of(replace(asked(), data_sets=asked().data_sets | {"PLACE A": linked}), "town") == said
    elsewhere = asked()
    moved = replace(elsewhere["PLACE A"], pseudo_path=elsewhere.stat_path)
    assert of(replace(elsewhere, data_sets=elsewhere.data_sets | {"PLACE A": moved}), "town") == []
    # The latest run counts, which was not of another kind; where there is no file, nothing is lost.
    path = asked().stat_path / "PLACE A_SAM_pseudo_rescaling_True_run.json"
    make(asked(), 0.5)
    record = json.loads(path.read_text(encoding="utf-8")) | {"started": "2020-01-01T00:00:00+00:00"}
    path.write_text(json.dumps(record), encoding="utf-8")
    assert of(asked(), "town") == []
    path.write_text(json.dumps(record | {"started": "2040"}), encoding="utf-8")
    assert of(asked(), "town") == said
    pu.pseudo_file(asked()["PLACE A"], "town").unlink()
    assert of(asked(), "town") == []
    path.write_text(json.dumps(record | {"settings": {"detector": "SAM", "data_sets": [1]}}), encoding="utf-8")
    assert of(asked(), "town") == []


def test_pairs_of_several_detectors_lead_to_a_test_that_doubts_none(asked):
    settings = asked("train_set=PLACE B", "distance=SAM", "seed=3")
    section, sam = settings["PLACE B"], asked("detector=SAM")
    made = {name: pseudo_source.Made("SAM (otsu, rescaled)", sam) for name in ("east", "west")}
    with collected() as warnings:
        assert pseudo_source.all_made(section, made, settings) is sam
        assert warnings == []
        made["north"] = pseudo_source.Made("ED (otsu, rescaled)", settings)
        found = pseudo_source.all_made(section, made, settings)
    assert warnings == [
        "[PLACE B]: the pseudo-labels of its pairs were not made alike: east, west by SAM (otsu, rescaled); north by "
        "ED (otsu, rescaled)"
    ]
    assert found.overrides == ("settings.train_set=PLACE B", "settings.seed=3")
    # One that the file may name is taken back.
    found = pseudo_source.all_made(section, made, asked("detector=SAM", "ensemble_detectors=ED, SAM"))
    assert found.overrides == ("settings.detector=", "settings.ensemble_detectors=")
    assert (found.detector, found.ensemble_detectors) == (None, None)


def test_nothing_is_made_up_where_no_record_tells(asked):
    make(asked("detector=SAM"), 0.25)
    content = {"threshold": 0.3, "distances": np.linspace(0, 1, 12), "shape": (3, 4)}
    pu.pseudo_file(asked()["PLACE A"], "town").write_bytes(pickle.dumps(content))
    unknown = ("", "an unknown detector (no run record in stat_path names it)")
    assert told(asked()) == unknown
    for record in asked().stat_path.glob("*_run.json"):
        record.write_text("{", encoding="utf-8")
    assert told(asked()) == unknown
    for damage, source in (
        ('"ensemble_detectors": 3', unknown[1]),
        ('"detector": "SAM", "normalisation": ["x"]', "SAM (None, not rescaled)"),
    ):  # fmt: skip
        damaged = f'{{"command": "pseudo-labels", "started": "2026", "settings": {{{damage}}}, '
        record.write_text(damaged + '"results": {"town": {"threshold": 0.3}}, "warnings": []}', encoding="utf-8")
        assert told(asked()) == ("", source)


def test_the_command_that_is_suggested_makes_the_better_pseudo_labels(asked):
    given = ("detector=SAM",), ("preset=unsupervised",), ("distance=SAM", "apply_rescaling=False")
    for keys, preset in (((), True), *((keys, False) for keys in given)):
        settings = asked(*keys)
        with pytest.raises(InputError, match="no such file; make it with `") as caught:
            pu.load_pseudo_labels(settings["PLACE A"], "town", settings=settings)
        added = "--set settings.preset=unsupervised --set 'settings.train_set=PLACE A'`"
        assert (added in str(caught.value)) == (preset or "preset=unsupervised" in keys)
        assert all(f"--set settings.{key} " in str(caught.value) for key in keys)
        assert str(caught.value).count("preset") == (added in str(caught.value))
        assert ("; no detector is named, and unsupervised makes better ones" in str(caught.value)) == preset


def test_what_they_are_for_is_told(asked, monkeypatch, capsys):
    monkeypatch.setattr(pu, "generate", lambda _: None)
    show_messages()
    keys = ("train_set=PLACE B", "distance=SAM", "apply_rescaling=False", "detector=SAM", "fine_tuning=-1")

    def told():
        pu.dispatch(asked(*keys))
        return capsys.readouterr().err

    # Distance, scale and place are those of the model: net.conf has them. What else made pseudo-labels trains nothing.
    for more in ((), ("preset=unsupervised", "threshold=chi2", "chi2_p=0.01", "kinds=clusters", "seed=3")):
        pu.dispatch(asked(*keys, *more))
        said = capsys.readouterr().err
        assert said.startswith("next, to train a model (M is not there yet) that can be fine-tuned on them: ")
        assert said.endswith(f"net.conf --set settings.fine_tuning=-1{' --set settings.seed=3' if more else ''}\n")
    (asked().model_path).mkdir(exist_ok=True)
    (asked().model_path / "M.h5").touch()
    said = told()
    assert said.startswith("next, to test M on PLACE B, fine-tuned on these pseudo-labels: ")
    assert " --set settings.detector=SAM --set settings.fine_tuning=0 " in said
    assert " --set 'settings.test_set=PLACE B'" in said
    assert not any(key in said for key in ("distance", "rescaling", "train_set"))
    # What the test is to find, also where the distance alone said it.
    keys = keys[:2]
    assert " --set settings.detector=SAM " in told()
    keys = keys[:1]
    assert "detector" not in told()


def test_a_test_tells_it_and_its_page_shows_it(asked, caplog):
    settings = asked("test_set=PLACE A", "distance=SAM")
    make(settings, 0.25)
    scene = type("Scene", (), {"name": "town"})()
    with caplog.at_level("INFO", "hscd"):
        source = testing._tell_source(settings, scene, {"threshold": 0.25})
    assert source == "SAM (otsu, rescaled)"
    assert caplog.messages[-1].endswith("town.pickle, made by SAM (otsu, rescaled), threshold 0.25")
    assert tuning({"ft_epochs": 2, "pseudo_source": source}).facts == [
        ("Pseudo-labels made by", "SAM (otsu, rescaled)"), ("Epochs", "2"),
    ]  # fmt: skip
