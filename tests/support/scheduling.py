"""Which tests run in one process, one after the other, when several processes run them (``pytest -n 2``), and when."""

import functools

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from support.paths import ROOT

# Folders whose files take long, the longest first.
SLOW = (
    "tests/train/",
    "tests/project/",
    "tests/ui/",
    "tests/output/test_formats",
    "tests/download/",
    "tests/extraction/",
    "tests/models/",
    "tests/media/",
    "tests/hub/",
    "tests/cli/",
)
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
    """Move the tests of the running page to the front, then the folders of SLOW, and all quick files to the end.

    The page's tests take longest and run in one process: begun last, they would keep one process busy alone. So would
    any long file at the end, in the time of which the other processes have nothing left to do.
    """
    items.sort(key=lambda item: _place(_file(item)))


def _place(file: str) -> int:
    if uses_page(file):
        return -1
    return next((place for place, folder in enumerate(SLOW) if file.startswith(folder)), len(SLOW))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@functools.cache
def uses_page(file: str) -> bool:
    """Whether a test file, named from the project's root, asks for the fixture ``page_server``."""
    return "page_server" in (ROOT / file).read_text(encoding="utf-8")
