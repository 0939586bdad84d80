"""Independent random streams from a run's one seed.

Training has a stream of its own. Evaluation, frames and previews draw from others, so that
what is looked at never changes what is trained.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a stream is for; the numbers are part of a run's identity and never change."""

    INIT = 0
    TRAIN = 1
    EVALUATION = 2
    PREVIEW = 3
    WALK = 4
    MAP = 5
    DIAGNOSIS = 6


def stream_seed(seed: int, stream: Stream, index: int = 0) -> int:
    """A 63-bit seed for one stream, by NumPy's SeedSequence (hashes, so streams don't overlap)."""
    words = np.random.SeedSequence([seed, int(stream), index]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))
