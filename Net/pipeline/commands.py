"""The commands of the program, and how a message suggests one: so that it works when it is pasted where the user is."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import config
from hscd.system import messages, naming
from hscd.system.errors import counted
from settings import Settings
from settings.explaining import ExplainSettings
from settings.families import names, options_after
from settings.keys import fields_of
from settings.learning import LearningSettings
from settings.records import SETTINGS_ALIAS, SETTINGS_SECTION
from settings.search import search_section
from settings.two_images import IMAGES
from settings.used_settings import keys_without_part

# Whether the shell quotes as Windows does.
_WINDOWS = os.name == "nt"
# What detect.py calls that which a data set and its results are called otherwise.
_ARGUMENTS = {
    "imgAPath": "BEFORE", "imgBPath": "AFTER", "labelPath": "--labels", "stat_path": "--out", "model_path": "--out",
    "pseudoPath": "--out",
}  # fmt: skip


class Command(NamedTuple):
    """A script, what it does, and what it is run with in place of what net.conf says."""

    script: str
    does: str
    overrides: tuple[str, ...] = ()


# So that the search of a distance is not asked for where nothing is trained.
_UNTRAINED = ("settings.training=False",)
COMMANDS = {
    "detect": Command("detect", "map what changed between two images"),
    "compare": Command("compare", "rank methods on data sets or on two images"),
    "sample": Command("sample", "draw points of a map to label; accuracy and area of change from them"),
    "inspect": Command("inspect_data", "show what every data set of net.conf holds, or two images"),
    "train": Command("main", "search for a model on train_set and train it", ("settings.training=True",)),
    "test": Command("main", "map test_set with a trained model, fine-tuned or not", _UNTRAINED),
    "pseudo-labels": Command("predutils", "make pseudo-labels of train_set", _UNTRAINED),
    "by-percentage": Command(
        "labelbyperc_generation", "map the best 10 %, 20 % … 90 % of the pseudo-labels", _UNTRAINED
    ),
    "by-neighborhood": Command("labelbyneigh_generation", "map pseudo-labels whose neighbours agree", _UNTRAINED),
    "report": Command("report", "write the pages of all runs anew from their files, or serve them"),
    "demo": Command("run_demo", "run everything on the demo data"),
}


def suggested(
    name: str, *words: str | Path, settings: Settings | None = None, sets: tuple[str, ...] = (), anywhere: bool = False
) -> str:
    """A command for the user to paste: of `hscd` where that is installed, else of the script.

    Args:
        name: one of `COMMANDS`.
        *words: its arguments; paths below the current folder are shortened, but not that of results where the command
            works elsewhere, too: it would write them there.
        settings: those of the run, of a configuration file, which the command shall go by too; None for a command that
            reads none.
        sets: `SECTION.KEY=VALUE` texts in place of what these settings say.
        anywhere: whether it shall work in every folder, as on a page that is read later.
    """
    command = COMMANDS[name]
    script = config.NET_PATH / f"{command.script}.py"
    line = [*_installed(anywhere), name] if config.INSTALLED else [_python(anywhere), script]
    line += words
    if settings is not None:
        if settings.file.resolve() != config.DATA_CONFIG_PATH.resolve():
            line += ["--config", settings.file]
        sets = _overrides(command, settings, sets)
    line += [word for text in sets for word in ("--set", text)]
    of_results = [False, *(word == "--out" for word in line[:-1])]
    others = [shown(word) for word, out in zip(line, of_results, strict=True) if isinstance(word, Path) and not out]
    works_elsewhere = anywhere or all(Path(path).is_absolute() for path in others)
    pairs = zip(line, of_results, strict=True)
    return quoted([shown(word, works_elsewhere if out else anywhere) for word, out in pairs])


def named(name: str, *words: str | Path) -> str:
    """A command by names alone, for a page that is sent to others: paths would tell them of this machine."""
    start = ["hscd", name] if config.INSTALLED else ["python", f"{config.NET_PATH.name}/{COMMANDS[name].script}.py"]
    return quoted([*start, *(word if isinstance(word, str) else word.name for word in words)])


def _overrides(command: Command, settings: Settings, sets: tuple[str, ...]) -> tuple[str, ...]:
    """What a command has to be told with --set so that it goes by settings and by `sets`."""
    given = {key_of(text): text for text in (*settings.overrides, *sets)}
    for text in command.overrides:
        # What `hscd` forces itself is left to it. Of two commands that share a script, that has to be told which.
        if config.INSTALLED:
            given.pop(key_of(text), None)
        elif command.script == COMMANDS["train"].script and not _holds(settings, text):
            given[key_of(text)] = text
    return tuple(text for key, text in given.items() if _reads(command, key))


def _reads(command: Command, key: str) -> bool:
    """Whether a key, as `key_of` has it, has a part in what a command does: a search has one in a training alone."""
    if key.startswith(search_section("")):
        return command is COMMANDS["train"]
    unread = {COMMANDS["pseudo-labels"]: _of_models(), COMMANDS["test"]: {f"{SETTINGS_SECTION}.train_set"}}
    return key not in unread.get(command, ())


def _of_models() -> set[str]:
    """The keys, as `key_of` has them, that say how a model is trained, tested or explained: pseudo-labels need none.

    A model's name is for the command that is suggested next, and `training` spares a search section.
    """
    records = [option.name for record in (ExplainSettings, LearningSettings) for option in fields_of(record).values()]
    options = [name for key in ("fine_tuning", "loss", "pretraining") for name in names(options_after(key))]
    known = [*keys_without_part("pseudo-labels") - {"training"}, *options, *records]
    return {f"{SETTINGS_SECTION}.{name}".lower() for name in known}


def tell_next(what: str, command: str) -> None:
    """Tell a command that a user may want to run next, at the end of a line, and what it is good for."""
    messages.tell(f"next, {what}: {command}")


def tell_maps(name: str, maps: Sequence[Path]) -> None:
    """Tell which maps of a pair were drawn: the first and the last of them."""
    ends = dict.fromkeys((maps[0], maps[-1]))
    messages.tell(f"{name}: {counted(len(maps), 'map')}, {' to '.join(map(shown, ends))}")


def quoted(words: Sequence[str]) -> str:
    """The words of a command as the user's shell takes them."""
    return subprocess.list2cmdline(words) if _WINDOWS else shlex.join(words)


