"""The coordinator's store: backup while it runs, and restore elsewhere."""

import json

import pytest
from machines import COORDINATOR
from testbed import daemonset, identity, wait_until

NODES = ["node-1", "node-2"]


@pytest.fixture
def spare(machines):
    """A host of its own, thrown away after the test."""
    machines.testbed("add", "node-3", "--no-join", timeout=180)
    yield "node-3"
    machines.testbed("remove", "node-3")


def test_a_backup_restored_on_a_new_machine_has_the_fleet(machines, spare):
    machines.apply(daemonset("web"))
    before = {n: identity(p) for n, p in machines.wait_ready("web", NODES).items()}
    made = machines.on("control", "musterctl", "backup", "/root/fleet.backup")
    assert "objects at revision" in made.out, made
    assert machines.on("control", "stat", "-c", "%a %U", "/root/fleet.backup").out == "600 root\n"
    machines.ctl("label", "node", "node-1", "after=backup")
    after = int(machines.get("node", "node-1")["metadata"]["resourceVersion"])

    # The old machine is gone; the new one has its name.
    machines.undoings.append(lambda: machines.on("control", "systemctl", "start", COORDINATOR))
    machines.on("control", "systemctl", "stop", COORDINATOR)
    backup = (machines.host_root("control") / "root/fleet.backup").read_bytes()
    (machines.host_root(spare) / "root/fleet.backup").write_bytes(backup)
    machines.install(spare, "muster-coordinator", "muster-ctl")
    running = machines.on(spare, "muster-coordinator", "restore", "/root/fleet.backup", check=False)
    assert running.code == 1 and "systemctl stop muster-coordinator" in running.text, running
    machines.on(spare, "systemctl", "stop", COORDINATOR)
    there = machines.on(spare, "muster-coordinator", "restore", "/root/fleet.backup", check=False)
    assert there.code == 1 and "--replace" in there.text, there
    machines.on(spare, "muster-coordinator", "restore", "--replace", "/root/fleet.backup")
    machines.on(spare, "systemctl", "start", COORDINATOR)
    address = machines.host_address(spare)
    hosts = {}
    for node in NODES:
        hosts[node] = (machines.host_root(node) / "etc/hosts").read_text()
        machines.write(node, "/etc/hosts", "".join(
            line + "\n" for line in hosts[node].splitlines() if "control" not in line.split())
            + f"{address} control\n")
    machines.undoings.append(
        lambda: [machines.write(node, "/etc/hosts", text) for node, text in hosts.items()])

    def there_too():
        """both agents have accepted the restored coordinator"""
        text = machines.status_text(spare, COORDINATOR)
        return text.endswith("; 2 agents connected")

    wait_until(there_too, 60)

    def node():
        shown = machines.on(spare, "musterctl", "get", "node", "node-1", "-o", "json")
        return json.loads(shown.out)["metadata"]

    assert "after" not in node()["labels"]
    machines.on(spare, "musterctl", "label", "node", "node-1", "restored=yes")
    assert int(node()["resourceVersion"]) > after, "no revision is given twice"

    def pods():
        listed = json.loads(machines.on(spare, "musterctl", "get", "pods", "-o", "json").out)
        return {p["spec"]["nodeName"]: identity(p) for p in listed["items"]}

    assert pods() == before, "no pod was touched"
    # It governs them: what it is told is done.
    machines.on(spare, "musterctl", "delete", "daemonset", "web", timeout=60)
    wait_until(lambda: not machines.tasks("node-1"), 60)
    machines.on(spare, "systemctl", "stop", COORDINATOR)
    machines.undo()
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*NODES)
    machines.ctl("label", "node", "node-1", "after-")


def test_backups_of_a_store_that_is_written_are_all_good(machines):
    for n in range(5):
        machines.apply(*(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{i}"},
             "data": {"n": str(n)}} for i in range(20)))
        machines.on("control", "muster-coordinator", "backup", "/root/b")
        machines.shell("control", "rm -rf /root/r; "
                                  "muster-coordinator restore /root/b --state-dir /root/r")
    machines.shell("control", "rm -rf /root/r /root/b")
    machines.ctl("delete", "configmap", *(f"m{i}" for i in range(20)))
