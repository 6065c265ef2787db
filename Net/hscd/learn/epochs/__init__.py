"""Passes over all pairs, compiled: one file a Keras backend.

Each backend offers the same class:

    Epochs(model)                                     of a compiled model from (batch, 2, bands) to (batch,)
        .hold(pairs)                                  pixel pairs as the backend wants them, handed over once
        .train(pairs, labels, order, batch_size)      one epoch of training; the distances it saw, in that order
        .distances(pairs, positions=None)             distances of all pairs, or of those at some positions
"""

from __future__ import annotations

from importlib import import_module

from hscd.system.backend import keras

Epochs = import_module(f"hscd.learn.epochs.{keras.backend.backend()}").Epochs
