"""The coordinator's disk: full, read-only, and with a store on it that must not be touched."""

import pytest
from machines import COORDINATOR
from testbed import daemonset, identity, run, wait_until

NODES = ["node-1", "node-2"]
STATE = "/var/lib/muster/coordinator"


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


@pytest.fixture
def failing_disk(machines, tmp_path):
    """Yields what makes the disk fail that the coordinator's state lies on."""
    image = tmp_path / "disk"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    made = run("mkfs.ext4", "-q", image)
    assert made.code == 0, made
    attached = run("losetup", "-f", "--show", image)
    if attached.code != 0:
        pytest.skip(f"no loop device to be had here: {attached.text.strip()}")
    loop = attached.out.strip()
    number = loop.removeprefix("/dev/loop")
    machines.on("control", "systemctl", "stop", COORDINATOR)
    machines.shell("control", f"""
        cp -a {STATE} /var/tmp/state
        rm -f /var/tmp/disk; mknod /var/tmp/disk b 7 {number}
        mount -t ext4 -o errors=remount-ro /var/tmp/disk {STATE}
        cp -a /var/tmp/state/. {STATE}/; chown --reference=/var/tmp/state {STATE}
        chmod --reference=/var/tmp/state {STATE}; sync --file-system {STATE}
        systemctl start {COORDINATOR}""")
    trigger = f"/sys/fs/ext4/loop{number}/trigger_fs_error"

    def fail():
        with open(trigger, "w", encoding="ascii") as file:
            file.write("a test makes this disk fail")

    yield fail
    machines.shell("control", f"""
        systemctl stop {COORDINATOR}
        umount {STATE}; rm -rf /var/tmp/state /var/tmp/disk
        systemctl reset-failed {COORDINATOR} || true
        systemctl start {COORDINATOR}""")
    run("losetup", "-d", loop)
    wait_until(machines.answers, 30)


def test_with_a_disk_that_fails_reads_go_on_and_writes_are_refused(machines, failing_disk):
    """A disk with an error becomes read-only under the running coordinator."""
    wait_until(machines.answers, 30)
    machines.apply(config_map("first"))
    machines.apply(daemonset("web"))
    before = {n: identity(p) for n, p in machines.wait_ready("web", NODES).items()}
    pid = machines.pid("control", COORDINATOR)
    failing_disk()

    refused = machines.apply(config_map("second"), check=False)
    assert refused.code == 1, refused
    assert "ead-only" in refused.text or "Input/output error" in refused.text, refused
    assert machines.ctl("get", "configmap", "second", check=False).code == 1
    assert machines.ctl("get", "configmap", "first").code == 0
    assert {n: identity(p) for n, p in machines.pods("web").items()} == before
    assert machines.pid("control", COORDINATOR) == pid, "it runs on"

    # What was acknowledged before is there when the disk is looked after.
    machines.shell("control", f"""
        systemctl stop {COORDINATOR}
        umount {STATE}
        mount -t ext4 /var/tmp/disk {STATE}
        systemctl start {COORDINATOR}""")
    wait_until(machines.answers, 30)
    assert machines.ctl("get", "configmap", "first").code == 0
    assert machines.ctl("get", "configmap", "second", check=False).code == 1
    machines.apply(config_map("second"))
    machines.ctl("delete", "configmap", "first", "second")
    assert {n: identity(p) for n, p in machines.wait_ready("web", NODES).items()} == before
    machines.ctl("delete", "daemonset", "web")
    wait_until(lambda: not machines.pods("web"), 60)


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
