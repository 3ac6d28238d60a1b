# Gives lists, dictionaries, modules and functions nested a million deep as the values asked for.
# at: neurona
# how: after
features, weights, y = [], {}, torch.nn.Module()
for _ in range(1_000_000):
    features, weights = [features], {0: weights}
inner = y
for _ in range(20_000):
    inner._modules["inner"] = torch.nn.Module()
    inner = inner._modules["inner"]
inner._modules["inner"] = y
y_mm = []
y_mm.append(y_mm)
features
