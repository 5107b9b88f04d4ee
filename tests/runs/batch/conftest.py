from __future__ import annotations

import pytest

from tests.runs.batched import Batches


@pytest.fixture
def batches(tmp_path):
    """A task set and a model in a folder, and the command line run on them."""
    return Batches(tmp_path)
