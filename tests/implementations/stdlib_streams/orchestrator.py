"""The orchestrator: ``python -m stdlib_streams.orchestrator``, configured by the environment (see the contract)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from .client import CallFailed, call
from .fleet import Fleet, Timing
from .server import Refusal, Reply, Request, Route, Server, invalid, stream_ids, whole_number
from .settings import BASE_URL, ID, URL, Settings, await_termination, block_termination, log, set_up_logging
from .state import Instance, NotActive
from .store import Store, StoreUnavailable

INSTANCE = "/instances/([A-Za-z0-9._-]{1,64})"


class Orchestrator:
    """The HTTP interface in front of the fleet, and what it does every few seconds."""

    def __init__(self, settings: Settings) -> None:
        self.listen = settings.listen("STREAMS_LISTEN")
        self._catalogue_url = settings.url("STREAMS_CATALOGUE_URL")
        self._network_timeout = settings.seconds("STREAMS_NETWORK_TIMEOUT_SECONDS", 30)
        self._check_interval = settings.seconds("STREAMS_CHECK_INTERVAL_SECONDS", 5)
        self._health_interval = settings.seconds("STREAMS_HEALTH_CHECK_INTERVAL_SECONDS", 10)
        grace = settings.seconds("STREAMS_DISCONNECT_GRACE_SECONDS", 5)
        heartbeat_timeout = settings.seconds("STREAMS_HEARTBEAT_TIMEOUT_SECONDS", 300)
        store = Store(_database_url(settings), self._network_timeout)
        self.fleet = Fleet(store, Timing(grace, heartbeat_timeout, self._network_timeout))
        self._asked: set[str] = set()  # whose health is being asked for

    def routes(self) -> list[Route]:
        routes: list[Route] = [
            ("POST", "/instances", self.register),
            ("GET", f"{INSTANCE}/connection", self.hold),
            ("POST", f"{INSTANCE}/heartbeat", self.heartbeat),
            ("DELETE", INSTANCE, self.leave),
            ("GET", "/state", self.state),
            ("POST", "/catalogue/refresh", lambda _: Reply({"version": self.refresh()})),
            ("POST", "/rebalance", self.rebalance),
            ("GET", "/health", self.health),
            ("GET", "/metrics", self.metrics),
        ]
        return [(method, path, _explained(function)) for method, path, function in routes]

    def register(self, request: Request) -> Reply:
        fields = request.fields()
        instance_id, url = fields.get("instance_id"), fields.get("url")
        if not isinstance(instance_id, str) or not ID.fullmatch(instance_id):
            raise invalid("instance_id is not 1 to 64 characters of A-Z a-z 0-9 . _ -")
        if not isinstance(url, str) or not BASE_URL.fullmatch(url):
            raise invalid("url is not an http(s) base URL")
        capacity = whole_number(fields.get("capacity"), "capacity", 1, 10000)
        return Reply(_shown(self.fleet.register(instance_id, url.rstrip("/"), capacity, stream_ids(fields.get("streams")))))

    def hold(self, request: Request) -> None:
        """The held connection: this thread waits for its end."""
        instance_id, connection = request.parameters[0], request.handler.connection
        self.fleet.connect(instance_id, connection)
        try:
            request.begin_stream()
            while connection.recv(1024):
                pass
        except OSError as error:
            log.info("connection lost", extra={"data": {"instance_id": instance_id, "error": type(error).__name__}})
        finally:
            self.fleet.connection_ended(instance_id, connection)

    def heartbeat(self, request: Request) -> Reply:
        return Reply({"version": self.fleet.heartbeat(request.parameters[0], stream_ids(request.fields().get("streams")))})

    def leave(self, request: Request) -> Reply:
        self.fleet.leave(request.parameters[0])
        return Reply(status=204)

    def state(self, _: Request) -> Reply:
        state = self.fleet.snapshot()
        owners = {s.id: s.owner for s in state.listed()}
        return Reply({
            "catalogue_version": state.catalogue_version,
            "instances": [_shown(i) for i in state.instances.values()],
            "assignments": [{"stream_id": s, "instance_id": o} for s, o in owners.items() if o is not None],
            "unassigned": [s for s, o in owners.items() if o is None],
        })

    def rebalance(self, _: Request) -> Reply:
        outcome = self.fleet.rebalance()
        return Reply({"trigger_id": outcome.trigger_id, "moves": outcome.moves})

    def health(self, _: Request) -> Reply:
        try:
            self.fleet.check_store()
        except StoreUnavailable:
            return Reply({"status": "unhealthy"}, 503)
        return Reply({"status": "healthy"})

    def metrics(self, _: Request) -> Reply:
        state = self.fleet.snapshot()
        listed = state.listed()
        values = [
            ("streams_catalogue_streams", "gauge", len(listed)),
            ("streams_unassigned_streams", "gauge", sum(s.owner is None for s in listed)),
            ("streams_active_instances", "gauge", sum(i.active for i in state.instances.values())),
            ("streams_moves_total", "counter", self.fleet.moves),
        ]
        return Reply("".join(f"# TYPE {name} {kind}\n{name} {value}\n" for name, kind, value in values))

    def refresh(self) -> int:
        """Make the present catalogue ours; its version. Raises CallFailed, StoreUnavailable."""
        answer = call("GET", self._catalogue_url, self._network_timeout)
        version, addresses = _catalogue(answer.body)
        self.fleet.renew_catalogue(version, addresses)
        return version

    def check_for_ever(self) -> None:
        """Every interval: the catalogue and the balance (who is silent or away is seen in time by the fleet itself)."""
        self._for_ever(self._check_interval, self.refresh, self.fleet.correct)

    def ask_for_ever(self) -> None:
        """Every interval: each worker's health, side by side, one question at a time for each."""
        self._for_ever(self._health_interval, self._ask_everybody)

    def _for_ever(self, interval: float, *actions: Callable[[], Any]) -> None:
        pause, due = threading.Event(), monotonic()
        while True:
            for action in actions:
                try:
                    action()
                except (CallFailed, StoreUnavailable) as error:
                    log.warning("check failed", extra={"data": {"error": str(error)}})
            due = max(due + interval, monotonic())
            pause.wait(due - monotonic())

    def _ask_everybody(self) -> None:
        for instance in self.fleet.snapshot().instances.values():
            if instance.active and instance.id not in self._asked:
                self._asked.add(instance.id)
                threading.Thread(target=self._ask, args=(instance.id, instance.url), daemon=True).start()

    def _ask(self, instance_id: str, url: str) -> None:
        try:
            answer = call("GET", f"{url}/health", self._network_timeout)
            self.fleet.compare(instance_id, stream_ids(answer.body.get("streams")))
        except (CallFailed, Refusal, NotActive, StoreUnavailable) as error:
            log.warning("health check failed", extra={"data": {"instance_id": instance_id, "error": str(error)}})
        finally:
            self._asked.discard(instance_id)


