"""What a run is made of is what the settings say."""

from functools import partial

import numpy as np
import pytest

import config
from conftest import CONFIGURATION
from hscd.branches import BRANCHES
from hscd.corrections import CORRECTIONS
from hscd.detectors import DETECTORS
from hscd.losses import LOSSES
from hscd.records import PIXEL_GRID
from hscd.registry import Option
from hscd.scores import Cut, ScoreMap
from hscd.search.engines import ENGINES
from hscd.system import parsing
from hscd.system.errors import InputError
from hscd.thresholds import THRESHOLDS
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


def test_the_threshold_is_the_one_that_is_configured(plan, monkeypatch):
    add(monkeypatch, THRESHOLDS, lambda scores, shift, **said: Cut(float(scores.mean()) + shift, tuple(said)))
    scores = ScoreMap(np.array([[1.0, 3.0]]), PIXEL_GRID, "ED")
    scene = type("Scene", (), {"nothing_changed": lambda self: False})()
    assert plan("threshold=new").cut(scores, scene, "there").warnings == ("scale", "degrees")
    assert plan("threshold=new", "shift=2").cut(scores, scene, "there").value == 4
    # Otsu's: the middle of the first of 256 bins from 1 to 3.
    assert plan().cut(scores, scene, "there").value == 1 + 1 / 256


def test_a_network_is_cut_by_otsu_where_the_threshold_needs_what_its_distances_lack(plan):
    scene = type("Scene", (), {"nothing_changed": lambda self: False})()
    values = np.array([[1.0, 1.0, 3.0, 3.0]], np.float32)
    with pytest.raises(InputError, match="no chi-square distribution"):
        plan("threshold=floor").cut(ScoreMap(values, PIXEL_GRID, "ED"), scene, "there")
    cut = plan("threshold=floor", "model_name=M").cut(ScoreMap(values, PIXEL_GRID, "M"), scene, "there")
    assert cut.value == 1 + 1 / 256  # as above


def test_the_correction_is_the_one_that_is_configured(plan, monkeypatch):
    add(monkeypatch, CORRECTIONS, lambda labels, scores, radius, shift: (radius, shift))
    assert plan("correction=new").correct(None, None) == (3, 1)
    monkeypatch.setattr(config, "CORRECTION_RADIUS", 5)
    assert plan("correction=new").correct(None, None) == (5, 1)
    assert isinstance(plan().correct, partial)


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
