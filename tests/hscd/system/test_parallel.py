"""Blocks on all threads, and work inside other work."""

import threading

import pytest

from hscd.system.parallel import over_blocks


def test_results_come_in_the_order_of_their_blocks(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert over_blocks(lambda block: (block.start, block.stop), 7, 3) == [(0, 3), (3, 6), (6, 7)]
    assert over_blocks(lambda block: block, 0, 3) == []


# 4 threads for 2 pieces leave 2 to the work in each, so 4 pieces are worked on at a time; 2 threads leave it 1.
@pytest.mark.parametrize(("threads", "at_once"), [("4", 4), ("2", 2)])
def test_work_inside_other_work_shares_its_threads(monkeypatch, threads, at_once):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    meeting = threading.Barrier(at_once, timeout=10)
    lock, running, most = threading.Lock(), 0, 0

    def inner(block):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meeting.wait()
        with lock:
            running -= 1

    over_blocks(lambda outer: over_blocks(inner, 4, 1), 2, 1)
    assert most == at_once
