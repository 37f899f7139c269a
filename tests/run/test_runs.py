"""Whole runs of the toy: outcomes and exit codes, side by side and alone, what a user sees, what crashes lead to."""

from __future__ import annotations

import json
import socket
from typing import Any
from xml.etree import ElementTree

from tests.reference.surroundings import free_port
from tests.run.conftest import Toy


def results(toy: Toy) -> dict[str, dict[str, Any]]:
    """Scenario → result of the toy's only run, as stored."""
    [run] = toy.runs
    return {result["scenario"]: result for result in json.loads((run / "results.json").read_text())}


def test_side_by_side_then_alone(toy: Toy) -> None:
    ended = toy.behave("--tags=@good or @pair", "-D", "seed=7", "--jobs=2")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[1] == "Holdfast · testbed processes (as asked) · seed 7"
    assert lines[2].startswith("plan     7 scenarios · clusters: none · about ") and lines[2].endswith(" · 1 not applicable")
    assert "To the moon" in lines[3] and 'not applicable: this testbed cannot "moon"' in lines[3]
    assert any(line.startswith("  7/7    T1.2   All by itself ") and " met " in line and line.endswith("0.5 s of 1 s") for line in lines)
    assert "T1.1 met 5 of 5 · T1.2 met 1 of 2, 1 not applicable" in lines
    assert lines[-2].startswith("time     services ") and lines[-1].startswith("report   reports/index.html · criteria reports/criteria.html")

    began = {scenario: (pid, when) for scenario, pid, when in toy.noted("started.txt")}
    finished = {scenario: when for scenario, _, when in toy.noted("promises.txt")}
    assert set(began) == set(finished) == {"Plain", "Row a", "Row b", "Meets the other one", "Meets the other two", "All by itself"}
    assert len({pid for pid, _ in began.values()}) == 2
    assert began["All by itself"][1] >= max(when for scenario, when in finished.items() if scenario != "All by itself")
    assert not toy.left_behind()


def test_what_is_stored(toy: Toy) -> None:
    assert toy.quickly("--tags=@good", "-D", "seed=7").returncode == 0
    [run] = toy.runs
    info = json.loads((run / "run.json").read_text())
    assert (info["run_id"], info["seed"], info["testbed"], info["reason"]) == (run.name, 7, "processes", "as asked")
    assert {name: r["outcome"] for name, r in results(toy).items()} == {
        "Plain": "met", "Row a": "met", "Row b": "met", "To the moon": "not applicable", "All by itself": "met"}
    allure = [json.loads(path.read_text()) for path in (run / "allure-results").glob("*-result.json")]
    assert sorted((r["name"], r["status"]) for r in allure) == [
        ("All by itself", "passed"), ("Plain", "passed"), ("Row a", "passed"), ("Row b", "passed"), ("To the moon", "skipped")]
    [moon] = [r for r in allure if r["name"] == "To the moon"]
    assert 'this testbed cannot "moon"' in moon["statusDetails"]["message"]
    lasted = json.loads((toy.directory / "reports" / "durations.json").read_text())
    assert set(lasted) == {"T1.1/Plain", "T1.1/Row a", "T1.1/Row b", "T1.2/All by itself"}


def test_violated_wins(toy: Toy) -> None:
    ended = toy.quickly("--tags=@bad or @vague or @suicide or @good")
    assert ended.returncode == 1
    assert "T1.1 violated: met 3 of 6, 1 violated, 1 broken, 1 could not judge" in ended.stdout
    assert "           7 of 10\n" in ended.stdout


def test_could_not_judge(toy: Toy) -> None:
    ended = toy.quickly("--tags=@vague")
    assert ended.returncode == 3
    assert "           the fault did not bite\n" in ended.stdout


def test_a_dying_process_breaks_its_scenario_only(toy: Toy) -> None:
    ended = toy.quickly("--tags=@suicide or @good", "--jobs=1")
    assert ended.returncode == 3
    found = results(toy)
    assert found["Its process dies"]["outcome"] == "broken"
    assert "ended with signal 9" in found["Its process dies"]["reason"]
    assert {r["outcome"] for name, r in found.items() if name != "Its process dies"} == {"met", "not applicable"}
    assert not toy.left_behind()


def test_crashed_scenario_hooks(toy: Toy) -> None:
    for hook in ("before_scenario", "after_scenario"):
        ended = toy.quickly("--name=Plain", env={"TOY_CRASH": hook})
        assert ended.returncode == 3
        assert f"HOOK-ERROR in {hook}: RuntimeError: {hook} was told to crash" in ended.stdout
        assert not toy.left_behind()


def test_crashed_hook_before_everything(toy: Toy) -> None:
    ended = toy.quickly("--tags=@good", env={"TOY_CRASH": "before_all"})
    assert ended.returncode == 3
    found = results(toy)
    assert {r["outcome"] for r in found.values()} == {"broken", "not applicable"}
    assert found["Plain"]["reason"] == "HOOK-ERROR in before_all: RuntimeError: before_all was told to crash"
    assert not toy.left_behind()


