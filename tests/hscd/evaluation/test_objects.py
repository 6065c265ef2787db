"""Changed objects: boxes by hand, suppression by a slow oracle, precision and recall as pycocotools has them."""

import contextlib
import io

import numpy as np
import pytest

from hscd.evaluation import objects
from hscd.evaluation.objects import Kept, Objects, agreement, intersection_over_union, kept_by_size, objects_of
from hscd.evaluation.regions import find_regions

MAP = np.array(
    [
        [0, 0, 1, 1, 1, 0],
        [0, 1, 1, 2, 1, 1],
        [1, 1, 0, 1, 1, 0],
        [1, 0, 0, 0, 1, 0],
    ],
    np.uint8,
)


def test_objects_are_regions_with_their_boxes_surest_first():
    probability = np.full(MAP.shape, 0.5)
    probability[2:, :4], probability[0, 5] = 0.8, 0.6
    probability[1, 3] = np.nan  # masked, of no object
    found = objects_of(MAP, probability)
    # The cross of four pixels around (3, 2), the pixel in the corner, and of equal confidence the larger one first.
    assert found.boxes.tolist() == [[2, 1, 4, 4], [0, 5, 1, 6], [0, 0, 2, 2], [2, 5, 4, 6]]
    assert found.pixels.tolist() == [4, 1, 3, 2]
    np.testing.assert_allclose(found.confidences, [0.8, 0.6, 0.5, 0.5])
    assert (found.merged, found.left_out) == (0, 0)


def test_the_smallest_of_too_many_are_left_out(monkeypatch):
    monkeypatch.setattr(objects, "MOST", 3)
    found = objects_of(MAP, np.full(MAP.shape, 0.5))
    assert found.pixels.tolist() == [4, 3, 2]
    assert found.left_out == 1


def test_nothing_changed():
    found = objects_of(np.ones((3, 4), np.uint8), np.zeros((3, 4)))
    assert found.boxes.shape == (0, 4)
    assert agreement(found, np.ones((3, 4), np.uint8)) is None
    truth = np.zeros((3, 4), np.uint8)
    said = agreement(found, truth)
    assert (said.true_objects, said.recall, said.average_precision) == (1, 0, 0)
    assert np.isnan(said.precision)
    assert np.isnan(said.overlap)


def test_overlaps_by_hand():
    first = np.array([[0, 0, 2, 2], [0, 0, 1, 1]])
    second = np.array([[0, 1, 2, 3], [1, 1, 2, 2], [5, 5, 6, 6]])
    # Of 4 + 4 pixels 2 are shared: 2 / 6; of 4 + 1 one, which is all of the small box: 1 / 4.
    np.testing.assert_allclose(intersection_over_union(first, second), [[1 / 3, 1 / 4, 0], [0, 0, 0]])


def boxes(rng, count):
    corner, size = rng.integers(0, 30, (count, 2)), rng.integers(1, 12, (count, 2))
    return np.concatenate([corner, corner + size], axis=1)


@pytest.mark.parametrize("overlap", [0.05, 0.3, 0.5])
def test_a_box_gives_way_to_a_surer_one(overlap, monkeypatch):
    monkeypatch.setattr(objects, "_CHUNK", 7)
    given = boxes(np.random.default_rng(0), 60)
    stay = []
    for number in range(60):
        if all(intersection_over_union(given[[number]], given[[other]])[0, 0] <= overlap for other in stay):
            stay.append(number)
    assert 5 < len(stay) < 60
    assert objects.suppressed(given, overlap).tolist() == stay


def test_a_box_within_another_is_merged():
    ring = np.zeros((6, 6), np.uint8)
    ring[1:5, 1:5] = 1
    ring[2:4, 2:4] = 0  # 4 pixels within a box of 36: 1 / 9
    found = objects_of(ring, np.where(np.pad(np.ones((2, 2)), 2), 0.7, 0.9), overlap=0.1)
    assert found.boxes.tolist() == [[0, 0, 6, 6]]
    assert found.merged == 1
    assert len(objects_of(ring, np.ones((6, 6)), overlap=0.2).boxes) == 2


