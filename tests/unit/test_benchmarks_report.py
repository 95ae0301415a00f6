"""What a run of the benchmark says and writes: tables, pages, figures, plots, and its exit code."""

from __future__ import annotations

import math
from dataclasses import replace

import orjson
import pytest
from matplotlib.image import imread

from benchmarks import comparison, latency, report, results
from benchmarks.comparison import ALERTMANAGER, BARE, BELLHOP, BULLMQ, PLAIN, TWO, Compared
from benchmarks.figures import Latency, Throughput
from benchmarks.latency import BUSY, IDLE, STEADY, Sample
from benchmarks.peers.install import HERE, Missing, alertmanager, node, reason
from benchmarks.plots import INK, LINES, OURS, THEIRS, rates
from benchmarks.table import Table, Target

ABOUT = {
    "rounds": 3,
    "scale": 1.0,
    "processors": 2,
    "python": "3.11.9",
    "redis": "valkey 9.1",
    "date": "2026-01-02",
}
HOLDS, MISSED, UNKNOWN = True, False, None


def a_table(*holds, lost=0):
    """A table with a target for each of `holds`."""
    targets = tuple(Target(f"target {n}", "<= 5 ms", 4.25, each) for n, each in enumerate(holds))
    return Table("sample", "A sample", ("what", "figure"), (("a|b", "1"),), targets, lost)


def throughput_table():
    """The first table, of one round of everything."""
    names = (BARE, BELLHOP, BULLMQ, ALERTMANAGER, PLAIN, TWO)
    rounds = [{name: Throughput(name, 1000, 1000.0 * n, 150.0 / n) for n, name in enumerate(names, 1)}]
    found = Compared(rounds, {}, 2, shared=True)
    return replace(comparison.table(found), plot=lambda figure: rates(figure, found))


def latency_table():
    """The second table, of one round."""
    sample = Sample(200.0, Latency(4, 5, 6, 7), tuple(1.0 + n for n in range(100)))
    return latency.table([{IDLE: sample, STEADY: sample, BUSY: sample}])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (4.25, "4.25"), (0.93251, "0.933"), (123456.0, "123,456"), (math.nan, "nothing came")],
)
def test_measured_values_are_shown_to_three_figures(value, shown):
    """A figure is no more exact than it can be, and what never came is no number."""
    assert report.measured(Target("x", "<= 5", value, None)) == shown


def test_each_target_has_its_verdict():
    """What holds, what is missed and what was not measured are three different words."""
    assert [row[-1] for row in report.target_rows(a_table(HOLDS, MISSED, UNKNOWN).targets)] == [
        "holds",
        "MISSED",
        "not measured",
    ]


@pytest.mark.parametrize(
    ("table", "strict", "failed"),
    [
        (a_table(HOLDS, HOLDS), False, False),
        (a_table(HOLDS, MISSED), False, True),
        (a_table(HOLDS, UNKNOWN), False, False),
        (a_table(HOLDS, UNKNOWN), True, True),
        (a_table(HOLDS, lost=1), False, True),
        (a_table(), True, False),
    ],
)
def test_a_run_fails_where_a_target_is_missed_or_a_delivery_lost(table, strict, failed):
    """A target that was not measured fails the run only when asked to be strict."""
    assert report.failed([table], strict=strict) is failed


def test_closing_counts_the_verdicts():
    """The last line says how many targets hold, and that nothing was lost, or how much was."""
    assert report.closing([a_table(HOLDS, MISSED), a_table(UNKNOWN)]) == (
        "Of 3 targets: 1 held, 1 MISSED, 1 not measured; nothing was lost."
    )
    assert report.closing([a_table(HOLDS, lost=2)]).endswith("2 deliveries were LOST.")


def test_tables_are_printed_with_their_targets(capsys):
    """People see the rows, each target and its verdict."""
    report.show(a_table(HOLDS, MISSED))
    printed = capsys.readouterr().out
    assert "A sample" in printed
    assert "a|b" in printed
    assert "MISSED" in printed


def test_page_has_table_targets_and_surroundings():
    """The page is markdown with both tables, what was run on what, and the plot where there is one."""
    page = report.markdown(a_table(HOLDS), ABOUT)
    assert "| a\\|b | 1 |" in page
    assert "| target 0 | <= 5 ms | 4.25 | holds |" in page
    assert "Medians of 3 rounds; 2 processors, Python 3.11.9, valkey 9.1; 2026-01-02." in page
    assert "sample.png" not in page
    assert "![Latency" in report.markdown(latency_table(), ABOUT)


def test_results_are_written_whole(tmp_path):
    """Each table leaves a page, its figures and its plot, and nothing half-written."""
    for table in (throughput_table(), latency_table(), a_table(HOLDS)):
        results.write(table, ABOUT, tmp_path / "results")
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {f"{name}.{kind}" for name in ("throughput", "latency") for kind in ("md", "json", "png")} | {
        "sample.md",
        "sample.json",
    }
    data = orjson.loads((tmp_path / "results" / "throughput.json").read_bytes())
    assert data["about"] == ABOUT
    assert len(data["targets"]) == 5
    assert data["data"]["rounds"][0][BELLHOP]["per_s"] == 2000.0


def test_a_quick_look_does_not_pass_for_a_full_run():
    """A run of less than full size is written elsewhere."""
    assert results.folder(1.0) == results.FOLDER
    assert results.folder(0.1) == results.QUICK


@pytest.mark.parametrize("table", [throughput_table(), latency_table()], ids=lambda table: table.name)
def test_plots_are_drawn_on_no_background(tmp_path, table):
    """A plot has something on it, and its corners are transparent: it is read on light and dark pages alike."""
    results.write(table, ABOUT, tmp_path)
    drawn = imread(tmp_path / f"{table.name}.png")
    assert drawn.shape[1] > drawn.shape[0] > 300
    assert drawn[0, 0, 3] == drawn[-1, -1, 3] == 0
    assert drawn[:, :, 3].max() == 1


@pytest.mark.parametrize("colour", [INK, OURS, THEIRS, *LINES])
@pytest.mark.parametrize("background", ["#ffffff", "#0d1117"])
def test_inks_stand_out_on_light_and_dark(colour, background):
    """Graphics need a contrast of 3 to 1: https://www.w3.org/WAI/WCAG22/Understanding/non-text-contrast.html ."""
    lighter, darker = sorted((luminance(colour), luminance(background)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def luminance(colour):
    """How light a colour is, 0 to 1: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance ."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("/x/y.js:78\n  zstd: 1\nTypeError: no bind\n    at Object\n\nNode.js v20", "TypeError: no bind"),
        ("first\nlast\n", "last"),
        ("", "it failed without saying why"),
        ("Error: " + "x" * 999, "Error: " + "x" * 193),
    ],
)
def test_why_a_peer_is_missing_fits_in_a_row(said, why):
    """Of all that npm, node or apt-get say, the line that speaks of an error, and no more than fits."""
    assert reason(said) == why


def test_a_peer_that_cannot_be_installed_says_why(monkeypatch, tmp_path):
    """Without node, or without what installs Alertmanager, there is a reason in words and no path of this machine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="there is no node here"):
        node()
    with pytest.raises(Missing, match=r"^debian-packages\.sh: "):
        alertmanager()


def test_peers_are_pinned():
    """What is compared with is the same tomorrow: each npm package has an exact version."""
    versions = orjson.loads((HERE / "package.json").read_bytes())["dependencies"]
    assert set(versions) == {"bullmq", "ioredis", "undici"}
    assert all(version.replace(".", "").isdigit() for version in versions.values())
