"""Whatever a user gets wrong: one clear line, exit code 2, nothing started. The table of all of them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import Toy
from tests.run.warm import Ended

GOOD = "--tags=@good"
STREAMS = "--tags=@S1"
FEATURE = "features/toy/toy.feature"


def unchanged(toy: Toy) -> None:
    pass


def edited(path: str, old: str, new: str) -> Callable[[Toy], None]:
    def edit(toy: Toy) -> None:
        file = toy.directory / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return edit


def written(path: str, text: str) -> Callable[[Toy], None]:
    return lambda toy: (toy.directory / path).write_text(text) and None


STARTED = '[streams.orchestrator]\ncommand = ["true"]\n'

TABLE = {
    "unknown option": (unchanged, ["-D", "testbd=auto"], "-D testbd: no such option; did you mean testbed?"),
    "unknown testbed": (unchanged, ["-D", "testbed=submarine"], "-D testbed=submarine: choose auto, containers, processes or deployed (README"),
    "option of the wrong type": (unchanged, ["-D", "seed=red"], "-D seed=red: "),
    "impossible shard": (unchanged, ["-D", "shard=7/5"], "-D shard=7/5: write it as 2/5"),
    "shard without a scenario": (unchanged, [GOOD, "-D", "shard=9/9"], "-D shard=9/9: only 5 scenarios are selected"),
    "required criterion that is not there": (unchanged, ["-D", "require=T9"], "-D require=T9: no such criterion"),
    "two ways to have the system": (
        unchanged, ["-D", "streams_url=http://x:1", "-D", "streams_image=x"], "-D streams_url and -D streams_image: choose"),
    "unknown variant": (
        unchanged, [STREAMS, "-D", "streams_variant=another-tiebreak"], "=another-tiebreak: no such variant; did you mean another-tie-break?"),
    "no such target file": (unchanged, ["-D", "target=no.toml"], "target no.toml: No such file"),
    "target that is no TOML": (written("t.toml", "name = "), ["-D", "target=t.toml"], "target t.toml: not a TOML file"),
    "target with a mistyped key": (
        written("t.toml", f'name = "x"\n[streams]\nlack = []\n{STARTED}'), ["-D", "target=t.toml"], "streams.lack: no such key; did you mean lacks?"),
    "target with a mistyped system": (
        written("t.toml", 'name = "x"\n[stream]\n'), ["-D", "target=t.toml"], "[stream]: no such system; did you mean streams?"),
    "target with an unknown capability": (
        written("t.toml", f'name = "x"\n[streams]\nlacks = ["view"]\n{STARTED}'), ["-D", "target=t.toml"],
        'lacks "view": no such capability; did you mean views?'),
    "target with two ways to one program": (
        written("t.toml", f'name = "x"\n{STARTED}url = "http://x:1"\n'), ["-D", "target=t.toml"], "exactly one of command, image and url"),
    "target without the judged program": (written("t.toml", 'name = "x"\n[streams]\n'), ["-D", "target=t.toml"], "[streams.orchestrator] is missing"),
    "faults allowed on what the suite starts": (
        written("t.toml", f'name = "x"\n[streams]\nallow = ["link"]\n{STARTED}'), ["-D", "target=t.toml"], "are for a system that already runs"),
    "fault that cannot be done to what runs already": (
        written("t.toml", 'name = "x"\n[streams]\nallow = ["kill"]\n[streams.orchestrator]\nurl = "http://x:1"\n'), ["-D", "target=t.toml"],
        "streams.allow.0: Input should be 'link'"),
    "suite that is reached nowhere": (
        written("t.toml", 'name = "x"\n[streams]\nsuite_listen = "0.0.0.0:7001"\n[streams.orchestrator]\nurl = "http://x:1"\n'),
        ["-D", "target=t.toml"], "streams.suite_listen: say the address of this machine under which the system reaches it"),
    "unreachable system": (unchanged, [STREAMS, "-D", "streams_url=http://127.0.0.1:1"], "http://127.0.0.1:1 cannot be reached"),
    "program that is not there": (unchanged, [STREAMS, "-D", "streams_command=nosuch --fast"], "there is no program 'nosuch'"),
    "Docker that does not answer": (unchanged, [GOOD, "-D", "testbed=containers"], "-D testbed=containers: "),
    "selection without a scenario": (
        unchanged, ["--tags=@goood"], "the selection matches none of 15 scenarios; @goood: no such tag; did you mean good?"),
    "name without a scenario": (unchanged, ["--name", "nowhere"], "the selection matches none"),
    "unknown criterion": (unchanged, ["--tags=@T9.9"], "--tags=@T9.9: no such criterion"),
    "no such feature": (unchanged, ["features/toy/no.feature"], "no such feature"),
    "broken feature": (edited(FEATURE, "Scenario: It fails", "Scenaro: It fails"), [GOOD], f"{FEATURE}:40: cannot be read as a feature"),
    "undefined step": (edited(FEATURE, "Given a toy", "Given a tory"), [GOOD], f'{FEATURE}:7: "Given a tory": no step is defined'),
    "ambiguous step": (
        written("steps/other.py", "from behave import when\n\n@when('it is {how} {what}')\ndef step_other(context, how, what): ...\n\n"
                "@when('it is {what}ed')\ndef step_ed(context, what): ...\n"), [GOOD], "more than one step matches: "),
    "step defined twice": (
        written("steps/other.py", "from behave import given\n\n@given('a toy')\ndef step_other(context): ...\n"), [GOOD], "ambiguous step: "),
    "steps that cannot be loaded": (written("steps/other.py", "\nimport nosuch\n"), [GOOD], "steps/other.py:2: ModuleNotFoundError"),
    "hooks that cannot be read": (written("environment.py", "def f(:\n"), [GOOD], "environment.py:1: SyntaxError"),
    "scenario without a criterion": (edited(FEATURE, "  @T1.2\n", ""), [GOOD], "belongs to no criterion"),
    "two scenarios of one name": (edited(FEATURE, "Row <name>", "Row"), [GOOD], "'T1.1/Row' is there already"),
    "report folder that is a file": (written("reports", ""), [GOOD], "-D reports=reports: "),
    "report folder below a file": (unchanged, [GOOD, "-D", "reports=behave.ini/x"], "behave.ini is not a folder"),
}


@pytest.mark.parametrize("case", TABLE)
def test_told_in_one_line(toy: Toy, case: str) -> None:
    spoil, args, expected = TABLE[case]
    spoil(toy)
    _told(toy, toy.quickly(*args, env={"DOCKER_HOST": "tcp://127.0.0.1:1"}), expected)


def _told(toy: Toy, ended: Ended | subprocess.CompletedProcess[str], expected: str) -> None:
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stdout == ""
    assert ended.stderr.startswith("behave: ") and ended.stderr.count("\n") == 1, ended.stderr
    assert expected in ended.stderr
    assert not toy.noted("started.txt")
    assert not (toy.directory / "reports").is_dir()


def test_unreachable_database_without_its_password(toy: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as system:
        url = f"http://127.0.0.1:{system.getsockname()[1]}"
        database = {"HOLDFAST_STREAMS_DATABASE": "postgresql://user:s3cret@127.0.0.1:1/streams"}
        ended = toy.quickly(STREAMS, "-D", f"streams_url={url}", env=database)
    _told(toy, ended, "streams.database: 127.0.0.1:1/streams cannot be reached")
    assert "s3cret" not in ended.stderr


def test_database_address_that_is_none_is_not_repeated(toy: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as system:
        url = f"http://127.0.0.1:{system.getsockname()[1]}"
        ended = toy.quickly(STREAMS, "-D", f"streams_url={url}", env={"HOLDFAST_STREAMS_DATABASE": "s3cret and more"})
    _told(toy, ended, "streams.database: not an address of a PostgreSQL database")
    assert "s3cret" not in ended.stderr


def test_port_taken(toy: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as system, socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        url = f"http://127.0.0.1:{system.getsockname()[1]}"
        (toy.directory / "t.toml").write_text(f'name = "x"\n[streams]\nsuite_listen = "{listen}"\n[streams.orchestrator]\nurl = "{url}"\n')
        ended = toy.quickly(STREAMS, "-D", "target=t.toml")
    _told(toy, ended, f"streams.suite_listen: cannot listen on {listen}: Address already in use")


def test_unsupported_platform(toy: Toy) -> None:
    program = "import sys, support.run.runner; from behave.__main__ import main; sys.platform = 'sunos5'; sys.exit(main(['--tags=@good']))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=toy.directory, capture_output=True, text=True, timeout=60)
    _told(toy, ended, "Holdfast runs on Linux and macOS, not on sunos5")


def test_folder_without_features(tmp_path: Path) -> None:
    (tmp_path / "behave.ini").write_text("[behave]\nrunner = support.run.runner:Runner\n")
    ended = subprocess.run([sys.executable, "-m", "behave"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "start behave where features/ and steps/ are" in ended.stderr
