"""The soak, for a few epochs: that it still runs, and sees a run as it is."""

from itertools import pairwise

from tests.bench.soak import Part, soak


def test_it_sees_a_run_from_near_its_beginning_to_near_its_end() -> None:
    epochs = 150
    samples = soak(epochs, dashboard=False)
    assert len(samples) > 3
    assert all(a.seconds < b.seconds and a.epoch < b.epoch for a, b in pairwise(samples))
    assert samples[-1].epoch <= epochs
    whole = Part.of(samples, epochs, (0.0, 1.0))
    assert whole.memory > 50e6, "torch alone is more"
    assert whole.other_cpu_ms > 0
    assert whole.file_bytes > 0
