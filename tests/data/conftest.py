"""What every test of the data package may use."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the whole session: Hypothesis calls a test many times within one fixture."""
    return tmp_path_factory.mktemp("scratch")
