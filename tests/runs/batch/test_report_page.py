from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.messages import Reply, Usage
from runs.batch.outcome import Failure, Outcome, Status, write_outcome
from runs.decision import Decision, Line
from runs.journal import Journal
from runs.page.html import page, tag, text
from runs.page.intervals import paired, wilson
from runs.page.issues import issue_row
from runs.page.reading import TEXT, IssueShown, RunShown, read_run, read_runs, short
from runs.page.report import compare, write_page
from runs.purse import Spending
from runs.tape import JournalTape
from selection.differences.leading import Disagreement

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"&</pre>"


class Elements(HTMLParser):
    """Collects the elements of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags = []
        self.attributes = []
        self.said = ""

    def handle_starttag(self, name, attrs):
        self.tags.append(name)
        self.attributes += [key for key, _ in attrs]

    def handle_data(self, data):
        self.said += data


def parsed(html):
    found = Elements()
    found.feed(html)
    return found


@given(st.text())
def test_whatever_text_enters_is_text_and_no_markup(value):
    found = parsed(page("t", tag("p", text(value), title=value)))
    assert found.tags == ["html", "head", "meta", "meta", "meta", "title", "style", "body", "p"]
    assert found.attributes[-1] == "title"


def test_the_page_of_a_batch_shows_what_a_model_said_and_runs_nothing(batches):
    out = batches.folder / "out"
    batches.run(out)
    write_outcome(
        out,
        Outcome(
            instance_id="evil",
            repo=EVIL,
            status=Status.INFRASTRUCTURE,
            failure=Failure.MODEL,
            message=EVIL,
            endings={EVIL: 1},
        ),
    )
    done = batches.mangabey([*batches.command(out)[:3], "report", str(out)])
    assert done.returncode == 0, done.stderr
    html = (out / "report.html").read_text()
    found = parsed(html)
    assert not {"script", "img", "link", "iframe", "b onerror"} & set(found.tags)
    assert "onerror" not in found.attributes
    assert EVIL in found.said
    assert "<script>alert(1)</script>" in found.said  # what the model submitted with
    assert "default-src 'none'" in html
    assert "half(5) is 2" in found.said
    for part in ("trajectory 0", "matrix:", "Time by stage", "Failures of infrastructure", "return n / 2"):
        assert part in found.said
    assert "By repository" in found.said
    assert "pypi/tiny7" in found.said  # all seven, also those that failed
    assert "By difficulty" in found.said


def test_the_page_shows_inputs_that_part_programs_as_text():
    pair = tuple(Line(candidate=name, origin=EVIL + name, cluster=name) for name in "ab")
    parting = Disagreement(input=EVIL, where=EVIL, program="p", base=EVIL, values={"a": "1", "b": EVIL})
    fixed = {"rule": "r", "reason": "", "winner": None, "patch": "", "probability": None}
    decision = Decision(**fixed, columns=(), lines=pair, guards=0, differences=(parting,))
    shown = IssueShown(Outcome(instance_id="i", status=Status.UNRESOLVED), decision=decision)
    found = parsed(issue_row(shown))
    assert not {"script", "img"} & set(found.tags)
    assert "inputs that part programs which no test tells apart" in found.said
    assert found.said.count(EVIL) == 2 * 2 + 4  # whose, in two tables, and what is told of the input


def outcome(name, resolved, dollars=1.0):
    status = Status.RESOLVED if resolved else Status.UNRESOLVED
    spent = Spending(dollars=dollars, steps=1)
    return Outcome(instance_id=name, status=status, graded=True, spent=spent, repo="r", seconds=2.0)


def test_runs_are_compared_on_what_both_have_graded(batches):
    runs = {"a": "1100", "b": "1011"}
    for name, row in runs.items():
        for number, good in enumerate(row):
            write_outcome(batches.folder / name, outcome(f"i{number}", good == "1"))
    write_outcome(batches.folder / "b", outcome("more", resolved=True))
    command = [*batches.command(batches.folder)[:3], "report", *(str(batches.folder / name) for name in runs)]
    done = batches.mangabey(command)
    assert done.returncode == 0, done.stderr
    assert "b against a on 4 issues: +25.0%" in done.stdout
    found = json.loads(batches.mangabey([*command, "--json"]).stdout)["compared"][0]
    assert (found["both"], found["only_first"], found["only_second"]) == (1, 1, 2)
    assert found["low"] < 0.25 < found["high"]


def test_a_folder_without_outcomes_is_refused(batches):
    done = batches.mangabey([*batches.command(batches.folder)[:3], "report", str(batches.folder)])
    assert done.returncode == 2
    assert "holds no outcome" in done.stderr


def test_a_page_that_cannot_be_written_is_called_by_its_name(tmp_path):
    write_outcome(tmp_path / "run", outcome("i", resolved=True))
    with pytest.raises(OSError, match=rf"'{tmp_path}/run'") as refused:
        write_page(read_runs([tmp_path / "run"]), tmp_path / "run")
    assert ".part-" not in str(refused.value)


def test_intervals():
    low, high = wilson(5, 10)
    assert (low, high) == (pytest.approx(0.2366, abs=1e-3), pytest.approx(0.7634, abs=1e-3))
    assert wilson(0, 0) == (0.0, 1.0)
    same = paired([True, False] * 10, [True, False] * 10)
    assert (same.difference, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    better = paired([False] * 12, [True] * 12)
    assert better.p == pytest.approx(2 / 2**12)
    with pytest.raises(ValueError):
        paired([True], [])
    nothing = compare(RunShown("a", ()), RunShown("b", ()))
    assert nothing.issues == 0


def test_long_texts_keep_their_ends():
    told = short("a" * TEXT + "b" * TEXT)
    assert told.startswith("a")
    assert told.endswith("b")
    assert f"{TEXT} characters" in told


def test_a_page_counts_what_unfinished_issues_have_spent_as_the_report_does(batches):
    out = batches.folder / "out"
    done = batches.run(out, "-i", "tiny-*", "--parallel", "1", "--limit-steps", "8")
    assert done.returncode == 1, done.stderr
    found = json.loads((out / "report.json").read_text())
    assert (found["spent"]["steps"], len(found["unfinished_ids"])) == (8, 3)
    done = batches.mangabey([*batches.command(out)[:3], "report", str(out)])
    assert "out: 4 issues: 1 abstained, 3 unfinished. None was graded." in done.stdout
    said = parsed((out / "report.html").read_text()).said
    assert "4 issues: 1 abstained, 3 unfinished" in said
    spent = found["spent"]
    told = f"{spent['steps']} calls, {spent['input']:,} tokens in, {spent['output']:,} out, {spent['price']}"
    assert told in said
    as_json = batches.mangabey([*batches.command(out)[:3], "report", str(out), "--json"])
    assert json.loads(as_json.stdout)["spent"]["out"] == spent
    (out / "report.json").unlink()  # killed before it was written
    assert read_run(out).spent.steps == 8


async def test_a_page_counts_what_an_issue_spends_that_is_under_way_and_leaves_its_record_alone(tmp_path):
    reply = Reply(text="on", usage=Usage(input=100, output=10), cost=0.25)
    with Journal(tmp_path / "run" / "i") as journal:
        await JournalTape(journal, 0).keep_reply(0, reply, "")
        with journal.path.open("ab") as file:
            file.write(b"half a li")  # another process is writing it
        known = journal.path.read_bytes()
        assert read_run(tmp_path / "run").unfinished["i"].dollars == 0.25
        assert journal.path.read_bytes() == known


def test_runs_of_one_name_are_told_apart(tmp_path):
    places = [tmp_path / "a" / "x" / "run", tmp_path / "b" / "x" / "run", tmp_path / "other"]
    for place in places:
        write_outcome(place, outcome("i", resolved=True))
    names = [run.name for run in read_runs([*places, tmp_path / "b" / ".." / "other"])]
    assert names == ["a/x/run", "b/x/run", "other"]
