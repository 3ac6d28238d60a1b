"""Run a student's own notebook in this process, without a sandbox: for ``autograder check``.

``python -m autograder.inside.alone JOB FRAMES``: reads the job (JSON) and writes one frame a
line. Works wherever Python and IPython do, so it needs neither fork nor signals.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from autograder.inside.runner import open_shell, serve

__all__ = ["main"]


def main(job: Path, frames: Path) -> None:
    open_shell()
    with frames.open("w", encoding="utf-8") as file:

        def send(frame: dict[str, Any], payload: bytes) -> None:
            file.write(json.dumps(frame) + "\n")
            file.flush()

        serve(json.loads(job.read_text(encoding="utf-8")), b"", send)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
