from engine.runs.throughput import SLICE_SECONDS, Throughput


def test_slices_grow_to_the_time_that_they_should_take() -> None:
    meter = Throughput()
    lengths = []
    for _ in range(20):
        lengths.append(meter.slice_steps)
        meter.add_slice(meter.slice_steps, meter.slice_steps * 128, meter.slice_steps * 0.001)
    assert lengths[:4] == [1, 2, 4, 8], "at most twice as long as the one before"
    assert lengths[-1] == round(SLICE_SECONDS / 0.001)


def test_a_slow_slice_halves_the_next_and_a_cut_short_one_says_nothing() -> None:
    meter = Throughput()
    meter.slice_steps = 20
    meter.add_slice(20, 2560, 5.0)
    assert meter.slice_steps == 10
    meter.add_slice(3, 384, 5.0)
    assert meter.slice_steps == 10


def test_the_rate_is_that_of_the_latest_slices() -> None:
    meter = Throughput(train_seconds=100.0)
    assert meter.images_per_second == 0.0
    meter.add_slice(1, 10_000, 0.001)
    for _ in range(60):
        meter.add_slice(2, 256, 0.5)
    assert meter.images_per_second == 512.0, "the first slice is forgotten"
    assert meter.train_seconds == 100.0 + 0.001 + 60 * 0.5


def test_the_time_left_is_that_of_the_images_and_of_the_evaluations() -> None:
    meter = Throughput(evaluation_seconds=6.0)
    assert meter.seconds_left(1_000, 2, 3) is None, "nothing was trained yet"
    meter.add_slice(1, 500, 1.0)
    assert meter.seconds_left(1_000, 2, 3) == 1_000 / 500 + 2 * 6.0 / 3
    assert meter.seconds_left(1_000, 2, 0) == 2.0 + 2 * 6.0, "before the first is over"
    assert meter.seconds_left(0, 0, 3) == 0.0
