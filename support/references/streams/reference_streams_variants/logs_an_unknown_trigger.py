"""Defect: the log gives "because" as what triggered a change. Breaks R1.1."""

from dataclasses import replace

from reference_streams.orchestrator import store

save_owners = store._save_owners


async def save_because(connection, state, occasion):
    await save_owners(connection, state, replace(occasion, trigger="because"))


store._save_owners = save_because
