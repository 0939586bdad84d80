"""Optimiser steps on the device: kernel by kernel, or many steps at once as a CUDA graph.

On a GPU a step of so small a network takes longer to issue than to compute. A graph holds the
kernels of many steps and is issued as a whole: the thread that trains waits without the
interpreter's lock, and the dashboard has it.
"""

import gc
import logging
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.optim.adam import adam

from engine.config import RunConfig
from engine.model.evaluation import to_unit
from engine.model.networks import PIXELS, Model
from engine.training.gradients import Matmul, backpropagation
from engine.training.latent_terms import LatentTerm, latent_term

log = logging.getLogger(__name__)

STEPS_A_REPLAY = 32
WARM_UP_STEPS = 3
"""Steps that are issued kernel by kernel before a graph is made: libraries set themselves up
meanwhile and Adam makes its moments, which must not happen in a graph."""

Sums = npt.NDArray[np.float64]
"""(4,) or (N, 4): the loss, reconstruction and KL summed over images; how many images."""
Work = Callable[[], None]
Capture = Callable[[Work], Work]
"""Records what some work does to tensors, without doing it; what it returns does it."""


def capture_cuda_graph(work: Work) -> Work:
    """A `Capture` for the current CUDA device.

    Other threads may use CUDA meanwhile: only this thread's calls are watched for what a graph
    can't hold. The caller keeps what the work reads and writes for as long as the graph: that
    keeps nothing but what is made within it, and would write into what is somebody else's by then.
    """
    graph = torch.cuda.CUDAGraph()
    # Not PyTorch's own stream for this: it stays on the device that first made a graph.
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    # Seen on an H200: a graph of an earlier run that is collected as garbage in this thread just
    # then is freed by a call that invalidates the capture.
    collects = gc.isenabled()
    gc.disable()
    try:
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            work()
    finally:
        if collects:
            gc.enable()
    return graph.replay


class Stepper:
    """Takes a run's optimiser steps.

    Args:
        optimizer: over the model's parameters; with a `capture`, one that can be captured.
        pixels: (N, 784) uint8, the training images on the model's device.
        config: the run's settings.
        average: of the model's weights, which moves with them, if there is one.
        generator: the training noise is drawn from it, step by step, however steps are issued.
        capture: how graphs are made; None: none are.
    """

    def __init__(
        self,
        model: Model,
        optimizer: torch.optim.Adam,
        pixels: Tensor,
        config: RunConfig,
        average: Model | None,
        generator: torch.Generator,
        products: Matmul,
        capture: Capture | None = None,
    ) -> None:
        self._model = model
        self._adam = _Adam(optimizer)
        self._pixels = pixels
        self._config = config
        self._average = average
        self._batch_size = config.batch_size
        self._generator = generator
        self._products = products
        self.capture = capture
        """None from the time on when one could not be made."""
        self._steps: dict[int, _Step] = {}
        self._blocks: dict[tuple[int, int], _Block] = {}
        self._order = self._schedule = torch.empty(0)

    def steer(self, config: RunConfig) -> None:
        """Take the next steps under settings that differ from the current ones.

        Not only in those of `begin_epoch`: what is fixed in a step is made again, graphs as well.
        """
        self._config = config
        self._steps.clear()
        self._blocks.clear()

    def begin_epoch(self, order: Tensor, schedule: Sequence[Sequence[float]]) -> None:
        """Say what the steps of the epoch are.

        Args:
            order: (N,) int64 on the device, a permutation of the images.
            schedule: the learning rate of each step, likewise β_t, C_t, and the step's share of
                the weights' average.
        """
        self._order = order
        self._schedule = torch.tensor(schedule, device=order.device)

    @torch.no_grad()
    def run(self, first: int, count: int) -> Sums:
        """Take `count` steps of the epoch from its step `first` on, and wait for the device.

        Returns:
            (count, 4), each step's own sums: whoever adds them up has float64 for it on any
            device, and one huge batch takes no digit from the others.
        """
        sums = torch.empty(count, 4, device=self._order.device)
        done = 0
        while done < count:
            block = self._next_block(first + done, count - done)
            steps = slice(first + done, first + done + block.steps)
            order = self._order[steps.start * self._batch_size :][: block.images]
            block.fill(order, self._schedule[:, steps], self._generator)
            self._play(block)
            sums[done : done + block.steps] = block.sums
            done += block.steps
        return sums.cpu().numpy().astype(np.float64)

    def _next_block(self, step: int, at_most: int) -> "_Block":
        """The longest there is for the steps from `step` on."""
        batch = min(self._batch_size, len(self._order) - step * self._batch_size)
        full = len(self._order) // self._batch_size - step
        long = self._warm(batch) and min(at_most, full) >= STEPS_A_REPLAY
        steps = STEPS_A_REPLAY if long else 1
        if (batch, steps) not in self._blocks:
            if batch not in self._steps:
                self._steps[batch] = _Step(
                    self._model,
                    self._adam,
                    self._pixels,
                    batch,
                    self._products,
                    latent_term(self._config),
                    self._config.grad_clip,
                    self._average,
                )
            self._blocks[batch, steps] = _Block(self._steps[batch], steps)
        return self._blocks[batch, steps]

    def _warm(self, batch: int) -> bool:
        step = self._steps.get(batch)
        return self.capture is not None and step is not None and step.taken >= WARM_UP_STEPS

    def _play(self, block: "_Block") -> None:
        if block.replay is None and self.capture is not None and self._warm(block.batch):
            try:
                block.replay = self.capture(block.take)
            except RuntimeError:
                log.warning("no CUDA graph can be made; going on step by step", exc_info=True)
                self.capture = None
            else:
                log.info("CUDA graph of %d steps of %d images", block.steps, block.batch)
        (block.replay or block.take)()


