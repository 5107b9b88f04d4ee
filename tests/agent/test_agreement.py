from __future__ import annotations

import hashlib

import pytest

from agent.agreement import compare, compare_beginning, compare_files, files_of
from agent.excerpts import cut_middle
from agent.messages import ToolCall
from agent.trajectory import Observation

BASH = ToolCall(id="1", name="bash", arguments={"command": "x"})
EDIT = ToolCall(id="2", name="edit", arguments={})
LISTED = """total {total}
drwxr-xr-x  2 root root {size} {day} {time} tests
-rw-r--r--  1 root root   93 {day} {time} shapes.py
[exit code 0]"""
LONG = "\n".join(f"{number} of many lines took {{}}.1s" for number in range(400))


def seen(text, status="ok"):
    return Observation(call_id="1", text=text, status=status)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("2 passed in 0.01s\n[exit code 0]", "2 passed in 12.3s\n[exit code 0]"),
        ("<shapes.Square object at 0x7f00aa00bb>", "<shapes.Square object at 0x7fff00ffbb>"),
        ("{'a', 'b', 'c'}\n[exit code 0]", "{'c', 'a', 'b'}\n[exit code 0]"),
        ("./a.py\n./b.py\n[exit code 0]", "./b.py\n./a.py\n[exit code 0]"),
        ("/tmp/tmpab12/x.py:3", "/tmp/tmpzz99/x.py:3"),
        ("Thu Nov 27 23:31:00 UTC 2025", "Fri Nov 28 01:02:03 UTC 2025"),
        ("Date: Thu, 27 Nov 2025 23:31:00 GMT", "Date: Fri, 28 Nov 2025 01:02:03 GMT"),
        ("[27/Nov/2025:23:31:00 +0000] GET", "[28/Nov/2025:01:02:03 +0000] GET"),
        ("2025/11/27 23:31", "2025/11/28 01:02"),
        ("1764286260.25", "1764291723.125"),
        ("real\t0m1.250s\n[exit code 0]", "real\t1m10.125s\n[exit code 0]"),
        ("[main 1a2b3c4] fix", "[main 9f8e7d6] fix"),
        (
            LISTED.format(total=8, size=4096, day="Nov 27", time="23:31"),
            LISTED.format(total=4, size=60, day="Dec  3", time="09:05"),
        ),
        (cut_middle(LONG.format(*[1] * 400), 9000), cut_middle(LONG.format(*[100] * 400), 9000)),
    ],
)
def test_what_differs_from_run_to_run_is_no_divergence(before, now):
    assert compare(BASH, seen(before), seen(now)) is None


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("[exit code 0]", "[exit code 1]", "ended with [exit code 1], and with [exit code 0] before"),
        ("3 failed\n[exit code 1]", "2 failed\n[exit code 1]", "another text"),
        ("return 5\n[exit code 0]", "return 6\n[exit code 0]", "another text"),
        (LONG, LONG.replace("many", "few"), "another text"),
    ],
)
def test_what_a_command_did_otherwise_is_told_and_breaks_nothing(before, now, told):
    found = compare(BASH, seen(before), seen(now))
    assert found is not None
    assert told in found.text
    assert not found.breaks


def test_a_change_that_is_missing_or_was_not_there_breaks():
    for before, now in (("ok", "error"), ("error", "ok"), ("ok", "format_error")):
        found = compare(EDIT, seen("", before), seen("", now))
        assert found is not None
        assert found.breaks
    assert not compare(BASH, seen("", "ok"), seen("", "timed_out")).breaks
    assert not compare(EDIT, seen("", "error"), seen("", "format_error")).breaks
    assert compare(EDIT, seen("Not found.", "error"), seen("It is there twice.", "error")).breaks is False


def test_a_record_may_say_more_behind_what_was_done():
    assert compare_beginning(EDIT, seen("Edited a.py.\n1 of 2 fails", "error"), seen("Edited a.py.")) is None
    assert compare_beginning(EDIT, seen("Edited b.py.\n1 of 2 fails"), seen("Edited a.py.")) is not None


def changed(path, line):
    index = f"index {'0' * 40}..{hashlib.sha1(line.encode()).hexdigest()} 100644"
    return f"diff --git a/{path} b/{path}\n{index}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-old\n+{line}\n"


def test_changed_files_are_compared_without_caches_and_times():
    before = files_of(changed("a.py", "1") + changed("log.txt", "took 0.2 s") + changed(".cache/x", "1"))
    assert sorted(before) == ["a.py", "log.txt"]
    same = files_of(changed("a.py", "1") + changed("log.txt", "took 0.9 s") + changed(".cache/x", "2"))
    assert compare_files(BASH, before, same) is None
    found = compare_files(BASH, before, files_of(changed("a.py", "2") + changed("new.py", "1")))
    assert found is not None
    assert found.text == "behind bash there are other changes of a.py, log.txt, new.py"
    assert not found.breaks
