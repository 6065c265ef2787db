"""Keys that come from the members of families."""

import configparser
from pathlib import Path

import pytest

from conftest import CONFIGURATION
from hscd.heads import HEADS, Head
from hscd.registry import Option, Registry
from hscd.system import parsing
from hscd.system.errors import InputError
from settings import families, read_settings, search_of
from settings.families import FAMILIES, NETWORKS
from settings.keys import search_keys, settings_keys


def number(name, default=...):
    return Option(name, lambda text: parsing.integer(text, 1), "an integer >= 1", default, "how many")


@pytest.fixture
def add(monkeypatch):
    """Registers a member for one test."""

    def add(registry: Registry, name: str, member: object, *options: Option) -> None:
        list(registry)  # so that those of the package are there before
        monkeypatch.setitem(registry._members, name, member)
        monkeypatch.setitem(registry._options, name, options)

    return add


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.conf"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return path


def names(keys):
    return [key.name for key in keys]


@pytest.mark.parametrize(
    "key", ["detector", "threshold", "correction", "kinds", "loss", "pretraining", "network", "engine"]
)
def test_a_member_can_be_chosen_as_soon_as_it_is_registered(file, add, key):
    (family,) = (family for family in (*FAMILIES, NETWORKS) if family.key == key)
    override = f"settings.{key}=new"
    with pytest.raises(InputError, match=rf"\[settings\] {key}: found 'new'; expected "):
        read_settings(file, [override])
    add(family.registry, "new", object())
    assert getattr(read_settings(file, [override]), key) == "new"
    assert getattr(read_settings(file), key) != "new"


def test_the_detector_is_the_distance_unless_one_is_given(file):
    assert read_settings(file, ["settings.distance=SAM"]).detector_name == "SAM"
    assert read_settings(file, ["settings.distance=SAM", "settings.detector=ED"]).detector_name == "ED"


def test_an_option_of_a_member_is_a_key_with_its_default(file, add):
    add(families.THRESHOLDS, "new", object(), number("bins", 64))
    # After the key that chooses, and the options of other members.
    found = names(settings_keys())
    assert found.index("threshold") < found.index("bins") == found.index("correction") - 1
    assert read_settings(file).options["bins"] == 64
    # Its member need not be chosen, and nothing is said.
    assert read_settings(file, ["settings.bins=5"]).options["bins"] == 5
    with pytest.raises(InputError, match=r"\[settings\] bins: found '0'; expected an integer >= 1$"):
        read_settings(file, ["settings.bins=0"])
    with pytest.raises(InputError, match=r"has no key bin; did you mean bins\?"):
        read_settings(file, ["settings.bin=5"])


def test_an_option_without_a_default_has_to_be_given_where_its_member_is_chosen(file, add):
    add(families.DETECTORS, "new", object(), number("components"))
    assert "components" not in read_settings(file).options
    with pytest.raises(InputError, match=r"\[settings\] components: missing; expected an integer >= 1$"):
        read_settings(file, ["settings.detector=new"])
    found = read_settings(file, ["settings.detector=new", "settings.components=3"])
    assert found.options["components"] == 3


def test_an_option_that_is_a_path_is_relative_to_the_file(file, add):
    add(families.DETECTORS, "new", object(), Option("weights_file", parsing.path, "a file", None, "weights"))
    add(families.BRANCHES, "new", object(), Option("start", parsing.path, "a file", Path("start.h5"), "weights"))
    assert read_settings(file).options["weights_file"] is None
    found = read_settings(file, ["settings.weights_file=nets/vgg.h5"])
    assert found.options["weights_file"] == file.parent / "nets/vgg.h5"
    assert found.searches["ED"].options["start"] == file.parent / "start.h5"


def test_an_option_of_several_members_and_families_is_one_key(file, add):
    shared = number("size", 2)
    add(families.THRESHOLDS, "new", object(), shared)
    add(families.DETECTORS, "one", object(), shared)
    add(families.DETECTORS, "two", object(), shared)
    assert names(settings_keys()).count("size") == 1
    assert read_settings(file, ["settings.size=4"]).options["size"] == 4


def test_one_name_of_two_families_cannot_mean_two_options(file, add):
    add(families.THRESHOLDS, "new", object(), number("size", 2))
    add(families.DETECTORS, "one", object(), number("size", 2))  # read by another function
    with pytest.raises(ValueError, match="two different keys are named 'size'"):
        read_settings(file)


def test_options_of_networks_are_keys_of_their_searches(file, add):
    add(families.BRANCHES, "new", object(), number("kernels"), number("width", 3))
    # After those of the dense network, before those of one whose name comes later.
    found = names(search_keys())
    assert found.index("neurons") < found.index("kernels") == found.index("width") - 1 == found.index("patch_size") - 2
    assert "kernels" not in names(settings_keys())
    search = read_settings(file).searches["ED"]
    assert search.options["width"] == 3
    assert search.choices["width"] == 3
    assert (search.choices["batch_size"], search.choices["neurons"]) == ([64], [8])
    assert "max_evals" not in search.choices
    with pytest.raises(InputError) as caught:
        read_settings(file, ["settings.network=new"])
    # The section of the other distance, which is not trained, is of the dense network.
    assert str(caught.value).partition(": ")[2] == "[hyperas settings ED] kernels: missing; expected an integer >= 1"
    found = read_settings(file, ["settings.network=new", "hyperas settings ED.kernels=8"])
    assert found.searches["ED"].options["kernels"] == 8
    assert found.searches["SAM"].options["neurons"] == [8]
    with pytest.raises(InputError, match="SAM] neurons: found 'x'"):
        read_settings(file, ["settings.network=new", "hyperas settings ED.kernels=8", "hyperas settings SAM.neurons=x"])


def test_a_section_of_a_parser_is_of_the_network_that_is_asked_for(add):
    add(families.BRANCHES, "new", object(), number("kernels"), number("width", 3))
    parser = configparser.ConfigParser()
    parser.read_string("[search]\nbatch_size = [32]\nkernels = 8")
    found = search_of(parser["search"], "new")
    assert (found.options["kernels"], found.options["width"]) == (8, 3)
    assert search_of(found, "dense") is found
    with pytest.raises(InputError, match=r"^[^\n]*\[search\] neurons: missing"):
        search_of(parser["search"], "dense")
    del parser["search"]["kernels"]
    with pytest.raises(InputError, match=r"^[^\n]*\[search\] kernels: missing[^\n]*$"):
        search_of(parser["search"], "new")


def test_another_head_makes_no_file_an_error(file, add):
    add(HEADS, "new", Head("new", lambda x, y: x, 1.0, 0.5))
    assert list(read_settings(file).searches) == ["ED", "SAM"]
    found = read_settings(file, ["settings.distance=new", "settings.training=False"])
    assert (found.distance, found.detector_name) == ("new", "new")
    with pytest.raises(InputError, match=r"section \[hyperas settings new\] is missing"):
        read_settings(file, ["settings.distance=new"])
    with pytest.raises(InputError, match=r"\[settings\] distance: found 'x'; expected COS, ED, SAM or new$"):
        read_settings(file, ["settings.distance=x"])
    # It has its section, of the keys of a search.
    more = CONFIGURATION.partition("[hyperas settings SAM]")[2]
    file.write_text(f"{CONFIGURATION}\n[hyperas settings new]{more}", encoding="utf-8")
    assert list(read_settings(file, ["settings.distance=new"]).searches) == ["ED", "SAM", "new"]
