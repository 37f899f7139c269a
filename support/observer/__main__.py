"""``python -m support.observer``: a process beside behave. Says ``{"ready": true, "urls": {…}}`` on stdout once it listens."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
from pathlib import Path

import uvloop

from support.observer import rpc
from support.observer.server import HttpServer, Observer, bind

_PR_SET_PDEATHSIG = 1
_BUILT_IN = ("support.observer.clock", "support.observer.prober", "support.observer.relay")


def die_with(parent: int) -> None:
    """Have the kernel end this process with its parent; end at once if that is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")


async def run(path: Path, listen: list[str], plugins: list[str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    observer = Observer()
    for plugin in (*_BUILT_IN, *plugins):
        observer.plug(plugin)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    sockets, observer.urls = bind(listen)
    tasks = [asyncio.create_task(observer.tick())]
    if sockets:
        tasks.append(asyncio.create_task(HttpServer(observer).serve(sockets)))
    async with await rpc.serve(path, observer.handlers):
        print(json.dumps({"ready": True, "urls": observer.urls}), flush=True)
        ended = asyncio.create_task(stop.wait())
        await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await observer.shut_down()
    for task in tasks:
        if task.done():
            task.result()  # neither ends by itself: say why
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m support.observer", description=__doc__)
    parser.add_argument("--socket", required=True, type=Path, help="Unix socket to take commands on")
    parser.add_argument("--listen", default="", help="addresses host[:port] to serve HTTP on, separated by commas")
    parser.add_argument("--plugin", action="append", default=[], help="module with plug(observer)")
    parser.add_argument("--parent", type=int, help="process id to die with")
    options = parser.parse_args()
    if options.parent:
        die_with(options.parent)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(options.socket, [a for a in options.listen.split(",") if a], options.plugin))


if __name__ == "__main__":
    main()
