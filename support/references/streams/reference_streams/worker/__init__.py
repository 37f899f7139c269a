"""The worker: reads the streams that the orchestrator assigns to it, and goes on when the orchestrator is away."""
