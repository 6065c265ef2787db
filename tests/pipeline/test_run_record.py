"""The record that a run leaves beside its results."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from conftest import Workspace
from hscd.system.messages import warn
from pair_finding import pair_files
from pipeline.run_record import RunRecord, differing_settings, recorded
from settings import read_settings


def read(path: Path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_settings_inputs_warnings_and_figures(workspace: Workspace) -> None:
    settings = read_settings(workspace.file, ["settings.seed=7"])
    path = workspace.folder / "a_run.json"
    with recorded("test", settings, ["PLACE A", "PLACE A"], path) as record:
        pairs = pair_files(settings["PLACE A"])
        record.add_inputs(pairs)
        warn("half of it is cloud")
        record.add_result("town", {"kappa": math.nan, "pixels": np.int64(25), "threshold": np.float32(0.5)})
        record.add_model(trainable=10)
    warn("not any more")
    found = read(path)
    assert (found["version"], found["command"], found["seed"]) == (1, "test", 7)
    assert found["settings"]["distance"] == settings.distance
    assert list(found["settings"]["data_sets"]) == ["PLACE A"]
    assert found["settings"]["data_sets"]["PLACE A"]["img_a_path"] == str(settings["PLACE A"].img_a_path)
    assert [entry["pair"] for entry in found["inputs"]] == [files.name for files in pairs]
    first = found["inputs"][0]
    assert first["before"]["path"] == str(pairs[0].before)
    assert first["before"]["bytes"] == pairs[0].before.stat().st_size
    # Of labels, which are edited by hand, the content as well.
    content = hashlib.blake2b(pairs[0].label.read_bytes()).hexdigest()
    assert first["label"]["digest"] == content[:32]
    assert "digest" not in first["before"]
    assert "changed_mask" not in first
    assert found["results"] == {"town": {"kappa": None, "pixels": 25, "threshold": 0.5}}
    assert found["model"] == {"trainable": 10}
    assert found["warnings"] == ["half of it is cloud"]
    assert found["versions"]["numpy"] == np.__version__
    assert found["seconds"] >= 0


def test_files_that_a_process_wrote_are_noted_for_the_whole_run(tmp_path: Path) -> None:
    (tmp_path / "kinds.tif").write_bytes(b"1234")
    alone, record = RunRecord("", {}, pairs=2), RunRecord("test", {})
    alone.add_written("town", "objects", [])
    alone.add_written("town", "kinds", [tmp_path / "kinds.tif"])
    record.add_part(alone.part)
    record.write(tmp_path / "run.json", [])
    (stamp,) = read(tmp_path / "run.json")["written"]["town"].pop("kinds").values()
    assert record.written == {"town": {"objects": {}, "kinds": {"kinds.tif": stamp}}}
    assert stamp["bytes"] == 4


def test_what_an_earlier_run_was_told_otherwise(workspace: Workspace) -> None:
    now = read_settings(workspace.file, ["settings.seed=7", "PLACE B.nodata=0", "settings.floor_p=0.5"])
    earlier = {
        "seed": 8, "overrides": ["floor_p=1e-1"], "report": False, "distance": now.distance, "other": 1,
        "options": {"floor_p": 0.1, "pif_chance": 0.95}, "data_sets": {"PLACE B": {"nodata": None, "scale": None}},
    }  # fmt: skip
    keys = ("seed", "floor_p", "pif_chance", "nodata", "scale", "bands", "distance")
    # As it was said where that is known; `report` does not count, and of `bands` and `other` one of both knows nothing.
    assert differing_settings(earlier, now, keys) == ["with seed=8", "with floor_p=1e-1", "without nodata"]


def test_a_run_that_fails_leaves_no_record(workspace: Workspace) -> None:
    settings = read_settings(workspace.file)
    path = workspace.folder / "a_run.json"
    with pytest.raises(RuntimeError), recorded("test", settings, ["PLACE A"], path):
        raise RuntimeError
    assert not path.exists()
