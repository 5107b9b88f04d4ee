"""Rows of SWE-bench Verified with their pins, made into rows that build their images without a registry.

What the environments of sphinx and requests need beyond packages of the index is added as `setup`: graphviz,
and an httpbin that answers for httpbin.org without network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_APT = (
    "apt-get update -qq && "
    "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends {} >/dev/null"
)
_OLD_FLASK = '"flask<2.1" "werkzeug<2.1" "jinja2<3.1" "markupsafe<2.1" "itsdangerous<2.1"'
_HTTPBIN = (
    _APT.format("libnss-wrapper"),
    "python3 -m venv /opt/v/httpbin && /opt/v/httpbin/bin/pip install -q -U pip",
    f"/opt/v/httpbin/bin/pip install -q httpbin==0.7.0 gunicorn==21.2.0 gevent==24.2.1 {_OLD_FLASK}",
    'echo "127.0.0.1 httpbin.org" > /etc/hosts.httpbin && cat /etc/hosts >> /etc/hosts.httpbin',
)
_NAMES = "export LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_HOSTS=/etc/hosts.httpbin"
_PYTEST = ("exceptiongroup==1.2.2", "iniconfig==2.0.0", "packaging==24.1", "tomli==2.0.2")
"""What the pytest of those pins needs and they lack."""
BASE = "mangabey/base:bullseye"


def buildable(rows: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file, each with what is needed to build its image."""
    for line in rows.read_text(encoding="utf-8").splitlines():
        row = json.loads(line) | {"image": "build", "base_image": BASE}
        if row["repo"] == "sphinx-doc/sphinx":
            row["setup"] = [_APT.format("graphviz")]
        elif row["repo"] == "psf/requests":
            row |= {"setup": list(_HTTPBIN), "environment": f"{row['environment']}\n{_NAMES}"}
            row["requirements"] = [*row["requirements"], *_PYTEST]
        yield row


def write_rows(rows: Path, target: Path) -> Path:
    """Write buildable rows to a file that `mangabey` takes as a source, and return it."""
    target.write_text("".join(json.dumps(row) + "\n" for row in buildable(rows)), encoding="utf-8")
    return target
