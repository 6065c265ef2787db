"""What surrounds each pixel, of parts of a scene and of a sample: derivatives of both dates, and their light."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from hscd.detectors.tools import gaussian
from hscd.detectors.tools.samples import chosen
from hscd.detectors.tools.threads import on_threads
from hscd.scenes.scene import Block, Scene, Window

# Scales of the derivatives, pixels: the smallest absorbs a shift below a pixel.
SCALES = (0.6, 1.2, 2.4)
# Derivatives of a component: two slopes and the Laplacian at each scale.
DERIVATIVES = 3 * len(SCALES)
RADIUS = gaussian.radius_of(max(SCALES))
# Components that the light is taken from, and the largest logarithm of its gain.
_LIT, _MOST_LIGHT = 3, 2.0
# A scene of up to so many pixels is looked at as a whole; of a larger one so many squares of so many pixels a side.
_WHOLE = 2**20
_SQUARES, _SIDE = 256, 32
_SOME = 2**17
# Pixels of a strip that a thread works on at a time.
_STRIP = 2**13


class Field(NamedTuple):
    """A part of a scene.

    `components`, (2, components, rows, columns) float32, of both dates; `valid`, (rows, columns), None where no pixel
    of the scene is masked; `inner` is the part that was asked for, the rest lies around it. `light`, (2, rows, columns)
    float32, is the gain of the light to the other date less 1, or None.
    """

    components: np.ndarray
    valid: np.ndarray | None
    inner: Window
    light: np.ndarray | None = None

    def with_light(self, dark: list[np.ndarray]) -> Field:
        """The field, and the gain of the light around each pixel from each date to the other, less 1.

        The light is the length of the mean spectrum of some 13 pixels around, above that of no light.

        Args:
            dark: (components,) of each date, the spectrum without light.
        """
        lengths = []
        for components, start in zip(self.components, dark, strict=True):
            above = components[:_LIT] - start[:_LIT, None, None].astype(np.float32)
            square = np.square(gaussian.widely_smoothed(above, self.valid)).sum(axis=0)
            lengths.append(np.log(np.maximum(square, np.finfo(np.float32).tiny)))
        log_gain = np.clip((lengths[1] - lengths[0]) / 2, -_MOST_LIGHT, _MOST_LIGHT)
        return self._replace(light=np.expm1(np.stack([log_gain, -log_gain])))

    def near(self, rows: slice, columns: slice, margin: int) -> Field:
        """The field of some rows and columns, with so many pixels around them, as far as it has them."""
        wide = slice(max(rows.start - margin, 0), rows.stop + margin)
        tall = slice(max(columns.start - margin, 0), columns.stop + margin)
        return Field(
            self.components[:, :, wide, tall].copy(),
            None if self.valid is None else self.valid[wide, tall],
            Window(
                slice(rows.start - wide.start, rows.stop - wide.start),
                slice(columns.start - tall.start, columns.stop - tall.start),
            ),
            None if self.light is None else self.light[:, wide, tall].copy(),
        )


class Sample(NamedTuple):
    """Pixels of fields, float32.

    `components` are (2, components, pixels), `context` is (2, components, derivatives, pixels), `light` (2, pixels) or
    None.
    """

    components: np.ndarray
    context: np.ndarray
    light: np.ndarray | None

    def part(self, some: slice, size: int) -> Sample:
        """Some of the pixels, and zeros after them, so many pixels together."""
        more = size - (some.stop - some.start)

        def of(values: np.ndarray) -> np.ndarray:
            return np.concatenate([values[..., some], np.zeros((*values.shape[:-1], more), np.float32)], axis=-1)

        return Sample(of(self.components), of(self.context), None if self.light is None else of(self.light))


def field_of(block: Block, components_of: Callable[[np.ndarray], np.ndarray]) -> Field:
    """The field of a block; `components_of` takes (…, 2, bands) to (2, components, …)."""
    return Field(components_of(block.pairs), block.valid, block.inner)


def fields(
    scene: Scene,
    rng: np.random.Generator,
    components_of: Callable[[np.ndarray], np.ndarray],
    halo: int,
    finished: Callable[[Field], Field] = lambda field: field,
) -> list[Field]:
    """All of a small scene as one field, or random squares of a large one, with what is around them, each finished."""
    rows, columns = scene.truth.shape
    if rows * columns <= _WHOLE:
        parts = [(window, components_of(scene.block(window).pairs)) for window in scene.windows]
        whole = np.empty((*parts[0][1].shape[:2], rows, columns), np.float32)
        for window, components in parts:
            whole[:, :, window.rows, window.columns] = components
        return [finished(Field(whole, scene.valid, Window(slice(0, rows), slice(0, columns))))]
    squares = scene.squares(_SIDE)
    return [
        finished(field_of(scene.block(squares[number], halo), components_of))
        for number in chosen(len(squares), rng, _SQUARES).tolist()
    ]


def some_of(parts: list[Field], rng: np.random.Generator, halo: int) -> list[Field]:
    """Fields of about `_SOME` pixels at most: random bands of rows of a scene that is one field."""
    if len(parts) > 1 or parts[0].components[0, 0].size <= _SOME:
        return parts
    (field,) = parts
    rows, columns = field.components.shape[2:]
    bands = [top for top in range(0, rows, _SIDE) if field.valid is None or field.valid[top : top + _SIDE].any()]
    drawn = chosen(len(bands), rng, max(1, _SOME // (_SIDE * columns))).tolist()
    tops = [bands[number] for number in drawn]
    return [field.near(slice(top, min(top + _SIDE, rows)), slice(0, columns), halo) for top in tops]


def over_strips(field: Field, rows: slice, work: Callable[[slice, np.ndarray], None]) -> None:
    """Call `work` with strips of rows of a field and their derivatives, on all threads.

    Args:
        field: the field; its derivatives are right `RADIUS` pixels away from its borders, unless it ends with the
            scene there.
        rows: which of its rows.
        work: gets the rows and their derivatives, (2, components, DERIVATIVES, rows, columns) float32.
    """
    columns = field.components.shape[-1]
    around = [(RADIUS, RADIUS), (0, 0)]
    components = np.pad(field.components, [(0, 0), (0, 0), *around], mode="edge")
    valid = None if field.valid is None else np.pad(field.valid, around, mode="edge")

    def strip(part: slice) -> None:
        some = slice(rows.start + part.start, min(rows.start + part.stop, rows.stop))
        work(some, _derivatives(components, valid, some))

    on_threads(strip, rows.stop - rows.start, max(1, _STRIP // columns))


def _derivatives(components: np.ndarray, valid: np.ndarray | None, rows: slice) -> np.ndarray:
    """Derivatives in some rows of components that have `RADIUS` more above and below."""
    dates, count, _, columns = components.shape
    found = np.empty((dates, count, DERIVATIVES, rows.stop - rows.start, columns), np.float32)
    for number, scale in enumerate(SCALES):
        kernel = gaussian.kernels(scale)
        near = slice(rows.start + RADIUS - kernel.radius, rows.stop + RADIUS + kernel.radius)
        for date in range(dates):
            mask = None if valid is None else valid[near]
            found[date, :, 3 * number : 3 * number + 3] = gaussian.derivatives(components[date, :, near], mask, kernel)
    return found


def sampled(parts: list[Field], rng: np.random.Generator, pixels: int) -> Sample:
    """Random valid pixels of fields."""
    places = [_valid_places(field) for field in parts]
    ends = np.cumsum([len(found) for found in places])
    numbers = chosen(int(ends[-1]), rng, pixels)
    count = parts[0].components.shape[1]
    components = np.empty((2, count, len(numbers)), np.float32)
    context = np.empty((2, count, DERIVATIVES, len(numbers)), np.float32)
    light = None if parts[0].light is None else np.empty((2, len(numbers)), np.float32)
    for field, found, end in zip(parts, places, ends, strict=True):
        here = slice(*np.searchsorted(numbers, (end - len(found), end)))
        rows, columns = found[numbers[here] - (end - len(found))].T
        components[:, :, here] = field.components[:, :, rows, columns]
        if light is not None and field.light is not None:
            light[:, here] = field.light[:, rows, columns]
        if len(rows):
            _pick(field, rows, columns, context[:, :, :, here])
    return Sample(components, context, light)


def _pick(field: Field, rows: np.ndarray, columns: np.ndarray, context: np.ndarray) -> None:
    """Write the derivatives at pixels of a field, whose rows rise, into (2, components, DERIVATIVES, pixels)."""

    def work(some: slice, derivatives: np.ndarray) -> None:
        here = slice(*np.searchsorted(rows, (some.start, some.stop)))
        context[..., here] = derivatives[..., rows[here] - some.start, columns[here]]

    over_strips(field, slice(int(rows[0]), int(rows[-1]) + 1), work)


def _valid_places(field: Field) -> np.ndarray:
    """(pixels, 2) rows and columns of the valid pixels that were asked for, row by row."""
    rows, columns = field.inner
    if field.valid is None:
        places = np.indices((rows.stop - rows.start, columns.stop - columns.start)).reshape(2, -1).T
    else:
        places = np.argwhere(field.valid[field.inner])
    return places + (rows.start, columns.start)


def chunks(length: int, size: int) -> Iterator[slice]:
    """Slices of `size` that cover range(length)."""
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
