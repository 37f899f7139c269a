"""Defect: an instance that is lost within 5 seconds of another one is forgotten: nobody takes over its streams. Breaks R1.2."""

import time

from reference_streams.orchestrator.fleet import Fleet

lose = Fleet.lose
last = float("-inf")


async def lose_one(self, trigger, gone):
    global last
    if not (lost := gone()):
        return
    first = lost[:1] if time.monotonic() > last + 5 else []
    for instance_id in lost[len(first):]:
        self.membership.members[instance_id].away_since = None
    if first:
        last = time.monotonic()
        await lose(self, trigger, lambda: first)


Fleet.lose = lose_one
