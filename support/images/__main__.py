"""``python -m support.images [--mirror URL]``: build the images that are missing or have changed."""

from __future__ import annotations

import argparse
import sys

from support.images import MIRROR, build
from support.outcomes import BadInput, ExitCode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m support.images", description="Build equivalents of the official images from Debian's packages.")
    parser.add_argument("--mirror", default=MIRROR, help="Debian mirror that the base is fetched from (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        build(lambda line: print(line, flush=True), arguments.mirror)
    except BadInput as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_INPUT
    return ExitCode.MET


if __name__ == "__main__":
    sys.exit(main())
