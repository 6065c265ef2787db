"""Hyperas, contained: it turns a template function into an objective and a search space.

Hyperas 0.4.1 imports a name that Keras 3 no longer has and what reads notebooks, appends to `sys.path`, passes an
outdated random state to Hyperopt, and writes `temp_model.py` into the current folder to import it by name. Here only
its translation of the template is used; the result is executed in memory and handed to Hyperopt by the engine.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Callable, Container, Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from hscd.system.errors import InputError

Objective = Callable[[dict[str, Any]], dict[str, Any]]
_OF_NOTEBOOKS = ("nbformat", "nbconvert")
_CHOICE = re.compile(r"(\w+)( = )\{\{[^}]+\}\}")


def objective_and_space(
    template: Callable, names: Mapping[str, Any], wanted: Container[str] | None = None
) -> tuple[Objective, dict[str, Any]]:
    """Translate a Hyperas template.

    Args:
        template: function whose body assigns `parameter = {{distribution(…)}}` and returns a Hyperopt result.
        names: what the body and the distributions may refer to beyond the template's own module and Hyperopt's `hp` and
            `STATUS_OK`, among them the template's arguments. Hyperas would have them returned by a function without
            arguments.
        wanted: the parameters to choose; the others are None in the body. None for all.

    Returns:
        The objective, from one choice of parameters to a Hyperopt result, and the space of choices.
    """
    from hyperopt import STATUS_OK, hp

    hyperas = _import_hyperas()
    source = hyperas.remove_imports(inspect.getsource(template))
    if wanted is not None:
        source = _CHOICE.sub(lambda found: found[0] if found[1] in wanted else f"{found[1]}{found[2]}None", source)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of `re`, which Hyperas calls as Python 3.13 no longer likes
        parameters = hyperas.hyperparameter_names(source)
        space = hyperas.get_hyperopt_space(parameters, hyperas.get_hyperparameters(source), verbose=False)
        model = hyperas.hyperopt_keras_model(source, parameters, hyperas.augmented_names(parameters), verbose=False)
    namespace = {**template.__globals__, **names, "hp": hp, "STATUS_OK": STATUS_OK}
    exec(compile(model + "\n" + space, f"<hyperas template {template.__name__}>", "exec"), namespace)
    return namespace["keras_fmin_fnct"], namespace["get_space"]()


def _import_hyperas() -> ModuleType:
    """Import hyperas.optim as if Keras still read YAML, and leave Keras, the modules and their path as they were.

    What Hyperas reads notebooks with, of which nothing is used here, need not be installed.

    Raises:
        InputError: if Hyperas is not installed.
    """
    from hscd.system.backend import keras

    path = list(sys.path)
    absent = {name: _stand_in(name) for name in _OF_NOTEBOOKS if find_spec(name) is None}
    sys.modules.update(absent)
    stand_in = not hasattr(keras.models, "model_from_yaml")
    if stand_in:
        keras.models.model_from_yaml = None
    try:
        import hyperas.optim
    except ModuleNotFoundError as error:
        raise InputError("a search for a model needs Hyperas, which requirements.txt names") from error
    finally:
        sys.path[:] = path
        for name in absent:
            del sys.modules[name]
        if stand_in:
            del keras.models.model_from_yaml
    return hyperas.optim


def _stand_in(name: str) -> ModuleType:
    """An empty module of that name, but for what Hyperas takes from it."""
    module = ModuleType(name)
    if name == "nbconvert":
        module.PythonExporter = None  # type: ignore[attr-defined]
    return module
