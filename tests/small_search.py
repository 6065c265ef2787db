"""A search that takes seconds, and the labelled pixel pairs for it."""

import numpy as np

import siamese
from hscd.heads.euclidean import euclidean_dist
from settings import SearchSettings

CHOICES = SearchSettings(
    batch_size=[32, 64],
    max_evals=3,
    options={"neurons": [8, 12], "neurons_1": [6], "neurons_2": [4], "max_dropout": 0.2, "fourth_layer": False},
)


def labelled_pairs(pixels: int = 300, bands: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pixel pairs of which every third is changed: its second spectrum is another one."""
    rng = np.random.default_rng(seed)
    pairs = rng.random((pixels, 1, bands)).repeat(2, axis=1)
    labels = (np.arange(pixels) % 3 > 0).astype(np.uint8)
    pairs[labels == 0, 1] = 1 - pairs[labels == 0, 1]
    return (pairs + rng.normal(0, 0.02, pairs.shape)).astype(np.float32), labels


def search(folder, choices=CHOICES, seed=0, workers=1, engine="local", **data):
    pairs, labels = labelled_pairs()
    arguments = {"train_set": pairs, "train_labels": labels, "test_set": pairs, "test_labels": labels} | data
    return siamese.hyperparam_search(
        *arguments.values(),
        euclidean_dist,
        "M",
        choices,
        model_path=folder / "model",
        stat_path=folder / "stat",
        seed=seed,
        workers=workers,
        engine=engine,
    )
