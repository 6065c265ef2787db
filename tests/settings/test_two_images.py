"""Settings of a detection between two images: the keys that have a part in it, and no others."""

import numpy as np
import pytest

from hscd.losses import LOSSES
from hscd.registry import Option
from hscd.system.errors import InputError
from settings.two_images import IMAGES, sets_of, settings_for, unused, values_to_name


@pytest.mark.parametrize(
    "key",
    [
        "engine",
        "workers",
        "loss",
        "fine_tuning",
        "pseudo_radius",
        "temperature",
        "imgAPath",
        "ft_epochs",
        "sampling",
        "embedding",
        "pretraining",
        "pretraining_code",
        "validation",
    ],
)
def test_a_key_of_networks_or_of_the_command_itself_is_refused(tmp_path, monkeypatch, key):
    monkeypatch.setitem(LOSSES._members, "new", object())
    monkeypatch.setitem(LOSSES._options, "new", (Option("temperature", float, "a number", 1.0, "how warm"),))
    with pytest.raises(InputError) as caught:
        settings_for(tmp_path / "a", tmp_path / "b", None, tmp_path / "out", [f"{key}=1"])
    assert str(caught.value) == f"--set {key}=1: has no part in a map of two images without a model"


def test_labels_need_the_values_of_both_classes(tmp_path):
    labels = tmp_path / "labels.npy"
    np.save(labels, np.array([[2, 2, 2], [1, 7, 7]], np.uint8))
    images = (tmp_path / "a", tmp_path / "b", labels, tmp_path / "out")
    held = "holds 1 (1 pixel), 2 (3 pixels), 7 (2 pixels); say what they mean by"
    for given, missing, sets in (
        ([], "changed and unchanged", "--set changedLabel=VALUE --set unchangedLabel=VALUE"),
        (["changedLabel=2"], "unchanged", "--set unchangedLabel=VALUE"),
    ):
        with pytest.raises(InputError) as caught:
            settings_for(*images, given)
        said = f"--labels {labels}: which of its values mean {missing} is missing; it {held} {sets}"
        assert str(caught.value) == said
        assert values_to_name(settings_for(*images, given, needs_values=False)["images"]) == f"{held} {sets}"
    assert values_to_name(settings_for(*images, ["changedLabel=2", "unchangedLabel=1"])["images"]) == ""
    both = settings_for(*images, ["changedlabel=2", "unchangedLabel=1"])["images"]
    assert (both.changed_label, both.unchanged_label) == ((2,), (1,))


def test_a_folder_of_one_image_stands_for_it(tmp_path):
    folders = [tmp_path / name for name in ("a", "b", "labels")]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (folder / f"{number}.npy").touch()
    found = settings_for(*folders, tmp_path / "out", ["changedLabel=1", "unchangedLabel=2"])["images"]
    images = (found.img_a_path, found.img_b_path, found.label_path)
    assert images == (tmp_path / "a/0.npy", tmp_path / "b/1.npy", tmp_path / "labels/2.npy")


@pytest.mark.parametrize(
    ("keys", "threshold"),
    [
        ([], "empirical_null"),
        (["detector=cva"], "otsu"),
        (["detector=context_regression"], "empirical_null"),
        (["detector=irmad"], "kmeans"),
        (["detector=irmad", "threshold=empirical_null"], "empirical_null"),
        (["ensemble_detectors= irmad , cva"], "kmeans"),  # as a comparison does: that of the first
        (["detector=cva", "ensemble_detectors=context_regression, cva"], "empirical_null"),
    ],
)
def test_a_threshold_that_is_not_named_is_that_of_the_detector(tmp_path, keys, threshold):
    assert settings_for(tmp_path / "a", tmp_path / "b", None, tmp_path / "out", keys).threshold == threshold


def test_an_option_of_a_method_is_a_key(tmp_path):
    found = settings_for(tmp_path / "a", tmp_path / "b", None, tmp_path / "out", ["pca_variance=0.5"])
    assert found.options["pca_variance"] == 0.5


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["change_amount=rare"], None),
        (["detector=SAM", "seed=3"], None),
        (["unknownLabel=2"], "--set unknownLabel=2: has no effect without --labels"),
        (["detector=SAM", "threshold=empirical_null", "Change_Amount=rare"], None),
        (["ensemble_detectors=irmad, pca_cva", "pca_variance=0.5"], None),
        (
            ["detector=SAM", "change_amount=rare"],
            "--set change_amount=rare: has no effect with threshold = otsu; it goes with threshold = empirical_null",
        ),
        (
            ["ensemble_detectors=irmad, cva", "pca_variance=0.5"],
            "--set pca_variance=0.5: has no effect with detector = irmad/cva; it goes with detector = pca_cva",
        ),
    ],
)
def test_an_option_of_a_method_that_is_not_chosen_is_told(tmp_path, keys, said):
    settings = settings_for(tmp_path / "a", tmp_path / "b", None, tmp_path / "out", keys)
    assert list(unused(settings).values()) == ([] if said is None else [said])


def test_values_of_labels_count_where_there_are_labels(tmp_path):
    images = tmp_path / "a", tmp_path / "b", tmp_path / "c", tmp_path
    settings = settings_for(*images, ["changedLabel=1", "unchangedLabel=0"])
    assert unused(settings) == {}


@pytest.mark.parametrize(
    "keys",
    [
        (),
        ("nodata=-9999.5", "register=True", "scale=0.0001"),
        ("bands=common, 1-50, 430-900.5 nm", "bad_bands=file, water, 7", "nodata=nan"),
        ("matLabelA=t1", "matLabelB=t2"),
    ],
)
def test_images_are_read_again_as_a_data_set_has_them_read(tmp_path, keys):
    images = tmp_path / "a", tmp_path / "b", tmp_path / "c", tmp_path
    section = settings_for(*images, [*keys, "changedLabel=1", "unchangedLabel=0", "matLabelTruth=t"])[IMAGES]
    assert sorted(sets_of(section)) == sorted(keys)


def test_a_misspelt_key_comes_with_the_nearest_one(tmp_path):
    images = (tmp_path / "a", tmp_path / "b", None, tmp_path / "out")
    for wrong in ("detectr", "settings.detectr", "images.detector"):
        with pytest.raises(InputError) as caught:
            settings_for(*images, [f"{wrong}=cva"])
        assert str(caught.value) == f"--set {wrong}=cva: unknown key; did you mean detector?"
    # No key of [settings], in whose name it was given.
    with pytest.raises(InputError, match=r"^--set settings\.nodata=0: unknown key; did you mean nodata\?$"):
        settings_for(*images, ["settings.nodata=0"])
    with pytest.raises(InputError) as caught:
        settings_for(*images, ["wavelet=1"])
    assert str(caught.value) == "--set wavelet=1: unknown key; --help lists the keys"
    with pytest.raises(InputError) as caught:
        settings_for(*images, ["Detector"])
    assert str(caught.value) == "--set Detector: the value is missing; expected detector=VALUE"


def test_keys_are_kept_as_they_are_spelt_however_they_were_typed(tmp_path):
    images = (tmp_path / "a", tmp_path / "b", tmp_path / "labels", tmp_path / "out")
    typed = ("Settings.Detector=cva", " bands = 1-3, 5", "changedlabel=1", "setting.seed=3", "UNCHANGEDLABEL =2")
    settings = settings_for(*images, typed)
    spelt = ("detector=cva", "bands=1-3, 5", "changedLabel=1", "seed=3", "unchangedLabel=2")
    assert (settings.overrides, settings.detector, settings.seed) == (spelt, "cva", 3)
