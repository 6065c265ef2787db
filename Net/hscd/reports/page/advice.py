"""What warnings mean, and what to do about them; found by words that a warning has."""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """What a warning means, and what to do about it."""

    means: str
    do: str


_UNKNOWN = Advice(
    "The program guessed, doubted or passed over something, as the line says.",
    "Check that this is what you meant. If it is not, say so in the configuration, or correct the file that it names.",
)
# The first entry counts whose words a warning has.
ADVICE = {
    "no better than chance": Advice(
        "Where the labels are known, the map is right no more often than a random map with the same shares.",
        "Look at the map beside the labels. If it looks like the inverse, changedLabel and unchangedLabel are "
        "exchanged; if it looks like noise, try another detector (compare.py ranks them).",
    ),
    "so kappa and F1 are undefined": Advice(
        "No pixel of the label map has the value that the settings name for one of the two classes.",
        "Compare the value with those that the line lists, and correct changedLabel or unchangedLabel. If none was "
        "labelled here, there is nothing to do.",
    ),
    "are called changed; more than": Advice(
        "Between two dates usually a small part of a place changes. A large share often means that light, season or "
        "sensor changed instead, or that the threshold is too low.",
        "Look at the heat map: if all of it is bright, set a normalisation (pif, histogram) or another threshold.",
    ),
    "differs between the dates by": Advice(
        "Scores are relative to what usually differs between the dates. Here that is next to nothing, so rounding, "
        "compression or noise stand out.",
        "Check that the files are of two dates. If they are, and changes as small as that matter, they are in the map.",
    ),
    "the borders of change are soft": Advice(
        "Scores rise slowly towards what counts as changed. Light, haze and thin cloud do so; most change has sharp "
        "borders.",
        "Look at the heat map beside both images. If it follows light, detector = SAM does not see that; if it follows "
        "haze, mask the hazy part.",
    ),
    "the spatial correction": Advice(
        "The neighbours of most changed pixels are unchanged: change is thin or scattered, or the map is noise.",
        "If the changes that go are real, such as roads, set correction = none; else keep the corrected map.",
    ),
    "no second mode": Advice(
        "The scores form one hill: no gap parts changed from unchanged pixels, and any threshold cuts through it.",
        "Little may have changed, or the detector does not see it. Try another detector, or the threshold "
        "empirical_null, which does not need two hills.",
    ),
    "the share of change depends on the threshold": Advice(
        "A slightly lower threshold would call far more pixels changed. The area of change is therefore uncertain.",
        "Do not report the area from this map alone; draw a sample with sample.py, which gives it with an interval.",
    ),
    "seem to be shifted": Advice(
        "Edges of one image lie beside those of the other. Each edge then looks like a change.",
        "Set register = True, which moves the after image, or co-register the two images yourself.",
    ),
    "of the squared distances": Advice(
        "One band decides nearly alone, for its values are much larger, or it is noisy.",
        "Set apply_rescaling = True, leave the band out (bands, bad_bands), or use the spectral angle (SAM).",
    ),
    "since the map was made of it": Advice(
        "A file of that name was written after the map. If it is another image, labels given on the page say nothing "
        "about the map.",
        "If it was only copied, pass over this. Otherwise name the images that the map was made of (--before and "
        "--after), or make the map anew.",
    ),
    "the images have little in common": Advice(
        "Where two images show the same place, most of what is bright in one is bright in the other. Here it is not. "
        "A map of two places says nothing.",
        "Look at both images by the swipe: is one of another place, another crop, flipped, rotated or under cloud? "
        "Then take another image or crop, or turn this one back. No detector or threshold mends it.",
    ),
    "the light changed from place to place": Advice(
        "Haze, the shadow of a cloud or a gradient made parts of one image brighter or darker. That was taken out, and "
        "with it what changed in the same way: large areas that got brighter or darker as a whole.",
        "Look for such areas by the swipe. If one of them really changed, compare with the map of a detector that does "
        "not correct this light (irmad, cva), which marks the haze, too.",
    ),
    "light or season": Advice(
        "Most bands differ between the dates all over the image, changed or not.",
        "Set a normalisation (pif, histogram), or a detector that allows for it (context_regression, irmad).",
    ),
    "spectra are far from those": Advice(
        "The model has not seen spectra like these, so its distances need not mean change here.",
        "Fine-tune it on pseudo-labels of this place (fine_tuning = 0, 1 or 2), or train on a place more like it.",
    ),
    "its accuracy here says nothing": Advice(
        "The figures are of pixels that the model learned from, and are too good.",
        "Judge it on another place, or keep a part of this one for testing (parts = 60, 10, 30).",
    ),
    "so the validation loss flatters": Advice(
        "The network sees patches, and pixels that are held out lie beside pixels that were learned from.",
        "Set validation = blocks, which holds out whole blocks that no patch reaches across.",
    ),
    "these pseudo-labels were made with": Advice(
        "The pseudo-labels that were used are by another detector, or other options of it, than the settings name.",
        "If it is the one that you meant, set detector as the line says; else make the pseudo-labels again.",
    ),
    "disagrees with what it was": Advice(
        "Fine-tuning made another map than the model did before. One of the two is wrong.",
        "Look at the map of the pseudo-labels: if that is better, trust the fine-tuned model.",
    ),
    "trained with the distance": Advice(
        "The model's own distance counts, not that of the configuration.", "Set distance to that of the model.",
    ),
    "trained with apply_rescaling": Advice(
        "The model learned from values of another range than it is given now.",
        "Set apply_rescaling as it was in training.",
    ),
    "this pair has no map": Advice(
        "The pair could not be mapped; the others could.", "The line says what is wrong with it.",
    ),
    "failed:": Advice(
        "This trial gave no model, and the search went on without it.",
        "A few are normal. If many fail, the learning rates or layers that are searched do not suit the data.",
    ),
    "rounds of fine-tuning": Advice(
        "The model called nearly all pixels the same, so there was nothing left to learn from.",
        "Use fewer rounds (ft_rounds), or better pseudo-labels.",
    ),
    "as well as plentiful change": Advice(
        "The scores can be read in two ways: few pixels changed much, or many changed a little. The map shows the one "
        "that the line names: the first if some pixels stand out, else the second.",
        "If you know which it is, say so: change_amount = rare or plentiful. Else compare this map with the other one, "
        "whose command detect.py tells at its end (after an ensemble, the commands of both).",
    ),
    "neither rare nor plentiful change": Advice(
        "The scores do not look like unchanged pixels with changed ones beside them, so Otsu's threshold was taken.",
        "Look at the histogram of the scores and the map; another detector or a normalisation may part them better.",
    ),
    "change is rare, or there is none": Advice(
        "Hardly a pixel stands out from the unchanged ones.",
        "Look at what is called changed: if it is noise, take the map for one of no change.",
    ),
    "no score is above the threshold": Advice(
        "No pixel is called changed.",
        "Nothing may have changed. If you see change by the swipe, look first whether another warning tells why it is "
        "not found. Without one, try another detector, then another threshold.",
    ),
    "all scores are above the threshold": Advice(
        "Every pixel is called changed.", "Try another threshold, empirical_null for example.",
    ),
    "are not a mixture of two normal distributions": Advice(
        "The threshold that was asked for has no answer here, and Otsu's was taken.",
        "Try empirical_null, which does not need two hills in the histogram of the scores.",
    ),
    "is at the end of the scores": Advice(
        "The threshold found no place that parts two classes.",
        "Try empirical_null, which does not need two hills in the histogram of the scores.",
    ),
    "differs from place to place": Advice(
        "One part of the image is shifted otherwise than another, as relief or a distortion leaves it. Moving the "
        "whole image does not mend that.",
        "Set shift_tolerance = one_way, or orthorectify the images anew.",
    ),
    "too little like": Advice(
        "How far the images are shifted could not be measured, so nothing was moved.",
        "Check by the swipe between before and after whether edges lie on each other.",
    ),
    "the same in every valid pixel": Advice(
        "Before and after hold the same values.", "Check that they are not the same file under two names.",
    ),
    "compared in their order": Advice(
        "The names of the bands do not say which ones belong together, so the first is compared with the first.",
        "If the two images have their bands in different orders, rename or reorder them.",
    ),
    "has no such band": Advice(
        "Only bands that both images have are compared.", "Nothing, unless you miss the ones that are left out.",
    ),
    "are missing at random": Advice(
        "The estimates are of the points that have a label. If those without one were hard to tell, they are not like "
        "the others, and the estimates are wrong by an unknown amount.",
        "Label the others too, with other sources where the images do not tell.",
    ),
    "of the map may still be": Advice(
        "The sample has met no error of a kind that could still be frequent: an interval by standard errors (±) is too "
        "narrow.",
        "Draw a larger sample, or set --minimum higher.",
    ),
    "uncertain by more than the map calls changed": Advice(
        "Change is so rare that the sample cannot tell its area with any use.",
        "Draw more points: --size, or a smaller --standard-error.",
    ),
    "distance leaps on the way": Advice(
        "What the bands add up to is not the distance, so their importance is not exact.",
        "Trust the order of the most important bands, not their figures.",
    ),
    "georeference": Advice(
        "The file does not say where its pixels lie.",
        "The maps are right if both images cover the same pixels; else give the file its georeference.",
    ),
    "coordinate system": Advice(
        "The file does not say in which coordinate system it is, or in one that is not known.",
        "Check that the maps lie where they should in a GIS.",
    ),
    "scaled as its file declares": Advice(
        "The two images may be in different units.", "Set scale for both, or 1 to use the stored values.",
    ),
    "nodata": Advice(
        "Values that stand for missing data are declared, or look as if they did.",
        "Set nodata for the data set if they are no measurements; pixels that have them are then masked.",
    ),
}  # fmt: skip


def advice(warning: str) -> Advice:
    """What a warning means and what to do about it; of one that is not known, in general."""
    return next((found for words, found in ADVICE.items() if words in warning), _UNKNOWN)
