"""Networks at full resolution against the strided ones, place by place, and what has no equivalent."""

import json
from functools import partial

import numpy as np
import pytest

from hscd.networks.dilated import Dilated, features_of, read
from hscd.networks.plan import is_plan, plan_of
from hscd.networks.pretrained import network
from hscd.networks.steps import Convolution, Pooling
from hscd.networks.thinned import apply_to_patches
from hscd.system.backend import keras
from hscd.system.errors import InputError
from tiny_plan import SHAPES, TEXT

LAYERS = keras.layers
SIDE = 20


def strided():
    """Strides by a convolution, a pooling and a path beside it, padding of both kinds, and paths of different sizes."""
    layers = LAYERS
    image = keras.Input((None, None, 3), name="image")
    x = layers.ZeroPadding2D(((1, 0), (0, 2)), name="pad")(image)
    x = layers.Conv2D(4, (3, 2), strides=2, activation="relu", use_bias=False, name="first")(x)
    x = layers.BatchNormalization(name="normal")(x)
    short = layers.ZeroPadding2D(((1, 0), (1, 1)), name="beside")(x)
    short = layers.Conv2D(5, 3, strides=2, name="short")(short)
    x = layers.SeparableConv2D(5, 3, padding="same", activation="tanh", name="separable")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="largest")(layers.ReLU(0.8, name="cut")(x))
    x = layers.Add(name="sum")([x, short])
    y = layers.DepthwiseConv2D(2, depth_multiplier=2, padding="same", name="apart")(layers.Dropout(0.5, name="drop")(x))
    y = layers.AveragePooling2D((2, 1), strides=1, padding="same", name="mean")(y)
    x = layers.Concatenate(name="both")([x, y])
    product = [layers.Rescaling(0.5, 0.1, name="scaled")(x), layers.Activation("silu", name="silu")(x)]
    return keras.Model(image, layers.Multiply(name="product")(product))


