"""Settings that play no part in a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from conftest import CONFIGURATION
from hscd.reports.page.numbers import flat, without
from pipeline.run_record import plain, resolved
from settings import Settings, read_settings
from settings.families import FAMILIES
from settings.used_settings import _USED_BY, unused_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "net.conf"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return read_settings(path)


def used_names(settings: Settings, command: str, used: tuple[str, ...] = ()) -> set[str]:
    told = flat(plain(resolved(settings, ["PLACE A"])))
    return set(without(told, unused_settings(settings, command, used)))


def test_options_of_methods_that_are_not_in_use_play_no_part(settings: Settings) -> None:
    irmad = replace(settings, detector="irmad", threshold="chi2", correction="median")
    found = {name for name in used_names(irmad, "pseudo-labels") if name.startswith("options.")}
    assert found == {"options.chi2_p", "options.median_radius"}
    found = {name for name in used_names(replace(irmad, threshold="otsu"), "detect") if name.startswith("options.")}
    assert found == {"options.median_radius"}
    # Of an ensemble, those of each detector; of a comparison, those of its methods.
    both = replace(irmad, ensemble_detectors=("pca_kmeans", "irmad"), ensemble=2)
    assert {"options.pca_kmeans_radius", "ensemble_bands"} <= used_names(both, "detect")
    assert "options.chi2_p" not in used_names(irmad, "compare")
    assert "options.chi2_p" in used_names(irmad, "compare", ("chi2_p",))


# What a detector's network is computed by, whose classes of change are told, and which bands the members see.
def test_fields_that_the_chosen_methods_go_by_are_used(settings: Settings) -> None:
    usual = used_names(settings, "detect")
    assert not {"backend", "model_path", "model_name", "ensemble_bands"} & usual
    deep = replace(settings, detector="deep_features")
    assert used_names(deep, "detect") & {"backend", "model_path"} == {"backend"}
    assert "backend" in used_names(replace(settings, ensemble_detectors=("cva", "deep_features")), "pseudo-labels")
    classes = replace(settings, kinds="classes")
    assert used_names(classes, "detect") & {"backend", "model_path", "model_name"} == {"model_path", "model_name"}
    named = replace(classes, options=settings.options | {"kinds_classes": Path("M_classes.npz")})
    assert not {"model_path", "model_name"} & used_names(named, "detect")
    assert "ensemble_bands" in used_names(replace(settings, ensemble_detectors=("cva", "irmad"), ensemble=1), "detect")
    assert "ensemble_bands" in used_names(replace(settings, ensemble=2), "detect")


def test_what_is_of_another_command_plays_no_part(settings: Settings) -> None:
    detection, training = used_names(settings, "detect"), used_names(settings, "training")
    assert not {"loss", "network", "backend", "model_name", "learning.sampling", "explain.embedding"} & detection
    assert {"seed", "threshold", "min_area"} <= detection
    assert {"loss", "network", "learning.sampling"} <= training
    assert not {"threshold", "learning.ft_rounds", "searches.SAM.batch_size"} & training
    assert "searches.ED.batch_size" in training
    plain_test, tuned = (used_names(replace(settings, fine_tuning=of), "test") for of in (-1, 1))
    assert {"learning.ft_rounds", "options.pseudo_percentage"} <= tuned - plain_test
    assert "explain.embedding" in plain_test
    assert "objects_overlap" not in plain_test
    assert "objects_overlap" in used_names(replace(settings, objects="boxes"), "test")


# A field that is renamed would be listed again by every page.
def test_the_fields_are_there(settings: Settings) -> None:
    assert set(_USED_BY) <= set(vars(settings))
    assert {family.key for family in FAMILIES} <= set(_USED_BY)


def test_of_earlier_runs_nothing_is_known() -> None:
    told = {"a": "1", "a.b": "2", "ab": "3"}
    assert without(told, None) == told
    assert without(told, ["a"]) == {"ab": "3"}
    assert without(told, []) == told
