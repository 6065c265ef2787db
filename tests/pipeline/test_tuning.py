"""What a fine-tuning changed, by hand: a "network" whose distance is the difference of the first band."""

import numpy as np
import pytest

from conftest import CONFIGURATION
from detector_scenes import scene_of
from pipeline import tuning
from pipeline.plan import Plan
from pipeline.tuning import Untuned
from settings import read_settings


@pytest.fixture
def plan(tmp_path, monkeypatch, request):
    monkeypatch.setattr("hscd.networks.siamese.reach", lambda model: 0)
    monkeypatch.setattr(
        "hscd.learn.training.predict",
        lambda model, pairs, at=slice(None): np.abs(pairs[at, 1, 0] - pairs[at, 0, 0]),
    )
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION, encoding="utf-8")
    return Plan(read_settings(file, getattr(request, "param", [])))


def scene(distances, valid=None):
    after = np.asarray(distances, np.float32)[:, :, None]
    return scene_of(np.zeros_like(after), after, valid)


# The distances 0 0 9 9 / 0 0 0 9 are cut between 0 and 9: changed are 3 of 8. Labels of after, 1 1 0 1 / 1 1 0 0:
# changed are 3, two of them before too. Equal are 6 of 8; by chance (3 · 3 + 5 · 5) / 64 = .53125, and
# (.75 - .53125) / .46875 = 7/15.
def test_agreement_is_the_kappa_of_both_maps(plan):
    untuned = Untuned(plan, None, scene([[0, 0, 9, 9], [0, 0, 0, 9]]), 0)
    assert untuned.agreement(np.array([[1, 1, 0, 1], [1, 1, 0, 0]])) == pytest.approx(7 / 15)
    assert untuned.agreement(np.array([[1, 1, 0, 0], [1, 1, 1, 0]])) == 1


def test_masked_pixels_have_no_part(plan):
    valid = np.array([[True] * 4, [True, True, False, False]])
    untuned = Untuned(plan, None, scene([[0, 0, 9, 9], [0, 0, 5, 5]], valid), 0)
    assert untuned.agreement(np.array([[1, 1, 0, 0], [1, 1, 2, 2]])) == 1


# The least distance of the pixels around it in the image: of the changed columns 3 to 6, 3 has unchanged neighbours.
@pytest.mark.parametrize("plan", [["settings.shift_tolerance=one_way"]], indirect=True)
def test_the_map_before_tolerates_shifts_as_that_of_after_does(plan):
    distances, labels = np.zeros((5, 7)), np.ones((5, 7))
    distances[:, 3:] = 9
    labels[:, 4:] = 0
    assert Untuned(plan, None, scene(distances), 0).agreement(labels) == 1


def test_without_a_map_before_or_with_one_class_there_is_none(plan):
    assert Untuned(plan, None, scene([[2, 2], [2, 2]]), 0).agreement(np.array([[1, 0], [1, 1]])) is None
    untuned = Untuned(plan, None, scene([[0, 0], [0, 9]]), 0)
    untuned._labels[:] = 1
    assert untuned.agreement(np.ones((2, 2))) is None


def test_of_many_pixels_a_sample_is_compared(plan, monkeypatch):
    monkeypatch.setattr(tuning, "_PIXELS", 500)
    labels = np.random.default_rng(1).integers(0, 2, (60, 50))
    wrong = labels.copy()
    wrong[:30] = 1 - wrong[:30]
    untuned = Untuned(plan, None, scene(9 - 9 * labels), 0)
    assert untuned.agreement(labels) == 1
    # Half of the pixels are the other way round: no agreement beyond chance, give or take 1 / sqrt(500).
    assert abs(untuned.agreement(wrong)) < 0.2
    assert len(untuned._positions) == 500
