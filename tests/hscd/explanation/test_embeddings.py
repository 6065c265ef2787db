"""Embeddings of a network whose values are computed by hand, and of scenes part by part."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from detector_scenes import scene_of
from hscd.explanation import embeddings
from hscd.explanation.projection import PROJECTIONS, available, dimensions, projected
from hscd.heads import HEADS
from hscd.learn.training import gradients
from hscd.models.saved import load_model
from tiny_model import DISTANCES, FOLDER, PAIRS, VERSIONS


@pytest.fixture(scope="module")
def model():
    return load_model(FOLDER / VERSIONS[-1])


def test_embeddings_are_what_the_branch_makes(model):
    # As derived in `tiny_model`.
    expected = [[[3.5, 0, 8], [2.5, 0, 6]], [[5.5, 0, 12], [1.5, 0.5, 4.5]]]
    np.testing.assert_allclose(embeddings.embedded(model, PAIRS), expected)
    assert embeddings.units(model) == 3
    assert embeddings.embedded(model, PAIRS[:0]).shape == (0, 2, 3)
    assert gradients(model, PAIRS[:0])[1].shape == (0, 2, 2)


def test_spectra_go_through_the_branch_in_parts_of_one_size(monkeypatch):
    monkeypatch.setattr(embeddings, "_PART", 4)
    sizes = []

    def branch(spectra, training):
        sizes.append(tuple(spectra.shape))
        return 2 * spectra

    branch.output_shape = (None, 3)
    pairs = np.random.default_rng(0).random((5, 2, 3), dtype=np.float32)
    found = embeddings.embedded(SimpleNamespace(get_layer={"branch": branch}.get), pairs)
    np.testing.assert_array_equal(found, 2 * pairs)
    assert sizes == [(4, 3)] * 3, "of ten spectra the last two are padded"


def test_gradients_are_those_of_differences(model):
    np.testing.assert_allclose(gradients(model, PAIRS)[0], DISTANCES, rtol=1e-6)
    # Away from the kinks, which are at 0. 1e-3 is far above what float32 rounds.
    pairs = PAIRS + np.array([[0.1, 0.2], [0.3, 0.1]], np.float32)
    found = gradients(model, pairs)[1]
    for place in np.ndindex(pairs.shape[1:]):
        moved = [pairs.copy(), pairs.copy()]
        for sign, of in zip((-1, 1), moved, strict=True):
            of[:, *place] += sign * 1e-3
        low, high = (gradients(model, of)[0] for of in moved)
        np.testing.assert_allclose(found[:, *place], (high - low) / 2e-3, atol=1e-2)


def test_all_of_a_scene_in_parts(model, monkeypatch):
    monkeypatch.setattr(embeddings, "_SIDE", 4)
    monkeypatch.setattr(embeddings, "_BYTES", 1)
    rng = np.random.default_rng(0)
    before, after = rng.random((2, 9, 6, 2), dtype=np.float32)
    valid = rng.random((9, 6)) > 0.2
    whole = np.full((6, 9, 6), -1, np.float32)
    sizes = []
    for (rows, columns), values in embeddings.parts(model, scene_of(before, after, valid)):
        assert (whole[:, rows, columns] == -1).all()  # each pixel once
        whole[:, rows, columns] = values
        sizes.append(values.shape[1:])
    assert sizes == [(4, 4), (4, 2), (4, 4), (4, 2), (1, 4), (1, 2)]
    expected = embeddings.embedded(model, np.stack([before, after], axis=2).reshape(-1, 2, 2)).reshape(9, 6, 6)
    expected[~valid] = np.nan
    np.testing.assert_array_equal(whole, np.moveaxis(expected, 2, 0))


def test_differences_of_angles_do_not_see_lengths():
    vectors = np.array([[[3, 4], [6, 8]], [[1, 0], [0, 5]], [[0, 0], [0, 2]]])
    assert embeddings.differences(vectors, HEADS["ED"]).tolist() == [[3, 4], [-1, 5], [0, 2]]
    np.testing.assert_allclose(embeddings.differences(vectors, HEADS["SAM"]), [[0, 0], [-1, 1], [0, 1]], atol=1e-15)


def test_principal_components_of_a_plane():
    # Of (x, 2x, y) the first axis is (1, 2, 0) / √5, where the steps of x are √5 as long.
    x, y = np.array([-2.0, -1, 0, 1, 2]), np.array([0.1, -0.2, 0.2, -0.2, 0.1])
    points = np.stack([x, 2 * x, y], axis=1) + 7
    found = projected(points, "pca", 0)
    np.testing.assert_allclose(np.abs(found[:, 0]), np.sqrt(5) * np.abs(x), atol=1e-12)
    np.testing.assert_allclose(np.abs(found[:, 1]), np.abs(y), atol=1e-12)
    # 0.14 of 50.14 is the variance of the second one, less than a hundredth.
    assert (dimensions(points), dimensions(points * [1, 1, 5])) == (1, 2)
    assert dimensions(np.ones((4, 3))) == 0


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_neighbours_stay_together(method):
    if method == "umap":
        pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(0, 1, (30, 5)), rng.normal(20, 1, (30, 5))]).astype(np.float32)
    found = projected(points, method, 1)
    centres = found[:30].mean(axis=0), found[30:].mean(axis=0)
    apart = [np.linalg.norm(found - centre, axis=1) for centre in centres]
    np.testing.assert_array_equal(apart[0] < apart[1], np.arange(60) < 30)
    np.testing.assert_array_equal(found, projected(points, method, 1))


def test_umap_gets_few_neighbours_of_few_points_and_a_seed(monkeypatch):
    asked = {}

    class Umap:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, points):
            return asked["init"]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap))
    assert available("umap") == "umap"
    for count, few in ((40, 15), (7, 6)):
        points = np.random.default_rng(0).normal(size=(count, 3))
        found = projected(points, "umap", 5)
        assert (asked["n_neighbors"], asked["random_state"], asked["n_jobs"]) == (few, 5, 1)
        # It starts from the principal components, of deviation 1, moved by a hundredth.
        components = projected(points, "pca", 5)
        np.testing.assert_allclose(found, components / components[:, 0].std(), atol=0.06)


def test_without_umap_it_is_t_sne(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "umap", None)
    assert [available(method) for method in PROJECTIONS] == ["pca", "tsne", "tsne"]
    assert capsys.readouterr().err.count("warning: UMAP is not installed") == 1


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_points_that_are_alike_are_drawn(method):
    assert projected(np.ones((7, 3)), method, 0).tolist() == [[0, 0]] * 7
    # One unit, and most of its values the same: not all on one line by t-SNE, whose start would be one.
    points = np.repeat([[0.0], [1], [5]], [20, 4, 1], axis=0)
    found = projected(points, method, 0)
    assert np.isfinite(found).all()
    assert (np.ptp(found[:, 1]) > 0) == (method == "tsne")
