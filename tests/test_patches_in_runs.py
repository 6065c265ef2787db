"""Networks that see the neighbours of a pixel, by the commands: search, test, fine-tuning, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio

import config
import dataprocessing as dp
import hscd.scenes.scene
import main
import predutils
from conftest import ONE_PLACE, Workspace, make_pair, write_mat
from hscd.learn.samples import Samples
from hscd.models.saved import read_parameters
from hscd.scenes.patches import of_scenes
from settings import read_settings

RUN = "--quiet", "--set", "settings.workers=1", "--set", "hyperas settings ED.max_evals=1"
PATCH = "settings.network=patch", "hyperas settings ED.patch_size=[3]", "hyperas settings ED.patch_filters=[4]"
# Of two sizes, and filters that span two bands.
BOTH = *PATCH, "hyperas settings ED.patch_size=[[3, 5]]", "hyperas settings ED.patch_bands=[2]"


def run(space, script, *overrides):
    sets = [word for override in overrides for word in ("--set", override)]
    return script.main([*RUN, "--config", str(space.file), *sets])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, undrawn):
    """A network that was trained on turned patches of PLACE A, of which a row is masked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 1)
        space = Workspace(tmp_path_factory.mktemp("patches"), ONE_PLACE)
        space.write_data()
        before, after, changed = make_pair(1, 40, 50)
        before[3] = 7
        changed |= np.random.default_rng(0).random(changed.shape) < 0.1  # there are some in every block
        for part, array in (("before", before), ("after", after), ("label", np.where(changed, 1, 2).astype(np.uint8))):
            write_mat(space.folder / f"data/a/{part}/town.mat", array)
        space.text = space.text.replace("[PLACE A]", "[PLACE A]\nnodata = 7\nparts_block = 10")
        assert run(space, predutils) == 0
        assert run(space, main, *BOTH, "settings.augment_flips=True") == 0
        yield space


def test_a_model_says_how_large_its_patches_are_and_that_they_were_turned(trained):
    parameters = read_parameters(trained.folder / "model/M")
    expected = {
        "network": "patch", "patch_size": (3, 5), "patch_filters": 4, "patch_bands": 2, "augment_flips": True,
    }  # fmt: skip
    assert {name: parameters[name] for name in expected} == expected


def test_patches_of_a_search_are_those_of_the_scenes(trained):
    settings = read_settings(trained.file, [*PATCH, "hyperas settings ED.patch_size=[1, 5]"])
    learned = dp.labelled_pixels("PLACE A", settings)
    (scene,) = dp.scenes("PLACE A", settings)
    positions = np.flatnonzero(scene.truth.ravel() < 2)
    assert len(positions) == 2000 - 50
    np.testing.assert_array_equal(learned.labels, scene.truth.ravel()[positions])
    assert learned.pairs.reach == 2  # of the largest patch that may be chosen
    np.testing.assert_allclose(learned.pairs.array, of_scenes([scene], [positions], 2).array, rtol=1e-6)


def test_blocks_to_validate_on_lie_so_far_away_that_no_pixel_is_in_patches_of_both(trained):
    settings = read_settings(trained.file, [*PATCH, "hyperas settings ED.patch_size=7", "settings.validation=blocks"])
    found = dp.labelled_pixels("PLACE A", settings)
    rows, columns = np.divmod(found.pairs.centres, 50 + 2 * 3)  # of the extended image
    learned, judged = (np.stack([rows[part], columns[part]]) for part in (~found.held_out, found.held_out))
    apart = np.abs(learned[:, :, None] - judged[:, None]).max(axis=0)
    assert apart.min() == 7


