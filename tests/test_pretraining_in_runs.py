"""A search whose networks are pre-trained, its reports, and test and fine-tuning of the model that it saves."""

import csv
import json

import numpy as np
import pytest
import rasterio
from PIL import Image

import config
import dataprocessing
import main
import predutils
from conftest import ONE_PLACE, Workspace, make_pair
from hscd.models.saved import load_model, read_parameters, read_weights, save_model
from hscd.system.errors import InputError
from settings import read_settings
from tiny_model import PARAMETERS, WEIGHTS


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "MAX_EPOCHS", 2)
    made = Workspace(tmp_path, ONE_PLACE)
    made.write_data()
    return made


def run(space, script, *overrides, expected=0):
    sets = [word for override in ("workers=1", *overrides) for word in ("--set", f"settings.{override}")]
    one_trial = ["--set", "hyperas settings ED.max_evals=1"]
    assert script.main(["--quiet", "--config", str(space.file), *sets, *one_trial]) == expected


def test_search_reports_test_and_fine_tuning(space):
    run(space, predutils)
    run(space, main, "pretraining=denoising_autoencoder", "pretraining_epochs=2", "pretraining_noise=0.2")
    parameters = read_parameters(space.folder / "model" / "M")
    assert (parameters["pretraining"], parameters["pretraining_noise"]) == ("denoising_autoencoder", 0.2)
    stat = space.folder / "stat"
    with (stat / "M_pretraining.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["band"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert all(float(row["rmse"]) > 0 and 0 < float(row["deviation"]) <= 0.5 for row in rows)
    assert np.asarray(Image.open(stat / "M_pretraining.png")).std() > 0
    found = json.loads((stat / "M_run.json").read_text(encoding="utf-8"))["results"]["best trial"]
    assert found["pretraining_epochs"] == 2
    assert found["pretraining_loss"] > 0
    records = [file.parent.name for file in (stat / "logs" / "M").rglob("events*")]
    assert sorted(records) == ["pretraining", "train", "train", "validation", "validation"]
    # Another training starts from the network as it was before it saw labels, with its layers.
    assert read_weights(space.folder / "model/M_pretrained", 5)[0].shape == (5, 8)
    space.text = space.text.replace("neurons = [8]", "neurons = [16, 32]")
    run(space, main, "start_from=M_pretrained", "model_name=OTHER", "embedding=pca")
    assert read_parameters(space.folder / "model" / "OTHER")["layer"] == 8
    epochs = sorted(file.name for file in (stat / "logs" / "OTHER").rglob("epoch_*"))
    assert epochs == ["epoch_000.tsv", "epoch_001.tsv", "epoch_002.tsv"]
    run(space, main, "training=False", "fine_tuning=0")
    record = json.loads((stat / "PLACE A_on_M_all_run.json").read_text(encoding="utf-8"))
    assert record["results"]["town"]["ft_epochs"] >= 1
    assert not list((stat / "logs" / "M").rglob("epoch_*"))  # nobody asked for embeddings


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["start_from=NOWHERE"], "NOWHERE.h5: no such file; expected a saved model, such as MODEL_pretrained"),
        (["start_from=M"], "start_from = M is a model that this training saves; expected another"),
        (["start_from=M_pretrained", "pretraining=autoencoder"], "start_from = M_pretrained is a model that this"),
        (["start_from=TWO", "network=convolutional"], "model of network = dense, found network = convolutional"),
        (["start_from=TWO", "test_set=PLACE B"], "TWO.h5: a model of 2 bands, but the spectra have 5"),
    ],
)
def test_models_to_start_from_that_do_not_fit_are_refused(space, capsys, overrides, said):
    places = dataprocessing.labelled_pixels("PLACE B", read_settings(space.file)).places
    for name in ("M", "M_pretrained", "TWO"):
        save_model(space.folder / "model" / name, PARAMETERS, WEIGHTS, rescaled=False, trained_on=places)
    run(space, main, *overrides, expected=2)
    told = capsys.readouterr().err
    assert said in told
    # How and on what the model was trained is told where it is not refused before.
    for warning in (
        "trained with apply_rescaling = False, goes on with True",
        "test_set [PLACE B]: the model will have been trained",
    ):
        assert (warning in told) == ("PLACE B" in overrides[-1])


