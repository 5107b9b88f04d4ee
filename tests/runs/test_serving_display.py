"""What `mangabey serve` shows of its servers' work."""

from __future__ import annotations

import json

from agent.models.vllm import Metrics
from agent.serving import Change
from runs.display.serving import JsonServing, LiveServing, PlainServing, Seldom, figures_of

BUSY = Metrics(prefix_queries=12430, prefix_hits=7831, running=3, waiting=2, prompt_tokens=12430)
SHOWN = "3 running, 2 waiting · 63% of 12,430 prompt tokens from the cache"


def test_figures_in_words():
    assert figures_of(BUSY) == SHOWN
    assert figures_of(Metrics(running=1)) == "1 running, 0 waiting"


def test_the_status_line_shows_states_and_figures():
    display = LiveServing()
    display.listen(Change("replica 0", "healthy", "http://127.0.0.1:1/v1", 3.0))
    assert display._status() == "replica 0 healthy 0 s"
    display.measure(BUSY)
    assert display._status() == f"replica 0 healthy 0 s · {SHOWN}"


def test_lines_of_figures_are_seldom_and_new(capsys):
    display = PlainServing()
    for metrics in (Metrics(), BUSY, BUSY, BUSY.model_copy(update={"running": 1})):
        display.measure(metrics)
    assert capsys.readouterr().err == f"{SHOWN}\n"
    often = Seldom(seconds=0.0)
    assert [often(one) for one in (BUSY, BUSY, Metrics(running=1))] == [True, False, True]


def test_figures_for_programs(capsys):
    JsonServing().measure(BUSY)
    told = json.loads(capsys.readouterr().out)
    assert (told["server"], told["state"], told["running"], told["waiting"]) == ("endpoint", "figures", 3, 2)
    assert 0.62 < told["prefix_share"] < 0.64
