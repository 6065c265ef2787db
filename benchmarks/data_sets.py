"""Configurations of the scenes of benchmarks, for the scripts of the program; scenes that are made become files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import scenes

_SETTINGS = """
[settings]
train_set = {name}
test_set = {name}
distance = ED
model_name = none
apply_rescaling = False
training = False
fine_tuning = -1
pseudo_percentage = 0.4
pseudo_radius = 3
"""


def configuration(names: Sequence[str], folder: Path, *, labelled: bool = True) -> str:
    """A configuration with a section for each of some scenes.

    Args:
        names: of `scenes.available`.
        folder: where the files of scenes that are made are, or are written, from seed 0.
        labelled: whether it names the labels.
    """
    return _SETTINGS.format(name=names[0]) + "".join(_section(name, folder, labelled) for name in names)


def _section(name: str, folder: Path, labelled: bool) -> str:
    if name == "taizhou":
        place, file = scenes.DATA / "taizhou", "taizhou.mat"
        more, labels = "matLabel = HypeRvieW\n", "changedLabel = 1\nunchangedLabel = 2\nunknownLabel = 0\n"
    elif name in scenes.CITIES:
        place, file, more, labels = scenes.DATA / "onera", f"{name}.tif", "", "changedLabel = 2\nunchangedLabel = 1\n"
    else:
        place, file, more, labels = (
            folder,
            f"{name}.npy",
            "",
            "changedLabel = 0\nunchangedLabel = 1\nunknownLabel = 2\n",
        )
        _make(name, folder)
    images = "".join(
        f"{key} = {place / part / file}\n" for key, part in (("imgAPath", "before"), ("imgBPath", "after"))
    )
    if labelled:
        more += f"labelPath = {place / 'label' / file}\n{labels}"
    return f"[{name}]\n{images}pseudoPath = {name}\n{more}\n"


def _make(name: str, folder: Path) -> None:
    scene = scenes.available()[name](0)
    for part, pixels in (("before", scene.before.read()), ("after", scene.after.read()), ("label", scene.truth)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        np.save(folder / part / f"{name}.npy", pixels)
