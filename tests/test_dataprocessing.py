"""Loading a data set and putting its pixel pairs together, against slow and obvious oracles."""

import configparser
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

import config
import dataprocessing as dp
import image_pairs
from conftest import Workspace, all_pairs, make_pair, write_bands, write_mat
from hscd.learn.samples import Samples
from hscd.system.errors import InputError
from settings import DataSet, Settings, read_settings, settings_of

# changed 7 -> 0, unchanged 2 -> 1, unknown 0 -> 2: 0 and 2 are source and target values at once.
SECTION = DataSet(
    name="HERE",
    img_a_path=Path("before"),
    img_b_path=Path("after"),
    label_path=Path("label"),
    pseudo_path=Path("pseudo"),
    mat_label=None,
    changed_label=(7,),
    unchanged_label=(2,),
    unknown_label=(0,),
)
REMAPPED = {7: 0, 2: 1, 0: 2}


def oracle(
    images_a: list[np.ndarray],
    images_b: list[np.ndarray],
    labels: list[np.ndarray],
    keep_unlabeled: bool,
    apply_rescaling: bool,
    nodata: float | None = None,
) -> tuple[list[list[list[float]]], list[int]]:
    """Spec, section 5, pixel by pixel: every before and after pixel of every pair counts for a band's range.

    With `nodata`, every pixel but the masked ones, which are unknown and 0.
    """
    bands = images_a[0].shape[2]

    def is_masked(*pixels: list[float]) -> bool:
        values = [value for pixel in pixels for value in pixel]
        return nodata is not None and any(value == nodata or not math.isfinite(value) for value in values)

    everything = [
        pixel
        for before, after in zip(images_a, images_b, strict=True)
        for rows in zip(before.tolist(), after.tolist(), strict=True)
        for both in zip(*rows, strict=True)
        if not is_masked(*both)
        for pixel in both
    ]
    low = [min(pixel[band] for pixel in everything) for band in range(bands)]
    high = [max(pixel[band] for pixel in everything) for band in range(bands)]

    def scaled(pixel: list[float]) -> list[float]:
        if not apply_rescaling:
            return pixel
        return [
            (pixel[band] - low[band]) / (high[band] - low[band]) if high[band] > low[band] else 0.0
            for band in range(bands)
        ]

    pairs, relabeled = [], []
    for before, after, label_map in zip(images_a, images_b, labels, strict=True):
        for row in range(label_map.shape[0]):
            for column in range(label_map.shape[1]):
                both = before[row, column].tolist(), after[row, column].tolist()
                masked = is_masked(*both)
                label = 2 if masked else REMAPPED[int(label_map[row, column])]
                if keep_unlabeled or label != 2:
                    pairs.append([[0.0] * bands if masked else scaled(pixel) for pixel in both])
                    relabeled.append(label)
    return pairs, relabeled


