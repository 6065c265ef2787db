"""What everything that tells kinds of change apart must satisfy; the members come from the registry."""

import numpy as np
import pytest

import hscd.scenes.scene
from detector_scenes import scene_of
from hscd.kinds import KINDS, MOST, NO_DATA, kinds_of
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN

# Learned classes need labels first: tests/hscd/kinds/test_classes.py.
MEMBERS = [name for name in KINDS if KINDS[name] is not None and name != "classes"]
pytestmark = pytest.mark.parametrize("name", MEMBERS)
ROWS, COLUMNS, BANDS = 40, 50, 6


def three_kinds(seed=0):
    """Two dates, of which three rectangles changed in directions of their own; labels, and the true kinds by size."""
    rng = np.random.default_rng(seed)
    before = rng.normal(20, 2, (ROWS, COLUMNS, 1)) + rng.normal(0, 0.5, (ROWS, COLUMNS, BANDS))
    after = 1.3 * before + 4 + rng.normal(0, 0.3, (ROWS, COLUMNS, BANDS))
    kinds = np.zeros((ROWS, COLUMNS), np.uint8)
    kinds[2:8, 2:12], kinds[12:24, 20:40], kinds[30:38, 5:20] = 3, 1, 2  # 60, 240 and 120 pixels
    directions = np.array([[1, 1, 1, 0, 0, 0], [-1, -1, -1, -1, -1, -1], [0, 0, 0, -1, 1, 1]])
    for number, direction in enumerate(directions, start=1):
        inside = kinds == number
        after[inside] += rng.uniform(15, 20, (inside.sum(), 1)) * direction
    return before.astype(np.float32), after.astype(np.float32), np.where(kinds > 0, CHANGED, UNCHANGED), kinds


def told(name, scene, labels, seed=0, **options):
    return kinds_of(scene, labels, name, np.random.default_rng(seed), **options)


def test_kinds_far_apart_are_told_apart_and_numbered_by_size(name):
    before, after, labels, kinds = three_kinds()
    found = told(name, scene_of(before, after), labels)
    assert found.method == name
    assert found.values.dtype == np.uint8
    assert (found.values == kinds).mean() > 0.995
    assert found.pixels.tolist() == [np.count_nonzero(found.values == number) for number in (1, 2, 3)]
    assert found.shares.sum() == pytest.approx(1)
    assert found.doubts == ()


def test_spectra_are_the_means_of_each_kind(name):
    before, after, labels, _ = three_kinds()
    found = told(name, scene_of(before, after), labels)
    for number in range(3):
        inside = found.values == number + 1
        for date, image in enumerate((before, after)):
            np.testing.assert_allclose(found.spectra[number, date], image[inside].mean(axis=0), rtol=1e-5)
            np.testing.assert_allclose(found.deviations[number, date], image[inside].std(axis=0), rtol=1e-4)


def test_what_masked_and_unknown_pixels_hold_does_not_count(name):
    before, after, labels, _ = three_kinds()
    valid = np.random.default_rng(1).random(labels.shape) > 0.2
    labels = np.where(valid, labels, UNKNOWN)
    labels[0, :5] = UNKNOWN  # not masked, but not known
    found = told(name, scene_of(before, after, valid), labels)
    assert (found.values[labels == UNKNOWN] == NO_DATA).all()
    assert (found.values[labels == UNCHANGED] == 0).all()
    assert np.isin(found.values[labels == CHANGED], (1, 2, 3)).all()
    rubbish = [
        np.where((labels == UNKNOWN)[:, :, None], value, image) for value, image in ((np.nan, before), (1e9, after))
    ]
    again = told(name, scene_of(*[image.astype(np.float32) for image in rubbish], valid & (labels != UNKNOWN)), labels)
    np.testing.assert_array_equal(again.values, found.values)


def test_the_map_does_not_depend_on_the_windows(name, monkeypatch):
    before, after, labels, _ = three_kinds()
    whole = told(name, scene_of(before, after), labels)
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 700)
    cut = scene_of(before, after, block=(5, 10))
    assert len(cut.windows) == 200
    parts = told(name, cut, labels)
    np.testing.assert_array_equal(parts.values, whole.values)
    np.testing.assert_array_equal(parts.spectra, whole.spectra)


def test_the_same_seed_gives_the_same_map(name):
    before, after, labels, _ = three_kinds()
    one, other = (told(name, scene_of(before, after), labels, 3) for _ in range(2))
    np.testing.assert_array_equal(one.values, other.values)


def test_gain_and_offset_of_a_date_do_not_count(name):
    before, after, labels, _ = three_kinds()
    found = told(name, scene_of(before, after), labels)
    lit = (after * np.linspace(0.5, 2, BANDS) + np.arange(BANDS)).astype(np.float32)
    assert (told(name, scene_of(before, lit), labels).values == found.values).mean() > 0.995


def test_the_number_can_be_given(name):
    before, after, labels, _ = three_kinds()
    for count in (1, 2, 3):
        found = told(name, scene_of(before, after), labels, kinds_count=count)
        assert len(found.pixels) == count
        assert found.doubts == ()
    assert len(told(name, scene_of(before, after), labels).pixels) <= MOST


def test_nothing_changed_is_a_map_without_kinds(name):
    before, after, labels, _ = three_kinds()
    labels = np.where(labels == CHANGED, UNCHANGED, labels)
    labels[0, 0] = UNKNOWN
    found = told(name, scene_of(before, after), labels)
    assert found.spectra.shape == (0, 2, BANDS)
    assert found.pixels.tolist() == []
    assert np.count_nonzero(found.values) == 1


@pytest.mark.parametrize("pixels", [1, 2, 7])
def test_few_changed_pixels_are_kinds_too(name, pixels):
    before, after, labels, _ = three_kinds()
    labels[:] = UNCHANGED
    labels.ravel()[:pixels] = CHANGED
    found = told(name, scene_of(before, after), labels)
    assert found.pixels.sum() == pixels
    assert np.isfinite(found.spectra).all()
    asked = told(name, scene_of(before, after), labels, kinds_count=8)
    assert asked.doubts
    assert asked.pixels.sum() == pixels


def test_a_map_of_change_alone_has_kinds(name):
    before, after, _, kinds = three_kinds()
    found = told(name, scene_of(before, after), np.full(kinds.shape, CHANGED))
    assert found.pixels.sum() == kinds.size


def test_images_that_do_not_vary_are_one_kind(name):
    flat = np.full((ROWS, COLUMNS, BANDS), 3, np.float32)
    labels = np.full((ROWS, COLUMNS), UNCHANGED)
    labels[:3] = CHANGED
    assert told(name, scene_of(flat, flat.copy()), labels).pixels.tolist() == [150]
