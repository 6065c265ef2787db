"""Scenes with NaN, infinite and nodata pixels through the real commands.

The oracle is the same scene without them: where all masked pixels lie at the border, whatever the program makes of a
scene must be what it makes of the scene cut down to its valid pixels.
"""

import pickle
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import config
import dataprocessing as dp
from conftest import (
    CONFIGURATION,
    Workspace,
    all_pairs,
    make_pair,
    warnings_of,
    without_pictures,
    without_times,
    write_bands,
    write_mat,
)
from hscd.evaluation.confusion import confusion
from hscd.labels import UNKNOWN
from hscd.reports import maps
from hscd.selections.neighborhood import labels_by_neighborhood
from hscd.selections.percentage import labels_by_percentage
from pipeline import report
from settings import read_settings

B = "settings.train_set=PLACE B"
TEST = "settings.training=False"
TRAIN = ("hyperas settings ED.max_evals=1",)
FINE_TUNINGS = {"no fine tuning": -1, "all": 0, "0.5": 1, "r=3": 2}
NODATA = -32768
NODATA_A, NODATA_B = "PLACE A.nodata=nan", f"PLACE B.nodata={NODATA}"


@pytest.fixture(scope="module", autouse=True)
def short_training() -> Iterator[None]:
    """How well a network is trained does not matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 3)
        yield


def masked(nodata_a: str, nodata_b: str) -> str:
    """The configuration with a nodata value of both data sets."""
    text = CONFIGURATION.replace("matLabel = cube\n", f"matLabel = cube\nnodata = {nodata_a}\n")
    return text.replace("pseudoPath = data/b/pseudo\n", f"pseudoPath = data/b/pseudo\nnodata = {nodata_b}\n")


def write_tif_pair(folder: Path, name: str, before: np.ndarray, after: np.ndarray, changed: np.ndarray) -> None:
    """A pair of PLACE B in the number type of its images."""
    for part, image in (("before", before), ("after", after)):
        bands = folder / "data/b" / part / name
        bands.mkdir(parents=True, exist_ok=True)
        for band in range(image.shape[2]):
            tifffile.imwrite(bands / f"B{band + 1:02d}.tif", image[:, :, band])
    (folder / "data/b/label").mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(changed, 2, 1).astype(np.uint8)).save(folder / "data/b/label" / name)


def tables(space: Workspace) -> dict[str, list[dict[str, str]]]:
    """Every table that a workspace holds, without the columns of times."""
    return {file.name: without_times(file) for file in sorted((space.folder / "stat").glob("*.csv"))}


def pseudo_labels(space: Workspace, place: str, pair: str) -> dict:
    return pickle.loads((space.folder / f"data/{place}/pseudo/{pair}.pickle").read_bytes())


def succeed(space: Workspace, script: str, *overrides: str) -> None:
    done = space.call(script, *overrides)
    assert done.returncode == 0, done.stderr
    assert warnings_of(done.stderr) == []


def run_everything(space: Workspace) -> None:
    """Pseudo-labels, maps of selections, a training, and tests with every kind of fine-tuning."""
    succeed(space, "predutils")
    succeed(space, "predutils", B, "settings.distance=SAM", "settings.apply_rescaling=False")
    for script in ("labelbyperc_generation", "labelbyneigh_generation"):
        succeed(space, script)
    succeed(space, "main", *TRAIN)
    succeed(space, "main", TEST, "settings.fine_tuning=0")
    for fine_tuning in FINE_TUNINGS.values():
        succeed(space, "main", TEST, "settings.test_set=PLACE A", f"settings.fine_tuning={fine_tuning}")


# --- masked pixels at the border -------------------------------------------------------------------------------------

# What is left of PLACE A, 20 × 30, and of the pairs of PLACE B, 18 × 24; nothing of `west` is masked.
INSIDE_A = np.s_[:, 3:28]
INSIDE_B = {"east": np.s_[2:, :], "west": np.s_[:, :]}


def images_a(*, cut: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    before, after, changed = make_pair(1)
    before, after = before.astype(np.float32), after.astype(np.float32)
    labels = np.where(changed, 1, 2).astype(np.uint8)
    labels[-4:] = 0
    if cut:
        return before[INSIDE_A], after[INSIDE_A], labels[INSIDE_A]
    # One band is enough, and what the others hold does not matter.
    before[:, :3, 2] = np.nan
    before[:, :3, 0] = 3e38
    after[:, 28:] = -np.inf
    before[::2, 29, 1] = np.inf
    return before, after, labels


def make_workspace(folder: Path, *, cut: bool) -> Workspace:
    space = Workspace(folder, text=CONFIGURATION if cut else masked("nan", str(NODATA)))
    for part, array in zip(("before", "after", "label"), images_a(cut=cut), strict=True):
        write_mat(folder / f"data/a/{part}/town.mat", array)
    for seed, (pair, inside) in enumerate(INSIDE_B.items(), start=2):
        before, after, changed = make_pair(seed, rows=18, columns=24)
        before, after = before.astype(np.int16), after.astype(np.int16)
        if cut:
            before, after, changed = before[inside], after[inside], changed[inside]
        elif pair == "east":
            before[0, :, 4] = after[1] = NODATA
            before[1] = 32767
        write_tif_pair(folder, f"{pair}.tif", before, after, changed)
    return space


@pytest.fixture(scope="module")
def whole_and_cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Workspace]:
    spaces = []
    for cut in (False, True):
        space = make_workspace(tmp_path_factory.mktemp("cut" if cut else "whole"), cut=cut)
        with without_pictures() if cut else nullcontext():
            run_everything(space)
        spaces.append(space)
    return spaces[0], spaces[1]


def test_every_table_is_that_of_the_scene_without_masked_pixels(whole_and_cut: tuple[Workspace, Workspace]) -> None:
    whole, cut = (tables(space) for space in whole_and_cut)
    # Three pairs with two tables of pseudo-labels each, a search with that of its epochs, and 2 + 4 tests.
    assert len(whole) == 6 + 2 + 6
    assert whole == cut


@pytest.mark.parametrize(
    ("place", "pair", "inside"), [("a", "town", INSIDE_A), *(("b", pair, inside) for pair, inside in INSIDE_B.items())]
)
def test_pseudo_labels_are_nan_at_masked_pixels_and_else_those_of_the_scene_without(
    whole_and_cut: tuple[Workspace, Workspace], place: str, pair: str, inside: tuple[slice, slice]
) -> None:
    whole, cut = (pseudo_labels(space, place, pair) for space in whole_and_cut)
    shape = (20, 30) if place == "a" else (18, 24)
    assert whole["shape"] == shape
    assert whole["threshold"] == cut["threshold"]
    expected = np.full(shape, np.nan)
    expected[inside] = cut["distances"].reshape(cut["shape"])
    np.testing.assert_array_equal(whole["distances"].reshape(shape), expected)


def test_the_number_of_pseudo_labels_is_that_of_valid_pixels(whole_and_cut: tuple[Workspace, Workspace]) -> None:
    found = tables(whole_and_cut[0])
    assert found["PLACE A_town_on_M_all.csv"][0]["pseudo_qty"] == str(20 * 25)
    assert found["PLACE B_east_on_M_all.csv"][0]["pseudo_qty"] == str(16 * 24)
    assert found["PLACE B_west_on_M_all.csv"][0]["pseudo_qty"] == str(18 * 24)
    # Of known label are 16 of the 20 rows.
    assert found["PLACE A_town_on_M_all.csv"][0]["total_examples"] == str(16 * 25)


def drawn(path: Path, panels: maps.Panels, heading: str, unknown: str = "unknown") -> bytes:
    maps.write_classes(path, panels, unknown, heading=heading)
    return path.read_bytes()


def framed(labels: np.ndarray) -> np.ndarray:
    """A map of what is left of PLACE A, in its place."""
    full = np.full((20, 30), UNKNOWN, dtype=np.uint8)
    full[INSIDE_A] = labels
    return full


def test_maps_of_selected_pseudo_labels_are_those_of_the_scene_without(
    whole_and_cut: tuple[Workspace, Workspace], tmp_path: Path
) -> None:
    whole, cut = whole_and_cut
    pseudo = pseudo_labels(cut, "a", "town")
    selections = {
        (f"{percentage}%", f"the best {percentage} % of the pseudo-labels"): labels_by_percentage(
            pseudo, percentage / 100
        )
        for percentage in (10, 50, 90)
    } | {
        (f"radius{radius}", f"pseudo-labels by neighbourhood of radius {radius}"): labels_by_neighborhood(
            pseudo, radius
        )
        for radius in (2, 3)
    }
    for (name, told), (positions, labels) in selections.items():
        panels = maps.selection_panels(positions, labels, pseudo["shape"])
        full = {title: framed(panel) for title, panel in panels.items()}
        expected = drawn(tmp_path / "map.png", full, f"PLACE A, town: {told}", "excluded")
        assert (whole.folder / f"stat/PLACE A_town_{name}.png").read_bytes() == expected, name


def test_maps_of_pseudo_labels_are_yellow_at_masked_pixels(
    whole_and_cut: tuple[Workspace, Workspace], tmp_path: Path
) -> None:
    whole, cut = whole_and_cut
    pseudo = pseudo_labels(cut, "a", "town")
    prediction = np.where(pseudo["distances"] > pseudo["threshold"], 0, 1).reshape(pseudo["shape"])
    truth = np.array([2, 0, 1])[images_a(cut=True)[2]]  # 0 unknown, 1 changed, 2 unchanged
    panels = maps.prediction_panels(framed(prediction), framed(truth))
    name = "PLACE A_town_ED_pseudo_rescaling_True"
    heading = report.heading(name, framed(prediction), confusion(framed(prediction), framed(truth)))
    assert (whole.folder / f"stat/{name}.png").read_bytes() == drawn(tmp_path / "map.png", panels, heading)


def yellow_share(file: Path) -> float:
    picture = np.asarray(Image.open(file).convert("RGB")).astype(int)
    return float(((picture[..., 0] > 220) & (picture[..., 1] > 200) & (picture[..., 2] < 130)).mean())


def test_maps_of_a_test_are_yellow_by_the_share_of_masked_pixels(whole_and_cut: tuple[Workspace, Workspace]) -> None:
    whole, _ = whole_and_cut
    # A sixth of PLACE A is masked, which fills somewhat more than half of a picture.
    for name in FINE_TUNINGS:
        file = whole.folder / f"stat/PLACE A_town_on_M_{name}_heatmap.png"
        assert 0.06 < yellow_share(file) < 0.17
    # Of `west` nothing: no yellow at all in the heat map, and in the class map nothing but the patch of the legend.
    assert yellow_share(whole.folder / "stat/PLACE B_west_on_M_all.png") < 0.01
    # Of `east` 2 of 18 rows, in all three panels.
    for end in ("", "_corrected"):
        assert 0.04 < yellow_share(whole.folder / f"stat/PLACE B_east_on_M_all{end}.png") < 0.12


# --- masked pixels anywhere ------------------------------------------------------------------------------------------


def scattered(seed: int) -> np.ndarray:
    """A mask of the size of PLACE A that leaves a quarter of its pixels out: a stripe, a block and single ones."""
    valid = np.random.default_rng(seed).random((20, 30)) > 0.1
    valid[9:11] = False
    valid[:6, 20:26] = False
    return valid


@pytest.fixture(scope="module")
def torn(whole_and_cut: tuple[Workspace, Workspace], tmp_path_factory: pytest.TempPathFactory) -> list[Workspace]:
    """PLACE A with the same pixels masked in three ways, with pseudo-labels and the model of `whole_and_cut`."""
    valid = scattered(0)
    spaces = []
    for number, (dtype, nodata) in enumerate(((np.float32, np.nan), (np.int16, -1), (np.float64, 1e300))):
        space = Workspace(tmp_path_factory.mktemp(f"torn{number}"), text=masked(str(nodata), "nan"))
        before, after, changed = make_pair(1)
        images = [image.astype(dtype) for image in (before, after)]
        # Each way in other bands of the other image.
        images[number % 2][~valid, number] = nodata
        images[1 - number % 2][~valid, 4] += 77
        for part, array in zip(("before", "after", "label"), (*images, np.where(changed, 1, 2)), strict=True):
            write_mat(space.folder / f"data/a/{part}/town.mat", array)
        (space.folder / "model").mkdir()
        for name in ("M.h5", "M_param.pickle"):
            (space.folder / "model" / name).write_bytes((whole_and_cut[0].folder / "model" / name).read_bytes())
        with without_pictures():
            succeed(space, "predutils")
            for fine_tuning in (-1, 0) if number else FINE_TUNINGS.values():
                succeed(space, "main", TEST, "settings.test_set=PLACE A", f"settings.fine_tuning={fine_tuning}")
        spaces.append(space)
    return spaces


def test_it_does_not_matter_how_a_pixel_is_masked(torn: list[Workspace]) -> None:
    first, *others = (tables(space) for space in torn)
    assert len(first) == 2 + 4
    for other in others:
        assert len(other) == 2 + 2
        assert other == {name: first[name] for name in other}


def test_masked_pixels_are_not_counted_and_have_no_distance(torn: list[Workspace]) -> None:
    valid = scattered(0)
    for name, (row,) in tables(torn[0]).items():
        assert row["total_examples"] == str(valid.sum()), name
    np.testing.assert_array_equal(np.isnan(pseudo_labels(torn[0], "a", "town")["distances"]), ~valid.ravel())
    assert tables(torn[0])["PLACE A_town_on_M_all.csv"][0]["pseudo_qty"] == str(valid.sum())


def test_the_table_of_pseudo_labels_agrees_with_loops_over_valid_pixels(torn: list[Workspace]) -> None:
    valid, changed = scattered(0), make_pair(1)[2]
    pseudo = pseudo_labels(torn[0], "a", "town")
    predicted = pseudo["distances"].reshape(20, 30) > pseudo["threshold"]
    corrected = predicted.copy()
    for row, column in np.argwhere(valid):
        window = np.s_[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        votes = predicted[window][valid[window]]
        if 2 * votes.sum() != votes.size:
            corrected[row, column] = 2 * votes.sum() > votes.size
    (table,) = tables(torn[0])["PLACE A_town_ED_pseudo_rescaling_True.csv"]
    for suffix, found in (("", predicted), ("_correction", corrected)):
        for name, mask in {
            "true_positives": found & changed,
            "false_positives": found & ~changed,
            "false_negatives": ~found & changed,
            "true_negatives": ~found & ~changed,
        }.items():
            assert table[f"{name}_num{suffix}"] == str((mask & valid).sum()), name + suffix


# --- nodata and older pseudo-labels ----------------------------------------------------------------------------------


def test_pseudo_labels_older_than_nodata_are_masked_before_selection(torn: list[Workspace]) -> None:
    space, file = torn[0], torn[0].folder / "data/a/pseudo/town.pickle"
    sound = file.read_bytes()
    content = pickle.loads(sound)
    expected = tables(space)
    try:
        # The highest of all distances, and the same threshold: by percentage they would be chosen first.
        content["distances"] = np.where(np.isnan(content["distances"]), np.float32(1e6), content["distances"])
        file.write_bytes(pickle.dumps(content))
        with without_pictures():
            for fine_tuning in (0, 1, 2):
                succeed(space, "main", TEST, "settings.test_set=PLACE A", f"settings.fine_tuning={fine_tuning}")
    finally:
        file.write_bytes(sound)
    assert tables(space) == expected


# --- nodata that does not occur --------------------------------------------------------------------------------------


def test_nodata_that_does_not_occur_gives_the_same_tables_and_files(tmp_path: Path) -> None:
    spaces = []
    for text, name in ((CONFIGURATION, "plain"), (masked("nan", "65535"), "configured")):
        space = Workspace(tmp_path / name, text=text)
        space.folder.mkdir()
        space.write_data()
        for command in (
            ("predutils", B),
            ("main", *TRAIN),
            *(("main", TEST, f"settings.fine_tuning={n}") for n in (-1, 0)),
        ):
            succeed(space, *command)
        spaces.append(space)
    plain, configured = (tables(space) for space in spaces)
    # Two pairs, with two tables of pseudo-labels and two of tests each, and a search with that of its epochs.
    assert len(plain) == 4 + 4 + 2
    assert plain == configured
    first, second = (space.contents() for space in spaces)
    for name in first:
        if name.endswith((".png", ".h5", ".pickle")):
            assert first[name] == second[name], name


# --- nodata = 0 in unsigned bands ------------------------------------------------------------------------------------


def test_nodata_zero_of_unsigned_bands(workspace: Workspace) -> None:
    before, after, _ = make_pair(2, rows=18, columns=24)
    after[5:7, :, 1] = 0
    write_bands(workspace.folder / "data/b/after/east.tif", after)
    succeed(workspace, "predutils", B, "PLACE B.nodata=0")
    distances = pseudo_labels(workspace, "b", "east")["distances"].reshape(18, 24)
    assert np.isnan(distances[5:7]).all()
    assert np.isfinite(np.delete(distances, [5, 6], axis=0)).all()
    found = tables(workspace)
    assert found["PLACE B_east_ED_pseudo_rescaling_True.csv"][0]["total_examples"] == str(16 * 24)
    assert found["PLACE B_west_ED_pseudo_rescaling_True.csv"][0]["total_examples"] == str(18 * 24)
    assert np.isfinite(pseudo_labels(workspace, "b", "west")["distances"]).all()
    # The range of band 1 is not that of 0: the same pixels, scaled by hand.
    (scene, _) = dp.scenes("PLACE B", read_settings(workspace.file, ["PLACE B.nodata=0"]))
    west = make_pair(3, rows=18, columns=24)
    low = min(image[..., 1][image[..., 1] > 0].min() for image in (before, after, *west[:2]))
    high = max(image[..., 1].max() for image in (before, after, *west[:2]))
    assert all_pairs(scene)[0, 1, 1] == pytest.approx((after[0, 0, 1] - low) / (high - low), rel=1e-6)
