"""Imports point one way, and what is slow to import waits until it is needed."""

import ast
import os
import subprocess
import sys

import pytest

from conftest import PROJECT, run_apart

NET = PROJECT / "Net"
LIBRARY = sorted((NET / "hscd").rglob("*.py"))
# The scripts and stages, and what they share: every module and package beside the library.
OUTSIDE = {path.stem for path in NET.glob("*.py")} | {path.parent.name for path in NET.glob("*/__init__.py")} - {"hscd"}
SETTINGS = sorted((NET / "settings").glob("*.py"))


def imported_modules(path):
    """Full names of all modules that a file imports anywhere, in functions too. Relative imports are resolved."""
    package = path.relative_to(NET).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def test_the_files_looked_at_are_those_of_the_library():
    names = {path.relative_to(NET).as_posix() for path in LIBRARY}
    assert {
        "hscd/heads/euclidean.py",
        "hscd/readers/tif.py",
        "hscd/reports/maps.py",
        "hscd/search/engines/local.py",
    } <= names
    stages = {"config", "commandline", "main", "siamese", "image_pairs", "dataprocessing", "predutils"}
    assert stages | {"labelbyperc_generation", "labelbyneigh_generation", "settings", "pipeline"} <= OUTSIDE


def test_imports_in_all_forms_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "NET", tmp_path)
    (tmp_path / "hscd" / "sub").mkdir(parents=True)
    file = tmp_path / "hscd" / "sub" / "a.py"
    file.write_text(
        "import config, os.path as p\nfrom siamese import build_net\n"
        "def f():\n    import main\n    from . import b\n    from .. import c\n    from ..d import e\n",
        encoding="utf-8",
    )
    expected = {"config", "os.path", "siamese", "siamese.build_net", "main"}
    relative = {"hscd.sub", "hscd.sub.b", "hscd", "hscd.c", "hscd.d", "hscd.d.e"}
    assert imported_modules(file) == expected | relative


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(NET).as_posix())
def test_library_imports_no_script_and_no_stage(path):
    roots = {name.split(".")[0] for name in imported_modules(path)}
    assert roots & OUTSIDE == set()


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.name)
def test_settings_import_the_constants_and_the_library_alone(path):
    roots = {name.split(".")[0] for name in imported_modules(path)}
    assert roots & OUTSIDE <= {"config", "settings"}


# What other folders are made with comes from `system`, and knows none of them.
SYSTEM = [path for path in LIBRARY if "system" in path.relative_to(NET).parts]


@pytest.mark.parametrize("path", SYSTEM, ids=lambda path: path.relative_to(NET).as_posix())
def test_system_imports_nothing_above_it(path):
    library = {name for name in imported_modules(path) if name.split(".")[0] == "hscd"}
    assert {name for name in library if not f"{name}.".startswith("hscd.system.")} <= {"hscd"}


def test_constants_import_the_library_alone():
    roots = {name.split(".")[0] for name in imported_modules(NET / "config.py")}
    assert roots & OUTSIDE == set()


# --help and a configuration error must answer in well under a second.
SLOW = ("tensorflow", "keras", "matplotlib", "skimage", "scipy.io", "hyperas", "hyperopt", "sklearn")
QUICK = (
    "config", "settings", "settings.tables", "image_pairs", "dataprocessing", "main", "predutils",
    "labelbyperc_generation", "labelbyneigh_generation", "inspect_data", "detect", "compare", "sample", "console",
    "report",
)  # fmt: skip
IMPORT_ALL = f"""
import importlib, sys
for module in {QUICK!r}:
    importlib.import_module(module)
    print(module, *[name for name in {SLOW!r} if name in sys.modules])
"""


# The configuration asks these families for their members and options.
IMPORT_MEMBERS = f"""
import sys
from hscd.normalisation import NORMALISATIONS
from hscd.readers.formats import READERS
from settings.families import FAMILIES, NETWORKS
registries = [NORMALISATIONS, READERS, NETWORKS.registry, *[family.registry for family in FAMILIES]]
print(min(len(registry) for registry in registries) > 0, *[name for name in {SLOW!r} if name in sys.modules])
"""


def test_the_library_itself_imports_nothing_at_all():
    done = run_apart(
        "import hscd, sys; print('numpy' in sys.modules, [name for name in sys.modules if 'hscd.' in name])"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False []\n", "")


def test_members_of_families_import_nothing_slow():
    done = run_apart(IMPORT_MEMBERS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_scripts_and_light_stages_import_nothing_slow():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(NET)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    # One line a module, with the slow modules that are there after its import.
    assert done.stdout.splitlines() == list(QUICK)
