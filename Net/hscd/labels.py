"""The three label values of the program, and the way from a file's values to them.

Positive class = changed. Every score or distance grows with change.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from numbers import Real

import numpy as np

from hscd.system import naming
from hscd.system.errors import MOST_LISTED, InputError, counted, listing, shown
from hscd.system.parsing import Colour as Colour

CHANGED = 0
UNCHANGED = 1
UNKNOWN = 2

# What users call the values of changed, unchanged and unknown: in a configuration file, and in calls of the library.
KEYS = ("changedLabel", "unchangedLabel", "unknownLabel")
ARGUMENTS = ("changed_label", "unchanged_label", "unknown_label")
# What users give for unknown where every value is that is neither changed nor unchanged.
OTHER = "other"


class Assumed(int):
    """A label value that counts where none is given; the same number, given, is none of these."""


_UNMAPPED = 255
_LARGEST_GREY = 255


def remap(
    labels: np.ndarray,
    changed: float | Sequence[float],
    unchanged: float | Sequence[float],
    unknown: float | Sequence[float] | str | None = None,
    *,
    colours: bool = False,
    names: Sequence[str] = KEYS,
) -> np.ndarray:
    """Translate a label map from the values of its file to 0 changed, 1 unchanged, 2 unknown.

    Args:
        labels: label map of any shape, in the values of its file; not modified. What is masked of a masked array is
            unknown.
        changed: value of changed pixels, or several.
        unchanged: value of unchanged pixels, or several.
        unknown: value of pixels without ground truth, or several, NaN among them; None where every pixel has one,
            `OTHER` where each other value stands for it.
        colours: the values are colours, and an error writes them as such.
        names: what an error calls the values of changed, unchanged and unknown.

    Returns:
        uint8 array of the same shape.

    Raises:
        InputError: if a value that is none of the given ones occurs, with `OTHER` if no other does, or as `by_name`.
    """
    classes = by_name((changed, unchanged, unknown), names)
    values = np.ma.getdata(labels)
    remapped = np.full(values.shape, _UNMAPPED, dtype=np.uint8)
    # Each test reads the untouched input, so a value that is both a source and a target is never translated twice.
    for label, of_class in zip((CHANGED, UNCHANGED, UNKNOWN), classes.values(), strict=True):
        for value in of_class:
            remapped[np.isnan(values) if math.isnan(value) else values == value] = label
    remapped[np.ma.getmaskarray(labels)] = UNKNOWN
    unmapped = remapped == _UNMAPPED
    if is_other(unknown) and (remapped < UNKNOWN).any():
        remapped[unmapped] = UNKNOWN
    elif unmapped.any():
        _refuse(np.unique(values), np.unique(values[unmapped]), classes, colours)
    return remapped


def doubt_of(
    labels: np.ndarray,
    remapped: np.ndarray,
    values: Sequence[float | Sequence[float] | str | None],
    *,
    colours: bool = False,
    names: Sequence[str] = KEYS,
) -> str:
    """What is doubtful about a label map, for a warning: a class that no pixel has, values unknown by `OTHER`, or "".

    Values of changed and unchanged that are `Assumed` both are doubtful as well: other maps count otherwise.

    Args:
        labels: as of `remap`.
        remapped: what that gave.
        values: of changed, unchanged and unknown.
        colours: as of `remap`.
        names: as of `remap`.
    """
    absent = {names[label]: listed(values[label]) for label in (CHANGED, UNCHANGED) if not (remapped == label).any()}
    if not absent and not is_other(values[2]):
        stated = any(not isinstance(value, Assumed) for own in values[:2] for value in listed(own))
        return "" if stated else _assumed(labels)
    found = np.unique(np.ma.compressed(labels)).tolist()
    given = (*listed(values[0]), *listed(values[1]))
    others = [value for value in found if value not in given] if is_other(values[2]) else []
    if not absent:
        held = _shown(others, colours)
        return f"label map holds {held}: neither changed nor unchanged, counted as unknown" if others else ""
    unknown = f" ({_shown(others, colours)} counted as unknown)" if others else ""
    held = _shown(found, colours) if found else "nothing"
    return f"{_does_not_occur(absent, colours)}: label map holds {held}{unknown}, so kappa and F1 are undefined"


def _assumed(labels: np.ndarray) -> str:
    """What a label map with both classes is taken for where no values are given, and how to say what they mean."""
    values = np.ma.compressed(labels)
    no, yes = (_text(values.dtype.type(value), colours=False) for value in (0, 1))
    changed, unchanged = KEYS[:2]
    # What other maps mean: of 0 and 1 that 1 changed; of 0, 1 and 2, as Bay Area's, that 0 is unknown, 2 unchanged.
    has_third = bool((values == UNKNOWN).any())
    others = f"{naming.given(changed, yes)}, {naming.given(unchanged, '2' if has_third else no)}"
    return (
        f"{naming.named(changed)} and {naming.named(unchanged)} are not given: {no} is taken for changed, {yes} for "
        f"unchanged{' and 2 for unknown' if has_third else ''}; if that is wrong, give them, as by {others}; if it is "
        f"right, {naming.given(changed, no)} says so"
    )


def written(classes: Mapping[str, Sequence[float]], colours: bool = False) -> str:
    """Values as the user gives them, of many the first ones; beyond all grey levels they are colours if `colours`."""
    return ", ".join(
        f"{name}={listing(of_class, lambda value: _text(value, _is_colour(value, colours)))}"
        for name, of_class in classes.items()
        if of_class
    )


def classes_of(labels: np.ndarray, changed: Sequence[float]) -> np.ndarray | None:
    """Which of the values that stand for changed each pixel of a label map has, uint8 from 1, and 0 elsewhere.

    None where fewer than two of them occur: then there are no classes of change to tell apart.
    """
    if len(changed) < 2:
        return None
    values = np.ma.getdata(labels)
    known = ~np.ma.getmaskarray(labels)
    classes, found = np.zeros(values.shape, np.uint8), 0
    for number, value in enumerate(changed[:_UNMAPPED], start=1):
        of_class = (values == value) & known
        classes[of_class] = number
        found += bool(of_class.any())
    return classes if found > 1 else None


def counted_values(labels: np.ndarray, *, colours: bool = False) -> str:
    """The values of a label map in words, each with its pixels, of many the first ones; those without data last.

    Args:
        labels: as of `remap`.
        colours: as of `remap`.
    """
    found = np.unique(np.ma.compressed(labels), return_counts=True)
    pairs = list(zip(*(of.tolist() for of in found), strict=True))
    held = listing(pairs, lambda pair: f"{_text(pair[0], colours)} ({counted(pair[1], 'pixel')})")
    without = np.ma.count_masked(labels)
    return f"{held}, and {counted(without, 'pixel')} without data" if without else held


def is_other(values: object) -> bool:
    """Whether what was given for unknown is `OTHER`."""
    return isinstance(values, str) and values == OTHER


def listed(values: float | Sequence[float] | np.ndarray | str | None) -> Sequence[float]:
    """Label values as a sequence, be they one, several, an array or None; `OTHER` names none."""
    if values is None or is_other(values):
        return ()
    if isinstance(values, np.ndarray):
        return tuple(values.ravel().tolist())
    return values if isinstance(values, Sequence) and not isinstance(values, str) else (values,)  # type: ignore[return-value]


def by_name(
    values: Iterable[float | Sequence[float] | str | None], names: Sequence[str] = KEYS
) -> dict[str, Sequence[float]]:
    """The values of changed, unchanged and unknown, by what the user calls them.

    Raises:
        InputError: if one is no number, or is given twice, so that it is not clear what it stands for.
    """
    given = list(values)
    for name, value in zip(names[:2], given, strict=False):
        if isinstance(value, str):
            raise InputError(f"{name}: a number or several expected, received {shown(value)}")
    classes = dict(zip(names, map(listed, given), strict=True))
    for name, of_class in classes.items():
        for value in of_class:
            if not isinstance(value, Real | np.bool_):
                raise InputError(f"{name}: a number or several expected, received {shown(value)}")
    # NaN differs from itself.
    every = ["nan" if math.isnan(value) else value for of_class in classes.values() for value in of_class]
    if twice := [value for value, count in Counter(every).items() if count > 1]:
        # Of many values the one that is meant may not be among those that are shown.
        which = f" ({listing(twice, str)} twice)" if len(every) > MOST_LISTED else ""
        raise InputError(f"found {written(classes)}{which}; expected different values")
    return classes


def _is_colour(value: float, colours: bool) -> bool:
    return isinstance(value, Colour) or (colours and value > _LARGEST_GREY)


def _refuse(found: np.ndarray, unmapped: np.ndarray, classes: dict[str, Sequence[float]], colours: bool) -> None:
    """Raise the error of a label map that holds values of no class, `unmapped` of those that are `found`."""
    as_colours = any(_is_colour(value, colours) for of_class in classes.values() for value in of_class)
    advice = ""
    if np.isnan(unmapped).any():
        advice = f"; if NaN stands for pixels without ground truth: {naming.given(list(classes)[2], 'nan')}"
    elif colours == as_colours:
        advice = _advice(found, _text(unmapped[0], colours) if unmapped.size == 1 else "", classes, colours)
    if colours and not as_colours:
        advice += "; the file holds colours (written 0xff0000), not class numbers"
    elif as_colours and not colours:
        advice += "; the file holds numbers (grey values or palette indices), not colours"
    raise InputError(
        f"label map holds values that are not configured: found {_shown(found, colours)}; "
        f"configured {written(classes, colours)}{advice}"
    )


def _advice(found: np.ndarray, value: str, classes: dict[str, Sequence[float]], colours: bool) -> str:
    """What to do about values of no class; `value` is the only one, "" of several."""
    key = list(classes)[2]
    is_open = value and not classes[key]
    unknown = f"stands for pixels without ground truth: {naming.given(key, value)}" if is_open else ""
    absent = {name: classes[name] for name in list(classes)[:2] if not np.isin(classes[name], found).any()}
    if len(absent) != 1:  # of none of both it is plain
        return f"; if {value} {unknown}" if unknown else ""
    (name,) = absent
    what = ("changed", "unchanged")[list(classes).index(name)]
    remedies = f": if {value} stands for {what}: {naming.given(name, value)}; if it {unknown}" if unknown else ""
    return f"; {_does_not_occur(absent, colours)}{remedies}"


def _does_not_occur(absent: Mapping[str, Sequence[float]], colours: bool) -> str:
    several = sum(map(len, absent.values())) > 1
    return f"{written(absent, colours)} {'do' if several else 'does'} not occur"


def _shown(found: Sequence[float] | np.ndarray, colours: bool) -> str:
    """Values that a label map holds, the first of many."""
    return listing(listed(found), partial(_text, colours=colours))


def _text(value: float, colours: bool) -> str:
    if isinstance(value, bool | np.bool_):
        return str(value)
    return f"0x{int(value):06x}" if colours and not math.isnan(value) else f"{value:.15g}"
