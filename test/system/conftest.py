"""One cluster of hosts with systemd for the whole run, with Muster installed from its packages."""

import os
import sys

import pytest

HERE = os.path.dirname(__file__)
sys.path[:0] = [HERE, os.path.join(HERE, "../integration")]

from machines import AGENT, COORDINATOR, Machines  # noqa: E402
from testbed import wait_until  # noqa: E402

STATE = os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-system")
INDEX = os.environ.get("MUSTER_TESTBED_INDEX", "92")
KEEP = os.environ.get("MUSTER_KEEP_CLUSTER")  # Left up after the run, to look into it.
NODES = ("node-1", "node-2")


@pytest.fixture(scope="session")
def all_machines():
    machines = Machines(STATE, INDEX)
    if not KEEP:
        machines.testbed("down")
    machines.testbed("up", "--systemd", "-n", len(NODES), timeout=600)
    yield machines
    if not KEEP:
        machines.testbed("down")


@pytest.fixture
def machines(all_machines):
    """Every test finds the daemons as the first did, the nodes ready and without pods."""
    for host, unit in [("control", COORDINATOR), *((node, AGENT) for node in NODES)]:
        all_machines.find_as_first(host, unit)
    clear(all_machines)
    yield all_machines
    all_machines.undo()
    clear(all_machines)


def clear(all_machines):
    wait_until(all_machines.answers, 60)
    for kind in ("daemonsets", "configmaps", "secrets"):
        names = all_machines.ctl("get", kind, "-o", "name").out.split()
        if names:
            all_machines.ctl("delete", *names, timeout=120)
    all_machines.wait_nodes_ready(*NODES, timeout=90)
    wait_until(lambda: not all_machines.list("pods", "-A"), 120, "no pod is left")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the hosts looked like to the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    machines = getattr(item, "funcargs", {}).get("machines")
    if report.when != "call" or not report.failed or machines is None:
        return
    report.sections.append(("pods", machines.ctl("get", "pods", "-A", check=False).text))
    for host in ("control",) + NODES:
        tail = machines.on(host, "journalctl", "-q", "--no-pager", "-n", "40", check=False).text
        report.sections.append((f"journal of {host}", tail))
