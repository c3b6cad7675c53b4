"""Every text file is opened with its encoding, because the usual one of Windows is not UTF-8."""

import ast

import pytest

from support.imports import project_files
from support.paths import ROOT


def without_encoding(text):
    """The lines of a program that open a text file without saying its encoding."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and "encoding" not in {option.arg for option in node.keywords}:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            mode = [value.value for value in node.args[1:2] if isinstance(value, ast.Constant)]
            mode += [option.value.value for option in node.keywords if option.arg == "mode"]
            is_open = isinstance(node.func, ast.Name) and name == "open" and not any("b" in str(one) for one in mode)
            if is_open or (name == "read_text" and not node.args) or (name == "write_text" and len(node.args) == 1):
                found.append(node.lineno)
    return found


def test_every_text_file_is_opened_with_its_encoding():
    texts = {file: file.read_text(encoding="utf-8") for file in project_files(ROOT).values()}
    assert len(texts) > 100
    assert not {str(file): lines for file, text in texts.items() if (lines := without_encoding(text))}


@pytest.mark.parametrize("text", ["open(a{})", "open(a, 'w', newline=''{})", "a.read_text({})", "a.write_text(b{})"])
def test_a_file_without_one_is_found(text):
    assert without_encoding(text.format("")) == [1]
    assert not without_encoding(text.format("encoding='utf-8'" if "({" in text else ", encoding='utf-8'"))
    assert not without_encoding("open(path, 'rb'), open(path, mode='wb'), path.read_bytes()")
