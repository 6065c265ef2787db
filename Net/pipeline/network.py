"""Stage: the network that a training searches for, as its keys come out; what is wrong with them is told before it."""

from __future__ import annotations

from dataclasses import replace

from hscd.branches import BRANCHES
from hscd.detectors import DETECTORS
from hscd.system.errors import InputError
from hscd.system.messages import tell, warn
from settings import Settings
from settings.records import SETTINGS_SECTION
from settings.search import search_section


def settled(settings: Settings) -> Settings:
    """The settings with the keys of the network that follow from others as they come out, which is told.

    Raises:
        InputError: if a key of the network stands where it is for detectors, or the branch refuses what is asked for.
    """
    _require_place(settings)
    name, branch, search = settings.network, BRANCHES[settings.network], settings.search(settings.distance)
    search = replace(search, options=search.options | branch.settled(search.options))
    described = branch.described(search.options, settings.learning.start_from)
    if described:
        tell(f"network = {name}: {described}")
    if branch.rescaled and not settings.apply_rescaling:
        warn(
            f"network = {name} is made for bands in [0, 1], and apply_rescaling = False leaves them as they are; "
            "expected apply_rescaling = True"
        )
    return replace(settings, searches={**settings.searches, settings.distance: search})


def _require_place(settings: Settings) -> None:
    """Raise `InputError` for a key that detectors share, where it is given for one that is not there."""
    section = search_section(settings.distance)
    search = settings.search(settings.distance)
    detectors = {option.name for name, _ in settings.members for option in DETECTORS.options(name)}
    for option in BRANCHES.options(settings.network):
        asked = settings.options.get(option.name, option.default)
        if option.name in detectors or asked in (option.default, search.options[option.name]):
            continue
        having = " or ".join(name for name in DETECTORS if option in DETECTORS.options(name))
        raise InputError(
            f"{settings.file}: [{SETTINGS_SECTION}] {option.name}: is for detector = {having}, which is not chosen; "
            f"that of network = {settings.network} stands in [{section}]"
        )
