"""Limits that fit a machine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.base import Limits
from sandbox.sizing import Machine, _available, fitted, this_machine

sizes = st.integers(min_value=1 << 20, max_value=1 << 45)


def test_a_large_machine_changes_nothing_but_the_cores():
    found = fitted(Limits(), 8, Machine(memory=1 << 40, disk=1 << 40, cores=16))
    assert found == Limits(cpus=15.0)


def test_a_small_machine_is_shared():
    found = fitted(Limits(), 8, Machine(memory=8 << 30, disk=4 << 30, cores=2))
    assert (found.memory >> 20, found.disk >> 20, found.cpus) == (819, 409, 2.0)


@given(sizes, sizes, st.integers(1, 256), st.integers(1, 500), sizes, sizes)
def test_never_wider_and_never_nothing(memory, disk, cores, sandboxes, own_memory, own_disk):
    asked = Limits(memory=own_memory, disk=own_disk, cpus=1.5)
    found = fitted(asked, sandboxes, Machine(memory, disk, cores))
    assert 0 < found.memory <= asked.memory
    assert 0 < found.disk <= asked.disk
    assert 0 < found.cpus <= 1.5
    assert found.memory * sandboxes <= max(memory, sandboxes << 28)


def test_this_machine_is_read():
    machine = this_machine()
    assert machine.cores >= 1
    assert 1 << 26 < machine.memory < 1 << 46
    assert machine.disk > 0
    assert _available("MemTotal:  99 kB\nMemAvailable:    2048 kB\n") == 2 << 20
