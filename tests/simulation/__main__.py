"""Run the simulation: python -m tests.simulation [--seed N] [--steps M] [--shrink] [--length L] [--jobs J]."""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.simulation import Simulation, failure, no_errors_logged, program, shrunk, small_worlds

PROGRESS_STEPS = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--steps", type=int, default=100_000, help="how many steps in all")
    parser.add_argument("--length", type=int, default=5_000, help="how many steps one emulator lives")
    parser.add_argument("--shrink", action="store_true", help="shorten the first program that fails")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes share the work")
    wanted = parser.parse_args()
    lengths = [min(wanted.length, wanted.steps - done) for done in range(0, wanted.steps, wanted.length)]
    seeds = range(wanted.seed, wanted.seed + len(lengths))
    print(f"seed {wanted.seed}", flush=True)
    done, seconds = 0, 0.0
    with ProcessPoolExecutor(wanted.jobs, initializer=_collect_less_garbage) as pool:
        for seed, length, (problem, took) in zip(seeds, lengths, pool.map(run, seeds, lengths), strict=True):
            if problem:
                pool.shutdown(cancel_futures=True)
                print(f"seed {seed} fails at {problem}")
                print(_shrunk(seed, length) if wanted.shrink else f"add --seed {seed} --steps {length} --shrink")
                return 1
            done, seconds = done + length, seconds + took
            if done % PROGRESS_STEPS < length:
                print(f"{done} steps without a finding", flush=True)
    print(f"{done} steps without a finding, {done / seconds:.0f} a second of processor time; last seed {seeds[-1]}")
    return 0


def run(seed: int, length: int) -> tuple[str, float]:
    """Run the program of a seed, and return what it violates, or nothing, and the seconds that it took."""
    started, simulation = time.process_time(), Simulation()
    try:
        simulation.run(list(program(seed, length)))
    except Exception as error:
        last = "\n".join(simulation.log[-12:])
        return f"step {simulation.steps}: {type(error).__name__}: {error}\n{last}", 0.0
    return "", time.process_time() - started


def _collect_less_garbage() -> None:
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _shrunk(seed: int, length: int) -> str:
    short = shrunk(list(program(seed, length)))
    return f"shrunk to {len(short)} steps: {failure(short)}\n{explained(short)}"


def explained(steps: list[tuple[str, int]]) -> str:
    """Return a program as a test has it, with the calls that it makes as comments."""
    simulation, lines = Simulation(), ["failure(["]
    with no_errors_logged(), small_worlds():
        for step in steps:
            simulation.log.clear()
            try:
                simulation.step(*step)
            except Exception as error:
                simulation.log.append(f"# {error}")
            lines += [f"    {step!r},", *(f"    #   {line}" for line in simulation.log)]
    return "\n".join([*lines, "])"])


if __name__ == "__main__":
    sys.exit(main())
