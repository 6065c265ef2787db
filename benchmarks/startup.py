"""How long the program takes to say anything: its help, and what is wrong with a configuration."""

from __future__ import annotations

import subprocess
import sys

import measure


def main() -> None:
    for work, arguments in (("--help", ["--help"]), ("configuration error", ["--set", "settings.distance=XY"])):
        command = [sys.executable, str(measure.NET / "main.py"), *arguments]
        took = measure.seconds(lambda command=command: subprocess.run(command, capture_output=True, check=False), 5)
        measure.row(f"main.py, {work}", "", f"{took:.2f} s")
