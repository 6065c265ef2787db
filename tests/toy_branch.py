"""A branch as others may come: convolution and batch normalisation, parameters and options of its own."""

import numpy as np
import pytest

from hscd.branches import BRANCHES, Branch, rate, whole
from hscd.heads.euclidean import euclidean_dist
from hscd.registry import Option
from hscd.system import parsing
from settings import SearchSettings

PARAMETERS = {
    "dropout_rate": 0.1, "lr": 1e-3, "score_function": euclidean_dist, "margin": 1.0, "batch_size": 32,
    "network": "filtered", "filters": 3,
}  # fmt: skip


class Filtered(Branch):
    """Filters along the bands, their means over all bands: no weight tells how many bands there are."""

    parameters = (whole("filters"), rate("dropout_rate"))

    def build(self, bands, parameters):
        from hscd.networks.dropout import MaskPoolDropout
        from hscd.system.backend import keras

        inputs = keras.Input((bands,))
        x = keras.layers.Reshape((bands, 1))(inputs)
        x = keras.layers.Conv1D(parameters["filters"], 3, padding="same", name="filter")(x)
        x = keras.layers.BatchNormalization(name="norm")(x)
        x = keras.layers.Conv1D(2, 1, name="mix")(x)
        x = keras.layers.GlobalAveragePooling1D()(x)
        x = MaskPoolDropout(parameters["dropout_rate"], name="dropout")(x)
        return keras.Model(inputs, x, name="branch")

    def shapes(self, bands, parameters):
        filters = parameters["filters"]
        # Kernels and biases, and between them scale and shift; last the moving mean and variance.
        return [(3, 1, filters), (filters,), (filters,), (filters,), (1, filters, 2), (2,), (filters,), (filters,)]

    def space(self, choices):
        from hyperopt import hp

        return {"filters": hp.choice("filters", choices["filter_counts"])}


# A section of the search for it.
FILTERED_SEARCH = SearchSettings([32, 64], 3, {"filter_counts": [2, 3, 4], "max_dropout": 0.2})


@pytest.fixture
def filtered(monkeypatch):
    """The registry knows it."""
    list(BRANCHES)  # the members are there
    option = Option("filter_counts", parsing.integers, "a Python list of integers")
    shared = [option for option in BRANCHES.options("dense") if option.name == "max_dropout"]
    monkeypatch.setattr(BRANCHES, "_members", dict(BRANCHES._members))
    monkeypatch.setattr(BRANCHES, "_options", dict(BRANCHES._options))
    return BRANCHES.add("filtered", Filtered(), option, *shared)


def random_weights(model, seed=0):
    """Other weights in every place; variances are not negative."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.1, 1.0, weights.shape).astype(np.float32) for weights in model.get_weights()])
