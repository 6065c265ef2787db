"""What every detector must satisfy, whatever it measures; the members come from the registry."""

import doctest
from pathlib import Path

import numpy as np
import pytest

import hscd.scenes.scene
from hscd.detectors import DETECTORS, scored
from hscd.records import PIXEL_GRID
from hscd.scenes.image import Image
from hscd.scenes.scene import Scene
from hscd.thresholds.looks import SCALES

pytestmark = pytest.mark.parametrize("name", DETECTORS)
SHAPE = (21, 17, 5)


def image(pixels):
    return Image(
        path=Path("a.npy"), format="npy", shape=pixels.shape, dtype=pixels.dtype, block=(1, pixels.shape[1]),
        window=lambda rows, columns: pixels[rows, columns],
    )  # fmt: skip


def scene(seed=0, masked=()):
    """Two random images; masked pixels by their (row, column)."""
    before, after = np.random.default_rng(seed).uniform(0.05, 1, (2, *SHAPE)).astype(np.float32)
    valid = np.ones(SHAPE[:2], bool)
    for place in masked:
        valid[place] = False
    return Scene(
        "town", image(before), image(after), np.full(SHAPE[:2], 2, np.uint8), valid if len(masked) else None, None
    )


def scores_of(name, of, seed=0):
    return scored(DETECTORS[name](), of, np.random.default_rng(seed)).scores


def test_every_valid_pixel_has_a_finite_score_and_a_masked_one_none(name):
    masked = [(0, 0), (10, 3), (20, 16)]
    found = scores_of(name, scene(masked=masked))
    assert (found.shape, found.dtype) == (SHAPE[:2], np.float32)
    assert sorted(zip(*np.nonzero(np.isnan(found)), strict=True)) == masked
    assert np.isfinite(found).sum() == found.size - 3


def test_scores_do_not_depend_on_the_windows(name, monkeypatch):
    whole = scores_of(name, scene(masked=[(10, 3)]))
    for pixels in (1, 3 * SHAPE[1], 7 * SHAPE[1]):
        monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", pixels * 2 * SHAPE[2] * 4)
        np.testing.assert_array_equal(scores_of(name, scene(masked=[(10, 3)])), whole)


def test_what_a_masked_pixel_holds_counts_nowhere(name):
    found = scene(masked=[(10, 3)])
    other = scene(masked=[(10, 3)])
    pixels = other.after.read()
    pixels[10, 3] = 1e6
    changed = Scene("town", other.before, image(pixels), other.truth, other.valid, None)
    np.testing.assert_array_equal(scores_of(name, found), scores_of(name, changed))


def test_a_pixel_that_changed_more_has_a_greater_score(name):
    before = np.random.default_rng(1).uniform(0.4, 0.6, SHAPE).astype(np.float32)
    after = before + np.random.default_rng(2).normal(0, 0.01, SHAPE).astype(np.float32)
    after[5, 5, ::2] += 1
    found = scores_of(name, Scene("town", image(before), image(after), np.full(SHAPE[:2], 2, np.uint8), None, None))
    # Detectors that look around a pixel may find the middle of a change beside it.
    slack = 2 if DETECTORS[name]().halo else 0
    assert np.abs(np.unravel_index(found.argmax(), found.shape) - np.array([5, 5])).max() <= slack


def test_a_detector_says_how_to_look_at_its_scores(name):
    detector = DETECTORS[name]()
    scored(detector, scene(), np.random.default_rng(0))
    assert detector.scale in SCALES
    assert detector.degrees is None or detector.degrees > 0


def test_the_same_seed_gives_the_same_scores(name):
    np.testing.assert_array_equal(scores_of(name, scene(), seed=3), scores_of(name, scene(), seed=3))


def test_a_score_map_says_what_gave_it_and_where_it_lies(name):
    found = scored(DETECTORS[name](), scene(), np.random.default_rng(0))
    assert (found.source, found.grid) == (name, PIXEL_GRID)
    assert found.seconds > 0


def test_what_makes_it_tells_what_it_is(name):
    assert DETECTORS[name].__name__ != "<lambda>"
    assert len(DETECTORS[name].__doc__.splitlines()[0]) > len(name)


def test_the_example_of_its_help_runs(name):
    (example,) = doctest.DocTestFinder(recurse=False).find(DETECTORS[name], name, module=False, globs={})
    assert any(f'"{name}"' in line.source for line in example.examples)
    ran = doctest.DocTestRunner().run(example)
    assert (ran.failed, ran.attempted > 6) == (0, True)