def bytes_an_image(model: Model) -> int:
    """Memory of a training step for each image of its batch, beside the images themselves."""
    pixels = torch.empty(1, PIXELS, dtype=torch.uint8, device=next(model.parameters()).device)
    adam = _Adam(torch.optim.Adam(model.parameters()))
    return _Step(model, adam, pixels, 1, Matmul()).nbytes


class _Adam:
    """An optimiser's steps without what its method does around them, a twentieth of the time."""

    def __init__(self, optimizer: torch.optim.Adam) -> None:
        self._optimizer = optimizer
        (self._group,) = optimizer.param_groups
        self._update: Callable[..., None] | None = None

    def step(self, lr: Tensor) -> None:
        """Change the parameters by their `.grad`."""
        if self._update is None:
            self._group["lr"] = lr
            self._optimizer.step()  # makes the state, if there is none
            self._update = self._prepared()
        else:
            self._update(lr=lr)

    def _prepared(self) -> Callable[..., None]:
        parameters: list[Tensor] = self._group["params"]
        state = [self._optimizer.state[parameter] for parameter in parameters]
        beta1, beta2 = self._group["betas"]
        return partial(
            adam,
            parameters,
            [parameter.grad for parameter in parameters if parameter.grad is not None],
            [tensors["exp_avg"] for tensors in state],
            [tensors["exp_avg_sq"] for tensors in state],
            [],
            [tensors["step"] for tensors in state],
            fused=True,
            capturable=self._group["capturable"],
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            weight_decay=self._group["weight_decay"],
            eps=self._group["eps"],
            maximize=False,
        )


class _Step:
    """One optimiser step on a batch of a certain size. Never waits for the device."""

    def __init__(
        self,
        model: Model,
        adam: "_Adam",
        pixels: Tensor,
        batch: int,
        products: Matmul,
        latent: LatentTerm | None = None,
        grad_clip: float = 0.0,
        average: Model | None = None,
    ) -> None:
        self.batch = batch
        self.device = pixels.device
        self.taken = 0
        """How often it was issued kernel by kernel."""
        self._pass = backpropagation(model, batch, products, latent)
        self._adam = adam
        self._parameters = list(model.parameters())
        self._averages: list[tuple[Tensor, Tensor]] = []
        if average is not None:
            self._averages = list(zip(average.parameters(), self._parameters, strict=True))
        self._grad_clip = grad_clip
        self._pixels = pixels
        self._raw = pixels.new_empty(batch, pixels.shape[1])
        self._x = torch.empty(self._raw.shape, device=self.device)

    @property
    def noise_dim(self) -> int:
        return self._pass.noise_dim

    @property
    def nbytes(self) -> int:
        return self._pass.nbytes + self._raw.nbytes + self._x.nbytes

    def take(
        self,
        chosen: Tensor,
        eps: Tensor,
        lr: Tensor,
        beta: Tensor,
        capacity: Tensor,
        share: Tensor,
        sums: Tensor,
    ) -> None:
        """Train on the images `chosen` (B,); write their `sums` (4,)."""
        torch.index_select(self._pixels, 0, chosen, out=self._raw)
        self._pass.run(to_unit(self._raw, out=self._x), eps, beta, capacity, sums)
        if self._grad_clip > 0:
            # Pascanu, Mikolov & Bengio 2013, algorithm 1. Computed on the device: nothing waits.
            torch.nn.utils.clip_grad_norm_(self._parameters, self._grad_clip)
        self._adam.step(lr)
        for average, parameter in self._averages:
            average.lerp_(parameter, share)
        self.taken += 1


class _Block:
    """Steps in a row, and their inputs in memory that stays where it is."""

    def __init__(self, step: _Step, steps: int) -> None:
        self.steps = steps
        self.batch = step.batch
        self.images = steps * step.batch
        self.replay: Work | None = None
        self._step = step
        device = step.device
        self._chosen = torch.empty(steps, step.batch, dtype=torch.int64, device=device)
        self._noise = torch.empty(steps, step.batch, step.noise_dim, device=device)
        self._schedule = torch.empty(4, steps, device=device)
        self.sums = torch.empty(steps, 4, device=device)
        """Each step's."""

    def fill(self, chosen: Tensor, schedule: Tensor, generator: torch.Generator) -> None:
        """Say what the next steps are on: the images' indices (steps·B,), and so on."""
        self._chosen.copy_(chosen.view_as(self._chosen))
        self._schedule.copy_(schedule)
        for noise in self._noise:
            noise.normal_(generator=generator)

    def take(self) -> None:
        """Issue the steps kernel by kernel."""
        rows = zip(self._chosen, self._noise, *self._schedule, self.sums, strict=True)
        for row in rows:
            self._step.take(*row)
