"""Two images to a change map, `detect.py` with all its files: against context regression on whole arrays in NumPy.

The plain way is the method's formulas one after the other, without what the light does, and one GeoTIFF.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

import large
import measure

SIDE, BANDS = 800, 6
COMPONENTS, FOURIER, SCALES = (3, 5, 6), 150, (0.6, 1.2, 2.4)
SAMPLE, ROUNDS = 40_000, 15


def _read(folder: str) -> list[np.ndarray]:
    import rasterio

    found = []
    for date in ("before", "after"):
        with rasterio.open(Path(folder, f"{date}.tif")) as file:
            found.append(np.moveaxis(file.read(), 0, 2).astype(np.float32))
    return found


def _context(components: np.ndarray) -> np.ndarray:
    """(pixels, components × 9): slopes and Laplacian of components (rows, columns, components) at each scale."""
    from scipy.ndimage import gaussian_filter, gaussian_laplace

    found = []
    for number in range(components.shape[2]):
        plane = components[..., number]
        for scale in SCALES:
            found += [gaussian_filter(plane, scale, order) for order in ((0, 1), (1, 0))]
            found.append(gaussian_laplace(plane, scale))
    return np.stack(found, axis=-1).reshape(components.shape[0] * components.shape[1], -1)


def _mahalanobis(values: np.ndarray, weights: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Squared distances of all rows by the weighted covariance of some."""
    mean = np.average(values, axis=0, weights=weights)
    inverse = np.linalg.inv(np.cov(values.T, aweights=weights))
    centred = every - mean
    return np.einsum("ij,jk,ik->i", centred, inverse, centred, optimize=True)


def _statistic(x: np.ndarray, y: np.ndarray, weights: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Squared distance of the residuals of y (pixels, components), predicted from x (pixels, features)."""
    design, wanted = x[some], y[some]
    mean, centre = np.average(design, axis=0, weights=weights), np.average(wanted, axis=0, weights=weights)
    scaled = (design - mean) * weights[:, None]
    gram = scaled.T @ (design - mean)
    slopes = np.linalg.solve(gram + 1e-3 * np.diag(np.diag(gram)), scaled.T @ (wanted - centre))
    residual = y - centre - (x - mean) @ slopes
    return _mahalanobis(residual[some], weights, residual)


def plain(folder: str) -> float:
    """Seconds of the plain way."""
    import rasterio
    from scipy.ndimage import gaussian_filter
    from scipy.stats import chi2
    from skimage.filters import threshold_otsu

    started = time.perf_counter()
    images = _read(folder)
    shape = images[0].shape[:2]
    scaled = [(image - image.mean((0, 1))) / image.std((0, 1)) for image in images]
    _, _, axes = np.linalg.svd(
        np.concatenate([image.reshape(-1, BANDS) for image in scaled])[::10], full_matrices=False
    )
    spectra = [image @ axes.T for image in scaled]
    contexts = [_context(image) for image in spectra]
    rng = np.random.default_rng(0)
    some = rng.choice(shape[0] * shape[1], SAMPLE, replace=False)
    roots = []
    for count in COMPONENTS:
        flat = [image[..., :count].reshape(-1, count) for image in spectra]
        waves = (rng.standard_normal((count, FOURIER)) / (3 * flat[0].std(0))[:, None]).astype(np.float32)
        phases = rng.uniform(0, 2 * np.pi, FOURIER).astype(np.float32)
        features = [
            np.concatenate([of, context[:, : 9 * count], np.cos(of @ waves + phases)], axis=1)
            for of, context in zip(flat, contexts, strict=True)
        ]
        # Fitted on the sample alone, then applied once to all pixels.
        fewer, targets, every = [of[some] for of in features], [of[some] for of in flat], np.arange(SAMPLE)
        weights = np.ones(SAMPLE)
        for _ in range(ROUNDS):
            found = np.sqrt(np.prod([_statistic(fewer[i], targets[1 - i], weights, every) for i in (0, 1)], axis=0))
            weights = np.maximum(chi2.sf(found * chi2.median(count) / np.median(found), count), 1e-6)
        found = np.sqrt(np.prod([_statistic(features[i], flat[1 - i], weights, some) for i in (0, 1)], axis=0))
        roots.append(np.sqrt(found * chi2.median(5) / np.median(found)))
    score = gaussian_filter(np.mean(roots, axis=0).reshape(shape), 0.5)
    change = score > max(threshold_otsu(np.minimum(score, np.quantile(score, 0.9995))), np.sqrt(chi2.isf(1e-5, 5)))
    profile = {"driver": "GTiff", "width": shape[1], "height": shape[0], "count": 1, "dtype": "uint8"}
    with rasterio.open(Path(folder, "plain.tif"), "w", **profile) as file:
        file.write(change.astype(np.uint8), 1)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        large.write_scene(folder, SIDE, BANDS)
        arguments = large.detecting(folder, "min_area=10000")
        by_hand = min(measure.apart("detection", "plain", temporary) for _ in range(2))
        runs = [large.run("detect.py", arguments) for _ in range(3)]
        ours, memory = min(runs)
        measure.row(
            f"detect.py of {SIDE} × {SIDE} × {BANDS}, files to all results (plain: to one map)",
            f"{by_hand:.1f} s",
            f"{ours:.1f} s; peak {memory / 2**20:.0f} MiB",
            by_hand / ours,
        )


if __name__ == "__main__":
    measure.header()
    main()
