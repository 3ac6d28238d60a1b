"""An observation takes frames of ours and refuses everything else with one kind of error."""

from __future__ import annotations

import json
import math
import struct
import time
from pathlib import Path

import pytest
import torch
from handmade import (
    call_tree,
    cell_frame,
    payload,
    probe_frame,
    snapshot_frame,
    tensor_tree,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from autograder import observation
from autograder.observation import (
    MAX_HEAD_BYTES,
    MAX_PARTS,
    MAX_TENSORS,
    SCHEMA,
    CellRun,
    Ending,
    Observation,
)
from autograder.values import (
    Error,
    ListValue,
    NoValue,
    ObservationError,
    ObservationTooLarge,
    PlainValue,
)

QUIET = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
GENERATOR = torch.arange(16, dtype=torch.uint8)


def refused(observation, frame, content=b"", kind=ObservationError):
    with pytest.raises(ObservationError) as caught:
        observation.accept(frame, content)
    assert type(caught.value) is kind
    return str(caught.value)


def too_large(observation, frame, content=b""):
    return refused(observation, frame, content, ObservationTooLarge)


def full():
    """A hand-made observation with a value of every kind."""
    values = {
        "t": tensor_tree("t1", requires_grad=True, grad=tensor_tree("t2")),
        "a": tensor_tree("t3", kind="array", type="numpy.ndarray", dtype="float64", shape=[]),
        "b": tensor_tree("t4", dtype="bfloat16", shape=[1]),
        "big": tensor_tree(None, shape=[10**12]),
        "nan": {"kind": "float", "value": "nan"},
        "inf": {"kind": "float", "value": "-inf"},
        "i": {"kind": "int", "value": "7"},
        "s": {"kind": "str", "value": "ñ\n\x00"},
        "n": {"kind": "none"},
        "z": {"kind": "size", "value": [1, 2]},
        "l": {"kind": "list", "items": [{"kind": "bool", "value": True}]},
        "d": {"kind": "dict", "items": [[{"kind": "str", "value": "k"}, {"kind": "none"}]]},
        "f": {"kind": "function", "name": "f", "parameters": ["x"]},
        "m": {
            "kind": "module",
            "type": "torch.nn.Linear",
            "training": False,
            "attributes": {"in_features": {"kind": "int", "value": "1"}},
            "state": {"weight": tensor_tree("t5", shape=[1])},
            "children": {},
        },
        "o": {"kind": "object", "type": "x.Y"},
    }
    made = Observation()
    error = {"name": "ValueError", "message": "no", "line": 3}
    output = {"output_type": "stream", "name": "stdout", "text": "hola"}
    made.accept(cell_frame(0, outputs=[output]), b"")
    made.accept(cell_frame(1, status="error", error=error), b"")
    made.accept(
        snapshot_frame(
            "uno",
            names=values,
            also={"w": {"kind": "none"}},
            elsewhere=["y"],
            memory=[["t", "a"]],
            generator="t0",
        ),
        payload(
            t0=GENERATOR,
            t1=torch.tensor([math.nan, 2.0]),
            t2=torch.tensor([0.0, math.inf]),
            t3=torch.tensor(1.5, dtype=torch.float64),
            t4=torch.tensor([1.0], dtype=torch.bfloat16),
            t5=torch.tensor([5.0]),
        ),
    )
    made.accept(
        probe_frame(call_tree(tensor_tree("t6"), printed="hola")), payload(t6=torch.ones(2))
    )
    made.accept(probe_frame({"kind": "interrupted"}, device="cuda"), b"")
    made.ending = Ending("timed_out", "10 s")
    return made


# --- what is taken ------------------------------------------------------------------------------


def test_frames_become_cells_snapshots_and_probes():
    seen = full()
    assert seen.cells == {
        0: CellRun("ok", None, 0.5),
        1: CellRun("error", Error("ValueError", "no", 3), 0.5),
    }
    snapshot = seen.snapshots["uno"]
    assert snapshot.elsewhere == ("y",)
    assert snapshot.memory == (("t", "a"),)
    assert snapshot.also == {"w": PlainValue("none", None)}
    assert torch.equal(snapshot.generator, GENERATOR)
    assert math.isnan(snapshot.names["nan"].value)
    assert snapshot.names["inf"].value == -math.inf
    assert snapshot.names["l"] == ListValue("list", (PlainValue("bool", True),))
    assert torch.equal(snapshot.names["t"].grad.value, torch.tensor([0.0, math.inf]))
    assert seen.probes["uno"]["p"]["cpu"].printed == "hola"
    assert seen.probes["uno"]["p"]["cuda"] == NoValue("interrupted")
    assert seen.outputs(0) == [{"output_type": "stream", "name": "stdout", "text": "hola"}]
    assert seen.outputs(7) == []


def test_a_saved_observation_is_read_back_the_same(tmp_path):
    made = full()
    made.save(tmp_path / "deep" / "a.safetensors")
    got = Observation.load(tmp_path / "deep" / "a.safetensors")
    assert got.cells == made.cells
    assert got.ending == made.ending
    assert got.outputs(0) == made.outputs(0)
    assert repr(got.probes) == repr(made.probes)
    assert repr(got.snapshots) == repr(made.snapshots)
    assert got.snapshots["uno"].names["b"].value.dtype is torch.bfloat16
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.safetensors"]


def test_an_observation_that_was_read_can_be_saved_again(tmp_path):
    full().save(tmp_path / "a")
    Observation.load(tmp_path / "a").save(tmp_path / "b")
    assert repr(Observation.load(tmp_path / "b")) == repr(Observation.load(tmp_path / "a"))


def test_an_observation_of_nothing_is_saved_and_read(tmp_path):
    Observation().save(tmp_path / "a")
    got = Observation.load(tmp_path / "a")
    assert (got.cells, got.snapshots, got.probes) == ({}, {}, {})
    assert got.ending == Ending("died", "")


def test_a_failed_save_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        full().save(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.uint16])
def test_tensors_of_dtypes_that_nothing_speaks_of_do_no_harm(tmp_path, dtype):
    seen = Observation()
    seen.accept(snapshot_frame(), payload(t0=torch.zeros(2, dtype=dtype)))
    seen.save(tmp_path / "a")
    Observation.load(tmp_path / "a")


