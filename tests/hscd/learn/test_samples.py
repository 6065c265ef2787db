"""Pixel pairs on demand: those of the array, and a training on them that gives the same."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from hscd.learn import training
from hscd.learn.samples import Passes, Samples
from hscd.networks.siamese import build_net
from hscd.scenes.image import Image
from hscd.scenes.scaling import band_ranges
from hscd.scenes.scene import Scene

BANDS = 4
PARAMETERS = {
    "dropout_rate": 0.1, "dropout_rate_1": 0.2, "lr": 0.005, "layer": 7, "layer_1": 6, "layer_2": 5,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip


def scene(rows, columns, seed):
    """A pair of random images, scaled by band; what changes is the mirror image of what was."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (rows, columns)).astype(np.uint8)
    before = rng.random((rows, columns, BANDS)).astype(np.float32)
    after = np.where(truth[..., None] == 1, before, 1 - before)

    def image(pixels):
        block = (1, columns)
        return Image(Path("a"), "test", pixels.shape, pixels.dtype, block, lambda rows, columns: pixels[rows, columns])

    return Scene("a", image(before), image(after), truth, None, band_ranges([before, after], [None, None]))


@pytest.fixture
def two_scenes():
    """Samples of two scenes, and the labels of their pairs: all pixels of one, some of the other in an odd order."""
    scenes = [scene(9, 13, 0), scene(17, 11, 1)]
    positions = [np.arange(9 * 13), np.random.default_rng(2).permutation(17 * 11)[:120]]
    labels = [found.truth.ravel()[chosen] for found, chosen in zip(scenes, positions, strict=True)]
    return Samples(scenes, positions), np.concatenate(labels)


def test_pairs_are_those_of_the_scenes_one_after_the_other(two_scenes):
    found, _ = two_scenes
    assert found.shape == (117 + 120, 2, BANDS)
    assert len(found) == 237
    for number in (0, 116, 117, 236):
        at, position = (0, number) if number < 117 else (1, found.positions[1][number - 117])
        row, column = divmod(int(position), found.scenes[at].truth.shape[1])
        low, high = found.scenes[at].ranges
        for date, image in enumerate((found.scenes[at].before, found.scenes[at].after)):
            pixel = image.window(slice(row, row + 1), slice(column, column + 1))[0, 0]
            np.testing.assert_allclose(found.take(np.array([number]))[0, date], (pixel - low) / (high - low), rtol=1e-6)
    # In the order that is asked for, some of them twice.
    numbers = np.array([200, 3, 118, 3, 116])
    np.testing.assert_array_equal(found.take(numbers), [found.take(np.array([number]))[0] for number in numbers])
    assert found.take(numbers[:0]).shape == (0, 2, BANDS)


def test_of_one_scene_they_are_its_own(two_scenes):
    found, _ = two_scenes
    alone = Samples(found.scenes[1:], found.positions[1:])
    numbers = np.array([83, 1, 3, 1])
    np.testing.assert_array_equal(alone.take(numbers), found.take(117 + numbers))


def test_an_array_is_made_where_there_is_room(two_scenes):
    found, _ = two_scenes
    size = 237 * 2 * BANDS * 4
    assert found.within(size - 1) == replace(found, room=size - 1)
    np.testing.assert_array_equal(found.within(size), found.take(np.arange(237)))


@dataclass
class Taking:
    """Stands for a scene, and for compiled passes over what it gives: the numbers of pairs that are held at a time."""

    bands: int = BANDS
    held: list[int] = field(default_factory=list)

    def take(self, positions):
        return np.empty((len(positions), 2, BANDS), np.float32)

    def hold(self, array):
        return array

    def judge(self, pairs, labels, order, batch_size):
        assert pairs.shape == (len(labels), 2, BANDS)
        np.testing.assert_array_equal(order, np.arange(len(labels)))
        self.held.append(len(pairs))
        return labels, labels


# 10 pairs a batch, of 2 · 4 · 4 bytes each.
@pytest.mark.parametrize(
    ("room", "blocks"), [(1, [10, 10, 10, 5]), (2 * 320 - 1, [10, 10, 10, 5]), (2 * 320, [20, 15]), (4 * 320, [35])]
)
def test_no_more_are_gathered_at_a_time_than_there_is_room_for(room, blocks):
    taking, labels = Taking(), np.arange(40, dtype=np.float32)
    order = np.random.default_rng(0).permutation(40)[:35]
    distances, losses = Passes(taking, Samples([taking], [np.arange(40)], room), labels).judge(order, 10)
    assert taking.held == blocks
    np.testing.assert_array_equal([distances, losses], [labels[order]] * 2)


# 32 pairs a batch, of 2 · 4 · 4 bytes: blocks of one batch, of three, and of all at once.
@pytest.mark.parametrize("room", [1, 3 * 32 * 32 + 5, 2**20])
def test_a_training_on_demand_equals_that_on_the_array(two_scenes, room):
    found, labels = two_scenes
    found = replace(found, room=room)
    rules = training.Rules(max_epochs=3, min_delta=1e-4, patience=10, validation_share=0.2)
    split = training.stratified_split(labels, 0, 0.2)
    outcomes = []
    for pairs in (found.take(np.arange(len(found))), found):
        model = build_net((BANDS,), PARAMETERS, seed=1)
        result = training.fit(model, pairs, labels, *split, rules=rules, batch_size=32, seed=0)
        outcomes.append((result, model.get_weights()))
    (array, expected), (on_demand, weights) = outcomes
    assert on_demand == array
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)
