"""The coordinator's store: backup while it runs, restore elsewhere, and a disk without room."""

import json

import pytest
from machines import COORDINATOR
from testbed import daemonset, identity, wait_until

NODES = ["node-1", "node-2"]
STATE = "/var/lib/muster/coordinator"


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


def config_map(name, size=1):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": {"text": "x" * size}}


def test_with_a_full_disk_reads_go_on_and_writes_are_refused_whole(machines):
    machines.apply(config_map("first"))
    machines.apply(daemonset("web"))
    before = {n: identity(p) for n, p in machines.wait_ready("web", NODES).items()}
    machines.on("control", "systemctl", "stop", COORDINATOR)
    machines.shell("control", f"""
        cp -a {STATE} /var/tmp/state
        mount -t tmpfs -o size=24m,mode=0700 tmpfs {STATE}
        cp -a /var/tmp/state/. {STATE}/; chown --reference=/var/tmp/state {STATE}
        systemctl start {COORDINATOR}""")

    def back():
        machines.shell("control", f"""
            systemctl stop {COORDINATOR}
            cp -a {STATE}/. /var/tmp/state/; umount {STATE}
            cp -a /var/tmp/state/. {STATE}/; rm -rf /var/tmp/state
            systemctl start {COORDINATOR}""")

    machines.undoings.append(back)
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*NODES)
    machines.shell("control", f"head -c 30m /dev/zero >{STATE}/filler || true")

    refused = None
    for n in range(200):
        refused = machines.apply(config_map(f"a{n}", 50_000), config_map(f"b{n}", 50_000),
                                 check=False)
        if refused.code != 0:
            break
    assert refused.code != 0 and "full" in refused.text, refused
    assert machines.ctl("get", "configmap", f"a{n}", f"b{n}", check=False).code != 0, "half of it"
    assert machines.ctl("get", "configmap", "first").code == 0
    assert {n: identity(p) for n, p in machines.wait_ready("web", NODES).items()} == before
    assert machines.is_active("control", COORDINATOR)

    machines.shell("control", f"rm {STATE}/filler")
    wait_until(lambda: machines.apply(config_map("last"), check=False).code == 0, 30,
               "with room, it is written again")
    machines.wait_nodes_ready(*NODES)
    names = machines.ctl("get", "configmaps", "-o", "name").out.split()
    machines.ctl("delete", *[name for name in names if name.split("/")[1] != "first"], timeout=120)
    machines.ctl("delete", "configmap", "first")


def test_a_store_that_it_must_not_touch_is_left_alone_and_said_so(machines):
    """Of a newer version, or damaged, or on a disk that is read-only."""
    unit = f"_SYSTEMD_UNIT={COORDINATOR}"
    machines.on("control", "systemctl", "stop", COORDINATOR)
    database = machines.host_root("control") / f"{STATE[1:]}/muster.db"
    good = database.read_bytes()

    def refuses(said):
        since = machines.now("control")
        machines.on("control", "systemctl", "start", COORDINATOR, check=False)
        wait_until(lambda: said in machines.journal("control", unit, since=since), 20, said)
        machines.on("control", "systemctl", "stop", COORDINATOR)

    try:
        newer = bytearray(good)
        newer[60:64] = (99).to_bytes(4, "big")  # SQLite's user_version.
        database.write_bytes(newer)
        refuses("written by a newer Muster (schema 99")
        assert database.read_bytes() == newer
        damaged = bytearray(good)
        damaged[4096:6000] = b"?" * (6000 - 4096)
        database.write_bytes(damaged)
        refuses("is damaged")
        assert database.read_bytes() == damaged
        database.write_bytes(good)
        machines.drop_in("control", COORDINATOR, f"[Service]\nReadOnlyPaths={STATE}\n")
        refuses("ead-only")
        assert database.read_bytes() == good
    finally:
        database.write_bytes(good)
        machines.undo()
        machines.on("control", "systemctl", "reset-failed", COORDINATOR, check=False)
        machines.on("control", "systemctl", "start", COORDINATOR)
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*NODES)
