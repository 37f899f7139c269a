"""Builds equivalents of the official images from Debian's packages, for machines that reach no image registry.

``python -m support.images`` builds what is missing or has changed. Each image carries the hash of what it was built from as the
label ``holdfast.content``, so that a changed Dockerfile (or base) is built again and an unchanged one is not.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from os import geteuid
from pathlib import Path

import docker
from docker.errors import BuildError, DockerException, ImageNotFound
from testcontainers.core.docker_client import DockerClient

from support.outcomes import BadInput

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
BASE = f"holdfast/base:{SUITE}"
CONTENT_LABEL = "holdfast.content"
BUILD_SECONDS = 900  # an answer of the engine may take that long while packages are fetched

_HERE = Path(__file__).parent
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """An image: its tag, the folder of its Dockerfile, and the folder that the Dockerfile copies from."""

    tag: str
    folder: Path
    context: Path

    @property
    def dockerfile(self) -> Path:
        return self.folder / "Dockerfile"

    def content(self, base: str) -> str:
        """The hash of everything that it is built from; ``base`` is the content of the image that it builds upon."""
        digest = hashlib.sha256(base.encode() + self.dockerfile.read_bytes())
        for path in sorted(path for path in self.context.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            digest.update(f"\0{path.relative_to(self.context)}\0".encode() + path.read_bytes())
        return digest.hexdigest()


RECIPES = (
    Recipe("holdfast/postgres:17", _HERE / "postgres", _HERE / "postgres"),
    Recipe("holdfast/redis:8", _HERE / "redis", _HERE / "redis"),
    Recipe("holdfast/streams-reference:latest", _HERE / "streams-reference", _HERE.parent / "references" / "streams"),
)


def build(tell: Tell, mirror: str = MIRROR) -> None:
    """Build what is missing or has changed, telling a line before and after each. Raises ``BadInput`` where it cannot even start."""
    try:
        client = DockerClient(timeout=BUILD_SECONDS).client
        client.ping()
    except DockerException as error:
        raise BadInput("support.images: no Docker engine answers; install docker.io and start dockerd") from error
    with closing(client):
        base = hashlib.sha256(SUITE.encode()).hexdigest()
        _unless_built(client, BASE, base, tell, partial(_bootstrap, client, base, mirror))
        for recipe in RECIPES:
            content = recipe.content(base)
            _unless_built(client, recipe.tag, content, tell, partial(_build, client, recipe, content))
        client.images.prune(filters={"dangling": True, "label": CONTENT_LABEL})  # what the new ones replaced


def _unless_built(client: docker.DockerClient, tag: str, content: str, tell: Tell, make: Callable[[], None]) -> None:
    try:
        labels = client.images.get(tag).labels
    except ImageNotFound:
        labels = {}
    if labels.get(CONTENT_LABEL) == content:
        tell(f"{tag:<34} unchanged")
        return
    tell(f"{tag:<34} building ...")
    began = time.monotonic()
    make()
    tell(f"{tag:<34} built in {time.monotonic() - began:.0f} s")


def _bootstrap(client: docker.DockerClient, content: str, mirror: str) -> None:
    if shutil.which("debootstrap") is None:
        raise BadInput("support.images: debootstrap is missing; install it: apt-get install debootstrap")
    if geteuid() != 0:
        raise BadInput("support.images: the base image is built by debootstrap, which needs root")
    with tempfile.TemporaryDirectory(prefix="holdfast-images-") as directory:
        root = Path(directory, "root")
        done = subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(root), mirror], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"debootstrap {SUITE} from {mirror} failed: {(done.stdout + done.stderr)[-2000:]}")
        shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            client.api.import_image_from_stream(tar.stdout, *BASE.split(":"), changes=[f"LABEL {CONTENT_LABEL}={content}"])
        if tar.returncode != 0:
            raise RuntimeError(f"packing the base image failed: tar exited with {tar.returncode}")


def _build(client: docker.DockerClient, recipe: Recipe, content: str) -> None:
    try:
        client.images.build(
            path=str(recipe.context), dockerfile=str(recipe.dockerfile), tag=recipe.tag, rm=True, forcerm=True,
            buildargs={"BASE": BASE}, labels={CONTENT_LABEL: content}, network_mode="host",  # host: a bridge may have no way out
        )
    except BuildError as error:
        log = "".join(line.get("stream", "") for line in error.build_log)
        raise RuntimeError(f"building {recipe.tag} failed: {error.msg}\n{log[-2000:]}") from error
