import os
import stat
import tempfile
from pathlib import Path

import numba
import pytest

from engine.analysis import compiled_libraries
from engine.analysis.compiled_libraries import import_compiled
from engine.errors import JobError


class Importer:
    """A library whose import fails as Numba makes it fail, until there is a place to write to."""

    def __init__(self) -> None:
        self.imported: list[str] = []

    def __call__(self, name: str) -> None:
        if not os.environ.get("NUMBA_CACHE_DIR"):
            raise RuntimeError("cannot cache function 'seed': no locator available for file 'x'")
        assert os.environ["NUMBA_CACHE_DIR"] == numba.config.CACHE_DIR
        self.imported.append(name)


@pytest.fixture
def importer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Importer:
    found = Importer()
    monkeypatch.setattr(compiled_libraries, "import_module", found)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    return found


def test_what_is_compiled_goes_to_a_directory_of_ones_own(
    importer: Importer, tmp_path: Path
) -> None:
    import_compiled("umap")
    assert importer.imported == ["umap"]
    [directory] = tmp_path.iterdir()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == directory


def test_a_directory_that_others_may_write_to_is_not_used(
    importer: Importer, tmp_path: Path
) -> None:
    theirs = tmp_path / f"fmnist-vae-tui-numba-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    import_compiled("umap")
    assert Path(os.environ["NUMBA_CACHE_DIR"]) != theirs
    assert importer.imported == ["umap"]


def test_no_place_at_all_is_a_sentence(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(JobError, match="set NUMBA_CACHE_DIR"):
        import_compiled("umap")


def test_another_failure_of_the_import_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_name: str) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(compiled_libraries, "import_module", fails)
    with pytest.raises(RuntimeError, match="something else"):
        import_compiled("umap")
