"""nbgrader's configuration of this course: everything comes from grading_config.yaml."""

from pathlib import Path

try:
    from autograder.record.settings import nbgrader_settings
except ImportError as error:
    # nbgrader would go on without these settings, and run students' code unprotected.
    raise SystemExit(
        f"nbgrader_config.py: {error}; use the nbgrader beside the autograder."
    ) from None

c = get_config()  # noqa: F821 (traitlets puts it here)
c.merge(nbgrader_settings(Path(__file__).resolve().parent))
