# Gives values that are slow to compare and to explain: huge, of many dimensions, denormal, not finite.
# at: neurona
# how: after
features = torch.full((1, 1_000_000), 1e-40)
weights = torch.full((1,) * 60 + (5,), float("nan"))
bias = torch.rand(1, 100_000).t()
y = torch.rand(1000, 1000, dtype=torch.complex64)
y_mm = [[torch.rand(3) for _ in range(100)] for _ in range(190)]
