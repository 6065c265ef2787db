"""Training and prediction against plain Keras on TensorFlow: two inputs, `fit([a, b])` and `predict([a, b])`.

Beside it training the best plain way: both images stacked in one pass, and many steps a call (`steps_per_execution`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import measure
import plain as plain_way
from hscd.system import hardware

PAIRS, PREDICTED_PAIRS, BANDS = 100_000, 730_000, 224
BATCHES = (32, 256, 512)
PARAMETERS = {
    "dropout_rate": 0.2, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 224, "layer_1": 160, "layer_2": 96,
    "score_function": "ED", "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
# Multiply-adds of one spectrum forward through the branch, and of a training step: the backward pass has two products
# more a layer, of which the first layer needs one only.
PRODUCTS = BANDS * 224 + 224 * 160 + 160 * 96
TRAINING_PRODUCTS = 3 * PRODUCTS - BANDS * 224
# Steps a call of the best plain way.
STEPS = 64
# Of the plain prediction, scaled up.
PLAIN_SHARE = 10


def data() -> tuple[np.ndarray, np.ndarray]:
    from hscd.system.arrays import aligned_empty

    rng = np.random.default_rng(0)
    pairs = aligned_empty((PAIRS, 2, BANDS))
    pairs[:] = rng.random(pairs.shape, dtype=np.float32)
    return pairs, rng.integers(0, 2, PAIRS).astype(np.float32)


def plain() -> list[float]:
    """Pairs a second, of training by batch size and of prediction."""
    pairs, labels = data()
    first, second = plain_way.halves(pairs)
    model = plain_way.model(BANDS, PARAMETERS)
    rates = []
    for batch in BATCHES:
        model.fit([first[: 2 * batch], second[: 2 * batch]], labels[: 2 * batch], batch_size=batch, verbose=0)
        work = measure.seconds(lambda batch=batch: model.fit([first, second], labels, batch_size=batch, verbose=0), 2)
        rates.append(PAIRS / work)
    some = PREDICTED_PAIRS // PLAIN_SHARE
    work = measure.seconds(lambda: model.predict([first[:some], second[:some]], verbose=0), 2)
    return [*rates, some / work]


def stacked() -> list[float]:
    """Pairs a second of training by batch size, the best plain way."""
    pairs, labels = data()
    rates = []
    for batch in BATCHES:
        model = plain_way.stacked_model(BANDS, PARAMETERS, STEPS)

        def epoch(count: int, model: Any = model, batch: int = batch) -> None:
            model.fit(pairs[:count], labels[:count], batch_size=batch, verbose=0)

        epoch(2 * STEPS * batch)
        rates.append(PAIRS / measure.seconds(lambda epoch=epoch: epoch(PAIRS), 2))
    return rates


def ours() -> list[float]:
    """The same, of this program on the backend of the environment."""
    from hscd.learn.epochs import Epochs
    from hscd.networks.dropout import dropout_layers
    from hscd.networks.siamese import build_net
    from hscd.system.arrays import aligned_empty

    pairs, labels = data()
    model = build_net((BANDS,), PARAMETERS, seed=0)
    model.optimizer.build(model.trainable_variables)
    epochs = Epochs(model)
    arrays = epochs.hold(pairs), epochs.hold(labels)
    rng = np.random.default_rng(0)

    def epoch(batch: int) -> None:
        for layer in dropout_layers(model):
            layer.redraw()
        epochs.train(*arrays, rng.permutation(PAIRS), batch)

    rates = []
    for batch in BATCHES:
        epoch(batch)
        rates.append(PAIRS / measure.seconds(lambda batch=batch: epoch(batch), 3))
    scene = aligned_empty((PREDICTED_PAIRS, 2, BANDS))
    for start in range(0, PREDICTED_PAIRS, PAIRS):
        scene[start : start + PAIRS] = pairs[: PREDICTED_PAIRS - start]
    epochs.distances(scene)
    return [*rates, PREDICTED_PAIRS / measure.seconds(lambda: epochs.distances(scene), 3)]


def main() -> None:
    rate = measure.matrix_product_rate()
    slow = measure.apart("training", "plain", KERAS_BACKEND="tensorflow")
    best = measure.apart("training", "stacked", KERAS_BACKEND="tensorflow")
    works = [*(f"training, {PAIRS:,} pairs × {BANDS} bands, batch {batch}" for batch in BATCHES)]
    works.append(f"prediction, {PREDICTED_PAIRS:,} pairs × {BANDS} bands")
    products = [*[TRAINING_PRODUCTS] * len(BATCHES), PRODUCTS]
    for backend in filter(hardware.is_installed, hardware.BACKENDS):
        fast = measure.apart("training", "ours", KERAS_BACKEND=backend)
        # The machine's speed wanders: the better of the rates before and after.
        rate = max(rate, measure.matrix_product_rate())
        for work, plain_rate, our_rate, product in zip(works, slow, fast, products, strict=True):
            # Two spectra a pair, two operations a product.
            share = our_rate * 4 * product / 1e9 / rate
            measure.row(
                f"{work}, {backend}",
                f"{plain_rate:,.0f} pairs/s",
                f"{our_rate:,.0f} pairs/s, {share:.0%} of the {rate:.0f} GFLOP/s of a float32 matrix product",
                our_rate / plain_rate,
            )
        for work, best_rate, our_rate in zip(works, best, fast, strict=False):
            measure.row(
                f"{work}, {backend}, against both images stacked and {STEPS} steps a call",
                f"{best_rate:,.0f} pairs/s",
                f"{our_rate:,.0f} pairs/s",
                our_rate / best_rate,
            )
