# Gives tensors and arrays of 10^12 elements that all lie in the same few bytes.
# at: neurona
# how: after
features = torch.zeros(1).expand(10**12)
weights = torch.zeros(1, 1).expand(10**6, 10**6)
bias = torch.as_strided(torch.zeros(2), (10**6, 10**6, 1), (0, 1 - 1, 0))
y = np.broadcast_to(np.float32(0), (10**12,))
y_mm = torch.empty(10**9, 10**9, device="meta")
