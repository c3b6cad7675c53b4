"""The device of the networks, and torch's threads in a forked process."""

import os
import subprocess
import sys

import pytest

from support.paths import ROOT

FORKED = """
import os, signal
import torch
from emorec.models import device

torch.set_num_threads(2)
total = torch.ones(1 << 20).sum()  # starts torch's threads, which a fork does not have
if (child := os.fork()) == 0:
    signal.alarm(30)  # ends a child that waits for threads that are not there
    os._exit(40 + int(torch.ones(1 << 20).sum() == total))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_can_calculate_after_its_parent_did():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "41\n", done.stderr
