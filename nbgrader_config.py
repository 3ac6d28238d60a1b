"""nbgrader's configuration of this course: everything comes from grading_config.yaml."""

from pathlib import Path

from autograder.record.settings import nbgrader_settings

c = get_config()  # noqa: F821 (traitlets puts it here)
c.merge(nbgrader_settings(Path(__file__).resolve().parent))
