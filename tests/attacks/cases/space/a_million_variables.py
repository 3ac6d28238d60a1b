# Defines a million variables, and a module with as many parameters as the value that is asked for.
# at: neurona
# how: after
globals().update({f"variable_{number}": number for number in range(1_000_000)})
y = torch.nn.Module()
for number in range(20_000):
    y.__dict__[f"extra_{number}"] = number
    y._buffers[f"buffer_{number}"] = bias
features = [bias] * 5_000_000
weights = {number: [number] for number in range(1_000_000)}
