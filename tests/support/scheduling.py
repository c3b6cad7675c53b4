"""Which tests run in one process, one after the other, when several processes run them (``pytest -n 2``), and when."""

import functools

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from support.paths import ROOT

ONE_PAGE = "page"  # the scope of all files whose tests use the running page


class ByFile(LoadScopeScheduling):
    """Whole files, so that what a file makes is made once; files that use the running page share it in one process."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # keep the order of longest_first

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ONE_PAGE if uses_page(file) else file


def longest_first(items: list[pytest.Item]) -> None:
    """Move the tests of the running page to the front, and those of training behind them.

    The page's tests take longest and run in one process: begun last, they would keep one process busy alone.
    """
    items.sort(key=lambda item: (not uses_page(_file(item)), not _file(item).startswith("tests/train/")))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@functools.cache
def uses_page(file: str) -> bool:
    """Whether a test file, named from the project's root, asks for the fixture ``page_server``."""
    return "page_server" in (ROOT / file).read_text(encoding="utf-8")