def key_of(text: str) -> str:
    """The key that a `SECTION.KEY=VALUE` text names, as `SECTION.KEY` in small letters."""
    section, dot, key = text.partition("=")[0].strip().lower().rpartition(".")
    return f"{SETTINGS_SECTION if section == SETTINGS_ALIAS else section}{dot}{key}"


def _holds(settings: Settings, text: str) -> bool:
    """Whether settings say what an override of a command does."""
    key, _, value = text.partition("=")
    return str(getattr(settings, key.rpartition(".")[2])) == value


def shown(word: str | Path, anywhere: bool = False) -> str:
    """A path as messages show it: from the current folder if it is in it; if it is for `anywhere`, from the root."""
    if isinstance(word, str):
        return word
    if anywhere:
        return str(word.absolute())
    here = Path.cwd()
    return str(word.relative_to(here) if word.is_relative_to(here) else word)


def _python(anywhere: bool) -> str | Path:
    """What starts the Python that runs: another one may lack the packages."""
    running = Path(sys.executable)
    found = shutil.which("python")
    # In the same folder, another version may lie; the same file may be linked from the folder of another environment.
    usual = found is not None and Path(found).parent.samefile(running.parent) and Path(found).samefile(running)
    return "python" if usual and not anywhere else running


def _installed(anywhere: bool) -> list[str | Path]:
    """What starts the program that runs, where it is installed: `hscd` may be that of another installation."""
    found = shutil.which("hscd")
    scripts = Path(sysconfig.get_path("scripts"))
    if found is None or not (scripts.is_dir() and Path(found).parent.samefile(scripts)):
        return [_python(anywhere), "-m", "hscd"]
    return [Path(found) if anywhere else "hscd"]


# --- messages of commands without a configuration file ---------------------------------------------------------------


@contextmanager
def told_by_options(settings: Settings | None = None) -> Iterator[None]:
    """Have messages of the block name arguments and options in place of keys of a configuration file.

    Args:
        settings: those of the block, where they may be of a configuration file: then its keys are named.
    """
    if settings is not None and IMAGES not in settings.data_sets:
        yield
        return
    with naming.named_by(naming.Naming(_argument, _option)):
        yield


def _argument(key: str) -> str:
    return _ARGUMENTS.get(key, key)


def _option(key: str, value: str) -> str:
    return f"--set {quoted([f'{key}={value}'])}"
