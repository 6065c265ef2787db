"""The demo scenes: layout and bytes of the files, physical sense of the images, difficulty of the task."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from numpy._core import _multiarray_umath
from scipy.io import loadmat, whosmat
from skimage.filters import threshold_otsu

from conftest import run_apart
from hscd import demo
from hscd.demo import landcover
from hscd.demo import scene as sensing

SIZE = 32
FILE_SHAPE = (32, 38)  # the columns are a fifth more: 1.2 × 32 = 38.4
SHAPE = (64, 77)
Scene = tuple[sensing.Image, sensing.Image, sensing.LabelMap]
DISABLED = "NPY_DISABLE_CPU_FEATURES"
NAMES = [
    f"{data_set}/{part}/{pair}.mat"
    for data_set, pair in (("demo_a", "riverside"), ("demo_b", "hillside"))
    for part in ("after", "before", "label")
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    demo.write_demo(folder, size=SIZE)
    return folder


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: demo.make_scene(place, sensing.read_spectra(), SHAPE) for name, place in demo.PLACES.items()}


@pytest.fixture(params=demo.PLACES)
def scene(request: pytest.FixtureRequest, scenes: dict[str, Scene]) -> Scene:
    return scenes[request.param]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder).as_posix()): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_layout_has_one_pair_in_each_place_and_nothing_else(written: Path) -> None:
    assert sorted(files_in(written)) == NAMES


def test_files_hold_what_make_scene_returns(written: Path) -> None:
    for data_set, place in demo.PLACES.items():
        arrays: Scene = demo.make_scene(place, sensing.read_spectra(), FILE_SHAPE)
        for part, expected in zip(("before", "after", "label"), arrays, strict=True):
            path = written / data_set / part / f"{place.pair}.mat"
            assert [name for name, _, _ in whosmat(path)] == ["HypeRvieW"]
            found = loadmat(path)["HypeRvieW"]
            np.testing.assert_array_equal(found, expected, strict=True)  # of the same type too


def test_same_seed_gives_the_same_bytes_and_another_seed_others(written: Path, tmp_path: Path) -> None:
    demo.write_demo(tmp_path / "same", seed=0, size=SIZE)
    demo.write_demo(tmp_path / "other", seed=1, size=SIZE)
    same, other, first = files_in(tmp_path / "same"), files_in(tmp_path / "other"), files_in(written)
    assert same == first
    assert all(other[name] != first[name] for name in NAMES)


# OpenBLAS' oldest kernels for x86, and NumPy without the vector instructions it found here: as on other processors.
@pytest.mark.parametrize("missing", ["matrix products", "vectors"])
def test_other_processors_make_the_same_bytes(written: Path, tmp_path: Path, missing: str) -> None:
    found = [name for name in _multiarray_umath.__cpu_dispatch__ if _multiarray_umath.__cpu_features__[name]]
    without = {"matrix products": {"OPENBLAS_CORETYPE": "Prescott"}, "vectors": {DISABLED: " ".join(found)}}[missing]
    code = f"import pathlib, sys; from hscd import demo; demo.write_demo(pathlib.Path(sys.argv[1]), size={SIZE})"
    done = run_apart(code, tmp_path, **without)
    assert done.returncode == 0, done.stderr
    assert files_in(tmp_path) == files_in(written)


def test_header_is_a_fixed_text_without_a_date(written: Path) -> None:
    for content in files_in(written).values():
        # The first 116 bytes of the format are free text; then come the subsystem offset and the version.
        assert content[:116] == b"MATLAB 5.0 MAT-file, demo data".ljust(116)
        assert content[124:128] == b"\x00\x01IM"


def test_complete_data_sets_are_left_alone_and_incomplete_ones_made_again(tmp_path: Path) -> None:
    assert len(demo.write_demo(tmp_path, size=SIZE)) == 6
    complete = files_in(tmp_path)
    marked = tmp_path / "demo_a" / "before" / "riverside.mat"
    marked.write_bytes(b"the user's own")
    (tmp_path / "demo_b" / "label" / "hillside.mat").unlink()

    again = demo.write_demo(tmp_path, size=SIZE)

    assert [path.parent.name for path in again] == ["before", "after", "label"]
    assert all(path.stem == "hillside" for path in again)
    assert marked.read_bytes() == b"the user's own"
    assert demo.write_demo(tmp_path, size=SIZE) == []
    assert len(demo.write_demo(tmp_path, size=SIZE, overwrite=True)) == 6
    assert files_in(tmp_path) == complete


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.write_demo(tmp_path, size=SIZE)
    complete = files_in(tmp_path)

    def no_space(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        demo.write_demo(tmp_path, seed=1, size=SIZE, overwrite=True)
    assert files_in(tmp_path) == complete


def test_too_small_a_size_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 32 rows, got 31"):
        demo.write_demo(tmp_path / "new", size=31)
    assert not (tmp_path / "new").exists()


def test_shapes_and_types(scene: Scene) -> None:
    before, after, labels = scene
    assert before.shape == after.shape == (*SHAPE, 224)
    assert before.dtype == after.dtype == np.uint16
    assert labels.shape == SHAPE
    assert labels.dtype == np.uint8
    assert np.unique(labels).tolist() == [0, 1, 2]


def test_reflectance_is_plausible_and_no_band_constant(scene: Scene) -> None:
    for image in scene[:2]:
        assert image.max() < 12_000  # bright roofs on slopes towards the sun pass 10,000 hardly, if at all
        assert (image.std(axis=(0, 1)) > 0).all()


def test_water_vapour_leaves_little_but_noise(scene: Scene) -> None:
    image = scene[0].astype(float)
    deep = (abs(sensing.WAVELENGTHS - 1.40) < 0.02) | (abs(sensing.WAVELENGTHS - 1.88) < 0.03)
    clear = abs(sensing.WAVELENGTHS - 1.65) < 0.05
    assert image[..., deep].mean() < 0.05 * image[..., clear].mean()

    def neighbour_correlation(bands: npt.NDArray[np.bool_]) -> float:
        level = image[..., bands].mean(axis=-1)
        value: float = np.corrcoef(level[:, 1:].ravel(), level[:, :-1].ravel())[0, 1]
        return value

    assert neighbour_correlation(clear) > 0.7
    assert neighbour_correlation(deep) < 0.3


def test_spectra_are_read_at_all_bands_and_interpolated_across_the_gaps() -> None:
    spectra = sensing.read_spectra()
    assert len(spectra) == 32
    table = np.stack(list(spectra.values()))
    assert table.shape == (32, 224)
    assert np.isfinite(table).all()
    assert table.min() > 0
    assert table.max() < 1
    # Between 1.79 and 1.96 µm nothing is known, so the line is straight there: second differences vanish.
    gap = (sensing.WAVELENGTHS > 1.79) & (sensing.WAVELENGTHS < 1.96)
    np.testing.assert_allclose(np.diff(table[:, gap], 2, axis=1), 0, atol=1e-6)


def test_abundances_are_shares() -> None:
    # Cell 1: 0.6 green (0.25 of it vigorous), 0.1 litter, 0.3 soil. Cell 2: 0.04 green, 0.96 roof.
    place = demo.PLACES["demo_a"]
    index = landcover.endmember_numbers(place)
    roof = index[place.roofs[1]]

    def row(*values: float) -> landcover.FloatArray:
        return np.array([values], dtype=np.float32)

    cover = landcover.Cover(row(0.6, 0.04), row(0.1, 0), row(0, 0), row(0.25, 1), np.array([[-1, roof]]))
    share = landcover.abundances(cover, place, np.zeros((1, 2, 3), np.float32), index)

    np.testing.assert_allclose(share.sum(axis=-1), 1, rtol=1e-6)
    # A flat texture spreads soil over three and litter over two spectra evenly.
    np.testing.assert_allclose(share[0, 0, :7], [0.15, 0.45, 0.1, 0.1, 0.1, 0.05, 0.05], rtol=1e-6)
    np.testing.assert_allclose(share[0, 1, [index[place.canopies[0]], roof]], [0.04, 0.96], rtol=1e-6)


@pytest.mark.parametrize("data_set", demo.PLACES)
def test_shares_of_the_labels_at_the_default_size(data_set: str) -> None:
    rng = np.random.default_rng(0)
    changed = (landcover.land_cover(demo.PLACES[data_set], rng, (320, 384))[2] >= 0).astype(np.float32)
    labels = sensing._labels(rng, sensing._to_pixels(changed[..., None])[..., 0])
    assert labels.shape == (160, 192)
    assert 0.30 <= (labels == 0).mean() <= 0.45
    assert 0.25 <= (labels == 1).sum() / (labels > 0).sum() <= 0.45


# The labels are made of the same draws: what they call changed is more than 0.8 changed, of one kind or several.
@pytest.mark.parametrize("data_set", demo.PLACES)
def test_kinds_are_those_of_the_changes_in_the_labels(scenes: dict[str, Scene], data_set: str) -> None:
    place, labels = demo.PLACES[data_set], scenes[data_set][2]
    kinds = sensing.make_kinds(place, SHAPE)
    assert set(np.unique(kinds)) <= {*range(len(place.changes) + 1), 255}
    assert (kinds[labels == 2] == 0).all()
    assert (kinds[labels == 1] > 0).all()
    assert (kinds[labels == 1] < 255).mean() > 0.9
    # Plants are the brightest in the near infrared: band 41 is 0.40 + 40 · 2.05 / 223 = 0.77 µm.
    _, after, _ = scenes[data_set]
    means = {
        name: after[kinds == number, 40].mean()
        for number, name in enumerate(place.changes, start=1)
        if (kinds == number).any()
    }
    assert means["planted"] > max(value for name, value in means.items() if name != "planted")


def test_changed_and_unchanged_pixels_never_touch(scene: Scene) -> None:
    """Between them lies the unknown limit of the change."""
    labels = scene[2]
    for one, two in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        assert not ((one != two) & (one > 0) & (two > 0)).any()


def test_places_differ_in_layout_and_material(scenes: dict[str, Scene]) -> None:
    (a, _, labels_a), (b, _, labels_b) = scenes.values()
    assert (labels_a != labels_b).mean() > 0.3
    ratio = a.mean(axis=(0, 1)) / np.maximum(b.mean(axis=(0, 1)), 1)
    clear = abs(sensing.WAVELENGTHS - 0.7) < 0.25
    assert np.ptp(ratio[clear]) > 0.1  # not one spectrum in another light


def test_otsu_on_the_euclidean_distance_is_visibly_wrong_but_better_than_chance(scene: Scene) -> None:
    before, after, labels = scene
    pixels = np.stack([before.reshape(-1, 224), after.reshape(-1, 224)]).astype(np.float32)
    low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    scaled = (pixels - low) / (high - low)
    distance = np.sqrt(((scaled[0] - scaled[1]) ** 2).sum(axis=-1))
    known = labels.ravel() > 0
    changed = (labels.ravel() == 1)[known]
    predicted = (distance > threshold_otsu(distance))[known]

    accuracy = (predicted == changed).mean()
    # Cohen's kappa: accuracy above what the two class shares would give by chance.
    p, q = changed.mean(), predicted.mean()
    chance = p * q + (1 - p) * (1 - q)
    assert accuracy < 0.9
    assert (accuracy - chance) / (1 - chance) > 0.3
