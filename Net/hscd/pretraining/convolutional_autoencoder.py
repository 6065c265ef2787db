"""Convolutional autoencoder."""

from __future__ import annotations

from typing import Any

from hscd.pretraining import CONVOLUTIONAL, register


@register(CONVOLUTIONAL)
def convolutional_autoencoder(spectra: Any, branch: Any, code: int, scale: float) -> Any:
    """Spectra from their codes by convolutions along the bands, the mirror of a convolutional branch.

    Where the branch averages two bands, the decoder repeats one; see `hscd.pretraining`.

    Raises:
        ValueError: if the branch has no convolutions.

    References:
        Masci, Meier, Cireşan, Schmidhuber (2011), "Stacked convolutional auto-encoders for hierarchical feature
        extraction", ICANN.
    """
    from hscd.networks.autoencoder import convolutional_decoder, narrowed

    return convolutional_decoder(narrowed(branch(spectra), code), branch)
