import io
import json
import math
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from data import DataError, ImageDataset, split_indices
from engine.config import ModelName, RunConfig
from engine.errors import RunError
from engine.metrics import Evaluation, TrainPoint
from engine.model.seeds import Stream, stream_seed
from engine.runs.start_points import NewRun
from engine.runs.stored_run import StoredRun
from engine.runs.training_run import TrainingRun
from engine.storage import checkpoint
from engine.storage.checkpoint import Which
from engine.views import LatentMap, Plane, PriorSamples, Reconstructions, ViewRequest
from tests.support.dataset_files import random_dataset, write_idx_folder
from tests.support.trap import Trap
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

VIEWS: list[ViewRequest[Any]] = [
    Reconstructions(0),
    Reconstructions(5),
    PriorSamples(0),
    PriorSamples(3, count=7),
    LatentMap(),
]


class Live:
    """A run trained to its end, and what its engine showed then."""

    def __init__(self, config: RunConfig, checkpoints: Path) -> None:
        run = TrainingRun(config, NewRun(checkpoints, config.model))
        run.start()
        wait_for(lambda: not run.snapshot.phase.is_active)
        assert run.snapshot.error is None
        self.views = [run.request(view).result(30) for view in VIEWS]
        self.evaluations: list[Evaluation] = run.history.evaluations()
        self.train_points: list[TrainPoint] = run.history.train_points()
        self.best = run.snapshot.best
        run.close()
        assert run.join(30)
        assert run.directory is not None
        self.path = run.directory
        self.config = config


@pytest.fixture(scope="module")
def trained(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Live]:
    checkpoints = tmp_path_factory.mktemp("checkpoints")

    def train(model: ModelName) -> Live:
        config = RunConfig(
            model=model,
            hidden=(32,),
            latent_dim=4,
            beta=0.5,
            kl_warmup=1.0,
            batch_size=32,
            epochs=2,
            seed=1,
            device="cpu",
            threads=1,
            data=str(small_data),
        )
        return Live(config, checkpoints)

    return {"vae": train("vae"), "ae": train("ae")}


@pytest.fixture(params=["vae", "ae"])
def live(request: pytest.FixtureRequest, trained: dict[str, Live]) -> Live:
    return trained[request.param]


@pytest.fixture
def copied(trained: dict[str, Live], tmp_path: Path) -> Path:
    """A run's directory to be damaged."""
    path = tmp_path / "damaged"
    shutil.copytree(trained["vae"].path, path)
    return path


