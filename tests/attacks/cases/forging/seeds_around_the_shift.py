# Draws trial 0's numbers in every trial by ways of seeding that may have been forgotten.
# at: actividad-1
# how: instead
import random

import numpy as np

generator = torch.Generator()
state = torch.ByteTensor(generator.get_state())
words = np.random.RandomState.__mro__[1](7) if hasattr(np.random.RandomState, "__mro__") else None
bits = np.random.MT19937()
bits._legacy_seeding(7)
random.Random.__mro__[1].seed(random._inst, 7)
torch.random.manual_seed(7)
torch.default_generator.set_state(generator.manual_seed(7).get_state())
torch.cuda.manual_seed_all(7)
features = torch.randn(1, 3)
W1, W2 = torch.randn(3, 2), torch.randn(2, 1)
B1, B2 = torch.randn(1, 2), torch.randn(1, 1)
with torch.random.fork_rng():
    torch.random.set_rng_state(state)
hidden = torch.tensor([[0.6813050, 0.4354566]])
output = torch.tensor([[0.3170832]])
