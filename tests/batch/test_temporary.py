"""Temporary folders of what is fetched: none stays after its process."""

import os
import signal
import subprocess
import sys

from emorec import settings
from emorec.batch import temporary
from support.paths import ROOT

HOLD = """
import sys
from emorec.batch import temporary
with temporary.folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_stays_as_long_as_its_process_and_not_longer(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        held = process.stdout.readline().strip()
        temporary.remove_leftovers()
        assert os.path.isdir(held)
        with temporary.folder() as mine:
            temporary.remove_leftovers()
            assert os.path.isdir(mine) and os.path.isdir(held)
        assert not os.path.exists(mine)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert os.path.isdir(held)
    temporary.remove_leftovers()
    assert not list(tmp_path.iterdir())


def test_the_password_of_the_page_goes_to_no_other_machine():
    environment = {"EMOREC_AUTH": "me:secret", "EMOREC_CACHE": "/c", "HOME": "/h"}
    assert settings.given(environment) == {"EMOREC_CACHE": "/c"}
