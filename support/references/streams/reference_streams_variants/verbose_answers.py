"""Harmless: answers and assignments carry fields that nobody asked for, and the log carries more lines."""

from reference_streams.logs import log
from reference_streams.orchestrator import api as orchestrator
from reference_streams.orchestrator.courier import Assignment
from reference_streams.worker import api as worker
from starlette.responses import JSONResponse

to_json = Assignment.to_json


class Verbose(JSONResponse):
    def render(self, content):
        log.info("answering", fields=sorted(content))
        return super().render({**content, "note": "nobody asked for this", "served_by": {"program": "reference", "variant": True}})


orchestrator.JSONResponse = worker.JSONResponse = Verbose
Assignment.to_json = lambda self: {**to_json(self), "note": "nobody asked for this"}
