"""The instrument's own error: outages of known truth, seen by the real prober and judged by the real checks.

``python -m support.observer.calibration [--seconds 1.5] [--out calibration.json]`` prints it as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from support.evidence.availability import Availability, Rto
from support.evidence.history import SECOND, History
from support.observer.prober import Prober, Target
from support.observer.scope import Scope
from support.outcomes import CouldNotJudge

RATE = 20.0  # probes a second, as in every measurement
_PERIOD = round(SECOND / RATE)
_SERVICES = 6
_TIMEOUT_SECONDS = 0.3


@dataclass(frozen=True)
class Calibration:
    """``rto_error_s`` is the largest |measured - true|, ``availability_bias`` the mean of measured - true (percentage points),
    ``slip_p99_s`` how late the prober sent (99th percentile), ``samples`` the number of simulated outages that were judged.
    """

    rto_error_s: float
    availability_bias: float
    slip_p99_s: float
    samples: int

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class Outage:
    """A service that does not answer what arrives in [stop, resume) (ns): it resets the connection, or stays silent."""

    stop: int
    resume: int
    silent: bool


@retry(retry=retry_if_exception_type(CouldNotJudge), stop=stop_after_attempt(3), reraise=True)
def calibrate(seconds: float = 1.5) -> Calibration:
    """Measure the instrument by ``seconds`` (at least 1) of probes; again where the machine was too busy. CouldNotJudge: it stayed so."""
    # Not named holdfast-*: that is where runs live, and a sweep would take it for one that is over.
    with tempfile.TemporaryDirectory(prefix="calibration-") as directory, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        outages = runner.run(_observe(Path(directory), seconds))
        history = History.load(Path(directory) / "observer.jsonl")
    return judge(history, outages)


async def _observe(directory: Path, seconds: float) -> dict[str, Outage]:
    """Probe all the services through an outage each. The outages by the name of the probe."""
    command = [sys.executable, "-m", "support.observer.calibration", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as services:
        assert services.stdin and services.stdout
        ports: list[int] = json.loads(await asyncio.to_thread(services.stdout.readline))
        scope = Scope("calibration", directory, {})
        probers, outages = [], {}
        for i, port in enumerate(ports):
            prober = Prober(scope, Target(f"service-{i}", f"http://127.0.0.1:{port}/", RATE, _TIMEOUT_SECONDS, "GET"))
            probers.append(prober)
            await asyncio.sleep(1 / RATE / _SERVICES)  # their probes shall not leave all at once
            outages[prober.target.name] = _plan(i, prober.first, round(seconds * RATE))
        print(json.dumps([asdict(outage) for outage in outages.values()]), file=services.stdin, flush=True)
        await asyncio.sleep(seconds)
        for prober in probers:
            await prober.stop()
        await scope.close()
        services.stdin.close()  # ends it
    return outages


def _plan(i: int, first: int, probes: int) -> Outage:
    """An outage of whole periods, whose truth is exact on any schedule; each service's lies elsewhere between two probes."""
    stop = first + (probes // 8) * _PERIOD + round((i + 0.5) / _SERVICES * _PERIOD)
    return Outage(stop, stop + (probes // 3) * _PERIOD, silent=i % 2 == 1)


def judge(history: History, outages: dict[str, Outage]) -> Calibration:
    """Compare what the checks make of the history with the truth.

    Like any other measurement, a single outage may be one that could not be judged (the tester fell behind). Raises CouldNotJudge if most are.
    """
    rto_errors, biases, unjudged = [], [], ""
    for name, outage in outages.items():
        schedule = next(e for e in history.of("probing") if e["name"] == name)
        last = max(e["scheduled"] for e in history.of("probe") if e["name"] == name)
        stable = (last - outage.resume - 2 * _PERIOD) / SECOND
        recovery = (outage.resume - outage.stop) / SECOND
        start, end = schedule["first"], last + _PERIOD
        true = 100 * (1 - (outage.resume - outage.stop) / (end - start))
        back = Rto(name, outage.stop, limit=2 * recovery, stable=stable).judge(history, final=True)
        available = Availability(name, start, end, limit=0).judge(history, final=True)
        if back.value is None or available.value is None or not (back.met and available.met):
            unjudged = f"{back.seen}; {available.seen}"
            continue
        rto_errors.append(abs(back.value - recovery))
        biases.append(available.value - true)
    if 2 * len(biases) < len(outages):
        raise CouldNotJudge(f"the instrument could not judge most of the simulated outages: {unjudged}")
    slips = sorted((e["sent"] - e["scheduled"]) / SECOND for e in history.of("probe") if e["sent"] is not None)
    return Calibration(
        rto_error_s=round(max(rto_errors), 4),
        availability_bias=round(sum(biases) / len(biases), 4),
        slip_p99_s=round(slips[int(0.99 * (len(slips) - 1))], 4),
        samples=len(biases),
    )


async def _serve() -> None:
    """The simulated services: ports out on stdout, their outages in on stdin; ends with stdin."""
    outages: list[Outage] = []

    async def serve(i: int) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if outages and outages[i].stop <= time.monotonic_ns() < outages[i].resume:
                if outages[i].silent:
                    await reader.read()  # until the prober gives it up
                writer.transport.abort()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
            writer.close()

        return await asyncio.start_server(answer, "127.0.0.1", 0)

    servers = [await serve(i) for i in range(_SERVICES)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    outages += [Outage(**outage) for outage in json.loads(await asyncio.to_thread(sys.stdin.readline))]
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.observer.calibration", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5, help="how long to probe")
    parser.add_argument("--out", type=Path, help="file to write as well")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(_serve())
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # an exit that leaves no directory and no services behind
    calibration = calibrate(options.seconds)
    if options.out:
        options.out.write_text(calibration.to_json(), encoding="utf-8")
    print(calibration.to_json(), end="")


if __name__ == "__main__":
    main()
