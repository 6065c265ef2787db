"""A network whose distances are computed by hand, and the files of it in tests/data/models; run it to write them."""

import numpy as np

from conftest import PROJECT
from hscd.heads.euclidean import euclidean_dist
from hscd.models import saved as models
from hscd.models import weights

FOLDER = PROJECT / "tests/data/models"
VERSIONS = [f"version_{number}" for number in range(1, weights.VERSION + 1)]
PARAMETERS = {
    "dropout_rate": 0.125, "dropout_rate_1": 0.25, "lr": 1e-3, "layer": 2, "layer_1": 2, "layer_2": 3,
    "score_function": euclidean_dist, "margin": 1.0, "fourth_layer": False, "batch_size": 32,
}  # fmt: skip
WEIGHTS = {
    "dense/kernel": np.array([[1, 0], [0, 2]], np.float32),
    "dense/bias": np.array([0, 0.5], np.float32),
    "dense_1/kernel": np.array([[1, 1], [1, -1]], np.float32),
    "dense_1/bias": np.array([0, 0], np.float32),
    "dense_2/kernel": np.array([[1, 0, 2], [0, 1, 1]], np.float32),
    "dense_2/bias": np.array([0, 0, 1], np.float32),
}
PAIRS = np.array([[[1, 1], [0, 1]], [[1, 2], [1, 0]]], np.float32)
# (1, 1): relu(1, 2 + 0.5) = (1, 2.5), relu(3.5, −1.5) = (3.5, 0), (3.5, 0, 8)
# (0, 1): (0, 2.5), (2.5, 0), (2.5, 0, 6); the difference is (1, 0, 2)
# (1, 2): (1, 4.5), (5.5, 0), (5.5, 0, 12)
# (1, 0): (1, 0.5), (1.5, 0.5), (1.5, 0.5, 4.5); the difference is (4, −0.5, 7.5)
DISTANCES = np.sqrt([1 + 4, 16 + 0.25 + 56.25])

if __name__ == "__main__":
    models.save_model(FOLDER / VERSIONS[-1], PARAMETERS, WEIGHTS, rescaled=True)
