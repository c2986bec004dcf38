"""The daemons as services of systemd: what it is told, what it may do to them, what survives."""

import re
import socket
import subprocess
import time

import pytest
from machines import AGENT, COORDINATOR
from testbed import daemonset, identity, only_on, stays, wait_until

NODES = ["node-1", "node-2"]


def test_the_units_say_what_is_going_on(machines):
    machines.apply(daemonset("web"))
    machines.wait_ready("web", NODES)

    told = machines.status_text
    wait_until(lambda: told("node-1", AGENT) == "1 pod, 1 ready; coordinator connected", 10)
    wait_until(lambda: told("control", COORDINATOR).endswith("; 2 agents connected"), 10)
    machines.on("control", "systemctl", "stop", COORDINATOR)
    try:
        wait_until(lambda: "no coordinator" in told("node-1", AGENT), 20)
        assert machines.is_active("node-1", AGENT)
    finally:
        machines.on("control", "systemctl", "start", COORDINATOR)


def test_a_killed_daemon_is_started_again_and_no_pod_notices(machines):
    machines.apply(daemonset("web"))
    pods = machines.wait_ready("web", NODES)
    before = {node: identity(pod) for node, pod in pods.items()}
    tasks = {node: machines.tasks(node) for node in NODES}
    assert all(tasks.values())
    for host, unit in (("node-1", AGENT), ("control", COORDINATOR)):
        pid = machines.pid(host, unit)
        machines.on(host, "systemctl", "kill", "-s", "KILL", unit)
        machines.await_new_pid(host, unit, pid)
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*NODES)
    assert {node: machines.tasks(node) for node in NODES} == tasks
    pods = machines.wait_ready("web", NODES)
    assert {node: identity(pod) for node, pod in pods.items()} == before


def test_stopping_the_agent_leaves_the_pods(machines):
    machines.apply(daemonset("web"))
    machines.wait_ready("web", NODES)
    tasks = machines.tasks("node-1")
    machines.on("node-1", "systemctl", "stop", AGENT)
    assert machines.tasks("node-1") == tasks
    assert machines.show("node-1", AGENT, "Result")["Result"] == "success"
    machines.on("node-1", "systemctl", "start", AGENT)
    machines.wait_nodes_ready("node-1")
    assert machines.tasks("node-1") == tasks


@pytest.mark.parametrize("host, unit", [("node-1", AGENT), ("control", COORDINATOR)])
def test_the_watchdog_ends_a_daemon_whose_loop_stands_still(machines, host, unit, capsys):
    machines.apply(daemonset("web"))
    pods = machines.wait_ready("web", NODES)
    before = {node: identity(pod) for node, pod in pods.items()}
    # What runs keeps its watchdog until it is started again, which comes after the drop-in is away.
    machines.undoings.append(lambda: machines.on(host, "systemctl", "restart", unit))
    machines.drop_in(host, unit, "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1")
    machines.on(host, "systemctl", "restart", unit)
    pid = machines.pid(host, unit)
    restarts = int(machines.show(host, unit, "NRestarts")["NRestarts"])
    # Longer than the watchdog allows: the loop feeds it.
    stays(lambda: machines.pid(host, unit) == pid, 5, "the watchdog ends what is alive")

    began = time.monotonic()
    since = machines.now(host)
    machines.on(host, "kill", "-STOP", str(pid))
    machines.await_new_pid(host, unit, pid)
    took = time.monotonic() - began
    assert int(machines.show(host, unit, "NRestarts")["NRestarts"]) == restarts + 1
    assert "Watchdog timeout" in machines.journal(host, f"UNIT={unit}", since=since)
    with capsys.disabled():
        print(f"\n{unit} with WatchdogSec=2 runs again {took:.1f} s after it stood still")
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*NODES)
    pods = machines.wait_ready("web", NODES)
    assert {node: identity(pod) for node, pod in pods.items()} == before


