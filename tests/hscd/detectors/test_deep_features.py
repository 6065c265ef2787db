"""Differences of what a network for photographs sees; its weights are drawn, or made on the spot."""

import h5py
import numpy as np
import pytest

import hscd.scenes.scene
from detector_scenes import changed_pair, scene_of
from hscd.detectors import deep_features, scored
from hscd.detectors.deep_features import DeepFeatures, _interpolation
from hscd.evaluation.curves import curves
from hscd.labels import CHANGED, UNCHANGED
from hscd.networks import pretrained
from hscd.networks.pretrained import Geometry, geometries, network
from hscd.system.errors import InputError

LAYER = "block1_conv2"


@pytest.fixture(scope="module")
def vgg():
    return network("VGG16", "none", LAYER, 1)


def tiny():
    """Padding, a convolution of stride 2, then a pooling beside a wider convolution; last, what sees everything."""
    from hscd.system.backend import keras

    image = keras.Input((None, None, 3))
    padded = keras.layers.ZeroPadding2D(1, name="pad")(image)
    halved = keras.layers.Conv2D(2, 3, strides=2, name="halved")(padded)
    pooled = keras.layers.MaxPooling2D(2, name="pooled")(halved)
    wide = keras.layers.Conv2D(2, 5, strides=2, padding="same", name="wide")(halved)
    added = keras.layers.Add(name="added")([pooled, wide])
    everywhere = keras.layers.GlobalAveragePooling2D(keepdims=True, name="everywhere")(added)
    return keras.Model(image, keras.layers.Multiply(name="scaled")([added, everywhere]))


def test_where_the_places_of_layers_lie():
    # pad moves the first place to pixel -1; a kernel of 3 there has its centre at 0, and one every 2 pixels.
    # pooled: places 0 and 1 of it, pixels 0 and 2: centre 1, half a place of 2 pixels further around.
    # wide: 5 places, a step of 2: (5 - 2) // 2 = 1 before the first, which lies at -1: its centre is place 1, pixel 2.
    expected = {
        "pad": (1, -1.0, 0.0), "halved": (2, 0.0, 1.0), "pooled": (4, 1.0, 2.0), "wide": (4, 2.0, 5.0),
        "added": (4, 2.0, 5.0), "everywhere": (4, 2.0, np.inf), "scaled": (4, 2.0, np.inf),
    }  # fmt: skip
    found = geometries(tiny())
    assert {name: tuple(found[name]) for name in expected} == expected


def test_a_place_sees_what_its_geometry_says():
    from hscd.system.backend import keras

    model = tiny()
    wide, geometry = keras.Model(model.input, model.get_layer("wide").output), geometries(model)["wide"]
    image = np.random.default_rng(0).normal(size=(1, 64, 32, 3)).astype(np.float32)
    before = np.asarray(wide(image))[0, 5]
    seen = []
    for row in range(64):
        other = image.copy()
        other[0, row] += 1
        if np.abs(np.asarray(wide(other))[0, 5] - before).max() > 1e-5:
            seen.append(row)
    # Place 5 lies at 2 + 5 · 4 = 22, and sees 5 pixels around.
    assert (geometry.centre + 5 * geometry.stride, geometry.radius) == (22, 5)
    assert seen == list(range(17, 28))


def test_interpolation_is_linear_between_places():
    # Places at 0.5, 2.5, 4.5, …; the tile begins at pixel 2: between the first two, 1.5 / 2 of the way.
    found = _interpolation(4, 3, 2, Geometry(2, 0.5, 0))
    np.testing.assert_allclose(found, [[0.25, 0.75, 0, 0], [0, 0.75, 0.25, 0], [0, 0.25, 0.75, 0]])
    # Beyond the last place, that one counts.
    np.testing.assert_allclose(_interpolation(2, 4, 0, Geometry(2, 0.0, 0)), [[1, 0], [0.5, 0.5], [0, 1], [0, 1]])


def test_change_is_found_and_tiles_leave_no_seams(monkeypatch):
    before, after, changed = changed_pair()
    scene = scene_of(before, after)
    whole = scored(DeepFeatures(imagenet_layer="block2_conv1"), scene, np.random.default_rng(0)).scores
    truth = np.where(changed, CHANGED, UNCHANGED).astype(np.uint8)
    assert curves(whole, truth).auroc > 0.95
    # Tiles of a quarter see the same around each pixel; only the deviations are those of what tiles show.
    monkeypatch.setattr(deep_features, "_TILE", 32)
    monkeypatch.setattr(deep_features, "_deviation", lambda *_: np.float32(1))
    small = scored(DeepFeatures(imagenet_layer="block2_conv1"), scene, np.random.default_rng(0)).scores
    monkeypatch.setattr(deep_features, "_TILE", 64)
    large = scored(DeepFeatures(imagenet_layer="block2_conv1"), scene, np.random.default_rng(0)).scores
    np.testing.assert_allclose(small, large, rtol=1e-3, atol=1e-3 * large.max())


def test_each_tile_is_looked_at_once_whatever_the_windows(monkeypatch):
    before, after, _ = changed_pair(rows=40, columns=110)
    scene, seen = scene_of(before, after), []
    monkeypatch.setattr(deep_features, "_TILE", 32)
    lengths = deep_features._Tiles.lengths
    monkeypatch.setattr(deep_features._Tiles, "lengths", lambda *given: seen.append(1) or lengths(*given))

    def found():
        seen.clear()
        detector = DeepFeatures(imagenet_layer=LAYER)
        scores = scored(detector, scene, np.random.default_rng(0)).scores
        assert (detector.halo, detector.step) == (32, 32)
        return scores

    whole = found()
    count = len(seen)
    monkeypatch.setattr(hscd.scenes.scene, "_WINDOW_BYTES", 1)  # windows of a tile
    np.testing.assert_array_equal(found(), whole)
    assert len(seen) == count == 2 * 4


