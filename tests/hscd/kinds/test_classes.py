"""Classes of change that labels taught: learned on one pair, applied to another one, saved and read."""

from dataclasses import replace

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.kinds import kinds_of
from hscd.kinds.classes import ClassHead, learned, read_head, write_head
from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.system.errors import InputError

DIRECTIONS = np.array([[1, 1, 0, 0], [0, 0, 1, -1], [-1, 0, 0, 1]])


def pair(seed, sizes, gain=1.0):
    """A pair in light of its own, of which rows changed in the directions of classes; its labels and classes."""
    rng = np.random.default_rng(seed)
    before = rng.normal(20, 1, (40, 30, 4))
    after = before + rng.normal(0, 0.3, before.shape)
    classes, row = np.zeros((40, 30), np.uint8), 0
    for number, rows in enumerate(sizes, start=1):
        after[row : row + rows] += 12 * DIRECTIONS[number - 1]
        classes[row : row + rows] = number
        row += rows
    images = [(gain * image + offset).astype(np.float32) for image, offset in ((before, 0), (after, 5 * gain))]
    truth = np.where(classes > 0, CHANGED, UNCHANGED).astype(np.uint8)
    return replace(scene_of(*images), truth=truth, classes=classes)


NAMES = {1: "11", 2: "12", 3: "13"}


def test_what_one_pair_taught_is_told_of_another_in_other_light(tmp_path):
    head = learned([pair(0, (6, 3, 2))], NAMES, np.random.default_rng(0))
    write_head(tmp_path / "M_classes.npz", head)
    assert read_head(tmp_path / "M_classes.npz").names == head.names == ("11", "12", "13")
    other = pair(1, (2, 0, 7), gain=3.0)
    labels = other.truth.copy()
    labels[-1] = UNKNOWN
    found = kinds_of(other, labels, "classes", np.random.default_rng(0), kinds_classes=tmp_path / "M_classes.npz")
    # In the order of the classes, not by size, also where one does not occur.
    np.testing.assert_array_equal(found.values[:-1], other.classes[:-1])
    assert (found.values[-1] == 255).all()
    assert (found.pixels.tolist(), found.names) == ([60, 0, 210], ("11", "12", "13"))
    assert np.isnan(found.spectra[1]).all()
    np.testing.assert_allclose(found.spectra[2, 0], other.before.read()[2:9].mean(axis=(0, 1)), rtol=1e-5)


def test_each_class_weighs_alike_and_two_classes_are_enough():
    head = learned([pair(0, (10, 1)), pair(2, (0, 1))], NAMES, np.random.default_rng(0))
    assert head.names == ("11", "12")
    # A change vector between both classes, in either direction: the rare class is as far away as the other.
    both = head.number(np.array([[5, 5, 0, 0], [0, 0, 5, -5], [3, 3, 4, -4], [4, 4, 3, -3]], float))
    assert both.tolist() == [0, 1, 1, 0]


def test_without_several_classes_nothing_is_learned():
    rng = np.random.default_rng(0)
    assert learned([pair(0, (5,))], NAMES, rng) is None
    assert learned([replace(pair(0, (5, 5)), classes=None)], NAMES, rng) is None
    assert learned([pair(0, ())], NAMES, rng) is None


def test_files_that_cannot_be_used_are_refused_in_one_line(tmp_path):
    file = tmp_path / "M_classes.npz"
    with pytest.raises(InputError, match="no such file; kinds_classes names it; a training on labels"):
        read_head(file)
    file.write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(InputError, match="not readable as classes of change"):
        read_head(file)
    sound = ClassHead(("1", "2"), np.ones((2, 4)), np.zeros(2))
    for wrong in (
        replace(sound, names=("1",)), replace(sound, weights=np.ones(2)), replace(sound, bias=np.zeros(3)),
        replace(sound, weights=np.ones((2, 4), np.float32)), replace(sound, bias=np.array([0, np.nan])),
    ):  # fmt: skip
        write_head(file, wrong)
        with pytest.raises(InputError, match=r"do not fit together|NaN or infinite"):
            read_head(file)
    write_head(file, replace(sound, weights=np.ones((2, 5))))
    scene = pair(0, (5, 5))
    with pytest.raises(InputError, match="classes of change in 5 bands, the images have 4"):
        kinds_of(scene, scene.truth, "classes", np.random.default_rng(0), kinds_classes=file)
