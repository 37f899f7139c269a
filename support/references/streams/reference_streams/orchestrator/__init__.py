"""The orchestrator: decides which worker reads which stream, keeps that in PostgreSQL, and tells the workers."""