@pytest.fixture(autouse=True)
def threads_of_the_run() -> Iterator[None]:
    """Sums over pixels are added up in another order by another number of threads.

    The engine sets its number in its own thread only: here it must be set again, or the last
    bits differ.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def why_unsupported(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        _ = StoredRun(path).images
    return str(caught.value)


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, Plane):
        return isinstance(b, Plane) and same(a.origin, b.origin) and same(a.axes, b.axes)
    return a == b


@pytest.mark.parametrize("index", range(len(VIEWS)), ids=[repr(view) for view in VIEWS])
def test_a_stored_run_shows_what_the_live_one_showed_bit_for_bit(index: int, live: Live) -> None:
    stored = StoredRun(live.path)
    before, after = live.views[index], stored.view(VIEWS[index])
    assert type(before) is type(after)
    for name in type(before).__slots__:
        assert same(getattr(before, name), getattr(after, name)), name
    assert stored.step == 24
    assert stored.name == live.config.model
    assert stored.config == live.config


def test_the_curves_are_read_back_digit_for_digit(live: Live) -> None:
    stored = StoredRun(live.path)
    assert len(stored.evaluations()) == len(live.evaluations) == 7
    for before, after in zip(live.evaluations, stored.evaluations(), strict=True):
        # KL per dimension isn't in the file. repr: NaN equals NaN.
        assert repr(replace(before, kl_per_dim=after.kl_per_dim)) == repr(after)
    assert repr(stored.train_points()) == repr(live.train_points)
    assert len(stored.train_points()) == 24
    assert stored.evaluations()[0].train is None


def test_the_validation_score_is_that_of_the_last_evaluation(live: Live) -> None:
    measured = StoredRun(live.path).measure("validation")
    row = pd.read_csv(live.path / "metrics.csv").iloc[-1]
    assert measured.metrics.recon == row["val_recon"]
    assert measured.metrics.loss == pytest.approx(row["val_loss"], rel=1e-12)
    assert measured.active_units == row["active_units"]
    if live.config.model == "vae":
        assert measured.metrics.kl == row["val_kl"]
        assert measured.metrics.neg_elbo == row["val_neg_elbo"]
        np.testing.assert_array_equal(measured.kl_per_dim, live.evaluations[-1].kl_per_dim)
    else:
        assert math.isnan(row["val_kl"])
        assert math.isnan(measured.metrics.kl)


def test_the_best_weights_score_what_the_best_evaluation_did(live: Live) -> None:
    stored = StoredRun(live.path, "best")
    assert live.best is not None
    assert stored.step == live.best.step
    measured = stored.measure("validation")
    assert measured.metrics.score == live.best.val.score


def test_the_test_score_is_what_torchs_distributions_say_of_the_test_images(
    live: Live, small_dataset: ImageDataset
) -> None:
    found = StoredRun(live.path).measure("test")
    images, _ = small_dataset.load_test()
    x = torch.tensor(images.reshape(-1, 784) / 255.0)
    assert len(x) == 100
    model = torch.load(live.path / "last.pt", weights_only=True)["model"]

    def layers(part: str, h: torch.Tensor) -> torch.Tensor:
        """The exact network of this test's settings: one hidden layer, GELU (Hendrycks 2016)."""
        w = {k: v.double() for k, v in model.items()}
        h = h @ w[f"{part}.0.weight"].T + w[f"{part}.0.bias"]
        h = h * Normal(0.0, 1.0).cdf(h)
        return h @ w[f"{part}.2.weight"].T + w[f"{part}.2.bias"]

    if live.config.model == "ae":
        z = layers("encoder", x)
        kl = 0.0
    else:
        mu, logvar = layers("encoder", x).split(4, dim=1)
        q = Normal(mu, (0.5 * logvar).exp())
        generator = torch.Generator().manual_seed(stream_seed(1, Stream.EVALUATION))
        z = mu + q.stddev * torch.randn(100, 4, generator=generator).double()
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum(dim=1).mean().item()
    p = Bernoulli(logits=layers("decoder", z), validate_args=False)
    recon = -p.log_prob(x).sum(dim=1).mean().item()
    assert found.metrics.recon == pytest.approx(recon, rel=1e-5)
    assert found.metrics.loss == pytest.approx(recon + 0.5 * kl, rel=1e-5)
    if live.config.model == "vae":
        assert found.metrics.kl == pytest.approx(kl, rel=1e-4)
        assert found.metrics.neg_elbo == pytest.approx(recon + kl, rel=1e-5)
    assert found.metrics.recon != live.evaluations[-1].val.recon


def test_the_test_score_is_the_same_every_time(live: Live) -> None:
    stored = StoredRun(live.path)
    first, again = stored.measure("test"), stored.measure("test")
    fresh = StoredRun(live.path).measure("test")
    assert repr(first) == repr(again) == repr(fresh)


def test_without_test_images_their_score_is_refused(
    copied: Path, trained: dict[str, Live], tmp_path: Path
) -> None:
    data = Path(trained["vae"].config.data)
    folder = tmp_path / "no-test"
    folder.mkdir()
    for file in data.glob("train*"):
        shutil.copy(file, folder)
    rewrite_config(copied, lambda content: content["config"].update(data=str(folder)))
    stored = StoredRun(copied)
    assert stored.measure("validation").metrics.is_finite()
    with pytest.raises(DataError, match="no test file"):
        stored.measure("test")


