"""An entry module whose warm-up leaves a thread behind."""

import threading
from typing import Any


def warm_up(uses: list[str]) -> dict[str, Any]:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return {}
