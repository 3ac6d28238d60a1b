# Gives a tensor of 10 GB as the value that is asked for.
# at: neurona
# how: after
y = torch.empty(10 << 28)
