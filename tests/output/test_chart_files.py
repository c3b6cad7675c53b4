"""Charts as files whose texts come from files that somebody else wrote."""

import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

from emorec.annotation import Marker
from emorec.output import charts
from support import factories

SCRIPT = '</script><script>window.ran = true</script><img src=x onerror="window.ran = true"><!--'
# In a process of its own, because the program that draws ends the process if a text is not valid.
DRAW = """
import sys
from emorec.annotation import Marker
from emorec.output import charts
from support import factories

timeline = factories.timeline(factories.probabilities(5))
for file in sys.argv[1:]:
    charts.save(timeline.__class__(**vars(timeline) | {"markers": (Marker(2.0, "a\\x1bb\\x00\\ufffe"),)}), file)
"""


def test_a_label_with_characters_that_xml_does_not_allow_is_drawn(tmp_path):
    drawn, picture = tmp_path / "chart.svg", tmp_path / "chart.png"
    done = subprocess.run(
        [sys.executable, "-c", DRAW, drawn, picture], capture_output=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.returncode == 0 and picture.stat().st_size, done.stderr.decode()[-500:]
    texts = [each.text for each in ElementTree.parse(drawn).iter() if each.text]
    assert "a\ufffdb\ufffd\ufffd" in texts


def test_a_label_runs_no_script_in_a_chart_as_html(tmp_path, chromium):
    timeline = factories.timeline(factories.probabilities(5))
    charts.save(replace(timeline, markers=(Marker(2.0, SCRIPT),)), tmp_path / "chart.html")
    page = chromium.new_page()
    page.goto((tmp_path / "chart.html").as_uri())
    page.wait_for_selector("svg")
    assert page.evaluate("window.ran === undefined && !document.querySelector('img')")
    assert SCRIPT[:12] in page.inner_html("svg").replace("&lt;", "<").replace("&gt;", ">")
    page.close()
