"""Embeddings of the same pairs, epoch by epoch, as files of TensorBoard's projector."""

from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from hscd.explanation.embeddings import embedded
from hscd.labels import CHANGED
from hscd.learn import training
from hscd.learn.embedding_log import EmbeddingLog
from hscd.learn.samples import Samples
from hscd.networks.siamese import build_net
from tiny_model import PARAMETERS

# 130 of 150 pairs are unchanged: 100 of them are followed, and all 20 changed ones.
RNG = np.random.default_rng(0)
PAIRS = RNG.random((150, 2, 3), np.float32)
LABELS = (np.arange(150) >= 20).astype(np.uint8)


def vectors(file):
    return np.loadtxt(file, delimiter="\t")


SAMPLES = Samples([SimpleNamespace(take=PAIRS.__getitem__)], [np.arange(150)])


@pytest.mark.parametrize("pairs", [PAIRS, SAMPLES], ids=["array", "samples"])
def test_the_same_pairs_are_followed_from_before_the_first_epoch(tmp_path, pairs):
    model = build_net((3,), PARAMETERS, seed=1)
    log = EmbeddingLog(tmp_path / "train", pairs, LABELS, seed=4)
    train, validation = np.arange(0, 150, 2), np.arange(1, 150, 2)
    for _ in range(2):  # a training of two parts
        training.fit(
            model, PAIRS, LABELS, train, validation, rules=training.Rules(1, 0.0, 5, 0.2), batch_size=32, seed=0,
            callbacks=[log],
        )  # fmt: skip
    config = text_format.Parse((tmp_path / "train/projector_config.pbtxt").read_text(), ProjectorConfig())
    assert [(entry.tensor_name, entry.tensor_path) for entry in config.embeddings] == [
        ("epoch 0", "epoch_000.tsv"), ("epoch 1", "epoch_001.tsv"), ("epoch 2", "epoch_002.tsv"),
    ]  # fmt: skip
    first, second, last = (vectors(tmp_path / "train" / entry.tensor_path) for entry in config.embeddings)
    assert first.shape == (2 * 120, 3)
    followed = PAIRS[np.flatnonzero(LABELS == CHANGED)]
    untrained = build_net((3,), PARAMETERS, seed=1)
    np.testing.assert_allclose(first[:40], embedded(untrained, followed).reshape(40, 3), rtol=1e-5)
    # One epoch a part, so that the last is the model as it is left.
    np.testing.assert_allclose(last[:40], embedded(model, followed).reshape(40, 3), rtol=1e-5)
    assert not np.allclose(first, second)
    rows = (tmp_path / "train/metadata.tsv").read_text().splitlines()
    assert rows[:3] == ["pair\tdate\tlabel", "1\tbefore\tchanged", "1\tafter\tchanged"]
    assert (len(rows), rows[-1]) == (241, "120\tafter\tunchanged")