@pytest.mark.parametrize("host, unit, path, key", [
    ("node-1", AGENT, "/etc/muster/agent.yaml", "maxPods: 77"),
    ("control", COORDINATOR, "/etc/muster/coordinator.yaml", "prePullLimit: 3"),
])
def test_a_reload_takes_the_log_level_and_names_what_waits(machines, host, unit, path, key):
    program = unit.removesuffix(".service")
    pid = machines.pid(host, unit)
    text = machines.write(host, path, (machines.host_root(host) / path[1:]).read_text())
    machines.undoings.append(lambda: machines.on(host, "systemctl", "reload", unit))
    machines.undoings.append(lambda: machines.write(host, path, text))

    def reload(content, expected):
        since = machines.now(host)
        machines.write(host, path, content)
        machines.on(host, "systemctl", "reload", unit)
        log = wait_until(
            lambda: re.search(expected, machines.journal(host, f"_PID={pid}", since=since)), 10,
            f"{expected} in the journal")
        wait_until(lambda: machines.is_active(host, unit), 10)
        return log

    reload(f"{text}\n{key}\n", rf"{key.split(':')[0]} changed, which needs a restart")
    reload(f"{text}\nnosuchkey: 1\n", r"reload: .*nosuchkey.*; the settings stay as they were")
    reload(f"{text}\nlogLevel: debug\n", r"reload: the settings were read again")
    machines.apply(daemonset("chatty", nodeSelector=only_on("node-1")))
    machines.wait_ready("chatty", ["node-1"])
    if unit == AGENT:
        assert "pod default/chatty" in machines.journal(host, "PRIORITY=7", f"_PID={pid}")
    assert machines.pid(host, unit) == pid, f"{program} was restarted"


def test_the_journal_knows_nodes_pods_and_daemonsets(machines):
    machines.apply(daemonset("web"))
    name = machines.wait_ready("web", NODES)["node-1"]["metadata"]["name"]
    of_pod = machines.journal("node-1", f"MUSTER_POD=default/{name}")
    for reason in ("Pulled", "Created", "Started"):
        assert f"pod default/{name}: {reason}: " in of_pod, of_pod
    assert of_pod in machines.journal("node-1", "MUSTER_DAEMONSET=default/web")
    assert f"default/{name}" in machines.journal("node-1", "MUSTER_NODE=node-1")
    assert not machines.journal("node-1", "MUSTER_POD=default/other")
    sessions = machines.journal("control", "MUSTER_NODE=node-2")
    assert "session of agent" in sessions and "node-1" not in sessions


def test_who_looks_through_the_local_socket_is_called_by_name(machines):
    """As the unit confines the coordinator: other users of the host are somebody to it."""
    machines.shell("control", "useradd --groups muster vera; useradd otto")
    machines.undoings.append(lambda: machines.shell("control", "userdel vera; userdel otto"))

    def as_user(name, *args):
        return machines.on("control", "runuser", "-u", name, "--", "musterctl", *args, check=False)

    who = as_user("vera", "auth", "whoami")
    assert "local:vera" in who.out and "viewer" in who.out, who
    assert as_user("vera", "get", "nodes").code == 0
    denied = as_user("vera", "cordon", "node-1")
    assert denied.code == 1 and "local:vera" in denied.text and "forbidden" in denied.text, denied
    assert as_user("otto", "get", "nodes").code == 1


ASKS = {AGENT: ["muster-agent", "status"], COORDINATOR: ["musterctl", "get", "nodes"]}


def listens_at(machines, host, unit):
    socket = unit.replace(".service", ".socket")
    return machines.show(host, socket, "Listen")["Listen"].split()[0]


@pytest.mark.parametrize("host, unit", [("node-1", AGENT), ("control", COORDINATOR)])
def test_who_asks_while_a_daemon_is_away_waits_for_the_answer(machines, host, unit):
    """The local sockets are systemd's: nobody is refused while a daemon is started anew, neither
    who was waiting when it was killed, nor who comes later."""
    pid = machines.pid(host, unit)
    asks = " ".join(ASKS[unit])
    # Held, it takes nobody in; a connection that waits shows as connecting (02).
    answer = machines.shell(host, f"""
        systemctl kill --kill-who=main -s STOP {unit}
        {asks} >/var/tmp/answer 2>&1 & asking=$!
        until awk '$6 == "02" && $8 == "{listens_at(machines, host, unit)}" {{ found = 1 }}
                   END {{ exit !found }}' /proc/net/unix; do sleep 0.02; done
        systemctl kill --kill-who=main -s KILL {unit}
        {asks} >/dev/null
        wait "$asking" || {{ cat /var/tmp/answer; exit 1; }}
        cat /var/tmp/answer
        """).out
    assert "node-1" in answer
    assert machines.await_new_pid(host, unit, pid) != pid


