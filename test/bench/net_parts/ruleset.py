"""How long nftables takes to be brought up to a change."""

import os
import pathlib
import statistics

import testbed

ABOUT = "nftables with many Services: all of it, one endpoint, one host port"
# Name of the figure, and what it is.
FIGURES = (
    ("floor", "one element of a small table of its own"),
    ("make", "the ruleset is made from the table"),
    ("replace", "all of it is written"),
    ("remake", "made anew for one endpoint"),
    ("compare", "what differs by one endpoint is found"),
    ("change", "and written"),
    ("port", "a host port is led to another pod"),
)


def add_options(group):
    group.add_argument("--services", type=int, default=500)
    group.add_argument("--endpoints", type=int, default=50, help="of each Service")
    group.add_argument("--rounds", type=int, default=10)


def measure(options):
    """Milliseconds of each round, by figure."""
    program = pathlib.Path(os.environ["MUSTER_BUILD"]) / "test/bench/ruleset_rounds"
    done = testbed.run(program, options.services, options.endpoints, options.rounds, timeout=600)
    assert done.code == 0, done
    lines = [line.split() for line in done.out.splitlines()]
    return {name: [float(figure) for figure in figures] for name, *figures in lines}


def run(bench):
    options = bench.options
    measured = measure(options)
    print(f"ruleset: {options.services} Services of {options.endpoints} endpoints, "
          f"{options.rounds} rounds, ms, median [lowest .. highest], against the floor\n")
    floor = statistics.median(measured["floor"])
    for key, name in FIGURES:
        low, high = min(measured[key]), max(measured[key])
        middle = statistics.median(measured[key])
        print(f"  {name:<42}{middle:9.2f}   {f'[{low:.2f} .. {high:.2f}]':<22}"
              f"{middle / floor:8.1f} x")
