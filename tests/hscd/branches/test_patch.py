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
from hscd.models.saved import load_model, named_weights, read_parameters, save_model
from hscd.networks.siamese import build_net, reach
from hscd.scenes import patches
from hscd.scenes.scene import Window
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


@pytest.mark.parametrize("size", [1, 3, 5, 9, (3, 7)])
def test_a_network_sees_what_its_convolutions_see(size):
    network = build_net((BANDS,), PARAMETERS | {"patch_size": size})
    assert reach(network) == BRANCHES["patch"].reach({"patch_size": size}) == np.max(size) // 2
    assert BRANCHES["patch"].farthest({"patch_size": [1, size, 3]}) == max(np.max(size) // 2, 1)


# Filters of more bands than there are; of two, and several sizes.
@pytest.mark.parametrize("more", [{"patch_size": 3, "patch_bands": 9}, {"patch_size": (3, 5), "patch_bands": 2}])
def test_sizes_and_spectral_filters_give_what_each_patch_gives_and_are_saved(scene, more, tmp_path):
    parameters = PARAMETERS | more
    network = build_net((BANDS,), parameters, seed=1)
    shapes = [weights.shape for weights in named_weights(network).values()]
    assert BRANCHES["patch"].shapes(BANDS, parameters) == shapes
    random_weights(network)
    scene = scene.crop(Window(slice(60, 80), slice(0, 40)))
    positions = np.flatnonzero(scene.valid)
    by_patch = training.predict(network, patches.of_scenes([scene], [positions], reach(network)))
    whole = scored(TrainedNetwork("M", network), scene, None).scores
    assert by_patch.std() > 0.1
    np.testing.assert_allclose(whole.ravel()[positions], by_patch, rtol=1e-5, atol=1e-5)
    save_model(tmp_path / "M", parameters, named_weights(network), bands=BANDS)
    assert read_parameters(tmp_path / "M") == parameters
    pair = np.random.default_rng(0).random((1, 2, 9, 9, BANDS), np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / "M")(pair), network(pair))


# Filters of the second convolution are 0, so all that is left of 5 × 5 pixels is what the first one sees of 3 × 3.
def test_of_several_sizes_the_smaller_one_is_the_middle():
    branch = BRANCHES["patch"].build(BANDS, PARAMETERS | {"patch_size": (3, 5)})
    random_weights(branch)
    last = branch.get_layer("convolution_1")
    last.set_weights([0 * weights for weights in last.get_weights()])
    patch = np.random.default_rng(0).random((1, 5, 5, BANDS), np.float32)
    counts = np.zeros((5, 5), bool)
    for row, column in np.ndindex(5, 5):
        other = patch.copy()
        other[0, row, column] += 5
        counts[row, column] = np.abs(branch(other) - branch(patch)).max() > 0
    np.testing.assert_array_equal(counts, np.pad(np.ones((3, 3), bool), 1))


def test_a_spectral_filter_moves_along_pixels_and_bands():
    from hscd.branches.patch import _spectral
    from hscd.system.backend import keras

    rng = np.random.default_rng(0)
    inputs = keras.Input((4, 3, 9))
    model = keras.Model(inputs, _spectral(inputs, 2, 4, "first"))
    kernel, bias, along, more = weights = [rng.normal(size=of.shape) for of in model.weights]
    model.set_weights(weights)
    image = rng.random((4, 3, 9))
    found = np.zeros((2, 1, 2))
    for row in range(2):
        # Bands 0–3, 2–5 and 4–7: filters of four bands move by two.
        seen = [
            np.maximum(np.einsum("ijb,ijbf->f", image[row : row + 3, :, first : first + 4], kernel) + bias, 0)
            for first in (0, 2, 4)
        ]
        found[row, 0] = np.maximum(np.concatenate(seen) @ along[0, 0] + more, 0)
    np.testing.assert_allclose(model(image[None])[0], found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [-1, 1.5, True, "3", None])
def test_spectral_filters_of_a_saved_model_are_checked(value):
    with pytest.raises(ValueError, match="patch_bands is"):
        BRANCHES["patch"].shapes(BANDS, PARAMETERS | {"patch_bands": value})


def test_spectral_filters_are_searched_for_where_there_are_any():
    choices = {"patch_size": [(3, 5)], "patch_filters": [4]}
    assert BRANCHES["patch"].space(choices | {"patch_bands": [0]}) == choices_of(patch_size=(3, 5))
    assert BRANCHES["patch"].space(choices | {"patch_bands": [7]}) == choices_of(patch_size=(3, 5), patch_bands=7)


def choices_of(**more):
    return {"patch_filters": 4} | more


def test_a_whole_image_in_one_pass_equals_its_patches_whatever_the_windows(scene, model, monkeypatch):
    random_weights(model)  # distances of order 1
    positions = np.flatnonzero(scene.valid)
    by_patch = training.predict(model, patches.of_scenes([scene], [positions], 2))
    network = TrainedNetwork("M", model)
    whole = scored(network, scene, None).scores
    assert by_patch.std() > 1
    np.testing.assert_allclose(whole.ravel()[positions], by_patch, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(whole), ~scene.valid)
    # Without data in the upper tiles, which changes nothing two rows below them.
    lower = replace(scene, valid=scene.valid & (np.arange(90) >= 64)[:, None])
    np.testing.assert_array_equal(scored(network, lower, None).scores[66:], whole[66:])
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
