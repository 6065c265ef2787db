"""The patch branch: whole images as its patches, the dense branch as that of one pixel, and what training sees."""

from dataclasses import replace

import numpy as np
import pytest

import hscd.scenes.scene
from hscd.branches import BRANCHES
from hscd.detectors import scored
from hscd.detectors.network import TrainedNetwork
from hscd.learn import training
from hscd.learn.regime import Augmentation, Regime
from hscd.learn.samples import Passes, Samples
from hscd.models.saved import named_weights
from hscd.networks.siamese import build_net, reach
from hscd.scenes import patches
from hscd.system.errors import InputError
from patch_scenes import BANDS, scene_of
from toy_branch import random_weights

PARAMETERS = {
    "dropout_rate": 0.1, "dropout_rate_1": 0.2, "lr": 0.005, "layer": 7, "layer_1": 6, "layer_2": 5,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32, "network": "patch",
    "patch_size": 5, "patch_filters": 4,
}  # fmt: skip


@pytest.fixture
def scene():
    """90 × 75 pixels, more than a tile, of which some are masked and half changed."""
    valid = np.ones((90, 75), bool)
    valid[20:40, 50:] = valid[70, 3] = valid[:, 30] = False
    found = scene_of(valid)
    return replace(found, truth=np.random.default_rng(0).integers(0, 2, valid.shape).astype(np.uint8))


@pytest.fixture
def model():
    return build_net((BANDS,), PARAMETERS, seed=1)


# Of a layer for each: 3 · 4 + 4 of the projection, twice 9 · 4 · 4 + 4, and dense layers on 3 bands and 4 filters.
def test_shapes_are_those_of_two_convolutions_and_the_dense_layers():
    assert BRANCHES["patch"].shapes(BANDS, PARAMETERS) == [
        (1, 1, 3, 4), (4,), (3, 3, 4, 4), (4,), (3, 3, 4, 4), (4,), (7, 7), (7,), (7, 6), (6,), (6, 5), (5,),
    ]  # fmt: skip


def test_dense_layers_may_be_normalised():
    normalised = PARAMETERS | {"batch_normalisation": True}
    shapes = [weights.shape for weights in named_weights(build_net((BANDS,), normalised)).values()]
    assert BRANCHES["patch"].shapes(BANDS, normalised) == shapes
    assert len(shapes) == 12 + 2 * 3 + 2 * 3  # a scale, a shift and two moving statistics of three layers
    choices = {"patch_size": [3], "patch_filters": [4], "batch_normalisation": True}
    assert BRANCHES["patch"].space(choices)["batch_normalisation"] is True


@pytest.mark.parametrize("size", [1, 3, 5, 9])
def test_a_network_sees_what_its_convolutions_see(size):
    network = build_net((BANDS,), PARAMETERS | {"patch_size": size})
    assert reach(network) == BRANCHES["patch"].reach({"patch_size": size}) == size // 2


def test_a_whole_image_in_one_pass_equals_its_patches_whatever_the_windows(scene, model, monkeypatch):
    random_weights(model)  # distances of order 1
    positions = np.flatnonzero(scene.valid)
    by_patch = training.predict(model, patches.of_scenes([scene], [positions], 2))
    network = TrainedNetwork("M", model)
    whole = scored(network, scene, None).scores
    assert by_patch.std() > 1
    np.testing.assert_allclose(whole.ravel()[positions], by_patch, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(whole), ~scene.valid)
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 3 * 75 * 2 * BANDS * 4)
    assert len(hscd.scenes.scene.windows_of(scene.before, scene.after, times=2)) > 9
    np.testing.assert_array_equal(scored(network, scene, None).scores, whole)
    # Some of the patches, gathered on demand.
    samples = Samples([scene], [positions[::7]], room=100 * 2 * 25 * BANDS * 4, reach=2)
    assert len(list(samples.blocks)) > 5
    np.testing.assert_array_equal(training.predict(model, samples), by_patch[::7])


@pytest.fixture
def labelled(scene):
    """Patches around every twentieth pixel of a scene, and the labels."""
    positions = np.flatnonzero(scene.valid)[::20]
    return patches.of_scenes([scene], [positions], 2), scene.truth.ravel()[positions], positions


