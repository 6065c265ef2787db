"""What holds for every key of net.conf, whoever declares it."""

import pytest

from settings.families import FAMILIES, NETWORKS
from settings.keys import KINDS

KEYS = [(kind, key) for kind, keys in KINDS.items() for key in keys()]
OPTIONS = [
    (f"{family.key} {member} {option.name}", option)
    for family in (*FAMILIES, NETWORKS)
    for member in family.registry
    for option in family.registry.options(member)
]


@pytest.mark.parametrize(("kind", "key"), KEYS, ids=[f"{kind} {key.name}" for kind, key in KEYS])
def test_a_key_says_what_it_is_for_and_what_it_allows(kind, key):
    for text in (key.help, key.allowed):
        assert text
        assert "\n" not in text
        assert "|" not in text, "it would end the cell of a table"
    if key.default not in (..., None):
        assert key.parse(str(key.default)) == key.default


def test_options_of_one_name_are_one_option():
    found = {}
    for where, option in OPTIONS:
        known = found.setdefault(option.name, (where, option))
        assert known[1] == option, f"{where} and {known[0]} differ"
    # Keys are not case-sensitive.
    for kind, keys in KINDS.items():
        names = [key.name.lower() for key in keys()]
        assert len(set(names)) == len(names), kind
