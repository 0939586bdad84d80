"""The film of a run: a frame per evaluation, of a long run fewer, one file each.

checkpoints/<run>/frames/<step>.npz: a frame is written once and never changed, so a run that is
watched from another process, or killed, has every frame whole or not at all.
"""

import contextlib
import io
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import RunError
from engine.storage.atomic_files import atomic_write, refuse_link, remove_unfinished
from engine.views import Frame

MAX_FRAMES = 400
"""Frames kept of a run, evenly spread over its epochs."""
_MOST_EVEN = MAX_FRAMES - 20
"""Of them after the first epoch, whose evaluations at powers of two are fewer than 20."""

_FOLDER = "frames"
_FILE = re.compile(r"\d{9,18}\.npz", re.ASCII)
"""What we write: a copy, a backup or a conflict of two synchronised folders is named otherwise."""
MAX_BYTES = 1 << 26
"""Of a frame, unpacked; ours have some 100 kB."""


def thin(frames: list[Frame]) -> None:
    """Drop frames in place if there are too many.

    The newest stays, those of the first epoch's own evaluations, and those of every 2nd (4th, 8th,
    …) epoch: what is dropped depends on the epochs trained alone, not on what was dropped before,
    so a run that was interrupted has the same film.
    """
    spacing = 1
    while frames and frames[-1].epoch > spacing * _MOST_EVEN:
        spacing *= 2
    if spacing > 1 or len(frames) > MAX_FRAMES:
        frames[:-1] = [frame for frame in frames[:-1] if _stays(frame, spacing)]


def _stays(frame: Frame, spacing: int) -> bool:
    if frame.epoch < 1:
        return frame.step.bit_count() <= 1
    return frame.epoch % spacing == 0


class FilmWriter:
    """Keeps the files of a run's film alike to the frames in memory.

    Args:
        path: the run's directory.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path / _FOLDER
        # Of a run that is resumed there are some already.
        self._written = {int(file.stem) for file in _files(self._folder)}

    def write(self, frames: Sequence[Frame]) -> None:
        """Write the frames that are new, and delete those that were dropped.

        Raises:
            OSError: if one can't be written; what was written before stays.
        """
        refuse_link(self._folder)
        for frame in frames:
            if frame.step not in self._written:
                atomic_write(self._file(frame.step), _to_bytes(frame))
                self._written.add(frame.step)
        for step in self._written - {frame.step for frame in frames}:
            with contextlib.suppress(FileNotFoundError):
                self._file(step).unlink()
            self._written.discard(step)

    def _file(self, step: int) -> Path:
        return self._folder / f"{step:09d}.npz"


class FilmReader:
    """The film of a run's directory, read again and again while it grows.

    Args:
        path: the run's directory.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path / _FOLDER
        self._known: dict[Path, Frame] = {}
        self.frames: list[Frame] = []
        """Oldest first; replaced, never changed, by `update`."""
        self.problems: list[RunError] = []
        """One for each file that is damaged, naming it."""

    def update(self) -> None:
        """Read the frames that are new, and leave out those that were dropped or are damaged."""
        known: dict[Path, Frame] = {}
        problems: list[RunError] = []
        for file in sorted(_files(self._folder), key=lambda file: int(file.stem)):
            try:
                known[file] = self._known.get(file) or _read(file)
            except FileNotFoundError:
                continue  # training continues, and has dropped it meanwhile
            except RunError as error:
                problems.append(error)
        self._known, self.frames = known, list(known.values())
        self.problems = problems


def drop_frames(path: Path, after: int) -> None:
    """Delete a film's frames of later steps, and what a killed process left of one.

    Nothing is deleted through a symbolic link, which leads out of the run.

    Raises:
        OSError: if one can't be deleted.
    """
    folder = path / _FOLDER
    if folder.is_symlink():
        return
    remove_unfinished(folder)
    for file in _files(folder):
        if int(file.stem) > after:
            file.unlink(missing_ok=True)


def read_frames(path: Path) -> list[Frame]:
    """The film of a run's directory, oldest first, without what is damaged."""
    reader = FilmReader(path)
    reader.update()
    return reader.frames


def _files(folder: Path) -> list[Path]:
    """The frames' files, in no order; what else lies there is left alone."""
    try:
        with os.scandir(folder) as entries:
            return [
                Path(entry)
                for entry in entries
                if _FILE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            ]
    except OSError:
        return []


def _to_bytes(frame: Frame) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        step=frame.step,
        epoch=frame.epoch,
        reconstructions=frame.reconstructions,
        samples=frame.samples,
    )
    return buffer.getvalue()


def _read(file: Path) -> Frame:
    try:
        _check_size(file)
        with np.load(file, allow_pickle=False) as content:
            frame = Frame(
                int(content["step"]),
                float(content["epoch"]),
                content["reconstructions"],
                content["samples"],
            )
        for images in (frame.reconstructions, frame.samples):
            if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
                raise ValueError("not images of 28×28 greys")
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged archive fails in a dozen ways (zlib.error, …)
        raise RunError(f"{file} is damaged or no frame of a film: {error}") from error
    return frame


def _check_size(file: Path) -> None:
    """See that what is unpacked fits into memory, whatever the archive holds."""
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
            raise ValueError("too large")