# --- frames that are refused --------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, 3, True, [], {}, "", "Cell", "x" * 1000, ["cell"]])
def test_an_unknown_frame_is_refused_with_a_short_message(name):
    assert len(refused(Observation(), {"frame": name})) < 100


def test_a_frame_without_a_name_is_refused():
    refused(Observation(), {})


@pytest.mark.parametrize("index", [1, -1, 10**4000, True, False, 0.0, "0", None, [0], {}])
def test_cells_come_in_order_and_by_number(index):
    refused(Observation(), cell_frame(index))


def test_a_cell_that_comes_twice_is_refused():
    seen = Observation()
    seen.accept(cell_frame(0), b"")
    refused(seen, cell_frame(0))


WRONG = [3, -1, True, math.nan, 10**400, "x" * 30_000, [], [[]], [{}], {}, {"a": 1}, {"line": []}]
CELL_FIELDS = ("status", "error", "outputs", "seconds")
SNAPSHOT_FIELDS = ("exercise", "names", "also", "elsewhere", "memory", "generator")
PROBE_FIELDS = ("exercise", "probe", "device", "seen")
PLACES = [
    *((cell_frame, field) for field in CELL_FIELDS),
    *((snapshot_frame, field) for field in SNAPSHOT_FIELDS),
    *((lambda: probe_frame({"kind": "none"}), field) for field in PROBE_FIELDS),
]


@pytest.mark.parametrize(("make", "field"), PLACES, ids=[field for _, field in PLACES])
def test_a_field_of_a_wrong_type_is_an_observation_error_and_nothing_else(make, field):
    took = []
    for wrong in WRONG:
        try:
            Observation().accept({**make(), field: wrong}, b"")
            took.append(type(wrong))
        except ObservationError as error:
            assert type(error) is ObservationError  # noqa: PT017 (the subclass matters)
    assert len(set(took)) <= 2, took


@pytest.mark.parametrize(("make", "field"), PLACES, ids=[field for _, field in PLACES])
def test_a_missing_field_is_an_observation_error(make, field):
    frame = make()
    del frame[field]
    refused(Observation(), frame)


@pytest.mark.parametrize("seconds", ["1", "abc", "nan", None, [], True, math.nan, math.inf])
def test_seconds_are_a_finite_number(seconds):
    refused(Observation(), cell_frame(seconds=seconds))


