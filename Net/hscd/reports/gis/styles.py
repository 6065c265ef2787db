"""Styles of maps (QGIS layer style, .qml), which QGIS finds beside them by their name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from hscd.labels import CHANGED, UNCHANGED, UNKNOWN
from hscd.reports.maps import STRONG
from hscd.system import storage


class MapClass(NamedTuple):
    """A class of a map: its value in the file, its colour as #rrggbb, and its name."""

    value: int
    colour: str
    name: str


# What stands for them in change maps: as users of GIS expect, who ask a map where it is 1.
MAP_VALUES = {CHANGED: 1, UNCHANGED: 0, UNKNOWN: 255}
CHANGE = tuple(
    MapClass(MAP_VALUES[label], STRONG[label], name)
    for label, name in ((CHANGED, "changed"), (UNCHANGED, "unchanged"), (UNKNOWN, "unknown or masked"))
)

# The colour scale ends at this percentile, as that of the heat maps; it is taken from so many pixels.
_TOP_PERCENTILE = 99.5
_SAMPLE = 1_000_000
# Of the colour scale, for distances up to the threshold and above it: the gap is seen on the map.
_BELOW, _ABOVE = (0.0, 0.4), (0.7, 1.0)
_STEPS = 9


def write_style(raster: Path, renderer: ElementTree.Element) -> None:
    """Write the QGIS style of a raster beside it, nothing smoothed."""
    style = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(style, "pipe")
    provider = ElementTree.SubElement(pipe, "provider")
    ElementTree.SubElement(
        provider, "resampling", enabled="false", maxOversampling="2",
        zoomedInResamplingMethod="nearestNeighbour", zoomedOutResamplingMethod="nearestNeighbour",
    )  # fmt: skip
    pipe.append(renderer)
    ElementTree.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ElementTree.SubElement(pipe, "huesaturation", saturation="0", grayscaleMode="0", colorizeOn="0")
    ElementTree.SubElement(pipe, "rasterresampler", maxOversampling="2")
    ElementTree.SubElement(style, "blendMode").text = "0"
    ElementTree.indent(style)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    text = head + ElementTree.tostring(style, "unicode") + "\n"
    storage.write_bytes(raster.with_suffix(".qml"), text.encode("utf-8"))


def _renderer(kind: str, nodata: str = "", **more: str) -> ElementTree.Element:
    fixed = {"band": "1", "opacity": "1", "alphaBand": "-1", "nodataColor": nodata}
    return ElementTree.Element("rasterrenderer", {"type": kind, **fixed, **more})


def class_renderer(classes: Sequence[MapClass]) -> ElementTree.Element:
    """Each class in its colour, and named."""
    # QGIS draws no data as nothing, unless it is given a colour.
    unknown = ",".join(str(part) for part in (*bytes.fromhex(STRONG[UNKNOWN][1:]), 255))
    renderer = _renderer("paletted", unknown)
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for value, colour, name in classes:
        ElementTree.SubElement(palette, "paletteEntry", value=str(value), color=colour, alpha="255", label=name)
    return renderer


def distance_renderer(distances: np.ndarray, threshold: float | None) -> ElementTree.Element:
    """A colour scale for (rows, columns) distances, with a leap at the threshold."""
    items = _ramp(*_range(distances), threshold)
    low, top = repr(items[0][0]), repr(items[-1][0])
    renderer = _renderer("singlebandpseudocolor", classificationMin=low, classificationMax=top)
    shader = ElementTree.SubElement(
        ElementTree.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED",
        classificationMode="1", clip="0", minimumValue=low, maximumValue=top, labelPrecision="6",
    )  # fmt: skip
    for value, colour, label in items:
        ElementTree.SubElement(shader, "item", value=repr(value), color=colour, alpha="255", label=label)
    # A list of the values, in which the threshold is named, instead of a bar.
    ElementTree.SubElement(shader, "rampLegendSettings", useContinuousLegend="0")
    return renderer


def _range(distances: np.ndarray) -> tuple[float, float]:
    """Smallest distance and the one where the colour scale ends, of a regular sample; 0 and 1 where all is masked."""
    every = max(1, round((distances.size / _SAMPLE) ** 0.5))
    sample = distances[::every, ::every]
    sample = sample[np.isfinite(sample)]
    return (float(sample.min()), float(np.percentile(sample, _TOP_PERCENTILE))) if sample.size else (0.0, 1.0)


def _ramp(low: float, top: float, threshold: float | None) -> list[tuple[float, str, str]]:
    """Values in ascending order with their colours and labels, between which QGIS interpolates."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if threshold is None:
        parts = [(low, top, (0.0, 1.0), 2 * _STEPS)]
    else:
        # A pixel at the threshold is unchanged; the next number of the file's precision is above it.
        rounded = np.float32(threshold)
        above = float(rounded if float(rounded) > threshold else np.nextafter(rounded, np.float32(np.inf)))
        parts = [(min(low, threshold), threshold, _BELOW, _STEPS), (above, max(top, above), _ABOVE, _STEPS)]
    items: list[tuple[float, str, str]] = []
    for first, last, (begin, end), steps in parts:
        for share in np.linspace(1 if first == last else 0, 1, 1 if first == last else steps):
            value = float(last if share == 1 else first + share * (last - first))
            label = f"{value:.6g}"
            if value == threshold:
                label += ", the threshold"
            elif threshold is not None and value == first > threshold:
                label = f"above {threshold:.6g}: changed"
            items.append((value, to_hex(colormaps["inferno"](begin + share * (end - begin))), label))
    return items
