"""What a pair is called above its maps: by both images, while files and tables go by its name alone."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hscd.scenes.scene import Scene

# Fewer letters that two names have in common are no stem that need not be told twice.
_STEM = 4
# Where a name may be parted: between words, numbers and what is between them, never within a date.
_PARTS = re.compile(r"[^\W\d_]+|(?<!\d)\d{4}([-_.])\d\d\1\d\d(?!\d)|\d+|[\W_]+")
# Folders of a data set whose names tell nothing about its images.
_USUAL = {"before", "after", "a", "b"}


def title_of(scene: Scene) -> str:
    """What pictures call the pair of a scene."""
    return pair_title(scene.name, scene.before.path, scene.after.path)


def pair_title(name: str, before: PurePath, after: PurePath) -> str:
    """The name of a pair and what tells both of its images, as `taizhou_2000 → 2003`.

    Args:
        name: of the pair, often that of its before image.
        before: file or folder of the before image.
        after: file or folder of the after image.

    Returns:
        The name alone where both images have it, in folders that tell nothing more.
    """
    ending = before.name.removeprefix(name)
    if ending and not (before.name.startswith(name) and ending.startswith(".")):
        ending = before.suffix
    first = before.name.removesuffix(ending)
    second = after.name.removesuffix(ending) if after.name.endswith(ending) else after.stem
    if first != second:
        told = f"{first} → {_new(first, second)}"
        return told if first == name else f"{name}: {told}"
    folders = before.parent.name, after.parent.name
    if folders[0] == folders[1] or {folder.lower() for folder in folders} <= _USUAL:
        return name
    return f"{name}: {folders[0]} → {folders[1]}"


def _new(first: str, second: str) -> str:
    """What of the second name the first one does not tell; all of it where they have little in common."""
    parts, others = ([part.group() for part in _PARTS.finditer(name)] for name in (second, first))
    least = min(len(parts), len(others)) - 1  # of each name, a part stays
    start = next((at for at in range(least) if parts[at] != others[at]), least)
    end = next((at for at in range(least - start) if parts[-1 - at] != others[-1 - at]), least - start)
    left = "".join(parts[start : len(parts) - end])
    return left if len(second) - len(left) >= _STEM else second
