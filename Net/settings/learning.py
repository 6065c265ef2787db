"""The keys of [settings] that say how a model is trained and fine-tuned, beside those that say on what."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial

from hscd.heads import HEADS
from hscd.learn.regime import OPTIMIZERS, SAMPLINGS, SCHEDULES
from hscd.learn.rivals import RIVALS
from hscd.losses import LOSSES
from hscd.system import parsing
from settings.declared import key, member

_OF_MODEL = "that of the model"
_SHARE = "a number in [0, 1["


def _share(text: str) -> float:
    value = parsing.not_negative(text)
    if value >= 1:
        raise ValueError
    return value


@dataclass(frozen=True, kw_only=True)
class LearningSettings:
    """How models are trained (`start_from`, `sampling`, `augment_…`) and fine-tuned (the last two and `ft_…`)."""

    start_from: str | None = field(
        default=None,
        metadata=key(
            "start_from", parsing.file_name, "a name that can be part of a file name, without / or \\", None,
            "saved model, pre-trained (MODEL_pretrained) or trained, whose weights each trial of a search starts from; "
            "the layers are those of that model",
            "random weights",
        ),
    )  # fmt: skip

    sampling: str = field(
        default=SAMPLINGS[0],
        metadata=key(
            "sampling", parsing.one_of(SAMPLINGS), " or ".join(SAMPLINGS), SAMPLINGS[0],
            "whether training and fine-tuning take every pixel once an epoch, or as many of each class in a batch",
        ),
    )  # fmt: skip
    augment_gain: float = field(
        default=0.0,
        metadata=key(
            "augment_gain", _share, _SHARE, 0.0,
            "largest part by which spectra are made brighter or darker in training, each date by itself",
        ),
    )  # fmt: skip
    augment_noise: float = field(
        default=0.0,
        metadata=key(
            "augment_noise", parsing.not_negative, "a number >= 0", 0.0,
            "noise that is added to spectra in training, in standard deviations of a band",
        ),
    )  # fmt: skip
    augment_bands: float = field(
        default=0.0,
        metadata=key(
            "augment_bands", _share, _SHARE, 0.0, "share of the bands that are left out of a pixel pair in training"
        ),
    )
    augment_flips: bool = field(
        default=False,
        metadata=key(
            "augment_flips", parsing.boolean, "True or False", False,
            "whether patches are rotated and mirrored at random in training (network = patch or imagenet)",
        ),
    )  # fmt: skip
    ft_learning_rate: float | None = field(
        default=None,
        metadata=key(
            "ft_learning_rate", partial(parsing.number, low=0), "a number > 0", None,
            "learning rate of a fine-tuning", _OF_MODEL,
        ),
    )  # fmt: skip
    ft_epochs: int | None = field(
        default=None,
        metadata=key(
            "ft_epochs", partial(parsing.integer, low=1), "an integer >= 1", None,
            "epochs of a fine-tuning, or of a phase of it, at most", "150",
        ),
    )  # fmt: skip
    ft_freeze: int = field(
        default=0,
        metadata=key(
            "ft_freeze", partial(parsing.integer, low=0), "an integer >= 0", 0,
            "number of first layers that a fine-tuning leaves as they are",
        ),
    )  # fmt: skip
    ft_release_learning_rate: float | None = field(
        default=None,
        metadata=key(
            "ft_release_learning_rate", partial(parsing.number, low=0), "a number > 0", None,
            "learning rate of a second phase of a fine-tuning, in which no layer is frozen", "no second phase",
        ),
    )  # fmt: skip
    ft_rounds: int = field(
        default=1,
        metadata=key(
            "ft_rounds", partial(parsing.integer, low=1), "an integer >= 1", 1,
            "number of fine-tunings, one after the other; from the second on, the pseudo-labels are those of the model "
            "itself",
        ),
    )  # fmt: skip
    ft_co_teaching: float = field(
        default=0.0,
        metadata=key(
            "ft_co_teaching", _share, _SHARE, 0.0,
            "share of the pseudo-labels of each class that two networks, which teach each other, come to leave out as "
            "wrong; 0 for one network",
        ),
    )  # fmt: skip
    ft_loss: str | None = field(
        default=None, metadata=member("ft_loss", LOSSES, None, "loss that a fine-tuning minimises", _OF_MODEL)
    )
    ft_distance: str | None = field(
        default=None,
        metadata=member("ft_distance", HEADS, None, "distance that heads the network from a fine-tuning on", _OF_MODEL),
    )
    ft_optimizer: str | None = field(
        default=None,
        metadata=key(
            "ft_optimizer", parsing.one_of(OPTIMIZERS), " or ".join(OPTIMIZERS), None,
            "optimiser of a fine-tuning, Adam or gradient descent with a momentum of 0.9", _OF_MODEL,
        ),
    )  # fmt: skip
    ft_schedule: str = field(
        default="constant",
        metadata=key(
            "ft_schedule", parsing.one_of(SCHEDULES), ", ".join(SCHEDULES), "constant",
            "how the learning rate of a fine-tuning falls, to 0 at the last epoch or by a twentieth each epoch",
        ),
    )  # fmt: skip
    ft_rival: str | None = field(
        default=None,
        metadata=member(
            "ft_rival", RIVALS, None,
            "classifier that learns from the same pseudo-labels, to compare the fine-tuned network with", "none",
        ),
    )  # fmt: skip

    @property
    def of_fine_tuning(self) -> list[str]:
        """The keys that are set and that nothing but a fine-tuning looks at."""
        own = [field for field in dataclasses.fields(self) if field.name.startswith("ft_")]
        return [field.name for field in own if getattr(self, field.name) != field.default]

    @property
    def label(self) -> str:
        """What the names of a fine-tuning's files end in, "" by default: the keys that its map depends on."""
        chosen = [
            f"{field.name.removeprefix('ft_')}={value:.15g}"
            if isinstance(value := getattr(self, field.name), float)
            else f"{field.name.removeprefix('ft_')}={value}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default and field.name not in ("start_from", "ft_rival")
        ]
        return "".join(f" {entry}" for entry in chosen)
