from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.contract.fixtures import IMAGE
from sandbox.docker.layering import Layer, layered
from sandbox.docker.vessel import connect


@pytest.mark.docker
def test_a_layer_that_several_ask_for_at_one_time_is_made_once(needs_docker, monkeypatch, tmp_path):
    monkeypatch.setenv("MANGABEY_HOME", str(tmp_path))
    engine = connect()
    layer = Layer(f"sleep 1; echo {secrets.token_hex(8)} > /made")
    try:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda _: layered(engine, IMAGE, layer), range(2))
        engine.images.remove(first, force=True)
        assert first == second
    finally:
        engine.close()