@pytest.mark.parametrize("host, unit", [("node-1", AGENT), ("control", COORDINATOR)])
def test_a_socket_starts_its_service_and_is_stopped_with_it(machines, host, unit):
    socket = unit.replace(".service", ".socket")
    machines.undoings.append(lambda: machines.on(host, "systemctl", "start", unit))
    machines.on(host, "systemctl", "stop", unit)
    assert not machines.is_active(host, socket)
    refused = machines.on(host, *ASKS[unit], check=False)
    assert refused.code == (3 if unit == AGENT else 1), refused
    assert not machines.is_active(host, unit), "what was stopped is not started by asking"

    machines.on(host, "systemctl", "start", socket)
    assert not machines.is_active(host, unit)
    assert "node-1" in machines.on(host, *ASKS[unit]).out
    wait_until(lambda: machines.is_active(host, unit), 20)
    # Who may ask is the same as without.
    path = listens_at(machines, host, unit)
    owner = "root muster" if unit == AGENT else "muster-coordinator muster"
    assert machines.on(host, "stat", "-c", "%a %U %G", path).out.strip() == f"660 {owner}"


def test_the_units_are_what_systemd_has_them_for(machines):
    both = {"Type": "notify", "Restart": "always", "WatchdogUSec": "20s",
            "LimitCORE": "0"}  # What they hold in memory is in no file.
    wanted = {
        ("node-1", AGENT): {**both, "KillMode": "process", "OOMScoreAdjust": "-900",
                            "NotifyAccess": "exec", "RuntimeDirectory": "muster-agent",
                            "StateDirectory": "muster/agent"},
        ("control", COORDINATOR): {**both, "OOMScoreAdjust": "-500", "User": "muster-coordinator",
                                   "NotifyAccess": "main", "StateDirectory": "muster/coordinator"},
    }
    for (host, unit), properties in wanted.items():
        assert machines.show(host, unit, *properties) == properties
    # Whichever runtime there is comes first, and none has to be there.
    order = machines.show("node-1", AGENT, "After", "Requires", "Wants")
    assert {"containerd.service", "crio.service"} <= set(order["After"].split()), order
    for service in ("containerd.service", "crio.service"):
        assert service not in order["Requires"] + order["Wants"], order


def test_systemd_finds_the_units_in_order(machines):
    gate = ("muster-node-ready.target", "muster-node-ready.service")
    for host, units in (("node-1", (AGENT, "muster-agent.socket") + gate),
                        ("control", (COORDINATOR, "muster-coordinator.socket"))):
        for unit in units:
            verified = machines.on(host, "systemd-analyze", "verify", "--man=no", unit, check=False)
            assert verified.code == 0 and unit not in verified.text, verified
    limits = {("node-1", AGENT): 4.0, ("control", COORDINATOR): 1.5}
    for (host, unit), most in limits.items():
        text = machines.on(host, "systemd-analyze", "security", "--no-pager", unit).text
        level = float(re.search(r"exposure level for .*: ([0-9.]+)", text).group(1))
        assert level <= most, text
    status = machines.on("control", "cat", f"/proc/{machines.pid('control', COORDINATOR)}/status")
    assert not re.search(r"^Uid:\s+0\b", status.out, re.M), "the coordinator runs as root"


