"""What is done to the small data sets so that they cannot be used, and what must be said of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from conftest import Workspace, write_mat

B = "settings.train_set=PLACE B"
TEST = "settings.training=False"
FOLDERS = [("before", "imgAPath"), ("after", "imgBPath"), ("label", "labelPath")]


def expect(line: str, *parts: str) -> None:
    """The error says all of it."""
    assert [part for part in parts if part not in line] == [], line


def change_mat(workspace: Workspace, part: str, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """Rewrite an array of PLACE A; its file."""
    file = workspace.folder / f"data/a/{part}/town.mat"
    write_mat(file, change(loadmat(file)["cube"]))
    return file


def set_pixel(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(image: np.ndarray) -> np.ndarray:
        changed = image.astype(np.float32)
        changed[3, 4, 2] = value
        return changed

    return change


def cut(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def one_pixel(workspace: Workspace) -> None:
    for part in ("before", "after", "label"):
        change_mat(workspace, part, lambda array: array[:1, :1])
