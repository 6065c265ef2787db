"""Pre-training: what an autoencoder learns of spectra without labels, and what a network starts from."""

import numpy as np
import pytest

from hscd.branches import BRANCHES
from hscd.heads import HEADS
from hscd.learn import pretraining
from hscd.learn.pretraining import Pretrained, pretrained, start
from hscd.networks.dropout import dropout_layers
from hscd.networks.siamese import build_net
from hscd.pretraining import CODE, NONE, PRETRAININGS, code_size, doubt_of_code
from hscd.system.backend import keras

BANDS = 8
# Of a dense branch and of a convolutional one, small.
NETWORK = {
    "layer": 12, "layer_1": 10, "layer_2": 6, "dropout_rate": 0.3, "dropout_rate_1": 0.3, "fourth_layer": False,
    "filters": 6, "filters_1": 4, "kernel": 3, "units": 6, "lr": 1e-3, "margin": 1.0, "batch_size": 32,
    "score_function": HEADS["ED"].function,
}  # fmt: skip
MEMBERS = [name for name in PRETRAININGS if name != NONE]


def spectra(pixels=400, seed=0):
    """Pixel pairs on a plane of two directions: two numbers tell each of them."""
    rng = np.random.default_rng(seed)
    directions = rng.uniform(0, 0.5, (2, BANDS))
    return (rng.uniform(0, 1, (pixels, 2, 2)) @ directions + 0.3).astype(np.float32)


def parameters(name, **more):
    options = {option.name: option.default for option in PRETRAININGS.options(name)}
    network = "convolutional" if name == "convolutional_autoencoder" else "dense"
    return NETWORK | options | {"pretraining": name, "network": network, "pretraining_epochs": 20} | more


def network(chosen, seed=1):
    return build_net((BANDS,), chosen, seed=seed)


def trained(chosen, pairs=None, seed=0) -> Pretrained:
    keras.utils.set_random_seed(5)
    branch = BRANCHES[chosen["network"]].build(BANDS, chosen)
    return pretrained(branch, spectra() if pairs is None else pairs, chosen, seed=seed)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    keras.backend.clear_session()  # as a trial does: Keras numbers names from the first one again
    monkeypatch.setattr(pretraining, "RATE", 1e-2)
    monkeypatch.setattr(pretraining, "BATCH", 32)


@pytest.mark.parametrize("name", MEMBERS)
def test_spectra_that_a_few_numbers_tell_are_reconstructed(name, monkeypatch):
    # Wide layers and small steps, so that no kernels' rounding decides whether units die.
    monkeypatch.setattr(pretraining, "RATE", 3e-3)
    chosen = parameters(name, pretraining_epochs=40, layer=32, layer_1=24, layer_2=16)
    found = trained(chosen, spectra(1600)).reconstruction
    assert found.error.shape == found.deviation.shape == (BANDS,)
    # Two numbers tell a spectrum: a code of four is enough for nine tenths of the variance, as a share of the deviation
    # that is an error of √0.1 = 0.32.
    assert np.sqrt(np.mean(found.error**2) / np.mean(found.deviation**2)) < 0.32
    squares = np.square(found.reconstructed - found.original).mean(axis=1)
    assert (np.diff(squares) >= 0).all()
    assert found.original.min() >= np.float32(0.3), "in the units of the spectra"


def test_the_error_is_what_is_minimised_as_a_share_of_the_variance():
    pairs = spectra()
    found = trained(parameters("autoencoder"), pairs)
    # A tenth of 400 pixels is held out: the loss is the mean of their squares over the variance of the 360 others,
    # which differs little from that of all.
    variance = pairs.reshape(-1, BANDS).astype(np.float64).var(axis=0).mean()
    assert found.fit.val_loss == pytest.approx(np.mean(found.reconstruction.error**2) / variance, rel=0.05)
    assert np.isnan(found.fit.val_accuracy)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_network_starts_from_the_pre_trained_branch(name):
    chosen = parameters(name, pretraining_epochs=2)
    model, untouched = network(chosen), network(chosen)
    told = start(model, chosen, spectra(), seed=0)["pretraining"]
    again = network(chosen)
    start(again, chosen, spectra(), seed=0)
    for before, after, same in zip(*(of.get_weights() for of in (untouched, model, again)), strict=True):
        np.testing.assert_array_equal(after, same)
        assert (before != after).any()
    assert {layer.rate for layer in dropout_layers(model)} == (set() if "conv" in name else {0.3})
    assert told["epochs"] == 2
    assert len(told["error"]) == len(told["original"][0]) == BANDS
    assert np.isfinite(told["val_loss"])


