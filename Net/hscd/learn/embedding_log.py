"""Embeddings of some training pairs, epoch by epoch, for TensorBoard's projector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hscd.detectors.tools.samples import chosen
from hscd.explanation.embeddings import embedded
from hscd.labels import CHANGED, UNCHANGED
from hscd.learn.samples import Pairs, Samples
from hscd.reports.embeddings import projector_config, tsv
from hscd.system import storage
from hscd.system.backend import keras

# Pairs of each class that are followed.
_PAIRS = 100


class EmbeddingLog(keras.callbacks.Callback):
    """Writes the embeddings of the same random pairs before a training and after each of its epochs.

    Files: epoch_000.tsv and so on, a point a line, before and after of each pair; metadata.tsv, what each is;
    projector_config.pbtxt, which names them. TensorBoard looks for the last one in folders of its records.

    Args:
        folder: where they go, of records.
        pairs: (pairs, 2, bands) float32 array, or samples; not patches, whose embeddings nothing explains.
        labels: (pairs,) labels, 0 changed, 1 unchanged.
        seed: of which pairs are followed.
    """

    def __init__(self, folder: Path, pairs: Pairs, labels: np.ndarray, seed: int) -> None:
        super().__init__()
        self._folder, self._files = folder, dict[str, str]()
        rng = np.random.default_rng(seed)
        of_classes = [np.flatnonzero(labels == label) for label in (CHANGED, UNCHANGED)]
        numbers = np.concatenate([places[chosen(len(places), rng, _PAIRS)] for places in of_classes])
        self._pairs: Any = pairs.take(numbers) if isinstance(pairs, Samples) else pairs[numbers]
        self._labels = labels[numbers]

    def on_train_begin(self, logs: Any = None) -> None:
        if self._files:  # the second part of a training
            return
        storage.require_folder(self._folder)
        names = {CHANGED: "changed", UNCHANGED: "unchanged"}
        rows = [
            f"{number}\t{date}\t{names[int(label)]}\n"
            for number, label in enumerate(self._labels, start=1)
            for date in ("before", "after")
        ]
        storage.write_bytes(self._folder / "metadata.tsv", "".join(["pair\tdate\tlabel\n", *rows]).encode())
        self._write()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._write()

    def _write(self) -> None:
        epoch = len(self._files)
        file, vectors = f"epoch_{epoch:03d}.tsv", embedded(self.model, self._pairs)
        storage.write_bytes(self._folder / file, tsv(vectors.reshape(-1, vectors.shape[-1])))
        self._files[f"epoch {epoch}"] = file
        storage.write_bytes(self._folder / "projector_config.pbtxt", projector_config(self._files))
