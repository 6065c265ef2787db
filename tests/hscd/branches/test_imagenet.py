"""The branch of a network for photographs: images as their patches, layers that stay, and what a search starts from."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from hscd.branches import BRANCHES, imagenet
from hscd.detectors import scored
from hscd.detectors.network import TrainedNetwork
from hscd.heads.euclidean import euclidean_dist
from hscd.learn import training
from hscd.learn.co_teaching import twin
from hscd.learn.samples import Samples
from hscd.learn.transfer import Transfer, train_further
from hscd.models.saved import assign_weights, load_model, named_weights, read_parameters, save_model
from hscd.networks import pretrained
from hscd.networks.dilated import Features, features_of
from hscd.networks.plan import plan_of
from hscd.networks.siamese import build_net, reach
from hscd.scenes import patches
from hscd.scenes.scene import Window
from hscd.search.trials import Trials
from hscd.system.backend import keras
from hscd.system.errors import InputError
from patch_scenes import BANDS, scene_of
from tiny_plan import SHAPES, TEXT
from toy_branch import random_weights

PARAMETERS = {
    "dropout_rate": 0.1, "dropout_rate_1": 0.2, "lr": 0.005, "layer": 7, "layer_1": 6, "layer_2": 5,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32, "network": "imagenet",
    "imagenet_plan": TEXT, "imagenet_trainable": False,
}  # fmt: skip
RELEASED = {"imagenet_trainable": True}
BRANCH = BRANCHES["imagenet"]
RULES = training.Rules(1, 0.0, 1, 0.2)


def features(model):
    return model.get_layer("branch").get_layer("features")


@pytest.fixture
def scene():
    """90 × 75 pixels, more than a tile, of which some are masked and half changed."""
    valid = np.ones((90, 75), bool)
    valid[20:40, 50:] = valid[70, 3] = valid[:, 30] = False
    found = scene_of(valid)
    return replace(found, truth=np.random.default_rng(0).integers(0, 2, valid.shape).astype(np.uint8))


# A projection of 3 bands, what the layers give, their normalisation, and dense layers on 3 bands and 4 channels. What
# is trained comes first: layers that stay as they are come behind the last dense one, before the moving statistics.
@pytest.mark.parametrize("more", [{}, RELEASED, {"batch_normalisation": True}])
def test_shapes_are_those_of_the_layers_in_the_order_of_the_file(more):
    layers, dense = list(SHAPES.values()), [(7, 7), (7,), (7, 6), (6,), (6, 5), (5,)]
    last = [(4,), (4,)]
    if more == {"batch_normalisation": True}:
        dense = [(7, 7), *[(7,)] * 3, (7, 6), *[(6,)] * 3, (6, 5), *[(5,)] * 3]
        last += [(7,), (7,), (6,), (6,), (5,), (5,)]
    trained = [(1, 1, 3, 3), (3,), *(layers if more == RELEASED else []), (4,), (4,), *dense]
    expected = trained + ([] if more == RELEASED else layers) + last
    assert BRANCH.shapes(BANDS, PARAMETERS | more) == expected
    assert [weights.shape for weights in named_weights(build_net((BANDS,), PARAMETERS | more)).values()] == expected


def test_a_whole_image_in_one_pass_equals_its_patches(scene):
    model = build_net((BANDS,), PARAMETERS, seed=1)
    random_weights(model)
    assert reach(model) == BRANCH.reach(PARAMETERS) == 2
    scene = scene.crop(Window(slice(0, 70), slice(0, 40)))
    positions = np.flatnonzero(scene.valid)
    by_patch = training.predict(model, patches.of_scenes([scene], [positions], 2))
    whole = scored(TrainedNetwork("M", model), scene, None).scores
    assert by_patch.std() > 0.1
    np.testing.assert_allclose(whole.ravel()[positions], by_patch, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(whole), ~scene.valid)


@pytest.mark.parametrize("released", [False, True])
def test_layers_stay_as_they_are_to_the_last_bit_unless_they_are_released(scene, released, tmp_path):
    parameters = PARAMETERS | {"imagenet_trainable": released}
    model = build_net((BANDS,), parameters, seed=1)
    before = features(model).get_weights()
    positions = np.flatnonzero(scene.valid)[::80]
    pairs, labels = patches.of_scenes([scene], [positions], 2), scene.truth.ravel()[positions]
    # A second phase releases what a fine-tuning has frozen, not what is frozen for good.
    how = Transfer() if released else Transfer(freeze=1, release_learning_rate=1e-3)
    train_further(model, pairs, labels, how, rules=RULES, batch_size=32, seed=0)
    for first, then in zip(before, features(model).get_weights(), strict=True):
        assert (first == then).all() == (not released)
    projection = model.get_layer("branch").get_layer("projection").get_weights()[0]
    assert (projection != imagenet._colours(BANDS)).all()
    save_model(tmp_path / "M", parameters, named_weights(model), bands=BANDS)
    loaded = load_model(tmp_path / "M")
    assert features(loaded).trainable is released
    np.testing.assert_array_equal(training.predict(loaded, pairs), training.predict(model, pairs))


def test_a_saved_model_needs_no_network_of_keras(tmp_path, monkeypatch):
    model = build_net((BANDS,), PARAMETERS, seed=1)
    save_model(tmp_path / "M", PARAMETERS, named_weights(model), bands=BANDS)
    monkeypatch.setattr(pretrained, "network", None)
    monkeypatch.setattr(keras, "applications", None)
    pair = np.random.default_rng(0).random((1, 2, 9, 9, BANDS), np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / "M")(pair), model(pair))
    assert read_parameters(tmp_path / "M") == PARAMETERS


def test_a_plan_that_is_none_is_an_error_of_the_file(tmp_path):
    model = build_net((BANDS,), PARAMETERS, seed=1)
    for plan, said in (
        ("[]", "imagenet_plan is str; expected layers of"),
        (TEXT.replace("[3, 3]", "[5, 3]"), "do not fit the par"),
    ):
        save_model(tmp_path / "M", PARAMETERS | {"imagenet_plan": plan}, named_weights(model), bands=BANDS)
        with pytest.raises(InputError, match=said):
            load_model(tmp_path / "M")


def test_a_twin_has_the_same_layers_and_freezes_them(scene):
    model = build_net((BANDS,), PARAMETERS, seed=1)
    random_weights(model)
    other = twin(model, 2)
    pairs = Samples([scene], [np.flatnonzero(scene.valid)[::200]], reach=2).within(2**30)
    np.testing.assert_array_equal(training.predict(other, pairs), training.predict(model, pairs))
    assert len(other.trainable_weights) == len(model.trainable_weights) == 10


# A kernel of ones and inputs far from 0: what comes out of a batch has mean 0 and the deviation that it starts with.
def test_features_come_to_the_dense_layers_with_the_deviation_of_bands():
    model = build_net((BANDS,), PARAMETERS, seed=1).get_layer("branch")
    normalisation = model.get_layer("features_normalisation")
    values = np.random.default_rng(0).normal(500, 30, (1, 40, 40, 4))
    found = np.asarray(normalisation(values, training=True))
    np.testing.assert_allclose([found.mean(), found.std()], [0, 0.1], atol=1e-3)
    # After 20 batches statistics are those of the batches but for 0.9 ** 20, an eighth.
    for _ in range(19):
        normalisation(values, training=True)
    np.testing.assert_allclose(normalisation.moving_mean, 500 * (1 - 0.9**20), rtol=0.01)


# Red is the last third of the bands: of 7 bands 4 to 6, green 2 and 3, blue 0 and 1. Of two bands one is there twice.
@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        (7, [[0, 0, 0, 0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 0.5, 0.5, 0, 0, 0], [0.5, 0.5, 0, 0, 0, 0, 0]]),
        (3, [[0, 0, 1], [0, 1, 0], [1, 0, 0]]),
        (2, [[0, 1], [1, 0], [1, 0]]),
        (1, [[1], [1], [1]]),
    ],
)
def test_the_projection_starts_with_red_green_and_blue(bands, expected):
    start, bias = build_net((bands,), PARAMETERS).get_layer("branch").get_layer("projection").get_weights()
    np.testing.assert_allclose(start[0, 0].T, expected)
    np.testing.assert_array_equal(bias, 0)


# --- what a search starts from ---------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch):
    """What keras.applications gives for VGG16: two layers."""

    def make(**_):
        image = keras.Input((None, None, 3))
        return keras.Model(image, keras.layers.Conv2D(2, 5, name="b")(keras.layers.Conv2D(4, 3, name="a")(image)))

    make.__module__ = keras.applications.VGG16.__module__
    monkeypatch.setattr(keras.applications, "VGG16", make)
    for cached in (features_of, pretrained.network):
        cached.cache_clear()
    yield make
    for cached in (features_of, pretrained.network):
        cached.cache_clear()


def trials(tmp_path, **options):
    import siamese
    from small_search import CHOICES

    known = {option.name: option.default for option in BRANCHES.options("imagenet")} | CHOICES.options | options
    choices = {"batch_size": [32]} | known
    data = {"train_set": np.zeros((4, 2, BANDS), np.float32)}
    rest = euclidean_dist, choices, 0, tmp_path, siamese.training_rules(), 1.0, {"network": "imagenet"}
    return Trials(siamese.siamese_model, data, *rest)


def test_a_search_starts_with_the_weights_of_a_file_and_depends_on_them(made, tmp_path):
    path = tmp_path / "a.weights.h5"
    given = [np.random.default_rng(0).random((3, 3, 3, 4), np.float32), np.arange(4, dtype=np.float32)]
    with h5py.File(path, "w") as file:  # as files of Keras 2 are
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"kernel", b"bias"]
        group["kernel"], group["bias"] = given
    asked = trials(tmp_path, imagenet_weights=path, imagenet_layer="a", imagenet_trainable=True)
    search, _, space = asked.translated(lambda *_: None)
    assert space["imagenet_trainable"] is True
    parameters = PARAMETERS | {"imagenet_plan": space["imagenet_plan"], "imagenet_trainable": True}
    assert (BRANCH.reach(parameters), BRANCH.farthest(asked.choices)) == (1, 1)
    model = build_net((BANDS,), parameters, seed=1)
    assert (features(model).get_weights()[0] != given[0]).all()
    assert search.pretrain(model, parameters) == ({}, None)
    for found, expected in zip(features(model).get_weights(), given, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert set(asked.depends_on) - set(trials(tmp_path).depends_on) == {"initial features"}
    # A search that starts from such a model has layers of the same sizes, by their names; it may train them or not.
    sizes = BRANCH.sizes(parameters)
    assert {name: sizes[name] for name in sizes if "imagenet" in name} == {
        "imagenet_network": "VGG16", "imagenet_layer": "a",
    }  # fmt: skip


def test_untrained_layers_are_drawn_by_the_seed(made, tmp_path):
    asked = trials(tmp_path)
    assert BRANCH.initial(asked.choices) == {}
    parameters = PARAMETERS | {"imagenet_plan": asked.own["imagenet_plan"]}
    one, same, other = (features(build_net((BANDS,), parameters, seed=seed)).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()
    assert "imagenet_plan" in BRANCH.untold  # it is no column of the table of trials


# Layers of 3 × 3 and, behind them, 5 × 5 pixels, of 4 and 2 channels: the second one sees 7 × 7.
@pytest.mark.parametrize(
    ("options", "start", "said"),
    [
        ({}, None, "b, 2 channels that see 7 × 7 pixels, random weights, frozen"),
        (RELEASED, None, "b, 2 channels that see 7 × 7 pixels, random weights, trained"),
        ({"imagenet_layer": "a"}, "M", "a, 4 channels that see 3 × 3 pixels, weights of M, frozen"),
    ],
)
def test_the_network_is_described_with_the_layer_that_it_comes_to(made, options, start, said):
    assert BRANCH.described(options, start) == f"VGG16 up to {said}"
    assert BRANCH.settled(options) == {"imagenet_layer": options.get("imagenet_layer", "b")}


@pytest.mark.parametrize(
    ("weights", "said"), [("imagenet", "weights of ImageNet"), (Path("a.h5"), "weights of a.h5"), ("none", "random w")]
)
def test_the_origin_of_the_weights_is_described(weights, said, monkeypatch):
    monkeypatch.setattr(imagenet, "_features", lambda _: Features(plan_of(TEXT), []))
    assert f", {said}" in BRANCH.described({"imagenet_weights": weights})


@pytest.mark.parametrize("more", [{}, {"batch_normalisation": True, "fourth_layer": True}])
@pytest.mark.parametrize("released", [False, True])
def test_weights_are_carried_over_to_a_model_that_trains_other_layers(released, more):
    saved, other = (PARAMETERS | more | {"imagenet_trainable": of} for of in (released, not released))
    model = build_net((BANDS,), saved, seed=1)
    random_weights(model)
    arrays = list(named_weights(model).values())
    into = build_net((BANDS,), other, seed=2)
    assign_weights(into, BRANCH.carried_over(arrays, saved, other))
    found = named_weights(into)
    assert len(found) == len(arrays)
    for name, array in named_weights(model).items():
        np.testing.assert_array_equal(found[name], array)
    assert all(one is same for one, same in zip(BRANCH.carried_over(arrays, saved, saved), arrays, strict=True))


# Frozen, the four arrays of the layers are saved behind a projection (2), a normalisation (2) and three layers (6).
def test_a_search_that_releases_layers_starts_with_them_where_it_has_them(tmp_path):
    import siamese

    saved = [np.full(shape, number, np.float32) for number, shape in enumerate(BRANCH.shapes(BANDS, PARAMETERS))]
    save_model(tmp_path / "M", PARAMETERS, {str(number): of for number, of in enumerate(saved)}, bands=BANDS)
    sets, rest = [np.zeros((4, 2, BANDS), np.float32)] * 4, (None, {"network": "imagenet"}, None)
    for choices, order in ((RELEASED, [0, 1, *range(10, 14), *range(2, 10), 14, 15]), ({}, range(16))):
        start = siamese.Start(tmp_path / "M")
        found = siamese._trials(sets, euclidean_dist, choices, 0, tmp_path, *rest, start, False).start
        assert [int(array.flat[0]) for array in found] == list(order)


def test_layers_that_cannot_be_features_are_refused(made, tmp_path):
    with pytest.raises(InputError, match=r"VGG16 has no layer c; it has .*, a, b$"):
        _ = trials(tmp_path, imagenet_layer="c").own
