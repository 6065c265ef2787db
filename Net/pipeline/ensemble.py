"""Stage: the map of a scene from several detectors and seeds, a member each, and how sure they are together."""

from __future__ import annotations

from hscd.evaluation import ensemble
from hscd.scenes.scene import Scene
from hscd.scores import Cut, ScoreMap
from hscd.system.errors import InputError
from hscd.system.messages import detail, warn
from pipeline.plan import Plan


def ensembled(plan: Plan, scene: Scene, where: str | None) -> ensemble.Ensemble:
    """Fit, cut and weigh each member; what makes the map of a detector doubtful is told, of `where`, or not for None.

    Raises:
        InputError: if a detector cannot score the scene, or has no threshold there.
    """

    def member(name: str, number: int) -> tuple[ScoreMap, Cut]:
        return _member(plan, scene, name, number, None if number or where is None else f"{where}, {name}")

    found = ensemble.ensembled(scene, plan.members, member, plan.all_bands)
    for doubt in found.doubts:
        tell = warn if where is not None and len(dict(plan.members)) == 1 else detail
        tell(f"{where or scene.name}: {doubt}")
    return found


def _member(plan: Plan, scene: Scene, name: str, number: int, where: str | None) -> tuple[ScoreMap, Cut]:
    detector, scene = plan.detector(name), plan.seen_by(scene, number)
    try:
        score_map = plan.score(detector, scene, number)
        cut = plan.cut(score_map, scene, where)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if where is not None:
        plan.doubt(detector, score_map, cut, scene, where)
    return score_map, cut
