"""Whether what a target names is there: asked before anything starts, so that a wrong address is told at once."""

from __future__ import annotations

import shutil
import socket
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from support.outcomes import BadInput
from support.target.model import Program, SystemTarget

_PATIENCE = 3  # seconds to connect


def check_reachable(system: str, target: SystemTarget) -> None:
    """BadInput (one line, never a password) unless programs exist, addresses answer and the suite's own address is free."""
    for name, program in target.programs.items():
        _check_program(f"{system}.{name}", program)
    if target.database:
        _check_database(f"{system}.database", target.database)
    if target.suite_listen:
        _check_free(f"{system}.suite_listen", target.suite_listen)


def _check_program(what: str, program: Program) -> None:
    if program.command and shutil.which(program.command[0]) is None:
        raise BadInput(f"{what}: there is no program {program.command[0]!r} to start")
    if program.url:
        parts = urlsplit(program.url)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"  # without credentials
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname, port), timeout=_PATIENCE).close()
        except OSError as error:
            raise BadInput(f"{what}: {shown} cannot be reached: {error.strerror or error}") from None


def _check_database(what: str, dsn: str) -> None:
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise BadInput(f"{what}: not an address of a PostgreSQL database: postgresql://user:password@host:port/name") from None
    try:
        psycopg.connect(dsn, connect_timeout=_PATIENCE).close()
    except psycopg.OperationalError as error:
        place = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
        reason = str(error).strip().splitlines()[0]
        if password := parts.get("password"):
            reason = reason.replace(str(password), "***")
        raise BadInput(f"{what}: {place} cannot be reached: {reason}") from None


def _check_free(what: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, int(port)))
        except OSError as error:
            raise BadInput(f"{what}: cannot listen on {address}: {error.strerror}") from None
