"""`hscd.open_pair`: two files as a scene, and what `hscd.detect` makes of files, scenes and detectors."""

import numpy as np
import pytest
import rasterio
from scipy.io import savemat

import hscd
from detector_scenes import smooth_noise
from hscd.scenes.scene import windows_of
from hscd.system.messages import collected


@pytest.fixture
def pair(tmp_path):
    """Two images of 6 × 8 pixels and 3 bands, of which a rectangle of 2 × 3 changed; 20 in the first band is nodata."""
    before = np.random.default_rng(0).uniform(1, 2, (6, 8, 3))
    after = before + 0.01
    after[1:3, 2:5] += 3
    before[5, 7, 0] = 20
    for name, image in (("before", before), ("after", after)):
        np.save(tmp_path / f"{name}.npy", image)
    return tmp_path / "before.npy", tmp_path / "after.npy"


@pytest.mark.parametrize("given", [lambda value: value, lambda value: (value,), lambda value: [value, 100 + value]])
def test_labels_are_those_of_the_program_and_unknown_where_masked(pair, tmp_path, given):
    stored = np.full((6, 8), 5, np.uint8)
    stored[1:3, 2:5] = 7
    stored[0] = 9
    np.save(tmp_path / "labels.npy", stored)
    scene = hscd.open_pair(
        *pair, labels=tmp_path / "labels.npy", changed_label=given(7), unchanged_label=given(5), unknown_label=given(9),
        nodata=20,
    )  # fmt: skip
    expected = np.ones((6, 8))
    expected[1:3, 2:5] = 0
    expected[0] = expected[5, 7] = 2
    assert (scene.truth == expected).all()
    assert scene.valid is not None
    assert np.argwhere(~scene.valid).tolist() == [[5, 7]]
    assert (scene.name, scene.ranges, scene.classes) == ("before", None, None)
    found = hscd.detect(scene, detector="ED", threshold="otsu")
    # 6 changed pixels; of 48 pixels 8 are of row 0 and one is masked, so 33 are unchanged.
    assert (found.counts.true_positives, found.counts.true_negatives, found.counts.total) == (6, 33, 39)
    assert hscd.detect(scene, truth=1 - stored // 7, detector="ED", threshold="otsu").counts.total == 47


def test_folders_of_one_image_are_opened(pair, tmp_path):
    labels = tmp_path / "labels.npy"
    np.save(labels, np.zeros((6, 8), np.uint8))
    folders = [tmp_path / f"of_{path.stem}" for path in (*pair, labels)]
    for path, folder in zip((*pair, labels), folders, strict=True):
        folder.mkdir()
        path.rename(folder / path.name)
    scene = hscd.open_pair(str(folders[0]), folders[1], labels=folders[2])
    assert (scene.name, scene.before.shape, int(scene.truth.sum())) == ("before", (6, 8, 3), 0)


def test_bands_and_scales_are_as_asked_for(pair):
    before = np.load(pair[0])
    scene = hscd.open_pair(*pair, bands="1-2", bad_bands="2", scale=2)
    assert scene.before.shape == (6, 8, 1)
    assert (scene.before.read()[..., 0] == before[..., 0] * 2).all()
    assert (scene.truth == 2).all()
    rescaled = hscd.open_pair(*pair, nodata=20, rescale=True)
    pixels = rescaled.pairs(windows_of(rescaled.before)[0])
    assert (pixels.min(), pixels.max()) == (0, 1)
    with pytest.raises(ValueError, match="two"):
        hscd.open_pair(*pair, bands="two")


def test_what_cannot_be_a_pair_is_refused(pair, tmp_path):
    np.save(tmp_path / "labels.npy", np.zeros((8, 6), np.uint8))
    with pytest.raises(hscd.InputError, match=r"labels\.npy: label map of shape \(8, 6\), images of \(6, 8\); .* swap"):
        hscd.open_pair(*pair, labels=tmp_path / "labels.npy")
    np.save(tmp_path / "labels.npy", np.full((6, 8), 4, np.uint8))
    with pytest.raises(
        hscd.InputError, match=r"labels\.npy: label map .* not configured: found 4; configured changed_label=0"
    ):
        hscd.open_pair(*pair, labels=tmp_path / "labels.npy")
    with pytest.raises(ValueError, match="found changed_label=1, unchanged_label=1; expected different"):
        hscd.open_pair(*pair, labels=tmp_path / "labels.npy", changed_label=1)
    with pytest.raises(ValueError, match="unknown_label go with labels, received none"):
        hscd.open_pair(*pair, changed_label=7)
    with pytest.raises(hscd.InputError, match=r"no\.npy: no such file"):
        hscd.open_pair(pair[0], tmp_path / "no.npy")
    with pytest.raises(hscd.InputError, match="band 9"):
        hscd.open_pair(*pair, bands="9")
    np.save(tmp_path / "empty.npy", np.full((6, 8, 3), np.nan))
    with pytest.raises(hscd.InputError, match=r"empty\.npy, .*after\.npy: no valid pixels"):
        hscd.open_pair(tmp_path / "empty.npy", pair[1], nodata=np.nan)


def test_label_maps_lie_on_the_grid_of_the_images(tmp_path):
    for name, left in (("before", 0), ("after", 0), ("labels", 10)):
        profile = {"driver": "GTiff", "height": 4, "width": 5, "count": 1, "dtype": "uint8", "crs": "EPSG:32633"}
        profile["transform"] = rasterio.Affine(10, 0, left, 0, -10, 0)
        with rasterio.open(tmp_path / f"{name}.tif", "w", **profile) as file:
            file.write(np.arange(20, dtype=np.uint8).reshape(1, 4, 5) % 2)
    images = tmp_path / "before.tif", tmp_path / "after.tif"
    with pytest.raises(hscd.InputError, match=r"labels\.tif: not on the grid of .*before\.tif"):
        hscd.open_pair(*images, labels=tmp_path / "labels.tif")
    assert hscd.open_pair(*images).grid.crs


def test_files_arrays_and_scenes_give_the_same_map(pair):
    images = [np.load(path) for path in pair]
    wanted = {"detector": "SAM", "threshold": "otsu", "correction": "majority"}
    maps = [
        hscd.detect(*images, nodata=20, **wanted),
        hscd.detect(*map(str, pair), nodata=20, **wanted),
        hscd.detect(hscd.open_pair(*pair, nodata=20), **wanted),
    ]
    for other in maps[1:]:
        assert (other.corrected == maps[0].corrected).all()
        np.testing.assert_allclose(other.score_map.scores, maps[0].score_map.scores, rtol=1e-6)
    with pytest.raises(ValueError, match="go with two images"):
        hscd.detect(hscd.open_pair(*pair), nodata=20)
    with pytest.raises(ValueError, match=r"labels 0 \(changed\), 1 \(unchanged\) and 2 \(unknown\)"):
        hscd.detect(hscd.open_pair(*pair), truth=np.full((6, 8), 3))


def test_a_detector_of_ones_own_can_be_given(pair):
    class Ones:
        name, unit, halo, scale, degrees = "ones", "prediction", 0, "linear", None

        def fit(self, scene, rng):
            return lambda block: np.abs(block.pairs[..., 0, 0] - block.pairs[..., 1, 0]).ravel()

    found = hscd.detect(*map(str, pair), nodata=20, detector=Ones(), threshold="otsu")
    assert found.score_map.source == "ones"
    assert (found.labels == 0).sum() == 6
    # Without a threshold, Otsu's: its scores are linear.
    assert hscd.detect(*map(str, pair), nodata=20, detector=Ones()).cut.value == found.cut.value
    # In an ensemble, its detectors count.
    several = hscd.detect(
        *map(str, pair), nodata=20, detector=Ones(), threshold="otsu", ensemble_detectors=["ED", "SAM"]
    )
    assert several.members is not None


def test_variables_of_either_file_are_named_and_the_after_image_is_moved(tmp_path):
    before = smooth_noise(np.random.default_rng(0), 70, 64, 2)
    more = np.zeros_like(before)
    savemat(tmp_path / "a.mat", {"first": before, "more": more})
    savemat(tmp_path / "b.mat", {"second": np.roll(before, 2, 0), "more": more})
    pair = tmp_path / "a.mat", tmp_path / "b.mat"
    moved = hscd.open_pair(*pair, variable=("first", "second"), register=True)
    np.testing.assert_allclose(moved.after.read()[10:-10], before[10:-10], atol=1e-3)
    assert (hscd.open_pair(*pair, variable=("first", "second")).after.read() == np.roll(before, 2, 0)).all()
    assert (hscd.open_pair(*pair, variable="more").before.read() == 0).all()
    with pytest.raises(hscd.InputError, match=r"no variable 'less' \(variable\); it holds: "):
        hscd.open_pair(*pair, variable="less")


def test_values_of_no_class_are_told_to_be_unknown(pair, tmp_path):
    stored = np.full((6, 8), 2, np.uint8)
    stored[0, :3] = 1, 7, 9
    np.save(tmp_path / "labels.npy", stored)
    with collected() as told:
        scene = hscd.open_pair(*pair, labels=tmp_path / "labels.npy", changed_label=1, unchanged_label=2)
    assert scene.truth[0, :4].tolist() == [0, 2, 2, 1]
    said = f"{tmp_path}/labels.npy: label map holds 7, 9: neither changed nor unchanged, counted as unknown"
    assert told.count(said) == 1


@pytest.mark.parametrize(
    ("values", "given", "said"),
    [
        ([0, 1, 2], {}, "0 is taken for changed, 1 for unchanged and 2 for unknown; if that is wrong, give them, as by "
         "changed_label=1, unchanged_label=2; if it is right, changed_label=0 says so"),
        ([0, 1], {"unknown_label": None}, "0 is taken for changed, 1 for unchanged; if that is wrong, give them, as by "
         "changed_label=1, unchanged_label=0; "),
        ([False, True], {}, "False is taken for changed, True for unchanged; if that is wrong, give them, as by "
         "changed_label=True, unchanged_label=False; "),
        ([0, 1, 2], {"changed_label": 0}, None),
        ([0, 1, 2], {"unchanged_label": 1}, None),
        ([0, 1, 2], {"changed_label": 1, "unchanged_label": 2, "unknown_label": 0}, None),
    ],
)  # fmt: skip
def test_what_labels_are_taken_for_is_told_unless_it_is_given(pair, tmp_path, values, given, said):
    np.save(tmp_path / "labels.npy", np.resize(values, (6, 8)))
    with collected() as told:
        hscd.open_pair(*pair, labels=tmp_path / "labels.npy", **given)
    start = f"{tmp_path}/labels.npy: changed_label and unchanged_label are not given: "
    assert [text.startswith(f"{start}{said}") for text in told if "are not given" in text] == ([True] if said else [])


def test_labels_in_place_of_those_of_the_scene_are_told(pair, tmp_path):
    stored = np.resize([0, 1, 2], (6, 8))
    np.save(tmp_path / "labels.npy", stored)
    scene = hscd.open_pair(*pair, labels=tmp_path / "labels.npy", changed_label=0, nodata=20)
    said = "truth: these labels count, not those of the scene, which differ"
    wanted = {"detector": "ED", "threshold": "otsu"}
    other = hscd.detect(scene, truth=1 - stored % 2, **wanted)
    assert said in other.warnings
    assert other.counts.total == 47  # all but the masked pixel
    for of, labels in ((scene, stored), (scene, None), (hscd.open_pair(*pair, nodata=20), stored)):
        assert said not in hscd.detect(of, truth=labels, **wanted).warnings
