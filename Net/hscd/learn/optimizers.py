"""Optimisers."""

from __future__ import annotations

from typing import Any

from hscd.learn.regime import OPTIMIZERS
from hscd.system.backend import keras

MOMENTUM = 0.9  # of stochastic gradient descent


class _OwnStep:
    """A step on TensorFlow that keeps no graphs, and has one kernel a weight, not a dozen; Keras' own elsewhere.

    Keras' own goes through tf.distribute, which keeps every graph that is ever built: a leak with each trial.
    """

    kind: str  # of `OPTIMIZERS`: Keras numbers the names of its own

    def _backend_update_step(self, gradients: Any, variables: Any, learning_rate: Any) -> None:
        if keras.backend.backend() != "tensorflow":
            super()._backend_update_step(gradients, variables, learning_rate)  # type: ignore[misc]
            return
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]
            return
        self._apply(gradient, variable, learning_rate)

    def _apply(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """The step of one weight, on TensorFlow."""
        raise NotImplementedError


class Adam(_OwnStep, keras.optimizers.Adam):
    """Keras' Adam with another step on TensorFlow.

    Measured with TensorFlow 2.21 and Keras 3.15, on branches of 224, 160 and 96 units, 224 bands. Keras' own step keeps
    three graphs a model: after 3, 9 and 15 models 920, 1001 and 1079 MB, with this one 889 MB each time. On one core an
    epoch with it takes 1.2 × the processor time at batch 32, 1.05 × at 256.

    References:
        Kingma, Ba (2015), "Adam: a method for stochastic optimization", ICLR.
    """

    kind = "adam"

    def _apply(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        index = self._get_variable_index(variable)
        beta_1, beta_2 = (tf.constant(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.constant(self.epsilon, variable.dtype),
            grad=gradient,
        )


class Sgd(_OwnStep, keras.optimizers.SGD):
    """Keras' stochastic gradient descent with momentum, with another step on TensorFlow.

    References:
        Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and momentum in deep learning",
            ICML.
    """

    kind = "sgd"

    def _apply(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        tf.raw_ops.ResourceApplyKerasMomentum(
            var=_handle(variable),
            accum=_handle(self.momentums[self._get_variable_index(variable)]),
            lr=tf.cast(learning_rate, variable.dtype),
            grad=gradient,
            momentum=tf.constant(self.momentum, variable.dtype),
        )


def _handle(variable: Any) -> Any:
    """TensorFlow's resource of a Keras variable, or of a TensorFlow one."""
    return getattr(variable, "_value", variable).handle


def optimizer_of(name: str, learning_rate: float) -> keras.optimizers.Optimizer:
    """A new optimiser, "adam" or "sgd".

    Raises:
        ValueError: if it is neither.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r:.80}; known: {', '.join(OPTIMIZERS)}")
    return Adam(learning_rate) if name == "adam" else Sgd(learning_rate, momentum=MOMENTUM)
