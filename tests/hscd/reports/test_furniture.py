"""Scale bars and arrows to the north."""

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rasterio import CRS

from hscd.records import PIXEL_GRID, Grid
from hscd.reports.furniture import Furniture, aspect_of, draw, of_grid

SHAPE = (100, 200)
UTM, FEET, DEGREES, MERCATOR, POLAR = (CRS.from_epsg(code).to_wkt() for code in (32651, 2263, 4326, 3857, 3031))


def beside(crs, *transform):
    return of_grid(Path("map.png"), Grid(transform, crs), SHAPE)


# Within half a per cent: the projection's scale, and a sphere in place of the ellipsoid.
def test_pixels_of_a_projected_grid_are_about_as_wide_as_it_says():
    found = beside(UTM, 10, 0, 5e5, 0, -10, 4e6)
    assert found.metres == pytest.approx(10, rel=5e-3)
    assert found.north == pytest.approx((0, 1), abs=1e-3)
    # 10 US survey feet of 1200/3937 m.
    assert beside(FEET, 10, 0, 1e6, 0, -10, 2e5).metres == pytest.approx(12000 / 3937, rel=5e-3)


# At 60° north Mercator's metres are twice as long as those on the ground.
def test_metres_of_mercator_are_not_those_on_the_ground():
    assert beside(MERCATOR, 10, 0, 0, 0, -10, 8_399_738).metres == pytest.approx(5, rel=5e-3)


# Around the south pole, below it on the page, north is down; above it, up.
@pytest.mark.parametrize(("y", "up"), [(-1.5e6, -1), (1.5e6, 1)])
def test_north_of_a_polar_grid(y, up):
    assert beside(POLAR, 10, 0, -1000, 0, -10, y).north == pytest.approx((0, up), abs=1e-3)


# Turned by 30° to the right on the ground, columns run to the south-east: north is 30° to the left on the page, and the
# other way round. At 60° a degree of longitude is half as long as one of latitude.
@pytest.mark.parametrize("turn", [-math.pi / 6, math.pi / 6])
def test_north_of_a_turned_grid(turn):
    c, s = 10 * math.cos(turn), 10 * math.sin(turn)
    found = beside(UTM, c, s, 5e5, s, -c, 4e6)
    assert found.metres == pytest.approx(10, rel=5e-3)
    assert found.north == pytest.approx((math.sin(turn), math.cos(turn)), abs=1e-3)


# 1e-4° of 60° north are 1e-4 · 111,195 m · cos 60°; the middle of the map is half a hundredth of a degree south of it.
def test_pixels_of_degrees():
    found = beside(DEGREES, 1e-4, 0, 10, 0, -1e-4, 60)
    assert found.metres == pytest.approx(11.1195 / 2, rel=1e-3)
    assert found.north == pytest.approx((0, 1))
    assert found.aspect == pytest.approx(2, rel=1e-3)  # 1 / cos 60°
    assert beside(UTM, 10, 0, 5e5, 0, -10, 4e6).aspect == 1
    assert beside(UTM, 10, 0, 5e5, 0, -30, 4e6).aspect == pytest.approx(3, rel=5e-3)
    assert aspect_of(Path("map.png"), Grid((1e-4, 0, 10, 0, -1e-4, 60), DEGREES), SHAPE) == found.aspect
    assert aspect_of(Path("map.png"), PIXEL_GRID, SHAPE) == 1
    # 1 / cos 85° is 11.5, 1 / cos 84° 9.6.
    assert [round(beside(DEGREES, 1e-4, 0, 10, 0, -1e-4, north).aspect, 1) for north in (84, 85)] == [9.6, 1]


# Rows run to the north-east of pixels of 1e-4°, 11.12 m high and 5.56 m wide: as drawn, 2 up for 1 to the right.
def test_north_of_pixels_that_are_drawn_higher_than_wide():
    found = beside(DEGREES, 1e-4, 1e-4, 10, 0, -1e-4, 60)
    # A step (column, row) north is (1, -1): on the page 1 to the right, and as much upwards as the aspect.
    size = math.hypot(1, found.aspect)
    assert found.north == pytest.approx((1 / size, found.aspect / size), abs=1e-3)


# Ten degrees of latitude: cos 60° to cos 50°.
def test_a_map_whose_scale_changes_has_no_bar():
    found = beside(DEGREES, 0.1, 0, 10, 0, -0.1, 60)
    assert found.metres is None
    assert found.north == pytest.approx((0, 1))
    assert found.bar(200) is None


def test_nothing_is_known_of_a_grid_without_coordinate_system():
    assert of_grid(Path("map.png"), PIXEL_GRID, SHAPE) is None


# At most 0.3 of the width: 600 m of 2 km, 90 m of 300 m, 3 km of 10 km.
@pytest.mark.parametrize(
    ("metres", "bar"),
    [(10.0, (50.0, "500 m")), (1.5, (100 / 3, "50 m")), (50.0, (40.0, "2 km"))],
)
def test_length_of_a_scale_bar(metres, bar):
    found = Furniture(metres, (0.0, 1.0)).bar(200)
    assert found == (pytest.approx(bar[0]), bar[1])


# 0.3 · 1000 · this is the number before 1000, and its logarithm is rounded to 3.
def test_length_of_a_scale_bar_just_below_a_power_of_ten():
    assert Furniture(3.333333333333333, (0.0, 1.0)).bar(1000) == (pytest.approx(150), "500 m")


# The frame of a map is in the last row that is as dark as frames are; scale bar, arrow and letter are below it, with
# white rows between, for maps of any size and wherever north is.
@pytest.mark.parametrize("size", [1.0, 6.0])
@pytest.mark.parametrize("north", [(0.0, 1.0), (0.0, -1.0), (1.0, 0.0)])
def test_what_stands_below_a_map_does_not_touch_its_frame(size, north):
    figure = Figure(figsize=(size, size + 1), dpi=100)
    axes = figure.add_axes((0.1, 0.5 / (size + 1) + 0.1, 0.8, 0.7 * size / (size + 1)))
    axes.imshow(np.ones((10, 10)), cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    draw(axes, Furniture(10.0, north), 10, 10)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    dark = np.asarray(canvas.buffer_rgba())[..., :3].min(axis=2) < 200
    frame = np.flatnonzero(dark.mean(axis=1) > 0.6).max()
    # 2 points at least, at 100 dots per inch.
    assert not dark[frame + 2 : frame + 4].any()
    assert dark[frame + 4 :].sum() > 30
