"""Plain classifiers of change vectors: against their formulas, on scenes whose change is known."""

import numpy as np
import pytest

from detector_scenes import changed_pair, scene_of
from hscd.detectors import scored
from hscd.learn import rivals
from hscd.learn.rivals import RIVALS, Rival
from hscd.learn.samples import Samples


def pairs_of(differences):
    after = np.asarray(differences, np.float32)
    return np.stack([np.zeros_like(after), after], axis=1)


# One band. Unchanged differences −1, 1, −1, 1, of variance 1; changed −3, 3, −3, 3, of variance 9, half of each class.
# Densities at 0: 1 / sqrt(2π) and 1 / (3 sqrt(2π)): change has 1/4. At 3: e^(−4.5) and e^(−.5) / 3.
def test_naive_bayes_weighs_normal_densities_of_the_difference():
    pairs = pairs_of([[-1], [1], [-1], [1], [-3], [3], [-3], [3]])
    rival = Rival("naive_bayes", pairs, np.array([1, 1, 1, 1, 0, 0, 0, 0]))
    scene = scene_of(np.zeros((1, 2, 1), np.float32), np.array([[[0], [3]]], np.float32))
    changed, unchanged = np.exp(-0.5) / 3, np.exp(-4.5)
    expected = [0.25, changed / (changed + unchanged)]
    np.testing.assert_allclose(scored(rival, scene, None).scores[0], expected, rtol=1e-4)


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_finds_change_in_either_direction_and_passes_masked_pixels_over(name):
    before, after, changed = changed_pair()
    scene = scene_of(before.astype(np.float32), after.astype(np.float32))
    positions = np.arange(changed.size)
    labels = np.where(changed, 0, 1).ravel()
    rival = Rival(name, scene.take(positions), labels)
    scores = scored(rival, scene, None).scores
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.mean((scores > 0.5) == changed) > 0.95
    np.testing.assert_array_equal(
        scored(Rival(name, Samples([scene], [positions]), labels), scene, None).scores, scores
    )
    valid = np.ones(changed.shape, bool)
    valid[3:9] = False
    masked = scored(rival, scene_of(before.astype(np.float32), after.astype(np.float32), valid), None).scores
    np.testing.assert_array_equal(np.isnan(masked), ~valid)


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_a_rare_class_is_in_every_sample(name, monkeypatch):
    monkeypatch.setattr(rivals, "_PAIRS", 50)
    labels = np.ones(4000, int)
    labels[[7, 3000]] = 0  # of which a random fiftieth would hold none
    pairs = pairs_of(np.random.default_rng(0).normal(0, 1, (4000, 3)) + 9 * (labels[:, None] == 0))
    scene = scene_of(np.zeros((1, 2, 3), np.float32), np.array([[[0, 0, 0], [9, 9, 9]]], np.float32))
    for seed in range(3):
        assert scored(Rival(name, pairs, labels, seed), scene, None).scores.shape == (1, 2)


def test_of_many_pairs_a_sample_by_the_seed_is_enough(monkeypatch):
    monkeypatch.setattr(rivals, "_PAIRS", 50)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    pairs = pairs_of(rng.normal(0, 1, (400, 3)) + 4 * (labels[:, None] == 0))
    scene = scene_of(np.zeros((2, 2, 3), np.float32), rng.normal(2, 1, (2, 2, 3)).astype(np.float32))
    first, again, other = (scored(Rival("naive_bayes", pairs, labels, s), scene, None).scores for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
