"""ZIP files and workbooks that are written while the clock of the computer is wrong."""

import io
import os
import time
import zipfile

import openpyxl
import pytest

from emorec.output import workbook
from emorec.output.zips import DatedZipFile
from support import factories


@pytest.fixture(params=[(1970, (1980, 1, 1, 0, 0, 0)), (2150, (2107, 12, 31, 23, 59, 58))])
def dated(request, monkeypatch):
    """The clock says the first year; the date is the nearest that a ZIP file can hold."""
    year, date = request.param
    monkeypatch.setattr(time, "localtime", lambda *_: time.struct_time((year, 6, 1, 12, 0, 0, 0, 152, 0)))
    return date


def test_a_zip_file_is_written_whatever_the_clock_says(dated, tmp_path):
    old, out = tmp_path / "old.csv", io.BytesIO()
    old.write_text("old")
    os.utime(old, (0, 0))
    with DatedZipFile(out) as archive:
        archive.writestr("new.csv", "new")
        archive.write(old, old.name)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None and archive.getinfo("new.csv").date_time == dated
        assert (archive.read("new.csv"), archive.read("old.csv")) == (b"new", b"old")
        assert archive.getinfo("new.csv").compress_type == zipfile.ZIP_DEFLATED


def test_a_workbook_is_written_whatever_the_clock_says(dated):
    content = workbook.xlsx_bytes(factories.timeline(factories.probabilities(3)))
    assert openpyxl.load_workbook(io.BytesIO(content))["windows"].max_row == 4
