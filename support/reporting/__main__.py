"""``python -m support.reporting``: judge a stored run again, merge the reports of shards, render Allure's page later."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from support.outcomes import BadInput, ExitCode
from support.reporting.plotter import serve
from support.reporting.tally import exit_code, tally


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 as it should be, 1 disagreement (or violated), 2 bad input, 3 could not be judged or made."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(options))
    except BadInput as error:
        print(f"support.reporting: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m support.reporting", description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, action, text in (
        ("recheck", _recheck, "judge a stored run again and compare; exit 1 where a verdict differs"),
        ("render", _render, "render Allure's page of a stored run"),
        ("draw", _draw, "draw the pictures of the scenario folders named on standard input"),
    ):
        sub = actions.add_parser(name, help=text)
        sub.add_argument("run_directory", type=Path)
        sub.set_defaults(action=action)
    sub = actions.add_parser("merge", help="one report out of the run directories of several shards; exits as one run would have")
    sub.add_argument("shards", type=Path, nargs="+")
    sub.add_argument("-o", "--output", type=Path, required=True)
    sub.set_defaults(action=_merge)
    return parser


def _recheck(options: argparse.Namespace) -> int:
    from support.reporting.recheck import recheck, table

    compared = recheck(options.run_directory)
    print(table(compared))
    return ExitCode.MET if all(c.agrees for c in compared) else ExitCode.VIOLATED


def _render(options: argparse.Namespace) -> int:
    from support.reporting.report import publish_pages, render
    from support.reporting.run_info import RunInfo

    problems = render(options.run_directory, RunInfo.load(options.run_directory))
    _say(publish_pages(options.run_directory), problems)
    return ExitCode.NOT_JUDGED if problems else ExitCode.MET


def _merge(options: argparse.Namespace) -> int:
    from support.reporting.merge import merge
    from support.reporting.run_info import load_results

    report = merge(options.shards, options.output)
    results = load_results(options.output)
    print(" · ".join(f"{t.criterion} {t.text}" for t in tally(results)))
    _say(report.paths, report.problems)
    return exit_code(results)


def _draw(options: argparse.Namespace) -> int:
    return serve(options.run_directory)


def _say(paths: dict[str, Path], problems: list[str]) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
    print("report   " + " · ".join(str(path) for path in paths.values()))


if __name__ == "__main__":
    sys.exit(main())
