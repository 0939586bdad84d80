"""What a `ViewFeed` needs on both its ends: a run that answers when told to, and a screen."""

import threading
from concurrent.futures import Future
from typing import Any

from textual.message import Message


class AskedRun:
    """Keeps the questions; a test answers them."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Future[Any]]] = []

    def request(self, view: Any) -> "Future[Any]":
        self.asked.append((view, Future()))
        return self.asked[-1][1]

    @property
    def questions(self) -> list[Any]:
        return [view for view, _ in self.asked]

    def answer(self, value: Any, index: int = -1) -> None:
        """From another thread, as the real one does."""
        thread = threading.Thread(target=self.asked[index][1].set_result, args=(value,))
        thread.start()
        thread.join()

    def fail(self, error: Exception, index: int = -1) -> None:
        self.asked[index][1].set_exception(error)


class Mailbox:
    """In place of a screen: keeps the messages until a test delivers them."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def post_message(self, message: Message) -> bool:
        self.messages.append(message)
        return True

    def deliver(self) -> None:
        """All messages, also those that come of delivering."""
        while self.messages:
            self.messages.pop(0).deliver()