@pytest.mark.parametrize(
    "error",
    [
        "ValueError",
        ["ValueError", "no", 1],
        {"name": "E", "message": "m"},
        {"name": 3, "message": "m", "line": 1},
        {"name": "E", "message": None, "line": 1},
        {"name": "E", "message": "m", "line": "1"},
        {"name": "E", "message": "m", "line": True},
        {"name": "E", "message": "m", "line": 1.5},
    ],
    ids=str,
)
def test_a_malformed_error_is_refused(error):
    refused(Observation(), cell_frame(status="error", error=error))


def test_an_exercise_has_one_snapshot():
    seen = Observation()
    seen.accept(snapshot_frame("uno"), b"")
    seen.accept(snapshot_frame("dos"), b"")
    refused(seen, snapshot_frame("uno"))


def test_a_probe_has_one_result_a_device():
    seen = Observation()
    none = {"kind": "none"}
    seen.accept(probe_frame(none), b"")
    seen.accept(probe_frame(none, device="cuda"), b"")
    seen.accept(probe_frame(none, probe="q"), b"")
    refused(seen, probe_frame(none))


def test_the_key_of_a_tensor_is_used_once():
    seen = Observation()
    seen.accept(snapshot_frame("uno"), payload(t0=torch.ones(2)))
    refused(seen, snapshot_frame("dos"), payload(t0=torch.ones(2)))


def test_a_frame_has_its_tensors_with_it():
    seen = Observation()
    seen.accept(snapshot_frame("uno", names={"x": tensor_tree("t0")}), payload(t0=torch.ones(2)))
    refused(seen, snapshot_frame("dos", names={"x": tensor_tree("t0")}))
    refused(seen, snapshot_frame("tres", generator="t0"))


def header(tensors, data=b""):
    text = tensors if isinstance(tensors, bytes) else json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(dtype="F32", shape=(1,), offsets=(0, 4), data=b"\0" * 4):
    entry = {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}
    return header({"t0": entry}, data)


GOOD = save({"t0": torch.ones(2)})


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"\0" * 7,
        b"\0" * 8,
        b"\xff" * 100,
        GOOD[:-1],
        GOOD + b"x",
        b"\x80\x04N.",
        header(b"[]"),
        header(b"{\xff}"),
        header(b'{"t0": 3}'),
        header(b"[" * 100_000),
        one(dtype="F4", offsets=(0, 4)),
        one(dtype="XX"),
        one(shape=(-1,)),
        one(shape=(2**62,)),
        one(shape=(2**64 - 1, 0), offsets=(0, 0), data=b""),
        one(shape=(10**30,)),
        one(shape=(1.5,)),
        one(offsets=(0, 8)),
        one(offsets=(4, 0)),
        one(offsets=(0, 2**63)),
        header(
            {
                "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            },
            b"\0" * 4,
        ),
    ],
)
def test_a_payload_that_is_not_safetensors_is_refused(content):
    refused(Observation(), snapshot_frame(), content)


# --- how much it takes --------------------------------------------------------------------------


