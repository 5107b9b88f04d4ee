from __future__ import annotations

import json
import subprocess
from importlib import resources

import pytest

GUEST = resources.files("selection.differences") / "guest" / "run.py"
PROGRAM = "'''Words.'''\nx = 3\nx + 1\nassert len([x]) == 2\ny = max(\n    1, x)\nprint(y)\n"


@pytest.mark.parametrize("python", [f"python3.{minor}" for minor in range(6, 14)])
def test_a_program_comes_to_its_values_in_every_python(python):
    order = {"programs": [PROGRAM, "1 / 0"], "seconds": 20, "total": 40, "characters": 99}
    try:
        subprocess.run([python, "-c", ""], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no such Python here")
    done = subprocess.run(
        [python, str(GUEST)], input=json.dumps(order).encode(), stdout=subprocess.PIPE, timeout=60, check=True
    )
    first, second = map(json.loads, done.stdout.splitlines())
    values = [value for _, value in first["seen"]]
    assert {"4", "1"} <= set(values)
    assert values[-2:] == ["None", "'3\\n'"]
    assert first["ended"] == "ended"
    assert all(label.strip() for label, _ in first["seen"])
    assert second["ended"].startswith("raises ZeroDivisionError")