def test_crashed_hook_after_everything(toy: Toy) -> None:
    ended = toy.quickly("--name=Plain", env={"TOY_CRASH": "after_all"})
    assert ended.returncode == 3
    assert results(toy)["Plain"]["outcome"] == "met"
    assert "broken   HOOK-ERROR in after_all: RuntimeError: after_all was told to crash" in ended.stdout


def test_stop_at_the_first_failure(toy: Toy) -> None:
    ended = toy.quickly("--tags=@bad or @vague", "--jobs=1", "--stop")
    assert ended.returncode in (1, 3)
    assert "1 of 2 scenarios were not run" in ended.stdout
    assert len(toy.noted("started.txt")) == 1


def test_nothing_applicable(toy: Toy) -> None:
    ended = toy.quickly("--name=moon")
    assert ended.returncode == 0
    assert "nothing was judged: none of the selected scenarios is applicable here" in ended.stdout


def test_required_but_not_applicable(toy: Toy) -> None:
    ended = toy.quickly("--name=moon", "-D", "require=T1")
    assert ended.returncode == 3
    assert "required, but not applicable here: T1.2" in ended.stdout


def test_dry_run_shows_the_plan_and_starts_nothing(toy: Toy) -> None:
    ended = toy.quickly("--tags=@good or @long", "--dry-run", "--jobs=2")
    assert ended.returncode == 0
    assert "plan     6 scenarios · clusters: none · about 35 s · 1 not applicable" in ended.stdout  # 3 to start, 31 for the long one, 1 alone
    assert "T1.1   It takes long  about 31 s" in ended.stdout
    assert "T1.2   All by itself  about 1 s, alone" in ended.stdout
    assert not toy.runs and not toy.noted("started.txt")


def test_behaves_own_formatters(toy: Toy) -> None:
    ended = toy.quickly("--tags=@good", "-f", "json", "-o", "out.json", "-f", "plain", "--junit", "--junit-directory=junit")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "one scenario at a time" in ended.stdout
    assert ended.stdout.count("Feature: A toy that stands for a system") == 1
    [feature] = json.loads((toy.directory / "out.json").read_text())
    elements = [element for part in feature["elements"] for element in part.get("elements", [part])]
    shown = [(element["name"], element.get("status")) for element in elements]
    assert ("Plain", "passed") in shown and ("It fails", "failed") not in shown
    [junit] = (toy.directory / "junit").glob("*.xml")
    assert {case.get("name") for case in ElementTree.parse(junit).iter("testcase")} == {"Plain", "Row a", "Row b", "All by itself", "To the moon"}


def test_one_row_by_its_line(toy: Toy) -> None:
    ended = toy.quickly("features/toy/toy.feature:24")
    assert ended.returncode == 0
    assert [scenario for scenario, _, _ in toy.noted("started.txt")] == ["Row b"]


def test_shards_are_a_partition(toy: Toy) -> None:
    for number in (1, 2):
        assert toy.quickly("--tags=@good and not @alone", "-D", f"shard={number}/2").returncode == 0
    started = [scenario for scenario, _, _ in toy.noted("started.txt")]
    assert sorted(started) == ["Plain", "Row a", "Row b"]


def test_promises_are_not_appended_twice_or_elsewhere(toy: Toy) -> None:
    feature = toy.directory / "features/toy/toy.feature"
    feature.write_text(feature.read_text().replace("Then it works", "Then it works\n      And every promise held throughout", 1))
    assert toy.quickly("--name=Plain|It is there").returncode == 0
    assert [scenario for scenario, _, _ in toy.noted("promises.txt")] == ["Plain"]


def test_a_running_system_and_what_may_be_done_to_it(toy: Toy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as system:
        url = f"http://127.0.0.1:{system.getsockname()[1]}"
        listen = f'suite_listen = "127.0.0.1:{free_port()}"\n'
        (toy.directory / "t.toml").write_text(f'name = "mine"\n[streams]\n{listen}lacks = ["views"]\n[streams.orchestrator]\nurl = "{url}"\n')
        refused = toy.quickly("--tags=@S1", "--dry-run", "-D", "target=t.toml").stdout
        assert 'not applicable: the target (mine) lacks "views"' in refused
        assert 'not applicable: the orchestrator runs already, and the target (mine) does not allow "link" on it' in refused
        assert 'not applicable: the orchestrator runs already: the suite cannot "restart" it' in refused
        assert "faults   orchestrator (runs already; allowed: no fault): none" in refused
        (toy.directory / "t.toml").write_text(f'name = "mine"\n[streams]\n{listen}allow = ["link"]\n[streams.orchestrator]\nurl = "{url}"\n')
        allowed = toy.quickly("--tags=@S1", "--dry-run", "-D", "target=t.toml").stdout
        assert "2 not applicable" in allowed  # views, without a database; restart
        assert "running  mine: 2 scenarios, one after another, each with streams and instances of its own" in allowed
        assert "faults   orchestrator (runs already; allowed: link): link in 1 of them" in allowed
