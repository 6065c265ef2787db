"""One thread of BLAS for each of ours."""

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from hscd.detectors import scored
from hscd.detectors.tools.threads import on_threads, single_blas


def _threads_of_blas(*_):
    """Those of NumPy's; SciPy brings another library of that kind."""
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {library["num_threads"] for library in blas if "numpy" in library["filepath"]}


def test_the_limit_holds_until_the_outermost_is_left(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpool_limits(2, "blas"):
        with single_blas():
            assert on_threads(lambda block: on_threads(_threads_of_blas, 2, 1), 2, 1) == [[{1}, {1}]] * 2
            assert _threads_of_blas() == {1}
        assert _threads_of_blas() == {2}


def test_a_detector_works_within_it():
    seen = []

    class Watching:
        name, unit, halo, scale, degrees = "watching", "scores", 0, "linear", None

        def fit(self, scene, rng):
            seen.append(_threads_of_blas())
            return None

    class Empty:
        grid = None

        def score(self, *_):
            seen.append(_threads_of_blas())
            return np.zeros((1, 1), np.float32)

    with threadpool_limits(2, "blas"):
        scored(Watching(), Empty(), np.random.default_rng(0))
    assert seen == [{1}, {1}]
