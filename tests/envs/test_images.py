from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envs.images import _OLD_PIP


@pytest.mark.parametrize(
    ("version", "recent"),
    [("20.3.4", False), ("21.2", False), ("21.3", True), ("23.0.1", True), ("24.3", True)],
)
def test_a_pip_that_cannot_install_every_project_is_told(tmp_path: Path, version, recent):
    (tmp_path / "pip.py").write_text(f"__version__ = {version!r}\n")
    done = subprocess.run([sys.executable, "-c", _OLD_PIP], cwd=tmp_path, check=False)
    assert (done.returncode == 0) is recent
