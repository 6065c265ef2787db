"""The constants: they stand in config.py, and are the ones that count."""

from pathlib import Path

import pytest

import config
from conftest import CONFIGURATION, PROJECT, run_apart
from hscd import labels
from hscd.heads import HEADS
from settings import read_settings


def test_the_constants_of_the_guide():
    # 0 changed, 1 unchanged, 2 unknown; the margins are those of the guide's loss.
    assert (config.CHANGED, config.UNCHANGED, config.UNKNOWN) == (0, 1, 2)
    assert (labels.CHANGED, labels.UNCHANGED, labels.UNKNOWN) == (config.CHANGED, config.UNCHANGED, config.UNKNOWN)
    assert {name: head.margin for name, head in HEADS.items()} == config.MARGINS
    assert config.MARGINS["ED"] == 1
    assert config.CORRECTION_RADIUS == 3
    assert PROJECT / "Net/net.conf" == config.DATA_CONFIG_PATH


@pytest.mark.parametrize(
    ("constant", "expected"),
    [
        (config.NET_PATH / "model", "{folder}/model"),
        (config.NET_PATH / "saved/models", "{folder}/saved/models"),
        (Path("/data/models"), "/data/models"),
        (config.NET_PATH.parent / "models", f"{PROJECT}/models"),
    ],
)
@pytest.mark.parametrize(("name", "key"), [("MODEL_PATH", "model_path"), ("STAT_PATH", "stat_path")])
def test_folders_of_results_are_those_of_the_constants(tmp_path, monkeypatch, name, key, constant, expected):
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setattr(config, name, constant)
    assert getattr(read_settings(file), key) == Path(expected.format(folder=tmp_path))
    # What the file says goes before.
    assert getattr(read_settings(file, [f"settings.{key}=here"]), key) == tmp_path / "here"
    # Of the file beside config.py it is the constant itself, whatever that is.
    assert getattr(read_settings(), key) == constant


def test_a_changed_constant_is_the_default_of_its_key(tmp_path):
    file = tmp_path / "net.conf"
    file.write_text(CONFIGURATION.replace("max_evals = 2\n", ""), encoding="utf-8")
    done = run_apart(
        "import sys, config\n"
        f"config.SEED, config.MAX_EVALS, config.DATA_CONFIG_PATH = 7, 12, {str(file)!r}\n"
        "from settings import read_settings\n"
        "read = read_settings()\n"
        "print(read.file.name, read.seed, read.searches['ED'].max_evals)\n"
    )
    assert (done.stdout, done.stderr) == ("net.conf 7 12\n", "")
