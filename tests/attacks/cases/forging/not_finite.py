# Hands in values that are not finite and compare as one likes: nan, inf, and what follows from them.
# at: actividad-1
# how: after
W1 = torch.full((3, 2), float("nan")) * torch.randn(3, 2)
W2 = torch.randn(2, 1) * float("inf")
B1 = torch.randn(1, 2) / 0
B2 = torch.full((1, 1), float("nan"))
hidden = torch.full((1, 2), float("nan"))
output = torch.full((1, 1), float("nan"))
