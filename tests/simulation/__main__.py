"""Run the simulation: python -m tests.simulation [--seed N] [--steps M] [--shrink] [--length L]."""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.simulation.simulation import Simulation, failure, no_errors_logged, program, shrunk


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--steps", type=int, default=100_000, help="how many steps in all")
    parser.add_argument("--length", type=int, default=5_000, help="how many steps one emulator lives")
    parser.add_argument("--shrink", action="store_true", help="shorten the first program that fails")
    wanted = parser.parse_args()
    started, done, seed = time.perf_counter(), 0, wanted.seed
    print(f"seed {seed}", flush=True)
    while done < wanted.steps:
        length = min(wanted.length, wanted.steps - done)
        steps = list(program(seed, length))
        simulation = Simulation()
        try:
            simulation.run(steps)
        except Exception as error:
            print(f"seed {seed} fails at step {simulation.steps}: {type(error).__name__}: {error}")
            print("\n".join(simulation.log[-12:]))
            if wanted.shrink:
                short = shrunk(steps[: simulation.steps])
                print(f"shrunk to {len(short)} steps: {failure(short)}\n{explained(short)}")
            else:
                print(f"python -m tests.simulation --seed {seed} --steps {length} --shrink")
            return 1
        done, seed = done + length, seed + 1
    seconds = time.perf_counter() - started
    print(f"{done} steps without a finding in {seconds:.0f} s, {done / seconds:.0f} a second; last seed {seed - 1}")
    return 0


def explained(steps: list[tuple[str, int]]) -> str:
    """Return a program as a test has it, with the calls that it makes as comments."""
    simulation, lines = Simulation(), ["failure(["]
    with no_errors_logged():
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
