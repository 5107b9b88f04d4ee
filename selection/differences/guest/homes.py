"""Tell which module of the working folder defines a name at its top. Python 3.6 and newer.

Standard input holds a JSON list of names; standard output gets one object {name: module}. Of several modules
the shallowest counts, then the one with the shortest path; tests are passed over.
"""

import json
import os
import re
import sys

DEFINED = re.compile(r"^(?:class|def|async def) +([A-Za-z_]\w*)", re.MULTILINE)
ASSIGNED = re.compile(r"^((?:[A-Za-z_]\w*\s*,\s*)*[A-Za-z_]\w*) *=(?!=)", re.MULTILINE)
SKIPPED = {"tests", "test", "testing", "benchmarks", "node_modules"}


def modules():
    """Return the paths of modules of packages, the likeliest home first."""
    found = []
    for folder, folders, files in os.walk("."):
        inside = folder == "." or "__init__.py" in files
        folders[:] = [name for name in folders if inside and name[0] != "." and name not in SKIPPED]
        if folder != "." and inside:
            found += [os.path.join(folder, name)[2:] for name in files if name.endswith(".py")]
    found = [path for path in found if not os.path.basename(path).startswith(("test_", "__main__"))]
    return sorted(found, key=lambda path: (path.count("/"), len(path), path))


def dotted(path):
    parts = path[: -len(".py")].split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def homes(wanted):
    found = {}
    for path in modules():
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        names = set(DEFINED.findall(text))
        for group in ASSIGNED.findall(text):
            names.update(name.strip() for name in group.split(","))
        for name in names & wanted:
            found.setdefault(name, dotted(path))
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(homes(set(json.load(sys.stdin)))))