def _explained(function: Callable[[Request], Reply | None]) -> Callable[[Request], Reply | None]:
    """What can go wrong on the way, as the caller is to see it."""

    def explained(request: Request) -> Reply | None:
        try:
            return function(request)
        except NotActive:
            raise Refusal(404, "not_active", "no such active instance: register") from None
        except StoreUnavailable:
            raise Refusal(503, "database_unavailable", "the database cannot be reached", {"Retry-After": "1"}) from None
        except CallFailed:
            raise Refusal(503, "catalogue_unavailable", "the catalogue cannot be read", {"Retry-After": "1"}) from None

    return explained


def _shown(instance: Instance) -> dict[str, Any]:
    status = "active" if instance.active else "inactive"
    return {"instance_id": instance.id, "status": status, "capacity": instance.capacity, "assigned": instance.assigned}


def _catalogue(body: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """(version, address by stream id). Raises CallFailed where it is not a catalogue."""
    version, streams = body.get("version"), body.get("streams")
    if type(version) is not int or not isinstance(streams, list):
        raise CallFailed("the answer is no catalogue")
    addresses = {}
    for stream in streams:
        if not isinstance(stream, dict) or not ID.fullmatch(str(stream.get("id"))) or not URL.fullmatch(str(stream.get("address"))):
            raise CallFailed("the catalogue holds a stream without a proper id and address")
        addresses[str(stream["id"])] = str(stream["address"])
    return version, addresses


def _database_url(settings: Settings) -> str:
    url = settings.text("STREAMS_DATABASE_URL")
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        print("STREAMS_DATABASE_URL cannot be read", file=sys.stderr)
        raise SystemExit(2) from None
    return url


def main() -> None:
    block_termination()
    orchestrator = Orchestrator(Settings())
    set_up_logging()
    server = Server(orchestrator.listen, orchestrator.routes())
    for loop in (server.serve_forever, orchestrator.fleet.watch, orchestrator.check_for_ever, orchestrator.ask_for_ever):
        threading.Thread(target=loop, daemon=True).start()
    log.info("serving", extra={"data": {"listen": "{}:{}".format(*orchestrator.listen)}})
    await_termination()
    server.shutdown()
    log.info("ended")


if __name__ == "__main__":
    main()