def mapped(space, **patched):
    """The distances of a test after a fine-tuning on turned patches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 1)
        for name, value in patched.items():
            patch.setattr(*{"window": (hscd.scenes.scene, "_WINDOW_BYTES"), "within": (Samples, "within")}[name], value)
        assert run(space, main, "settings.training=False", "settings.fine_tuning=0", "settings.augment_flips=True") == 0
    with rasterio.open(space.folder / "stat/PLACE A_town_on_M_all augment_flips=True_distances.tif") as file:
        return file.read(1)


def test_windows_and_patches_on_demand_give_the_map_of_the_whole_scene(trained):
    whole = mapped(trained)
    assert np.isnan(whole[3]).all()
    assert np.isfinite(np.delete(whole, 3, axis=0)).all()
    gathered = mapped(trained, window=4 * 50 * 2 * 5 * 4, within=lambda of, room: replace(of, room=64 * 25 * 40))
    np.testing.assert_array_equal(gathered, whole)
    record = json.loads((trained.folder / "stat/PLACE A_on_M_all augment_flips=True_run.json").read_text("utf-8"))
    assert record["results"]["town"]["ft_epochs"] == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([*PATCH, "settings.pretraining=autoencoder"], "reconstructs spectra, found network = patch, which sees nei"),
        (["settings.augment_flips=True"], "augment_flips: has no effect on network = dense, which sees single pixels"),
        (["settings.training=False", "settings.embedding=pca"], "embedding: M sees patches; expected a model that"),
    ],
)
def test_what_a_network_of_patches_cannot_do_is_refused(trained, capsys, overrides, said):
    assert run(trained, main, *overrides) == 2
    assert said in capsys.readouterr().err


def test_random_pixels_to_validate_on_are_doubted(trained, capsys):
    dp.labelled_pixels("PLACE A", read_settings(trained.file, [*PATCH]))
    assert "[PLACE A] validation = random: the patches of pixels to" in capsys.readouterr().err
    for settings in (["settings.validation=blocks", *PATCH], ["hyperas settings ED.patch_size=1", PATCH[0]]):
        dp.labelled_pixels("PLACE A", read_settings(trained.file, settings))
        assert "warning" not in capsys.readouterr().err


def test_parts_that_patches_reach_across_are_told(trained, capsys):
    dp.labelled_pixels(
        "PLACE A", read_settings(trained.file, [*PATCH, "hyperas settings ED.patch_size=5", "PLACE A.parts=60, 10, 30"])
    )
    assert "warning" not in capsys.readouterr().err  # 4 pixels are between parts, enough for 5 × 5
    wide = [*PATCH, "hyperas settings ED.patch_size=7", "PLACE A.parts=60, 10, 30"]
    dp.labelled_pixels("PLACE A", read_settings(trained.file, wide))
    assert "patches of 7 × 7 pixels hold pixels of other parts" in capsys.readouterr().err


@pytest.fixture
def vgg(monkeypatch):
    """keras.applications has a VGG16 of two layers, of stride 2."""
    from hscd.networks import dilated, pretrained
    from hscd.system.backend import keras

    def make(**_):
        image = keras.Input((None, None, 3))
        halved = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="halved")(image)
        return keras.Model(image, keras.layers.Conv2D(4, 3, padding="same", name="last")(halved))

    make.__module__ = keras.applications.VGG16.__module__
    monkeypatch.setattr(keras.applications, "VGG16", make)
    caches = dilated.features_of, pretrained.network
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def test_a_network_for_photographs_is_searched_for_tested_and_tuned(trained, vgg, monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 1)
    asked = "settings.network=imagenet", "settings.model_name=I"  # up to "last", which is as fine as "halved"
    assert read_settings(trained.file, asked).reach == 1 + 2  # of 3 × 3 pixels, every second one
    assert run(trained, main, *asked) == 0
    parameters = read_parameters(trained.folder / "model/I")
    assert (parameters["network"], parameters["imagenet_trainable"]) == ("imagenet", False)
    record = json.loads((trained.folder / "stat/I_run.json").read_text("utf-8"))
    assert record["settings"]["searches"]["ED"]["options"]["imagenet_layer"] == "last"
    header = (trained.folder / "stat/I_stats.csv").read_text("utf-8").splitlines()[0]
    assert ("imagenet_trainable" in header, "imagenet_plan" in header) == (True, False)  # a text of all layers
    monkeypatch.delattr("keras.applications.VGG16")  # the saved model does not need it
    assert run(trained, main, "settings.training=False", "settings.fine_tuning=0", "settings.model_name=I") == 0
    with rasterio.open(trained.folder / "stat/PLACE A_town_on_I_all_distances.tif") as file:
        assert np.isfinite(np.delete(file.read(1), 3, axis=0)).all()
