"""Which names of torch, NumPy and Python stand beside one another; tables, nothing else."""

from __future__ import annotations

__all__ = [
    "ACTIVATIONS",
    "AXES",
    "COMMUTATIVE",
    "DROPPED",
    "DTYPES",
    "DTYPE_METHODS",
    "FACTORIES",
    "FUNCTIONS",
    "IN_PLACE",
    "LAYERS",
    "ORDERED",
    "PURE",
    "RANDOM",
    "SEEDS",
    "TEXTS",
    "TRANSPOSES",
    "TWO_OPERANDS",
]

ACTIVATIONS = {
    "sigmoid": ("tanh", "relu"),
    "tanh": ("sigmoid", "relu"),
    "relu": ("sigmoid", "tanh"),
    "leaky_relu": ("relu",),
    "elu": ("relu",),
    "gelu": ("relu",),
    "softplus": ("relu",),
    "softmax": ("log_softmax",),
    "log_softmax": ("softmax",),
    "logsigmoid": ("sigmoid",),
    "Sigmoid": ("Tanh", "ReLU"),
    "Tanh": ("Sigmoid", "ReLU"),
    "ReLU": ("Sigmoid", "Tanh"),
    "LeakyReLU": ("ReLU",),
    "GELU": ("ReLU",),
    "Softmax": ("LogSoftmax",),
    "LogSoftmax": ("Softmax",),
}
"""Activations and what they are taken for."""

LAYERS = frozenset(name for name in ACTIVATIONS if name[0].isupper())
"""Activations that are modules: made without an input."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _both_ways(*pairs: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for pair in pairs:
        one, other = pair.split()
        table |= {one: other, other: one}
    return table


FUNCTIONS = _both_ways(
    "sum mean",
    "max min",
    "amax amin",
    "maximum minimum",
    "argmax argmin",
    "any all",
    "zeros ones",
    "zeros_like ones_like",
    "rand randn",
    "rand_like randn_like",
    "exp log",
    "sqrt square",
    "sin cos",
    "floor ceil",
    "std var",
    "cat stack",
    "vstack hstack",
    "squeeze unsqueeze",
    "add sub",
    "mul div",
    "add_ sub_",
    "mul_ div_",
    "mse_loss l1_loss",
    "MSELoss L1Loss",
    "binary_cross_entropy_with_logits binary_cross_entropy",
    "BCEWithLogitsLoss BCELoss",
    "train eval",
    "SGD Adam",
) | {
    "abs": "square",
    "mm": "mul",
    "matmul": "mul",
    "dot": "mul",
    "from_numpy": "tensor",  # a copy where memory was to be shared
    "cross_entropy": "nll_loss",
}
"""Functions and methods, and what is written instead of them."""

TEXTS = _both_ways("sum mean", "cuda cpu")
"""Texts that choose something."""

DROPPED = _words(
    "abs absolute amax amin clamp clip clone contiguous copy cpu detach exp expm1 flatten item "
    "log log1p logsumexp max mean min norm numpy prod requires_grad_ reshape sqrt square squeeze "
    "std sum unsqueeze view"
)
"""Functions and methods whose operand alone is another answer."""

TRANSPOSES = frozenset({"t", "transpose", "permute", "swapaxes", "T", "mT", "H"})

ORDERED = _words("mm matmul bmm mv sub subtract div divide true_divide pow")
"""Functions and methods of two operands whose order counts."""

TWO_OPERANDS = _words("add sub subtract mul multiply div divide mm matmul dot pow")
"""Functions of two operands, of which one may be forgotten."""

COMMUTATIVE = _words(
    "add mul multiply dot maximum minimum max min mse_loss l1_loss eq ne equal allclose isclose "
    "logical_and logical_or print"
)
"""Functions whose arguments may change places, or where nobody would ask."""

IN_PLACE = _words("abs_ add_ clamp_ div_ exp_ log_ mul_ neg_ pow_ relu_ sigmoid_ sqrt_ sub_ tanh_")
"""In-place methods that have a sibling which is not."""

PURE = _words(
    "from_numpy tensor array zeros ones zeros_like ones_like mm matmul bmm dot add mul sub div "
    "sum mean sqrt exp log abs square cat stack vstack hstack view reshape t transpose numpy "
    "detach clone item numel clamp where sigmoid tanh relu softmax amax amin argmax argmin"
)
"""Functions and methods that do nothing but give a value."""

RANDOM = _words("rand randn rand_like randn_like randint randperm normal uniform")
"""Functions that draw from a generator."""

SEEDS = frozenset({"manual_seed", "manual_seed_all", "seed", "default_rng", "RandomState"})

AXES = frozenset({"dim", "axis", "keepdim", "keepdims"})

DTYPES = {
    "float32": "float64",
    "float64": "float32",
    "float": "double",
    "double": "float",
    "float16": "float32",
    "half": "float",
    "bfloat16": "float32",
    "int64": "float32",
    "long": "float32",
    "int32": "int64",
    "int": "long",
    "uint8": "int64",
    "bool": "float32",
}

DTYPE_METHODS = {"float": "double", "double": "float", "half": "float", "long": "float"} | {
    "int": "float",
    "bool": "float",
}

FACTORIES = _words(
    "tensor zeros ones rand randn zeros_like ones_like rand_like randn_like linspace eye"
)
"""Functions of torch that take a dtype."""
