import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.config import RunConfig
from engine.errors import RunError
from engine.storage import checkpoint
from tests.support.trap import Trap

CONFIG = RunConfig(hidden=(4,), latent_dim=2, seed=3)


def state() -> dict[str, Any]:
    return {
        "step": 7,
        "model": {"weight": torch.randn(3, 5), "bias": torch.tensor([1.5, float("nan")])},
        "generator": torch.Generator().manual_seed(3).get_state(),
    }


def why_unsupported(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        checkpoint.read(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_a_state_is_read_back_bit_for_bit_with_its_settings(tmp_path: Path) -> None:
    original = state()
    (tmp_path / "last.pt").write_bytes(checkpoint.to_bytes(CONFIG, original))
    found = checkpoint.read(tmp_path / "last.pt")
    assert found["step"] == 7
    assert torch.equal(found["model"]["weight"], original["model"]["weight"])
    assert found["model"]["bias"][1].isnan()
    assert torch.equal(found["generator"], original["generator"])
    assert RunConfig.from_dict(found["config"]) == CONFIG


def test_a_missing_file_is_told_as_nothing_saved_yet(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"last\.pt is missing: nothing was saved yet"):
        checkpoint.read(tmp_path / "last.pt")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"step,epoch\n1,2\n",
        b"PK\x03\x04",
        b"\x89PNG\r\n\x1a\n",
        b".",
        b"0.",
        b"X",
        b"M\x00",
    ],
)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_is_no_checkpoint_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    assert "is damaged or no checkpoint" in why_unsupported(tmp_path / "last.pt", content)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9, 0.99, 0.999])
def test_a_truncated_checkpoint_is_refused_by_name(share: float, tmp_path: Path) -> None:
    whole = checkpoint.to_bytes(CONFIG, state())
    cut = whole[: int(len(whole) * share)]
    assert "is damaged or no checkpoint" in why_unsupported(tmp_path / "last.pt", cut)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=40))
@example(b"\x85\xb0S\x9c\x08")
def test_no_bytes_raise_anything_but_a_refusal(tmp_path: Path, content: bytes) -> None:
    why_unsupported(tmp_path / "last.pt", content)


def test_a_directory_in_its_place_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "last.pt").mkdir()
    with pytest.raises(RunError, match=r"last\.pt"):
        checkpoint.read(tmp_path / "last.pt")


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3],
        torch.zeros(3),
        {"weight": torch.zeros(3)},  # a bare state_dict
        {"format": 1, "model": {}},
        {"format": 1, "step": 3},
        None,
    ],
    ids=["list", "tensor", "state_dict", "no step", "no model", "None"],
)
def test_what_torch_saved_for_somebody_else_is_refused_by_name(
    value: object, tmp_path: Path
) -> None:
    assert "is no checkpoint of this program" in why_unsupported(tmp_path / "last.pt", saved(value))


@pytest.mark.parametrize("version", [0, -1, 10**20, None, True, "1", 1.5])
def test_a_format_that_no_version_writes_is_refused(version: object, tmp_path: Path) -> None:
    content = saved({"format": version, "model": {}, "step": 1})
    assert f"has format {version!r}, which no version" in why_unsupported(
        tmp_path / "last.pt", content
    )


def test_a_newer_versions_checkpoint_is_called_that_and_older_ones_are_read(tmp_path: Path) -> None:
    file, newer = tmp_path / "last.pt", checkpoint.FORMAT + 1
    content = saved({"format": newer, "model": {}, "step": 1})
    assert why_unsupported(file, content) == (
        f"{file} was made by a newer version of this program: it has format {newer}, "
        f"and this version reads formats up to {checkpoint.FORMAT}"
    )
    for version in range(1, newer):
        file.write_bytes(saved({"format": version, "model": {}, "step": 1}))
        assert checkpoint.read(file)["format"] == version


def test_where_a_newer_version_saved_last_nothing_is_resumed_from_an_older_best(
    tmp_path: Path,
) -> None:
    (tmp_path / "last.pt").write_bytes(saved({"format": 99, "model": {}, "step": 9}))
    (tmp_path / "best.pt").write_bytes(saved({"format": 1, "model": {}, "step": 3}))
    with pytest.raises(RunError, match=r"last\.pt was made by a newer version"):
        checkpoint.read_newest(tmp_path)
    state, _, problem = checkpoint.read_either(tmp_path, "last")
    assert (state["step"], "newer version" in problem) == (3, True), "to look at, it will do"


def with_pickle(whole: bytes, pickled: bytes) -> bytes:
    """A checkpoint whose pickle is another."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(whole)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("wrapping", ["bare", "torch"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_file_that_would_execute_code_is_refused_and_does_nothing(
    wrapping: str, protocol: int, tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    pickled = pickle.dumps({"format": 1, "step": 1, "model": Trap(touched)}, protocol=protocol)
    content = pickled
    if wrapping == "torch":
        content = with_pickle(checkpoint.to_bytes(CONFIG, state()), pickled)
    assert "is damaged or no checkpoint" in why_unsupported(tmp_path / "last.pt", content)
    assert not touched.exists()
    pickle.loads(pickled)
    assert touched.exists(), "the trap itself works"
