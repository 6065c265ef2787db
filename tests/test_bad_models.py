"""Models and pseudo-labels that cannot be used, given to the real commands: one line, and nothing on disk changed."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from breaking import TEST, B, change_mat, cut, expect, one_pixel, set_pixel
from conftest import Workspace, make_pair, warnings_of, without_times


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model of one trial on five bands and pseudo-labels of both data sets."""
    space = Workspace(tmp_path_factory.mktemp("trained"))
    space.write_data()
    for command in (["main", "hyperas settings ED.max_evals=1"], ["predutils"], ["predutils", B]):
        done = space.call(*command)
        assert done.returncode == 0, done.stderr
    shutil.rmtree(space.folder / "stat")
    return space.folder


@pytest.fixture
def ready(trained: Path, tmp_path: Path) -> Workspace:
    """A copy of it to break."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return Workspace(tmp_path)


def test_the_copies_to_be_broken_are_sound(ready: Workspace) -> None:
    done = ready.call("main", TEST, "settings.test_set=PLACE A")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("files", [["M.h5"], ["M_param.pickle"], ["M.h5", "M_param.pickle"]])
def test_a_missing_model(ready: Workspace, files: list[str]) -> None:
    for file in files:
        (ready.folder / "model" / file).unlink()
    line = ready.fails("main", TEST)
    expect(line, f"model/{files[0]}: no such file", "model_name")
    expect(line, "main.py --config ", "net.conf --set settings.training=True")


def test_train_and_test_sets_of_different_bands(ready: Workspace) -> None:
    for part in ("before", "after"):
        for pair in ("east", "west"):
            (ready.folder / f"data/b/{part}/{pair}.tif/B05.tif").unlink()
    expect(ready.fails("main"), "PLACE A", "PLACE B", "bands", "5", "4")


@pytest.mark.parametrize("fine_tuning", [-1, 0])
def test_model_and_data_of_different_bands(ready: Workspace, fine_tuning: int) -> None:
    for part in ("before", "after"):
        change_mat(ready, part, lambda image: image[:, :, :4])
    line = ready.fails("main", TEST, "settings.test_set=PLACE A", f"settings.fine_tuning={fine_tuning}")
    expect(line, "PLACE A", "5 bands", "4")


def test_a_truncated_weight_file(ready: Workspace) -> None:
    cut(ready.folder / "model/M.h5", 0.5)
    expect(ready.fails("main", TEST), "model/M.h5", "weights")


def test_an_empty_weight_file(ready: Workspace) -> None:
    (ready.folder / "model/M.h5").write_bytes(b"")
    expect(ready.fails("main", TEST), "model/M.h5", "weights")


def test_a_truncated_parameter_file(ready: Workspace) -> None:
    cut(ready.folder / "model/M_param.pickle", 0.5)
    expect(ready.fails("main", TEST), "model/M_param.pickle", "pickle")


@pytest.mark.parametrize("file", ["model/M_param.pickle", "data/b/pseudo/west.pickle"])
def test_a_pickle_that_would_run_a_command_does_not(ready: Workspace, file: str) -> None:
    # Loaded by pickle itself, it would call os.system and leave a file behind.
    harm = ready.folder / "harm"
    (ready.folder / file).write_bytes(f"cos\nsystem\n(S'touch \"{harm}\"'\ntR.".encode())
    line = ready.fails("main", TEST, "settings.fine_tuning=0")
    expect(line, file, "os.system")
    assert not harm.exists()


def test_the_harmful_pickle_is_one(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    pickle.loads(f"cos\nsystem\n(S'touch \"{harm}\"'\ntR.".encode())
    assert harm.exists()


def edit_parameters(ready: Workspace, **changes: object) -> None:
    """Write other values into the parameter file; None takes the parameter out."""
    from hscd.models import saved as models

    file = ready.folder / "model/M_param.pickle"
    parameters: dict[str, Any] = models.read_parameter_file(file) | changes
    models.write_parameter_file(file, {name: value for name, value in parameters.items() if value is not None})


def test_weights_that_do_not_fit_the_parameters(ready: Workspace) -> None:
    edit_parameters(ready, layer_1=7)
    # The saved network is 5-8-6-4.
    expect(ready.fails("main", TEST), "model/M.h5", "(8, 6)", "(8, 7)", "parameters")


def test_a_parameter_that_is_missing_and_that_nothing_tells(ready: Workspace) -> None:
    edit_parameters(ready, score_function=None)
    expect(ready.fails("main", TEST), "model/M_param.pickle", "lacks", "score_function")


@pytest.mark.parametrize("name", ["dropout_rate", "lr", "batch_size"])
def test_a_parameter_that_only_fine_tuning_needs(ready: Workspace, name: str) -> None:
    edit_parameters(ready, **{name: None})
    line = ready.fails("main", TEST, "settings.test_set=PLACE A", "settings.fine_tuning=0")
    expect(line, "model/M_param.pickle", f"lacks {name}", "fine_tuning = -1")
    done = ready.call("main", TEST, "settings.test_set=PLACE A")
    assert done.returncode == 0, done.stderr


def test_a_size_that_is_missing_follows_from_the_weights(ready: Workspace) -> None:
    place = "settings.test_set=PLACE A"
    assert ready.call("main", TEST, place).returncode == 0
    (table,) = (ready.folder / "stat").glob("*.csv")
    whole = without_times(table)
    edit_parameters(ready, layer_2=None)
    done = ready.call("main", TEST, place)
    assert done.returncode == 0, done.stderr
    # The saved network is 5-8-6-4.
    told = warnings_of(done.stderr)
    assert [line.endswith("the weights or the distance, layer_2 = 4") for line in told] == [True]
    assert without_times(table) == whole


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layer", "eight"),
        ("layer", 0),
        ("lr", "fast"),
        ("score_function", "SID"),
        ("dropout_rate", 2),
        ("margin", "wide"),
        ("batch_size", 0),
        ("batch_size", "all"),
    ],
)
def test_a_parameter_that_cannot_be_used(ready: Workspace, name: str, value: object) -> None:
    edit_parameters(ready, **{name: value})
    # Whether this run needs the value or not: a file that holds nonsense is not worth a test.
    expect(ready.fails("main", TEST, "settings.test_set=PLACE A"), "model/M_param.pickle")


# --- testing with fine-tuning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fine_tuning", [0, 1, 2])
def test_fine_tuning_without_pseudo_labels(ready: Workspace, fine_tuning: int) -> None:
    # Those of the first pair are there: this is known before it is fine-tuned.
    (ready.folder / "data/b/pseudo/west.pickle").unlink()
    line = ready.fails("main", TEST, f"settings.fine_tuning={fine_tuning}")
    expect(
        line, "data/b/pseudo/west.pickle", "predutils.py --config ", "net.conf --set ", "'settings.train_set=PLACE B'"
    )


def test_fine_tuning_with_pseudo_labels_of_another_shape(ready: Workspace) -> None:
    shutil.copy(ready.folder / "data/a/pseudo/town.pickle", ready.folder / "data/b/pseudo/west.pickle")
    line = ready.fails("main", TEST, "settings.fine_tuning=0")
    expect(line, "data/b/pseudo/west.pickle", "(20, 30)", "(18, 24)", "predutils.py --config")


def test_fine_tuning_with_truncated_pseudo_labels(ready: Workspace) -> None:
    cut(ready.folder / "data/b/pseudo/west.pickle", 0.7)
    line = ready.fails("main", TEST, "settings.fine_tuning=0")
    expect(line, "data/b/pseudo/west.pickle", "pickle")


def test_fine_tuning_with_too_few_pseudo_labels(ready: Workspace) -> None:
    # int(0.001 · n) is 0 for both classes.
    line = ready.fails(
        "main",
        TEST,
        "settings.test_set=PLACE A",
        "settings.fine_tuning=1",
        "settings.pseudo_percentage=0.001",
    )
    expect(line, "PLACE A", "town", "0 changed and 0 unchanged")


@pytest.mark.parametrize(("fine_tuning", "kept"), [(0, 600), (1, 300), (2, 600)])
@pytest.mark.parametrize(("threshold", "counts"), [(1e9, "0 changed and {} unchanged"), (-1, "{} changed and 0")])
def test_fine_tuning_with_pseudo_labels_of_one_class(
    ready: Workspace, threshold: float, counts: str, fine_tuning: int, kept: int
) -> None:
    from hscd.system import storage

    file = ready.folder / "data/a/pseudo/town.pickle"
    storage.write_pickle(file, storage.read_pickle(file) | {"threshold": threshold})
    line = ready.fails("main", TEST, "settings.test_set=PLACE A", f"settings.fine_tuning={fine_tuning}")
    expect(line, "PLACE A", "town", "two pixels of each class", counts.format(kept))


def test_a_pair_that_cannot_be_fine_tuned_does_not_cost_the_others(ready: Workspace) -> None:
    from hscd.system import storage

    file = ready.folder / "data/b/pseudo/east.pickle"  # the first of both
    storage.write_pickle(file, storage.read_pickle(file) | {"threshold": 1e9})
    done = ready.call("main", TEST, "settings.fine_tuning=0")
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    expect(error, "PLACE B", "east", "two pixels of each class", "of 2 pairs, 1 mapped")
    assert any("east" in line and "this pair has no map" in line for line in warnings_of(done.stderr))
    assert {file.name.split("_")[1] for file in (ready.folder / "stat").glob("PLACE B_*.csv")} == {"west"}
    (record,) = (ready.folder / "stat").glob("PLACE B_on_*_run.json")
    assert list(json.loads(record.read_text())["results"]) == ["west"]


@pytest.mark.parametrize("fine_tuning", [-1, 0])
def test_testing_on_a_single_pixel(ready: Workspace, fine_tuning: int) -> None:
    from hscd.system import storage

    one_pixel(ready)
    storage.write_pickle(
        ready.folder / "data/a/pseudo/town.pickle",
        {"threshold": 0.5, "distances": np.ones(1, dtype=np.float32), "shape": (1, 1)},
    )
    line = ready.fails("main", TEST, "settings.test_set=PLACE A", f"settings.fine_tuning={fine_tuning}")
    expect(line, "PLACE A", "town", "Otsu" if fine_tuning == -1 else "1 changed and 0 unchanged")


def test_testing_on_nan_pixels(ready: Workspace) -> None:
    change_mat(ready, "after", set_pixel(np.nan))
    expect(ready.fails("main", TEST, "settings.test_set=PLACE A"), "data/a/after/town.mat", "`nodata = nan`")


def test_testing_on_masked_pixels_only(ready: Workspace) -> None:
    change_mat(ready, "after", lambda image: np.full(image.shape, np.inf))
    line = ready.fails("main", TEST, "settings.test_set=PLACE A", "PLACE A.nodata=nan")
    expect(line, "[PLACE A] town", "every pixel", "nodata = nan")


def test_testing_on_identical_images(ready: Workspace) -> None:
    before, _, _ = make_pair(1)
    change_mat(ready, "after", lambda _: before)
    done = ready.call("main", TEST, "settings.test_set=PLACE A")
    assert done.returncode == 0, done.stderr
    far, same, refuted = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    expect(far, "PLACE A", "town", "spectra are far from")  # dates that are the same are not what it was trained on
    expect(same, "[PLACE A] town", "the same", "nothing changed")
    expect(refuted, "town", "kappa 0.000", "no better than chance")
    assert "changed 0.0 %" in done.stdout
