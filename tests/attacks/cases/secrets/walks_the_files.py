# Walks all files that it can see and shows every text that is marked as a secret.
import json
import os
import re

found, seen = set(), 0
for folder, folders, files in os.walk("/"):
    folders[:] = [
        one for one in folders if one not in ("site-packages", "lib-dynload", "usr", "lib")
    ]
    for name in files:
        path = os.path.join(folder, name)
        if name == "targets.json":
            continue
        try:
            with open(path, "rb") as file:
                head = file.read(200_000) if os.path.isfile(path) else b""
        except OSError:
            continue
        seen += 1
        found.update(re.findall(rb"MARK\w+KRAM", head))
print(seen, found)
if found:
    raise RuntimeError(json.load(open("targets.json"))["success"])
