import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from data import ImageDataset, split_indices
from engine.config import RunConfig
from engine.history import MAX_TRAIN_POINTS
from engine.model.evaluation import to_unit
from engine.model.seeds import Stream, stream_seed
from engine.training.trainer import Trainer

CPU = torch.device("cpu")


def weights(trainer: Trainer) -> list[torch.Tensor]:
    return [p.detach().clone() for p in trainer.model.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def finish(trainer: Trainer, steps: Iterator[int] | None = None) -> list[torch.Tensor]:
    while not trainer.finished:
        trainer.train(next(steps) if steps else 10**6)
    return weights(trainer)


@pytest.mark.slow
def test_steps_are_those_of_a_plain_loop_written_from_the_paper(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, beta=0.5, kl_warmup=1.5)
    trainer = Trainer(config, small_dataset, CPU)
    reference = Trainer(config, small_dataset, CPU).model  # the same initial weights
    optimizer = torch.optim.Adam(reference.parameters(), lr=config.lr, fused=False)
    generator = torch.Generator().manual_seed(stream_seed(config.seed, Stream.TRAIN))
    train = split_indices(small_dataset.labels, 0.1, 0).train
    x_all = torch.tensor(small_dataset.images[train].reshape(-1, 784) / 255.0, dtype=torch.float32)
    step = 0
    for _epoch in range(2):
        for chosen in torch.randperm(len(x_all), generator=generator).split(32):
            x = x_all[chosen]
            mu, logvar = reference.encoder(x).chunk(2, dim=1)
            q = Normal(mu, (0.5 * logvar).exp())
            z = mu + q.stddev * torch.randn(mu.shape, generator=generator)
            p = Bernoulli(logits=reference.decoder(z), validate_args=False)
            kl = kl_divergence(q, Normal(0.0, 1.0)).sum(dim=1)
            beta = 0.5 * min(1.0, step / (1.5 * 12))
            loss = (-p.log_prob(x).sum(dim=1) + beta * kl).mean()
            optimizer.param_groups[0]["lr"] = config.lr / 2 * (1 + math.cos(math.pi * step / 36))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    trainer.train(12)
    trainer.train(12)
    for ours, theirs in zip(trainer.model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_how_steps_are_cut_into_slices_changes_no_bit(
    model: str, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, model=model)
    whole = finish(Trainer(config, small_dataset, CPU))
    cut = finish(Trainer(config, small_dataset, CPU), iter([1, 2, 5, 1, 3, 7] * 10))
    assert same(whole, cut)


def test_evaluating_changes_no_bit_of_the_training(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    undisturbed = finish(Trainer(small_config, small_dataset, CPU))
    trainer = Trainer(small_config, small_dataset, CPU)
    while not trainer.finished:
        trainer.evaluate(0.0)
        trainer.train(5)
    assert same(undisturbed, weights(trainer))


def test_seeds_differ(small_config: RunConfig, small_dataset: ImageDataset) -> None:
    one = finish(Trainer(small_config, small_dataset, CPU))
    two = finish(Trainer(replace(small_config, seed=2), small_dataset, CPU))
    assert not same(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [0, 1, 11, 12, 13, 30])
def test_a_trainer_restored_from_its_state_ends_bit_identical(
    cut: int, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    expected = finish(Trainer(small_config, small_dataset, CPU))
    first = Trainer(small_config, small_dataset, CPU)
    while first.step < cut:
        first.train(min(12, cut - first.step))
    second = Trainer(small_config, small_dataset, CPU)
    second.load_state_dict(first.state_dict())
    finish(first)  # going on with the first must not touch the second
    assert same(expected, finish(second))
    assert second.evaluate(0.0).train == first.evaluate(0.0).train


def test_an_epoch_shows_every_training_image_once_and_no_validation_image(
    small_config: RunConfig, small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []

    def spy(pixels: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        seen.append(pixels.clone())
        return to_unit(pixels, out)

    monkeypatch.setattr("engine.training.stepper.to_unit", spy)
    Trainer(small_config, small_dataset, CPU).train(12)
    shown = torch.cat(seen).numpy()
    split = split_indices(small_dataset.labels, 0.1, 0)
    expected = small_dataset.images.reshape(-1, 784)[split.train]
    assert [len(x) for x in seen] == [32] * 11 + [8]
    order = np.lexsort(shown.T)
    assert np.array_equal(shown[order], expected[np.lexsort(expected.T)])
    assert not np.array_equal(shown, expected), "the order must be shuffled"


def test_training_means_weigh_images_alike_also_in_a_short_last_batch(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    # With a vanishing learning rate the epoch's mean is that of one fixed model.
    config = replace(small_config, lr=1e-30, lr_schedule="constant", model="ae")
    trainer = Trainer(config, small_dataset, CPU)
    points = trainer.train(12)
    evaluation = trainer.evaluate(0.0)
    split = split_indices(small_dataset.labels, 0.1, 0)
    x = torch.tensor(small_dataset.images[split.train].reshape(-1, 784) / 255.0).float()
    with torch.no_grad():
        p = Bernoulli(logits=trainer.model(x), validate_args=False)
        expected = -p.log_prob(x).sum(dim=1).mean().item()
    assert evaluation.train is not None
    assert evaluation.train.recon == pytest.approx(expected, rel=1e-6)
    assert math.isnan(evaluation.train.kl)
    sizes = np.diff([0, *[min(360, p.step * 32) for p in points]])
    weighted = sum(p.metrics.recon * n for p, n in zip(points, sizes, strict=True)) / 360
    assert weighted == pytest.approx(expected, rel=1e-6)


def test_the_training_mean_of_an_epoch_is_that_of_its_own_steps(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(small_config, small_dataset, CPU)
    trainer.train(12)
    points = trainer.train(12)
    assert points[0].step == 13
    assert len(points) == 12
    sizes = [32] * 11 + [8]
    expected = sum(p.metrics.loss * n for p, n in zip(points, sizes, strict=True)) / 360
    train = trainer.evaluate(0.0).train
    assert train is not None
    assert train.loss == pytest.approx(expected, rel=1e-9)


def test_evaluation_is_the_elbo_of_the_validation_images_whatever_beta(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(replace(small_config, beta=7.0), small_dataset, CPU)
    trainer.train(12)
    e = trainer.evaluate(0.0)
    split = split_indices(small_dataset.labels, 0.1, 0)
    x = torch.tensor(small_dataset.images[split.validation].reshape(-1, 784) / 255.0).float()
    noise = torch.Generator().manual_seed(stream_seed(1, Stream.EVALUATION))
    eps = torch.randn(40, 4, generator=noise)
    with torch.no_grad():
        mu, logvar = trainer.model.posterior(x)
        q = Normal(mu, (0.5 * logvar).exp())
        logits = trainer.model.decode(mu + q.stddev * eps)
        recon = -Bernoulli(logits=logits, validate_args=False).log_prob(x).sum(1).mean().item()
        kl = kl_divergence(q, Normal(0.0, 1.0)).mean(dim=0)
    assert e.val.recon == pytest.approx(recon, rel=1e-6)
    assert e.val.kl == pytest.approx(kl.sum().item(), rel=1e-5)
    assert e.kl_per_dim == pytest.approx(kl.numpy(), rel=1e-5)
    assert e.val.neg_elbo == pytest.approx(e.val.recon + e.val.kl)
    assert e.val.loss == pytest.approx(e.val.recon + 7.0 * e.val.kl)
    assert trainer.evaluate(0.0).val == e.val, "the same noise every time"


def test_an_evaluation_in_batches_equals_one_in_a_single_batch(
    small_config: RunConfig, small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(small_config, small_dataset, CPU)
    whole = trainer.evaluate(0.0).val
    monkeypatch.setattr("engine.model.evaluation.BATCH", 7)  # 40 images: the last batch has 5
    calls: list[int] = []
    cut = trainer.evaluate(0.0, on_batch=lambda: calls.append(1)).val
    assert len(calls) == 6
    assert cut.recon == pytest.approx(whole.recon, rel=1e-6)
    assert cut.kl == pytest.approx(whole.kl, rel=1e-6)


def test_evaluations_fall_due_at_powers_of_two_and_at_every_epoch(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(small_config, small_dataset, CPU)
    due = []
    while not trainer.finished:
        if trainer.evaluation_due():
            due.append(trainer.step)
        to_next = trainer.steps_to_evaluation()
        trainer.train(to_next)
        assert trainer.evaluation_due(), "steps_to_evaluation leads to one"
    assert due == [0, 1, 2, 4, 8, 12, 24]
    assert trainer.step == 36
    assert trainer.epoch == 3.0


def test_cosine_schedule_falls_to_zero_and_constant_stays(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(small_config, small_dataset, CPU)
    assert trainer.lr == small_config.lr
    trainer.train(12)
    trainer.train(6)
    assert trainer.lr == pytest.approx(small_config.lr / 2)
    constant = Trainer(replace(small_config, lr_schedule="constant"), small_dataset, CPU)
    constant.train(12)
    assert constant.lr == small_config.lr


def test_one_huge_batch_spoils_neither_the_points_nor_the_epochs_after_it(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, model="ae", epochs=2, lr=1e-30, lr_schedule="constant")
    trainer, undisturbed = (Trainer(config, small_dataset, CPU) for _ in range(2))
    trainer.train(3)
    undisturbed.train(3)
    last = trainer.model.decoder[-1]
    assert isinstance(last, torch.nn.Linear)
    bias = last.bias.detach().clone()
    last.bias.detach().fill_(1e30)
    (huge,) = trainer.train(1)
    assert huge.metrics.recon > 1e30
    last.bias.detach().copy_(bias)
    undisturbed.train(1)
    expected = undisturbed.train(20) + undisturbed.train(20)
    found = trainer.train(20) + trainer.train(20)
    assert [p.metrics.recon for p in found] == [p.metrics.recon for p in expected]
    means = [t.evaluate(0.0).train for t in (trainer, undisturbed)]
    assert means[0] is not None
    assert means[1] is not None
    assert means[0].recon == means[1].recon


def test_points_and_epoch_means_are_the_same_however_steps_are_cut(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    whole, cut = (Trainer(small_config, small_dataset, CPU) for _ in range(2))
    points = whole.train(12)
    assert [p for steps in (1, 4, 2, 5) for p in cut.train(steps)] == points
    assert cut.evaluate(0.0).train == whole.evaluate(0.0).train


def test_a_point_over_two_epochs_is_the_mean_of_both(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    # So long a run that it has a point in two epochs only, of a step each.
    config = replace(small_config, epochs=2 * MAX_TRAIN_POINTS, batch_size=360)
    trainer = Trainer(config, small_dataset, CPU)
    means = []
    for _ in range(2):
        points = trainer.train(1)
        train = trainer.evaluate(0.0).train
        assert train is not None
        means.append(train.loss)
    (point,) = points
    assert point.step == 2
    assert point.metrics.loss == pytest.approx(sum(means) / 2, rel=1e-12)
    assert means[0] != means[1]


@pytest.mark.parametrize("cut", [5, 12, 17])
def test_a_checkpoint_of_the_version_that_summed_since_step_0_goes_on(
    cut: int, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, epochs=2)
    expected, first, second = (Trainer(config, small_dataset, CPU) for _ in range(3))
    for trainer in (expected, first):
        while trainer.step < cut:
            trainer.train(min(12, cut - trainer.step))
    state = first.state_dict()
    epoch, point = state.pop("epoch_sums"), state.pop("point_sums")
    since_step_0 = torch.tensor([3e5, 2e5, 1e5, 1e3], dtype=torch.float64) + epoch
    second.load_state_dict(
        state
        | {
            "sums": since_step_0,
            "epoch_start_sums": since_step_0 - epoch,
            "last_point_sums": since_step_0 - point,
        }
    )
    for found, wanted in zip(second.train(20), expected.train(20), strict=True):
        assert found.metrics.loss == pytest.approx(wanted.metrics.loss, rel=1e-9)
    found_mean, wanted_mean = second.evaluate(0.0).train, expected.evaluate(0.0).train
    assert found_mean is not None
    assert wanted_mean is not None
    assert found_mean.loss == pytest.approx(wanted_mean.loss, rel=1e-9)


def test_training_learns(small_config: RunConfig, small_dataset: ImageDataset) -> None:
    trainer = Trainer(replace(small_config, epochs=15), small_dataset, CPU)
    before = trainer.evaluate(0.0).val
    finish(trainer)
    after = trainer.evaluate(0.0).val
    assert before.neg_elbo == pytest.approx(784 * math.log(2), rel=0.03)  # logits near 0
    assert after.neg_elbo < before.neg_elbo - 100


def test_an_evaluation_made_again_under_other_epochs_keeps_the_learning_rate_that_was_used(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    first = Trainer(small_config, small_dataset, CPU)
    finish(first)
    row = first.evaluate(0.0)
    assert row.lr == pytest.approx(small_config.lr / 2 * (1 + math.cos(math.pi * 35 / 36)))
    longer = replace(small_config, epochs=50)
    state = first.state_dict()
    of_an_older_version = {name: part for name, part in state.items() if name != "last_lr"}
    of_an_older_version["config"] = small_config.to_dict()
    for stored in (state, of_an_older_version):
        resumed = Trainer(longer, small_dataset, CPU)
        resumed.load_state_dict(stored)
        again = resumed.evaluate(0.0)
        assert (again.lr, again.beta) == (row.lr, row.beta)
        # Stopped and saved before a step under the new schedule is taken: still.
        third = Trainer(longer, small_dataset, CPU)
        third.load_state_dict(resumed.state_dict())
        assert third.evaluate(0.0).lr == row.lr
        assert resumed.lr == pytest.approx(longer.lr / 2 * (1 + math.cos(math.pi * 36 / 600)))
        resumed.train(1)
        used = longer.lr / 2 * (1 + math.cos(math.pi * 36 / 600))
        assert resumed.evaluate(0.0).lr == pytest.approx(used)


def test_a_checkpoint_of_a_version_that_kept_only_beta_is_read(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(replace(small_config, free_bits=0.3), small_dataset, CPU)
    trainer.train(5)
    state = trainer.state_dict()
    expected = trainer.evaluate(0.0)
    del state["last_objective"]
    restored = Trainer(trainer.config, small_dataset, CPU)
    for kept, beta in (({}, expected.beta), ({"last_beta": 0.125}, 0.125)):
        restored.load_state_dict({**state, **kept})
        found = restored.evaluate(0.0)
        assert found.beta == beta
        assert found.val.neg_elbo == expected.val.neg_elbo
        assert (found.val.loss == expected.val.loss) == (beta == expected.beta)


def test_what_is_steered_after_a_checkpoints_last_step_is_not_evaluated_by_at_it(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(replace(small_config, free_bits=0.3), small_dataset, CPU)
    trainer.train(12)
    expected = trainer.evaluate(0.0)
    trainer.steer(replace(trainer.config, free_bits=5.0, beta=0.5))
    restored = Trainer(trainer.config, small_dataset, CPU)
    restored.load_state_dict(trainer.state_dict())
    assert trainer.evaluate(0.0).val == restored.evaluate(0.0).val == expected.val
    trainer.train(1)
    assert trainer.evaluate(0.0).val.loss != expected.val.loss


def test_what_is_steered_before_the_first_step_is_evaluated_by(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    steered, fresh = replace(small_config, beta=3.0, lr=0.01), small_config
    trainer = Trainer(fresh, small_dataset, CPU)
    trainer.steer(steered)
    one, other = trainer.evaluate(0.0), Trainer(steered, small_dataset, CPU).evaluate(0.0)
    assert (one.val, one.beta, one.lr) == (other.val, other.beta, other.lr)
