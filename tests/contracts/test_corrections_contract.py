"""What every correction must satisfy; the members come from the registry."""

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.corrections import CORRECTIONS, GUIDES, Guide, corrector, guidance, tools
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.scores import classify

VARIANTS = [
    (name, {option.name: guide for option in CORRECTIONS.options(name) if isinstance(option, Guide)})
    for name in CORRECTIONS
    for guide in (GUIDES if any(isinstance(option, Guide) for option in CORRECTIONS.options(name)) else ("",))
]
pytestmark = pytest.mark.parametrize(("name", "guide"), VARIANTS, ids=lambda of: of if isinstance(of, str) else None)
CUT = 4.0


def made(name, guide, scores):
    """The correction with its default options, and images of three bands, masked where the scores are."""
    options = {option.name: option.default for option in CORRECTIONS.options(name)} | guide
    images = np.random.default_rng(5).random((2, *scores.shape, 3), np.float32)
    images[1, 10:25, 15:35] += 3
    hidden = np.isnan(scores)
    images[:, hidden] = np.random.default_rng(6).choice([0, 1e6, -1e6], (2, hidden.sum(), 3))
    return corrector(name, 3, scene_of(*images, ~hidden if hidden.any() else None), **options)


def corrected(name, guide, scores, cut=CUT):
    return made(name, guide, scores)(classify(scores, cut).reshape(scores.shape), scores)


def scene(seed=0, shape=(40, 50)):
    """Scores of 1 around and 16 within a rectangle, with noise."""
    rng = np.random.default_rng(seed)
    scores = rng.gamma(4, 0.25, shape).astype(np.float32)
    scores[10:25, 15:35] *= 16
    return scores


def test_masked_pixels_stay_unknown_and_what_they_hold_does_not_count(name, guide):
    scores = scene()
    hidden = np.random.default_rng(1).random(scores.shape) < 0.1
    scores[hidden] = np.nan
    given = classify(scores, CUT).reshape(scores.shape)
    kept = given.copy()
    found = made(name, guide, scores)(given, scores)
    np.testing.assert_array_equal(given, kept)  # it is not modified
    np.testing.assert_array_equal(found == UNKNOWN, hidden)
    assert found.dtype == np.uint8
    assert set(np.unique(found)) <= {CHANGED, UNCHANGED, UNKNOWN}


def test_a_large_change_stays_and_is_found_again(name, guide):
    scores = scene()
    found = corrected(name, guide, scores)
    truth = np.full(scores.shape, UNCHANGED)
    truth[10:25, 15:35] = CHANGED
    assert (found == truth).mean() >= (classify(scores, CUT).reshape(scores.shape) == truth).mean() - 0.01
    assert (found == truth).mean() > 0.97


@pytest.mark.parametrize("label", [CHANGED, UNCHANGED, UNKNOWN])
def test_a_map_of_one_label_stays(name, guide, label):
    labels = np.full((6, 7), label, np.uint8)
    scores = np.full((6, 7), np.nan if label == UNKNOWN else 2, np.float32)
    found = made(name, guide, scores)(labels, scores)
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_maps_smaller_than_a_window(name, guide, shape):
    scores = np.linspace(0, 9, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    found = corrected(name, guide, scores)
    assert found.shape == shape
    assert set(np.unique(found)) <= {CHANGED, UNCHANGED}


def test_tiles_of_a_large_map_give_the_same(name, guide, monkeypatch):
    if name == "superpixel":
        pytest.skip("superpixels end where a tile does")
    scores = scene(2, (70, 61))
    scores[20:30, 40:50] = np.nan
    whole = corrected(name, guide, scores)
    monkeypatch.setattr(tools, "SIDE", 16)
    monkeypatch.setattr(guidance, "_READ_BYTES", 5 * 36 * 2 * 3 * 4)
    monkeypatch.setattr("hscd.corrections.median._BLOCK_VALUES", 2000)
    np.testing.assert_array_equal(corrected(name, guide, scores), whole)


def test_scores_of_any_unit_give_the_same(name, guide):
    scores = scene()
    found = made(name, guide, scores)(classify(scores, CUT).reshape(scores.shape), scores * 2**40)
    np.testing.assert_array_equal(found, corrected(name, guide, scores))
