"""Stage: which pairs a data set has, and where their images and labels lie."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from config import DATA_PATH
from hscd import readers
from hscd.scenes import pair_list
from hscd.system.errors import InputError, printable
from hscd.system.messages import tell
from hscd.system.naming import named, place
from hscd.system.paths import misplaced
from settings import DataSet, Settings

_MASKS = ("changedMask", "unchangedMask")


class PairFiles(NamedTuple):
    """A pair's name, and where its images and its labels lie.

    Without ground truth there is neither a label map nor are there two masks.
    """

    name: str
    before: Path
    after: Path
    label: Path | None
    changed_mask: Path | None = None
    unchanged_mask: Path | None = None

    @property
    def has_labels(self) -> bool:
        return self.label is not None or self.changed_mask is not None


def pair_files(section: DataSet) -> list[PairFiles]:
    """The pairs of a data set: those of its list, or images that have one name in the before, after and label folder.

    Folders give them sorted by file name; a name is a file name without the suffix of its format, and any that one of
    the folders lacks is an error. Without ground truth there is no label folder; two folders of masks can take its
    place. Where imgAPath, imgBPath and those of the labels name an image each, that is the pair.
    """
    if section.pairs is not None:
        return _listed_pairs(section, section.pairs)
    _make_demo(section)
    places = _places(section)
    for key, path in places.items():
        if not path.exists():
            raise InputError(f"{path}: no such file or folder ({place(section.name, key)})")
    single = [key for key, path in places.items() if _is_one_image(key, path)]
    if len(single) == len(places):
        return [_pair(readers.name_of(places["imgAPath"]), places)]
    _refuse_bands(section, places)
    if single:
        other = next(key for key in places if key not in single)
        raise InputError(
            f"{places[single[0]]}: an image ({place(section.name, single[0])}), but {named(other)} is a folder of "
            "images; name images or folders in all of them"
        )
    listings = {key: _listing(folder, key, section) for key, folder in places.items()}
    files = {name: path for listing in reversed(listings.values()) for name, path in listing.items()}
    if not files:
        raise InputError(f"{places['imgAPath']}: holds no image of a known format ({', '.join(readers.READERS)})")
    names = sorted(files, key=lambda name: files[name].name)
    for key, listing in listings.items():
        missing = [name for name in names if name not in listing]
        if missing:
            _refuse_missing(missing[0], files[missing[0]], places[key], place(section.name, key))
    return [_pair(name, {key: listing[name] for key, listing in listings.items()}) for name in names]


def is_there(section: DataSet) -> bool:
    """Whether anything of a data set is on the disk: its folder or file of before images, or one of its list.

    Raises:
        InputError: if the list cannot be read.
    """
    if section.pairs is not None:
        return any(row.before.exists() for row in pair_list.read(section.pairs, section.split))
    return section.img_a_path is not None and section.img_a_path.exists()


def require_apart(settings: Settings) -> None:
    """Refuse results among the images that lists of pairs name, as `read_settings` does for those it names itself."""
    for name, section in settings.data_sets.items():
        try:
            rows = pair_list.read(section.pairs, section.split) if section.pairs is not None else []
        except InputError:
            continue  # whoever needs the list says so
        images = [
            (f"[{name}] pairs, line {line} ({column})", path) for line, column, path in pair_list.named_paths(rows)
        ]
        for problem in misplaced(settings.results, images):  # the first will do: many rows share a folder
            raise InputError(f"{settings.file}: {problem}")


def _listed_pairs(section: DataSet, file: Path) -> list[PairFiles]:
    rows = pair_list.read(file, section.split)
    pair_list.require_files(file, rows)
    found = []
    for row in rows:
        if row.before == row.after and section.variables[0] == section.variables[1]:
            raise InputError(f"{file}, line {row.line}: before and after are the same image, {row.before}")
        if row.label is not None and section.changed_label is None:
            raise InputError(
                f"{file}, line {row.line}: names a label map, but [{section.name}] does not say what its values mean: "
                "changedLabel and unchangedLabel are missing"
            )
        found.append(PairFiles(row.name, row.before, row.after, row.label, row.changed_mask, row.unchanged_mask))
    return found


def _places(section: DataSet) -> dict[str, Path]:
    """Where images and labels lie, by the keys that say so."""
    places = {
        "imgAPath": section.img_a_path,
        "imgBPath": section.img_b_path,
        "labelPath": section.label_path,
        "changedMask": section.changed_mask,
        "unchangedMask": section.unchanged_mask,
    }
    return {key: path for key, path in places.items() if path is not None}


def _pair(name: str, paths: dict[str, Path]) -> PairFiles:
    changed, unchanged = (paths.get(key) for key in _MASKS)
    return PairFiles(name, paths["imgAPath"], paths["imgBPath"], paths.get("labelPath"), changed, unchanged)


def _is_one_image(key: str, path: Path) -> bool:
    if readers.names_one_image(path):
        return True
    return key in ("imgAPath", "imgBPath") and readers.is_folder_of_bands(path)


def _refuse_bands(section: DataSet, places: dict[str, Path]) -> None:
    """Raise where the bands of one image lie in a folder that has to be one of images."""
    others = [key for key, path in places.items() if not _is_one_image(key, path)]
    for key in sorted(places, key=lambda key: key not in others):
        folder = places[key]
        if readers.is_folder_of_bands(folder):
            advice = "name one image" if key in others else f"name one image in {named(others[0])} too"
            raise InputError(
                f"{folder}: holds the bands of one image ({place(section.name, key)}), not images; {advice}, or "
                "the folder above it"
            )


def _make_demo(section: DataSet) -> None:
    """Make the demo data set that a section points at, unless it is there already."""
    from hscd import demo

    for folder in demo.PLACES:
        here = section.img_a_path is not None and section.img_a_path.parent == DATA_PATH / folder
        # The label map is the last file that is written.
        if here and not any((DATA_PATH / folder / "label").glob("*.mat")):
            tell("making the demo data …")
            demo.write_demo(DATA_PATH)


def _listing(folder: Path, key: str, section: DataSet) -> dict[str, Path]:
    """The images of a folder by their names."""
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of images ({place(section.name, key)})")
    found: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        if readers.is_image(entry):
            name = readers.name_of(entry)
            try:
                name.encode()
            except UnicodeEncodeError:
                raise InputError(f"{printable(str(entry))}: its name is not UTF-8; rename it") from None
            if name in found:
                raise InputError(
                    f"{folder}: two pairs are named {name!r}, {found[name].name} and {entry.name}; results would "
                    "overwrite each other"
                )
            found[name] = entry
    return found


def _refuse_missing(name: str, there: Path, folder: Path, key: str) -> None:
    """Raise the error of a pair of which a folder lacks the file."""
    if (folder / there.name).is_file():  # a header without its pixels, as this says
        readers.open_image(folder / there.name)
    unread = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and entry.stem == name)
    if unread:
        raise InputError(
            f"{folder / printable(unread[0])}: of an unsupported format ({key}); known: {', '.join(readers.READERS)}"
        )
    raise InputError(
        f"{folder / there.name}: missing, but {there} exists; before, after and label of a pair have "
        f"the same name ({key})"
    )
