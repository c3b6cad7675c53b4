"""Which tests run in one process, one after the other, when several processes run them (``pytest -n 2``)."""

from xdist.scheduler import LoadScopeScheduling

from support.paths import ROOT

ONE_PAGE = "page"  # the scope of all files whose tests use the running page


class ByFile(LoadScopeScheduling):
    """Whole files, so that what a file makes is made once; files that use the running page share it in one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return ONE_PAGE if uses_page(file) else file


def uses_page(file: str) -> bool:
    """Whether a test file, named from the project's root, asks for the fixture ``page_server``."""
    return "page_server" in (ROOT / file).read_text()
