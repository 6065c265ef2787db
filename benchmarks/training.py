"""Training and prediction against plain Keras: two inputs, `fit([a, b])` and `predict([a, b])` with defaults."""

from __future__ import annotations

import numpy as np

import measure
import siamese
from hscd import training
from hscd.backend import keras
from hscd.distances import euclidean_dist
from hscd.losses.contrastive import ContrastiveLoss
from hscd.networks.dense import dense_branch

PAIRS, BANDS = 50_000, 224
PARAMETERS = {
    "dropout_rate": 0.2, "dropout_rate_1": 0.1, "lr": 1e-3, "layer": 224, "layer_1": 160, "layer_2": 96,
    "score_function": euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
# Multiply-adds of one spectrum forward through the branch, and of a training step: the backward pass has two products
# more a layer, of which the first layer needs one only.
PRODUCTS = BANDS * 224 + 224 * 160 + 160 * 96
TRAINING_PRODUCTS = 3 * PRODUCTS - BANDS * 224


def plain_model() -> keras.Model:
    branch = dense_branch(BANDS, PARAMETERS)
    first, second = keras.Input((BANDS,)), keras.Input((BANDS,))
    model = keras.Model([first, second], euclidean_dist(branch(first), branch(second)))
    model.compile(keras.optimizers.Adam(1e-3), ContrastiveLoss(1.0))
    return model


def main() -> None:
    rate = measure.matrix_product_rate()
    print(f"float32 matrix product of this machine: {rate:.0f} GFLOP/s; {PAIRS:,} pairs x {BANDS} bands\n")
    measure.header()
    rng = np.random.default_rng(0)
    pairs = rng.random((PAIRS, 2, BANDS), dtype=np.float32)
    labels = rng.integers(0, 2, PAIRS).astype(np.float32)
    first, second = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    plain, ours = plain_model(), siamese.build_net((BANDS,), PARAMETERS)
    for batch in (32, 256, 512):

        def plain_epoch(batch: int = batch) -> None:
            plain.fit([first, second], labels, batch_size=batch, verbose=0)

        plain_epoch()
        slow = PAIRS / measure.seconds(plain_epoch, 2)
        epoch = training.compiled_epoch(ours, ours.train_step, training.on_device(pairs, labels), batch)
        epoch(np.arange(PAIRS))
        fast = PAIRS / measure.seconds(lambda epoch=epoch: epoch(rng.permutation(PAIRS)), 2)
        # Two spectra a pair, two operations a product.
        share = fast * 4 * TRAINING_PRODUCTS / 1e9 / rate
        measure.row(
            f"training, batch {batch}",
            f"{slow:,.0f} pairs/s",
            f"{fast:,.0f} pairs/s ({share:.0%} of the matrix-product rate)",
            fast / slow,
        )
    slow = PAIRS / measure.seconds(lambda: plain.predict([first, second], verbose=0), 2)
    fast = PAIRS / measure.seconds(lambda: siamese.predict(ours, pairs), 2)
    share = fast * 4 * PRODUCTS / 1e9 / rate
    measure.row(
        "prediction",
        f"{slow:,.0f} pairs/s",
        f"{fast:,.0f} pairs/s ({share:.0%} of the matrix-product rate)",
        fast / slow,
    )


if __name__ == "__main__":
    main()
