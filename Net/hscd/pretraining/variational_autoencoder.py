"""Variational autoencoder."""

from __future__ import annotations

from typing import Any

from hscd.pretraining import register
from hscd.registry import Option
from hscd.system import parsing

BETA = Option(
    "pretraining_beta",
    parsing.not_negative,
    "a number >= 0",
    0.001,
    "weight of the divergence of codes from a normal distribution, by band (pretraining = variational_autoencoder)",
)


@register("variational_autoencoder", BETA)
def variational_autoencoder(spectra: Any, branch: Any, code: int, scale: float, *, pretraining_beta: float) -> Any:
    """Spectra from codes that are drawn from a normal distribution for each spectrum; see `hscd.pretraining`.

    What is minimised is the mean squared error of a band plus β·D/bands, D the Kullback–Leibler divergence of that
    distribution from the standard one. Times bands/β this is the negative of the evidence lower bound of spectra with
    normal noise of variance β/2, in units of the variance of the spectra.

    References:
        Kingma, Welling (2014), "Auto-encoding variational Bayes", ICLR; Higgins et al. (2017), "beta-VAE: learning
        basic visual concepts with a constrained variational framework", ICLR, for the weight.
    """
    from hscd.networks.autoencoder import Sampled, dense_decoder, units_of_code
    from hscd.system.backend import keras

    embeddings = branch(spectra)
    units = units_of_code(embeddings, code)
    means = keras.layers.Dense(units, name="code_mean")(embeddings)
    log_variances = keras.layers.Dense(units, name="code_log_variance")(embeddings)
    drawn = Sampled(pretraining_beta / spectra.shape[-1], name="drawn")([means, log_variances])
    return dense_decoder(drawn, branch)
