"""What a rise of a score is: chance, over-fitting, or training that got worse.

The alerts and the report judge by the same.
"""

from enum import Enum

CLEAR = 0.5
"""Nats per image. Seeds of one setting differ by some tenths: less than this says nothing."""


class Rise(Enum):
    """Why unseen images fare worse than they did."""

    CHANCE = "within what chance makes"
    OVER_FITTING = "training went on learning"
    WORSE_TRAINING = "training got worse as well"
    UNKNOWN = "what training did isn't known"


def judge_rise(rise: float, learnt: float | None, least: float = CLEAR) -> Rise:
    """Judge a score of unseen images that rose.

    Args:
        rise: of the unseen images' score since its best, in nats per image.
        learnt: by how much the same score of the training images fell meanwhile.
        least: a rise below this may be chance.
    """
    if rise < least:
        return Rise.CHANCE
    if learnt is None:
        return Rise.UNKNOWN
    return Rise.OVER_FITTING if learnt > 0 else Rise.WORSE_TRAINING