def with_wavelengths(space, centres=(450, 550, 650, 850, 1600)):
    """Have the images of PLACE A be GeoTIFFs of bands of these wavelengths in nm."""
    for date, values in zip(("before", "after"), make_pair(1), strict=False):
        (space.folder / f"data/a/{date}/town.mat").unlink()
        with rasterio.open(
            space.folder / f"data/a/{date}/town.tif", "w", driver="GTiff", height=20, width=30, count=5, dtype="uint16",
            transform=rasterio.Affine(30, 0, 0, 0, -30, 0),
        ) as file:  # fmt: skip
            file.write(np.moveaxis(values, 2, 0))
            for band, centre in enumerate(centres, start=1):
                file.update_tags(band, wavelength=str(centre), wavelength_units="Nanometers", fwhm="40")


def test_convolutions_learn_from_other_places(space, capsys):
    chosen = ("pretraining=convolutional_autoencoder", "pretraining_epochs=1", "pretraining_code=5")
    run(space, main, *chosen, expected=2)
    assert "mirrors convolutions, found network = dense; expected network = convolutional" in capsys.readouterr().err
    data = "pretraining_data=PLACE A, PLACE B, spectra"
    with_wavelengths(space)
    run(space, main, *chosen, "network=convolutional", data, "pretraining_pixels=200")
    said = capsys.readouterr().err
    assert said.count("a code of up to 5 units (pretraining_code) is not narrower than spectra of 5 bands") == 1
    assert load_model(space.folder / "model" / "M").get_layer("branch").get_layer("convolution").filters == 16
    assert read_parameters(space.folder / "model" / "M")["pretraining_data"] == ("PLACE A", "PLACE B", "spectra")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("pretraining_data=NOWHERE", "no section [NOWHERE]"),
        ("bands=3", "pretraining_data: [PLACE B] has 4 bands, train_set [PLACE A] has 5"),
        ("pretraining_data=spectra", "town.mat are not known"),
    ],
)
def test_data_that_cannot_be_is_refused(space, capsys, override, said):
    data = ["--set", "PLACE B.bands=1-4", "--set", "settings.pretraining_data=PLACE B"]
    if override.startswith("pre"):
        data = ["--set", f"settings.{override}"]
    assert main.main(["--quiet", "--config", str(space.file), "--set", "settings.pretraining=autoencoder", *data]) == 2
    assert said in capsys.readouterr().err


def test_spectra_of_the_program(space, capsys):
    from pipeline.pretraining import files, require, unlabelled

    with_wavelengths(space)
    chosen = ["settings.pretraining=autoencoder", "settings.pretraining_pixels=300"]

    def of(data, *more):
        return read_settings(space.file, [*chosen, f"settings.pretraining_data={data}", *more])

    alone = unlabelled(of("spectra"), 5)
    assert (alone.pairs.shape, alone.pairs.dtype) == ((300, 2, 5), np.float32)
    np.testing.assert_array_equal(alone.wavelengths, (450, 550, 650, 850, 1600))
    # Rescaled by band, as images are.
    np.testing.assert_array_equal([alone.pairs.min((0, 1)), alone.pairs.max((0, 1))], [[0] * 5, [1] * 5])
    # Half of the pairs beside data sets.
    both = unlabelled(of("spectra, PLACE B"), 5)
    assert len(both.pairs) == 300
    np.testing.assert_array_equal(both.wavelengths, alone.wavelengths)
    only = unlabelled(of("PLACE B", "settings.pretraining_pixels=150"), 5)
    np.testing.assert_array_equal(both.pairs[:150], only.pairs)
    assert [len(files(of(data))) for data in ("spectra", "PLACE A")] == [2, 2]
    with pytest.raises(InputError, match="spectra needs apply_rescaling = True, found False"):
        require(of("spectra", "settings.apply_rescaling=False"))


def test_pixels_are_drawn_from_all_scenes_by_their_number(space):
    from pipeline.pretraining import drawn

    settings = read_settings(space.file)
    scenes = [*dataprocessing.scenes("PLACE A", settings), *dataprocessing.scenes("PLACE B", settings)]
    sizes = [scene.truth.size for scene in scenes]
    pairs = drawn(scenes, sum(sizes) // 2, seed=3)
    assert len(pairs) == sum(sizes) // 2
    everything = [scene.take(np.arange(scene.truth.size)) for scene in scenes]
    # All of them, scene by scene, where there are no more.
    np.testing.assert_array_equal(drawn(scenes, 10**6, seed=3), np.concatenate(everything))
    first = {pair.tobytes() for pair in everything[0]}
    counted = sum(pair.tobytes() in first for pair in pairs)
    assert counted == pytest.approx(len(pairs) * sizes[0] / sum(sizes), abs=1)
    np.testing.assert_array_equal(pairs, drawn(scenes, sum(sizes) // 2, seed=3))
    assert not np.array_equal(pairs, drawn(scenes, sum(sizes) // 2, seed=4))
