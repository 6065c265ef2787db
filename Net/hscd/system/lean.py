"""A quicker import of Keras in processes that are the program's own."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Keras and TensorFlow import these in case somebody hands them tables, wants scikit-learn's interface, galleries of
# images or models of JAX converted: a third of the time of their import, and nothing of it is used here.
_UNUSED = ("sklearn", "pandas", "matplotlib", "jax")
_own = False


def start_lean() -> None:
    """Have Keras, when it is imported in this process, do without packages that the program never hands to it.

    For processes in which no other code uses Keras: the scripts' and those that they start. Who imports the library
    gets all of Keras.
    """
    global _own
    _own = True


@contextmanager
def lean_import() -> Iterator[None]:
    """Around the import of Keras: in a process of the program, what it has no use for seems not to be installed.

    Packages that are imported already are there for Keras, too, and afterwards whoever needs one imports it. What the
    import leaves stays until the process ends, so Python's garbage collector need not look through it: neither
    meanwhile nor later, when each trial of a search has Keras call it.
    """
    if not _own:
        yield
        return
    hidden = [name for name in _UNUSED if name not in sys.modules and name != os.environ.get("KERAS_BACKEND")]
    stop: Any = None  # in the place of a module, it makes the import fail
    sys.modules.update(dict.fromkeys(hidden, stop))
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
        gc.freeze()
        if collecting:
            gc.enable()
