"""What pyproject.toml cannot say: which packages there are, and where they lie.

The library is the package `hscd`. The scripts and stages of Net/ have names that belong to nobody, as `main` and
`config`; they are installed below it, in the folder `hscd/_program`, which only the command `hscd` puts on its path.
The spectra of the demo and the templates of pages go with the library.
"""

from setuptools import find_packages, setup

PROGRAM = "hscd._program"
SPECTRA = "hscd.demo.spectra"
LIBRARY = find_packages("Net", include=["hscd", "hscd.*"])
STAGES = find_packages("Net", exclude=["hscd", "hscd.*"])

setup(
    packages=[*LIBRARY, SPECTRA, PROGRAM, *(f"{PROGRAM}.{name}" for name in STAGES)],
    package_dir={"hscd": "Net/hscd", SPECTRA: "res/spectra", PROGRAM: "Net"},
    package_data={
        "hscd": ["py.typed"],
        "hscd.reports.page": ["templates/*"],
        SPECTRA: ["*"],
        PROGRAM: ["net.conf", "oscd.csv"],
    },
)
