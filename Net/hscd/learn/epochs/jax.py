"""Epochs on JAX: one compiled scan over all batches, fused by XLA."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

import jax
import numpy as np

from hscd.learn.epochs.batches import HeldPatches, adds_losses, gathered
from hscd.networks.dropout import dropout_layers
from hscd.networks.siamese import reach, with_embeddings
from hscd.scenes.patches import Patches
from hscd.system.arrays import aligned_empty, is_aligned
from hscd.system.backend import keras

# Pairs a forward pass, on a CPU and elsewhere, where it takes many to hide what a pass costs to start. The last one is
# padded: one shape is compiled, and the distance of a pair does not depend on the pairs that are predicted with it, as
# the order of the sums in a matrix product depends on how many rows it has.
_PREDICTION_PAIRS, _PREDICTION_PAIRS_ON_GPU = 1024, 16_384
# Passes that are started before the first one is waited for: data moves to the device while it computes.
_IN_FLIGHT = 3

# On a GPU, sums of products as exact as on a CPU: by itself JAX rounds what is multiplied to ten bits there.
jax.config.update("jax_default_matmul_precision", "float32")

# Values of the trained weights, of all other variables, and of the optimiser's.
State = tuple[list[jax.Array], list[jax.Array], list[jax.Array]]
# Distances and losses of pairs.
Seen = tuple[jax.Array, jax.Array]


class Epochs:
    """Compiled passes of one model; see the package."""

    def __init__(self, model: keras.Model) -> None:
        self._model, self._whole = model, with_embeddings(model)
        self._judged_by_batch = model.loss.needs_whole_batches or adds_losses(model)
        self._reach = reach(model)
        # A patch is as large as many pairs.
        more = 0 if jax.default_backend() == "cpu" else _PREDICTION_PAIRS_ON_GPU // (2 * self._reach + 1) ** 2
        self._part = max(_PREDICTION_PAIRS, more)
        # In an order that does not change when layers are frozen.
        self._all = model.variables
        # Data is always an argument, and so are the values of all variables: what a compiled function takes from around
        # it is never freed, and does not change.
        self._batches = jax.jit(self._train_batches, donate_argnums=0)
        self._forward = jax.jit(self._predict_part)
        self._judge_part = jax.jit(self._judgement)
        self._differentiate = jax.jit(jax.value_and_grad(self._total, argnums=1, has_aux=True))

    def hold(self, array: np.ndarray | Patches, like: HeldPatches | None = None) -> Any:
        """An array on the device: the same memory where alignment and device allow, a copy otherwise.

        Patches may be `like` others that are held: their pixels are not handed over again.
        """
        if isinstance(array, Patches):
            pixels = self.hold(array.pixels) if like is None else like.pixels
            return HeldPatches(pixels, *(jax.numpy.asarray(part) for part in array.arrays[1:]))
        array = np.asarray(array, np.float32)
        return jax.numpy.asarray(array, copy=None if is_aligned(array) else True)

    def train(
        self, pairs: jax.Array, labels: jax.Array, order: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train on the pairs at the positions `order`, batch after batch; their distances and losses."""
        state = self._state()
        masks = [layer.masks.value for layer in dropout_layers(self._model)]
        seen = []
        full = len(order) // batch_size * batch_size
        # Shapes are part of what is compiled: the last, smaller batch is a scan of its own.
        for part, size in ((order[:full], batch_size), (order[full:], len(order) - full)):
            if len(part):
                batches = part.reshape(-1, size).astype(np.int32)
                state, found = self._batches(state, masks, pairs, labels, batches)
                seen.append([np.asarray(values).ravel() for values in found])
        for variables, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return _joined(seen)

    def judge(
        self, pairs: jax.Array, labels: jax.Array, order: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distances and losses of the pairs at the positions `order`."""
        variables = [variable.value for variable in self._all]
        size = batch_size if self._judged_by_batch else self._part
        seen = []
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            # Padded, but not where a loss depends on all that is there.
            padding = 0 if self._judged_by_batch else size - len(chosen)
            spectra = self._taken(pairs, chosen)
            spectra = jax.numpy.pad(spectra, [(0, padding), *[(0, 0)] * (spectra.ndim - 1)])
            found = self._judge_part(variables, spectra, jax.numpy.pad(labels[chosen], (0, padding)))
            seen.append([np.asarray(values)[: len(chosen)] for values in found])
        return _joined(seen)

    def distances(self, pairs: Any, positions: np.ndarray | None = None) -> np.ndarray:
        """Distances of pixel pairs: an array, or what `hold` returned."""
        variables = [variable.value for variable in self._all]
        if isinstance(pairs, Patches):
            pairs, positions = self.hold(pairs), np.arange(len(pairs))
        count = len(pairs) if positions is None else len(positions)
        found = np.empty(count, np.float32)
        started: deque[tuple[int, jax.Array]] = deque()

        def finish() -> None:
            start, part = started.popleft()
            found[start : start + self._part] = part[: count - start]

        for start in range(0, count, self._part):
            stop = min(start + self._part, count)
            part = pairs[start:stop] if positions is None else self._taken(pairs, positions[start:stop])
            if len(part) < self._part:
                padded = aligned_empty((self._part, *part.shape[1:]))
                padded[: len(part)], padded[len(part) :] = part, 0
                part = padded
            part = self.hold(part) if isinstance(part, np.ndarray) else part
            started.append((start, self._forward(variables, part)))
            if len(started) == _IN_FLIGHT:
                finish()
        while started:
            finish()
        return found

    def gradients(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances of pixel pairs, and the gradient of each by its own values, of the shape of the pairs."""
        variables = [variable.value for variable in self._all]
        (_, distances), gradients = self._differentiate(variables, jax.numpy.asarray(pairs, jax.numpy.float32))
        return np.array(distances), np.array(gradients)

    def image(self, pairs: np.ndarray) -> np.ndarray:
        """Distances of the pixels of a (2, rows, columns, bands) array around which the network sees all, row-major."""
        return np.asarray(self._forward([variable.value for variable in self._all], self.hold(pairs[None])))

    def _taken(self, pairs: Any, chosen: Any) -> jax.Array:
        """The pairs, or patches, at some positions."""
        return gathered(pairs, chosen, self._reach) if self._reach else pairs[chosen]

    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        return self._model.trainable_variables, self._model.non_trainable_variables, self._model.optimizer.variables

    def _state(self) -> State:
        # Copies: the compiled scan takes their memory for its results.
        trainable, others, optimizer = ([v.value.copy() for v in variables] for variables in self._variables())
        return trainable, others, optimizer

    def _train_batches(
        self, state: State, masks: list[jax.Array], pairs: jax.Array, labels: jax.Array, batches: jax.Array
    ) -> tuple[State, Seen]:
        def step(state: State, batch: jax.Array) -> tuple[State, Seen]:
            trainable, others, optimizer = state
            loss = partial(
                self._loss, others=others, masks=masks, pairs=self._taken(pairs, batch), labels=labels[batch]
            )
            (_, (others, seen)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable)
            trainable, optimizer = self._model.optimizer.stateless_apply(optimizer, gradients, trainable)
            return (trainable, others, optimizer), seen

        return jax.lax.scan(step, state, batches)

    def _loss(
        self,
        trainable: list[jax.Array],
        *,
        others: list[jax.Array],
        masks: list[jax.Array],
        pairs: jax.Array,
        labels: jax.Array,
    ) -> tuple[jax.Array, tuple[list[jax.Array], Seen]]:
        """Mean loss of a batch; with it the other variables after it, and what was seen of its pairs."""
        model = self._model
        pool = [layer.masks for layer in dropout_layers(model)]
        variables = [*model.trainable_variables, *model.non_trainable_variables, *pool]
        values = zip(variables, [*trainable, *others, *masks], strict=True)
        with keras.StatelessScope(list(values), collect_losses=True) as scope:
            distances, losses = self._losses(pairs, labels, training=True)
        others = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
        return jax.numpy.mean(losses), (others, (distances, losses))

    def _losses(self, pairs: jax.Array, labels: jax.Array, *, training: bool) -> Seen:
        """Distances of pairs and the losses that these make together, what layers add to them included."""
        distances, embeddings = self._whole(pairs, training=training)
        values = self._model.loss.values(labels, distances, embeddings)
        for added in self._whole.losses:
            values += jax.numpy.sum(added)
        return distances, values

    def _judgement(self, variables: list[jax.Array], pairs: jax.Array, labels: jax.Array) -> Seen:
        with keras.StatelessScope(list(zip(self._all, variables, strict=True)), collect_losses=True):
            return self._losses(pairs, labels, training=False)

    def _predict_part(self, variables: list[jax.Array], pairs: jax.Array) -> jax.Array:
        with keras.StatelessScope(list(zip(self._all, variables, strict=True))):
            return self._model(pairs, training=False)

    def _total(self, variables: list[jax.Array], pairs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The sum of the distances, of which each depends on its own pair alone; and the distances."""
        distances = self._predict_part(variables, pairs)
        return jax.numpy.sum(distances), distances


def _joined(seen: list[list[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    distances, losses = (np.concatenate(part) for part in zip(*seen, strict=True))
    return distances, losses
