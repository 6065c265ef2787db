"""What makes a map doubtful, and how much it calls changed, is told by every script that makes one."""

import json
import shutil

import numpy as np
import pytest
import rasterio

from conftest import ONE_PLACE, Workspace, warnings_of
from hscd.models import saved as models
from raster_scenes import UTM, write_labels, write_pair
from tiny_model import PARAMETERS

SHIFTED = "[PLACE A] town: the images seem to be shifted by "


@pytest.fixture
def space(tmp_path, undrawn):
    """PLACE A: 60 × 70 pixels of 30 m in blocks, the after image moved by three rows; and a model M of its bands."""
    space = Workspace(tmp_path, text=ONE_PLACE)
    large = np.kron(np.random.default_rng(0).integers(1000, 4000, (12, 14, 4)), np.ones((6, 5, 1), int))
    before, after = large[:60], large[3:63].copy()
    after[10:14, 20:30] += 5000
    write_pair(space, before.astype(np.uint16), after.astype(np.uint16), **UTM)
    write_labels(space, np.pad(np.ones((4, 10), bool), ((10, 46), (20, 40))))
    shapes = [(4, 8), (8,), (8, 6), (6,), (6, 4), (4,)]
    rng = np.random.default_rng(1)
    named = {f"w{i}": rng.uniform(0, 1, shape).astype(np.float32) for i, shape in enumerate(shapes)}
    models.save_model(tmp_path / "model/M", PARAMETERS | {"layer": 8, "layer_1": 6, "layer_2": 4}, named)
    return space


@pytest.mark.parametrize("name", ["PLACE A", "ANOTHER NAME"])
def test_a_search_that_is_judged_on_what_it_learns_from_says_so(space, monkeypatch, name):
    learned = []
    monkeypatch.setattr("main._search", lambda settings, *data: learned.extend(data[0].places))
    section = space.text[space.text.index("[PLACE A]") : space.text.index("[PLACE B]")]
    space.text += section.replace("PLACE A", "ANOTHER NAME") + section.replace("PLACE A", "NEW").replace(
        "data/a", "new"
    )
    shutil.copytree(space.folder / "data/a", space.folder / "new")
    change = rasterio.open(space.folder / "new/before/town.tif", "r+")
    with change:
        change.write(change.read() + 1)
    said = f"train_set [PLACE A], test_set [{name}]: the model will have been trained on this pair"
    done = space.call("main", f"settings.test_set={name}")
    assert done.returncode == 0, done.stderr
    assert f"warning: {said}" in done.stderr
    assert len(learned) == 1
    warnings = json.loads((space.folder / "stat/M_run.json").read_text(encoding="utf-8"))["warnings"]
    assert any(said in text for text in warnings), warnings
    assert "be trained on" not in space.call("main", "settings.test_set=NEW").stderr


@pytest.mark.parametrize(("script", "overrides"), [("predutils", ()), ("main", ("settings.training=False",))])
def test_doubts_and_the_area_are_told_and_recorded(space, script, overrides):
    done = space.call(script, *overrides)
    assert done.returncode == 0, done.stderr
    assert warnings_of(done.stderr) == []
    assert f"warning: {SHIFTED}" in done.stderr
    (file,) = (space.folder / "stat").glob("*_run.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert any(line.startswith(SHIFTED) for line in record["warnings"])
    figures = record["results"]["town"]
    # Rows 3 to 62 are the after image: what lies at row 3 before lies at row 0.
    assert figures["shift_down"] == pytest.approx(-3, abs=0.1)
    # Pixels of 30 m; after correction.
    changed = figures["true_positives_num_correction"] + figures["false_positives_num_correction"]
    assert (figures["changed_area"], figures["unit"]) == (900 * changed, "m²")
    assert figures["changed_share"] == pytest.approx(changed / 4200)
    assert f"; corrected: changed {100 * changed / 4200:.1f} %, " in done.stdout
    assert f" in {figures['areas']} area" in done.stdout
