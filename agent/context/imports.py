"""What a source file imports, and which file of the repository that is."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from agent.languages import language_of

_QUOTED = re.compile(r"""(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*['"]([^'"\n]+)['"]""")
_INCLUDE = re.compile(r"""^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]""", re.MULTILINE)
_PATTERNS: Mapping[str, Sequence[re.Pattern[str]]] = {
    "python": (
        re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]*\(?([\w \t,.*]*)", re.MULTILINE),
        re.compile(r"^[ \t]*import[ \t]+([\w.]+)", re.MULTILINE),
    ),
    "javascript": (_QUOTED,),
    "typescript": (_QUOTED,),
    "tsx": (_QUOTED,),
    "go": (re.compile(r"""^(?:import)?[ \t]*(?:[\w.]+[ \t]+)?"([\w.@/~-]+)"[ \t]*$""", re.MULTILINE),),
    "java": (re.compile(r"^[ \t]*import[ \t]+(?:static[ \t]+)?([\w.]+)", re.MULTILINE),),
    "rust": (re.compile(r"^[ \t]*(?:pub(?:\([\w ]+\))?[ \t]+)?(?:use|mod)[ \t]+([\w:]+)", re.MULTILINE),),
    "c": (_INCLUDE,),
    "cpp": (_INCLUDE,),
    "ruby": (re.compile(r"""^[ \t]*require(?:_relative)?[ \t(]+['"]([^'"\n]+)['"]""", re.MULTILINE),),
    "php": (
        re.compile(r"^[ \t]*use[ \t]+(?:function[ \t]+)?([\w\\]+)", re.MULTILINE),
        re.compile(r"""\b(?:require|include)(?:_once)?\b[^'"\n;]*['"]([^'"\n]+)['"]""", re.MULTILINE),
    ),
}
_MOST = 400
"""Imports of one file that are kept."""


def imported(path: str, text: str) -> tuple[str, ...]:
    """Return the modules or files that a source file names in its imports, as paths without suffix."""
    language = language_of(path)
    if language is None:
        return ()
    found: list[str] = []
    for pattern in _PATTERNS[language.name]:
        for match in pattern.finditer(text):
            module = _as_path(match[1], path, language.name)
            found.append(module)
            if pattern.groups > 1:  # `from package import module` names two that may be files
                names = (name.split()[0] for name in match[2].split(",") if name.split())
                found.extend(posixpath.join(module, name) for name in names if name.isidentifier())
    return tuple(dict.fromkeys(one for one in found if one.strip("./")))[:_MOST]


def _as_path(module: str, path: str, language: str) -> str:
    """Return a module's name as a path, one relative to the importing file where it says so."""
    folder = posixpath.dirname(path)
    if language == "python":
        rest = module.lstrip(".")
        for _ in range(len(module) - len(rest) - 1):
            folder = posixpath.dirname(folder)
        rest = rest.replace(".", "/")
        return posixpath.join(folder, rest).rstrip("/") if module.startswith(".") else rest
    if language in ("java", "php", "rust"):
        named = re.sub(r"\.(?!php$)|::|\\", "/", module)
        return re.sub(r"^(?:crate|self|super)/", "", named)
    if module.startswith("."):
        return posixpath.normpath(posixpath.join(folder, module))
    return module


class Importable:
    """The files of a repository by what they may be imported as."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_folder: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            stem = _stem(path)
            self._by_name[posixpath.basename(stem)].append(path)
            self._by_folder[posixpath.basename(posixpath.dirname(path))].append(path)

    def resolve(self, module: str) -> list[str]:
        """Return the files that an import means; none where it is of another project."""
        wanted = module if posixpath.splitext(module)[1] == "" else _stem(module)
        matches = _ending(self._by_name.get(posixpath.basename(wanted), ()), wanted)
        if not matches and "/" in wanted:
            # Go imports a folder; Java, Rust and PHP import a name from within a file
            folder = self._by_folder.get(posixpath.basename(wanted), ())
            matches = [path for path in folder if _same_folder(posixpath.dirname(path), wanted)]
            outer = posixpath.dirname(wanted)
            matches = matches or _ending(self._by_name.get(posixpath.basename(outer), ()), outer)
        return matches


def _same_folder(folder: str, wanted: str) -> bool:
    """Whether a folder is what an import means, which may begin with the address of the module, as in Go."""
    return f"/{folder}".endswith(f"/{wanted}") or f"/{wanted}".endswith(f"/{folder}")


def _ending(paths: Iterable[str], wanted: str) -> list[str]:
    return [path for path in paths if f"/{_stem(path)}".endswith(f"/{wanted}")]


def _stem(path: str) -> str:
    """Return a path as imports name it: without suffix, a package by its folder."""
    stem = posixpath.splitext(path)[0]
    folder, name = posixpath.split(stem)
    return folder if folder and name in ("__init__", "index", "mod") else stem
