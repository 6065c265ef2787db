"""Pre-training without labels: the branch first learns to reconstruct spectra, then becomes that of a Siamese network.

A member is a function that puts a decoder behind a branch:

    reconstruction = PRETRAININGS[name](spectra, branch, code, scale, **options)

It gets a Keras tensor of spectra (spectra, bands), a branch network, the width of the code at most, and the deviation
of the spectra over all bands; its options are those that it alone is registered with, not `COMMON`. It returns the
reconstruction (spectra, bands), of mean 0 and in units of `scale`. What it adds beside the error (`add_loss`) is a mean
over spectra. How it is trained is in `hscd.learn.pretraining`.

A member's module is imported when the configuration is read: it imports Keras inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hscd.registry import Option, Registry
from hscd.system import parsing

NONE = "none"
# The one that needs a convolutional branch.
CONVOLUTIONAL = "convolutional_autoencoder"
# Units of a code where there are more bands than that.
CODE = 128
# What `pretraining_data` calls the spectra that ship with the program.
SPECTRA = "spectra"

CODE_SIZE = Option(
    "pretraining_code",
    lambda text: parsing.integer(text, 1),
    "an integer >= 1",
    None,
    "units of the code that spectra are reconstructed from, unless the embedding is narrower",
    f"{CODE}, or half of the bands where there are no more than that",
)
EPOCHS = Option(
    "pretraining_epochs",
    lambda text: parsing.integer(text, 1),
    "an integer >= 1",
    10,
    "epochs of a pre-training at most; it ends when the error of pixels that are held out stops falling",
)
PIXELS = Option(
    "pretraining_pixels",
    lambda text: parsing.integer(text, 2),
    "an integer >= 2",
    100_000,
    "pixels, labelled or not, that a pre-training draws; their spectra in both images count",
)
DATA = Option(
    "pretraining_data",
    parsing.names,
    f"names of data sets' sections, or {SPECTRA}, separated by commas",
    None,
    "data sets whose pixels a pre-training learns from, of as many bands as train_set; labels have no part in it; "
    f"{SPECTRA} is mixtures of the spectra that ship with the program, at the wavelengths of train_set",
    "train_set",
)
COMMON = (CODE_SIZE, EPOCHS, PIXELS, DATA)

# None for no pre-training.
PRETRAININGS: Registry[Callable[..., Any] | None] = Registry("pretraining", __name__)


def register(name: str, *options: Option) -> Callable[[Callable], Callable]:
    """Make a pre-training known under `name`, with those options that it brings beside `COMMON`."""

    def add(function: Callable) -> Callable:
        PRETRAININGS.add(name, function, *COMMON, *options)
        return function

    return add


def own_options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the parameters of a model say of the options that its pre-training alone has."""
    options = PRETRAININGS.options(parameters["pretraining"])
    return {option.name: parameters[option.name] for option in options if option not in COMMON}


def code_size(wanted: int | None, bands: int) -> int:
    """Units of a code: those that are wanted, else fewer than a spectrum has bands."""
    return wanted or (CODE if bands > CODE else max(1, bands // 2))


def doubt_of_code(wanted: int | None, bands: int) -> str:
    """What a warning says of a code that is not narrower than the spectra; "" for nothing."""
    if code_size(wanted, bands) < bands:
        return ""
    return (
        f"a code of up to {code_size(wanted, bands)} units (pretraining_code) is not narrower than spectra of {bands} "
        f"{'band' if bands == 1 else 'bands'}: they can be copied, and nothing need be learned of them"
    )
