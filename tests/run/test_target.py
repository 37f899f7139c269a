"""Settings and target files that are right: what comes out of them. (What is wrong with them: test_bad_input.)"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.outcomes import BadInput
from support.settings import Shard, load_settings
from support.target import Program, load_target


@pytest.fixture(autouse=True)
def no_options_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOLDFAST_TESTBED", raising=False)
    monkeypatch.delenv("HOLDFAST_SEED", raising=False)


def test_options_are_typed_and_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_SEED", "1")
    monkeypatch.setenv("HOLDFAST_TESTBED", "processes")
    settings = load_settings({"seed": "2", "shard": "2/5", "require": "R1, @R4.2"})
    assert (settings.seed, settings.testbed, settings.shard, settings.require) == (2, "processes", Shard(2, 5), ("R1", "R4.2"))


def test_a_mistake_in_the_environment_is_told_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TESTBED", "submarine")
    with pytest.raises(BadInput, match=r"^HOLDFAST_TESTBED: choose auto, containers, processes or deployed"):
        load_settings({})


def test_password_is_not_shown() -> None:
    settings = load_settings({"streams_database": "postgresql://u:s3cret@h/d", "streams_url": "http://h:1"})
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(load_target(settings))
    assert load_target(settings).system("streams").database == "postgresql://u:s3cret@h/d"


def test_the_default_is_the_reference() -> None:
    target = load_target(load_settings({}))
    program = target.system("streams").program("orchestrator")
    assert target.name == "reference"
    assert program.command == (sys.executable, "-m", "reference_streams.orchestrator")
    assert Path(program.env["PYTHONPATH"]).is_dir()


def test_a_program_that_a_file_leaves_out_is_the_references(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n[streams]\nlacks = ["views"]\n[streams.orchestrator]\ncommand = ["{python}", "{here}/o.py", "{listen}"]\n')
    target = load_target(load_settings({"target": str(file)}))
    streams = target.system("streams")
    assert (target.name, streams.lacks) == ("mine", {"views"})
    assert streams.program("orchestrator") == Program(command=(sys.executable, f"{tmp_path}/o.py", "{listen}"))
    assert streams.program("worker").command == (sys.executable, "-m", "reference_streams.worker")


def test_options_are_sugar_over_the_target() -> None:
    target = load_target(load_settings({"streams_command": "python3 /a/b/my.py --token 'x y'", "streams_worker_command": "./w"}))
    assert target.name == "python3 my.py"  # no arguments: they may be secret
    assert target.system("streams").program("orchestrator") == Program(command=("python3", "/a/b/my.py", "--token", "x y"))
    assert target.system("streams").program("worker") == Program(command=("./w",))
    assert load_target(load_settings({"streams_image": "me/it:1"})).system("streams").program("orchestrator") == Program(image="me/it:1")


def test_a_running_system_is_named_without_credentials() -> None:
    assert load_target(load_settings({"streams_url": "http://user:s3cret@staging:8080/api"})).name == "staging:8080"


def test_a_running_system_without_a_file() -> None:
    target = load_target(load_settings({"streams_url": "http://staging:8080", "streams_suite_listen": "10.0.0.5:7001"}))
    assert (target.system("streams").suite_listen, target.system("streams").program("orchestrator").url) == ("10.0.0.5:7001", "http://staging:8080")


def test_a_variant_reaches_both_programs_and_is_named() -> None:
    target = load_target(load_settings({"streams_variant": "second-death-forgotten"}))
    assert target.name == "reference, variant second-death-forgotten"
    assert {p.env["STREAMS_VARIANT"] for p in target.system("streams").programs.values()} == {"second-death-forgotten"}
    with pytest.raises(BadInput, match="a system that already runs cannot be changed"):
        load_target(load_settings({"streams_variant": "x", "streams_url": "http://h:1"}))
