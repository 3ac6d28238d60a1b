"""The course's policy, read from ``grading_config.yaml`` and checked before anything runs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from autograder import moment
from autograder.cluster.entry import Cluster, Tls
from autograder.errors import AuthorError

__all__ = [
    "CONFIG_NAME",
    "Assignment",
    "Config",
    "Exchange",
    "Late",
    "Tolerance",
    "config_text",
    "line_of",
    "load_config",
    "nearest",
    "parse_config",
    "parse_settings",
]

CONFIG_NAME = "grading_config.yaml"
Device = Literal["cpu", "cuda"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Tolerance(Part):
    """``|got - expected| <= atol + rtol · |expected|``."""

    rtol: float = Field(ge=0, allow_inf_nan=False)
    atol: float = Field(default=0.0, ge=0, allow_inf_nan=False)


def _as_written(value: Any) -> Any:
    """YAML makes a moment of some texts, and of others not: all of them are texts again."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


Moment = Annotated[str, BeforeValidator(_as_written)]
"""As its author wrote it; ``Config.due`` and ``Config.zero_after`` know the time zone."""


class Late(Part):
    """What handing in late costs: a percentage of the score for each day that has begun."""

    grace_minutes: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    percent_per_day: float = Field(default=0.0, ge=0, le=100)
    cap_percent: float = Field(default=100.0, ge=0, le=100)
    zero_after_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    zero_after: Moment | None = None

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if self.model_fields_set.isdisjoint({"percent_per_day", "zero_after_days", "zero_after"}):
            raise ValueError(
                "this costs nobody anything; set percent_per_day, zero_after_days or zero_after, "
                "or leave 'late:' empty."
            )
        return self


class Assignment(Part):
    """How one assignment is observed and judged, and when it is due."""

    devices: tuple[Device, ...] = Field(default=("cpu", "cuda"), min_length=1, strict=False)
    trials: int = Field(default=2, ge=1, le=10)
    seconds_per_cell: float = Field(default=10.0, gt=0, le=600)
    seconds_per_trial: float = Field(default=30.0, gt=0, le=3600)
    memory_mb: int = Field(default=2048, ge=256)
    gpu_memory_mb: int = Field(default=2048, ge=64)
    """Of the GPU's, for the tensors of one submission."""
    without_device: Literal["leave_out", "wait"] = "leave_out"
    """What becomes of a submission when a device is missing that some of its checks ask for."""
    output_kb: int = Field(default=1024, ge=1, le=16_384)
    observation_mb: int = Field(default=64, ge=1, le=1024)
    processes: int = Field(default=64, ge=8, le=4096)
    scratch_mb: int = Field(default=64, ge=1)
    tolerances: dict[Literal["float16", "bfloat16", "float32", "float64", "trained"], Tolerance] = (
        Field(default={}, strict=False)
    )
    tolerances_cuda: dict[
        Literal["float16", "bfloat16", "float32", "float64", "trained"], Tolerance
    ] = Field(default={}, strict=False)
    """Where none is given here, those of the CPU hold ten times over."""
    checks: dict[str, Tolerance] = Field(default={})
    """Tolerances of single checks, by the name of the test function."""
    # Neither is dumped: no observation and no judgement depends on when something was due.
    due: Moment | None = Field(default=None, exclude=True)
    late: Late | None = Field(default=None, exclude=True)


class Exchange(Part):
    """Where nbgrader hands notebooks to students, and what the course is called there."""

    course_id: str = Field(pattern=r"^[^\s/+*.][^\s/+*]*$")
    root: str = Field(default="/usr/local/share/nbgrader/exchange", pattern=r"^/")


