"""Probes of bucle_fit: what the sandbox tries on the student's functions and loader."""

import contextlib
import sys

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from autograder import probe


@probe("modelo")
def lotes(student, draws, device):
    inputs = [draws.randn(rows, 3) for rows in (1, 4, 7)]
    return {"x": inputs, "y": [student.call("model", x) for x in inputs]}


@probe("mse", devices=["cpu", "cuda"])
def valores(student, draws, device):
    shapes = ((4, 2), (5,), (1, 1), (2, 3, 2))
    return [student.operators("mse", draws.randn(*shape), draws.randn(*shape)) for shape in shapes]


@probe("mse", devices=["cpu", "cuda"])
def derivable(student, draws, device):
    t1, t2 = draws.randn(4, 3).requires_grad_(), draws.randn(4, 3)
    call = student.operators("mse", t1, t2)
    gradient = None
    if isinstance(call.value, torch.Tensor) and call.value.requires_grad and call.value.dim() == 0:
        (gradient,) = torch.autograd.grad(call.value, t1)
    return {"llamada": call, "gradiente": gradient}


@probe("dataset")
def filas(student, draws, device):
    dataset, loader = student["train_ds"], student["train_dl"]
    return {
        # Not isinstance, which asks the object what it is.
        "es_dataset": issubclass(type(dataset), TensorDataset),
        "es_loader": issubclass(type(loader), DataLoader),
        "tensores": list(getattr(dataset, "tensors", ())),
        "epocas": [[list(batch) for batch in loader] for _ in range(3)],
    }


class Training:
    """One call of `fit` on a model, optimiser and loader of ours, with all that it does to them.

    `steps` holds the parameters after every step of the optimiser.
    """

    def __init__(self, model, loss_fn, optimiser, loader):
        self.model, self.loss_fn, self.loader = model, loss_fn, list(loader)
        self.optimiser = optimiser
        # Not the parameters themselves, which `fit` may replace by others.
        self.owners = [one._parameters for one in model.modules()]
        self.steps = []
        self.before = self.parameters()
        optimiser.register_step_post_hook(self.stepped)

    def parameters(self):
        """All of the model's, in one row."""
        own = [one for owner in self.owners for one in owner.values() if one is not None]
        return torch.cat([one.detach().flatten() for one in own])

    def stepped(self, *_):
        self.steps.append(self.parameters())

    def run(self, student, epochs):
        call = student.call("fit", epochs, self.model, self.loss_fn, self.optimiser, self.loader)
        # What `fit` returns is free; only what it does counts.
        call.value, call.changed = None, []
        return {
            "x": torch.cat([batch[0] for batch in self.loader]),
            "y": torch.cat([batch[1] for batch in self.loader]),
            "llamada": call,
            "antes": self.before,
            "despues": self.parameters(),
            "pasos": torch.stack(self.steps[:2000]) if self.steps else None,
        }


class Printing(Training):
    """The same, with what `fit` prints about which loss.

    `losses` tells of every call of the loss whether it was about the loader's last batch and how
    much had been printed, and `weights` what the model's parameters were then.
    """

    def __init__(self, model, loss_fn, optimiser, loader):
        super().__init__(model, self.loss, optimiser, loader)
        self.own_loss, self.last = loss_fn, self.loader[-1][1]
        self.losses, self.weights = [], []

    def stepped(self, *_):
        """Its steps are the other probes' matter."""

    def loss(self, prediction, target):
        value = self.own_loss(prediction, target)
        about_last = target.shape == self.last.shape and torch.equal(target, self.last)
        printed = 0
        with contextlib.suppress(AttributeError):
            printed = len(sys.stdout.getvalue())
        self.losses.append([about_last, printed])
        self.weights.append(self.parameters())
        return value

    def run(self, student, epochs):
        return {
            **super().run(student, epochs),
            "perdidas": torch.tensor(self.losses[:2000]) if self.losses else None,
            "pesos": torch.stack(self.weights[:2000]) if self.weights else None,
        }


def linear(draws, device, inputs=3, outputs=2):
    return filled(nn.Linear(inputs, outputs), draws, device)


def filled(model, draws, device):
    model = model.to(device)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * draws.randn(*parameter.shape))
    return model


def data(draws, rows, batch_size, inputs=3, outputs=2):
    """Batches, never shuffled, of a linear relation with a little noise."""
    x = draws.randn(rows, inputs)
    y = x @ draws.randn(inputs, outputs) + draws.randn(outputs) + 0.1 * draws.randn(rows, outputs)
    return DataLoader(TensorDataset(x, y), batch_size=batch_size)


@probe("fit", devices=["cpu", "cuda"])
def actualizaciones(student, draws, device):
    loader, model = data(draws, 15, 5), linear(draws, device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    return Training(model, F.mse_loss, optimiser, loader).run(student, 4)


@probe("fit", devices=["cpu", "cuda"])
def otros(student, draws, device):
    return [
        two_layers(student, draws, device),
        mean_absolute(student, draws, device),
        evaluated(student, draws, device),
    ]


def two_layers(student, draws, device):
    """Two layers, Adam, all rows in one batch, 25 epochs."""
    model = filled(nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)), draws, device)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    return Training(model, F.mse_loss, optimiser, data(draws, 12, 12)).run(student, 25)


def mean_absolute(student, draws, device):
    """MAE, SGD with momentum, a last batch that is smaller, 1 epoch."""
    model = linear(draws, device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    return Training(model, nn.L1Loss(), optimiser, data(draws, 14, 4)).run(student, 1)


def evaluated(student, draws, device):
    """A model in eval mode and of another size, 3 epochs."""
    model = linear(draws, device, 5, 1).eval()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.03)
    return Training(model, F.mse_loss, optimiser, data(draws, 9, 3, 5, 1)).run(student, 3)


@probe("fit", devices=["cpu", "cuda"])
def reduccion(student, draws, device):
    loader, model = one_feature_a_batch(draws, device), linear(draws, device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    return Training(model, F.mse_loss, optimiser, loader).run(student, 30)


def one_feature_a_batch(draws, device):
    """Three batches, each of which shows one of the three weights and nothing of the others.

    Whoever leaves a batch out stays far above any threshold, whatever was drawn, and whoever
    takes all of them far below.
    """
    pattern = torch.tensor([-2.0, -1.0, 1.0, 2.0, 1.5], device=device)
    columns = [pattern * (1 + 0.1 * draws.randn(5)) for _ in range(3)]
    x = torch.block_diag(*(column.unsqueeze(1) for column in columns))
    y = x @ (2 + 0.3 * draws.randn(3, 2)) + 0.5 * draws.randn(2) + 0.05 * draws.randn(15, 2)
    return DataLoader(TensorDataset(x, y), batch_size=5)


@probe("fit")
def escritura(student, draws, device):
    loader, model = data(draws, 10, 5), linear(draws, device)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02)
    return Printing(model, F.mse_loss, optimiser, loader).run(student, 25)
