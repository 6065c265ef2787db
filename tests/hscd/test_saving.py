"""`hscd.write_map`: the files of detect.py, from the library."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import hscd
from conftest import make_pair
from hscd.evaluation.ensemble import member_probability


@pytest.mark.parametrize("ensemble", [1, 2])
def test_a_map_is_written_as_detect_py_writes_it(tmp_path: Path, ensemble: int) -> None:
    before, after, _ = make_pair(1, 20, 30, bands=4)
    found = hscd.detect(before, after, detector="cva", threshold="otsu", correction="median", ensemble=ensemble)
    written = hscd.write_map(tmp_path / "town", found, tags={"WHO": "me"})
    names = ["town_change.tif", "town_uncorrected.tif", "town_score.tif", "town_changes.gpkg"]
    assert [path.name for path in written] == names
    assert all(path.parent == tmp_path and path.is_file() for path in written)
    for path, labels in zip(written, (found.corrected, found.labels), strict=False):
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), 1 - labels)  # 0 changed is 1 in files, no pixel is masked
            assert file.tags()["WHO"] == "me"
    # As detect.py does, of an ensemble the scores of its first member, which is what one map alone is of.
    first = hscd.detect(before, after, detector="cva", threshold="otsu", correction="median")
    with rasterio.open(written[2]) as file:
        np.testing.assert_array_equal(file.read(1), first.score_map.scores)
        assert float(file.tags()["THRESHOLD"]) == first.cut.value
        assert file.count == (2 if ensemble == 1 else 3)
        single = member_probability(found.score_map, found.labels)
        expected = single if found.members is None else found.members.probability
        np.testing.assert_array_equal(file.read(2), expected)
    assert (found.labels != found.corrected).any()


@pytest.mark.parametrize("prefix", [".", "", "..", "/"])
def test_a_prefix_without_a_name_is_refused(prefix: str) -> None:
    before, after, _ = make_pair(1, 6, 8, bands=2)
    found = hscd.detect(before, after, detector="cva", threshold="otsu")
    with pytest.raises(hscd.InputError, match="start of file names expected"):
        hscd.write_map(prefix, found)


def test_a_prefix_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    before, after, _ = make_pair(1, 6, 8, bands=2)
    found = hscd.detect(before, after, detector="cva", threshold="otsu")
    (tmp_path / "out").mkdir()
    for prefix in (f"{tmp_path}/new/", f"{tmp_path}/new/.", f"{tmp_path}/new/..", tmp_path / "out", f"{tmp_path}/out"):
        with pytest.raises(hscd.InputError) as caught:
            hscd.write_map(prefix, found)
        assert str(caught.value).startswith(f"'{prefix}': a folder and the start of file names expected, ")
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


def test_the_folder_of_a_map_is_made(tmp_path: Path) -> None:
    before, after, _ = make_pair(1, 6, 8, bands=2)
    written = hscd.write_map(tmp_path / "new/town", hscd.detect(before, after, detector="cva", threshold="otsu"))
    assert all(path.parent == tmp_path / "new" and path.is_file() for path in written)


@pytest.mark.parametrize("name", ["town.tif", "town.TIFF", "town.gpkg"])
def test_a_prefix_that_is_the_name_of_one_file_is_refused(tmp_path: Path, name: str) -> None:
    before, after, _ = make_pair(1, 6, 8, bands=2)
    found = hscd.detect(before, after, detector="cva", threshold="otsu")
    with pytest.raises(hscd.InputError, match=r"not one file; '.*/town' gives town_change\.tif and others"):
        hscd.write_map(tmp_path / name, found)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"min_area": -1}, "min_area: a number >= 0 expected, received -1"),
        ({"min_area": float("nan")}, "min_area: a number >= 0 expected, received nan"),
        ({"min_area": None}, "min_area: a number >= 0 expected, received None"),
        ({"tags": "town"}, 'tags: values by name expected, as {"source": "Sentinel-2"}, received \'town\''),
        ({"tags": {1: "town"}}, 'tags: values by name expected, as {"source": "Sentinel-2"}, received dict'),
    ],
)
def test_what_is_no_area_and_what_has_no_names_is_refused(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    before, after, _ = make_pair(1, 6, 8, bands=2)
    with pytest.raises(hscd.InputError) as caught:
        hscd.write_map(tmp_path / "town", hscd.detect(before, after, detector="cva", threshold="otsu"), **given)
    assert str(caught.value) == said
    assert not list(tmp_path.iterdir())
