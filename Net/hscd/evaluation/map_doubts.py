"""All that makes a change map doubtful, for the commands and the library alike; each doubt is one of `doubts`."""

from __future__ import annotations

import numpy as np

from hscd.detectors import Detector
from hscd.detectors.context_regression import ContextRegression
from hscd.detectors.spectral import SpectralDistance
from hscd.evaluation import doubts
from hscd.evaluation.confusion import PLAUSIBLE_SHARE, changed_share
from hscd.evaluation.result import MapResult
from hscd.labels import CHANGED
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap
from hscd.system import naming

# Part of the changed pixels that a correction may add or remove, and where it makes the map worse by its labels; fewer
# pixels than a window of the default correction has are no share of anything.
_MUCH, _MUCH_IF_WORSE, _MANY = 0.5, 0.4, 25
# Kappa that a correction may cost by the labels.
_FALL = 0.1


def of_scores(detector: Detector, score_map: ScoreMap, cut: Cut, scene: Scene, rng: np.random.Generator) -> list[str]:
    """Doubts about the map of a detector, beside those that its threshold has (`Cut.warnings`).

    Args:
        detector: what gave the scores.
        score_map: the scores.
        cut: their threshold.
        scene: the pair, as the detector got it.
        rng: of samples.
    """
    # Where the distribution of unchanged pixels is known, or a threshold looks at the modes itself, it has told.
    modes = score_map.degrees is None and not cut.warnings
    found = doubts.of_threshold(score_map.scores, cut.value, modes)
    samples = doubts.some_changed(scene, score_map.scores, cut.value, rng)
    found += doubts.of_size(samples) + doubts.of_brightness(samples)
    if score_map.degrees is not None:
        found += doubts.of_borders(score_map.scores, cut.value)
    if isinstance(detector, SpectralDistance):
        found += doubts.of_spectra(scene, rng)
    if isinstance(detector, ContextRegression) and detector.uneven_light:
        found.append(
            "the light changed from place to place, which was corrected; areas of more than some 30 pixels across that "
            "got brighter or darker as a whole may be missed"
        )
    return found


def of_result(result: MapResult, known_cause: bool = False) -> list[str]:
    """Doubts where much is called changed and no label bears it out, or labels or its correction refute a map.

    Args:
        result: the map.
        known_cause: whether something was told already that makes a map wrong.
    """
    found = []
    share = max(changed_share(of_map) for of_map in (result.labels, result.corrected))
    if result.counts.total == 0 and share > PLAUSIBLE_SHARE:
        found.append(
            f"{100 * share:.0f} % of the pixels are called changed; more than {100 * PLAUSIBLE_SHARE:.0f} % is "
            "unusual, and there are no labels to confirm it; check the map"
        )
    found += _of_correction(result)
    both = dict.fromkeys((result.counts, result.corrected_counts))
    refuted = [
        f"kappa {counts.kappa:z.3f}{when}"
        for counts, when in zip(both, ("", " after correction"), strict=False)
        if counts.is_chance
    ]
    if refuted:
        found.append(
            f"{', '.join(refuted)}: no better than chance"
            + ("" if known_cause else "; check the map, and which values of the labels stand for changed and unchanged")
        )
    return found


def _of_correction(result: MapResult) -> list[str]:
    """A doubt where a correction changes much of what is called changed, or the labels tell that it makes it worse.

    Without labels, a map of noise rightly loses a third of its changed pixels, so that less than half is no doubt. Of
    small objects any correction rounds the corners, which costs kappa, too.
    """
    before, after = (int(np.count_nonzero(of_map == CHANGED)) for of_map in (result.labels, result.corrected))
    kappas = result.counts.kappa, result.corrected_counts.kappa
    worse = f", and against the labels it takes kappa {kappas[0]:z.3f} to {kappas[1]:z.3f}"
    worse = worse if kappas[0] - kappas[1] > _FALL else ""  # of undefined ones nothing is known
    if abs(after - before) <= max((_MUCH_IF_WORSE if worse else _MUCH) * before, _MANY):
        return []
    does, keeps = ("removes", "keeps them") if after <= before else ("adds", "leaves them out")
    many = f"{100 * abs(after - before) / before:.0f} % of the changed pixels" if before else f"{after:,} pixels"
    return [
        f"the spatial correction {does} {many}{worse}: compare both maps; {naming.given('correction', 'none')} {keeps}"
    ]
