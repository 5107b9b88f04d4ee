from __future__ import annotations

import subprocess
import sys

INTERRUPTED = """
import sys

import mangabey


class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt


sys.meta_path.insert(0, Interrupts())
sys.argv[1:] = ["--version"]
mangabey.main()
"""


def test_an_interrupt_while_it_still_imports_ends_it_in_one_line():
    for module in ("sandbox", "runs.cli", "typer"):
        program = INTERRUPTED.format(module=module)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr == "mangabey: interrupted\n"
