"""Measure the mutation score: python -m tests.mutation [--seed N] [--sample N]; needs `pip install mutmut coverage`."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.mutation.mutants import Mutant, mutants

REPOSITORY = Path(__file__).parents[2]
SUBJECTS = {
    "timers": ["core/clock.py", "core/time_travel.py", "background/scheduler.py"],
    "scheduling": ["core/sending.py"],
    "inbound": ["core/inbound.py", "control/inbound.py"],
    "webhook sender": ["background/webhook_sender.py", "background/posting.py", "core/deliveries.py"],
    "matchers": ["core/matchers/matchers.py", "core/matchers/parser.py"],
}
REST = "the rest, sampled"
LEFT_OUT = "simulation benchmarks typing generated guides container test_architecture.py test_vocabulary.py".split()
PYTEST = "-q -p no:randomly -p no:cacheprovider".split()
DETECTED = ("killed", "timeout")
SURVIVED = ("survived", "survived within the time", "reached by no test")
NOT_TRIED = "not tried"

Key = tuple[str, int]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample of the rest")
    parser.add_argument("--sample", type=int, default=600, help="how many mutants of the rest")
    parser.add_argument("--only", action="append", choices=[*SUBJECTS, REST], help="only this subject; repeatable")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of tests for a mutant, beyond the first 40")
    parser.add_argument("--reach", type=Path, help="a file for what each test reaches; made if it is not there")
    parser.add_argument("--results", type=Path, default=Path("mutation.jsonl"), help="where results are added")
    parser.add_argument("--again", action="store_true", help="try only the mutants that survived in the results")
    wanted = parser.parse_args()
    results = wanted.results.absolute()
    chosen = _chosen(wanted.seed, wanted.sample, wanted.only or [*SUBJECTS, REST])
    known = _read(results)
    tried = [
        asdict(mutant)
        for mutant, _ in chosen
        if (known.get(mutant.key, {}).get("status") in SURVIVED if wanted.again else mutant.key not in known)
    ]
    random.Random(wanted.seed).shuffle(tried)  # a run that is cut short is a sample
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(REPOSITORY, copy, ignore=shutil.ignore_patterns(".git", ".*_cache", ".hypothesis"))
        reach = (wanted.reach or Path(folder) / "reach.json").absolute()
        if not reach.exists():
            _pytest(copy, "tests.mutation.reach", MUTATION_REACH=reach)
        files = sorted({test.partition("::")[0] for test, _ in json.loads(reach.read_text())["tests"]})
        job = {"mutants": tried, "reach": str(reach), "results": str(results)}
        job |= {"budget": wanted.budget, "warm": not wanted.again}
        (Path(folder) / "job.json").write_text(json.dumps(job))
        options = [*files, "--basetemp", f"{folder}/tests"]
        _pytest(copy, "tests.mutation.trial", *options, MUTATION_JOB=Path(folder) / "job.json")
    print(_summary(chosen, _read(results)))
    return 0


def _chosen(seed: int, sample: int, subjects: list[str]) -> list[tuple[Mutant, str]]:
    """Return the mutants to try, with their subjects."""
    named = {f"flaresend_mock/{path}": subject for subject, paths in SUBJECTS.items() for path in paths}
    chosen = [
        (mutant, subject)
        for path, subject in named.items()
        if subject in subjects
        for mutant in mutants(REPOSITORY, path)
    ]
    if REST in subjects:
        files = sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("flaresend_mock/**/*.py"))
        rest = [mutant for path in files if path not in named for mutant in mutants(REPOSITORY, path)]
        chosen += [(mutant, REST) for mutant in random.Random(seed).sample(rest, min(sample, len(rest)))]
    return chosen


def _pytest(copy: Path, plugin: str, *options: str, **variables: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {name: str(value) for name, value in variables.items()}
    ignored = [f"--ignore=tests/{name}" for name in LEFT_OUT]
    call = [sys.executable, "-m", "pytest", "-p", plugin, *PYTEST, *ignored, *options]
    subprocess.run(call, cwd=copy, env=environment)


def _read(results: Path) -> dict[Key, dict[str, Any]]:
    lines = results.read_text().splitlines() if results.exists() else []
    return {(one["path"], one["number"]): one for one in map(json.loads, lines)}


def _summary(chosen: list[tuple[Mutant, str]], results: dict[Key, dict[str, Any]]) -> str:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors = []
    for mutant, subject in chosen:
        status = results.get(mutant.key, {"status": NOT_TRIED})["status"]
        counts[subject][status] += 1
        if status in SURVIVED:
            survivors.append(f"{mutant.path}:{mutant.line} {mutant.function}: {status}: {mutant.change}")
    lines = [*survivors, "", "| Subject | Mutants | Tried | Detected | Score |", "| --- | --- | --- | --- | --- |"]
    for subject, count in counts.items():
        detected, survived = (sum(count[status] for status in some) for some in (DETECTED, SURVIVED))
        total = detected + survived
        score = detected / max(1, total)
        lines.append(f"| {subject} | {total + count[NOT_TRIED]:,} | {total:,} | {detected:,} | {score:.1%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
