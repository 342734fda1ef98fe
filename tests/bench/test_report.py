"""The page, the data and the picture."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from tests.bench import chart, report

ABOUT = {"date": "2026-11-26", "load average": "0.1 at the start, 2.0 at the end"}
SVG = "{http://www.w3.org/2000/svg}"


def test_the_page_has_medians_and_ratios(outcome):
    lines = report.markdown(ABOUT, {"nginx": "1.22"}, {"made-up": outcome}, short=False).splitlines()
    assert "- load average: 0.1 at the start, 2.0 at the end" in lines
    assert "- versions: nginx 1.22" in lines
    assert "| backend | transport | processor µs/request | p99 ms | × peer (uwsgi) |" in lines
    assert "| gateways, C & <fast> | FastCGI, kept | 20.0 | 2.00 | 0.50 (0.50–0.75) |" in lines
    assert "| peer | uwsgi | 40.0 | – | 1 |" in lines


def test_what_was_not_measured_is_named(outcome):
    text = report.markdown(ABOUT, {}, {"made-up": outcome}, short=False)
    assert "- left out, pip install absent: absent (uwsgi)\n" in text
    assert "- **failed**: broken (uwsgi): broken answers 500\n" in text


def test_a_case_without_figures_says_so(outcome):
    outcome.samples.clear()
    assert "Nothing of it could be measured." in report.markdown(ABOUT, {}, {"made-up": outcome}, short=False)


def test_a_short_run_says_so(outcome):
    assert "**A short run**" in report.markdown(ABOUT, {}, {}, short=True)
    assert "**A short run**" not in report.markdown(ABOUT, {}, {}, short=False)


def test_the_files_hold_every_round(tmp_path, outcome):
    report.write(tmp_path / "new", ABOUT, {"nginx": "1.22"}, {"made-up": outcome}, short=False)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["results.json", "results.md", "results.svg"]
    data = json.loads((tmp_path / "new/results.json").read_text(encoding="utf-8"))
    ours, peer = data["cases"]["made-up"]["rows"]
    assert (ours["row"], ours["backend"]) == ("c1", "gateways, C & <fast>")
    assert ours["rounds"] == outcome.samples["c1"]
    assert [sample["cost"] for sample in peer["rounds"]] == [20, 40, 60]
    assert data["cases"]["made-up"]["failed"] == {"broken (uwsgi)": "broken answers 500\nand a traceback"}


def test_bars_are_as_long_as_the_costs(outcome):
    root = ElementTree.fromstring(chart.draw({"made-up": outcome}))
    ground, ours, peer = root.findall(f"{SVG}rect")
    assert [bar.get("class") for bar in (ground, ours, peer)] == ["ground", "ours", "peer"]
    assert float(peer.get("width") or 0) == 2 * float(ours.get("width") or 0)
    assert "gateways, C & <fast> (FastCGI, kept)" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_case_that_is_not_about_cost_has_no_bars(outcome):
    outcome.samples = {"c1": [{"p99": 1.0}]}
    root = ElementTree.fromstring(chart.draw({"made-up": outcome}))
    assert [bar.get("class") for bar in root.findall(f"{SVG}rect")] == ["ground"]
