"""How the page imports Gradio, and how rarely Gradio's queue wakes up."""

import inspect
import multiprocessing
from multiprocessing import synchronize

import gradio as gr
import pytest
from gradio import component_meta

from emorec.analyzer import Analyzer
from emorec.ui.page import layout
from emorec.ui.server.gradio_import import import_gradio, without_stub_files
from support import factories


def test_components_are_defined_without_stub_files(monkeypatch):
    def written(*_):
        raise AssertionError("written")

    monkeypatch.setattr(component_meta, "create_pyi", written)
    define = component_meta.create_or_modify_pyi, gr.Textbox, "Textbox", []
    with pytest.raises(AssertionError, match="written"):
        define[0](*define[1:])
    before = inspect.getfile
    with without_stub_files():
        define[0](*define[1:])
        assert inspect.getfile(Analyzer).endswith("analyzer.py")
    assert inspect.getfile is before


def test_the_page_needs_no_shared_memory(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")  # as in a container without a writable /dev/shm

    monkeypatch.setattr(synchronize.SemLock, "__init__", refuse)
    with pytest.raises(PermissionError):
        multiprocessing.Lock()
    import_gradio()
    example = tmp_path / "example.mp4"
    example.write_bytes(b"a clip")
    assert layout.build(Analyzer(factories.checkpoint(), None), example).service


def test_the_queue_of_the_page_sleeps_longer_than_gradios():
    usual = vars(gr.Blocks().queue()._queue)["sleep_when_free"]
    assert usual < layout.build(Analyzer(factories.checkpoint(), None))._queue.sleep_when_free <= 0.05