class Config(Part):
    """The whole file. ``defaults`` are laid under every assignment when it is read."""

    course: str = ""
    timezone: str | None = None
    language: Literal["es", "en"] = "es"
    sandbox: Literal["full", "none"] = "full"
    db_url: str = "sqlite:///gradebook.db"
    exchange: Exchange | None = None
    clusters: dict[Annotated[str, Field(pattern=r"^[^\s/:]+$")], Cluster] = Field(default={})
    """For ``--executor dask``, by the name that ``--cluster`` takes."""
    defaults: dict[str, Any] = Field(default={})
    assignments: dict[str, Assignment] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _lay_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        defaults, assignments = data.get("defaults"), data.get("assignments")
        if not isinstance(defaults, dict) or not isinstance(assignments, dict):
            return data
        laid = {
            name: _laid(defaults, own or {}) if own is None or isinstance(own, dict) else own
            for name, own in assignments.items()
        }
        return {**data, "assignments": laid}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            moment.zone(name)
        return name

    @property
    def zone(self) -> tzinfo | None:
        """The course's time zone."""
        return None if self.timezone is None else moment.zone(self.timezone)

    def due(self, name: str) -> datetime | None:
        """When assignment ``name`` is due, in UTC, if the config says so."""
        written = self.assignments[name].due
        return None if written is None else moment.due_moment(written, self.zone)

    def zero_after(self, name: str) -> datetime | None:
        """From when on nothing is left of a score, in UTC, if the config names a moment."""
        late = self.assignments[name].late
        written = None if late is None else late.zero_after
        return None if written is None else moment.due_moment(written, self.zone)