def test_a_patch_of_one_pixel_is_the_dense_network(labelled):
    pairs, _, _ = labelled
    one, dense = (build_net((BANDS,), PARAMETERS | more, seed=1) for more in ({"patch_size": 1}, {"network": "dense"}))
    for weights, expected in zip(one.get_weights(), dense.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    np.testing.assert_array_equal(training.predict(one, pairs), training.predict(dense, pairs.spectra))
    # A search of one size draws nothing for it, so it proposes what that for a dense network does.
    assert BRANCHES["patch"].space({"patch_size": [1], "patch_filters": [32]}) == {"patch_size": 1, "patch_filters": 32}


def test_a_smaller_network_takes_the_middle_of_a_patch(scene, labelled):
    pairs, _, positions = labelled
    network = build_net((BANDS,), PARAMETERS | {"patch_size": 3}, seed=1)
    small = patches.of_scenes([scene], [positions], 1)
    np.testing.assert_array_equal(training.predict(network, pairs), training.predict(network, small))


def test_patches_are_held_in_the_way_that_takes_least_memory(scene, labelled):
    _, _, positions = labelled
    samples = Samples([scene], [positions], reach=2)
    # A patch has 2 · 5 · 5 · 3 · 4 bytes; the extended scene is smaller than all, or larger than few; or three fit.
    assert samples.within(2**30).pixels.shape == (94 * 79, 2, BANDS)
    few = Samples([scene], [positions[:90]], reach=2).within(2**30)
    assert few.pixels.shape == (90 * 25, 2, BANDS)
    assert samples.within(94 * 79 * 2 * BANDS * 4 - 1) == replace(samples, room=94 * 79 * 2 * BANDS * 4 - 1)


class Looking:
    """Stands for compiled passes: gives the patches that they would see."""

    def hold(self, array, like=None):
        return array

    def train(self, pairs, labels, order, batch_size):
        return pairs[order].array, labels[order]


@pytest.mark.parametrize("regime", [Regime(augment_flips=True), Regime("natural", 0.1, 0.1, 0.1, True)])
def test_patches_are_turned_and_altered_alike_wherever_they_come_from(scene, labelled, regime):
    pairs, labels, positions = labelled
    order = np.random.default_rng(0).integers(200, size=300)  # some come several times
    turns = regime.turns(300, 0, 0)
    given = pairs.pixels.copy()

    def alter():
        return Augmentation(regime, 0, 0, np.zeros(BANDS), np.ones(BANDS)) if regime.alters else None

    seen = [
        Passes(Looking(), source, labels).train(order, 32, alter(), turns)
        for source in (pairs, Samples([scene], [positions], 2 * 32 * 600, 2))
    ]
    np.testing.assert_array_equal(seen[1][0], seen[0][0])
    np.testing.assert_array_equal(seen[1][1], labels[order])
    np.testing.assert_array_equal(pairs.pixels, given)
    if not regime.alters:
        np.testing.assert_array_equal(seen[0][0], pairs[order].turned(turns).array)
    assert (seen[0][0] != pairs[order].array).any()


# Of a patch all pixels of a date become brighter by one factor, and miss the same bands.
def test_all_pixels_of_a_patch_are_altered_alike():
    ones, mean, deviation = np.ones((50, 25, 2, BANDS), np.float32), np.full(BANDS, 9), np.ones(BANDS)
    regime = Regime(augment_gain=0.3, augment_bands=0.5)
    found = Augmentation(regime, 0, 0, mean, deviation)(ones.copy())
    np.testing.assert_array_equal(found, found[:, :1].repeat(25, axis=1))
    # As a single pixel is.
    np.testing.assert_array_equal(found[:, 0], Augmentation(regime, 0, 0, mean, deviation)(ones[:, 0].copy()))


def test_turns_are_drawn_anew_each_epoch_and_only_where_they_are_asked_for():
    regime = Regime(augment_flips=True)
    found = [regime.turns(800, 0, epoch) for epoch in (0, 1)]
    assert (found[0] != found[1]).any()
    assert all(np.bincount(of).min() > 60 for of in found)  # of 100
    np.testing.assert_array_equal(regime.turns(800, 0, 1), found[1])
    assert Regime().turns(800, 0, 0) is None
    assert not regime.alters


def test_a_network_that_sees_one_pixel_cannot_be_tuned_on_turned_patches():
    import siamese
    from hscd.learn.transfer import Transfer

    dense = build_net((BANDS,), PARAMETERS | {"network": "dense"})
    with pytest.raises(InputError, match="augment_flips: has no effect"):
        siamese.fine_tune(
            dense, 32, np.zeros((9, 2, BANDS), np.float32), np.zeros(9), how=Transfer(regime=Regime(augment_flips=True))
        )
