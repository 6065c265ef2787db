"""The command `hscd`, also as `python -m hscd`: starts the program that uses this library, `console.py`.

In a checkout it lies in Net/, beside the library; an installation has it in a folder of its own below the library, as
the names of its modules belong to nobody. Only the process of the command has that folder on its path.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

_LIBRARY = Path(__file__).resolve().parent


def main() -> None:
    """Run the program, which ends with its exit status."""
    installed = _LIBRARY / "_program"
    program = installed if installed.is_dir() else _LIBRARY.parent
    sys.path.insert(0, str(program))
    runpy.run_path(str(program / "console.py"), run_name="__main__")


if __name__ == "__main__":
    main()
