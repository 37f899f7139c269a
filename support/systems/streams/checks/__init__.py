"""The checkers of the streams system: importing this package registers them all, so that a stored run can be judged again."""

from support.systems.streams.checks.balancing import Balanced, MovesExactly, NothingMoves
from support.systems.streams.checks.log import FewestMoves
from support.systems.streams.checks.promises import Settled
from support.systems.streams.checks.readers import OneReader, WithinRoom, WithoutPause
from support.systems.streams.checks.reading import Hold, Queued, ReadOnce, Reads
from support.systems.streams.checks.sequence import WithinShareAfterEach
from support.systems.streams.checks.takeover import TakenOver

__all__ = [
    "Balanced", "FewestMoves", "Hold", "MovesExactly", "NothingMoves", "OneReader", "Queued", "ReadOnce", "Reads", "Settled", "TakenOver",
    "WithinRoom", "WithinShareAfterEach", "WithoutPause",
]
