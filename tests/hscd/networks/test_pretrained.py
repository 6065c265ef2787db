"""Networks of keras.applications as they are made: random weights, and what Keras says of those that it fetches."""

import logging
from contextlib import suppress

import numpy as np
import pytest

from hscd.networks import pretrained
from hscd.networks.pretrained import network
from hscd.system.backend import keras
from hscd.system.errors import InputError


@pytest.fixture
def vgg(monkeypatch):
    """Has keras.applications make its VGG16 of a layer of 3 × 3, after what is done before it."""

    def stand_in(before=lambda: None):
        def make(**_):
            before()
            image = keras.Input((None, None, 3))
            return keras.Model(image, keras.layers.Conv2D(2, 3, name="a")(image))

        make.__module__ = keras.applications.VGG16.__module__
        monkeypatch.setattr(keras.applications, "VGG16", make)
        network.cache_clear()

    yield stand_in
    network.cache_clear()


def kernel(seed):
    network.cache_clear()
    pretrained._whole.cache_clear()
    return network("VGG16", "none", "a", seed).model.get_weights()[0]


def test_random_weights_are_those_of_the_seed_and_other_draws_go_on(vgg):
    vgg()
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.RandomState(5).random()
    first = kernel(1)
    np.testing.assert_array_equal(kernel(1), first)
    assert (kernel(2) != first).all()
    # Keras' own function sets the seeds of NumPy and TensorFlow, too, which it imports for that.
    assert np.random.random() == expected  # noqa: NPY002


def test_a_network_is_made_once_for_all_its_layers(vgg):
    made = []
    vgg(lambda: made.append(1))
    assert network("VGG16", "none", None, 0).layer == network("VGG16", "none", "a", 0).layer == "a"
    with suppress(InputError):
        network("VGG16", "none", "b", 0)
    assert made == [1]


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
def test_what_keras_says_of_a_download_is_no_result_and_not_shown_by_quiet(vgg, level, tmp_path, capsys, caplog):
    (tmp_path / "weights.h5").write_bytes(b"weights")
    origin = (tmp_path / "weights.h5").as_uri()
    vgg(lambda: keras.utils.get_file("fetched.h5", origin, cache_dir=tmp_path))
    with caplog.at_level(level, "hscd"):
        network("VGG16", "imagenet", "a", 0)
    assert next(tmp_path.rglob("fetched.h5")).read_bytes() == b"weights"
    told = capsys.readouterr()
    assert told.out == ""
    assert ("Downloading data from" in told.err) == (level == logging.INFO)
