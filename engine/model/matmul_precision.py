"""The precision of float32 matrix products, which torch keeps once for the whole process.

One thread may train in bfloat16 while another scores a stored run in float32. So whoever
multiplies says in which precision, and those who want another one wait for their turn: a slice of
steps, or one pass of a batch. Where all want the same, nobody waits.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, local
from typing import Any, Literal

import torch

from engine.config import Precision

BackendPrecision = Literal["ieee", "tf32", "bf16"]
"""As torch's backends name them."""


class PrecisionSwitch:
    """One backend's setting, shared by the threads that want it the same.

    First come, first served: a thread that wants the other setting is not passed by for ever.
    """

    def __init__(self, backend: Callable[[], Any]) -> None:
        self._backend = backend
        self._changed = Condition()
        self._waiting: deque[object] = deque()
        self._users = 0
        self._current: BackendPrecision = "ieee"
        self._before: Any = None
        self._mine = local()

    @contextmanager
    def at(self, precision: BackendPrecision) -> Iterator[None]:
        """Keep the setting meanwhile; a thread may nest what it has already.

        Raises:
            RuntimeError: if this thread holds the setting at another precision.
        """
        held: BackendPrecision | None = getattr(self._mine, "held", None)
        if held is not None:
            if held != precision:
                raise RuntimeError(f"products in {precision} inside of products in {held}")
            yield
            return
        self._enter(precision)
        self._mine.held = precision
        try:
            yield
        finally:
            self._mine.held = None
            self._leave()

    def _enter(self, precision: BackendPrecision) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or (
                    self._users and self._current != precision
                ):
                    self._changed.wait()
                if not self._users:
                    backend = self._backend()
                    self._before, backend.fp32_precision = backend.fp32_precision, precision
                self._current = precision
                self._users += 1
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _leave(self) -> None:
        with self._changed:
            self._users -= 1
            if not self._users:
                self._backend().fp32_precision = self._before
                self._changed.notify_all()


_SWITCHES = {
    "cpu": PrecisionSwitch(lambda: torch.backends.mkldnn.matmul),  # type: ignore[attr-defined]
    "cuda": PrecisionSwitch(lambda: torch.backends.cuda.matmul),
}


@contextmanager
def matmul_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """Multiply on a device in a precision of training.

    bf16 on a GPU is not the backend's: its factors are cast (`Bfloat16Matmul`).
    """
    switch = _SWITCHES.get(device.type)
    if switch is None:  # Apple's GPUs have no such setting
        yield
        return
    cast = precision == "bf16" and device.type == "cuda"
    with switch.at("ieee" if precision == "float32" or cast else precision):
        yield


def float32_products(tensor: torch.Tensor) -> Any:
    """Multiply in float32 on the tensor's device, whatever else trains in this process."""
    return matmul_precision("float32", tensor.device)
