"""Passes over all pairs, compiled: one file a Keras backend.

Each backend offers the same class:

    Epochs(model)                                     of a compiled model from (batch, 2, bands) to (batch,)
        .hold(array)                                  an array as the backend wants it, handed over once; or patches
        .train(pairs, labels, order, batch_size)      one epoch of training on the pairs at some positions
        .judge(pairs, labels, order, batch_size)      the same pairs without training, as they are predicted
        .distances(pairs, positions=None)             distances of all pairs, or of those at some positions
        .gradients(pairs)                             distances of pairs, and their gradients by the values of each
        .image(pairs)                                 distances of the pixels of a (2, rows, columns, bands) array

A network that sees neighbours takes `Patches` for pairs (`hscd.scenes.patches`) and gathers those of a batch when they
are needed; `image` is for such a network alone, and gives the pixels around which it sees all, row-major.

`train` and `judge` return the distances and the losses of the pairs, in their order; the mean of the losses is that of
the epoch. In `train` both are those from before a batch is learned.

What a network, its layers and its loss may rely on, on every backend and whatever the number of threads:

- The loss (`hscd.losses`) gets labels, distances and embeddings, and gives a value a pair. A loss *of pairs* may get
  any part of a batch. A loss *of the batch* gets all of it; `train` and `judge` cut the order into batches, of which
  the last one is smaller where it does not come out even.
- What layers add (`add_loss`, regularisers) counts beside the loss, in training and in the losses that are returned. A
  layer adds a mean over the spectra that it sees or a value of its weights, never a sum over spectra.
- What layers keep beyond the trained weights, as moving statistics and the state of random generators, is carried from
  batch to batch, stays after the epoch, and counts in predictions.
- A layer that keeps something from batch to batch sees whole batches, both images together: so batch normalisation.
- A layer with `trainable = False` stays as it is. Layers may be frozen and released before each `Epochs(model)`.

On TensorFlow a batch is split among the threads where nothing of this says that it must not be (`batches`).
"""

from __future__ import annotations

from importlib import import_module

from hscd.system.backend import keras

Epochs = import_module(f"hscd.learn.epochs.{keras.backend.backend()}").Epochs