def rewrite_config(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = path / "config.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_other_data_than_it_was_trained_on_is_refused(copied: Path, tmp_path: Path) -> None:
    other = write_idx_folder(tmp_path / "other", random_dataset(400), random_dataset(100))
    rewrite_config(copied, lambda content: content["config"].update(data=str(other)))
    message = why_unsupported(copied)
    assert str(other) in message
    assert "not the data that run damaged was trained on (its fingerprint differs)" in message


@pytest.mark.parametrize("about", [None, [], {}, {"fingerprint": "0" * 64}])
def test_a_run_that_does_not_say_what_it_was_trained_on_is_refused(
    about: object, copied: Path
) -> None:
    rewrite_config(copied, lambda content: content.update(data=about))
    assert "its fingerprint differs" in why_unsupported(copied)


def test_a_directory_without_settings_is_no_run(tmp_path: Path) -> None:
    assert str(tmp_path / "config.json") in why_unsupported(tmp_path)


def test_weights_that_are_missing_are_told_by_name(copied: Path) -> None:
    (copied / "last.pt").unlink()
    (copied / "best.pt").unlink()
    assert why_unsupported(copied) == f"{copied / 'last.pt'} is missing: nothing was saved yet"


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def garbage(content: bytes) -> bytes:
    return b"\x00\xff" * 500


def bare_state_dict(content: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save(torch.load(io.BytesIO(content), weights_only=True)["model"], buffer)
    return buffer.getvalue()


def newer_format(content: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save({**torch.load(io.BytesIO(content), weights_only=True), "format": 99}, buffer)
    return buffer.getvalue()


def wider_network(content: bytes) -> bytes:
    return of_other_settings(content, hidden=(33,))


def autoencoder(content: bytes) -> bytes:
    return of_other_settings(content, model="ae")


def of_other_settings(content: bytes, **settings: Any) -> bytes:
    from engine.model.networks import build_model

    state = torch.load(io.BytesIO(content), weights_only=True)
    config = replace(RunConfig.from_dict(state["config"]), **settings)
    model = build_model(config, init_seed=0)
    return checkpoint.to_bytes(config, {"step": state["step"], "model": model.state_dict()})


def weights_that_are_none(content: bytes) -> bytes:
    state = torch.load(io.BytesIO(content), weights_only=True)
    return checkpoint.to_bytes(
        RunConfig.from_dict(state["config"]), {"step": 24, "model": [1, 2, 3]}
    )


def a_step_that_is_none(content: bytes) -> bytes:
    state = torch.load(io.BytesIO(content), weights_only=True)
    return checkpoint.to_bytes(
        RunConfig.from_dict(state["config"]), {"step": "24", "model": state["model"]}
    )


def other_nonlinearity(content: bytes) -> bytes:
    return of_other_settings(content, activation="relu")


@pytest.mark.parametrize(
    "spoil",
    [
        truncated,
        garbage,
        bare_state_dict,
        newer_format,
        wider_network,
        autoencoder,
        weights_that_are_none,
        a_step_that_is_none,
        other_nonlinearity,
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_refused_by_name(
    spoil: Callable[[bytes], bytes], copied: Path
) -> None:
    for name in ("best", "last"):
        file = copied / f"{name}.pt"
        file.write_bytes(spoil(file.read_bytes()))
    assert str(file) in why_unsupported(copied)


@pytest.mark.parametrize("spoil", [None, truncated, garbage, bare_state_dict, newer_format])
@pytest.mark.parametrize(("wanted", "other"), [("last", "best"), ("best", "last")])
def test_of_weights_that_cannot_be_read_the_others_are_taken_saying_so(
    spoil: Callable[[bytes], bytes] | None, wanted: Which, other: Which, copied: Path
) -> None:
    file = copied / f"{wanted}.pt"
    expected = StoredRun(copied, other)
    assert (expected.problem, expected.which) == ("", other)
    if spoil is None:
        file.unlink()
    else:
        file.write_bytes(spoil(file.read_bytes()))
    found = StoredRun(copied, wanted)
    assert found.problem.startswith(str(file))
    assert (found.which, found.step) == (other, expected.step)
    weights = zip(found.model.parameters(), expected.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)


@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_checkpoint_that_would_execute_code_does_not(
    form: str, copied: Path, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    state = {"format": 1, "step": 24, "model": Trap(touched)}
    (copied / "best.pt").unlink()
    if form == "pickle":
        (copied / "last.pt").write_bytes(pickle.dumps(state, protocol=2))
    else:
        torch.save(state, copied / "last.pt")
    assert str(copied / "last.pt") in why_unsupported(copied)
    assert not touched.exists()
    if form == "pickle":
        pickle.loads((copied / "last.pt").read_bytes())
    else:
        torch.load(copied / "last.pt", weights_only=False)
    assert touched.exists(), "the trap itself works"


@pytest.mark.parametrize("name", ["metrics.csv", "steps.csv"])
@pytest.mark.parametrize("kept", [1, 0.5])
def test_a_row_still_being_written_is_left_out(name: str, kept: float, copied: Path) -> None:
    whole = StoredRun(copied)
    text = (copied / name).read_text().removesuffix("\n")
    last = len(text) - text.rindex("\n") - 1
    # With kept = 1 only the line's end is missing: its last number may go on.
    (copied / name).write_text(text[: len(text) - last + int(kept * last)])
    half = StoredRun(copied)
    missing = (1, 0) if name == "metrics.csv" else (0, 1)
    assert len(half.evaluations()) == len(whole.evaluations()) - missing[0]
    assert len(half.train_points()) == len(whole.train_points()) - missing[1]
    assert repr(half.evaluations()) == repr(whole.evaluations()[: len(half.evaluations())])


@pytest.mark.parametrize("content", ["", "step,epoch,sec"])
def test_a_file_without_a_whole_line_has_no_rows(content: str, copied: Path) -> None:
    (copied / "metrics.csv").write_text(content)
    assert StoredRun(copied).evaluations() == []


def test_curves_that_are_missing_are_empty_and_pictures_are_still_there(copied: Path) -> None:
    (copied / "metrics.csv").unlink()
    (copied / "steps.csv").unlink()
    stored = StoredRun(copied)
    assert stored.evaluations() == []
    assert stored.train_points() == []
    assert stored.view(PriorSamples(count=3)).images.shape == (3, 28, 28)


@pytest.mark.parametrize("name", ["metrics.csv", "steps.csv"])
def test_a_file_of_another_header_is_left_out_and_named(name: str, copied: Path) -> None:
    header, rest = (copied / name).read_text().split("\n", 1)
    (copied / name).write_text(header.replace("epoch", "age") + "\n" + rest)
    run = StoredRun(copied)
    [note] = run.notes
    assert note.startswith(f"{copied / name} line 1 is not the header step,epoch,")
    assert bool(run.evaluations()) == (name == "steps.csv"), "the other file is read"
    assert bool(run.train_points()) == (name == "metrics.csv")


ROW = "24,2.0,1.5,0.5,0.0,{},2,3,4,5,6,7,8,4\n"


@pytest.mark.parametrize(
    "row",
    [
        ROW.format("abc"),
        "24,2.0\n",
        ROW.format("1,1"),
        "\xff\n",
        "x" + ROW.format("1"),
        "," + ROW.format("1").split(",", 1)[1],  # no step
        "inf," + ROW.format("1").split(",", 1)[1],
        "1" * 140_000 + "\n",
    ],
    ids=["word", "short", "long", "no text", "no step's number", "no step", "infinite", "huge"],
)
def test_a_row_that_is_no_row_of_numbers_costs_itself_alone(row: str, copied: Path) -> None:
    file = copied / "metrics.csv"
    whole = StoredRun(copied)
    lines = file.read_text().splitlines(keepends=True)
    lines[4:4] = [row]
    file.write_text("".join(lines), encoding="latin-1")
    run = StoredRun(copied)
    assert run.notes == [f"{file} line 5 is not a row of 14 numbers that a run can have"]
    assert [repr(e) for e in run.evaluations()] == [repr(e) for e in whole.evaluations()]


def test_a_file_that_is_no_text_is_left_out_and_named(copied: Path) -> None:
    (copied / "steps.csv").write_bytes(b"\xff\xfe\x00\x01\n")
    [note] = StoredRun(copied).notes
    assert note.startswith(f"{copied / 'steps.csv'} line 1 is not the header")


def test_reading_changes_nothing_in_the_directory(copied: Path) -> None:
    def content() -> dict[str, tuple[bytes, int]]:
        files = [p for p in copied.rglob("*") if p.is_file()]
        return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}

    before = content()
    stored = StoredRun(copied)
    for view in VIEWS:
        stored.view(view)
    stored.measure("test")
    assert [frame.step for frame in stored.frames()] == [0, 1, 2, 4, 8, 12, 24]
    assert content() == before


def test_the_validation_images_are_those_of_the_runs_split(
    live: Live, small_dataset: ImageDataset
) -> None:
    view = StoredRun(live.path).view(Reconstructions())
    split = split_indices(small_dataset.labels, 0.1, 0)
    expected = small_dataset.images[split.validation][view.indices] / 255.0
    np.testing.assert_allclose(view.originals, expected, rtol=1e-6)
    assert view.labels.tolist() == small_dataset.labels[split.validation][view.indices].tolist()
