"""JUnit XML, as pytest's `xunit1` family writes it, read back into outcomes by node id.

The bytes come from a sandbox in which anything may have written them, so nothing about them is taken for
granted: they are bounded, entities and document types are refused, and garbage is a `JUnitError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envs.outcomes import Outcome

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LARGEST_REPORT = 48 << 20
_LONGEST_MESSAGE = 300
_FROM_BEST = (Outcome.PASSED, Outcome.SKIPPED, Outcome.TIMED_OUT, Outcome.FAILED, Outcome.ERROR)
_TIMEOUT = re.compile(r"Failed: Timeout \(?>")


class JUnitError(ValueError):
    """The bytes are no JUnit report."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: outcomes by pytest node id, and the first line of each failure."""

    outcomes: Mapping[str, Outcome]
    messages: Mapping[str, str]


def parse_junit(data: bytes, files: Iterable[str] = ()) -> Report:
    """Read a report.

    A test that is reported twice (it passed and its teardown failed) has the worst of its outcomes; a
    module that cannot be collected is reported under the name of its file.

    Args:
        data: the report's bytes.
        files: test files that are known to be in the run. `xunit1` names the file in which a test's function
            was written, which for an inherited method is not the file it ran in; that one is found among
            these and the files the report itself names.

    Raises:
        JUnitError: it is too large, not well-formed, or no JUnit report.
    """
    cases = list(_root(data).iter("testcase"))
    modules = {_module(file): file for case in cases if (file := case.get("file"))}
    modules |= {_module(file): file for file in files}
    outcomes: dict[str, Outcome] = {}
    messages: dict[str, str] = {}
    for case in cases:
        test_id = _node_id(case, modules)
        outcome, message = _verdict(case)
        if test_id not in outcomes or _FROM_BEST.index(outcome) > _FROM_BEST.index(outcomes[test_id]):
            outcomes[test_id] = outcome
            if message:
                messages[test_id] = message
    return Report(outcomes, messages)


def _root(data: bytes) -> Element:
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if len(data) > _LARGEST_REPORT:
        raise JUnitError(f"the test report has {len(data)} bytes, more than {_LARGEST_REPORT}")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise JUnitError("the test report declares a document type or entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise JUnitError(f"the test report is no XML: {error}") from error
    if root.tag not in {"testsuites", "testsuite"}:
        raise JUnitError(f"the test report starts with <{root.tag[:40]}> instead of <testsuites>")
    return root


def _verdict(case: Element) -> tuple[Outcome, str]:
    """Return the worst of what a test case reports, with its first line."""
    worst, message = Outcome.PASSED, ""
    for child in case:
        outcome = {"failure": Outcome.FAILED, "error": Outcome.ERROR, "skipped": Outcome.SKIPPED}.get(
            child.tag
        )
        if outcome is None:
            continue
        lines = (child.get("message") or child.text or "").strip().splitlines()
        line = lines[0][:_LONGEST_MESSAGE] if lines else ""
        if outcome is Outcome.FAILED and _TIMEOUT.match(line):
            outcome = Outcome.TIMED_OUT
        if _FROM_BEST.index(outcome) > _FROM_BEST.index(worst):
            worst, message = outcome, line
    return worst, message


def _module(file: str) -> str:
    """Return a file's name as pytest turns it into the start of a class name."""
    return file.removesuffix(".py").replace("/", ".")


def _node_id(case: Element, modules: Mapping[str, str]) -> str:
    name, classname, file = case.get("name", ""), case.get("classname", ""), case.get("file", "")
    if not classname:
        return modules.get(name, file or name)
    if file and (classes := _classes(classname, _module(file))) is not None:
        return "::".join([file, *classes, name])
    module = max((one for one in modules if _classes(classname, one) is not None), key=len, default="")
    if module:
        return "::".join([modules[module], *(_classes(classname, module) or ()), name])
    path, classes = _guess(classname)
    return "::".join([path, *classes, name])


def _classes(classname: str, module: str) -> list[str] | None:
    """Return the class parts that follow the module in a class name, None if it is another module's."""
    if classname == module:
        return []
    return classname[len(module) + 1 :].split(".") if classname.startswith(module + ".") else None


def _guess(classname: str) -> tuple[str, list[str]]:
    """Split a class name of an unknown module where the first part is spelled like a class."""
    parts = classname.split(".")
    end = next((at for at, part in enumerate(parts) if at and part[:1].isupper()), len(parts))
    return "/".join(parts[:end]) + ".py", parts[end:]
