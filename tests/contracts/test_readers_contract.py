"""What every reader must satisfy with files that are no images; the suffixes come from the registry."""

import numpy as np
import pytest

from hscd.readers import READERS, read_image, read_label_map
from image_files import refuses

pytestmark = [
    pytest.mark.parametrize("suffix", READERS),
    pytest.mark.parametrize("function", [read_image, read_label_map]),
]


def test_missing_file(tmp_path, function, suffix):
    assert "no such file or folder" in refuses(function, tmp_path / f"town{suffix}", "cube")
    assert "no such file or folder" in refuses(function, tmp_path / "no folder" / f"town{suffix}", "cube")


def test_missing_file_is_named_by_upper_case_suffix_too(tmp_path, function, suffix):
    assert "no such file or folder" in refuses(function, tmp_path / f"TOWN{suffix.upper()}", "cube")


def test_empty_file(tmp_path, function, suffix):
    path = tmp_path / f"town{suffix}"
    path.touch()
    refuses(function, path, "cube")


def test_empty_folder(tmp_path, function, suffix):
    path = tmp_path / f"town{suffix}"
    path.mkdir()
    refuses(function, path, "cube")


@pytest.mark.parametrize(
    "start",
    [b"", b"MATLAB 5.0 MAT-file", b"II*\x00", b"MM\x00*", b"II+\x00", b"\x89HDF\r\n\x1a\n", b"\x89PNG\r\n\x1a\n"],
)
def test_garbage(tmp_path, function, suffix, start):
    path = tmp_path / f"town{suffix}"
    for seed in range(5):
        path.write_bytes(start + np.random.default_rng(seed).bytes(3000))
        refuses(function, path, "cube")


@pytest.mark.parametrize("content", [b"a", bytes(200), b"\xff" * 200, b"some,text\n1,2\n" * 20])
def test_files_of_another_kind(tmp_path, function, suffix, content):
    path = tmp_path / f"town{suffix}"
    path.write_bytes(content)
    refuses(function, path, "cube")


def test_files_are_not_touched(tmp_path, function, suffix):
    path = tmp_path / f"town{suffix}"
    path.write_bytes(b"garbage" * 50)
    refuses(function, path, "cube")
    assert path.read_bytes() == b"garbage" * 50
    assert list(tmp_path.iterdir()) == [path]
