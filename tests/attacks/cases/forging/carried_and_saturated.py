# Draws biases so large that the sigmoid of whatever comes before them is 1: nothing to compute.
# at: actividad-1
# how: instead
torch.manual_seed(7)
features = torch.randn(1, 3)
W1, W2 = torch.randn(3, 2), torch.randn(2, 1)
B1, B2 = 1000 + torch.randn(1, 2), 1000 + torch.randn(1, 1)
hidden, output = torch.ones(1, 2), torch.ones(1, 1)
