"""One picture a scenario: the measurement, its limit, and the fault shaded in it.

Drawn by a process of its own (see ``plotter``). What is drawn follows from the verdict: its check's own painter, single
times as a curve, instances as bars, and for anything else who read how much, when.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from support.evidence import wording
from support.evidence.history import SECOND, History
from support.evidence.pictures import PAINTERS, Painter
from support.evidence.result import Judgement, ScenarioResult
from support.outcomes import Outcome
from support.reporting.plotter import PICTURE
from support.reporting.run_info import leading

INK, BLUE, RED, GREY = "#1c2733", "#1f5fa8", "#b3261e", "#7a8691"
_LINES = ["#1f5fa8", "#c4611a", "#2b7a4b", "#8a3a96", "#8c6d1f", "#15808a", "#b3261e", "#5a6570"]
_NAMED = 10  # more instances than this are not told apart by a legend


def draw(result: ScenarioResult, run_directory: Path) -> Path | None:
    """Draw the scenario's picture beside its history and answer where; None where no history was recorded."""
    folder = run_directory / result.directory
    history = History.load(*sorted(folder.glob("*.jsonl")))
    if not len(history):
        return None
    figure = Figure(figsize=(9, 3.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if own := _own_picture(result):
        judgement, painter = own
        painter(axes, judgement, history)
    else:
        timeline(axes, history)
    axes.set_title(f"{result.criterion}  {result.scenario}: {result.outcome}".strip(), loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    target, staged = folder / PICTURE, folder / f".{PICTURE}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that the font lacks
        figure.savefig(staged, format="png")
    staged.replace(target)
    return target


def _own_picture(result: ScenarioResult) -> tuple[Judgement, Painter] | None:
    """The first judgement, the leading one before all others, that has something of its own to show."""
    for judgement in (j for j in (leading(result), *result.judgements) if j is not None):
        if painter := PAINTERS.get(judgement.check.get("check", "")):
            return judgement, painter
        if judgement.verdict.details.get("instances"):
            return judgement, balance
        if judgement.verdict.distribution and judgement.verdict.unit == "s" and judgement.verdict.window:
            return judgement, arrivals
    return None


def fault_windows(history: History) -> Iterator[tuple[int, int, int, str]]:
    """Each fault as (called, in effect, healed, what) in ns; one that was never healed lasts to the end of the record."""
    for called in history.of("fault-called"):
        mine = [e for e in history.of("fault-in-effect", "fault-healed") if e.data.get("id") == called.data.get("id") and e.t >= called.t]
        effect = next((e.t for e in mine if e.what == "fault-in-effect"), called.t)
        healed = next((e.t for e in mine if e.what == "fault-healed"), history.now)
        names = called.data.get("subjects") or called.data.get("nodes") or ()
        yield called.t, effect, healed, " ".join([str(called.data.get("fault", "fault")), *map(str, names)])


def shade_faults(axes: Any, history: History, zero: int, until: float) -> None:
    """Shade every fault, seconds since ``zero``; ``until`` is the right end of the axis."""
    for called, _, healed, what in fault_windows(history):
        start, end = (called - zero) / SECOND, min((healed - zero) / SECOND, until)
        if end < 0 or start > until:
            continue
        axes.axvspan(max(start, axes.get_xlim()[0]), end, color=RED, alpha=0.09, lw=0)
        axes.annotate(what, (max(start, 0), 1), xycoords=("data", "axes fraction"), xytext=(4, -4), textcoords="offset points",
                      va="top", fontsize=8.5, color=RED)


def arrivals(axes: Any, judgement: Judgement, history: History) -> None:
    """How many of the single cases (streams, say) had come, over the seconds since the fault."""
    verdict = judgement.verdict
    times = sorted(verdict.distribution.values())
    zero = verdict.window.start if verdict.window else history.events[0].t
    right = max([verdict.limit or 0, *times]) * 1.05 or 1.0
    axes.set_xlim(-right / 60, right)
    shade_faults(axes, history, zero, right)
    end = max(times[-1], ((verdict.window.end - zero) / SECOND) if verdict.window and verdict.outcome is Outcome.VIOLATED else 0)
    axes.step([0, *times, min(end, right)], [*range(len(times) + 1), len(times)], where="post", color=BLUE, lw=2)
    axes.plot(times, range(1, len(times) + 1), "o", color=BLUE, ms=3.5)
    if verdict.suspects:
        wanted = len(times) + len(verdict.suspects)
        axes.axhline(wanted, color=GREY, lw=1, ls=":")
        axes.annotate(f"all {wanted}", (right, wanted), ha="right", va="bottom", fontsize=8.5, color=GREY)
    _limit_line(axes, verdict.limit, verdict.unit)
    axes.annotate(wording.headline(verdict), (times[-1], len(times)), xytext=(8, -12), textcoords="offset points", fontsize=9.5, color=INK, va="top")
    axes.set_ylim(0, (len(times) + len(verdict.suspects)) * 1.22 + 0.5)
    axes.set_xlabel("seconds since the fault was called or the change was made")
    axes.set_ylabel(judgement.verdict.details.get("counted", "reached so far"))
    axes.yaxis.get_major_locator().set_params(integer=True)


def _limit_line(axes: Any, limit: float | None, unit: str) -> None:
    if limit is None:
        return
    axes.axvline(limit, color=RED, lw=1.5, ls="--")
    axes.annotate(f"limit {wording.quantity(limit, unit)}", (limit, 0), xycoords=("data", "axes fraction"), xytext=(-4, 6),
                  textcoords="offset points", ha="right", fontsize=9, color=RED)


def balance(axes: Any, judgement: Judgement, history: History) -> None:
    """What every instance holds beside its fair share, and how far from it would still be allowed."""
    instances: dict[str, dict[str, float]] = judgement.verdict.details["instances"]
    tolerance = judgement.check.get("tolerance")
    names = list(instances)
    held = [instances[n]["assigned"] for n in names]
    fair = [instances[n]["share"] for n in names]
    axes.bar(range(len(names)), held, width=0.62, color=BLUE, alpha=0.85, label="streams held")
    for i, share in enumerate(fair):
        if tolerance is not None:
            axes.fill_between([i - 0.4, i + 0.4], share - tolerance, share + tolerance, color=RED, alpha=0.13, lw=0,
                              label=f"fair share ± {wording.number(tolerance)}" if i == 0 else None)
        axes.hlines(share, i - 0.4, i + 0.4, color=INK, lw=1.8, label="fair share" if i == 0 else None)
        axes.annotate(wording.number(held[i]), (i, 0), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=9, color="white")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, max([*held, *(share + (tolerance or 0) for share in fair), 1]) * 1.15)
    axes.set_ylabel("streams")
    axes.set_xlabel(wording.headline(judgement.verdict))
    axes.legend(frameon=False, fontsize=8.5, ncols=3, loc="upper right")


def reads(history: History) -> dict[str, list[tuple[float, int]]]:
    """Reader -> (seconds since the first event, number of streams it reads), at each change, as the source saw it."""
    zero = history.events[0].t
    reading: dict[str, set[str]] = defaultdict(set)
    curves: dict[str, list[tuple[float, int]]] = {}
    for event in history.of("read-started", "read-stopped", "stop-acknowledged"):
        streams = reading[event["reader"]]
        (streams.add if event.what == "read-started" else streams.discard)(event["stream"])
        curves.setdefault(event["reader"], [(0.0, 0)]).append(((event.t - zero) / SECOND, len(streams)))
    return curves


def timeline(axes: Any, history: History) -> None:
    """Who read how many streams, when."""
    zero = history.events[0].t
    right = max((history.now - zero) / SECOND, 0.1)
    axes.set_xlim(0, right)
    shade_faults(axes, history, zero, right)
    curves = reads(history)
    for i, (reader, points) in enumerate(sorted(curves.items())):
        times, counts = zip(*points, (right, points[-1][1]), strict=True)
        axes.step(times, counts, where="post", lw=1.6, color=_LINES[i % len(_LINES)], label=reader, alpha=0.9)
    catalogue = [((e.t - zero) / SECOND, len(e["streams"])) for e in history.of("catalogue")]
    if catalogue:
        times, sizes = zip(*catalogue, (right, catalogue[-1][1]), strict=True)
        axes.step(times, sizes, where="post", lw=1.2, ls="--", color=GREY, label="catalogue")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    axes.set_xlabel("seconds since the scenario began")
    axes.set_ylabel("streams read")
    if curves and len(curves) <= _NAMED:
        axes.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
