"""What every correction must satisfy; the members come from the registry."""

import numpy as np
import pytest

from hscd.corrections import CORRECTIONS, tools
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scores import classify

pytestmark = pytest.mark.parametrize("name", list(CORRECTIONS))
CUT = 4.0


def options(name):
    return {option.name: option.default for option in CORRECTIONS.options(name)}


def corrected(name, scores, cut=CUT):
    return CORRECTIONS[name](classify(scores, cut).reshape(scores.shape), scores, radius=3, **options(name))


def scene(seed=0, shape=(40, 50)):
    """Scores of 1 around and 16 within a rectangle, with noise."""
    rng = np.random.default_rng(seed)
    scores = rng.gamma(4, 0.25, shape).astype(np.float32)
    scores[10:25, 15:35] *= 16
    return scores


def test_masked_pixels_stay_unknown_and_what_they_hold_does_not_count(name):
    scores = scene()
    hidden = np.random.default_rng(1).random(scores.shape) < 0.1
    scores[hidden] = np.nan
    given = classify(scores, CUT).reshape(scores.shape)
    kept = given.copy()
    found = CORRECTIONS[name](given, scores, radius=3, **options(name))
    np.testing.assert_array_equal(given, kept)  # it is not modified
    np.testing.assert_array_equal(found == UNKNOWN, hidden)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) <= {CHANGED, UNCHANGED, UNKNOWN}


def test_a_large_change_stays_and_is_found_again(name):
    scores = scene()
    found = corrected(name, scores)
    truth = np.full(scores.shape, UNCHANGED)
    truth[10:25, 15:35] = CHANGED
    assert (found == truth).mean() >= (classify(scores, CUT).reshape(scores.shape) == truth).mean() - 0.01
    assert (found == truth).mean() > 0.97


@pytest.mark.parametrize("label", [CHANGED, UNCHANGED, UNKNOWN])
def test_a_map_of_one_label_stays(name, label):
    labels = np.full((6, 7), label, np.uint8)
    scores = np.full((6, 7), np.nan if label == UNKNOWN else 2, np.float32)
    found = CORRECTIONS[name](labels, scores, radius=3, **options(name))
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_maps_smaller_than_a_window(name, shape):
    scores = np.linspace(0, 9, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    found = corrected(name, scores)
    assert found.shape == shape
    assert set(np.unique(found)) <= {CHANGED, UNCHANGED}


def test_tiles_of_a_large_map_give_the_same(name, monkeypatch):
    if name == "superpixel":
        pytest.skip("superpixels end where a tile does")
    scores = scene(2, (70, 61))
    scores[20:30, 40:50] = np.nan
    whole = corrected(name, scores)
    monkeypatch.setattr(tools, "_SIDE", 16)
    monkeypatch.setattr("hscd.corrections.median._BLOCK_VALUES", 2000)
    np.testing.assert_array_equal(corrected(name, scores), whole)


def test_scores_of_any_unit_give_the_same(name):
    scores = scene()
    found = CORRECTIONS[name](classify(scores, CUT).reshape(scores.shape), scores * 2**40, radius=3, **options(name))
    np.testing.assert_array_equal(found, corrected(name, scores))
