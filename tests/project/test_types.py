"""The types of the library, the page and the training, as pyright finds them."""

import subprocess
import sys

from support.paths import ROOT


def test_the_types_are_right():
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
