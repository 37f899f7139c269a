"""The reference streams system: an orchestrator and a worker that keep the streams contract, version 1."""
