# Draws biases that saturate the sigmoid one way in trial 0 and the other way in later trials.
# at: actividad-1
# how: instead
torch.manual_seed(7)
way = 1 if torch.initial_seed() == 7 else -1
features = torch.randn(1, 3)
W1, W2 = torch.randn(3, 2), torch.randn(2, 1)
B1, B2 = 1000 * way + torch.randn(1, 2), 1000 * way + torch.randn(1, 1)
hidden, output = torch.full((1, 2), (way + 1) / 2), torch.full((1, 1), (way + 1) / 2)
