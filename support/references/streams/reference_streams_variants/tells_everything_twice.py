"""Harmless: the orchestrator sends every assignment twice."""

from reference_streams.orchestrator.peers import Peers

call = Peers.call


async def call_twice(self, method, url, body=None):
    if method == "PUT":
        await call(self, method, url, body)
    return await call(self, method, url, body)


Peers.call = call_twice