def random_pairs(
    seed: int, dtype: str, shapes: tuple[tuple[int, int], ...] = ((4, 5), (3, 7), (1, 2)), bands: int = 3
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Pairs of different sizes with a constant band, and label maps of the values 7, 2 and 0."""
    rng = np.random.default_rng(seed)

    def image(shape: tuple[int, int]) -> np.ndarray:
        values = rng.integers(0, 200, (*shape, bands)).astype(dtype)
        if np.dtype(dtype).kind == "f":
            values = (values / 7 - 10).astype(dtype)
        values[:, :, 1] = 42
        return values

    images_a, images_b = ([image(shape) for shape in shapes] for _ in range(2))
    return images_a, images_b, [rng.choice(np.array([7, 2, 0], dtype=np.uint8), shape) for shape in shapes]


# --- preprocessing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("apply_rescaling", [True, False])
@pytest.mark.parametrize("keep_unlabeled", [True, False])
def test_preprocessing_is_what_the_slow_way_gives(keep_unlabeled: bool, apply_rescaling: bool, dtype: str) -> None:
    images_a, images_b, labels = random_pairs(5, dtype)
    expected, expected_labels = oracle(images_a, images_b, labels, keep_unlabeled, apply_rescaling)
    pairs, relabeled = dp.preprocessing(images_a, images_b, labels, SECTION, keep_unlabeled, apply_rescaling)
    assert pairs.dtype == np.float32
    # 4·5 + 3·7 + 1·2 = 43 pixels, fewer where the unknown ones are dropped.
    assert pairs.shape == (len(expected), 2, 3)
    assert (len(pairs) == 43) == keep_unlabeled
    np.testing.assert_allclose(pairs, np.array(expected), rtol=1e-6)
    assert relabeled.tolist() == expected_labels
    assert relabeled.shape == (len(pairs),)


def test_preprocessing_by_hand() -> None:
    # One pair of 1 × 3 pixels and two bands. Band 0 runs from 10 (before) to 30 (after), band 1 from 0 to 4.
    before = np.array([[[10, 0], [20, 1], [15, 2]]], dtype=np.uint8)
    after = np.array([[[30, 4], [20, 3], [10, 0]]], dtype=np.uint8)
    labels = np.array([[7, 0, 2]])
    pairs, relabeled = dp.preprocessing([before], [after], [labels], SECTION, False, True)
    # The middle pixel is unknown. (10 − 10) / 20 = 0, (30 − 10) / 20 = 1, 0 / 4 = 0, 4 / 4 = 1; (15 − 10) / 20 = 0.25.
    assert pairs.tolist() == [[[0, 0], [1, 1]], [[0.25, 0.5], [0, 0]]]
    assert relabeled.tolist() == [0, 1]


def test_the_range_of_a_band_is_that_of_all_pairs_together() -> None:
    # 0 … 100 only in the first pair: the second, alone 40 … 60, must not be stretched to 0 … 1.
    first, second = np.array([[[0.0], [100.0]]]), np.array([[[40.0], [60.0]]])
    labels = np.array([[7, 2]])
    pairs, _ = dp.preprocessing([first, second], [first, second], [labels, labels], SECTION, True, True)
    np.testing.assert_allclose(pairs[:, 0, 0], [0, 1, 0.4, 0.6], rtol=1e-6)


def test_a_constant_band_becomes_0_and_an_all_constant_image_too() -> None:
    image = np.full((2, 2, 3), 1e30, dtype=np.float64)
    labels = np.array([[7, 2], [2, 0]])
    pairs, _ = dp.preprocessing([image], [image], [labels], SECTION, True, True)
    assert not pairs.any()


def test_rescaled_values_lie_in_0_to_1_and_reach_both_ends() -> None:
    images_a, images_b, labels = random_pairs(9, "float64")
    pairs, _ = dp.preprocessing(images_a, images_b, labels, SECTION, True, True)
    assert pairs.min(axis=(0, 1)).tolist() == [0, 0, 0]
    assert pairs.max(axis=(0, 1)).tolist() == [1, 0, 1]


def test_large_values_with_a_small_spread_keep_their_digits() -> None:
    # In float32 1e9 and 1e9 + 10 are the same number; the scaled values are not.
    before = np.array([[[1_000_000_000], [1_000_000_010]]], dtype=np.int64)
    pairs, _ = dp.preprocessing([before], [before + 10], [np.array([[7, 2]])], SECTION, True, True)
    # 0, 10 before and 10, 20 after, over 20.
    assert pairs[:, :, 0].tolist() == [[0, 0.5], [0.5, 1]]


def test_row_major_order_pair_after_pair() -> None:
    # The value of a pixel is its number.
    first = np.arange(6).reshape(2, 3, 1)
    second = np.arange(6, 14).reshape(4, 2, 1)
    labels = [np.full((2, 3), 7), np.full((4, 2), 2)]
    pairs, relabeled = dp.preprocessing([first, second], [first + 100, second + 100], labels, SECTION, True, False)
    assert pairs[:, 0, 0].tolist() == list(range(14))
    assert pairs[:, 1, 0].tolist() == list(range(100, 114))
    assert relabeled.tolist() == [0] * 6 + [1] * 8


def test_an_image_stored_column_by_column_gives_the_same() -> None:
    # MATLAB files are read in Fortran order.
    images_a, images_b, labels = random_pairs(3, "float32")
    expected = dp.preprocessing(images_a, images_b, labels, SECTION, True, True)
    turned = [[np.asfortranarray(array) for array in arrays] for arrays in (images_a, images_b, labels)]
    for found, wanted in zip(dp.preprocessing(*turned, SECTION, True, True), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("apply_rescaling", [True, False])
def test_the_inputs_stay_as_they_are(apply_rescaling: bool) -> None:
    given = random_pairs(4, "float32")
    copies = [[array.copy() for array in arrays] for arrays in given]
    pairs, relabeled = dp.preprocessing(*given, SECTION, True, apply_rescaling)
    pairs[:] = -1
    relabeled[:] = 9
    for arrays, before in zip(given, copies, strict=True):
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("changed", "unchanged", "unknown", "expected"),
    [
        (1, 2, 0, [2, 0, 1]),  # Bay Area: 0 unknown, 1 changed, 2 unchanged
        (0, 1, 2, [0, 1, 2]),  # the program's own
        (1, 0, 2, [1, 0, 2]),  # changed and unchanged swapped
        (2, 0, 1, [1, 2, 0]),  # all three in a circle
    ],
)
def test_labels_that_are_sources_and_targets_at_once(
    changed: int, unchanged: int, unknown: int, expected: list[int]
) -> None:
    values = {"changed_label": (changed,), "unchanged_label": (unchanged,), "unknown_label": (unknown,)}
    section = dataclasses.replace(SECTION, **values)
    image = np.arange(3.0).reshape(1, 3, 1)
    _, relabeled = dp.preprocessing([image], [image], [np.array([[0, 1, 2]])], section, True, False)
    assert relabeled.tolist() == expected


def test_without_an_unknown_label_every_other_value_is_refused() -> None:
    section = dataclasses.replace(SECTION, unknown_label=None)
    image = np.zeros((1, 4, 1))
    with pytest.raises(InputError, match=r"\[HERE\].*found 2, 3, 5, 7; configured changedLabel=7, unchangedLabel=2$"):
        dp.preprocessing([image], [image], [np.array([[7, 2, 5, 3]])], section, True, False)


# --- preprocessing with masked pixels --------------------------------------------------------------------------------


def punch(seed: int, images: list[np.ndarray], *values: float) -> None:
    """Put each of the values into a few places of each image."""
    rng = np.random.default_rng(seed)
    for image in images:
        for value in values:
            image.flat[rng.integers(0, image.size, max(1, image.size // 20))] = value


@pytest.mark.parametrize(
    ("dtype", "nodata", "bad"),
    [
        ("uint8", 0, [0]),
        ("uint16", 0, [0]),
        ("uint16", 65535, [65535]),
        ("int16", -32768, [-32768]),
        ("float32", math.nan, [math.nan, math.inf, -math.inf]),
        ("float32", -3.4028234663852886e38, [-3.4028234663852886e38, math.nan]),
        ("float64", -1.7976931348623157e308, [-1.7976931348623157e308, math.inf]),
        ("float64", 1e-4, [1e-4]),
    ],
)
@pytest.mark.parametrize("apply_rescaling", [True, False])
@pytest.mark.parametrize("keep_unlabeled", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
def test_preprocessing_of_masked_pixels_is_what_the_slow_way_gives(
    order: str, keep_unlabeled: bool, apply_rescaling: bool, dtype: str, nodata: float, bad: list[float]
) -> None:
    images_a, images_b, labels = random_pairs(5, dtype, shapes=((9, 11), (7, 8), (1, 2)))
    for images in (images_a, images_b):
        for number, image in enumerate(images):
            image[image == 0] = 1
            images[number] = image.copy(order=order)  # type: ignore[call-overload]
    punch(1, [images_a[0], images_b[0], images_b[1]], *bad)  # the third pair has nothing to mask
    copies = [image.copy() for image in (*images_a, *images_b)]
    section = dataclasses.replace(SECTION, nodata=nodata)
    expected, expected_labels = oracle(images_a, images_b, labels, keep_unlabeled, apply_rescaling, nodata)
    pairs, relabeled = dp.preprocessing(images_a, images_b, labels, section, keep_unlabeled, apply_rescaling)
    assert relabeled.tolist() == expected_labels
    assert pairs.shape == (len(expected), 2, 3)
    assert (len(pairs) == 99 + 56 + 2) == keep_unlabeled
    np.testing.assert_allclose(pairs, np.array(expected), rtol=1e-6, atol=1e-7)
    for image, copy in zip((*images_a, *images_b), copies, strict=True):
        np.testing.assert_array_equal(image, copy)


def test_masked_pixels_by_hand() -> None:
    # Two bands. Pixel 1 is masked by the before image, pixel 2 by the after image. Of pixels 0 and 3, band 0 runs from
    # 10 to 30, band 1 from 1 to 5.
    before = np.array([[[10, 1], [-99, 900], [500, 2], [20, 5]]], dtype=np.int16)
    after = np.array([[[30, 3], [700, 2], [15, -99], [10, 1]]], dtype=np.int16)
    labels = np.array([[7, 7, 2, 2]])
    section = dataclasses.replace(SECTION, nodata=-99)
    pairs, relabeled = dp.preprocessing([before], [after], [labels], section, True, True)
    assert pairs.tolist() == [[[0, 0], [1, 0.5]], [[0, 0], [0, 0]], [[0, 0], [0, 0]], [[0.5, 1], [0, 0]]]
    assert relabeled.tolist() == [0, 2, 2, 1]
    pairs, relabeled = dp.preprocessing([before], [after], [labels], section, False, False)
    assert pairs.tolist() == [[[10, 1], [30, 3]], [[20, 5], [10, 1]]]
    assert relabeled.tolist() == [0, 1]


@pytest.mark.parametrize("keep_unlabeled", [True, False])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_nodata_that_does_not_occur_changes_nothing(dtype: str, keep_unlabeled: bool) -> None:
    given = random_pairs(6, dtype)
    section = dataclasses.replace(SECTION, nodata=-9999)
    for found, expected in zip(
        dp.preprocessing(*given, section, keep_unlabeled, True),
        dp.preprocessing(*given, SECTION, keep_unlabeled, True),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_nan_of_a_file_that_declares_its_nodata_is_masked() -> None:
    before = np.array([[[10.0], [math.nan], [20.0]]], dtype=np.float32)
    pairs, relabeled = dp.preprocessing([before], [before], [np.array([[7, 7, 2]])], SECTION, True, True)
    assert pairs.tolist() == [[[0], [0]], [[0], [0]], [[1], [1]]]
    assert relabeled.tolist() == [0, 2, 1]


def test_a_pair_of_masked_pixels_only_is_refused() -> None:
    images_a, images_b, labels = random_pairs(7, "float32", shapes=((2, 3), (3, 2)))
    # One half in each image.
    images_a[1][:, 0], images_b[1][:, 1] = math.nan, -5
    with pytest.raises(InputError, match=r"^\[HERE\] pair 2: .*every pixel .*nodata = -5"):
        dp.preprocessing(images_a, images_b, labels, dataclasses.replace(SECTION, nodata=-5), True, True)


# --- load_dataset ----------------------------------------------------------------------------------------------------


def test_a_mat_pair_is_loaded_as_it_was_written(workspace: Workspace) -> None:
    before, after, changed = make_pair(1)
    befores, afters, label_maps, names = dp.load_dataset("PLACE A", read_settings(workspace.file))
    assert names == ["town"]
    for found, written in ((befores, before), (afters, after)):
        assert found[0].dtype == np.uint16
        assert found[0].shape == (20, 30, 5)
        np.testing.assert_array_equal(found[0], written)
    # 1 changed, 2 unchanged, 0 unknown: the values of the file, not of the program.
    expected = np.where(changed, 1, 2)
    expected[-4:] = 0
    np.testing.assert_array_equal(label_maps[0], expected)


def test_tif_pairs_are_loaded_in_sorted_order(workspace: Workspace) -> None:
    workspace.names_b = ["west.tif", "east.tif", "West.tif", "a b.tif"]
    workspace.write_data()
    befores, afters, label_maps, names = dp.load_dataset("PLACE B", read_settings(workspace.file))
    # Sorted as text, capitals first; `write_data` gives the pairs the seeds 2, 3, 4, 5 in the order written.
    assert names == ["West", "a b", "east", "west"]
    for position, seed in enumerate([4, 5, 3, 2]):
        before, after, changed = make_pair(seed, rows=18, columns=24)
        np.testing.assert_array_equal(befores[position], before)
        np.testing.assert_array_equal(afters[position], after)
        np.testing.assert_array_equal(label_maps[position], np.where(changed, 2, 1))
        assert befores[position].dtype == np.uint16


def test_pairs_of_different_size_and_number_type(workspace: Workspace) -> None:
    for folder in ("before", "after"):
        write_mat(workspace.folder / f"data/a/{folder}/hut.mat", np.ones((2, 3, 5), dtype=np.float32))
    write_mat(workspace.folder / "data/a/label/hut.mat", np.ones((2, 3), dtype=np.int16))
    befores, _, label_maps, names = dp.load_dataset("PLACE A", read_settings(workspace.file))
    assert names == ["hut", "town"]
    assert [image.shape for image in befores] == [(2, 3, 5), (20, 30, 5)]
    assert [image.dtype for image in befores] == [np.float32, np.uint16]
    assert [label_map.shape for label_map in label_maps] == [(2, 3), (20, 30)]


def test_bands_are_in_alphanumeric_order_whatever_the_order_they_were_written_in(workspace: Workspace) -> None:
    names = ["B8A", "B01", "B12", "B09", "B02"]
    for part in ("before", "after"):
        folder = workspace.folder / f"data/b/{part}/hill.tif"
        folder.mkdir()
        for value, name in enumerate(names):
            Image.fromarray(np.full((2, 2), value, dtype=np.uint8)).save(folder / f"{name}.tif")
    Image.fromarray(np.ones((2, 2), dtype=np.uint8)).save(workspace.folder / "data/b/label/hill.tif")
    befores, _, _, loaded = dp.load_dataset("PLACE B", read_settings(workspace.file))
    # B01 (written second: 1), B02 (4), B09 (3), B12 (2), B8A (0).
    assert befores[loaded.index("hill")][0, 0].tolist() == [1, 4, 3, 2, 0]


def test_files_that_are_no_images_are_passed_over(workspace: Workspace) -> None:
    expected = dp.load_dataset("PLACE A", read_settings(workspace.file))[3]
    for name in ("readme.txt", ".hidden.mat", "town.hdr"):
        (workspace.folder / "data/a/before" / name).write_text("no image")
    assert dp.load_dataset("PLACE A", read_settings(workspace.file))[3] == expected == ["town"]


def test_a_mat_image_of_one_band_may_be_flat(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    for part in ("before", "after"):
        write_mat(workspace.folder / f"data/a/{part}/town.mat", rng.random((20, 30)))
    befores, _, _, _ = dp.load_dataset("PLACE A", read_settings(workspace.file))
    assert befores[0].shape == (20, 30, 1)


def test_other_variables_of_a_mat_file_do_not_matter(workspace: Workspace) -> None:
    before, _, _ = make_pair(1)
    savemat(workspace.folder / "data/a/before/town.mat", {"note": "text", "cube": before, "map": np.zeros((3, 3))})
    np.testing.assert_array_equal(dp.load_dataset("PLACE A", read_settings(workspace.file))[0][0], before)


def test_two_pairs_of_one_name_are_refused(workspace: Workspace) -> None:
    # town.mat and town.tif would both write their results as "town".
    before, after, changed = make_pair(1)
    write_bands(workspace.folder / "data/a/before/town.tif", before)
    write_bands(workspace.folder / "data/a/after/town.tif", after)
    Image.fromarray(np.where(changed, 1, 2).astype(np.uint8)).save(workspace.folder / "data/a/label/town.tif")
    with pytest.raises(InputError, match="two pairs are named 'town'"):
        dp.load_dataset("PLACE A", read_settings(workspace.file))


# --- scenes and labelled pixels --------------------------------------------------------------------------------------


def test_scenes_are_the_pairs_one_by_one_in_the_order_of_their_pixels(workspace: Workspace) -> None:
    settings = read_settings(workspace.file)
    scenes = dp.scenes("PLACE B", settings)
    assert [scene.name for scene in scenes] == ["east", "west"]
    images_a, images_b, label_maps, _ = dp.load_dataset("PLACE B", settings)
    pairs, labels = dp.preprocessing(images_a, images_b, label_maps, settings["PLACE B"], True, True)
    size = 18 * 24
    for number, scene in enumerate(scenes):
        found, truth = all_pairs(scene), scene.truth
        assert scene.valid is None
        assert found.shape == (size, 2, 5)
        assert found.dtype == np.float32
        assert truth.shape == (18, 24)
        np.testing.assert_array_equal(found, pairs[number * size : (number + 1) * size])
        np.testing.assert_array_equal(truth.ravel(), labels[number * size : (number + 1) * size])
        # 2 changed -> 0, 1 unchanged -> 1.
        np.testing.assert_array_equal(truth == 0, make_pair(number + 2, rows=18, columns=24)[2])


def test_scenes_keep_unknown_pixels_and_follow_apply_rescaling(workspace: Workspace) -> None:
    before, after, _ = make_pair(1)
    (scene,) = dp.scenes("PLACE A", read_settings(workspace.file))
    (unscaled,) = dp.scenes("PLACE A", read_settings(workspace.file, ["settings.apply_rescaling=False"]))
    scaled, raw, truth = all_pairs(scene), all_pairs(unscaled), scene.truth
    assert (truth[-4:] == 2).all()
    assert not (truth[:-4] == 2).any()
    np.testing.assert_array_equal(raw[:, 0], before.reshape(-1, 5))
    np.testing.assert_array_equal(raw[:, 1], after.reshape(-1, 5))
    assert scaled.min() == 0
    assert scaled.max() == 1


# 10 pairs of 5 bands are 10 · 2 · 5 · 4 bytes. Of what is available, half is left to all else.
@pytest.mark.parametrize(("free", "whole"), [(799, False), (800, True)])
def test_pairs_to_learn_are_an_array_where_half_of_the_memory_holds_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, free: int, whole: bool
) -> None:
    settings = read_settings(workspace.file)
    (scene,) = dp.scenes("PLACE A", settings)
    positions = np.array([7, 3, 599, 40, 41, 42, 100, 0, 1, 2])
    monkeypatch.setattr(image_pairs, "available_memory", lambda: free)
    found = dp.pairs_to_learn(scene, positions, settings)
    assert isinstance(found, np.ndarray) == whole
    taken = found if isinstance(found, np.ndarray) else found.take(np.arange(10))
    np.testing.assert_array_equal(taken, all_pairs(scene)[positions])


def test_pairs_to_learn_keep_to_the_memory_limit(workspace: Workspace) -> None:
    # 2^20 / 40 = 26214.4 pairs
    settings = read_settings(workspace.file, ["settings.memory_limit=1"])
    (scene,) = dp.scenes("PLACE A", settings)
    assert isinstance(dp.pairs_to_learn(scene, np.zeros(26214, int), settings), np.ndarray)
    found = dp.pairs_to_learn(scene, np.zeros(26215, int), settings)
    assert isinstance(found, Samples)
    assert found.room == 2**20


def test_labelled_pixels_are_those_of_known_label(workspace: Workspace) -> None:
    pairs, labels, *_ = dp.labelled_pixels("PLACE A", read_settings(workspace.file, ["settings.apply_rescaling=False"]))
    before, _, changed = make_pair(1)
    # 20 × 30 pixels, of which the last four rows are unknown.
    assert pairs.shape == (480, 2, 5)
    np.testing.assert_array_equal(pairs[:, 0], before[:16].reshape(-1, 5))
    np.testing.assert_array_equal(labels, np.where(changed[:16], 0, 1).ravel())


# --- masked pixels of files ------------------------------------------------------------------------------------------


@pytest.fixture
def torn(workspace: Workspace) -> Workspace:
    """PLACE A in float32, with NaN in rows 0 and 1 of the before image and infinity at (5, 7) of the after image."""
    before, after, _ = (part.astype(np.float32) for part in make_pair(1))
    before[:2, :, 3] = math.nan
    after[5, 7, 0] = math.inf
    for name, image in (("before", before), ("after", after)):
        write_mat(workspace.folder / f"data/a/{name}/town.mat", image)
    return workspace


def masked_of_torn() -> np.ndarray:
    masked = np.zeros((20, 30), dtype=bool)
    masked[:2] = masked[5, 7] = True
    return masked


NAN_IS_NODATA = "PLACE A.nodata=nan"


def test_without_nodata_the_file_is_named_with_its_pixels_and_what_to_do(torn: Workspace) -> None:
    with pytest.raises(InputError) as caught:
        dp.load_dataset("PLACE A", read_settings(torn.file))
    message = str(caught.value)
    assert "\n" not in message
    for part in ("data/a/before/town.mat", "60 pixels hold NaN or infinite values", "`nodata = nan`"):
        assert part in message


def test_with_nodata_images_are_loaded_as_they_are(torn: Workspace) -> None:
    loaded = dp.load_dataset("PLACE A", read_settings(torn.file, [NAN_IS_NODATA]))
    assert len(loaded) == 4
    before, _, changed = make_pair(1)
    np.testing.assert_array_equal(loaded[0][0][2:], before[2:])
    assert np.isnan(loaded[0][0][:2, :, 3]).all()
    assert np.isinf(loaded[1][0][5, 7, 0])
    assert (loaded[2][0] == np.where(changed, 1, 2))[:-4].all()


def test_scenes_carry_the_mask_and_know_nothing_of_masked_pixels(torn: Workspace) -> None:
    (scene,) = dp.scenes("PLACE A", read_settings(torn.file, [NAN_IS_NODATA]))
    masked = masked_of_torn()
    assert scene.valid is not None
    np.testing.assert_array_equal(scene.valid, ~masked)
    assert (scene.truth[masked] == 2).all()
    changed = make_pair(1)[2]
    np.testing.assert_array_equal((scene.truth == 0)[~masked], (changed & ~masked)[~masked])
    pairs = all_pairs(scene)
    assert not pairs[masked.ravel()].any()
    assert np.isfinite(pairs).all()


def test_labelled_pixels_are_not_masked(torn: Workspace) -> None:
    pairs, labels, *_ = dp.labelled_pixels("PLACE A", read_settings(torn.file, [NAN_IS_NODATA]))
    known = ~masked_of_torn()
    known[-4:] = False
    # 600 − 4 · 30 unknown − 2 · 30 − 1 masked.
    assert pairs.shape == (419, 2, 5)
    assert np.isfinite(pairs).all()
    np.testing.assert_array_equal(labels, np.where(make_pair(1)[2], 0, 1)[known])


@pytest.mark.parametrize("load", [dp.scenes, dp.labelled_pixels])
def test_a_pair_without_a_valid_pixel_is_named(workspace: Workspace, load: Callable[[str, Settings], object]) -> None:
    # uint16 images that are 0 everywhere, but only in one band of the after image of one of two pairs.
    _, after, _ = make_pair(3, rows=18, columns=24)
    after[:, :, 2] = 0
    write_bands(workspace.folder / "data/b/after/west.tif", after)
    with pytest.raises(InputError) as caught:
        load("PLACE B", read_settings(workspace.file, ["PLACE B.nodata=0"]))
    assert str(caught.value).startswith("[PLACE B] west: ")
    assert "nodata = 0" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- a plain parser, as the guide's program has one -------------------------------------------------------------------


@pytest.fixture
def parser(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> configparser.ConfigParser:
    """A parser that has read the configuration of the constants, with comments that it takes for parts of values."""
    workspace.text = workspace.text.replace("changedLabel = 2", "changedLabel = 2  # not 1").replace(
        "imgBPath = data/b/after", "imgBPath = data/b/after   ; 100 %"
    )
    monkeypatch.setattr(config, "DATA_CONFIG_PATH", workspace.file)
    monkeypatch.chdir(workspace.folder.parent)
    parser = configparser.ConfigParser()
    parser.read(config.DATA_CONFIG_PATH)
    return parser


@pytest.mark.parametrize("name", ["PLACE A", "PLACE B"])
def test_a_parser_gives_the_arrays_that_settings_give(parser: configparser.ConfigParser, name: str) -> None:
    settings = read_settings()
    loaded, expected = dp.load_dataset(name, parser), dp.load_dataset(name, settings)
    assert loaded[3] == expected[3]
    for arrays, wanted in zip(loaded[:3], expected[:3], strict=True):
        for array, other in zip(arrays, wanted, strict=True):
            np.testing.assert_array_equal(array, other)
    for keep in (True, False):
        pairs, labels = dp.preprocessing(*loaded[:3], parser[name], keep, True)
        wanted_pairs, wanted_labels = dp.preprocessing(*expected[:3], settings[name], keep, True)
        np.testing.assert_array_equal(pairs, wanted_pairs)
        np.testing.assert_array_equal(labels, wanted_labels)


def test_a_parser_is_checked_as_a_file_is(parser: configparser.ConfigParser) -> None:
    parser["PLACE A"]["changedLabel"] = "red"
    for use in (
        lambda: dp.load_dataset("PLACE A", parser),
        lambda: dp.preprocessing([], [], [], parser["PLACE A"], True, True),
    ):
        with pytest.raises(InputError, match=r"\[PLACE A\] changedLabel: found 'red'; expected a number"):
            use()


def test_a_section_of_a_parser_needs_no_others(parser: configparser.ConfigParser) -> None:
    parser.remove_section("settings")
    image = np.arange(8.0).reshape(2, 2, 2)
    _, labels = dp.preprocessing([image], [image], [np.array([[2, 1], [1, 2]])], parser["PLACE B"], True, True)
    np.testing.assert_array_equal(labels, [0, 1, 1, 0])


def test_the_shipped_file_reads_the_same_by_a_plain_parser() -> None:
    parser = configparser.ConfigParser()
    parser.read(config.DATA_CONFIG_PATH, encoding="utf-8")
    assert settings_of(parser) == read_settings()
    # The guide's program asks the parser itself.
    assert parser["settings"]["train_set"] in parser
