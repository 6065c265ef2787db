"""In processes of the program Keras is imported without what nobody hands to it; elsewhere it is imported whole."""

import commandline
from conftest import run_apart
from hscd.system import lean

PACKAGES = ("sklearn", "pandas", "matplotlib", "jax", "h5py")
# It stands for the real one, whose import takes seconds.
KERAS = f"""
import gc, importlib

def there(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True

found = [name for name in {PACKAGES!r} if there(name)]
collecting = gc.isenabled()

class backend:
    backend = staticmethod(lambda: "none")
"""
SCRIPT = """
import gc, sys
sys.path.insert(0, sys.argv[1])
from hscd.system import lean
{before}
from hscd.system.backend import keras
import pandas, sklearn
print(*keras.found, keras.collecting, gc.isenabled(), gc.get_freeze_count() > 0)
"""


def imported(folder, before, **environment):
    """What a stand-in for Keras could import, and whether garbage is collected meanwhile, afterwards and all of it."""
    (folder / "keras.py").write_text(KERAS)
    for name in PACKAGES:
        (folder / f"{name}.py").touch()
    done = run_apart(SCRIPT.format(before=before), folder, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_of_the_program_imports_keras_without_what_it_has_no_use_for(tmp_path):
    assert imported(tmp_path, "lean.start_lean()") == "h5py False True True\n"


def test_who_imports_the_library_gets_all_of_keras(tmp_path):
    assert imported(tmp_path, "") == "sklearn pandas matplotlib jax h5py True True False\n"


def test_what_is_imported_already_and_the_backend_are_not_hidden(tmp_path):
    before = "import pandas; gc.disable(); lean.start_lean()"
    assert imported(tmp_path, before, KERAS_BACKEND="jax") == "pandas jax h5py False False True\n"


def test_scripts_start_lean(monkeypatch):
    monkeypatch.setattr(lean, "_own", False)
    seen = []
    assert commandline.guarded(lambda: seen.append(lean._own)) == 0
    assert seen == [True]
