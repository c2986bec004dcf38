"""One cluster for the whole run; every test finds it without objects and leaves it so."""

import fcntl
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from testbed import Cluster, wait_until  # noqa: E402

NODES = ("node-1", "node-2", "node-3")
STATE = os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-integration")
INDEX = os.environ.get("MUSTER_TESTBED_INDEX", "91")
KEEP = os.environ.get("MUSTER_KEEP_CLUSTER")  # Left up after the run, to look into it.


def alone():
    """Two runs on one testbed would take each other's hosts away."""
    lock = open(f"/run/lock/muster-integration-{INDEX}.lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pytest.exit(f"another run uses {STATE}: set MUSTER_TESTBED and MUSTER_TESTBED_INDEX", 1)
    return lock


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory):
    lock = alone()  # Until the run ends.
    cluster = Cluster(STATE, INDEX)
    if not KEEP:
        cluster.testbed("down")
    config = tmp_path_factory.mktemp("config") / "coordinator.yaml"
    config.write_text("podGcQuarantine: 5s\n")  # The demo waits for the default.
    cluster.testbed("up", "-n", "3", "--coordinator-config", config, timeout=300)
    yield cluster
    if not KEEP:
        cluster.testbed("down")
    lock.close()


def sweep(cluster):
    """Brings the cluster back to three ready nodes with nothing on them."""
    for line in cluster.testbed("status").out.splitlines()[1:]:
        host, _, state, _, *services = line.split()
        if "cut" in state:
            cluster.testbed("heal", host)
        if "down" in state:
            cluster.testbed("start", host)
        elif any("(down)" in service for service in services):
            for service in services:
                cluster.testbed("start", host, service.removesuffix("(down)"))
    wait_until(cluster.answers, 30)
    for kind in ("daemonjobs", "daemonsets", "configmaps", "secrets", "services"):
        names = cluster.ctl("get", kind, "-o", "name").out.split()
        if names:
            cluster.ctl("delete", *names, timeout=90)
    for node in cluster.list("nodes"):
        name = node["metadata"]["name"]
        if name not in NODES:
            cluster.testbed("remove", name, check=False)
            cluster.ctl("delete", "node", name)
            continue
        if node["spec"].get("unschedulable"):
            cluster.ctl("uncordon", name)
        for label in node["metadata"].get("labels", {}):
            if label.startswith("test/"):
                cluster.ctl("label", "node", name, f"{label}-")
        for taint in node["spec"].get("taints", []):
            if taint["key"].startswith("test/"):
                cluster.ctl("taint", "node", name, f"{taint['key']}-")
    cluster.wait_nodes_ready(*NODES)
    wait_until(lambda: not cluster.list("pods", "-A"), 120, "no pod is left")


@pytest.fixture
def cluster(whole_cluster):
    yield whole_cluster
    sweep(whole_cluster)


@pytest.fixture
def nodes():
    return list(NODES)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what the cluster looked like to the report of a failed test."""
    outcome = yield
    report = outcome.get_result()
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.when != "call" or not report.failed or cluster is None:
        return
    for title, args in (
        ("pods", ("get", "pods", "-A", "-o", "wide")),
        ("nodes", ("get", "nodes")),
        ("events", ("get", "events", "-A")),
    ):
        text = cluster.ctl(*args, check=False).text
        report.sections.append((title, "\n".join(text.splitlines()[-40:])))
    for host, service in (("control", "coordinator"),) + tuple((n, "agent") for n in NODES):
        tail = "\n".join(cluster.logs_of(host, service).splitlines()[-30:])
        report.sections.append((f"{service} on {host}", tail))