@pytest.mark.parametrize("wavelengths", [None, [480.0, 555, 655, 850, 1600, 2200]])
def test_three_bands_are_true_colour_or_components(wavelengths, vgg):
    from dataclasses import replace

    before, after, _ = changed_pair()
    scene = scene_of(before, after)
    if wavelengths is not None:
        scene = replace(scene, before=replace(scene.before, wavelengths=np.array(wavelengths)))
    found = deep_features._pictures(scene, np.random.default_rng(0))
    if wavelengths is None:
        np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(3), atol=1e-5)
    else:
        np.testing.assert_array_equal(found.vectors, np.eye(6)[[2, 1, 0]])  # red, green, blue
    images = found.of(np.stack([before, after], axis=2))
    assert images.shape == (2, 40, 50, 3)
    # Black lies 1.5 interquartile ranges below the first quartile, white as many above the third: 4 in all.
    quartiles = np.quantile(images, [0.25, 0.75], axis=(1, 2))
    np.testing.assert_allclose(quartiles[0], 1.5 / 4 * 255, atol=0.1)
    np.testing.assert_allclose(quartiles[1], 2.5 / 4 * 255, atol=0.1)
    assert pytest.approx(images.mean(), abs=25) == 0.5 * 255


def test_one_band_is_seen_three_times():
    before, after, _ = changed_pair()
    found = deep_features._pictures(scene_of(before[:, :, :1], after[:, :, :1]), np.random.default_rng(0))
    np.testing.assert_array_equal(np.abs(found.vectors), np.ones((3, 1)))


def test_channels_that_differ_most_come_first(vgg):
    before, after, _ = changed_pair()
    scene, detector = scene_of(before, after), DeepFeatures()
    scored(detector, scene, np.random.default_rng(0))
    found = detector.channels(scene)
    assert found.shape == (6, 2, 40, 50)
    differences = np.square(found[:, 1] - found[:, 0]).mean(axis=(1, 2))
    assert (np.diff(differences) <= 0).all()
    # Channels are scaled: each has a deviation of 1 over both dates, but for the border of the tile.
    assert 0.5 < found[0].std() < 2


# --- networks and their weights --------------------------------------------------------------------------------------


def legacy(path, model, change=lambda name, values: values):
    """Weights in the layout of the files of keras.applications."""
    with h5py.File(path, "w") as file:
        layers = [layer for layer in model.layers if layer.weights]
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            values = {f"{layer.name}_{i}:0": value for i, value in enumerate(layer.get_weights())}
            group.attrs["weight_names"] = [name.encode() for name in values]
            for name, value in values.items():
                group[name] = change(layer.name, value)


@pytest.mark.parametrize("layout", ["keras 2", "keras 3"])
def test_weights_of_a_file_are_those_of_the_network(tmp_path, vgg, layout):
    path = tmp_path / "a.weights.h5"
    legacy(path, vgg.model) if layout == "keras 2" else vgg.model.save_weights(path)
    loaded = network("VGG16", path, LAYER, 2)
    image = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3))
    assert not np.array_equal(network("VGG16", "none", LAYER, 2).features(image), vgg.features(image))
    np.testing.assert_array_equal(loaded.features(image), vgg.features(image))


def test_files_that_are_of_another_network_are_refused(tmp_path, vgg):
    path = tmp_path / "a.h5"
    legacy(path, vgg.model, lambda name, values: values[..., :1] if name == LAYER else values)
    with pytest.raises(InputError, match=r"weights of block1_conv2 of the shapes \(3, 3, 64, 1\), \(1,\), expected"):
        network("VGG16", path, LAYER, 0)
    legacy(path, vgg.model, lambda name, values: values * np.nan)
    with pytest.raises(InputError, match="weights of block1_conv1 are NaN"):
        network("VGG16", path, LAYER, 0)
    legacy(path, vgg.model)
    with pytest.raises(InputError, match="has no weights of the layer block2_conv1"):
        network("VGG16", path, "block2_conv1", 0)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="unreadable or truncated file of weights"):
        network("VGG16", path, LAYER, 0)
    with pytest.raises(InputError, match="no such file"):
        network("VGG16", tmp_path / "none.h5", LAYER, 0)


def test_unknown_networks_and_layers_are_refused(monkeypatch):
    with pytest.raises(InputError, match=r"imagenet_network: Net is not in keras.applications, which has .*VGG16"):
        network("Net", "none", None, 0)
    with pytest.raises(InputError, match=r"imagenet_layer: VGG16 has no layer block9; it has .*block1_conv1"):
        network("VGG16", "none", "block9", 0)
    from hscd.system.backend import keras

    monkeypatch.setattr(keras.applications, "VGG16", lambda **_: tiny())
    with pytest.raises(InputError, match="imagenet_layer: scaled of VGG16 sees all of an image at once"):
        network("VGG16", "none", "scaled", 5)

    def offline(**options):
        assert options["weights"] == "imagenet"
        raise OSError("URL fetch failure\nname resolution")

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    with pytest.raises(InputError, match=r"VGG16: cannot be made or its weights fetched: .*URL fetch"):
        network("VGG16", "imagenet", None, 5)


def test_by_default_the_finest_layer_is_cut(monkeypatch):
    assert pretrained._finest(geometries(tiny())) == "halved"
