"""Denoising autoencoder."""

from __future__ import annotations

from typing import Any

from hscd.pretraining import register
from hscd.registry import Option
from hscd.system import parsing

NOISE = Option(
    "pretraining_noise",
    lambda text: parsing.number(text, 0),
    "a number > 0",
    0.1,
    "deviation of the noise that is added to spectra, as a share of theirs (pretraining = denoising_autoencoder)",
)


@register("denoising_autoencoder", NOISE)
def denoising_autoencoder(spectra: Any, branch: Any, code: int, scale: float, *, pretraining_noise: float) -> Any:
    """Spectra without noise from codes of spectra with normal noise, anew each time; see `hscd.pretraining`.

    References:
        Vincent, Larochelle, Bengio, Manzagol (2008), "Extracting and composing robust features with denoising
        autoencoders", ICML.
    """
    from hscd.networks.autoencoder import Noise, dense_decoder, narrowed

    noisy = Noise(pretraining_noise * scale, name="noise")(spectra)
    return dense_decoder(narrowed(branch(noisy), code), branch)
