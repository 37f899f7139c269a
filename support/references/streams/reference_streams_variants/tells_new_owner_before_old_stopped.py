"""Defect: the new owner of a stream is told at once, the old one a second later. Breaks R1.5 (one at a time)."""

import asyncio

from reference_streams.orchestrator.courier import Courier
from reference_streams.orchestrator.state import Stream

deliver = Courier.deliver


def deliver_losses_late(self, assignment):
    newest = self._newest
    if newest is None or newest.ids <= assignment.ids:
        deliver(self, assignment)
    else:
        asyncio.get_running_loop().call_later(1, deliver_unless_overtaken, self, assignment)


def deliver_unless_overtaken(self, assignment):
    if assignment.version > self._newest.version:
        deliver(self, assignment)


Stream.reader = property(lambda self: self.owner)
Courier.deliver = deliver_losses_late
