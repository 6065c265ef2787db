"""Compiled epochs against plain Keras: two inputs, one branch called twice, `train_on_batch`."""

import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from conftest import PROJECT
from hscd.heads import HEADS
from hscd.learn.epochs import Epochs
from hscd.learn.objective import Objective
from hscd.learn.optimizers import Adam
from hscd.networks.dropout import MASKS, MaskPoolDropout, dropout_layers
from hscd.networks.siamese import build_net
from hscd.system import hardware
from hscd.system.arrays import ALIGNMENT, aligned_empty, is_aligned
from hscd.system.backend import keras
from tiny_plan import TEXT

BANDS = 6
PARAMETERS = {
    "dropout_rate": 0.0, "dropout_rate_1": 0.0, "lr": 0.003, "layer": 9, "layer_1": 8, "layer_2": 7, "margin": 1.0,
    "fourth_layer": False, "batch_size": 32,
}  # fmt: skip


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel pairs of which every third is changed: its second spectrum is the mirror image of the first.

    There is something to learn: where gradients cancel, Adam makes steps of what rounding leaves of them.
    """
    rng = np.random.default_rng(0)
    pairs = rng.random((count, 1, BANDS)).repeat(2, axis=1)
    labels = np.arange(count) % 3 > 0
    pairs[~labels, 1] = 1 - pairs[~labels, 1]
    return (pairs + rng.normal(0, 0.02, pairs.shape)).astype(np.float32), labels.astype(np.float32)


def two_branches(model: keras.Model, distance) -> keras.Model:
    """The plain way to write the network: two inputs, and the branch of `model` called on each."""
    branch = keras.models.clone_model(model.get_layer("branch"))
    branch.set_weights(model.get_weights())
    first, second = keras.Input((BANDS,)), keras.Input((BANDS,))
    plain = keras.Model([first, second], distance.function(branch(first), branch(second)))
    plain.compile(keras.optimizers.Adam(PARAMETERS["lr"]), Objective("contrastive", distance.name, 1.0))
    return plain


def rounding(model: keras.Model, pairs: np.ndarray, distance) -> np.ndarray:
    """How far two distances of a pair may lie apart whose matrix products are summed in different orders.

    Float32 rounds by 6e-8. Three layers of sums of at most ten terms of order 1 make that 1e-6 of the vectors that the
    distance compares. An angle is off by that in units of the shorter vector, and the cosine of it by no more; where
    that is 0, it may be anything.
    """
    if distance.name == "ED":
        return np.full(len(pairs), 1e-6)
    vectors = np.asarray(model.get_layer("branch")(pairs.reshape(-1, BANDS))).reshape(len(pairs), 2, -1)
    shorter = np.linalg.norm(vectors, axis=-1).min(axis=1)
    assert np.median(shorter) > 0.1, "the tolerance has to mean something"
    with np.errstate(divide="ignore"):
        return 1e-6 + 1e-6 / shorter


@pytest.mark.parametrize("distance", HEADS.values(), ids=HEADS)
def test_a_stacked_pass_equals_that_of_two_branches(distance):
    model = build_net((BANDS,), PARAMETERS | {"score_function": distance.function}, seed=1)
    plain = two_branches(model, distance)
    pairs, _ = data(3000)
    expected = plain.predict([pairs[:, 0], pairs[:, 1]], verbose=0)
    errors = np.abs(Epochs(model).distances(pairs) - expected)
    assert (errors < rounding(model, pairs, distance)).all()


# Every distance once; how a batch is split does not depend on it.
@pytest.mark.parametrize(
    ("distance", "count", "batch_size", "threads"),
    [
        *((distance, 101, 32, 2) for distance in HEADS.values()),
        *((HEADS["ED"], *split) for split in [(64, 32, 1), (33, 32, 3), (20, 32, 2), (257, 128, 2)]),
    ],
)
def test_an_epoch_equals_plain_keras_over_the_same_batches(monkeypatch, distance, count, batch_size, threads):
    monkeypatch.setattr(f"{Epochs.__module__}.threads", lambda: threads)
    model = build_net((BANDS,), PARAMETERS | {"score_function": distance.function}, seed=1)
    plain = two_branches(model, distance)
    model.optimizer.build(model.trainable_variables)
    pairs, labels = data(count)
    order = np.random.default_rng(2).permutation(count)
    epochs = Epochs(model)
    seen, values = epochs.train(epochs.hold(pairs), epochs.hold(labels), order, batch_size)
    losses = []
    for start in range(0, count, batch_size):
        batch = order[start : start + batch_size]
        losses.append(len(batch) * plain.train_on_batch([pairs[batch, 0], pairs[batch, 1]], labels[batch]))
    for mine, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
    assert seen.shape == (count,)
    # Each distance is that before its batch is learned, and so is each loss.
    assert float(model.loss(labels[order], seen)) == pytest.approx(sum(losses) / count, abs=1e-5)
    assert values.shape == (count,)
    assert values.mean() == pytest.approx(sum(losses) / count, abs=1e-5)


def test_pairs_are_judged_as_they_are_predicted():
    """Bit for bit, whatever pairs they are judged with; the losses are those of their distances."""
    model = build_net((BANDS,), PARAMETERS | {"score_function": "ED", "dropout_rate": 0.3}, seed=1)
    epochs = Epochs(model)
    pairs, labels = data(3000)
    positions = np.random.default_rng(1).permutation(3000)[:1500]
    distances, losses = epochs.judge(epochs.hold(pairs), epochs.hold(labels), positions, 32)
    np.testing.assert_array_equal(distances, epochs.distances(pairs)[positions])
    expected = np.where(labels[positions] == 1, distances**2, np.maximum(1 - distances, 0) ** 2)
    np.testing.assert_allclose(losses, expected, rtol=1e-6, atol=1e-7)


def test_adam_is_that_of_keras():
    rng = np.random.default_rng(0)
    start = rng.normal(0, 1, (5, 3)).astype(np.float32)
    mine, expected = keras.Variable(start), keras.Variable(start)
    for variable, optimizer in ((mine, Adam(0.01)), (expected, keras.optimizers.Adam(0.01))):
        for step in range(20):
            optimizer.apply([keras.ops.convert_to_tensor(start * 10.0 ** (step % 7 - 5))], [variable])
    np.testing.assert_allclose(mine.numpy(), expected.numpy(), atol=1e-6)
    assert np.abs(mine.numpy() - start).max() > 0.05


def test_distances_of_some_positions_and_of_arrays_that_have_to_be_copied():
    model = build_net((BANDS,), PARAMETERS | {"score_function": "ED"}, seed=1)
    epochs = Epochs(model)
    pairs = aligned_empty((20_001, 2, BANDS))
    pairs[:] = data(len(pairs))[0]
    expected = model.predict(pairs, verbose=0, batch_size=4096)
    np.testing.assert_allclose(epochs.distances(pairs), expected, atol=1e-6)
    unaligned = np.empty(pairs.size + 1, np.float32)[1:].reshape(pairs.shape)
    unaligned[:] = pairs
    assert not is_aligned(unaligned)
    np.testing.assert_allclose(epochs.distances(unaligned), expected, atol=1e-6)
    positions = np.random.default_rng(0).integers(0, len(pairs), 5000)
    np.testing.assert_allclose(epochs.distances(epochs.hold(pairs), positions), expected[positions], atol=1e-6)
    read_only = pairs[:100]
    read_only.flags.writeable = False
    for other in (read_only, pairs[:100].astype(np.float64), pairs[:100].astype(">f4")):
        np.testing.assert_allclose(epochs.distances(other), expected[:100], atol=1e-6)
        np.testing.assert_allclose(epochs.distances(epochs.hold(other)), expected[:100], atol=1e-6)
    for count in (0, 1):
        assert epochs.distances(pairs[:count]).shape == (count,)


# Scenes are predicted window by window, and the maps have to be those of the whole scene bit by bit, whatever layers
# and units there are: each takes other kernels of a matrix product. 9001 pairs are several parts, the last not full.
@pytest.mark.parametrize("distance", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(("bands", "units", "fourth"), [(6, (9, 8, 7), True), (52, (8, 6, 4), False)])
def test_the_distance_of_a_pair_does_not_depend_on_others(distance, bands, units, fourth):
    layers = dict(zip(("layer", "layer_1", "layer_2"), units, strict=True))
    parameters = PARAMETERS | layers | {"score_function": distance.function, "fourth_layer": fourth}
    epochs = Epochs(build_net((bands,), parameters, seed=1))
    pairs = aligned_empty((9001, 2, bands))
    pairs[:] = np.random.default_rng(0).random(pairs.shape)
    whole = epochs.distances(pairs)
    assert np.isfinite(whole).all()
    for size in (1, 7, 520, 1025, 8191):
        for start in range(0, min(len(pairs), 20 * size), size):
            part = slice(start, start + size)
            np.testing.assert_array_equal(epochs.distances(pairs[part]), whole[part])
    positions = np.random.default_rng(1).permutation(len(pairs))[:3333]
    np.testing.assert_array_equal(epochs.distances(epochs.hold(pairs), positions), whole[positions])


def test_aligned_arrays():
    for shape in ((7,), (5, 2, 13), (1000, 2, 224)):
        array = aligned_empty(shape)
        assert array.shape == shape
        assert array.dtype == np.float32
        assert array.ctypes.data % ALIGNMENT == 0
    assert aligned_empty((0, 2, 3)).shape == (0, 2, 3)


# --- dropout -------------------------------------------------------------------------------------------------------


def test_dropout_drops_its_share_and_keeps_the_mean():
    layer = MaskPoolDropout(0.25)
    ones = np.ones((MASKS, 8), np.float32)
    dropped = np.asarray(layer(ones, training=True))
    assert set(np.unique(dropped).tolist()) == {0.0, np.float32(1 / 0.75)}
    # 4,096 masks of 8 values: the share has a standard deviation of sqrt(0.25 · 0.75 / 32768) = 0.0024
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.012)
    # Independent values: all eight of a mask fall out together once in 0.25⁸ = 65,536 times.
    assert np.count_nonzero((dropped == 0).all(axis=1)) < 5
    np.testing.assert_array_equal(np.asarray(layer(ones, training=False)), ones)
    np.testing.assert_array_equal(np.asarray(MaskPoolDropout(0.0)(ones, training=True)), ones)


def test_masks_are_redrawn_and_a_batch_takes_any_run_of_them():
    layer = MaskPoolDropout(0.5)
    ones = np.ones((64, 16), np.float32)
    first, second = (np.asarray(layer(ones, training=True)) for _ in range(2))
    assert (first != second).any()
    before = layer.masks.numpy()
    assert before.shape == (MASKS, 16)
    rows = {mask.tobytes() for mask in before}
    assert all(spectrum.tobytes() in rows for spectrum in first)
    layer.redraw()
    assert np.mean(before == layer.masks.numpy()) == pytest.approx(0.5, abs=0.02)
    layer.reserve(MASKS // 2)
    assert layer.masks.shape == (MASKS, 16)
    layer.reserve(5000)
    assert layer.masks.shape == (10_000, 16)
    assert layer(np.ones((10_000, 16), np.float32), training=True).shape == (10_000, 16)


def test_dropout_survives_its_configuration_and_is_not_saved():
    layer = MaskPoolDropout.from_config(MaskPoolDropout(0.3).get_config())
    assert layer.rate == 0.3
    layer(np.ones((2, 3), np.float32))
    assert layer.weights == []


def test_a_model_names_the_layers_that_drop_anything():
    model = build_net((BANDS,), PARAMETERS | {"score_function": "ED", "dropout_rate_1": 0.2})
    assert [layer.rate for layer in dropout_layers(model)] == [0.2]


def test_an_epoch_with_dropout_depends_on_the_seed_alone():
    pairs, labels = data(200)

    def trained(seed: int) -> list[np.ndarray]:
        model = build_net((BANDS,), PARAMETERS | {"score_function": "ED", "dropout_rate": 0.4}, seed=seed)
        model.optimizer.build(model.trainable_variables)
        epochs = Epochs(model)
        epochs.train(epochs.hold(pairs), epochs.hold(labels), np.arange(200), 64)
        return model.get_weights()

    first, again, other = trained(3), trained(3), trained(4)
    for mine, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(mine, same)
    assert any((mine != others).any() for mine, others in zip(first, other, strict=True))


# --- backends ------------------------------------------------------------------------------------------------------

ONE_EPOCH = """
import numpy as np
from hscd.system.backend import keras
from hscd.learn.epochs import Epochs
from hscd.networks.siamese import build_net
from hscd.scenes import patches

