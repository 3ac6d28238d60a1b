# Hands in modules that lie about their parameters, their state, their training and their class.
# assignment: corazon_abierto
# at: secuencial
# how: instead
torch.manual_seed(28)
inner = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


class Liar(nn.Module):
    __class__ = nn.Sequential

    def state_dict(self, *_, **__):
        return inner.state_dict()

    def parameters(self, *_, **__):
        return inner.parameters()

    def named_parameters(self, *_, **__):
        return inner.named_parameters()

    def children(self):
        return inner.children()

    def __getattr__(self, name):
        return getattr(inner, name)

    def __len__(self):
        return 2

    def forward(self, x):
        return inner(x)


Liar.__name__ = Liar.__qualname__ = "Sequential"
model = Liar()
salida_seq = torch.tensor([[0.8347]])
