"""What the two files of a saved model hold, and what can be told where something is missing.

Version 1 is that of files without a number: those of the guide's program, and of this one before there were numbers.
Its parameters are the ten of `saved.PARAMETERS`; how many bands a spectrum has is told by the first layer's weights.

Version 2 says so in the file of the weights, beside its number. Where a model has another branch than the dense one, or
another loss than the contrastive one, its parameters hold "network" or "loss" and what these declare as well.

Files of either version may say whether bands were rescaled, which pairs the model was trained on, and what their
spectra were like; nothing but warnings hang on it.

To raise the number: raise `weights.VERSION`, say here what changed, leave the older entries of `_BANDS` and whatever
else reads older files, and add files of the new version to tests/data/models (`tests/hscd/models/test_versions.py`
asks for them, and says how they are made). Nothing has to be raised for a new branch or loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hscd.branches import Parameter, Shapes, branch_of, positive, whole
from hscd.heads import by_function
from hscd.losses import LOSSES
from hscd.models.weights import WeightFile
from hscd.records import LARGEST_BATCH
from hscd.system.errors import InputError, brief


def _is_distance(value: Any) -> bool:
    with suppress(ValueError):
        return bool(by_function(value))
    return False


# What every model has, whatever its branch.
COMMON = (
    Parameter("score_function", _is_distance, "a distance of hscd.heads", "ED"),
    positive("margin"),
    positive("lr", example=1e-3, only_trained=True),
    whole("batch_size", LARGEST_BATCH, only_trained=True),
)


class Parameters(dict[str, Any]):
    """Parameters of a saved model; one that its file lacks and nothing tells is an `InputError` when it is asked for.

    Attributes:
        note: what the file lacks and what was done about it, for a warning; "" for nothing.
        refusal: why the model cannot be trained further; "" if it can.
        stand_ins: values with which the network can be built all the same, as predictions do not depend on them.
    """

    note = ""
    refusal = ""
    stand_ins: Mapping[str, Any] = {}

    def __missing__(self, name: str) -> Any:
        if name in self.stand_ins:
            raise InputError(self.refusal)
        raise KeyError(name)


def bands_of(stored: WeightFile, file: Path) -> int:
    """Number of bands of the spectra that a model was trained on.

    Raises:
        InputError: if the weights do not tell.
    """
    bands = _BANDS[stored.version](stored)
    if bands is None:
        raise InputError(f"{file}: does not say its number of bands, and no weights of a dense first layer show it")
    return bands


def bands_of_first(shapes: Shapes) -> int | None:
    """What the weights of a dense first layer say of the number of bands; None where they are none."""
    return shapes[0][0] if shapes and len(shapes[0]) == 2 else None


_BANDS: dict[int, Callable[[WeightFile], int | None]] = {
    1: lambda stored: bands_of_first(stored.shapes),
    2: lambda stored: stored.bands,
}


def completed(content: Mapping[str, Any], shapes: Shapes, file: Path) -> Parameters:
    """The parameters in a file, checked, with those that are missing and follow from the others or from the weights.

    Models of the guide's program lack some: sizes of layers, which the weights tell; the margin, which that program
    takes from the distance; and what only a further training needs, without which a model can predict.

    Args:
        content: of the file.
        shapes: of the weights.
        file: for errors.

    Raises:
        InputError: if one is missing that is needed to predict and that nothing tells, or one cannot be used.
    """
    try:
        branch = branch_of(content)
        told = branch.inferred(shapes)
        if "score_function" in content:
            told["margin"] = by_function(content["score_function"]).margin
    except ValueError as error:
        raise InputError(f"{file}: unusable parameters: {brief(error)}") from error
    declared = (*branch.parameters, *COMMON)
    missing = [parameter for parameter in declared if parameter.name not in content]
    inferred = {parameter.name: told[parameter.name] for parameter in missing if parameter.name in told}
    untold = [parameter for parameter in missing if parameter.name not in told]
    _require_told(untold, shapes, file)
    found = Parameters({**content, **inferred})
    _require_usable(found, declared, file)
    try:
        branch.shapes(1, {**{parameter.name: parameter.example for parameter in untold}, **found})
    except (TypeError, ValueError) as error:
        raise InputError(f"{file}: unusable parameters: {brief(error)}") from error
    found.stand_ins = {parameter.name: parameter.example for parameter in untold}
    notes = []
    if inferred:
        values = ", ".join(
            f"{name} = {value:.5g}" if isinstance(value, float) else f"{name} = {value}"
            for name, value in inferred.items()
        )
        notes.append(f"lacks parameters that follow from the weights or the distance, {values}")
    if untold:
        lacks = ", ".join(found.stand_ins)
        notes.append(f"lacks {lacks}: the model can predict, but not be fine-tuned")
        found.refusal = (
            f"{file}: lacks {lacks}, without which a model can predict, but not be fine-tuned; use fine_tuning = -1, "
            "or another model"
        )
    found.note = f"{file}: {'; '.join(notes)}" if notes else ""
    return found


def _require_told(untold: Sequence[Parameter], shapes: Shapes, file: Path) -> None:
    """Raise `InputError` where a parameter that a prediction needs is missing."""
    needed = [parameter.name for parameter in untold if not parameter.only_trained]
    if needed:
        raise InputError(
            f"{file}: lacks the parameters {', '.join(parameter.name for parameter in untold)}; of these a prediction "
            f"needs {', '.join(needed)}, which weights of shapes {shapes[:8]} do not tell"
        )


def _require_usable(found: Mapping[str, Any], declared: Sequence[Parameter], file: Path) -> None:
    """Raise `InputError` where a parameter has a value that cannot be used."""
    for parameter in declared:
        value = found.get(parameter.name)
        if parameter.name in found and not parameter.is_allowed(value):
            shown = value if isinstance(value, int | float) else type(value).__name__
            raise InputError(f"{file}: {parameter.name} is {shown}; expected {parameter.allowed}")
    loss = found.get("loss")
    if loss is not None and not (isinstance(loss, str) and loss in LOSSES):
        raise InputError(f"{file}: unusable parameters: unknown loss {loss!r:.80}; known: {', '.join(LOSSES)}")
    for option in LOSSES.options(loss) if loss else ():
        if found.get(option.name, option.default) != option.default:
            try:
                option.parse(str(found[option.name]))
            except ValueError:
                value = found[option.name]
                raise InputError(f"{file}: {option.name} is {value!r:.80}; expected {option.allowed}") from None