def scene(seed):
    """True and found rectangles that do not touch, some of both alike: a truth, and objects with confidences."""
    rng = np.random.default_rng(seed)
    truth, found = np.ones((120, 120), np.uint8), []
    for top in range(0, 120, 12):
        for left in range(0, 120, 12):
            size = rng.integers(2, 9, 2)
            box = np.array([top, left, top + size[0], left + size[1]])
            kind = rng.random()
            if kind < 0.6:
                truth[box[0] : box[2], box[1] : box[3]] = 0
            if 0.2 < kind < 0.8:
                found.append(box + [0, 0, *rng.integers(0, 3, 2)])
                if rng.random() < 0.3:
                    found.append(found[-1] + [0, 0, 1, 0])
    found = np.array(found)
    return truth, Objects(found[rng.permutation(len(found))], np.ones(len(found), int), np.linspace(1, 0.1, len(found)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_precision_and_recall_are_those_of_coco(seed, monkeypatch):
    coco, evaluator = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    monkeypatch.setattr(objects, "_CHUNK", 10)
    truth, found = scene(seed)

    def entries(boxes):
        return [
            {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": float((b - t) * (r - left)),
             "bbox": [left, t, r - left, b - t]}
            for number, (t, left, b, r) in enumerate(boxes.tolist(), start=1)
        ]  # fmt: skip

    with contextlib.redirect_stdout(io.StringIO()):
        true, given = coco.COCO(), coco.COCO()
        for dataset, of in ((true, find_regions(truth, 0).boxes()), (given, found.boxes)):
            dataset.dataset = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": entries(of)}
        for entry, confidence in zip(given.dataset["annotations"], found.confidences.tolist(), strict=True):
            entry["score"] = confidence
        true.createIndex()
        given.createIndex()
        judged = evaluator.COCOeval(true, given, "bbox")
        judged.params.maxDets = [1000]
        judged.evaluate()
        judged.accumulate()
    precision, recall = judged.eval["precision"][:, :, 0, 0, 0], judged.eval["recall"][:, 0, 0, 0]
    said = agreement(found, truth)
    assert 0.1 < said.mean_average_precision < said.average_precision < 0.9
    assert said.average_precision == pytest.approx(precision[0].mean(), abs=1e-9)
    assert said.mean_average_precision == pytest.approx(precision.mean(), abs=1e-9)
    assert said.recall == pytest.approx(recall[0], abs=1e-9)
    assert said.precision == pytest.approx(said.recall * said.true_objects / len(found.boxes), abs=1e-9)


def test_an_object_is_found_once_and_by_the_surest():
    truth = np.ones((10, 10), np.uint8)
    truth[2:4, 2:6], truth[7:9, 7:9] = 0, 0
    # The first overlaps the first object by 6 of 8, the second is the object itself, but it is taken.
    given = np.array([[2, 2, 4, 5], [2, 2, 4, 6], [0, 8, 1, 9]])
    said = agreement(Objects(given, np.ones(3, int), np.array([0.9, 0.8, 0.7])), truth)
    assert (said.true_objects, said.overlap) == (2, 0.75)
    assert said.precision == pytest.approx(1 / 3)
    assert said.recall == 0.5
    # Precision 1 up to recall .5, which 51 of 101 recalls are, and 0 beyond; over overlaps .5, .55 … .75 by the first.
    # At .8 and above the second box finds it, with precision 1 / 2.
    assert said.average_precision == pytest.approx(51 / 101)
    assert said.mean_average_precision == pytest.approx((6 * 51 + 4 * 51 / 2) / 1010)


def test_what_is_kept_by_size():
    truth = np.ones((20, 40), np.uint8)
    truth[0, :2], truth[2, :9], truth[5:10, 0:20], truth[12, :10] = 0, 0, 0, 0  # 2, 9, 100 and 10 pixels
    labels = truth.copy()
    labels[0, 0], labels[2, :5], labels[5:8, 0:20] = 1, 1, 1  # 1 of 2, 4 of 9 and 40 of 100 are left
    assert kept_by_size(labels, truth) == [Kept(1, 2, 1), Kept(10, 1, 1), Kept(100, 1, 0), Kept(1000, 0, 0)]
