"""What a test tells of its network: files, lines and records, from the commands."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import config
import main
import predutils
from conftest import ONE_PLACE, Workspace, make_pair, write_mat
from earlier_runs import leave
from pipeline import explaining
from raster_scenes import UNLABELLED, opened
from settings import read_settings

EVERYTHING = ("embedding=tsne", "embedding_map=True", "band_importance=True", "ideal_spectrum=True", "adversarial=True")
FILES = {
    "embedding.png", "embedding.csv", "distance_histogram.png", "distance_histogram.csv", "embeddings.tif",
    "band_importance.png", "band_importance.csv", "ideal_spectrum.png", "ideal_spectrum.csv", "adversarial.png",
    "adversarial.csv",
}  # fmt: skip


def run(space, script, *overrides):
    sets = [word for override in ("workers=1", *overrides) for word in ("--set", f"settings.{override}")]
    data = ["--set", "PLACE A.nodata=0", "--set", "hyperas settings ED.max_evals=1"]
    assert script.main(["--quiet", "--config", str(space.file), *sets, *data]) == 0


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A model of one place, of which one pixel is masked, and its pseudo-labels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "MAX_EPOCHS", 8)
        made = Workspace(tmp_path_factory.mktemp("explained"), ONE_PLACE)
        made.write_data()
        before, after, _ = make_pair(1)
        for part, image in (("before", before), ("after", after)):
            image[0, 0] = 0
            write_mat(made.folder / f"data/a/{part}/town.mat", image)
        run(made, main)
        run(made, predutils)
        yield made


def outcome(space, *overrides):
    """The figures in the record of a test, and what starts the names of its files."""
    run(space, main, "training=False", *overrides)
    label = "all" if "fine_tuning=0" in overrides else "no fine tuning"
    record = json.loads((space.folder / f"stat/PLACE A_on_M_{label}_run.json").read_text(encoding="utf-8"))
    return record["results"]["town"], f"PLACE A_town_on_M_{label}_"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def explained(space, prefix):
    return {path.name.removeprefix(prefix): path for path in (space.folder / "stat").glob(f"{prefix}*")}


def test_nothing_is_explained_unless_it_is_asked_for(space):
    other = read_settings(space.file, ["settings.threshold=triangle", "settings.fine_tuning=-1", "PLACE A.nodata=0"])
    names = [f"PLACE A_town_on_M_no fine tuning_{name}" for name in FILES]
    run_file = space.folder / "stat/PLACE A_on_M_no fine tuning_run.json"
    leave(run_file, "test", other, "town", {"explanation": names})
    figures, prefix = outcome(space)
    assert not FILES & set(explained(space, prefix))
    assert not {"neighbours_kappa", "embedding_units", "band_importance", "ideal_spectrum", "adversarial"} & set(
        figures
    )


def test_all_that_is_asked_for(space, capsys):
    figures, prefix = outcome(space, *EVERYTHING, "explain_pixels=150")
    files, said = explained(space, prefix), capsys.readouterr().out
    assert set(files) >= FILES
    record = json.loads((space.folder / "stat/PLACE A_on_M_no fine tuning_run.json").read_text(encoding="utf-8"))
    assert set(record["written"]["town"]["explanation"]) == {f"{prefix}{name}" for name in FILES}
    for name, path in files.items():
        if name.endswith(".png"):
            assert np.asarray(Image.open(path)).std() > 0
    # The map has 20 rows and 30 columns, labels 16 rows, with 7 rows by 9 columns changed and one pixel masked.
    points = rows_of(files["embedding.csv"])
    assert len(points) == 2 * 150
    assert [point["date"] for point in points[:4]] == ["before", "after"] * 2
    assert sum(point["label"] == "changed" for point in points) == 2 * 63
    assert max(int(point["row"]) for point in points) <= 15
    bins = rows_of(files["distance_histogram.csv"])
    assert [sum(int(row[name]) for row in bins) for name in ("changed", "unchanged")] == [63, 16 * 30 - 63 - 1]
    importance = rows_of(files["band_importance.csv"])
    assert [row["band"] for row in importance] == ["1", "2", "3", "4", "5"]
    assert sum(float(row["share"]) for row in importance) == pytest.approx(1)
    assert set(rows_of(files["ideal_spectrum.csv"])[0]) == {
        "band", "wavelength", "unchanged", "ideal", "before", "after",
    }  # fmt: skip
    turned = rows_of(files["adversarial.csv"])
    assert len(turned) == 150
    assert all(float(row["relative_change"] or 1) > 0 for row in turned)
    assert figures["neighbours_labels"] == "labels"
    assert 0.5 < figures["neighbours_kappa"] <= 1
    assert figures["embedding_units"] == 4
    assert figures["band_importance"]["pixels"] == 63
    assert figures["ideal_spectrum"]["distance"] > figures["threshold"]
    assert 0 < figures["adversarial"]["median_changed"] < 10
    for line in ("nearest neighbours of 150 pixels against labels: kappa", "comes most from bands", "ideal changed "
                 "spectrum: distance", "smallest change of the after spectrum that turns a label"):  # fmt: skip
        assert said.count(line) == 1, line


def test_the_embeddings_of_all_pixels_are_bands(space):
    _, prefix = outcome(space, "embedding_map=True")
    with opened(explained(space, prefix)["embeddings.tif"]) as raster:
        found, names = raster.read(), raster.descriptions
        assert raster.profile["interleave"] == "pixel"
    assert (found.shape, names[0], names[4]) == ((8, 20, 30), "before 1", "after 1")
    assert np.isnan(found).sum() == 8
    assert np.isnan(found[:, 0, 0]).all()
    # The distance of a network is that of its embeddings.
    with opened(explained(space, prefix)["distances.tif"]) as raster:
        distances = raster.read(1)
    lengths = np.sqrt(np.maximum(np.square(found[:4] - found[4:]).sum(axis=0), 1e-7))
    np.testing.assert_allclose(distances, lengths, rtol=1e-3, atol=1e-4)


def test_tensorboard_finds_the_projector(space):
    from tensorboard.backend.event_processing import plugin_event_multiplexer
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin

    outcome(space, "embedding=pca", "explain_pixels=60")
    logs = space.folder / "stat/logs/M"
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(logs))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logs))
    plugin = ProjectorPlugin(base_plugin.TBContext(logdir=str(logs), data_provider=provider, multiplexer=multiplexer))
    plugin._update_configs()
    (config,) = plugin._configs.values()
    folder = logs / "town_no fine tuning/embedding"
    assert config.embeddings[0].tensor_shape == [120, 4]
    assert len((folder / "metadata.tsv").read_text(encoding="utf-8").splitlines()) == 1 + 120


def test_without_labels_pseudo_labels_count_or_else_the_map(space):
    unlabelled = space.folder / "unlabelled.conf"
    unlabelled.write_text(UNLABELLED, encoding="utf-8")
    keys = (
        "training=False",
        "explain_pixels=60",
        "embedding=pca",
        "band_importance=True",
        "adversarial=True",
        "ft_distance=SAM",
    )
    arguments = ["--quiet", "--config", str(unlabelled), "--set", "settings.ft_distance=SAM"]
    arguments += [word for key in keys for word in ("--set", f"settings.{key}")]
    for fine_tuning, label, given in ((-1, "no fine tuning", "the map"), (0, "all distance=SAM", "pseudo-labels")):
        assert main.main([*arguments, "--set", f"settings.fine_tuning={fine_tuning}"]) == 0
        record = json.loads((space.folder / f"stat/PLACE A_on_M_{label}_run.json").read_text(encoding="utf-8"))
        figures = record["results"]["town"]
        assert figures["neighbours_labels"] == given
        assert ("auroc_of_errors" in figures["adversarial"]) == (given != "the map")
    # A fine-tuning tells its embeddings before it and after each epoch.
    (folder,) = (space.folder / "stat/logs/M").glob("town_all distance=SAM/*/train")
    assert len(list(folder.glob("epoch_*.tsv"))) == 1 + figures["ft_epochs"]


def test_all_names_are_known_before_the_work(space):
    settings = read_settings(space.file, [f"settings.{override}" for override in EVERYTHING])
    assert {path.name for path in explaining.files(settings, "x")} == {f"x_{name}" for name in FILES}
    assert explaining.files(read_settings(space.file), "x") == []
