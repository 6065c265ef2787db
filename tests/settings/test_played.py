"""Settings that play no part in a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from conftest import CONFIGURATION
from hscd.reports.page.numbers import flat, without
from pipeline.run_record import plain, resolved
from settings import Settings, read_settings
from settings.families import FAMILIES
from settings.played import _PLAYS, unplayed


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "net.conf"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return read_settings(path)


def played(settings: Settings, command: str, used: tuple[str, ...] = ()) -> set[str]:
    told = flat(plain(resolved(settings, ["PLACE A"])))
    return set(without(told, unplayed(settings, command, used)))


def test_options_of_methods_that_are_not_in_use_play_no_part(settings: Settings) -> None:
    irmad = replace(settings, detector="irmad", threshold="chi2", correction="median")
    found = {name for name in played(irmad, "pseudo-labels") if name.startswith("options.")}
    assert found == {"options.chi2_p", "options.median_radius"}
    found = {name for name in played(replace(irmad, threshold="otsu"), "detect") if name.startswith("options.")}
    assert found == {"options.median_radius"}
    # Of an ensemble, those of each detector; of a comparison, those of its methods.
    both = replace(irmad, ensemble_detectors=("pca_kmeans", "irmad"), ensemble=2)
    assert {"options.pca_kmeans_radius", "ensemble_bands"} <= played(both, "detect")
    assert "options.chi2_p" not in played(irmad, "compare")
    assert "options.chi2_p" in played(irmad, "compare", ("chi2_p",))


def test_what_is_of_another_command_plays_no_part(settings: Settings) -> None:
    detection, training = played(settings, "detect"), played(settings, "training")
    assert not {"loss", "network", "backend", "model_name", "learning.sampling", "explain.embedding"} & detection
    assert {"seed", "threshold", "min_area"} <= detection
    assert {"loss", "network", "learning.sampling"} <= training
    assert not {"threshold", "learning.ft_rounds", "searches.SAM.batch_size"} & training
    assert "searches.ED.batch_size" in training
    plain_test, tuned = (played(replace(settings, fine_tuning=of), "test") for of in (-1, 1))
    assert {"learning.ft_rounds", "options.pseudo_percentage"} <= tuned - plain_test
    assert "explain.embedding" in plain_test
    assert "objects_overlap" not in plain_test
    assert "objects_overlap" in played(replace(settings, objects="boxes"), "test")


# A field that is renamed would be listed again by every page.
def test_the_fields_are_there(settings: Settings) -> None:
    assert set(_PLAYS) <= set(vars(settings))
    assert {family.key for family in FAMILIES} <= set(_PLAYS)


def test_of_earlier_runs_nothing_is_known() -> None:
    told = {"a": "1", "a.b": "2", "ab": "3"}
    assert without(told, None) == told
    assert without(told, ["a"]) == {"ab": "3"}
    assert without(told, []) == told
