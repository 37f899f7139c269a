"""Defect: a worker that has to register again forgets what it was reading, and never stops reading that. Breaks R1.2."""

from reference_streams.worker.assignment import Processing
from reference_streams.worker.membership import Membership

register, make = Membership._register, Processing.__init__
processing = []
registered = []


def remember(self, *arguments):
    make(self, *arguments)
    processing.append(self)


async def forget_and_register(self):
    if registered:
        processing[0]._readers = {}
    await register(self)
    registered.append(self)


Processing.__init__, Membership._register = remember, forget_and_register
