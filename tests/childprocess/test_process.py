"""The parent's side of a child: how it is started, and the error when it ends early."""

import socket
import subprocess

from emorec.childprocess import messages, process
from emorec.childprocess.process import Child


def test_the_answer_of_a_child_that_went_before_it_had_the_task_is_heard():
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("wb") as answers:
        messages.send(answers, {"refused": "no more processes"})
    with ours:
        child = Child({"do": "probe"}, ours.makefile("wb"), ours.makefile("rb"), lambda: None)
        header, *_ = child.receive(10)
        child.end()
    assert header == {"refused": "no more processes"}


def test_a_child_is_in_a_group_of_its_own_where_there_are_no_sessions(monkeypatch):
    """As on Windows, so that Ctrl-C reaches the parent alone."""
    started = {}
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: started.update(options))
    process.start(["python"], {})
    assert started["creationflags"] == 512 and started["start_new_session"]
