"""``python -m tests.falsification``: computes the matrix, both cores at work; exits 1 for a survivor, a false alarm, or a scenario without a defect.

``--only NAME`` (repeatable) proves single variants; ``--check`` also fails when ``proven.json`` is not what was proven.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from tests.falsification.claims import load
from tests.falsification.matrix import PROVEN, Row, compute, proven, unproven


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.falsification", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--side-by-side", type=int, default=5, metavar="N", help="defects at once (default: %(default)s)")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    claims, begun = load(), time.monotonic()
    rows: list[Row] = []
    for row in compute(claims, options.only, options.side_by_side):
        rows.append(row)
        _print(row)
    missing = [] if options.only else unproven(claims)
    for scenario in missing:
        print(f"UNPROVEN  {scenario}: no defect turns it red")
    failed = [row for row in rows if row.problems]
    stale = _publish(rows, check=options.check) if not failed and not options.only else False
    defects = sum(row.kind == "defect" for row in rows)
    print(f"{defects} defects, {len(rows) - defects} harmless variants, {time.monotonic() - begun:.0f} s: "
          f"{len(rows) - len(failed)} proven, {len(failed)} failed, {len(missing)} scenarios without a defect")
    return 1 if failed or missing or stale else 0


def _print(row: Row) -> None:
    print(f"{'FAILED' if row.problems else 'proven':9} {row.kind:9} {row.variant}  ({row.seconds:.0f} s)")
    for problem in row.problems:
        print(f"          {problem}")
    for scenario, reason in row.caught.items():
        print(f"          {scenario}: {reason}")
    sys.stdout.flush()


def _publish(rows: list[Row], *, check: bool) -> bool:
    """Write what was proven; with ``check``, say whether the file in the tree differs instead."""
    text = json.dumps(proven(rows), indent=1, ensure_ascii=False) + "\n"
    if check and (not PROVEN.exists() or PROVEN.read_text(encoding="utf-8") != text):
        print(f"{PROVEN.name} is not what was proven: run `python -m tests.falsification` and commit it")
        return True
    PROVEN.write_text(text, encoding="utf-8")
    return False


if __name__ == "__main__":
    sys.exit(main())