def forwarded(machines, pod, port):
    """The first line of an HTTP answer that comes through `musterctl port-forward`."""
    words = [str(word) for word in machines.ctl_command("port-forward", pod, f":{port}")]
    with subprocess.Popen(words, env=machines.env, stdout=subprocess.PIPE, text=True) as forward:
        try:
            line = forward.stdout.readline()
            local = int(re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", line)[1])
            with socket.create_connection(("127.0.0.1", local), timeout=20) as peer:
                peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return peer.makefile().readline()
        finally:
            forward.terminate()


def test_an_agent_in_a_mount_namespace_of_its_own_mounts_for_the_runtime(machines):
    """Its system is read-only, /tmp and /dev are its own; its pods have all of the host."""
    machines.undoings.append(lambda: machines.shell(
        "node-1", "rm -rf /home/made-by-agent /var/tmp/made-by-agent /tmp/made-by-agent"))
    places = {"/home/made-by-agent": "home", "/tmp/made-by-agent": "tmp",
              "/var/tmp/made-by-agent": "var"}
    volumes = [{"name": "memory", "emptyDir": {"medium": "Memory"}},
               {"name": "disk", "emptyDir": {}},
               {"name": "key", "secret": {"secretName": "key"}},
               {"name": "dev", "hostPath": {"path": "/dev/full", "type": "CharDevice"}}]
    volumes += [{"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}}
                for path, name in places.items()]
    mounts = [{"name": volume["name"], "mountPath": f"/v/{volume['name']}"} for volume in volumes]
    mounts.append({"name": "disk", "mountPath": "/v/sub", "subPath": "sub"})
    serve = ("cp /v/key/word /v/sub/word; for d in home tmp var; do echo $d >/v/$d/word; done; "
             "mkdir /www; exec httpd -f -p 8080 -h /www")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
              "stringData": {"word": "sealed"}}
    machines.apply(secret, daemonset("volumes", ["sh", "-c", serve],
                                     container={"volumeMounts": mounts},
                                     nodeSelector=only_on("node-1"), volumes=volumes))
    pod = machines.wait_ready("volumes", ["node-1"])["node-1"]
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    said = machines.ctl("exec", name, "--", "sh", "-c",
                        "cat /v/key/word /v/disk/sub/word; mount | grep ' /v/memory '").out
    assert said.startswith("sealedsealed") and "tmpfs" in said, said
    for path, word in places.items():
        assert machines.on("node-1", "cat", f"{path}/word").out == word + "\n"
    assert " 404 " in forwarded(machines, name, 8080)

    def mounted():
        return [line for line in machines.on("node-1", "cat", "/proc/1/mounts").out.splitlines()
                if uid in line and "/muster/" in line]

    assert mounted(), "they are mounts of the host"
    # An agent that is killed gets there again, and what it begins with is the same.
    before, pid = identity(pod), machines.pid("node-1", AGENT)
    machines.on("node-1", "systemctl", "kill", "-s", "KILL", AGENT)
    machines.await_new_pid("node-1", AGENT, pid)
    machines.wait_nodes_ready("node-1")
    assert identity(machines.wait_ready("volumes", ["node-1"])["node-1"]) == before

    # What the agent itself is in, and which of its threads are not.
    pid = machines.pid("node-1", AGENT)
    spaces = machines.shell("node-1", f"readlink /proc/{pid}/task/*/ns/mnt").out.split()
    host = machines.shell("node-1", "readlink /proc/1/ns/mnt").out.strip()
    assert spaces.count(host) == 2 and len(spaces) > 4 and spaces[0] != host, (spaces, host)
    for path in ("/usr", "/boot", "/home", "/root"):
        refused = machines.on("node-1", "nsenter", "-m", "-t", pid, "touch", f"{path}/it",
                              check=False)
        assert refused.code != 0 and "Read-only file system" in refused.text, (path, refused)
    assert machines.on("node-1", "nsenter", "-m", "-t", pid, "ls", "-A", "/tmp").out == ""
    assert "/dev/kmsg" not in machines.on(
        "node-1", "nsenter", "-m", "-t", pid, "find", "/dev").out.split()

    machines.ctl("delete", "ds", "volumes")
    wait_until(lambda: not machines.list("pods"), 60)
    wait_until(lambda: not mounted(), 20, "its mounts are gone from the host")


def test_the_target_waits_for_the_daemons_that_gate_the_host(machines):
    """Also after a reboot without a coordinator: what runs comes from the node's own disk."""
    probe = {"exec": {"command": ["test", "-e", "/gate/open"]}, "periodSeconds": 1}
    volume = {"name": "gate", "hostPath": {"path": "/var/tmp/gate", "type": "DirectoryOrCreate"}}
    mount = {"name": "gate", "mountPath": "/gate"}
    gated = daemonset("gated", container={"readinessProbe": probe, "volumeMounts": [mount]},
                      nodeSelector=only_on("node-2"), volumes=[volume])
    gated["spec"]["template"]["metadata"]["annotations"] = {"muster.dev/gate": "true"}
    machines.shell("node-2", "mkdir -p /var/tmp/gate; touch /var/tmp/gate/open")
    machines.apply(gated)
    machines.wait_ready("gated", ["node-2"])
    machines.shell("node-2", """
        rm /var/tmp/gate/open
        cat >/etc/systemd/system/after-gate.service <<E
[Unit]
Wants=muster-node-ready.target
After=muster-node-ready.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target
E
        systemctl daemon-reload
        systemctl enable after-gate.service""")
    machines.undoings.append(lambda: machines.shell("node-2", """
        systemctl disable after-gate.service
        rm /etc/systemd/system/after-gate.service"""))
    machines.on("control", "systemctl", "stop", COORDINATOR)
    machines.undoings.append(lambda: machines.on("control", "systemctl", "start", COORDINATOR))

    machines.reboot("node-2")
    wait_until(lambda: "waiting for default/gated-" in machines.status_text(
        "node-2", "muster-node-ready.service"), 120)
    assert not machines.is_active("node-2", "muster-node-ready.target")
    assert not machines.is_active("node-2", "after-gate.service")
    machines.shell("node-2", "touch /var/tmp/gate/open")
    wait_until(lambda: machines.is_active("node-2", "after-gate.service"), 60)
    assert machines.is_active("node-2", "muster-node-ready.target")
    assert "no coordinator" in machines.status_text("node-2", AGENT)
