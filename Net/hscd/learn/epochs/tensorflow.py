"""Epochs on TensorFlow: one compiled call loops over all batches.

On a CPU a batch is split into one part a thread. Each part goes forward and back through all layers on its own thread,
with its activations in that core's cache; splitting every single matrix product among the threads instead, as
TensorFlow does by itself, makes them wait for each other some fifty times a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hscd.learn.epochs.batches import HeldPatches, adds_losses, gathered, keeps_statistics
from hscd.networks.siamese import reach, with_embeddings
from hscd.scenes.patches import Patches
from hscd.system.arrays import aligned_empty, is_aligned
from hscd.system.backend import keras, threads

# Parts of a training batch: each is compiled, and takes half a second for it.
_MOST_PARTS = 4
# Pairs a part of a forward pass: their activations stay in the cache, and TensorFlow's own costs do not count. All
# parts have this size, the last one is padded: how the sums of a matrix product are ordered depends on how many rows
# it has, so only then the distance of a pair does not depend on the pairs that are predicted with it.
_PREDICTION_PART = 1024
# Of patches so many pixels, but no fewer pairs than this.
_LEAST_PART = 16
# Pairs a copy, where there has to be one: small beside the pairs, large beside the part of a thread.
_COPIED_PAIRS = 8 * _PREDICTION_PART


class Epochs:
    """Compiled passes of one model; see the package."""

    def __init__(self, model: keras.Model) -> None:
        self._model, self._whole = model, with_embeddings(model)
        self._on_gpu = bool(tf.config.list_physical_devices("GPU"))
        undivided = model.loss.needs_whole_batches or keeps_statistics(model)
        self._parts = 1 if self._on_gpu or undivided else min(threads(), _MOST_PARTS)
        self._judged_by_batch = model.loss.needs_whole_batches or adds_losses(model)
        # Data is always an argument: what a compiled function takes from around it is never freed.
        array = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
        labels, positions = tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None,), tf.int32)
        pairs, self._reach = array, reach(model)
        self._part = max(_LEAST_PART, _PREDICTION_PART // (2 * self._reach + 1) ** 2)
        if self._reach:
            pairs = HeldPatches(tf.TensorSpec((None, 2, array.shape[-1]), tf.float32), *[positions] * 3)
        some = (pairs, labels, positions, tf.TensorSpec((), tf.int32))
        self._train = tf.function(self._training_epoch, input_signature=some)
        self._judge = tf.function(self._judgement, input_signature=some)
        self._predict_all = tf.function(self._prediction, input_signature=(pairs,))
        self._predict_some = tf.function(self._prediction, input_signature=(pairs, positions))
        self._differentiate = tf.function(self._gradients, input_signature=(array,))
        self._apply = tf.function(lambda image: model(image, training=False), input_signature=(array,))

    def hold(self, array: np.ndarray | Patches, like: HeldPatches | None = None) -> Any:
        """An array as a tensor: the same memory where alignment and device allow, a copy otherwise.

        Patches may be `like` others that are held: their pixels are not handed over again.
        """
        if isinstance(array, Patches):
            pixels = self.hold(array.pixels) if like is None else like.pixels
            return HeldPatches(pixels, *(tf.constant(part, tf.int32) for part in array.arrays[1:]))
        if _is_tensor_memory(array) and not self._on_gpu:
            return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
        return tf.constant(np.asarray(array, np.float32))

    def train(
        self, pairs: tf.Tensor, labels: tf.Tensor, order: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train on the pairs at the positions `order`, batch after batch; their distances and losses."""
        seen = self._train(pairs, labels, tf.constant(order, tf.int32), tf.constant(batch_size, tf.int32))
        return _columns(seen)

    def judge(
        self, pairs: tf.Tensor, labels: tf.Tensor, order: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distances and losses of the pairs at the positions `order`."""
        size = batch_size if self._judged_by_batch else self._part
        return _columns(self._judge(pairs, labels, tf.constant(order, tf.int32), tf.constant(size, tf.int32)))

    def distances(self, pairs: Any, positions: np.ndarray | None = None) -> np.ndarray:
        """Distances of pixel pairs: an array, or what `hold` returned."""
        if isinstance(pairs, Patches):
            pairs, positions = self.hold(pairs), np.arange(len(pairs))
        if positions is not None:
            return self._predict_some(pairs, tf.constant(positions, tf.int32)).numpy()
        if not isinstance(pairs, np.ndarray):
            return self._predict_all(pairs).numpy()
        if _is_tensor_memory(pairs):
            return self._predict_all(self.hold(pairs)).numpy()
        found = np.empty(len(pairs), np.float32)
        block = aligned_empty((_COPIED_PAIRS, *pairs.shape[1:]))
        for start in range(0, len(pairs), _COPIED_PAIRS):
            part = pairs[start : start + _COPIED_PAIRS]
            block[: len(part)] = part
            found[start : start + len(part)] = self._predict_all(self.hold(block[: len(part)])).numpy()
        return found

    def gradients(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances of pixel pairs, and the gradient of each by its own values, of the shape of the pairs."""
        distances, gradients = self._differentiate(tf.constant(pairs, tf.float32))
        return distances.numpy(), gradients.numpy()

    def image(self, pairs: np.ndarray) -> np.ndarray:
        """Distances of the pixels of a (2, rows, columns, bands) array around which the network sees all, row-major."""
        return self._apply(tf.constant(pairs[None], tf.float32)).numpy()

    def _taken(self, pairs: Any, chosen: tf.Tensor) -> tf.Tensor:
        """The pairs, or patches, at some positions."""
        return gathered(pairs, chosen, self._reach) if self._reach else tf.gather(pairs, chosen)

    def _training_epoch(
        self, pairs: tf.Tensor, labels: tf.Tensor, order: tf.Tensor, batch_size: tf.Tensor
    ) -> tf.Tensor:
        steps = -(-tf.size(order) // batch_size)
        seen = tf.TensorArray(tf.float32, steps, infer_shape=False, element_shape=(None, 2))
        for step in tf.range(steps):
            batch = order[step * batch_size : (step + 1) * batch_size]
            seen = seen.write(step, self._training_step(pairs, labels, batch))
        return seen.concat()

    def _training_step(self, pairs: tf.Tensor, labels: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        size = tf.size(batch)
        seen, losses = [], []
        with tf.GradientTape() as tape:
            for part in range(self._parts):
                chosen = batch[size * part // self._parts : size * (part + 1) // self._parts]
                distances, values = self._losses(self._taken(pairs, chosen), tf.gather(labels, chosen), training=True)
                losses.append(tf.reduce_sum(values))
                seen.append(tf.stack([distances, values], axis=1))
            loss = tf.add_n(losses) / tf.cast(size, tf.float32)
        weights = self._model.trainable_variables
        self._model.optimizer.apply(tape.gradient(loss, weights), weights)
        return tf.concat(seen, 0)

    def _losses(self, pairs: tf.Tensor, labels: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """Distances of pairs and the losses that these make together, what layers add to them included."""
        distances, embeddings = self._whole(pairs, training=training)
        values = self._model.loss.values(labels, distances, embeddings)
        # Added to each pair: the parts of a batch then count by their sizes.
        for added in self._whole.losses:
            values += tf.reduce_sum(added)
        return distances, values

    def _judgement(self, pairs: tf.Tensor, labels: tf.Tensor, order: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        parts = -(-tf.size(order) // size)

        def judge_part(part: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            chosen = order[part * size : (part + 1) * size]
            spectra, targets = self._taken(pairs, chosen), tf.gather(labels, chosen)
            if not self._judged_by_batch:
                missing = size - tf.size(chosen)
                spectra, targets = _padded(spectra, missing), tf.pad(targets, [[0, missing]])
            both = tf.stack(self._losses(spectra, targets, training=False), axis=1)
            return part + 1, found.write(part, both[: tf.size(chosen)])

        found = tf.TensorArray(tf.float32, parts, infer_shape=False, element_shape=(None, 2))
        at_a_time = 1 if self._judged_by_batch else threads()
        _, found = tf.while_loop(lambda part, _: part < parts, judge_part, (0, found), parallel_iterations=at_a_time)
        return found.concat()

    def _prediction(self, pairs: tf.Tensor, positions: tf.Tensor | None = None) -> tf.Tensor:
        count = tf.shape(pairs)[0] if positions is None else tf.size(positions)
        parts = -(-count // self._part)

        def predict_part(part: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            chosen = slice(part * self._part, (part + 1) * self._part)
            spectra = pairs[chosen] if positions is None else self._taken(pairs, positions[chosen])
            missing = self._part - tf.shape(spectra)[0]
            spectra = _padded(spectra, missing)  # no copy where nothing is missing
            return part + 1, found.write(part, self._model(spectra, training=False))

        found = tf.TensorArray(tf.float32, parts, element_shape=(self._part,))
        # The parts do not depend on each other: as many run at a time as there are threads.
        _, found = tf.while_loop(lambda part, _: part < parts, predict_part, (0, found), parallel_iterations=threads())
        return found.concat()[:count]

    def _gradients(self, pairs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(pairs)
            distances = self._model(pairs, training=False)
        return distances, tape.gradient(distances, pairs)


def _padded(spectra: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
    """So many more pairs of zeros."""
    return tf.pad(spectra, [[0, missing], *[[0, 0]] * (spectra.shape.rank - 1)])


def _columns(seen: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Distances and losses, each in one piece."""
    distances, losses = np.ascontiguousarray(seen.numpy().T)
    return distances, losses


def _is_tensor_memory(array: np.ndarray) -> bool:
    """Whether TensorFlow can take the memory of an array for a tensor."""
    return is_aligned(array) and array.dtype == np.float32 and array.flags.writeable and array.size > 0
