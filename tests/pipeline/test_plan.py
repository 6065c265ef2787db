"""What a run is made of is what the settings say."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import config
from conftest import CONFIGURATION
from detector_scenes import scene_of
from hscd.branches import BRANCHES
from hscd.corrections import CORRECTIONS
from hscd.detection import UNSUPERVISED
from hscd.detectors import DETECTORS
from hscd.labels import UNCHANGED
from hscd.losses import LOSSES
from hscd.normalisation import NORMALISATIONS
from hscd.records import PIXEL_GRID
from hscd.registry import Option
from hscd.scenes.domain_shift import Statistics
from hscd.scenes.registration import Registration
from hscd.scores import Cut, ScoreMap
from hscd.search.engines import ENGINES
from hscd.system import parsing
from hscd.system.errors import InputError
from hscd.system.messages import collected
from hscd.thresholds import THRESHOLDS
from pipeline import tuning
from pipeline.commands import told_by_options
from pipeline.plan import Plan
from settings import read_settings

SHIFT = Option("shift", lambda text: parsing.number(text), "a number", 1.0, "what is added")


@pytest.fixture
def plan(tmp_path):
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION, encoding="utf-8")
    return lambda *overrides: Plan(read_settings(file, [f"settings.{override}" for override in overrides]))


def add(monkeypatch, registry, member):
    list(registry)
    monkeypatch.setitem(registry._members, "new", member)
    monkeypatch.setitem(registry._options, "new", (SHIFT,))


def test_the_detector_is_the_one_that_is_configured(plan, monkeypatch):
    assert plan("distance=SAM").detector().name == "SAM"
    assert plan("distance=SAM", "detector=ED").detector().name == "ED"
    add(monkeypatch, DETECTORS, lambda **options: options)
    assert plan("detector=new", "shift=2").detector() == {"shift": 2}


# Roots of a statistic that rise by 5 % a column. The second image is brighter by half a per cent of a deviation.
@pytest.mark.parametrize(("degrees", "soft"), [(5.0, True), (None, False)])
def test_soft_borders_of_a_statistic_and_change_of_next_to_nothing_are_told(plan, degrees, soft):
    before = np.random.default_rng(0).normal(10, 1, (40, 60, 3)).astype(np.float32)
    scores = np.tile(np.exp(0.1 * np.arange(60, dtype=np.float32)), (40, 1))
    score_map = ScoreMap(scores, PIXEL_GRID, "source", degrees=degrees)
    with collected() as told:
        plan().doubt(DETECTORS["cva"](), score_map, Cut(16.0), scene_of(before, before + np.float32(0.005)), "there")
    assert ("there: the borders of change are soft" in "\n".join(told)) == soft
    assert "there: what counts as changed differs between the dates by 0.5 %" in "\n".join(told)


def test_the_verdict_on_a_shift_is_recorded_as_the_command_takes_it(plan, monkeypatch):
    monkeypatch.setattr("pipeline.plan.registration", lambda scene: Registration(0.5, 0.0, 0.1, 9))
    scene = scene_of(*np.ones((2, 2, 3, 1), np.float32))
    for naming, said in ((nullcontext(), "register = True"), (told_by_options(), "--set register=True")):
        with naming:
            found = plan().registration(scene, "town")
        assert found == {
            "shift_down": 0.5, "shift_right": 0.0, "shift_spread": 0.1, "shift_blocks": 9,
            "shift_verdict": f"{said} may help",
        }  # fmt: skip


def test_images_that_were_registered_are_not_told_to_be(plan, monkeypatch):
    monkeypatch.setattr("pipeline.plan.registration", lambda scene: Registration(0.9, 0.0, 0.1, 9))
    scene, settings = scene_of(*np.ones((2, 2, 3, 1), np.float32)), plan()._settings
    moved = replace(settings[settings.test_set], register=True)
    settings = replace(settings, data_sets={**settings.data_sets, settings.test_set: moved})
    with collected() as told:
        found = Plan(settings).registration(scene, "town")
    assert found["shift_verdict"] == "what registration left"
    (other,) = set(settings.data_sets) - {settings.test_set}
    assert Plan(settings).registration(scene, "town", other)["shift_verdict"] == "register = True may help"
    after = replace(scene.after, moved_by=(-0.25, 0.5))
    found = Plan(settings).registration(replace(scene, after=after), "town")
    assert (found["shift_moved_down"], found["shift_moved_right"]) == (-0.25, 0.5)
    assert len(told) == 1
    assert told[0].endswith("(register = True has moved the after image already)")


def test_images_of_two_places_are_doubted_with_their_shift(plan, monkeypatch):
    monkeypatch.setattr("pipeline.plan.registration", lambda scene: None)
    down, right = (of[..., np.newaxis].astype(np.float32) for of in np.mgrid[0:40, 0:40])
    with collected() as told:
        assert plan().registration(scene_of(down, right), "town") == {}
    assert ["town: the images have little in common" in line for line in told] == [True]


def test_a_map_goes_by_both_images_of_its_scene(plan):
    scene = scene_of(*np.ones((2, 2, 3, 1), np.float32))
    images = [replace(scene.before, path=Path(f"town_{year}.tif")) for year in (2000, 2003)]
    scene = replace(scene, name="town_2000", before=images[0], after=images[1])
    scores = ScoreMap(np.zeros((2, 3), np.float32), PIXEL_GRID, "source")
    assert plan().map(scores, Cut(1.0), scene).title == "town_2000 → 2003"


def test_detectors_get_the_light_that_is_configured(plan, monkeypatch):
    before = np.random.default_rng(0).normal(10, 1, (30, 40, 3)).astype(np.float32)
    scene = scene_of(before, 2 * before + 5)
    assert plan().normalised(scene) is scene
    np.testing.assert_allclose(plan("normalisation=mean_std").normalised(scene).after.read(), before, rtol=1e-5)
    assert "of 3 bands shift" in said_of(plan("normalisation=none"), scene)
    assert said_of(plan("normalisation=mean_std"), scene) == ""
    add(monkeypatch, NORMALISATIONS, lambda scene, rng, shift: lambda values: values + shift)
    assert (
        plan("normalisation=new", "shift=3").normalised(scene).after.read()[0, 0, 0] == scene.after.read()[0, 0, 0] + 3
    )


def said_of(plan, scene):
    """What is told of the doubts about the distances of a scene."""
    scene, detector = plan.normalised(scene), plan.detector()
    score_map = plan.score(detector, scene)
    with collected() as texts:
        plan.doubt(detector, score_map, Cut(1e9), scene, "there")
    return " ".join(texts)


def test_the_threshold_is_the_one_that_is_configured(plan, monkeypatch):
    add(monkeypatch, THRESHOLDS, lambda scores, shift, **said: Cut(float(scores.mean()) + shift, tuple(said)))
    scores = ScoreMap(np.array([[1.0, 3.0]]), PIXEL_GRID, "ED")
    scene = type("Scene", (), {"nothing_changed": lambda self: False})()
    assert plan("threshold=new").cut(scores, scene, "there").warnings == ("scale", "degrees")
    assert plan("threshold=new", "shift=2").cut(scores, scene, "there").value == 4
    for where, told in (("there", ["there: scale", "there: degrees"]), (None, [])):
        with collected() as texts:
            plan("threshold=new").cut(scores, scene, where)
        assert texts == told
    # Otsu's: the middle of the first of 256 bins from 1 to 3.
    assert plan().cut(scores, scene, "there").value == 1 + 1 / 256


@pytest.mark.parametrize("threshold", ["floor", UNSUPERVISED["threshold"]])
def test_a_network_is_cut_by_otsu_where_the_threshold_needs_what_its_distances_lack(plan, threshold):
    scene = type("Scene", (), {"nothing_changed": lambda self: False})()
    values = np.array([[1.0, 1.0, 3.0, 3.0]], np.float32)
    with pytest.raises(InputError, match="no chi-square distribution"):
        plan(f"threshold={threshold}").cut(ScoreMap(values, PIXEL_GRID, "ED"), scene, "there")
    cut = plan(f"threshold={threshold}", "model_name=M").cut(ScoreMap(values, PIXEL_GRID, "M"), scene, "there")
    assert cut.value == 1 + 1 / 256  # as above


def test_the_correction_is_the_one_that_is_configured(plan, monkeypatch):
    add(monkeypatch, CORRECTIONS, lambda labels, scores, radius, shift: (radius, shift))
    assert plan("correction=new").correct(None)(None, None) == (3, 1)
    monkeypatch.setattr(config, "CORRECTION_RADIUS", 5)
    assert plan("correction=new").correct(None)(None, None) == (5, 1)
    assert isinstance(plan().correct(None), partial)


# Unchanged are 8 pixels of distance 1 to 8, changed 4 of 91 to 94. All of the changed and half of the others are 4 and
# 4; at 4 : 8, 2 of the changed stay with the 4 surest of the others.
def test_a_selection_is_thinned_as_configured(plan):
    pseudo = {"threshold": 50.0, "distances": np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 91, 92, 93, 94]), "shape": (1, 12)}
    by_share = ("fine_tuning=1", "pseudo_percentage=1", "pseudo_percentage_unchanged=0.5", "correction=none")
    assert plan(*by_share).selection_label == "1-0.5"
    assert plan(*by_share).select(pseudo, None)[0].tolist() == [0, 1, 2, 3, 11, 10, 9, 8]
    natural = plan(*by_share, "pseudo_natural_ratio=True")
    positions, labels = natural.select(pseudo, None)
    assert (positions[:4].tolist(), labels.tolist()) == ([0, 1, 2, 3], [1] * 4 + [0] * 2)
    assert natural.selection_label == "1-0.5 natural"
    limited = plan("fine_tuning=0", "pseudo_limit=6", "correction=none")
    assert not plan("fine_tuning=0").is_choice
    assert limited.is_choice
    assert np.bincount(limited.select(pseudo, None)[1]).tolist() == [2, 4]
    assert limited.selection_label == "all n=6"
    drawn = {
        tuple(plan("fine_tuning=0", "pseudo_limit=6", f"seed={seed}").select(pseudo, None)[0]) for seed in range(9)
    }
    assert len(drawn) > 1
    assert plan("pseudo_limit=6").selection_label == "no fine tuning"


def test_network_and_loss_of_a_model_are_those_that_are_configured(plan, monkeypatch):
    assert plan().fixed == {}  # a saved model names neither the dense branch nor the contrastive loss
    for family in (BRANCHES, LOSSES):
        add(monkeypatch, family, object())
    assert plan("loss=new", "shift=2").fixed == {"loss": "new", "shift": 2}
    assert plan("network=new").fixed == {"network": "new"}


def test_the_engine_of_a_search_is_told_its_options(plan, monkeypatch):
    assert plan().engine_options == {}
    add(monkeypatch, ENGINES, object())
    assert plan("engine=new", "shift=2").engine_options == {"shift": 2}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            ("fine_tuning=2", "pseudo_radius=300"),
            "2, pseudo_radius = 300: leaves 0 changed and 1 unchanged ",
        ),
        (("fine_tuning=2",), "; take a smaller pseudo_radius"),
        (("fine_tuning=1",), "1, pseudo_percentage = 0.5: leaves"),
        (("fine_tuning=1",), "; take a larger pseudo_percentage"),
        (("fine_tuning=3",), "; take a smaller pseudo_agreement"),
        (
            ("fine_tuning=0",),
            "0: leaves 0 changed and 1 unchanged pseudo-labels, two pixels of each class are needed; look at ",
        ),
    ],
)
def test_a_selection_that_leaves_too_few_is_told_with_its_remedy(plan, monkeypatch, keys, said):
    monkeypatch.setattr("siamese.read_parameters", lambda _: {"batch_size": 1})
    made = plan(*keys)
    monkeypatch.setattr(made, "select", lambda *_: (np.zeros(1, int), np.array([UNCHANGED])))
    scene = scene_of(*np.zeros((2, 3, 4, 2), np.float32))
    with pytest.raises(InputError) as caught:
        tuning.fine_tuned(made._settings, made, None, scene, {}, Path())
    assert said in str(caught.value)


@pytest.mark.parametrize(("trained", "asked", "told"), [(True, True, 1), (True, False, 0), (None, False, 1)])
def test_a_place_is_not_called_far_where_it_is_only_on_another_scale(plan, monkeypatch, trained, asked, told):
    images = np.random.default_rng(0).normal(0, 1, (2, 20, 20, 3)).astype(np.float32)
    elsewhere = Statistics(np.full((3, 3), 9.0), np.ones((3, 3)))
    monkeypatch.setattr("hscd.models.saved.trained_spectra", lambda _: elsewhere)
    monkeypatch.setattr("hscd.models.saved.trained_rescaled", lambda _: trained)
    with collected() as warnings:
        assert plan(f"apply_rescaling={asked}").domain_shift(scene_of(*images), "town") > 1
    assert len(warnings) == told
    assert all(line.startswith("town, model M: the spectra are far from those") for line in warnings)
