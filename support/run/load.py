"""Reading hooks, steps and features into behave's runner. Whatever is wrong with them is one line of BadInput."""

from __future__ import annotations

import io
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from behave import exception
from behave.model import Step
from behave.parser import ParserError
from behave.runner import Runner
from behave.runner import the_step_registry as step_registry  # step_registry.registry is replaced by another before a run
from behave.runner_util import parse_features
from behave.step_registry import AmbiguousStep

from support.outcomes import BadInput

PROMISES = "every promise held throughout"
_BAD_PATHS = (exception.ConfigError, exception.FileNotFoundError, exception.InvalidFileLocationError, exception.InvalidFilenameError)


def load(runner: Any) -> None:
    """Fill ``runner.hooks``, the step registry and ``runner.features``; end every scenario with its system's promises."""
    try:
        runner.setup_paths()
    except exception.ConfigError as error:
        raise BadInput(f"{error}: start behave where features/ and steps/ are") from None
    step_registry.error_handler.file = io.StringIO()  # told below, in one line
    with runner.path_manager:
        _load_python(runner)
        _load_features(runner)
    for bad in step_registry.error_handler.bad_step_definitions:
        raise BadInput(f'{bad.location}: the sentence "{bad.pattern}" is not a valid pattern')
    for feature in runner.features:
        for scenario in feature.walk_scenarios():
            _end_with_promises(scenario)


def _load_python(runner: Any) -> None:
    try:
        with redirect_stdout(io.StringIO()):  # behave announces its nested step modules
            runner.load_hooks()
            runner.load_step_definitions()
    except AmbiguousStep as error:
        raise BadInput(f"ambiguous step: {' '.join(str(error).split())}") from None
    except Exception as error:
        if runner.config.verbose:
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInput(f"{_origin(error)}: {reason} (--verbose shows all)") from None


def _origin(error: Exception) -> str:
    """``file:line`` of the code of the project's that failed."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not Path(f.filename).is_absolute()] or frames  # behave compiles steps under relative names
    return f"{own[-1].filename}:{own[-1].lineno}"


def _load_features(runner: Any) -> None:
    try:
        locations = [location for location in runner.feature_locations() if not runner.config.exclude(location)]
        runner.features.extend(parse_features(locations, language=runner.config.lang))
    except ParserError as error:
        reason = " ".join(str(error.args[0]).split())
        raise BadInput(f"{_shown(error.filename)}:{error.line}: cannot be read as a feature: {reason}") from None
    except _BAD_PATHS as error:
        raise BadInput(f"no such feature: {error}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"a feature is not UTF-8 text: {error}") from None


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename


def _end_with_promises(scenario: Any) -> None:
    """Append the promises, where the scenario's system (or every system) has defined them and the author has not written them down."""
    step = Step(scenario.filename, scenario.line, "Then", "then", PROMISES)
    definition = step_registry.find_step_definition(step)
    if definition is None or any(existing.name == PROMISES for existing in scenario.steps):
        return
    defined_in = Path(definition.location.filename).parent.name
    if defined_in in (Runner.DEFAULT_DIRECTORY, "steps", Path(scenario.filename).parent.name):
        scenario.steps.append(step)
