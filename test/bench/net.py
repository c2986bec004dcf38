#!/usr/bin/python3
"""What reaching the daemons costs: host ports, rules, names.

    ./dev bench net [PART...] [OPTIONS]     (all parts there are; --help lists both)

Each part is a module of test/bench/net_parts with

    ABOUT               one line for the list
    add_options(group)  its command line options, of an argparse group
    run(bench)          measures, and prints its figures; bench.options are the parsed options,
                        bench.cluster() is a fleet of three real hosts, the same for all parts
"""

import argparse
import importlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
os.environ.setdefault("MUSTER_BUILD", str(REPO / "build/release"))
sys.path[:0] = [str(HERE / "net_parts"), str(REPO / "test/integration")]

from testbed import Cluster  # noqa: E402

# In the order in which they run.
PARTS = ("ruleset", "hostport", "dns", "spread")


def parts_there():
    """The modules of those parts that exist, by name."""
    return {
        name: importlib.import_module(name)
        for name in PARTS
        if (HERE / "net_parts" / f"{name}.py").exists()
    }


class Bench:
    """What the parts share."""

    def __init__(self, options):
        self.options = options
        self._cluster = None

    def cluster(self):
        """Three hosts, nothing on them; made when the first part asks."""
        if self._cluster is None:
            state = os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-bench-net")
            self._cluster = Cluster(state, os.environ.get("MUSTER_TESTBED_INDEX", "94"))
            self._cluster.testbed("down")
            self._cluster.testbed("up", "-n", "3", timeout=300)
        return self._cluster

    def close(self):
        if self._cluster is not None:
            self._cluster.testbed("down")


def main():
    parts = parts_there()
    listing = "\n".join(f"  {name:<10} {module.ABOUT}" for name, module in parts.items())
    parser = argparse.ArgumentParser(
        prog="./dev bench net",
        description="What reaching the daemons costs.",
        epilog=f"parts:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    for name, module in parts.items():
        module.add_options(parser.add_argument_group(name))
    options = parser.parse_args()
    unknown = set(options.parts) - set(parts)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    bench = Bench(options)
    try:
        for name in options.parts or parts:
            parts[name].run(bench)
            print()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
