"""Epochs on JAX: one compiled scan over all batches, fused by XLA."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from hscd.networks.dropout import dropout_layers
from hscd.system.arrays import aligned_empty, is_aligned
from hscd.system.backend import keras

# Pairs a forward pass. The last one is padded: one shape is compiled, and the distance of a pair does not depend on the
# pairs that are predicted with it, as the order of the sums in a matrix product depends on how many rows it has.
_PREDICTION_PAIRS = 1024

State = tuple[list[jax.Array], list[jax.Array], list[jax.Array]]


class Epochs:
    """Compiled passes of one model; see the package."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        # Data is always an argument: what a compiled function takes from around it is never freed.
        self._batches = jax.jit(self._train_batches, donate_argnums=0)
        self._forward = jax.jit(self._predict_part)

    def hold(self, array: np.ndarray) -> jax.Array:
        """An array on the device: the same memory where alignment and device allow, a copy otherwise."""
        array = np.asarray(array, np.float32)
        return jax.numpy.asarray(array, copy=None if is_aligned(array) else True)

    def train(self, pairs: jax.Array, labels: jax.Array, order: np.ndarray, batch_size: int) -> np.ndarray:
        """Train on the pairs at the positions `order`, batch after batch."""
        state = self._state()
        masks = [layer.masks.value for layer in dropout_layers(self._model)]
        seen = []
        full = len(order) // batch_size * batch_size
        # Shapes are part of what is compiled: the last, smaller batch is a scan of its own.
        for part, size in ((order[:full], batch_size), (order[full:], len(order) - full)):
            if len(part):
                batches = part.reshape(-1, size).astype(np.int32)
                state, distances = self._batches(state, masks, pairs, labels, batches)
                seen.append(np.asarray(distances).ravel())
        for variables, values in zip(self._variables(), state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return np.concatenate(seen)

    def distances(self, pairs: Any, positions: np.ndarray | None = None) -> np.ndarray:
        """Distances of pixel pairs: an array, or what `hold` returned."""
        weights = [variable.value for variable in self._model.trainable_variables]
        count = len(pairs) if positions is None else len(positions)
        found = np.empty(count, np.float32)
        for start in range(0, count, _PREDICTION_PAIRS):
            stop = min(start + _PREDICTION_PAIRS, count)
            part = pairs[start:stop] if positions is None else pairs[positions[start:stop]]
            if len(part) < _PREDICTION_PAIRS:
                padded = aligned_empty((_PREDICTION_PAIRS, *part.shape[1:]))
                padded[: len(part)], padded[len(part) :] = part, 0
                part = padded
            part = self.hold(part) if isinstance(part, np.ndarray) else part
            found[start:stop] = self._forward(weights, part)[: stop - start]
        return found

    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        return self._model.trainable_variables, self._model.non_trainable_variables, self._model.optimizer.variables

    def _state(self) -> State:
        # Copies: the compiled scan takes their memory for its results.
        trainable, others, optimizer = ([v.value.copy() for v in variables] for variables in self._variables())
        return trainable, others, optimizer

    def _train_batches(
        self, state: State, masks: list[jax.Array], pairs: jax.Array, labels: jax.Array, batches: jax.Array
    ) -> tuple[State, jax.Array]:
        def step(state: State, batch: jax.Array) -> tuple[State, jax.Array]:
            trainable, others, optimizer = state
            loss = partial(self._loss, others=others, masks=masks, pairs=pairs[batch], labels=labels[batch])
            (_, (others, distances)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable)
            trainable, optimizer = self._model.optimizer.stateless_apply(optimizer, gradients, trainable)
            return (trainable, others, optimizer), distances

        return jax.lax.scan(step, state, batches)

    def _loss(
        self,
        trainable: list[jax.Array],
        *,
        others: list[jax.Array],
        masks: list[jax.Array],
        pairs: jax.Array,
        labels: jax.Array,
    ) -> tuple[jax.Array, tuple[list[jax.Array], jax.Array]]:
        """Mean loss of a batch; with it the state of the random generators after it, and the distances."""
        model = self._model
        pool = [layer.masks for layer in dropout_layers(model)]
        values = zip(
            [*model.trainable_variables, *model.non_trainable_variables, *pool],
            [*trainable, *others, *masks],
            strict=True,
        )
        with keras.StatelessScope(state_mapping=list(values)) as scope:
            distances = model(pairs, training=True)
            loss = jax.numpy.mean(model.loss.call(labels, distances))
        others = [scope.get_current_value(variable) for variable in model.non_trainable_variables]
        return loss, (others, distances)

    def _predict_part(self, weights: list[jax.Array], pairs: jax.Array) -> jax.Array:
        mapping = list(zip(self._model.trainable_variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self._model(pairs, training=False)
