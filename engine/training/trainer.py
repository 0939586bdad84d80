"""The training loop: epochs, schedules, evaluation. No threads, no files, no terminal.

Built for small networks, where overhead is what costs: the images stay on the device as uint8,
one permutation an epoch is drawn there, and no step waits for the device
(`engine.training.stepper`); each step's sums are read when `train` returns, and added up here.
"""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from data import ImageDataset
from engine.config import RunConfig
from engine.history import train_point_due
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.model.device_data import ImageSplits
from engine.model.evaluation import Measurement, evaluation_noise, measure
from engine.model.matmul_precision import matmul_precision
from engine.model.networks import build_model
from engine.model.objective import Objective, beta_at, objective_at
from engine.model.seeds import Stream, stream_seed
from engine.training.divergence import diverged
from engine.training.precision import check_precision, products
from engine.training.stepper import Stepper, Sums, capture_cuda_graph


class Trainer:
    """A model, its optimiser and its position in one run.

    Some of the settings may be changed between two calls (`steer`); `config` has them as they are.

    `train` and `evaluate` are called in turn, by hand or by a run's thread; how many
    steps a call of `train` takes never changes the weights.

    Raises:
        ConfigError: if the device hasn't the precision that is asked for.
    """

    def __init__(self, config: RunConfig, dataset: ImageDataset, device: torch.device) -> None:
        check_precision(config.precision, device)
        self.config = config
        self.device = device
        self.images = ImageSplits.of_dataset(dataset, config, device)

        self.model = build_model(config, stream_seed(config.seed, Stream.INIT)).to(device)
        self.average = deepcopy(self.model) if config.ema > 0 else None
        """The moving average of the model's weights, if there is one."""
        self._on_gpu = device.type == "cuda"
        # One fused kernel for all parameters instead of dozens of small ones per step.
        self._optimizer = torch.optim.Adam(
            self.model.parameters(), lr=config.lr, fused=True, capturable=self._on_gpu
        )
        self._generator = torch.Generator(device)
        self._generator.manual_seed(stream_seed(config.seed, Stream.TRAIN))
        self._val_eps = evaluation_noise(config, len(self.images.validation)).to(device)
        self._stepper = self._new_stepper()

        self.step = 0
        self.steps_per_epoch = math.ceil(len(self.images.train) / config.batch_size)
        self._permutation = torch.empty(0, dtype=torch.int64, device=device)
        self._epoch_sums: Sums = np.zeros(4)
        """Over the steps of the running epoch."""
        self._point_sums: Sums = np.zeros(4)
        """Over the steps since the last point of the training curve."""
        self._last_lr = config.lr
        """Of the last step taken: what was steered since then has another schedule."""
        self._last_objective = objective_at(config, 0.0)

    @property
    def optimizer(self) -> torch.optim.Adam:
        """To be looked at: only the steps change it."""
        return self._optimizer

    @property
    def epoch(self) -> float:
        """Epochs trained so far, with fractions."""
        return self.step / self.steps_per_epoch

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.config.epochs

    @property
    def finished(self) -> bool:
        """Whether all epochs are trained."""
        return self.step >= self.total_steps

    @property
    def images_seen(self) -> int:
        """Images trained on so far, repeats counted."""
        whole, rest = divmod(self.step, self.steps_per_epoch)
        return whole * len(self.images.train) + rest * self.config.batch_size

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr_at(self.step)

    @property
    def beta(self) -> float:
        """β_t of the next step."""
        return beta_at(self.config, self.epoch)

    def evaluation_due(self) -> bool:
        """At step 0, at powers of two within the first epoch, and at the end of every epoch."""
        if self.step < self.steps_per_epoch:
            return self.step == 0 or self.step.bit_count() == 1
        return self.step % self.steps_per_epoch == 0

    def steps_to_evaluation(self) -> int:
        """Steps from here to the next evaluation, at least 1."""
        in_epoch = self.step % self.steps_per_epoch
        to_epoch_end = self.steps_per_epoch - in_epoch
        if self.step < self.steps_per_epoch:
            return min(to_epoch_end, (1 << self.step.bit_length()) - self.step)
        return to_epoch_end

    def steer(self, config: RunConfig) -> None:
        """Train on under settings of which some `engine.config.STEERABLE` ones are others.

        They hold from the next step on, in what is left of an epoch, too. What is drawn at random
        doesn't depend on them.
        """
        before, self.config = self.config, config
        if self.step == 0:
            self._last_lr, self._last_objective = config.lr, objective_at(config, 0.0)
        if (config.grad_clip, config.free_bits) != (before.grad_clip, before.free_bits):
            self._stepper.steer(config)
        if self.step % self.steps_per_epoch:
            self._plan_epoch()

    def use_no_graphs(self) -> None:
        """Issue the steps kernel by kernel on a GPU, too; the numbers are the same."""
        self._stepper.capture = None

    def train(self, steps: int) -> list[TrainPoint]:
        """Take up to `steps` optimiser steps, not past the end of the epoch.

        Returns:
            The training curve's points that fell due.

        Raises:
            TrainingDivergedError: if the loss or a part of it is NaN or infinite.
        """
        in_epoch = self.step % self.steps_per_epoch
        if in_epoch == 0:
            self._start_epoch()
        steps = min(steps, self.steps_per_epoch - in_epoch)
        with matmul_precision(self.config.precision, self.device):
            sums = self._stepper.run(in_epoch, steps)
        self._check_finite(sums)
        last_step = self.step + steps - 1
        self._last_lr = self._lr_at(last_step)
        self._last_objective = objective_at(self.config, last_step / self.steps_per_epoch)
        self._epoch_sums = _added(self._epoch_sums, sums)
        points: list[TrainPoint] = []
        begun = 0
        for taken in range(1, steps + 1):
            self.step += 1
            if train_point_due(self.step, self.config.epochs, self.total_steps):
                metrics = _mean(_added(self._point_sums, sums[begun:taken]))
                points.append(TrainPoint(self.step, self.epoch, metrics))
                self._point_sums, begun = np.zeros(4), taken
        self._point_sums = _added(self._point_sums, sums[begun:])
        return points

    def evaluate(self, seconds: float, on_batch: Callable[[], None] | None = None) -> Evaluation:
        """Measure the model on the validation split, with the same noise every time.

        Args:
            seconds: training time so far, for the record.
            on_batch: called before each batch, so that a caller can answer others meanwhile.

        Raises:
            TrainingDivergedError: if the loss or a part of it is NaN or infinite.
        """
        # The loss and the learning rate of the last step taken, not of the next.
        objective = self._last_objective
        pixels = self.images.validation.pixels
        measured = measure(self.model, pixels, self._val_eps, objective, on_batch)
        if not measured.metrics.is_finite():
            raise diverged(
                self.config,
                measured.metrics,
                step=self.step,
                beta=objective.beta,
                during="evaluation",
            )
        return Evaluation(
            step=self.step,
            epoch=self.epoch,
            beta=objective.beta,
            lr=self._last_lr,
            val=measured.metrics,
            train=self._epoch_mean(),
            kl_per_dim=measured.kl_per_dim,
            active_units=measured.active_units,
            seconds=seconds,
        )

    def evaluate_average(self, on_batch: Callable[[], None] | None = None) -> Measurement | None:
        """Measure the average of the weights as `evaluate` does the weights; None if there is none.

        Args:
            on_batch: called before each batch.
        """
        if self.average is None:
            return None
        pixels = self.images.validation.pixels
        return measure(self.average, pixels, self._val_eps, self._last_objective, on_batch)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to continue from here, bit for bit."""
        optimizer = self._optimizer.state_dict()
        for group in optimizer["param_groups"]:
            group["lr"] = self.config.lr  # not the stepper's tensor
        average = {} if self.average is None else {"average": self.average.state_dict()}
        return {
            **average,
            "step": self.step,
            "device": self.device.type,
            "model": self.model.state_dict(),
            "optimizer": optimizer,
            "generator": self._generator.get_state(),
            "permutation": self._permutation,
            "epoch_sums": torch.from_numpy(self._epoch_sums),
            "point_sums": torch.from_numpy(self._point_sums),
            "last_lr": self._last_lr,
            "last_objective": asdict(self._last_objective),
        }

    def begin_with(self, state: Mapping[str, Any]) -> None:
        """Take the weights of another run's state, and its optimiser's moments, at step 0.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError, AttributeError: if they don't fit.
        """
        self.model.load_state_dict(state["model"])
        if self.average is not None:  # begins with the weights, as in any run
            self.average.load_state_dict(state["model"])
        self._load_optimizer(state)
        self._stepper = self._new_stepper()

    def _load_optimizer(self, state: Mapping[str, Any]) -> None:
        # Adam would keep using the very tensors it is given.
        self._optimizer.load_state_dict(deepcopy(state["optimizer"]))
        for group in self._optimizer.param_groups:
            group["capturable"] = self._on_gpu

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to where `state_dict` was called, for the same settings and data.

        On another kind of device the noise is that of another seed: generators differ.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError, AttributeError: if the state is not of
                such a trainer. It is in no state to train then.
        """
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._load_optimizer(state)
        if state["device"] == self.device.type:
            self._generator.set_state(state["generator"].cpu())
        else:
            seed = stream_seed(self.config.seed, Stream.TRAIN, self.step)
            self._generator.manual_seed(seed)
        self._permutation = state["permutation"].to(self.device)
        self._epoch_sums, self._point_sums = _stored_sums(state)
        self._last_lr = self._stored_lr(state)
        self._last_objective = self._stored_objective(state)
        self._stepper = self._new_stepper()  # a graph would keep the previous moments
        if self.step % self.steps_per_epoch:
            self._plan_epoch()

    def _new_stepper(self) -> Stepper:
        return Stepper(
            self.model,
            self._optimizer,
            self.images.train.pixels,
            self.config,
            self.average,
            self._generator,
            products(self.config.precision, self.device),
            capture_cuda_graph if self._on_gpu else None,
        )

    def _start_epoch(self) -> None:
        count = len(self.images.train)
        self._permutation = torch.randperm(count, generator=self._generator, device=self.device)
        self._epoch_sums = np.zeros(4)
        self._plan_epoch()

    def _plan_epoch(self) -> None:
        """Tell the stepper what the steps of the epoch are that the trainer is in."""
        start = self.step - self.step % self.steps_per_epoch
        steps = range(start, start + self.steps_per_epoch)
        lr = [self._lr_at(step) for step in steps]
        at = [objective_at(self.config, step / self.steps_per_epoch) for step in steps]
        beta, capacity = [o.beta for o in at], [o.capacity or 0.0 for o in at]
        share = [_share(self.config.ema, step) for step in steps]
        self._stepper.begin_epoch(self._permutation, [lr, beta, capacity, share])

    def _lr_at(self, step: int, total_steps: int | None = None) -> float:
        if self.config.lr_schedule == "constant":
            return self.config.lr
        # Loshchilov & Hutter 2017, eq. 5, without restarts.
        share = step / (total_steps or self.total_steps)
        return 0.5 * self.config.lr * (1.0 + math.cos(math.pi * share))

    def _stored_lr(self, state: Mapping[str, Any]) -> float:
        """Of the last step before a checkpoint."""
        if "last_lr" in state:
            return float(state["last_lr"])
        # Of a version that didn't keep it: by the schedule that the checkpoint was trained under.
        epochs = state["config"]["epochs"] if "config" in state else self.config.epochs
        return self._lr_at(max(0, self.step - 1), self.steps_per_epoch * epochs)

    def _stored_objective(self, state: Mapping[str, Any]) -> Objective:
        """Of the last step before a checkpoint."""
        if "last_objective" in state:
            return Objective(**state["last_objective"])
        # Of a version in which nothing but β could change, and before that not even β.
        then = objective_at(self.config, max(0, self.step - 1) / self.steps_per_epoch)
        return replace(then, beta=float(state.get("last_beta", then.beta)))

    def _check_finite(self, sums: Sums) -> None:
        """See that the steps from here on had a loss; else name the first that had none."""
        parts = sums[:, :3] if self.config.model == "vae" else sums[:, :2]
        finite = np.isfinite(parts).all(axis=1)
        if finite.all():
            return
        first = int(finite.argmin())
        beta = beta_at(self.config, self.epoch + first / self.steps_per_epoch)
        self.step += first + 1
        raise diverged(
            self.config, _mean(sums[first]), step=self.step, beta=beta, during="training"
        )

    def _epoch_mean(self) -> Metrics | None:
        """Over what is trained of the epoch that runs, or that has just ended."""
        return None if self.step == 0 else _mean(self._epoch_sums)


