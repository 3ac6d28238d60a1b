"""Archives as Moodle and Canvas make them, and hostile ones, by nbgrader's own command."""

from __future__ import annotations

import io
import logging
import stat
import zipfile
from pathlib import Path

import pytest
import yaml

from autograder.record import zipcollect
from autograder.record.settings import nbgrader_settings

NAME = "perceptron"


class Round:
    """A course into which `nbgrader zip_collect` collects archives."""

    def __init__(self, root: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.root, self._caplog = root, caplog
        config = {"assignments": {NAME: None}}
        (root / "grading_config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        self.put(f"assignments/{NAME}/{NAME}.ipynb", b"{}")

    def put(self, path: str, content: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def roster(self, *rows: str) -> None:
        text = "\n".join(["id,first_name,last_name,email,lms_user_id", *rows])
        self.put("students.csv", text.encode("utf-8"))

    def downloaded(self, name: str, content: bytes) -> None:
        self.put(f"downloaded/{NAME}/archive/{name}", content)

    def collect(self, **settings: object) -> dict[str, str]:
        """What then lies in ``submitted/``, by student."""
        from nbgrader.apps import ZipCollectApp
        from nbgrader.coursedir import CourseDirectory

        traits = nbgrader_settings(self.root)
        traits.Application.log_level = logging.WARNING
        for name, value in settings.items():
            traits.FileNameCollectorPlugin[name] = value
        app = ZipCollectApp(config=traits)
        app.coursedir = CourseDirectory(config=traits)
        app.coursedir.assignment_id = NAME
        app.log = logging.getLogger("zip_collect")
        app.init_plugins()
        app.extract_archive_files()
        app.process_extracted_files()
        found = (self.root / "submitted").rglob("*.*")
        return {
            str(path.relative_to(self.root / "submitted")): path.read_text("utf-8")
            for path in found
        }

    @property
    def said(self) -> str:
        return "\n".join(one.getMessage() for one in self._caplog.records if one.levelno > 20)


@pytest.fixture
def course(tmp_path, caplog) -> Round:
    return Round(tmp_path, caplog)


def zipped(members: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return memory.getvalue()


def at(student: str) -> str:
    return f"{student}/{NAME}/{NAME}.ipynb"


def test_moodles_folders_are_collected_by_the_roster_in_any_order_of_names(course):
    course.roster("anag,Ana,García López,,", "joset,José,Núñez,,", "ines,Inés,Å Ødegård,,")
    course.downloaded(
        "REDES-perceptron-12.zip",
        zipped(
            {
                "Ana García López_12345_assignsubmission_file_/perceptron.ipynb": b"ana",
                "NÚÑEZ, José_678_assignsubmission_file/mi tarea.ipynb": b"jose",
                "A\u030a Ødegård Ine\u0301s_9_assignsubmission_file_/Perceptron (1).ipynb": b"ines",
                "Ana García López_12345_assignsubmission_onlinetext_/onlinetext.html": b"x",
            }
        ),
    )

    assert course.collect() == {at("anag"): "ana", at("joset"): "jose", at("ines"): "ines"}


def test_moodles_files_without_folders_are_collected_also_from_a_zip_in_the_zip(course):
    inner = zipped({"entrega/perceptron.ipynb": b"bea", "__MACOSX/._perceptron.ipynb": b"no"})
    course.downloaded(
        "todo.zip",
        zipped(
            {
                "Ana García_1_assignsubmission_file_perceptron.ipynb": b"ana",
                "Bea Ruiz_2_assignsubmission_file_entrega.zip": inner,
            }
        ),
    )

    assert course.collect() == {at("ana-garcia"): "ana", at("bea-ruiz"): "bea"}


def test_canvas_files_are_collected_by_its_ids_or_by_names_and_the_newest_repeat_counts(course):
    course.roster("anag,Ana,García,,12345", "joset,José María,Núñez Gil,,", "luz,Luz,Paz,,")
    course.downloaded(
        "submissions.zip",
        zipped(
            {
                "otronombre_12345_67890_perceptron.ipynb": b"old",
                "otronombre_12345_67891_perceptron-1.ipynb": b"new",
                "otronombre_12345_67892_perceptron-10.ipynb": b"newest",
                "núñezgiljosémaría_LATE_777_1_perceptron.ipynb": b"jose",
                "luzpaz_late_778_2_perceptron.ipynb": b"luz",
            }
        ),
    )

    assert course.collect() == {at("anag"): "newest", at("joset"): "jose", at("luz"): "luz"}
    assert "handed in late by joset" in course.said
    assert "anag has handed in otronombre_12345_67892" in course.said


def test_namesakes_without_a_roster_have_their_numbers(course):
    course.downloaded("anagarcia_1_5_perceptron.ipynb", b"one")
    course.downloaded("anagarcia_2_6_perceptron.ipynb", b"two")

    assert course.collect() == {at("anagarcia-1"): "one", at("anagarcia-2"): "two"}


def test_who_is_not_in_the_roster_or_twice_is_named_and_costs_nobody_else_anything(course):
    course.roster("a1,Ana,García,,", "a2,Ana,García,,", "bea,Bea,Ruiz,,")
    for who in ("Ana García_1", "Bea Ruiz_2", "Zoe Paz_3"):
        course.downloaded(f"{who}_assignsubmission_file_perceptron.ipynb", who.encode())

    assert course.collect() == {at("bea"): "Bea Ruiz_2"}
    assert "may be meant (a1, a2)" in course.said
    assert "nobody there is called so" in course.said


def test_several_notebooks_none_of_which_is_the_assignments_are_named(course):
    for file in ("borrador", "otra"):
        course.downloaded(f"Ana Paz_1_assignsubmission_file_/{file}.ipynb", b"x")

    assert course.collect() == {}
    assert "what ana-paz handed in is none of perceptron.ipynb" in course.said


def test_a_regexp_of_ones_own_decides_alone(course):
    course.downloaded("perceptron.ana.ipynb", b"ana")

    pattern = r".*/(?P<file_id>\w+)\.(?P<student_id>\w+)\.ipynb"

    assert course.collect(named_regexp=pattern) == {at("ana"): "ana"}


GOOD = "Ana Paz_1_assignsubmission_file_/perceptron.ipynb"


@pytest.mark.parametrize(
    "name",
    ["../../../fuera.ipynb", "/fuera.ipynb", "a/../../fuera.ipynb", "..\\..\\fuera", "C:\\fuera"],
)
def test_a_name_that_leads_out_of_the_folder_ends_that_archive_with_a_sentence(course, name):
    course.downloaded("malo.zip", zipped({GOOD: b"ana", name: b"fuera"}))
    before = set(course.root.parent.rglob("*fuera*"))

    assert course.collect() == {at("ana-paz"): "ana"}

    assert set(course.root.parent.rglob("*fuera*")) == before
    (sentence,) = [one for one in course.said.split("\n") if one.startswith("malo.zip")]
    assert "outside of its folder" in sentence


def test_links_in_an_archive_are_not_made(course):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        link = zipfile.ZipInfo(GOOD)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    course.downloaded("enlace.zip", memory.getvalue())

    assert course.collect() == {}
    assert not [path for path in course.root.rglob("*") if path.is_symlink()]


def damaged() -> bytes:
    whole = bytearray(zipped({GOOD: b"ana" * 100}))
    whole[80:90] = b"0123456789"
    return bytes(whole)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no es un zip", damaged()])
def test_a_bad_zip_is_one_sentence_and_the_others_are_collected(course, content):
    course.downloaded("a.zip", content)
    course.downloaded("b.zip", zipped({"Bea Ruiz_2_assignsubmission_file_/x.ipynb": b"bea"}))

    assert course.collect() == {at("bea-ruiz"): "bea"}
    assert [one for one in course.said.split("\n") if one.startswith("a.zip")] == [
        "a.zip: unpacked no further: it is damaged or not a zip file; download it again, or ask "
        "for it again."
    ]


def test_an_archive_that_grows_too_large_is_left_at_that(course, monkeypatch):
    monkeypatch.setattr(zipcollect, "MAX_MEMBER_BYTES", 1000)
    course.downloaded("bomba.zip", zipped({GOOD: b"0" * 1001}))

    assert course.collect() == {}
    assert "in it is too large" in course.said


def test_names_in_utf8_without_the_mark_are_read(course):
    course.roster("anag,Ana,Núñez,,")
    made = bytearray(zipped({"Ana Núñez_1_assignsubmission_file_/perceptron.ipynb": b"ana"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at_mark = made.index(mark)
        made[at_mark + place + 1] &= ~0x08
    course.downloaded("todo.zip", bytes(made))

    assert course.collect() == {at("anag"): "ana"}


def test_other_archives_are_named(course):
    course.downloaded("todo.tar.gz", b"x")

    assert course.collect() == {}
    assert "todo.tar.gz: not unpacked: only zip files are" in course.said