def test_more_values_than_are_kept_are_too_large():
    seen = Observation()
    half = [[]] * (MAX_PARTS // 2)
    seen.accept(cell_frame(0, extra=half), b"")
    too_large(seen, cell_frame(1, extra=half))
    seen.accept(cell_frame(1), b"")


def test_a_head_that_describes_a_million_tensors_is_too_large_before_it_is_read():
    entry = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    started = time.monotonic()
    too_large(Observation(), snapshot_frame(), header({str(i): entry for i in range(100_000)}))
    assert time.monotonic() - started < 5


def test_heads_and_tensors_are_counted_over_all_frames():
    seen = Observation()
    for number in range(4):
        tensors = {f"{number}-{i}": torch.zeros(0) for i in range(MAX_TENSORS // 4)}
        seen.accept(snapshot_frame(str(number)), payload(**tensors))
    too_large(seen, snapshot_frame("more"), payload(one_more=torch.zeros(0)))
    padded = Observation()
    for number in range(4):
        padded.accept(snapshot_frame(str(number)), header(b"{}" + b" " * (MAX_HEAD_BYTES // 4 - 2)))
    too_large(padded, snapshot_frame("more"), payload(t=torch.zeros(0)))


@pytest.mark.parametrize(
    "tensors", [{"k" * 65: torch.zeros(1)}, {"t": torch.zeros([1] * 65)}], ids=["key", "shape"]
)
def test_a_tensor_that_no_value_could_be_is_refused(tensors):
    refused(Observation(), snapshot_frame(), payload(**tensors))


@pytest.mark.parametrize(
    "state",
    [
        torch.zeros(2**17, dtype=torch.uint8),
        torch.zeros(5, 5, dtype=torch.uint8),
        torch.zeros(8),
        torch.zeros(8, dtype=torch.int64),
    ],
    ids=lambda state: f"{state.dtype}{list(state.shape)}",
)
def test_what_cannot_be_the_state_of_a_generator_is_refused(state):
    refused(Observation(), snapshot_frame(generator="g"), payload(g=state))


def test_a_bool_whose_byte_is_neither_0_nor_1_is_kept_as_1(tmp_path):
    content = one(dtype="BOOL", shape=(3,), offsets=(0, 3), data=b"\x00\x01\x02")
    seen = Observation()
    tree = tensor_tree("t0", dtype="bool", shape=[3])
    seen.accept(snapshot_frame(names={"x": tree}), content)
    seen.save(tmp_path / "a")
    for made in (seen, Observation.load(tmp_path / "a")):
        value = made.snapshots["uno"].names["x"].value
        assert (value.dtype, value.view(torch.uint8).tolist()) == (torch.bool, [0, 1, 1])


@pytest.mark.parametrize(
    "error",
    [
        {"name": "E" * 201, "message": "", "line": None},
        {"name": "E", "message": "m" * 2001, "line": None},
        {"name": "E", "message": "m", "line": -1},
        {"name": "E", "message": "m", "line": 10**400},
    ],
    ids=["name", "message", "negative line", "endless line"],
)
def test_an_error_is_as_short_as_the_sandbox_makes_it(error):
    refused(Observation(), cell_frame(status="error", error=error))


def test_as_much_as_is_taken_can_be_written_and_read(tmp_path):
    """Quotes double in JSON, and again in JSON within JSON: a head has room for 100 MB."""
    seen = Observation()
    for index in range(3):
        seen.accept(cell_frame(index, extra='"' * 6_900_000), b"")
    too_large(seen, cell_frame(3, extra='"' * 6_900_000))
    seen.save(tmp_path / "a")
    assert len(Observation.load(tmp_path / "a").cells) == 3


@pytest.mark.parametrize("detail", ["x" * 100_000, "\ud800", ""])
def test_whatever_is_told_of_an_ending_can_be_written_and_read(tmp_path, detail):
    seen = Observation()
    seen.end("died", detail)
    seen.save(tmp_path / "a")
    assert Observation.load(tmp_path / "a").ending == seen.ending


# --- outputs ------------------------------------------------------------------------------------


def test_of_outputs_beyond_number_the_rest_is_left_out():
    seen = Observation()
    stream = {"output_type": "stream", "name": "stdout", "text": "a"}
    error = {"output_type": "error", "ename": "", "evalue": "", "traceback": ["l"] * 20_000}
    seen.accept(cell_frame(0, outputs=[error] * 3), b"")
    seen.accept(cell_frame(1, outputs=[stream]), b"")
    assert [len(seen.outputs(place)) for place in (0, 1)] == [2, 0]
    seen = Observation()
    seen.accept(cell_frame(0, outputs=[stream] * 4_000), b"")
    seen.accept(cell_frame(1, outputs=[stream] * 4_000), b"")
    assert [len(seen.outputs(place)) for place in (0, 1)] == [4_000, 1_000]


def outputs(*given):
    seen = Observation()
    seen.accept(cell_frame(outputs=list(given)), b"")
    return seen.outputs(0)


def test_outputs_are_rebuilt_from_known_fields():
    kept = outputs(
        {"output_type": "stream", "name": "stderr", "text": "a", "extra": 1},
        {"output_type": "stream", "name": "evil", "text": 3},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["l", 2]},
        {"output_type": "display_data", "data": {"text/plain": ["a", "b"], "a/json": {"b": [1]}}},
        {
            "output_type": "execute_result",
            "data": {"text/plain": 3},
            "execution_count": 4,
            "metadata": {"x": 1},
        },
    )
    assert kept == [
        {"output_type": "stream", "name": "stderr", "text": "a"},
        {"output_type": "stream", "name": "stdout", "text": "3"},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["l", "2"]},
        {
            "output_type": "display_data",
            "data": {"text/plain": "ab", "a/json": {"b": [1]}},
            "metadata": {},
        },
        {
            "output_type": "execute_result",
            "data": {"text/plain": "3"},
            "metadata": {},
            "execution_count": 4,
        },
    ]


@pytest.mark.parametrize(
    "output",
    [
        None,
        3,
        "stream",
        [],
        {},
        {"output_type": "update_display_data"},
        {"output_type": ["stream"]},
        {"output_type": "stream", "name": "stdout"},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": "abc"},
        {"output_type": "display_data", "data": []},
        {"output_type": "display_data", "data": None},
        {"output_type": "execute_result", "data": {}, "execution_count": "1"},
        {"output_type": "execute_result", "data": {}, "execution_count": True},
    ],
    ids=str,
)
def test_a_malformed_output_is_refused(output):
    refused(Observation(), cell_frame(outputs=[output]))


def test_a_frame_that_is_refused_leaves_no_trace(tmp_path):
    """What is judged in memory and what is judged from the file has to be the same."""
    seen = Observation()
    refused(seen, cell_frame(0, outputs=[3]))
    refused(seen, probe_frame({"kind": "nothing"}))
    refused(seen, snapshot_frame(names=3))
    assert (seen.cells, seen.snapshots, seen.probes) == ({}, {}, {})


def test_lone_surrogates_can_be_written(tmp_path):
    seen = Observation()
    stream = {"output_type": "stream", "name": "stdout", "text": "\ud800"}
    bundle = {"text/plain": ["\udfff"], "a/json": {"\ud800": "\ud800"}}
    seen.accept(cell_frame(outputs=[stream, {"output_type": "display_data", "data": bundle}]), b"")
    seen.accept(snapshot_frame("\ud800", elsewhere=["\udfff"]), b"")
    seen.save(tmp_path / "a")
    got = Observation.load(tmp_path / "a")
    json.dumps(got.outputs(0), ensure_ascii=False).encode("utf-8")
    "".join([*got.snapshots, *got.snapshots["?"].elsewhere]).encode("utf-8")


# --- depth --------------------------------------------------------------------------------------


def deep(levels):
    tree = []
    for _ in range(levels):
        tree = [tree]
    return tree


DEEP = {
    "text of a stream": lambda tree: cell_frame(
        outputs=[{"output_type": "stream", "name": "stdout", "text": tree}]
    ),
    "plain text of a display": lambda tree: cell_frame(
        outputs=[{"output_type": "display_data", "data": {"text/plain": tree}}]
    ),
    "JSON of a display": lambda tree: cell_frame(
        outputs=[{"output_type": "display_data", "data": {"application/json": tree}}]
    ),
    "a field that nobody reads": lambda tree: cell_frame(extra=tree),
    "a field of a value that nobody reads": lambda tree: probe_frame({"kind": "none", "x": tree}),
    "a kind": lambda tree: probe_frame({"kind": tree}),
    "a name of a frame": lambda tree: {"frame": tree},
}


@pytest.mark.parametrize("levels", [100, 800, 950, 100_000])
@pytest.mark.parametrize("make", DEEP.values(), ids=DEEP.keys())
def test_nesting_is_refused_or_can_be_saved_and_read(tmp_path, make, levels):
    """On the wire JSON may be nested nearly as deep as Python's stack goes."""
    seen = Observation()
    try:
        seen.accept(make(deep(levels)), b"")
    except ObservationError:
        return
    seen.save(tmp_path / "a")
    Observation.load(tmp_path / "a")


def test_more_text_than_a_file_takes_is_refused(tmp_path):
    """A head of safetensors has a limit, and text of another script grows on its way there."""
    seen = Observation()
    too_large(seen, cell_frame(extra="\u0800" * 15_000_000))
    too_large(seen, cell_frame(extra='"' * 30_000_000))
    seen.accept(cell_frame(extra='"' * 20_000_000), b"")
    seen.save(tmp_path / "a")
    Observation.load(tmp_path / "a")


# --- files --------------------------------------------------------------------------------------


def write(path, metadata=None, tensors=None):
    tensors = tensors or {"t0": torch.ones(2)}
    if metadata is not None:
        metadata = {**metadata, "seal": observation._seal(metadata, tensors)}
    path.write_bytes(save(tensors, metadata=metadata))
    return path


def kept(**changes):
    return json.dumps(
        {"schema": SCHEMA, "ending": {"how": "finished", "detail": ""}, "frames": [], **changes}
    )


BAD_METADATA = {
    "none": None,
    "no outputs": {"observation": kept()},
    "no observation": {"outputs": "{}"},
    "not JSON": {"observation": "{", "outputs": "{}"},
    "outputs not JSON": {"observation": kept(), "outputs": "x"},
    "outputs a list": {"observation": kept(), "outputs": "[]"},
    "a list": {"observation": "[]", "outputs": "{}"},
    "deep JSON": {"observation": "[" * 100_000, "outputs": "{}"},
    "a huge number": {"observation": "9" * 5_000, "outputs": "{}"},
    "another schema": {"observation": kept(schema=SCHEMA - 1), "outputs": "{}"},
    "no schema": {"observation": "{}", "outputs": "{}"},
    "no ending": {"observation": kept(ending=None), "outputs": "{}"},
    "a text ending": {"observation": kept(ending="finished"), "outputs": "{}"},
    "an ending that there is not": {
        "observation": kept(ending={"how": "exploded", "detail": ""}),
        "outputs": "{}",
    },
    "an odd ending": {"observation": kept(ending={"how": 3, "detail": ""}), "outputs": "{}"},
    "no frames": {"observation": kept(frames=None), "outputs": "{}"},
    "a number for frames": {"observation": kept(frames=3), "outputs": "{}"},
    "an object for frames": {"observation": kept(frames={"a": 1}), "outputs": "{}"},
    "frames of text": {"observation": kept(frames=["cell"]), "outputs": "{}"},
    "a frame without its tensor": {
        "observation": kept(frames=[snapshot_frame(generator="t9")]),
        "outputs": "{}",
    },
    "seconds of text": {"observation": kept(frames=[cell_frame(seconds="x")]), "outputs": "{}"},
    "a crooked pair": {
        "observation": kept(frames=[probe_frame({"kind": "dict", "items": [[1, 2, 3]]})]),
        "outputs": "{}",
    },
}


def test_a_file_that_is_not_as_it_was_written_is_an_observation_error(tmp_path):
    good = {"observation": kept(), "outputs": "{}"}
    Observation.load(write(tmp_path / "a", good))

    (tmp_path / "b").write_bytes(save({"t0": torch.ones(2)}, metadata=good))
    with pytest.raises(ObservationError, match="not as it was written"):
        Observation.load(tmp_path / "b")


@pytest.mark.parametrize("metadata", BAD_METADATA.values(), ids=BAD_METADATA.keys())
def test_a_file_that_is_no_observation_is_an_observation_error(tmp_path, metadata):
    with pytest.raises(ObservationError) as caught:
        Observation.load(write(tmp_path / "a.safetensors", metadata))
    assert type(caught.value) is ObservationError


def test_a_missing_file_is_an_observation_error_that_names_it(tmp_path):
    with pytest.raises(ObservationError, match=r"gone\.safetensors: not an observation"):
        Observation.load(tmp_path / "gone.safetensors")


def test_a_folder_is_an_observation_error(tmp_path):
    with pytest.raises(ObservationError):
        Observation.load(tmp_path)


def test_a_file_cut_at_any_place_is_an_observation_error(tmp_path):
    full().save(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    for end in range(0, len(content), 97):
        (tmp_path / "b").write_bytes(content[:end])
        with pytest.raises(ObservationError):
            Observation.load(tmp_path / "b")


def test_a_file_that_ends_in_zeros_is_an_observation_error(tmp_path):
    """What a machine that stopped may leave: the length of the file, not all of what is in it."""
    full().save(tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    for end in [*range(0, len(content), 97), *range(len(content) - 40, len(content))]:
        torn = content[:end] + bytes(len(content) - end)
        (tmp_path / "b").write_bytes(torn)
        if torn != content:
            with pytest.raises(ObservationError):
                Observation.load(tmp_path / "b")


# --- fuzzing ------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("frame", "cell", "snapshot", "probe", "index", "status", "ok", "error", "seconds"),
        *("exercise", "names", "also", "elsewhere", "memory", "generator", "device", "seen"),
        *("kind", "type", "shape", "dtype", "value", "grad", "items", "leaf", "outputs"),
        *("tensor", "array", "list", "dict", "module", "call", "failure", "int", "float", "size"),
        *("state", "children", "attributes", "training", "function", "printed", "changed"),
        *("operators", "name", "message", "line", "output_type", "stream", "text", "data"),
        *("t0", "float32", "uno", "display_data", "a/json", "missing", "cut", "str", "1", "nan"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | WORDS
    | st.sampled_from([2**63, -(2**63), 10**400, "0x1p1", "9" * 400])
)
JSON_LIKE = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)
VALID = st.sampled_from(
    [
        cell_frame(),
        snapshot_frame(names={"x": tensor_tree("t0")}, generator="t0"),
        probe_frame(call_tree(tensor_tree("t0"))),
        probe_frame({"kind": "dict", "items": [[{"kind": "none"}, {"kind": "none"}]]}),
        probe_frame(
            {
                "kind": "module",
                "type": "m",
                "training": True,
                "attributes": {},
                "state": {"w": tensor_tree("t0")},
                "children": {},
            }
        ),
    ]
)


def places(tree, before=()):
    """The paths of all parts of ``tree``."""
    yield before
    if isinstance(tree, dict | list):
        for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(part, (*before, key))


def put(tree, path, value):
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


@st.composite
def spoilt(draw):
    """A valid frame with one part replaced by anything."""
    frame = draw(VALID)
    path = draw(st.sampled_from([path for path in places(frame) if path]))
    return put(frame, path, draw(JSON_LIKE))


def survives(folder, frame, content):
    """Refused with our error, or taken and then saved and read back."""
    seen = Observation()
    try:
        seen.accept(frame, content)
    except ObservationError:
        return
    seen.save(folder / "fuzz")
    assert repr(Observation.load(folder / "fuzz").snapshots) == repr(seen.snapshots)


@QUIET
@given(frame=st.dictionaries(WORDS, JSON_LIKE, max_size=8) | spoilt())
@example(frame={"frame": "cell", "index": 0, "status": "ok", "seconds": "x", "error": None})
@example(frame=probe_frame({"kind": "dict", "items": [[1, 2, 3]]}))
def test_any_frame_is_refused_with_our_error_or_taken(tmp_path, frame):
    survives(tmp_path, frame, GOOD)


@QUIET
@given(content=st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: GOOD + data))
def test_any_payload_is_refused_with_our_error_or_taken(tmp_path, content):
    survives(tmp_path, snapshot_frame(), content)


@QUIET
@given(
    entry=st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "F4", "BOOL", "F8_E8M0", "C64", "U64", "F6_E2M3"]),
            "shape": st.lists(st.integers(-1, 3) | st.just(2**62), max_size=3),
            "data_offsets": st.lists(st.integers(0, 64), max_size=3),
        }
    ),
    data=st.binary(max_size=64),
)
def test_any_description_of_a_tensor_is_refused_with_our_error_or_taken(tmp_path, entry, data):
    survives(tmp_path, snapshot_frame(), header({"t0": entry}, data))


def read_anything(path, content):
    path.write_bytes(content)
    try:
        Observation.load(path)
    except ObservationError as error:
        assert type(error) is ObservationError  # noqa: PT017 (nothing else may be raised)


@QUIET
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_as_a_file_with_our_error(tmp_path, content):
    with pytest.raises(ObservationError):
        Observation.load(write_bytes(tmp_path / "a", content))


def write_bytes(path, content):
    path.write_bytes(content)
    return path


@QUIET
@given(
    frames=st.lists(JSON_LIKE | spoilt(), max_size=3) | JSON_LIKE,
    ending=JSON_LIKE,
    outputs=JSON_LIKE,
)
def test_any_metadata_of_a_file_is_refused_with_our_error_or_taken(
    tmp_path, frames, ending, outputs
):
    metadata = {
        "observation": kept(frames=frames, ending=ending),
        "outputs": json.dumps(outputs),
    }
    read_anything(write(tmp_path / "a", metadata), (tmp_path / "a").read_bytes())


@QUIET
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_file_with_one_wrong_byte_is_refused_with_our_error_or_read(tmp_path, place, byte):
    path = tmp_path / "good"
    if not path.exists():
        full().save(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    read_anything(tmp_path / "bad", bytes(content))
