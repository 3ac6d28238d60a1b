# Calls one operator of torch's that computes for minutes.
big = torch.randn(4000, 4000, dtype=torch.float64)
torch.linalg.svd(big)
