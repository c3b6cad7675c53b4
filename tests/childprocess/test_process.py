"""The parent's side of a child: the error when the child ends early."""

import socket

from emorec.childprocess import messages
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
