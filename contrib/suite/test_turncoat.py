"""A seed sweep in a pytest suite: one test a seed, which says what turncoat found.

Copy it beside your tests and set RULES, COMMAND and SEEDS, here or in the environment:

    CHAOS_RULES=chaos.ini CHAOS_COMMAND='./run-tests' CHAOS_SEEDS=1-50 pytest test_turncoat.py

Seeds are independent, so pytest-xdist may run them side by side (pytest -n 4).
"""

import json
import os
import shlex
import subprocess

import pytest

TURNCOAT = os.environ.get("TURNCOAT", "turncoat")
RULES = shlex.split(os.environ.get("CHAOS_RULES", "chaos.ini"))
COMMAND = shlex.split(os.environ.get("CHAOS_COMMAND", "./run-tests"))
SEEDS = os.environ.get("CHAOS_SEEDS", "1-20")
TIMEOUT = os.environ.get("CHAOS_TIMEOUT", "60s")


def seed_list(text):
    """1-3,7 is 1, 2, 3 and 7."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def explain(result, log):
    """What was found, and the two commands that show it again."""
    lines = [f"seed {result['seed']}: {result['verdict']}"]
    for finding in result["findings"]:
        seconds = finding["at"] / 1e9
        lines.append(
            f"  {finding['kind']} {finding['name']}, {seconds:.3f} s into the run: "
            f"{finding['text']}"
        )
    tail = ["--", *COMMAND]
    again = [TURNCOAT, "run", *RULES, "--seed", str(result["seed"]), *tail]
    lines.append("again:  " + shlex.join(again))
    lines.append("replay: " + shlex.join([TURNCOAT, "replay", str(log), *tail]))
    return "\n".join(lines)


@pytest.mark.parametrize("seed", list(seed_list(SEEDS)))
def test_seed(seed, tmp_path):
    log = tmp_path / "run.jsonl"
    result_path = tmp_path / "result.json"
    run = subprocess.run(
        [TURNCOAT, "run", *RULES]
        + ["--seed", str(seed), "--timeout", TIMEOUT, "--own-ports", "--allow-vacuous"]
        + ["--log", str(log), "--result", str(result_path), "--dir", str(tmp_path)]
        + ["--", *COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(run.stdout.decode(errors="replace"))
    assert result_path.exists(), f"turncoat left no result, exit {run.returncode}"
    result = json.loads(result_path.read_text())
    if result["verdict"] != "passed":
        pytest.fail(explain(result, log), pytrace=False)
