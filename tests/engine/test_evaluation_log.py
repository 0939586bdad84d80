"""Evaluations kept as numbers: what comes out is what was put in."""

import math
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation_log import EvaluationLog
from engine.metrics import Evaluation, Metrics

NUMBERS = st.floats(allow_infinity=False, allow_nan=False)
METRICS = st.builds(Metrics, NUMBERS, NUMBERS, NUMBERS | st.just(math.nan))
EVALUATIONS = st.builds(
    Evaluation,
    step=st.integers(0, 10**12),
    epoch=NUMBERS,
    beta=NUMBERS,
    lr=NUMBERS,
    val=METRICS,
    train=st.none() | METRICS,
    kl_per_dim=st.lists(NUMBERS, max_size=4).map(lambda kl: np.array(kl, np.float64)),
    active_units=st.none() | st.integers(0, 1000),
    seconds=NUMBERS,
)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(EVALUATIONS, max_size=12), st.integers(0, 14))
def test_what_is_read_from_any_index_on_is_what_was_appended(
    evaluations: list[Evaluation], start: int
) -> None:
    log = EvaluationLog()
    for number, evaluation in enumerate(evaluations):
        assert len(log) == number
        log.append(evaluation)
    # A dataclass's repr has all digits, and types: an int is no float there.
    assert list(map(repr, log.since(start))) == list(map(repr, evaluations[start:]))


def test_what_was_read_neither_changes_nor_hinders_the_log() -> None:
    log = EvaluationLog()
    metrics = Metrics(3.0, 2.0, 1.0)
    read: list[Evaluation] = []
    for step in range(1000):
        kl = np.array([step, 0.5])
        log.append(Evaluation(step, step / 7, 1.0, 0.1, metrics, metrics, kl, 2, 1.0))
        read += log.since(step)  # an array that is looked into can't grow
    assert [e.kl_per_dim.tolist() for e in read] == [[step, 0.5] for step in range(1000)]
    read[0].kl_per_dim[0] = 99.0
    assert log.since(0)[0].kl_per_dim[0] == 0.0


def test_one_thread_appends_while_another_reads() -> None:
    log, metrics = EvaluationLog(), Metrics(3.0, 2.0, 1.0)
    problems: list[Exception | Evaluation] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            for number, e in enumerate(log.since(0)):
                if (e.step, e.kl_per_dim.tolist()) != (number, [number, 0.5]):
                    problems.append(e)

    reader = threading.Thread(target=read)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        reader.start()
        for step in range(3000):
            kl = np.array([step, 0.5])
            log.append(Evaluation(step, step / 7, 1.0, 0.1, metrics, metrics, kl, 2, 1.0))
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        reader.join()
    assert problems == []


def test_ten_thousand_evaluations_take_little_memory() -> None:
    metrics, kl = Metrics(3.0, 2.0, 1.0), np.arange(20.0)
    tracemalloc.start()
    log = EvaluationLog()
    for step in range(10_000):
        log.append(Evaluation(step, step / 7, 1.0, 0.1, metrics, metrics, kl, 2, step / 3))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # 33 numbers of 8 bytes are 2.6 MB; as many objects would be three times that.
    assert used < 4e6
