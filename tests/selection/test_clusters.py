"""Who makes the same program, and who makes none of its own."""

from __future__ import annotations

from selection.clusters import cluster
from selection.evidence import Evidence
from selection.rules import RULES
from selection.unfit import unfit

CLAMP = "calc/__init__.py"


async def test_patches_of_comments_and_docstrings_make_no_program_and_never_win(scene):
    buggy = scene.tree[CLAMP]
    right = scene.candidate("right", {CLAMP: buggy.replace(b"x < high", b"x > high")})
    comments = [
        scene.candidate(f"comment {number}", {CLAMP: b"# said %d\n" % number + buggy}) for number in range(3)
    ]
    documented = scene.candidate(
        "documented", {CLAMP: b'"""All of it."""\n' + buggy.replace(b"\n", b"\n\n", 1)}
    )
    idle = [*comments, documented]
    clusters = await cluster(scene.base, [*idle, right])
    assert list(clusters.members.values()) == [(right.id,)]
    assert clusters.idle == tuple(sorted(one.id for one in idle))
    assert {unfit(one, clusters) for one in idle} == {"changes comments, docstrings or layout only"}
    known = Evidence("t", "calc", "clamp is wrong", (*idle, right), clusters)
    for rule in RULES.values():
        assert rule.choose(known).winner in {right.id, None}, rule.name
        alone = rule.choose(known.only([one.id for one in idle]))
        assert alone.winner is None
        assert alone.reason.startswith("abstains"), rule.name


async def test_a_mode_and_an_empty_new_file_are_changes(scene):
    package = scene.candidate("package", {"more/__init__.py": b""})
    clusters = await cluster(scene.base, [package])
    assert (list(clusters.members.values()), clusters.idle) == ([(package.id,)], ())
