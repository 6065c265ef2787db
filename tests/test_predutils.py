"""Pseudo-labels: made by formula, saved, read back, refused, selected."""

import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import Affine
from skimage.filters import threshold_otsu

import dataprocessing as dp
import predutils as pu
from conftest import SHARED, Workspace, all_pairs, make_pair, needs_shared, write_mat
from hscd.detectors import DETECTORS
from hscd.heads import HEADS
from hscd.records import PseudoLabels
from hscd.scenes.scene import same_and_varied
from hscd.system.errors import InputError
from pipeline.plan import Plan
from raster_scenes import write_raster
from settings import DataSet, Settings, read_settings

EPSILON = 1e-7  # the floor under the root, spec section 6


def slow_distance(name: str, x: list[float], y: list[float]) -> float:
    """Spec, section 6, one pair of spectra in plain Python."""
    if name == "ED":
        return math.sqrt(max(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)), EPSILON))
    product = sum(a * b for a, b in zip(x, y, strict=True))
    cosine = product / math.sqrt(sum(a * a for a in x) * sum(b * b for b in y))
    return math.acos(min(1.0, max(-1.0, cosine)))


def images(seed: int, pixels: int = 60, bands: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Two images (pixels, bands), a third of whose pixels differ much."""
    rng = np.random.default_rng(seed)
    before = rng.uniform(0.5, 1, (pixels, bands)).astype(np.float32)
    after = before + rng.normal(0, 0.01, before.shape).astype(np.float32)
    after[::3] = rng.uniform(0.8, 1, after[::3].shape) * [3, 0.2, 2, 0.1]
    return before, after


# --- pseudo_labels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ED", "SAM"])
def test_distances_and_threshold_by_the_formula(name: str) -> None:
    before, after = images(1)
    distances, threshold = pu.pseudo_labels(before, after, HEADS[name].function, return_distances=True)
    expected = [slow_distance(name, x, y) for x, y in zip(before.tolist(), after.tolist(), strict=True)]
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-7)
    assert distances.shape == (60,)
    assert distances.dtype.kind == "f"
    assert type(threshold) is float
    assert threshold == threshold_otsu(distances)


@pytest.mark.parametrize("name", ["ED", "SAM"])
def test_labels_are_changed_where_the_distance_exceeds_the_threshold(name: str) -> None:
    before, after = images(2)
    function = HEADS[name].function
    distances, threshold = pu.pseudo_labels(before, after, function, return_distances=True)
    labels, same_threshold = pu.pseudo_labels(before, after, function)
    assert same_threshold == threshold
    assert labels.tolist() == [0 if distance > threshold else 1 for distance in distances]
    # Every third pixel was changed, by so much that both distances tell. The threshold is the centre of a histogram
    # bin, so the largest distance of the 40 others may lie just above it.
    assert not labels[::3].any()
    assert labels.sum() >= 39


def test_pseudo_labels_by_hand() -> None:
    before = np.zeros((4, 2), dtype=np.uint8)
    after = np.array([[0, 0], [9, 12], [0, 1], [12, 9]], dtype=np.uint8)
    # ED: sqrt(ε) = 0.0003, 15, 1, 15. The variance between the classes is largest for {0, 1} and {15, 15}: their
    # means are 14.5 apart, 14.5² · 1/2 · 1/2 = 52.6; for {0} and {1, 15, 15} it is 10.33² · 1/4 · 3/4 = 20.
    # Of 256 bins between 0.0003 and 15, each 0.0586 wide, 1 is in number 17, whose centre is 17.5 · 0.0586 = 1.0257.
    labels, threshold = pu.pseudo_labels(before, after, HEADS["ED"].function)
    assert labels.tolist() == [1, 0, 1, 0]
    assert threshold == pytest.approx(1.0257, abs=5e-4)


def test_unsigned_images_do_not_wrap_around() -> None:
    # 1 − 3 is 254 in uint8 and would beat 100.
    before = np.array([[1], [1], [100], [100]], dtype=np.uint8)
    after = np.array([[3], [3], [0], [0]], dtype=np.uint8)
    distances, _ = pu.pseudo_labels(before, after, HEADS["ED"].function, return_distances=True)
    np.testing.assert_allclose(distances, [2, 2, 100, 100])


@pytest.mark.parametrize("name", HEADS)
def test_masked_pixels_have_no_distance_and_no_part_in_the_threshold(name: str) -> None:
    before, after = images(4)
    function = HEADS[name].function
    valid = np.random.default_rng(0).random((6, 10)) < 0.7
    expected, threshold = pu.pseudo_labels(before[valid.ravel()], after[valid.ravel()], function, return_distances=True)
    before[~valid.ravel()] = after[~valid.ravel()] = 0
    distances, found = pu.pseudo_labels(before, after, function, return_distances=True, valid=valid)
    assert found == threshold
    assert np.isnan(distances[~valid.ravel()]).all()
    np.testing.assert_array_equal(distances[valid.ravel()], expected)
    labels, _ = pu.pseudo_labels(before, after, function, valid=valid)
    assert (labels[~valid.ravel()] == 2).all()
    np.testing.assert_array_equal(labels[valid.ravel()] == 0, expected > threshold)


@pytest.mark.parametrize("name", HEADS)
def test_nothing_changed_between_identical_images(name: str) -> None:
    before, _ = images(3)
    labels, _ = pu.pseudo_labels(before, before.copy(), HEADS[name].function)
    assert (labels == 1).all()


@pytest.mark.parametrize("name", HEADS)
def test_constant_images_have_no_threshold(name: str) -> None:
    # Equal distances do not say whether all changed or nothing did; nor does one pixel, or one that is not masked.
    before = np.full((9, 3), 2, np.float32)
    for after in (before, 2 * before, before + np.float32([0, 1, 0])):
        with pytest.raises(InputError, match="Otsu"):
            pu.pseudo_labels(before, after, HEADS[name].function)
    varied, _ = images(3)
    valid = np.arange(len(varied)) == 4
    with pytest.raises(InputError, match="Otsu"):
        pu.pseudo_labels(varied, varied.copy(), HEADS[name].function, valid=valid)


def test_parts_that_are_constant_each_are_varied_together() -> None:
    one = np.ones((3, 2), np.float32)
    assert same_and_varied([(one, one), (one[:0], one[:0]), (2 * one, 2 * one)])
    assert not same_and_varied([(one, one), (one, one)])
    assert not same_and_varied([(one, one), (2 * one, one)])


def test_the_after_image_is_put_into_the_light_of_the_before_image_first(workspace: Workspace) -> None:
    before, after, _ = make_pair(1)
    write_mat(workspace.folder / "data/a/after/town.mat", after.astype(np.float32) * 3 + 100)
    unscaled = ("settings.apply_rescaling=False", "settings.normalisation=mean_std")
    assert workspace.call("predutils", *unscaled).returncode == 0
    found = pickle.loads((workspace.folder / "data/a/pseudo/town.pickle").read_bytes())["distances"]
    matched = (after - after.mean((0, 1))) / after.std((0, 1)) * before.std((0, 1)) + before.mean((0, 1))
    # Values of some thousands, whose float32 is off by 2e-4.
    np.testing.assert_allclose(found, np.linalg.norm(matched - before, axis=2).ravel(), rtol=1e-3, atol=1e-2)


# --- the saved file --------------------------------------------------------------------------------------------------


def test_the_saved_file_is_the_dict_of_the_contract(workspace: Workspace) -> None:
    assert workspace.call("predutils").returncode == 0
    content = pickle.loads((workspace.folder / "data/a/pseudo/town.pickle").read_bytes())
    assert type(content) is dict
    assert list(content) == ["threshold", "distances", "shape"]
    assert type(content["threshold"]) is float
    assert type(content["shape"]) is tuple
    assert content["shape"] == (20, 30)
    assert [type(length) for length in content["shape"]] == [int, int]
    assert type(content["distances"]) is np.ndarray
    assert content["distances"].shape == (600,)
    assert content["distances"].dtype.kind == "f"
    assert content["threshold"] == threshold_otsu(content["distances"])
    # Row-major, of the rescaled data.
    (scene,) = dp.scenes("PLACE A", read_settings(workspace.file))
    for position in (0, 29, 30, 299, 599):
        expected = slow_distance("ED", *all_pairs(scene)[position].tolist())
        assert content["distances"][position] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("distance", "rescaling"), [("ED", True), ("ED", False), ("SAM", True)])
def test_a_constant_band_has_no_part_in_the_distances(workspace: Workspace, distance: str, rescaling: bool) -> None:
    images = make_pair(1)[:2]
    found = []
    for value in ("constant", "missing"):
        for name, image in zip(("before", "after"), images, strict=True):
            changed = np.delete(image, 2, axis=2) if value == "missing" else np.where(np.arange(5) == 2, 9, image)
            write_mat(workspace.folder / f"data/a/{name}/town.mat", changed)
        options = (f"settings.distance={distance}", f"settings.apply_rescaling={rescaling}")
        assert workspace.call("predutils", *options).returncode == 0
        found.append(pickle.loads((workspace.folder / "data/a/pseudo/town.pickle").read_bytes()))
    constant, missing = found
    np.testing.assert_allclose(constant["distances"], missing["distances"], rtol=1e-5)
    assert constant["threshold"] == pytest.approx(missing["threshold"], rel=1e-5)


def test_what_is_saved_is_loaded(workspace: Workspace) -> None:
    workspace.call("predutils")
    section = read_settings(workspace.file)["PLACE A"]
    content = pickle.loads(pu.pseudo_file(section, "town").read_bytes())
    loaded = pu.load_pseudo_labels(section, "town", (20, 30))
    assert loaded["threshold"] == content["threshold"]
    assert loaded["shape"] == (20, 30)
    np.testing.assert_array_equal(loaded["distances"], content["distances"])
    assert pu.saved_pairs(section) == ["town"]


SOUND: dict[str, Any] = {"threshold": 0.5, "distances": np.linspace(0, 1, 12), "shape": (3, 4)}


@pytest.fixture
def section(tmp_path: Path) -> DataSet:
    images = tmp_path / "no images"
    return DataSet("PLACE", images, images, images, tmp_path / "pseudo", None, (1,), (2,), (0,))


def save(section: DataSet, content: object) -> Path:
    file = section.pseudo_path / "hill.pickle"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pickle.dumps(content))
    return file


def test_a_sound_file_is_read_with_and_without_a_shape_to_check(section: DataSet) -> None:
    # The refusals below start from this file.
    save(section, SOUND)
    assert pu.load_pseudo_labels(section, "hill")["shape"] == (3, 4)
    assert pu.load_pseudo_labels(section, "hill", (3, 4))["threshold"] == 0.5


def test_a_file_with_masked_pixels_is_read(section: DataSet) -> None:
    distances = np.linspace(0, 1, 12)
    distances[3:7] = np.nan
    save(section, {**SOUND, "distances": distances})
    np.testing.assert_array_equal(pu.load_pseudo_labels(section, "hill", (3, 4))["distances"], distances)


def test_a_missing_file_names_the_command_that_makes_it(section: DataSet) -> None:
    with pytest.raises(InputError) as caught:
        pu.load_pseudo_labels(section, "hill", (3, 4))
    assert str(section.pseudo_path / "hill.pickle") in str(caught.value)
    assert "predutils.py --set settings.train_set=PLACE`" in str(caught.value)


def test_a_folder_without_pseudo_labels_names_the_command_that_makes_them(section: DataSet) -> None:
    with pytest.raises(InputError) as caught:
        pu.saved_pairs(section)
    assert str(section.pseudo_path) in str(caught.value)
    assert "predutils.py --set settings.train_set=PLACE`" in str(caught.value)


def test_the_pairs_are_those_of_the_images_or_else_of_the_pseudo_labels(section: DataSet, workspace: Workspace) -> None:
    save(section, SOUND)
    assert pu.saved_pairs(section) == ["hill"]
    place = read_settings(workspace.file)["PLACE B"]
    place.pseudo_path.mkdir()
    (place.pseudo_path / "stale.pickle").write_bytes(pickle.dumps(SOUND))
    assert pu.saved_pairs(place) == ["east", "west"]


def test_pseudo_labels_of_an_image_of_another_shape(section: DataSet) -> None:
    # The same number of pixels: only the shape tells.
    file = save(section, SOUND)
    with pytest.raises(InputError) as caught:
        pu.load_pseudo_labels(section, "hill", (4, 3))
    message = str(caught.value)
    assert all(part in message for part in (str(file), "(3, 4)", "(4, 3)", "predutils.py"))


DAMAGED: dict[str, object] = {
    "no threshold": {key: value for key, value in SOUND.items() if key != "threshold"},
    "no distances": {key: value for key, value in SOUND.items() if key != "distances"},
    "no shape": {key: value for key, value in SOUND.items() if key != "shape"},
    "nothing": {},
    "threshold is a word": {**SOUND, "threshold": "high"},
    "threshold is None": {**SOUND, "threshold": None},
    "threshold is NaN": {**SOUND, "threshold": float("nan")},
    "threshold is infinite": {**SOUND, "threshold": float("inf")},
    "shape of three": {**SOUND, "shape": (3, 4, 1)},
    "shape is a number": {**SOUND, "shape": 12},
    "negative shape": {**SOUND, "shape": (-3, -4)},
    "one distance less": {**SOUND, "distances": np.linspace(0, 1, 11)},
    "distances as a map": {**SOUND, "distances": np.linspace(0, 1, 12).reshape(3, 4)},
    "labels for distances": {**SOUND, "distances": np.arange(12)},
    "words for distances": {**SOUND, "distances": ["a"] * 12},
    "distances are None": {**SOUND, "distances": None},
    "all distances are NaN": {**SOUND, "distances": np.full(12, np.nan)},
    "a distance is infinite": {**SOUND, "distances": np.append(np.linspace(0, 1, 11), np.inf)},
    "a distance is minus infinity": {**SOUND, "distances": np.append(np.full(11, np.nan), -np.inf)},
    "a list": list(SOUND.items()),
    "a text": "text",
    "None": None,
}


@pytest.mark.parametrize("shape", [(3, 4), None])
@pytest.mark.parametrize("what", DAMAGED)
def test_a_file_of_other_content_is_refused_by_name(section: DataSet, what: str, shape: tuple[int, int] | None) -> None:
    file = save(section, DAMAGED[what])
    with pytest.raises(InputError) as caught:
        pu.load_pseudo_labels(section, "hill", shape)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused_wherever_it_ends(section: DataSet) -> None:
    file = save(section, SOUND)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match="hill"):
            pu.load_pseudo_labels(section, "hill", (3, 4))


@needs_shared
def test_the_pseudo_labels_of_the_guide_are_read(section: DataSet) -> None:
    section = dataclasses.replace(section, pseudo_path=SHARED / "legacy")
    loaded = pu.load_pseudo_labels(section, "bayarea", (600, 500))
    assert loaded["threshold"] == 0.24991151306713982
    assert loaded["distances"].shape == (300_000,)
    assert threshold_otsu(loaded["distances"]) == pytest.approx(0.24991151306713982, abs=1e-6)


# --- select ----------------------------------------------------------------------------------------------------------

# 5 × 5 pixels, threshold 0.5: the two right columns changed, and one lone pixel (position 6).
#   .00 .01 .02 .90 .91
#   .05 .99 .07 .92 .93
#   .10 .11 .12 .94 .95
#   .15 .16 .17 .96 .97
#   .20 .21 .22 .98 .60
MAP = [0.00, 0.01, 0.02, 0.90, 0.91, 0.05, 0.99, 0.07, 0.92, 0.93, 0.10, 0.11, 0.12, 0.94, 0.95, 0.15, 0.16, 0.17, 0.96,
       0.97, 0.20, 0.21, 0.22, 0.98, 0.60]  # fmt: skip
PSEUDO: PseudoLabels = {"threshold": 0.5, "distances": np.array(MAP), "shape": (5, 5)}


def settings_of(workspace: Workspace, *overrides: str) -> Settings:
    return read_settings(workspace.file, [f"settings.{override}" for override in overrides])


def test_fine_tuning_0_selects_every_pixel_with_its_corrected_label(workspace: Workspace) -> None:
    positions, labels = Plan(settings_of(workspace, "fine_tuning=0")).select(PSEUDO, None)
    assert positions.tolist() == list(range(25))
    # 5 × 5 majority, clipped at the border. Columns 0 and 1 see columns 0–2 and 0–3, column 2 all five: never a
    # majority of changed, so the lone pixel goes; columns 3 and 4 see columns 1–4 and 2–4.
    # Column 4: of columns 2–4 two thirds changed -> changed. Column 3: of columns 1–4 half changed, plus the lone
    # pixel in rows 0–3 (its row 1 is in the window) -> changed; row 4 (rows 2–4): 6 of 12, a tie -> its own, changed.
    # Column 2: rows 0–3: 2 of 5 columns, plus one -> at most 7 of 15, 9 of 20, 11 of 25 -> unchanged.
    assert labels.reshape(5, 5).tolist() == [[1, 1, 1, 0, 0]] * 5


def test_fine_tuning_1_selects_the_most_extreme_of_each_class(workspace: Workspace) -> None:
    # 11 changed (ten and the lone pixel), 14 unchanged. int(0.3 · 14) = 4, int(0.3 · 11) = 3.
    # Unchanged, smallest first: .00 .01 .02 .05 at 0, 1, 2, 5. Changed, largest first: .99 .98 .97 at 6, 23, 19.
    positions, labels = Plan(settings_of(workspace, "fine_tuning=1", "pseudo_percentage=0.3")).select(PSEUDO, None)
    assert positions.tolist() == [0, 1, 2, 5, 6, 23, 19]
    assert labels.tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_fine_tuning_2_selects_pixels_of_a_uniform_neighbourhood(workspace: Workspace) -> None:
    # After correction columns 0–2 are unchanged, 3 and 4 changed. Radius 2 is 3 × 3: columns 0, 1 and 4 are uniform.
    positions, labels = Plan(settings_of(workspace, "fine_tuning=2", "pseudo_radius=2")).select(PSEUDO, None)
    assert positions.tolist() == [5 * row + column for row in range(5) for column in (0, 1, 4)]
    assert labels.tolist() == [1, 1, 0] * 5
    # Radius 3 is 5 × 5: only column 0, which sees columns 0–2.
    positions, labels = Plan(settings_of(workspace, "fine_tuning=2", "pseudo_radius=3")).select(PSEUDO, None)
    assert positions.tolist() == [0, 5, 10, 15, 20]
    assert labels.tolist() == [1] * 5


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_detector_is_a_source_of_pseudo_labels_that_can_be_selected(
    workspace: Workspace, undrawn: object, detector: str
) -> None:
    before, after, changed = make_pair(5, 40, 50)
    after[changed] += 2500  # as clear to one as to another
    for part, image in (("before", before), ("after", after), ("label", np.where(changed, 1, 2).astype(np.uint8))):
        write_mat(workspace.folder / f"data/a/{part}/town.mat", image)
    keys = (f"detector={detector}", "apply_rescaling=False", "pseudo_radius=2")
    done = workspace.call("predutils", *(f"settings.{key}" for key in keys))
    assert done.returncode == 0, done.stderr
    settings = settings_of(workspace, *keys)
    found = pu.load_pseudo_labels(settings["PLACE A"], "town", (40, 50))
    # A selection takes what is above the threshold for changed, whatever the scores mean.
    truth = np.where(changed, 0, 1).ravel()
    for code in range(3):
        positions, labels = Plan(settings_of(workspace, *keys, f"fine_tuning={code}")).select(found, None)
        assert set(labels.tolist()) == {0, 1}
        assert (labels == truth[positions]).mean() > 0.8
    for script, pictures in (("labelbyperc_generation", 9), ("labelbyneigh_generation", 1)):
        done = workspace.call(script, *(f"settings.{key}" for key in keys))
        assert done.returncode == 0, done.stderr
        record = next((workspace.folder / "stat").glob(f"*_{'percentages' if pictures == 9 else 'radii'}_run.json"))
        chosen = json.loads(record.read_text(encoding="utf-8"))["results"]["town"]["pixels"]
        assert len(chosen) == pictures
        assert all(chosen.values())


@pytest.mark.parametrize("radius", [6, 10**6, 10**30])
def test_a_radius_beyond_the_image_is_the_whole_image(workspace: Workspace, radius: int) -> None:
    # Every window is the whole map, which holds both classes: nothing is uniform.
    settings = settings_of(workspace, "fine_tuning=2", f"pseudo_radius={radius}")
    positions, labels = Plan(settings).select(PSEUDO, None)
    assert positions.tolist() == labels.tolist() == []


# Degrees at 60° north: a pixel is 2 times as high as wide, as in every other picture of the pair.
def test_maps_of_saved_pseudo_labels_are_drawn_as_their_images_lie(workspace: Workspace, capsys) -> None:
    settings = read_settings(workspace.file)
    section, folder = settings["PLACE A"], workspace.folder / "data/a"
    assert pu.beside_maps(section, "town", (20, 30), settings) is None  # .mat has no place
    section = dataclasses.replace(section, img_a_path=folder / "tif/before", img_b_path=folder / "tif/after")
    place = {"crs": "EPSG:4326", "transform": Affine(1e-4, 0, 10, 0, -1e-4, 60)}
    for date in ("before", "after", "label"):
        write_raster(folder / f"tif/{date}/town.tif", np.ones((20, 30, 1), np.uint8), **place)
    section = dataclasses.replace(section, label_path=folder / "tif/label")
    beside = pu.beside_maps(section, "town", (20, 30), settings)
    assert beside is not None
    assert round(beside.aspect, 1) == 2.0
    assert pu.beside_maps(section, "village", (20, 30), settings) is None
    (folder / "tif/before/town.tif").write_bytes(b"II*")
    assert pu.beside_maps(section, "town", (20, 30), settings) is None
    assert "the maps of town are drawn with square pixels" in capsys.readouterr().err