def varied(model):
    """Weights and statistics that leave no activation at its ends."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(-0.4, 0.4, of.shape) for of in model.get_weights()])
    normal = model.get_layer("normal")
    normal.set_weights([rng.uniform(0.5, 1.5, of.shape) for of in normal.get_weights()])


def reading(model, prepare=lambda images: images / 255):
    return read(model, "Net", "last", prepare, SIDE)


# By hand, of the first place. First: its kernel of 3 rows and 2 columns, and the padding of 1 and 0 before them, see
# pixels -1 to 1 and 0 to 1; a place is 2 pixels on. Separable: a place more on each side, -3 to 3 and -2 to 3. Largest:
# of 10 rows 5, which takes 1 of padding, behind them: 3 to 7; of 11 columns 6, which takes 2: -4 to 5. Apart and mean
# see a row and a column more, then a row more, of 4 pixels each.
FIRST, LAST, STRIDE = (-3, -4), (15, 9), 4


def test_each_pixel_has_what_the_strided_network_gives_there():
    model = strided()
    varied(model)
    plan, arrays = reading(model)
    layer = Dilated(plan.text, name="features")
    image = np.random.default_rng(0).random((1, 2 * SIDE, 2 * SIDE, 3), np.float32)
    layer.build(image.shape)
    layer.set_weights(arrays)
    found, reach, seen = np.asarray(layer(image))[0], plan.reach, 0
    assert reach == (15 + 3) // 2
    assert found.shape == layer.compute_output_shape(image.shape)[1:] == (2 * SIDE - 18, 2 * SIDE - 18, 15)
    for offset in np.ndindex(STRIDE, STRIDE):  # shift and stitch
        down, across = (slice(reach + of, reach + of + SIDE) for of in offset)
        places = np.asarray(model(image[:, down, across]))[0]
        for place in np.ndindex(*places.shape[:2]):
            first, last = (np.array(end) + STRIDE * np.array(place) for end in (FIRST, LAST))
            if first.min() >= 0 and last.max() < SIDE:  # it sees no padding
                pixel = tuple((first + last + 1) // 2 + offset)  # the window begins where the features do
                np.testing.assert_allclose(found[pixel], places[place], rtol=1e-5, atol=1e-6)
                seen += 1
    assert seen == STRIDE**2 * 2


def test_a_pixel_sees_as_far_as_its_reach_and_no_farther():
    model = strided()
    varied(model)
    plan, arrays = reading(model)
    rng = np.random.default_rng(0)
    patches, far = rng.random((9, 19, 19, 3), np.float32), []
    before = np.asarray(plan.apply(patches, arrays))
    assert before.shape == (9, 1, 1, 15)
    for row in range(19):
        other = patches.copy()
        other[:, row] += 0.5
        far.append(np.abs(np.asarray(plan.apply(other, arrays)) - before).max() > 0)
    assert far == [True] * 19  # -3 to 15 around 6


# --- patches ---------------------------------------------------------------------------------------------------------


def in_a_row(first=(0, 0), rates=((1, 1), (2, 2), (4, 4)), apart=False):
    """Three windows of 3 × 3 at the dilations that follow strides of 2; what step 4 gives, nothing takes."""
    steps = [
        ["convolution", [0], [3, 3], rates[0], "a", 4, True, False],
        ["convolution", [1], [3, 3], rates[1], "b", 1, False, apart],
        ["pooling", [2], [3, 3], rates[2], True], ["convolution", [1], [1, 1], [1, 1], "unused", 2, False, False],
        ["merge", [3, 3], "add", [[*first, 0, 0], [first[1], first[0], 0, 0]]],
    ]  # fmt: skip
    return plan_of(json.dumps(["Net", "last", *steps]))


def side_by_side():
    """A wide window and a close one on the same values, of which they need every fourth place and three in a row."""
    steps = [
        ["convolution", [0], [3, 3], [1, 1], "a", 4, True, False],
        ["convolution", [1], [3, 3], [4, 4], "b", 2, False, False],
        ["pooling", [1], [3, 3], [1, 1], True], ["merge", [2, 3], "concatenate", [[0, 0, 0, 0], [3, 3, 3, 3]]],
    ]  # fmt: skip
    return plan_of(json.dumps(["Net", "last", *steps]))


def strided_plan():
    model = strided()
    varied(model)
    return reading(model).plan


@pytest.mark.parametrize(
    "make",
    [
        strided_plan,
        lambda: plan_of(TEXT),
        side_by_side,
        in_a_row,
        lambda: in_a_row((1, 2)),
        lambda: in_a_row(apart=True),
        lambda: in_a_row(rates=((1, 1), (3, 2), (2, 6))),
        lambda: in_a_row(rates=((1, 1), (1, 2), (4, 1)), apart=True),
        lambda: in_a_row(rates=((4, 4), (2, 2), (1, 1))),
    ],
)
def test_patches_have_what_their_middle_has_in_an_image(make):
    plan, rng = make(), np.random.default_rng(0)
    weights = [rng.uniform(-0.4, 0.4, shape).astype(np.float32) for shape in plan.weights.values()]
    side = 2 * plan.reach + 1
    patches = rng.random((3, side, side, 3), np.float32)
    expected, found = (np.asarray(how(patches, weights)) for how in (plan.apply, partial(apply_to_patches, plan)))
    assert found.shape == (3, 1, 1, plan.channels)
    assert found.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


# Of 15 pixels a side the pooling needs three places, 0, 4 and 8; they come of 0, 2 … 12; these of all pixels. Of 16
# two a side lie in the middle: such an image is no patch, and all of it is computed.
@pytest.mark.parametrize(("side", "expected"), [(15, [7, 3, 1]), (16, [14, 10, 2, 14])])
def test_nothing_is_computed_that_the_middle_of_a_patch_does_not_need(side, expected, monkeypatch):
    found = []
    for kind in (Convolution, Pooling):

        def thinned(step, *given, kept=kind.thinned):
            found.append(kept(step, *given))
            return found[-1]

        monkeypatch.setattr(kind, "thinned", thinned)
    layer = Dilated(in_a_row().text)
    layer(np.zeros((1, side, side, 3), np.float32))
    assert [part.shape[1:3] for part in found] == [(of, of) for of in expected]


@pytest.mark.parametrize(
    ("family", "order", "factor", "addend"),
    [
        # As their papers trained them: differences to the means of ImageNet in blue, green, red; -1 to 1; by means and
        # deviations of red, green, blue.
        ("vgg16", (2, 1, 0), [255, 255, 255], [-103.939, -116.779, -123.68]),
        ("xception", (0, 1, 2), [2, 2, 2], [-1, -1, -1]),
        ("densenet", (0, 1, 2), [1 / 0.229, 1 / 0.224, 1 / 0.225], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]),
    ],
)
def test_preprocessing_is_that_of_the_family(family, order, factor, addend):
    step = reading(strided(), getattr(keras.applications, family).preprocess_input).plan.steps[0]
    assert step.order == order
    np.testing.assert_allclose(step.factor, factor, rtol=1e-5)
    np.testing.assert_allclose(step.addend, addend, rtol=1e-5)
    images = np.random.default_rng(0).random((1, 2, 2, 3), np.float32)
    expected = getattr(keras.applications, family).preprocess_input(images * 255)
    np.testing.assert_allclose(step.apply([images], []), expected, rtol=1e-4, atol=1e-3)


def test_layers_without_a_name_are_numbered_alike_whatever_was_made_before(monkeypatch):
    def made(**_):
        image = keras.Input((None, None, 3))
        return keras.Model(image, LAYERS.BatchNormalization()(LAYERS.Conv2D(2, 3)(LAYERS.Conv2D(2, 1)(image))))

    made.__module__ = keras.applications.VGG16.__module__  # where its preprocessing is
    monkeypatch.setattr(keras.applications, "VGG16", made)
    keras.backend.clear_session()
    made()
    found = features_of.__wrapped__("VGG16", "none", None)
    assert found.plan.layer == "batch_normalization"
    assert list(found.plan.weights)[::2] == ["conv2d_1_kernel", "conv2d_kernel", "batch_normalization_factor"]
    assert [step.kind for step in found.plan.steps] == ["affine", "convolution", "convolution", "scale"]
    network.cache_clear()  # of what stood for VGG16


# Of 299 places 150 remain, which need (150 - 1) * 2 + 3 - 299 = 2 more: one on each side, so a place of the 3 × 3 path
# sees a pixel before and behind that of the other one. Of 224, 112: (112 - 1) * 2 + 3 - 224 = 1 more, behind: 2 of it.
@pytest.mark.parametrize(
    ("name", "cut"),
    [("Xception", 1), ("InceptionV3", 1), ("InceptionResNetV2", 1), ("VGG16", 0), ("ResNet50", 0)],
)
def test_paths_lie_as_in_images_of_the_size_that_the_network_was_trained_with(name, cut, monkeypatch):
    def made(**_):
        image = keras.Input((None, None, 3))
        paths = [LAYERS.Conv2D(2, size, strides=2, padding="same")(image) for size in (3, 1)]
        return keras.Model(image, LAYERS.Add(name="sum")(paths))

    made.__module__ = getattr(keras.applications, name).__module__
    monkeypatch.setattr(keras.applications, name, made)
    merge = features_of.__wrapped__(name, "none", "sum").plan.steps[-1]
    network.cache_clear()  # of what stood for it
    assert merge.cuts == ((0, 0, 0, 0), (cut, 2 - cut, cut, 2 - cut))


# (x - 1) / 2 and so on.
def test_standardisation_is_a_factor_and_an_addend():
    plan, _ = reading(of(LAYERS.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 16.0]), LAYERS.Conv2D(1, 3)))
    np.testing.assert_allclose(
        [plan.steps[1].factor, plan.steps[1].addend], [[1 / 2, 1 / 3, 1 / 4], [-1 / 2, -2 / 3, -3 / 4]], rtol=1e-6
    )


def of(*added):
    """A model of layers one after the other."""
    image = x = keras.Input((SIDE, SIDE, 3))
    for layer in added:
        x = layer(x)
    return keras.Model(image, x)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([LAYERS.GlobalAveragePooling2D(name="x")], "x of Net, a GlobalAveragePooling2D, has no equivalent at full re"),
        ([LAYERS.Flatten(name="x")], "x of Net, a Flatten, has no equivalent"),
        ([LAYERS.Dense(4, name="x")], "x of Net, a Dense, has no equivalent"),
        ([LAYERS.Lambda(lambda x: x, name="x")], "x of Net, a Lambda, has no equivalent"),
        (
            [LAYERS.Conv2D(3, 3), LAYERS.Conv2D(3, 3, groups=3, name="x")],
            r"full resolution \(it has groups\); choose a layer before it$",
        ),
        # Nothing before them sees neighbours by weights: as ConvNeXt begins, whose stem is a network of its own.
        (
            [keras.Sequential([LAYERS.Conv2D(3, 3)], name="x")],
            "a Sequential, has no equivalent at full resolution; no layer before it can be used; choose a network of "
            "another family: DenseNet, .* and Xception$",
        ),
        ([LAYERS.Conv2D(3, 1), LAYERS.Conv2D(3, 3, groups=3, name="x")], "no layer before it can be used; choose a n"),
        ([LAYERS.BatchNormalization(axis=1, name="x")], r"\(it is not by channel\)"),
        ([LAYERS.Conv2D(3, 3, activation="softmax", name="x")], r"\(its activation is softmax\)"),
        (
            [LAYERS.MaxPooling2D(2)],
            "last of Net cannot be used: it has no weights; expected one with weights that sees",
        ),
        ([LAYERS.Conv2D(3, 1, strides=4)], "cannot be used: it sees single pixels"),
        ([LAYERS.Conv2D(3, 3, dilation_rate=(65, 1), padding="same")], "cannot be used: it sees more than 64 pixels"),
    ],
)
def test_what_has_no_equivalent_is_refused_in_a_line(layers, said):
    with pytest.raises(InputError, match=f"^imagenet_layer: .*{said}") as caught:
        reading(of(*layers))
    assert "\n" not in str(caught.value)


def test_operations_that_are_no_layers_are_refused():
    image = keras.Input((SIDE, SIDE, 3))
    with pytest.raises(InputError, match="of Net, a Roll, has no equivalent"):
        reading(keras.Model(image, keras.ops.roll(image, 1, axis=1)))


# --- plans of saved models -------------------------------------------------------------------------------------------

# A convolution that has the name of another one.
TWICE = ["convolution", [1], [1, 1], [1, 1], "a", 4, True, False]


def text_of(*place, value):
    """The plan with one of its values replaced."""
    changed = part = json.loads(TEXT)
    for at in place[:-1]:
        part = part[at]
    part[place[-1]] = value
    return json.dumps(changed)


def test_a_plan_tells_its_weights_without_keras_and_is_read_as_it_was_written():
    plan = plan_of(TEXT)
    assert (plan.channels, plan.reach, plan.weights) == (4, 2, SHAPES)
    assert plan_of(plan.text) == plan


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0,), 3), ((1,), "a/b"), ((2,), ["flatten", [0]]), ((2,), ["scale", [0]]), ((2,), 5), ((2, 0), []),
        ((2, 1), [1]), ((2, 1), []), ((2, 1), [0, 0]), ((2, 1), [-1]), ((2, 1), 0), ((2, 1), ["0"]),
        ((2, 2), [3]), ((2, 2), [0, 3]), ((2, 2), [3.0, 3]), ((2, 3), [65, 1]), ((2, 3), [1, True]),
        ((2, 4), "../a"), ((2, 4), None), ((2, 5), 0), ((2, 5), 10**9), ((2, 5), 3), ((2, 6), 1),
        ((2, 7), None), ((3,), TWICE), ((4, 4), "mean"), ((5, 2), "exec"), ((5, 3), [[0, 1, 0, 1]]),
        ((5, 3), [[0, 0, 0, 0]] * 2), ((5, 3), [[0, -1, 0, 1], [0, 0, 0, 0]]), ((6, 2), "softmax"), ((6, 2), []),
        ((6, 3), {"max_value": "6"}), ((6, 3), 6), ((6, 3), {"foo": 1.0}), ((6, 2), "relu6"),
        ((7, 2), [4, 0, 2, 3]), ((7, 3), [1.0]), ((7, 4), [1e300] * 4),
    ],
)  # fmt: skip
def test_damaged_plans_are_none(place, value):
    assert is_plan(TEXT)
    assert not is_plan(text_of(*place, value=value))


@pytest.mark.parametrize("text", ["", "[", "[]", "{}", "3", '["Net","last"]', "[" * 10**5, '["Net","last",[]]'])
def test_other_texts_are_no_plans(text):
    assert not is_plan(text)
    with pytest.raises(ValueError, match="no layers of a network"):
        plan_of(text)
