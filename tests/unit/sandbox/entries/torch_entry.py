"""An entry module that imports torch in the zygote and uses it in the children."""

from typing import Any

import torch


def warm_up(uses: list[str]) -> dict[str, Any]:
    weight = torch.zeros(1, requires_grad=True)
    torch.optim.SGD([weight], lr=0.1).step()
    return {"torch": torch.__version__}


def serve(job: dict[str, Any], payload: bytes, send: Any) -> None:
    exec(job["code"], {"torch": torch, "say": lambda value: send({"said": value})})
