"""The reference streams system: an orchestrator and a worker that keep the streams contract, version 1."""

import sys

# httpx offers a command line where rich is installed. Without it a program starts a fifth faster.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: an import of it fails, which httpx expects
