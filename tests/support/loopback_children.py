"""Copies of one process that has the libraries below the Hub's loaded, in place of processes that each load them.

Loading is most of what a child of ``hub_child.py`` costs, and the tests start nearly a hundred. Every copy runs the
child's program from its first line, and imports for itself what reads the environment when it is imported:
huggingface_hub.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

from emorec.models import hub_child

WAITING = """
import gc, json, os, runpy, signal, socket, sys
gc.disable()
import asyncio, importlib.metadata
import filelock, httpx2, packaging.version, tqdm.asyncio, tqdm.auto, tqdm.contrib.concurrent, yaml
assert "huggingface_hub" not in sys.modules
gc.freeze()
control = socket.socket(fileno=os.dup(0))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    asked, sent, _, _ = socket.recv_fds(control, 1 << 20, 2)
    if not asked:
        os._exit(0)
    answers, status = sent
    if os.fork() == 0:
        control.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        copy = os.fork()
        if copy:  # stays to tell how the copy ended
            os.write(status, b"%d\\n" % copy)
            os.close(answers)
            os.write(status, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]))
            os._exit(0)
        os.close(status)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(answers, 1)
        os.close(answers)
        gc.enable()
        sys.argv, environment = json.loads(asked)
        os.environ.clear()
        os.environ.update(environment)
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
            code = 0
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            code = 1
        os._exit(code)
    os.close(answers)
    os.close(status)
"""


class Copy:
    """A copy at work, as ``subprocess.Popen`` shows a process."""

    def __init__(self, stdout, status):
        self.stdout, self._status, self.returncode = stdout, status, None
        self._pid = int(status.readline())
        self._waiting = threading.Thread(target=self._wait, daemon=True)
        self._waiting.start()

    def _wait(self):
        self.returncode = int(self._status.readline())

    def poll(self):
        return self.returncode

    def wait(self, timeout=None):
        self._waiting.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("copy", timeout)
        return self.returncode

    def terminate(self):
        self._signal(signal.SIGTERM)

    def kill(self):
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)


class _Waiting:
    control = None

    @classmethod
    def copy(cls, arguments, environment):
        if cls.control is None:
            cls.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                subprocess.Popen(
                    [sys.executable, "-P", "-c", WAITING],
                    stdin=theirs,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            atexit.register(cls.control.close)
        (answers, told), (status, ended) = os.pipe(), os.pipe()
        socket.send_fds(cls.control, [json.dumps([arguments, environment]).encode()], [told, ended])
        os.close(told)
        os.close(ended)
        return Copy(os.fdopen(answers), os.fdopen(status))


def started(asked, real=hub_child.started):
    """As ``hub_child.started``. A test that changes how Python itself starts gets a process of its own."""
    if "PYTHONPATH" in os.environ:
        return real(asked)
    return _Waiting.copy([str(hub_child.PROGRAM), json.dumps(asked)], dict(os.environ) | hub_child.ENVIRONMENT)
