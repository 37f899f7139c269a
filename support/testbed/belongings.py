"""What was made on a testbed, by the process that made it: a testbed is made in the supervisor and used in its forks, too."""

from __future__ import annotations

import os
from typing import TypeVar

from support.testbed.interface import Link, Node

Made = TypeVar("Made", bound=Node | Link)


class Belongings:
    """Each process removes its own nodes and links, and nobody else's."""

    def __init__(self) -> None:
        self._made: list[tuple[int, Node | Link]] = []

    def add(self, made: Made) -> Made:
        self._made.append((os.getpid(), made))
        return made

    def remove(self) -> None:
        """Remove what this process made, the newest first. Can be called twice."""
        while self._made:
            maker, made = self._made.pop()
            if maker == os.getpid():
                made.remove() if isinstance(made, Node) else made.close()
