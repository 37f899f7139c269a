"""Builds of equivalents: built when something changed, and only then. Real engine, images from scratch."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support import images
from support.images import CONTENT_LABEL, RECIPES, Recipe
from support.testbed.engine import api, available

with_engine = pytest.mark.skipif(available([]) is not None, reason=f"{available([])}")


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Recipe]:
    """An image that needs no package and no base."""
    folder, context = tmp_path / "image", tmp_path / "context"
    folder.mkdir()
    context.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (context / "file").write_text("one")
    yield Recipe(f"holdfast/test-{secrets.token_hex(4)}:1", folder, context)


@pytest.fixture
def only(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Nothing but this image is there to build; the lines that were told."""
    monkeypatch.setattr(images, "RECIPES", (recipe,))
    monkeypatch.setattr(images, "_bootstrap", lambda client, content, mirror: None)
    yield []
    for found in api().images(name=recipe.tag, quiet=True):
        api().remove_image(found)


@with_engine
def test_an_unchanged_image_is_not_built_again_and_a_changed_one_is(recipe, only):
    images.build(only.append)
    first = api().inspect_image(recipe.tag)["Id"]
    images.build(only.append)
    assert api().inspect_image(recipe.tag)["Id"] == first
    assert only[-1].split() == [recipe.tag, "unchanged"]

    (recipe.context / "file").write_text("two")
    images.build(only.append)
    assert api().inspect_image(recipe.tag)["Id"] != first
    assert "built in" in only[-1]
    assert first not in api().images(quiet=True, all=True), "the replaced image is still there"


@with_engine
def test_a_build_that_fails_says_why(recipe, only):
    (recipe.folder / "Dockerfile").write_text("FROM scratch\nCOPY nowhere /\n")
    with pytest.raises(RuntimeError, match=f"{recipe.tag} failed.*nowhere"):
        images.build(only.append)


def test_the_content_follows_dockerfile_context_and_base(recipe):
    before = recipe.content("base")
    assert recipe.content("base") == before
    assert recipe.content("another base") != before
    (recipe.context / "__pycache__").mkdir()
    (recipe.context / "__pycache__" / "file.pyc").write_text("no source")
    assert recipe.content("base") == before
    (recipe.context / "more").write_text("")
    with_more = recipe.content("base")
    assert with_more != before
    recipe.dockerfile.write_text("FROM scratch\n")
    assert recipe.content("base") not in (before, with_more)


def test_the_same_bytes_are_the_same_content_wherever_the_project_lies(recipe, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for folder in (recipe.folder, recipe.context):
        subprocess.run(["cp", "-r", str(folder), str(moved)], check=True)
    elsewhere = replace(recipe, folder=moved / recipe.folder.name, context=moved / recipe.context.name)
    assert elsewhere.content("base") == recipe.content("base")


def test_every_recipe_has_its_dockerfile():
    assert [recipe.tag for recipe in RECIPES if not recipe.dockerfile.is_file() or not recipe.context.is_dir()] == []


def test_without_an_engine_one_line_says_so(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "support.images"], env={"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "PATH": ""}, capture_output=True, text=True,
    )
    assert done.returncode == 2
    assert done.stderr.strip() == "support.images: no Docker engine answers; install docker.io and start dockerd"


@with_engine
def test_the_images_that_are_here_say_what_they_were_built_from():
    for recipe in RECIPES:
        for found in api().images(name=recipe.tag, quiet=True):
            assert CONTENT_LABEL in api().inspect_image(found)["Config"]["Labels"]
