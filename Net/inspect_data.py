"""Script: what the configured data sets hold, or two images, in numbers and pictures, before they are used."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from commandline import add_configuration, carry_out, epilog, guarded, parse
from hscd.heads import HEADS
from hscd.labels import UNKNOWN
from hscd.learn.examples import examples
from hscd.losses.triplet import NEGATIVES
from hscd.readers import name_of
from hscd.reports import examples as example_pictures
from hscd.reports import quicklook
from hscd.reports.furniture import aspect_of
from hscd.scenes import band_choice
from hscd.scenes.image import Image
from hscd.scenes.inspection import PairSummary, named, names_of, picture_bands, summarise
from hscd.scenes.nodata import listed, valid_pixels
from hscd.scenes.pairing import opened_image
from hscd.scenes.scene import thinned, windows_of
from hscd.system import naming
from hscd.system.errors import InputError, counted, listing
from hscd.system.messages import result, warn, whole
from hscd.system.paths import require_names
from image_pairs import label_map, memory_limit, nothing_left, open_pair, reading_of, relabel
from pair_finding import PairFiles, is_there, pair_files
from pipeline.commands import shown, suggested, tell_next, told_by_options
from settings import DataSet, Settings, read_settings
from settings.keys import LABEL_KEYS
from settings.two_images import IMAGES, settings_for, unused, values_to_name

# Seconds that a data set takes, as long as none has said anything else.
_EXPECTED = 2
# What is said where something is wrong; what that is comes at the end.
_UNUSABLE = "cannot be used, as the error at the end says"


def inspect(settings: Settings) -> None:
    """Print what every data set holds, and draw a quick look at each of its pairs.

    Raises:
        InputError: at the end, with one line for every pair or data set that cannot be used.
    """
    errors: list[str] = []
    both: set[str] = set()  # data sets whose labels tell both classes
    with whole(**dict.fromkeys(settings.data_sets, _EXPECTED)) as run_of_all:
        for section in settings.data_sets.values():
            run_of_all.begin(section.name)
            wrong, labels = _inspect(section, settings)
            errors += wrong
            both |= {section.name} if labels["changed"] and labels["unchanged"] else set()
    if errors:
        missing = [section.name for section in settings.data_sets.values() if not (_is_used(section, settings))]
        if missing:
            result(f"not found: {', '.join(missing)}")
        raise InputError("\n".join(errors))
    _tell_next(settings, both)


def _tell_next(settings: Settings, both: Collection[str]) -> None:
    """Tell what a data set is good for once it looks right; nothing where its labels are not among those of `both`."""
    name, section = settings.train_set, settings[settings.train_set]
    if name == IMAGES:
        if section.label_path is not None and name not in both:
            return  # what the values mean is wrong, which the command would repeat
        labels = () if section.label_path is None else ("--labels", section.label_path)
        images = [path for path in (section.img_a_path, section.img_b_path) if path is not None]
        sets = tuple(text for text in settings.overrides if text not in unused(settings))
        tell_next("to map what changed", suggested("detect", *images, *labels, sets=sets))
        return
    if not is_there(settings[name]):
        return
    if settings.training and any(files.has_labels for files in pair_files(settings[name])):
        if name in both:
            tell_next(f"to train a model on {name}", suggested("train", settings=settings))
    else:
        tell_next(f"to make pseudo-labels of {name}", suggested("pseudo-labels", settings=settings))


def _inspect(section: DataSet, settings: Settings) -> tuple[list[str], Counter[str]]:
    """Print and draw the pairs of a data set; what is wrong with it, said below its heading too, and its labels."""
    name, errors, labels = section.name, list[str](), Counter[str]()
    try:
        if not _is_used(section, settings):
            result(f"[{name}] not found: {section.img_a_path or f'any image of {section.pairs}'}")
            return [], labels
        pairs = pair_files(section)
    except InputError as error:
        result(f"[{name}] {_UNUSABLE}")
        return [str(error)], labels
    if name != IMAGES:
        result(f"[{name}] {counted(len(pairs), 'pair')} in {_place(section)}")
    for files in pairs:
        try:
            require_names([_picture(settings, section, files, what) for what in ("quicklook", "examples")])
            lines, held = _pair_lines(files, section, settings)
            labels.update(held)
            result("\n".join(lines))
        except InputError as error:
            result(f"  {files.name}: {_UNUSABLE}")
            errors.append(str(error))
    return errors, labels


def _is_used(section: DataSet, settings: Settings) -> bool:
    """Whether a data set is to be looked at: anything of it is there, or the settings work on it."""
    return is_there(section) or section.name in (settings.train_set, settings.test_set)


def _pair_lines(files: PairFiles, section: DataSet, settings: Settings) -> tuple[list[str], dict[str, int]]:
    """What a pair holds, in words, and pixels by label; its picture is drawn on the way."""
    images = open_pair(files, section, settings)
    unnamed = values_to_name(section)
    if unnamed and files.label is not None:
        unnamed, files = f"{files.label.name} {unnamed}", files._replace(label=None)
    # A third of the memory for the images, as numbers about them take as much again.
    step = math.ceil(math.sqrt(3 * sum(image.nbytes for image in images) / memory_limit(settings)))
    before, after = (thinned(image, windows_of(*images), step) for image in images)
    valid = valid_pixels([before, after], [None, None])
    if valid is not None and not valid.any():
        raise InputError(nothing_left(files, section, settings))
    raw = label_map(files, images[0], section, settings)
    labels = relabel(raw, section)
    truth = labels[::step, ::step].copy()
    if valid is not None:
        truth[~valid] = UNKNOWN
        if step == 1:
            labels = truth
    picture = _picture(settings, section, files, "quicklook")
    grid, bands = images[0].grid, picture_bands(images[0])
    aspect = 1.0 if grid is None else aspect_of(picture, grid, labels.shape)
    colours = quicklook.stretched((before[:, :, bands], after[:, :, bands]), valid)
    quicklook.write(picture, colours, names_of(images[0], bands), truth, aspect)
    numbers = images[0].band_numbers
    found = summarise((before, after), valid, labels, has_labels=files.has_labels, numbers=numbers)
    example = _draw_examples(files, section, settings, images[0], (before, after), truth, found.filled_bands)
    sampled = [] if step == 1 else [f"    images larger than memory: every {step} rows and columns looked at"]
    drawn = [picture, *([] if example is None else [example])]
    pictures = [f"    pictures: {', '.join(map(shown, drawn))}"]
    absent = _absent(raw, section) if files.label is not None else []
    lines = _lines(files, images, found, unnamed) + absent + sampled + _declared(files, section, settings) + pictures
    return lines, found.labels


def _draw_examples(
    files: PairFiles,
    section: DataSet,
    settings: Settings,
    image: Image,
    pixels: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray,
    filled: np.ndarray,
) -> Path | None:
    """Draw some labelled pairs of pixels and triplets of them, in a file; None where there are no labels.

    Bands that are `filled` with what is hardly a measurement are gaps, or nothing else would be seen of the spectra.
    """
    picture, title = _picture(settings, section, files, "examples"), f"{section.name}, {files.name}"
    if (labels == UNKNOWN).all():
        return None
    negatives = settings.options[NEGATIVES.name]
    found = examples(
        pixels, labels, HEADS[settings.distance], count=example_pictures.COUNT, rescaled=settings.apply_rescaling,
        negatives=negatives, seed=settings.seed,
    )  # fmt: skip
    example_pictures.write(picture, found.with_gaps(filled), image.band_numbers, image.wavelengths, negatives, title)
    return picture


def _picture(settings: Settings, section: DataSet, files: PairFiles, what: str) -> Path:
    prefix = "" if section.name == IMAGES else f"{section.name}_"
    return settings.stat_path / f"{prefix}{files.name}_{what}.png"


def _lines(files: PairFiles, images: tuple[Image, Image], found: PairSummary, unnamed: str) -> list[str]:
    """The numbers of a pair in words; `unnamed` tells of labels whose meaning is not known, "" where it is."""
    rows, columns, bands = images[0].shape
    lines = [f"  {files.name}: {rows} × {columns} pixels, {counted(bands, 'band')}"]
    for name, image, kind, (low, high) in zip(("before", "after"), images, found.types, found.ranges, strict=True):
        lines.append(f"    {name}: {named(image)}, {image.format}, {kind}, {low:g} … {high:g}")
    wavelengths = images[0].wavelengths
    if wavelengths is not None:
        lines.append(f"    wavelengths: {np.nanmin(wavelengths):g} … {np.nanmax(wavelengths):g} nm")
    if images[0].grid is not None:
        lines.append(f"    grid: {_grid(images[0])}")
    if found.masked:
        lines.append(f"    masked: {found.masked:,} pixels ({100 * found.masked / found.pixels:.1f} %)")
    shares = {name: 100 * count / (rows * columns) for name, count in found.labels.items()}
    counts = ", ".join(f"{name} {count:,} ({shares[name]:.1f} %)" for name, count in found.labels.items())
    source = files.label or files.changed_mask
    without = unnamed or f"none, no {naming.named('labelPath')}"
    lines.append(f"    labels: {f'{counts}; {source.name}' if source else without}")
    return lines + [f"    look at: {problem}" for problem in found.problems]


def _absent(labels: np.ndarray, section: DataSet) -> list[str]:
    """Values that stand for changed or unchanged, and that no pixel of a label map has."""
    held = np.unique(np.ma.compressed(labels)).tolist()
    given = zip(LABEL_KEYS, (section.changed_label, section.unchanged_label), strict=False)
    absent = [f"{key} = {value:.15g}" for key, values in given for value in values or () if value not in held]
    held_values = listing(held, "{:.15g}".format)
    return [f"    look at: no pixel has {listing(absent)}; the label map holds {held_values}"] if absent else []


def _place(section: DataSet) -> Path:
    return section.img_a_path.parent if section.img_a_path is not None else section.pairs or Path()


def _grid(image: Image) -> str:
    from rasterio.crs import CRS

    assert image.grid is not None
    a, b, x, d, e, y = image.grid.transform
    system, corner = "unknown coordinate system", f"x = {x:.10g}, y = {y:.10g}"
    if image.grid.crs:
        crs = CRS.from_wkt(image.grid.crs)
        authority = crs.to_authority()
        system = ":".join(authority) if authority else str(crs.to_dict().get("proj", "a coordinate system of its own"))
        if crs.is_geographic:
            corner = f"longitude {round(x, 6):.10g}, latitude {round(y, 6):.10g}"  # to a tenth of a metre
        system += f" ({'degrees' if crs.is_geographic else crs.linear_units})"
    return f"{system}, pixels of {math.hypot(a, d):g} × {math.hypot(b, e):g}, upper left corner at {corner}"


def _declared(files: PairFiles, section: DataSet, settings: Settings) -> list[str]:
    """What the files say of nodata, scale and bad bands, what their wavelengths do, and what is done with it."""
    lines, by_wavelengths = [], dict[str, list[str]]()
    given = zip(("before", "after"), (files.before, files.after), section.variables, strict=False)
    for name, path, variable in given:
        image = opened_image(path, variable, reading_of(section), memory_limit(settings))
        parts = []
        values = sorted({value for value in image.nodata if value is not None})
        if values:
            parts.append(f"nodata {', '.join(f'{value:g}' for value in values)}{_unless(section.nodata)}")
        if image.mask is not None:
            parts.append("which pixels hold data, by a mask")
        if image.scale is not None:
            scale = f"{image.scale[0]:g}" if np.ptp(image.scale) == 0 else "by band"
            parts.append(f"scale {scale}{_unless(section.scale)}")
        for word, where in (
            (band_choice.FILE, "on the file's list of bad bands"),
            (band_choice.WATER, "in water vapour"),
        ):
            bad, of = _bands_of(word, image, section)
            if bad:
                dropped = section.bad_bands is not None and word in section.bad_bands
                what = "dropped" if dropped else f"bad_bands = {word} drops them"
                told = f"{len(bad)} of {of} bands {where} ({listed(bad)}; {what})"
                if word == band_choice.FILE:
                    parts.append(told)
                else:
                    by_wavelengths.setdefault(told, []).append(name)
        if parts:
            lines.append(f"    the {name} file says: {', '.join(parts)}")
    for told, names in by_wavelengths.items():
        of_files = "both files" if len(names) > 1 else f"the {names[0]} file"
        lines.append(f"    by the wavelengths of {of_files}: {told}")
    return lines


def _unless(configured: float | None) -> str:
    return "" if configured is None else f" (not used, {configured:g} is configured)"


def _bands_of(word: str, image: Image, section: DataSet) -> tuple[list[int], str]:
    """Numbers of the bands that a word of `bad_bands` means, and of how many; none where the image does not know.

    Of bands that are chosen by `bands`, where these are.
    """
    bands = section.bands
    try:
        kept = np.ones(image.shape[2], bool) if bands is None else band_choice.chosen(bands, image)
        bad = np.flatnonzero(band_choice.chosen((word,), image) & kept)
    except ValueError:
        return [], ""
    return [int(band) + 1 for band in bad], f"{np.count_nonzero(kept)}{' chosen' if bands is not None else ''}"


_KEPT = "pictures of finished pairs are kept; the same command draws all of them again"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Print what the configured data sets hold, or two images, and draw a quick look at each pair.",
        epilog=epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", type=Path, nargs="*", metavar="IMAGE", help="two images, BEFORE AFTER, to look at")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="label map of the two images, with --set changedLabel=VALUE and unchangedLabel=VALUE; without these its "
        "values are listed",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="pictures of two images (default: BEFORE_AFTER_inspection here)"
    )
    add_configuration(parser, "use VALUE instead of what the configuration file says, of two images KEY=VALUE")
    return parse(parser, arguments)


def _run(arguments: Sequence[str] | None) -> None:
    options = _parsed(arguments)
    if not options.images:
        if options.labels or options.out:
            raise InputError("--labels, --out: go with two images; net.conf has labelPath and stat_path")
        # Whether there is a search to train by makes no difference to data.
        carry_out(read_settings(options.config, options.overrides, trains=False), inspect)
        return
    if len(options.images) != 2:
        raise InputError(f"found {counted(len(options.images), 'image')}; expected two, BEFORE AFTER, or none")
    before, after = options.images
    for image in options.images:
        if not image.exists():
            raise InputError(f"{image}: no such file or folder")
    out = options.out or Path("_".join((*dict.fromkeys(map(name_of, options.images)), "inspection")))
    with told_by_options():
        settings = settings_for(before, after, options.labels, out, options.overrides, needs_values=False)
        for text in unused(settings).values():
            warn(text)
        carry_out(settings, inspect)


def main(arguments: Sequence[str] | None = None) -> int:
    return guarded(lambda: _run(arguments), _KEPT)


if __name__ == "__main__":
    raise SystemExit(main())
