"""Autoencoder of dense layers."""

from __future__ import annotations

from typing import Any

from hscd.pretraining import register


@register("autoencoder")
def autoencoder(spectra: Any, branch: Any, code: int, scale: float) -> Any:
    """Spectra from their codes, by dense layers that mirror those of the branch; see `hscd.pretraining`.

    References:
        Hinton, Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks", Science 313.
    """
    from hscd.networks.autoencoder import dense_decoder, narrowed

    return dense_decoder(narrowed(branch(spectra), code), branch)