def _laid(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """An assignment's own settings on the defaults; those of ``late`` one by one."""
    laid = {**defaults, **own}
    first, then = defaults.get("late"), own.get("late")
    if isinstance(first, dict) and isinstance(then, dict):
        laid["late"] = {**first, **then}
    return laid


def load_config(course: Path) -> Config:
    """The policy of the course in folder ``course``; ``AuthorError`` with file and line."""
    return parse_config(config_text(course))


def config_text(course: Path) -> str:
    """The config's text with the line ends that it has; ``AuthorError`` if there is none."""
    path = course / CONFIG_NAME
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise AuthorError(
            f"{path}: not found; a course has a {CONFIG_NAME} in its folder "
            "(name the folder with --course)."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AuthorError(f"{path}: cannot be read as UTF-8 text ({error}).") from None


def parse_settings(text: str) -> tuple[dict[str, Any], Any]:
    """What a config's text says, not yet examined, and YAML's nodes, which know their lines."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise AuthorError(f"{CONFIG_NAME}:{line}: {problem}.") from None
    except ValueError as error:
        # A date that there is not, and the like: YAML makes values without saying where.
        raise AuthorError(f"{CONFIG_NAME}: {error}.") from None
    if not isinstance(data, dict):
        raise AuthorError(f"{CONFIG_NAME}:1: the file has no settings, such as 'assignments:'.")
    _refuse_doubled(node, (), set())
    return data, node


def parse_config(text: str, *, adding: str | None = None) -> Config:
    """The policy that a config's text lays down; ``AuthorError`` with file and line.

    ``adding`` is an assignment that is about to be added to the text, without settings of its own.
    """
    data, node = parse_settings(text)
    if adding is not None and isinstance(data.get("assignments") or {}, dict):
        data["assignments"] = {**(data.get("assignments") or {}), adding: None}
    if isinstance(data.get("assignments"), dict):
        data["assignments"] = {
            name: {} if own is None else own for name, own in data["assignments"].items()
        }
    try:
        if isinstance(data.get("defaults"), dict):
            Assignment.model_validate(data["defaults"])
    except ValidationError as error:
        raise AuthorError(_sentence(error, node, ("defaults",))) from None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise AuthorError(_sentence(error, node, ())) from None
    _refuse_wrong_moments(config, data, node)
    return config


def _refuse_wrong_moments(config: Config, data: dict[str, Any], node: Any) -> None:
    """Moments can be read only when the course's time zone is known."""
    if "due" in (data.get("defaults") or {}):
        _refuse(node, ("defaults", "due"), "each assignment has a due date of its own.")
    for name in config.assignments:
        due = _read(config.due, name, node, ("assignments", name, "due"))
        own = data["assignments"][name].get("late") or {}
        home = ("assignments", name) if "zero_after" in own else ("defaults",)
        place = (*home, "late", "zero_after")
        zero = _read(config.zero_after, name, node, place)
        if due is not None and zero is not None and zero <= due:
            _refuse(node, place, f"{name} is not yet due then.")


def _read(
    moment_of: Callable[[str], datetime | None], name: str, node: Any, place: tuple[str, ...]
) -> datetime | None:
    try:
        return moment_of(name)
    except ValueError as error:
        _refuse(node, place, str(error))


def _refuse(node: Any, place: tuple[str, ...], problem: str) -> NoReturn:
    where = ".".join(place)
    raise AuthorError(f"{CONFIG_NAME}:{line_of(node, place)}: {where}: {problem}")


def _refuse_doubled(node: Any, place: tuple[str, ...], seen: set[int]) -> None:
    """Of two settings of one name YAML keeps the last one and says nothing."""
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    lines: dict[str, int] = {}
    for key, value in node.value:
        line, name = key.start_mark.line + 1, str(key.value)
        if name in lines and name != "<<":
            where = ".".join([*place, name])
            raise AuthorError(
                f"{CONFIG_NAME}:{line}: {where}: this setting stands on line {lines[name]} already."
            )
        lines[name] = line
        _refuse_doubled(value, (*place, name), seen)


def _sentence(error: ValidationError, node: Any, prefix: tuple[str, ...]) -> str:
    """The first mistake: file, line, where, what, and the nearest valid name."""
    found = error.errors()
    # A misspelt key is also a missing one: the spelling is the more useful thing to say.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    place = [*prefix, *(one for one in first["loc"] if one != "[key]")]
    line = line_of(node, place)
    where = ".".join(map(str, place))
    return f"{CONFIG_NAME}:{line}: {where}: {_problem(first, place)}"


def _problem(first: Any, place: Sequence[str | int]) -> str:
    given = first.get("input")
    match first["type"]:
        case "missing":
            return "this setting is required."
        case "extra_forbidden":
            key = str(place[-1])
            return f"there is no setting {key!r}{nearest(key, _settings(place))}"
        case "literal_error":
            choices = [one.strip().strip("'") for one in _choices(first["ctx"]["expected"])]
            noun = "device" if "devices" in _below(place)[:1] else "choice here"
            synonyms = {"gpu": "cuda", "spanish": "es", "english": "en", "español": "es"}
            near = synonyms.get(str(given).lower())
            hint = f"; did you mean {near!r}?" if near in choices else nearest(str(given), choices)
            return f"{given!r} is not a {noun}{hint}"
        case "string_pattern_mismatch" if place[-1] == "course_id":
            return f"a name without spaces and without / + * is needed here, not {given!r}."
        case "string_pattern_mismatch" if place[0] == "clusters":
            what = "a scheduler's address, such as tcp://10.0.0.5:8786,"
            what = what if place[-1] == "scheduler" else "a name without spaces, / and :"
            return f"{what} is needed here, not {given!r}."
        case "string_pattern_mismatch":
            return f"a whole path, from / on, is needed here, not {given!r}."
        case "too_short":
            return "there has to be one at least."
        case "value_error":
            return str(first["ctx"]["error"])
        case _:
            message = str(first["msg"])
            return f"{message[0].lower()}{message[1:]}, not {given!r}."


def _choices(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").split(", ")


def _settings(place: Sequence[str | int]) -> list[str]:
    if len(place) == 1:
        return list(Config.model_fields)
    if place[0] == "exchange":
        return list(Exchange.model_fields)
    if place[0] == "clusters":
        return list((Tls if "tls" in place[2:-1] else Cluster).model_fields)
    below = _below(place)
    part = Assignment if len(below) == 1 else Late if below[0] == "late" else Tolerance
    return list(part.model_fields)


def _below(place: Sequence[str | int]) -> Sequence[str | int]:
    """The part of ``place`` behind ``defaults`` or the name of an assignment."""
    return place[2:] if place[0] == "assignments" else place[1:]


def nearest(given: str, choices: Iterable[str]) -> str:
    """The end of a sentence about a name that is none: the nearest one, or all that there are."""
    known = list(choices)
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}."


def line_of(node: Any, place: Sequence[str | int]) -> int:
    """The line of the deepest part of ``place`` that the YAML file of ``node`` has."""
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == str(step)]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
