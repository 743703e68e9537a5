"""Whole emulators keep their promises under programs that a seed makes. A failure prints the seed to run again."""

from __future__ import annotations

import random

import pytest

from tests.simulation import planted
from tests.simulation.simulation import OPERATIONS, Simulation, failure, program, shrunk

LENGTH = 600


def run(seed: int, steps: int = LENGTH) -> Simulation:
    simulation = Simulation()
    try:
        simulation.run(list(program(seed, steps)))
    except Exception as error:
        last = "\n".join(simulation.log[-8:])
        again = f"python -m tests.simulation --seed {seed} --steps {steps} --length {steps} --shrink"
        raise AssertionError(f"step {simulation.steps}: {error}\n{last}\nrun {again}") from error
    return simulation


def test_a_new_program_breaks_no_promise() -> None:
    run(random.SystemRandom().getrandbits(32))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_many_new_programs_break_no_promise() -> None:
    for _ in range(12):
        run(random.SystemRandom().getrandbits(32), 2_000)


def test_the_same_seed_gives_the_same_bytes() -> None:
    digest = run(5, 200).digest()
    assert digest == run(5, 200).digest()
    assert digest != run(6, 200).digest()


def test_a_program_has_every_operation() -> None:
    assert {name for name, _ in program(1, 5_000)} == OPERATIONS.keys()


@pytest.mark.parametrize("name", ["a channel loses some posts and reports success", "some uploads lose their caption"])
def test_a_planted_fault_is_found(name: str) -> None:
    assert planted.found(name, seed=1, most=3_000) is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", planted.PLANTED)
def test_every_planted_fault_is_found(name: str) -> None:
    assert planted.found(name, seed=1) is not None


def test_a_failing_program_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, method, wrong = planted.PLANTED["a refused schedule-message spends an id"]
    monkeypatch.setattr(owner, method, wrong(getattr(owner, method)))
    steps = [step for step in program(1, 6_000) if step[0] in ("refuse", "set_clock")][:60]
    assert failure(steps) is not None
    short = shrunk(steps)
    assert [name for name, _ in short] == ["refuse"]
    assert failure(short) is not None
