"""`Alert`: something a person should look at, with its evidence and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """What an alert says of the training; its value is a word for files, `label` one for people."""

    COLLAPSE = "collapse"
    """The latents say less of an image than its class would."""
    KL_VANISHING = "kl_vanishing"
    """The KL fell to about 0 in the first epochs."""
    OVERFITTING = "overfitting"
    """The validation score is above its best while training falls."""
    INSTABILITY = "instability"
    """The loss jumps up, or up and down."""
    PLATEAU = "plateau"
    """The validation score has levelled off while the learning rate has not."""
    DIVERGING = "diverging"
    """The loss is beyond any untrained model's."""
    FAR_FROM_PRIOR = "far_from_prior"
    """The posterior is so far from the prior that samples from it will be bad."""

    @property
    def label(self) -> str:
        """In a person's words."""
        return _LABELS[self]


_LABELS = {
    Rule.COLLAPSE: "posterior collapse",
    Rule.KL_VANISHING: "KL vanishing",
    Rule.OVERFITTING: "over-fitting",
    Rule.INSTABILITY: "unstable",
    Rule.PLATEAU: "plateau",
    Rule.DIVERGING: "diverging",
    Rule.FAR_FROM_PRIOR: "latents far from the prior",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: a rule's finding, or a note on the disk, the device, a file."""

    step: int
    """When it was raised."""
    text: str
    """One sentence that has it all, for the message line and the log."""
    rule: Rule | None = None
    """None for a note that no rule made."""
    epoch: float | None = None
    """When it was raised; None for a note."""
    since_step: int | None = None
    since_epoch: float | None = None
    """When what it is about began."""
    evidence: str = ""
    """The numbers, in a few words."""
    suggestion: str = ""
    """What to do, in one line."""


def rules_of(alerts: Iterable[Alert]) -> tuple[Rule, ...]:
    """Which rules raised alerts, each once, in the order of their first."""
    return tuple(dict.fromkeys(alert.rule for alert in alerts if alert.rule is not None))


def rule_named(word: str) -> Rule | None:
    """The rule of a file's word; None for one that this version doesn't know."""
    return Rule(word) if word in set(Rule) else None
