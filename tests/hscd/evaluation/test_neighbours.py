"""Labels of nearest neighbours against a loop."""

import numpy as np

from hscd.evaluation.neighbours import neighbour_labels


def test_most_of_the_nearest_others_count():
    # On a line: the nearest three of 0 are 1, 2 and 3, of which two are unchanged; itself does not count.
    points = np.array([[0.0], [1], [2], [3], [10]])
    assert neighbour_labels(points, np.array([0, 1, 0, 1, 1], np.uint8), 3)[0] == 1
    assert neighbour_labels(points, np.array([1, 0, 0, 1, 1], np.uint8), 3)[0] == 0


def test_labels_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    points, labels = rng.random((60, 3)), rng.integers(0, 2, 60).astype(np.uint8)
    expected = []
    for number, point in enumerate(points):
        far = np.linalg.norm(points - point, axis=1)
        far[number] = np.inf
        expected.append(int(labels[np.argsort(far)[:5]].sum() >= 3))
    assert neighbour_labels(points, labels).tolist() == expected


def test_few_points_have_fewer_neighbours():
    # Of four others the nearest three vote, which are no draw; of one other this one.
    assert neighbour_labels(np.arange(5.0)[:, None], np.array([1, 0, 0, 1, 1], np.uint8))[0] == 0
    assert neighbour_labels(np.arange(2.0)[:, None], np.array([0, 1], np.uint8)).tolist() == [1, 0]