PATCH = {"network": "patch", "patch_size": 3, "patch_filters": 4}
rng = np.random.default_rng(0)
pairs, labels = rng.random((150, 2, BANDS), dtype=np.float32), rng.integers(0, 2, 150).astype(np.float32)
result = {"backend": keras.backend.backend()}
for name, rate in (("plain", 0.0), ("dropout", 0.4)):
    model = build_net((BANDS,), PARAMETERS | {"score_function": "ED", "dropout_rate": rate}, seed=1)
    model.set_weights([rng.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    model.optimizer.build(model.trainable_variables)
    epochs = Epochs(model)
    held = epochs.hold(pairs), epochs.hold(labels)
    result[name] = {
        "before": epochs.distances(pairs).tolist(),
        "gradients": epochs.gradients(pairs[:9])[1].tolist(),
        "seen": epochs.train(*held, np.arange(150)[::-1], 64)[0].tolist(),
        "again": epochs.train(*held, np.arange(150), 64)[0].tolist(),
        "after": epochs.distances(held[0], np.arange(10, 150)).tolist(),
    }
many = rng.random((3000, 2, BANDS), dtype=np.float32)
whole = epochs.distances(many)
parts = [epochs.distances(many[start : start + 700]) for start in range(0, 3000, 700)]
network = build_net((BANDS,), PARAMETERS | {"score_function": "ED", **PATCH})
network.set_weights([np.random.default_rng(1).normal(0, 0.3, weight.shape) for weight in network.get_weights()])
every = patches.of_images(many[:120], [(10, 12)], [None], np.ones(120, bool), 1)
image = np.moveaxis(every.pixels.reshape(12, 14, 2, BANDS), 2, 0)
result["patches"] = [Epochs(network).distances(every).tolist(), Epochs(network).image(image).tolist()]
IMAGENET = {"network": "imagenet", "imagenet_plan": PLAN, "imagenet_trainable": True}
network = build_net((BANDS,), PARAMETERS | {"score_function": "ED", "dropout_rate": 0.0, **IMAGENET})
network.set_weights([np.random.default_rng(1).uniform(0, 0.6, weight.shape) for weight in network.get_weights()])
network.optimizer.build(network.trainable_variables)
every = patches.of_images(many[:40], [(5, 8)], [None], np.ones(40, bool), 2)
image, seeing = np.moveaxis(every.pixels.reshape(9, 12, 2, BANDS), 2, 0), Epochs(network)
seeing.train(seeing.hold(every), seeing.hold(labels), np.arange(40), 20)
result["features"] = [seeing.distances(every).tolist(), seeing.image(image).tolist()]
result["windows"] = bool((np.concatenate(parts) == whole).all() and (epochs.distances(many[5:6]) == whole[5]).all())
"""


def on_backend(backend: str) -> dict:
    """What ONE_EPOCH gives on a backend, in a process of its own: Keras has one backend a process."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(PROJECT / 'Net')!r}); BANDS, PARAMETERS = {BANDS}, {PARAMETERS!r}\n"
        f"PLAN = {TEXT!r}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + ONE_EPOCH + "print(json.dumps(result))"],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("backend", hardware.BACKENDS[1:])
def test_backends_agree(backend):
    if not hardware.is_installed(backend):
        pytest.skip(f"{backend} is not installed")
    found = on_backend(backend)
    here = {"BANDS": BANDS, "PARAMETERS": PARAMETERS, "PLAN": TEXT}
    exec(ONE_EPOCH, here)
    expected = here["result"]
    assert (expected["backend"], found["backend"]) == ("tensorflow", backend)
    assert (expected["windows"], found["windows"]) == (True, True)
    assert np.abs(expected["plain"]["gradients"]).max() > 0.1
    for part, values in expected["plain"].items():
        np.testing.assert_allclose(found["plain"][part], values, atol=1e-4, err_msg=part)
    for values in (*found["patches"], expected["patches"][1]):
        np.testing.assert_allclose(values, expected["patches"][0], atol=1e-5)
    assert np.std(expected["features"][0]) > 0.01
    for values in (*found["features"], expected["features"][1]):
        np.testing.assert_allclose(values, expected["features"][0], rtol=1e-5, atol=1e-5)
    dropout = found["dropout"]
    assert np.abs(np.subtract(dropout["seen"], dropout["before"][::-1])[:64]).max() > 0.01, "nothing was dropped"
    assert np.isfinite(dropout["after"]).all()
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(dropout["seen"], dropout["again"][::-1], atol=1e-3)


def test_a_model_that_is_gone_leaves_no_graph_behind():
    """A search builds and compiles a network a trial; Keras' own optimiser step keeps their graphs for ever."""
    from tensorflow.python.framework.func_graph import FuncGraph

    pairs, labels = data(100)

    def train_one() -> int:
        keras.backend.clear_session()
        model = build_net((BANDS,), PARAMETERS | {"score_function": "ED", "dropout_rate": 0.1}, seed=1)
        model.optimizer.build(model.trainable_variables)
        epochs = Epochs(model)
        epochs.train(epochs.hold(pairs), epochs.hold(labels), np.arange(100), 32)
        del model, epochs
        gc.collect()
        return sum(isinstance(thing, FuncGraph) for thing in gc.get_objects())

    assert train_one() == train_one()