@pytest.mark.parametrize("said", [{}, {"pretraining": NONE}])
def test_without_a_pre_training_nothing_happens(said):
    model, untouched = network(NETWORK | said), network(NETWORK | said)
    assert start(model, NETWORK | said, None, seed=0) == {}
    for one, other in zip(model.get_weights(), untouched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_pre_training_without_spectra_is_refused():
    with pytest.raises(ValueError, match="needs pixel pairs"):
        start(network(NETWORK), parameters("autoencoder"), None, seed=0)


def test_a_convolutional_decoder_needs_convolutions():
    with pytest.raises(ValueError, match="the branch has no convolutions"):
        trained(parameters("convolutional_autoencoder", network="dense"))


def test_constant_spectra_are_no_division_by_zero():
    found = trained(parameters("autoencoder", pretraining_epochs=1), np.full((50, 2, BANDS), 7, np.float32))
    assert np.isfinite(found.reconstruction.error).all()


@pytest.mark.parametrize(("bands", "expected"), [(1, 1), (2, 1), (13, 6), (128, 64), (129, CODE), (224, CODE)])
def test_a_code_is_narrower_than_the_spectrum_by_default(bands, expected):
    assert code_size(None, bands) == expected
    assert bool(doubt_of_code(None, bands)) == (bands == 1)
    assert code_size(3, bands) == 3


def test_a_code_that_is_not_narrower_is_doubted():
    assert doubt_of_code(7, 8) == ""
    assert "a code of up to 8 units (pretraining_code) is not narrower than spectra of 8 bands" in doubt_of_code(8, 8)


def layers_of(chosen):
    """Units of the layers of an autoencoder, from the branch's end."""
    model, _ = pretraining._autoencoder(BRANCHES[chosen["network"]].build(BANDS, chosen), chosen, np.zeros(BANDS), 1.0)
    return {layer.name: layer for layer in model.layers}


def test_the_dense_decoder_mirrors_the_branch():
    layers = layers_of(parameters("autoencoder"))
    # The branch has 12, 10 and 6 units, the embedding is narrowed to half of the 8 bands.
    assert [layers[name].units for name in ("code", "decoder_0", "decoder_1", "reconstruction")] == [4, 10, 12, BANDS]
    # An embedding that is narrow is the code itself.
    assert "code" not in layers_of(parameters("autoencoder", pretraining_code=6))


def test_the_convolutional_decoder_mirrors_the_branch():
    layers = layers_of(parameters("convolutional_autoencoder"))
    # A quarter of the 8 bands, 4 filters each; then 6 filters, as the branch has first, and the spectrum.
    assert layers["decoder_dense"].units == 2 * 4
    assert [layers[f"decoder_{number}"].filters for number in (0, 1)] == [6, 1]


def test_noise_is_a_share_of_the_deviation():
    chosen = parameters("denoising_autoencoder", pretraining_noise=0.25)
    branch = BRANCHES["dense"].build(BANDS, chosen)
    model, _ = pretraining._autoencoder(branch, chosen, np.zeros(BANDS), 40.0)
    noise = model.get_layer("noise")
    assert noise.deviation == 10.0
    nothing = np.zeros((500, BANDS), np.float32)
    np.testing.assert_array_equal(noise(nothing), nothing)
    # 4000 draws: their deviation is off by 10/√8000 = 0.11 each time.
    assert np.asarray(noise(nothing, training=True)).std() == pytest.approx(10, abs=0.5)


def test_a_variational_code_is_drawn_around_its_mean_in_training_alone():
    from hscd.networks.autoencoder import Sampled

    layer = Sampled(0.5)
    means, log_variances = np.full((4000, 2), 3.0, np.float32), np.full((4000, 2), np.log(4.0), np.float32)
    np.testing.assert_array_equal(layer([means, log_variances]), means)
    # ½ · 2 units · (3² + 4 − ln 4 − 1), times the weight
    assert float(layer.losses[-1]) == pytest.approx(0.5 * (9 + 4 - np.log(4) - 1), rel=1e-5)
    drawn = np.asarray(layer([means, log_variances], training=True))
    # 8000 draws of deviation 2: their mean is off by 2/√8000 = 0.022 each time, their deviation by 2/√16000.
    assert drawn.mean() == pytest.approx(3, abs=0.12)
    assert drawn.std() == pytest.approx(2, abs=0.1)
