"""net.conf read into checked settings.

The keys of data sets (`data_set`), of [settings] and of searches (`records`) stand beside the fields that they fill;
the options of methods, and the methods to choose from, come from the registries of the library (`families`). Nothing
else lists keys: messages, `--help`, the tables of docs/keys.md and the comments of net.conf (`tables`) are made of
them.
"""

from __future__ import annotations

from settings.data_set import DataSet
from settings.reader import data_set_of, read_settings, search_of, settings_of
from settings.records import Settings
from settings.search import SearchSettings

__all__ = ["DataSet", "SearchSettings", "Settings", "data_set_of", "read_settings", "search_of", "settings_of"]
