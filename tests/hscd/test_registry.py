"""The list of a family of methods."""

import copy
import pickle
import sys
from types import ModuleType

import pytest

from hscd.corrections import CORRECTIONS
from hscd.detectors import DETECTORS
from hscd.normalisation import NORMALISATIONS
from hscd.registry import Functions, Option, Registry
from hscd.system.errors import InputError
from hscd.thresholds import THRESHOLDS


def number(name="size", default=1):
    return Option(name, int, "an integer", default)


def test_an_option_reads_values_as_the_texts_of_a_file():
    several = Option("sizes", lambda text: [int(part) for part in text.split(",")], "integers", None)
    assert (number().read("3"), number().read(3), several.read((3, 4)), several.read(None)) == (3, 3, [3, 4], None)
    with pytest.raises(ValueError, match=r"^size: an integer expected, received 'x'$"):
        number().read("x")


def test_members_are_found_by_name_in_the_order_of_their_names():
    family = Registry("filter")
    family.add("b", 2)
    family.register("a")(1)
    assert (list(family), family["a"], family["b"], len(family), "c" in family) == (["a", "b"], 1, 2, 2, False)
    assert repr(family) == "<filter: a, b>"
    with pytest.raises(KeyError, match="no filter 'c'; known: a, b"):
        family["c"]


def test_members_register_themselves_when_their_family_is_looked_at(tmp_path, monkeypatch):
    # The package `family` is a folder of two files; nothing lists them.
    package = ModuleType("family")
    package.__path__ = [str(tmp_path)]
    package.__doc__ = "Filters: what smooths."
    monkeypatch.setitem(sys.modules, "family", package)
    package.MEMBERS = Registry("filter", "family")
    assert package.MEMBERS.__doc__ == "Filters: what smooths."  # what `help` shows
    for name in ("mean", "median"):
        (tmp_path / f"{name}.py").write_text(
            f"from family import MEMBERS\n\n@MEMBERS.register('{name}')\ndef apply():\n    return '{name}'\n"
        )
        monkeypatch.delitem(sys.modules, f"family.{name}", raising=False)
    assert "family.mean" not in sys.modules
    assert {name: member() for name, member in package.MEMBERS.items()} == {"mean": "mean", "median": "median"}


def test_two_members_of_one_name_are_refused():
    family = Registry("filter")
    family.add("a", 1)
    with pytest.raises(ValueError, match="two filters are named 'a'"):
        family.add("a", 2)


def test_options_are_those_of_their_member_and_together_each_once():
    family = Registry("filter")
    size, sigma = number("size"), number("sigma")
    family.add("a", 1, size)
    family.add("b", 2, size, sigma)
    family.add("c", 3)
    assert family.options("a") == (size,)
    assert family.options("b") == (size, sigma)
    assert family.options("c") == ()
    assert family.all_options() == (size, sigma)
    with pytest.raises(KeyError):
        family.options("d")


def test_one_name_cannot_mean_two_options():
    family = Registry("filter")
    family.add("a", 1, number("size", default=1))
    with pytest.raises(ValueError, match="two different options of filters are named 'size'"):
        family.add("b", 2, number("size", default=2))


def test_a_family_follows_another_also_what_comes_later():
    heads = Registry("head")
    heads.add("x", 1)
    detectors = Registry("detector")
    detectors.follow(heads, lambda head: f"detector {head}")
    detectors.add("own", "own")
    assert dict(detectors) == {"x": "detector 1", "own": "own"}
    heads.add("y", 2)
    assert dict(detectors) == {"x": "detector 1", "y": "detector 2", "own": "own"}
    assert detectors["x"] is detectors["x"]  # made once
    assert detectors.options("y") == ()


class Box:
    """A box."""

    sides = 4

    def __init__(self, size=1):
        self.size = size


def test_a_function_of_a_family_says_what_is_wrong_with_a_call():
    family = Functions("filter", None, "{name}(size=2) makes one")
    family.register("box", number())(Box)
    family.add("any", dict)
    family.register("none")(lambda: 0)
    assert family.register("box")(Box) is Box  # which others may inherit from
    family.add("box", Box, number())
    box = family["box"]
    assert (box(size="3").size, box(2).size, box().size, family["none"]()) == (3, 2, 1, 0)
    assert (box.__name__, box.__doc__, box.sides, family["box"] is box) == ("Box", "A box.", 4, True)
    for call, said in (
        (lambda: box(1, 2), "filter box: too many positional arguments; box(size=2) makes one"),
        (lambda: box(sizes=2), "sizes: no argument of filter box; did you mean size?"),
        (lambda: box(x=2), "x: no argument of filter box; its arguments are size"),
        (lambda: box("x"), "size: an integer expected, received 'x'"),
        (lambda: family["none"](x=2), "x: no argument of filter none; it has none"),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == said


# 5 is a text of percent; .05 is a number as the default is.
def test_numbers_are_taken_as_they_are_and_the_program_calls_members_with_what_it_has_read():
    share = Option("share", lambda text: float(text.removesuffix(" %")) / 100, "a share in percent", 0.01)
    family = Functions("filter", None, "")
    family.add("a", lambda share: share, share)
    assert [family["a"](share=given) for given in ("5", "5 %", 0.05, 0.01)] == [0.05, 0.05, 0.05, 0.01]
    assert family.plain("a")(share="5") == "5"


def test_a_class_of_a_family_is_one_of_its_objects_and_of_what_inherits_from_it():
    family = Functions("filter", None, "")
    family.add("box", Box, number())
    box = family["box"]

    class Large(box):
        """Inherits from the class itself."""

    assert (isinstance(Box(), box), isinstance(1, box), Large.__bases__) == (True, False, (Box,))
    assert repr(box) == "<filter box(size=1)>"


# What makes the detector of a distance has no name of its own by which a pickle could find it.
@pytest.mark.parametrize("member", [THRESHOLDS["otsu"], DETECTORS["cva"], DETECTORS["SAM"]])
def test_members_are_pickled_by_their_names(member):
    assert pickle.loads(pickle.dumps(member)) is member
    assert copy.deepcopy(member) is member


def test_a_family_is_pickled_by_its_name_in_its_package(monkeypatch):
    package = ModuleType("family")
    monkeypatch.setitem(sys.modules, "family", package)
    package.__path__ = []
    package.MEMBERS = Functions("filter", "family", "")
    package.MEMBERS.add("a", lambda: 1)
    assert pickle.loads(pickle.dumps(package.MEMBERS["a"])) is package.MEMBERS["a"]


# `dict` tells no signature.
def test_a_member_without_a_signature_is_called_as_it_is():
    family = Functions("filter", None, "")
    family.add("x", dict, number())
    assert (family["x"](size="3"), repr(family["x"])) == ({"size": "3"}, "<filter x>")


@pytest.mark.parametrize("family", [CORRECTIONS, DETECTORS, NORMALISATIONS, THRESHOLDS], ids=lambda of: of.family)
def test_defaults_of_options_are_what_their_texts_give(family):
    given = [option for option in family.all_options() if option.default is not None]
    assert [option.parse(str(option.default)) for option in given] == [option.default for option in given]


def test_a_member_that_takes_its_place_is_called():
    family = Functions("filter", None, "")
    family.add("a", lambda: 1)
    assert family["a"]() == 1
    family._members["a"] = lambda **given: given  # as a test does
    assert family["a"](x=2) == {"x": 2}
