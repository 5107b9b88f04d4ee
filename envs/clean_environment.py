"""The environment of programs on the host that may run a package's own code: without the user's keys.

pip runs the build script of a source release, and an environment's interpreter, at every start, what packages
have put into `.pth` files. Both get what a build needs and nothing else: what is not named here stays out, so
that no list of secrets has to be complete.
"""

from __future__ import annotations

import os

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"),
        *("CC", "CXX", "CPP", "AR", "LD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS"),
        *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "LD_LIBRARY_PATH"),
        *("PKG_CONFIG_PATH", "SOURCE_DATE_EPOCH", "PYTHONDONTWRITEBYTECODE"),
    }
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"})
_BEGINNINGS = ("PIP_", "LC_", "XDG_")


def clean_environment() -> dict[str, str]:
    """Return what a build needs of our environment: paths, compilers, pip's settings, certificates, proxies.

    An address in pip's settings or of a proxy keeps a password that stands in it: without it nothing is
    fetched.
    """
    return {name: value for name, value in os.environ.items() if _is_needed(name)}


def _is_needed(name: str) -> bool:
    return name in _NAMES or name.lower() in _PROXIES or name.startswith(_BEGINNINGS)
