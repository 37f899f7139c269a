"""No password in anything that a run writes, prints or shows in the process list - and nothing left behind by a scenario that failed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.deadline import until
from tests.run.real import ENGINE_MISSING, Suite, suite

# Python runs this at its start: every password that the suite makes is written down, outside of what is searched.
NOTE_PASSWORDS = """
import os, secrets

make = secrets.token_urlsafe

def noted(length=None):
    password = make(length)
    with open(os.environ["NOTED_PASSWORDS"], "a") as file:
        file.write(password + "\\n")
    return password

secrets.token_urlsafe = noted
"""
DEFECT = ("-D", "streams_variant=moves-more-than-needed", "--name", "^A third worker joins two that share everything$")
TESTBEDS = ["processes", pytest.param("containers", marks=pytest.mark.skipif(ENGINE_MISSING is not None, reason=str(ENGINE_MISSING)))]


@contextmanager
def noting(tmp_path: Path, testbed: str) -> Iterator[tuple[Suite, Path]]:
    """A suite whose passwords are noted in the file given beside it."""
    module, passwords = tmp_path / "site", tmp_path / "passwords"
    module.mkdir()
    (module / "sitecustomize.py").write_text(NOTE_PASSWORDS)
    with suite(tmp_path / "reports", testbed) as real:
        real.env = {"PYTHONPATH": str(module), "NOTED_PASSWORDS": str(passwords)}
        yield real, passwords


def process_list() -> str:
    return subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout


def containing(passwords: list[str], folder: Path, part: str = "") -> list[str]:
    """Where a password stands in a file below ``folder``, of those with ``part`` in their path. Files may come and go meanwhile."""
    found = []
    for place, _, names in os.walk(folder):  # does not mind a folder that has gone
        for path in (Path(place) / name for name in names):
            if part in str(path) and path.is_file():
                with suppress(FileNotFoundError):
                    content = path.read_bytes()
                    found += [f"{path}: {password}" for password in passwords if password.encode() in content]
    return found


@pytest.mark.parametrize("testbed", TESTBEDS)
def test_failed_scenario_with_logs_tells_no_password(tmp_path: Path, testbed: str) -> None:
    with noting(tmp_path, testbed) as (real, noted):
        running = real.begin(*DEFECT)
        shown: list[str] = []
        stored: list[str] = []

        def look() -> bool:
            """Once and again while it runs: the process list, and the files of its nodes."""
            passwords = noted.read_text().split() if noted.exists() else []
            processes = process_list()
            shown.extend(password for password in passwords if password in processes)
            stored.extend(containing(passwords, real.temporary, part="/log"))
            return running.poll() is not None

        assert until(look, within=90, every=0.3)
        output = running.communicate()[0]
        assert running.returncode == 1, output
        passwords = noted.read_text().split()
        assert len(passwords) >= 2  # the server's and the scenario's
        assert list(real.reports.glob("runs/*/scenarios/*/logs/*.log")), "a failed scenario keeps the logs of its nodes"
        assert shown == []
        assert stored == []
        assert containing(passwords, real.reports) == []
        assert not any(password in output for password in passwords)
        assert real.left_behind() == []