def _share(decay: float, step: int) -> float:
    """Of a step in the moving average of the weights after it.

    θ̄ = Σ_t d^(T−t)·θ_t / Σ_t d^(T−t) over the steps t = 1 to T: without bias towards the initial
    weights. Kingma & Ba 2015, section 7.2.
    """
    return (1.0 - decay) / (1.0 - decay ** (step + 1)) if decay > 0 else 0.0


def _added(before: Sums, steps: Sums) -> Sums:
    """Sums (4,) and those of further steps (N, 4), added one after the other.

    In the order of the steps, so that the numbers are the same however they are cut into slices.
    """
    total: Sums = np.add.accumulate(np.vstack([before, steps]), axis=0)[-1]
    return total


def _stored_sums(state: Mapping[str, Any]) -> tuple[Sums, Sums]:
    """Of the epoch, and since the last point of the curve, from a checkpoint."""
    if "epoch_sums" in state:
        epoch, point = state["epoch_sums"], state["point_sums"]
    else:  # of a version that summed since step 0, and kept where epoch and point began
        epoch = state["sums"] - state["epoch_start_sums"]
        point = state["sums"] - state["last_point_sums"]
    return epoch.double().numpy().copy(), point.double().numpy().copy()


def _mean(sums: Sums) -> Metrics:
    loss, recon, kl, count = sums.tolist()
    return Metrics(loss=loss / count, recon=recon / count, kl=kl / count)
