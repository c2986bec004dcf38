"""A host that is shut down, by the real logind: who is stopped when, what is told, what returns."""

import json

import pytest
from machines import AGENT, COORDINATOR
from testbed import daemonset, only_on, wait_until

NODE = "node-1"
# Writes down when it was told to stop, and takes a while.
LAST_WORDS = ["sh", "-c",
              "trap 'cut -d\" \" -f1 /proc/uptime >/order/$NAME; sleep 2; echo last words; "
              "exit 0' TERM; "
              "sleep 1000000 & wait"]
LAST_UNIT = """
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sh -c "cut -d' ' -f1 /proc/uptime >/var/tmp/order/unit"
"""


def told_of(name, priority=None):
    """A daemon that leaves word of when it was stopped."""
    mount = {"name": "order", "mountPath": "/order"}
    volume = {"name": "order",
              "hostPath": {"path": "/var/tmp/order", "type": "DirectoryOrCreate"}}
    made = daemonset(name, LAST_WORDS,
                     container={"env": [{"name": "NAME", "value": name}], "volumeMounts": [mount]},
                     nodeSelector=only_on(NODE), volumes=[volume])
    spec = made["spec"]["template"]["spec"]
    spec["terminationGracePeriodSeconds"] = 20
    if priority:
        spec["priorityClassName"] = priority
    return made


def inhibitors(machines):
    listed = machines.on(NODE, "systemd-inhibit", "--list", "--no-pager", "--no-legend",
                         check=False).out
    return [line for line in listed.splitlines() if "muster-agent" in line]


def agent_log(machines, *matches, since=None):
    return machines.journal(NODE, f"_SYSTEMD_UNIT={AGENT}", *matches, since=since)


@pytest.fixture
def graceful(machines):
    """The agent of the node has 20 seconds for its pods, of which 8 are for the critical ones."""
    path = "/etc/muster/agent.yaml"
    text = (machines.host_root(NODE) / path[1:]).read_text()
    machines.write(NODE, path, text + "\nshutdownGracePeriod: 20s\n"
                                      "shutdownGracePeriodCriticalPods: 8s\n")
    machines.on(NODE, "systemctl", "restart", AGENT)
    wait_until(lambda: inhibitors(machines), 20, "logind has the agent's delay lock")
    yield machines
    machines.write(NODE, path, text)
    machines.on(NODE, "systemctl", "restart", AGENT)
    wait_until(lambda: not inhibitors(machines), 20)


# Spec: pod/20/inhibitor
def test_logind_waits_as_long_as_the_agent_asked_for(graceful):
    (lock,) = inhibitors(graceful)
    assert "shutdown" in lock and lock.split()[-1] == "delay", lock
    drop_in = graceful.on(NODE, "cat", "/etc/systemd/logind.conf.d/99-muster-agent.conf").out
    assert "InhibitDelayMaxSec=20" in drop_in
    longest = graceful.on(NODE, "busctl", "get-property", "org.freedesktop.login1",
                          "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                          "InhibitDelayMaxUSec").out
    assert int(longest.split()[1]) == 20_000_000

    # The lock outlives whoever it was asked of, and whoever was asked for it.
    graceful.on(NODE, "systemctl", "restart", "systemd-logind.service")
    wait_until(lambda: inhibitors(graceful), 20)
    since = graceful.now(NODE)
    graceful.on(NODE, "systemctl", "kill", "-s", "KILL", "dbus.service", check=False)
    wait_until(lambda: "trying again: the system bus hung up" in agent_log(graceful, since=since),
               20)
    wait_until(lambda: "a shutdown of the host waits for the pods"
               in agent_log(graceful, since=since), 60)
    wait_until(lambda: inhibitors(graceful), 20)


def test_a_host_that_goes_down_stops_its_pods_in_order_and_tells_why(graceful):
    """And starts them again at the next boot, with no coordinator there."""
    machines = graceful
    machines.write(NODE, "/etc/systemd/system/last.service", LAST_UNIT)
    machines.undoings.append(
        lambda: machines.shell(NODE, "rm -f /etc/systemd/system/last.service"))
    machines.shell(NODE, "mkdir -p /var/tmp/order; rm -f /var/tmp/order/*; "
                         "systemctl daemon-reload; systemctl start last.service")
    names = ("normal", "critical")
    machines.apply(told_of("normal"), told_of("critical", "system-node-critical"))
    for name in names:
        machines.wait_ready(name, [NODE])
    old = {name: machines.pod(name, NODE)["metadata"]["name"] for name in names}

    before = machines.boot_id(NODE)
    machines.on(NODE, "systemctl", "reboot", check=False)

    def node_says():
        conditions = machines.get("node", NODE)["status"]["conditions"]
        (ready,) = [c for c in conditions if c["type"] == "Ready"]
        return (ready["status"], ready["reason"], ready["message"])

    wait_until(lambda: node_says() == ("False", "KubeletNotReady", "node is shutting down"), 15)
    static = dict(told_of("late")["spec"]["template"], apiVersion="v1", kind="Pod")
    static["metadata"] = {"name": "late"}
    machines.write(NODE, "/etc/muster/static-pods/late.json", json.dumps(static))
    machines.undoings.append(
        lambda: machines.on(NODE, "rm", "-f", "/etc/muster/static-pods/late.json"))
    said = {}

    def all_told():
        for name in names:
            for event in machines.events(old[name]):
                if event["reason"] == "Terminated":
                    said[name] = event["message"]
        return len(said) == 2

    wait_until(all_told, 20)
    message = "Pod was terminated in response to imminent node shutdown."
    assert said == {"normal": message, "critical": message}
    machines.undoings.append(lambda: machines.on("control", "systemctl", "start", COORDINATOR))
    machines.on("control", "systemctl", "stop", COORDINATOR)

    wait_until(lambda: machines.boot_id(NODE) not in ("", before), 120, "the next boot")
    order = {name: float(machines.on(NODE, "cat", f"/var/tmp/order/{name}").out)
             for name in names + ("unit",)}
    assert order["normal"] + 2 <= order["critical"], order
    assert order["critical"] + 2 <= order["unit"], "units are stopped after the pods"
    assert order["unit"] - order["normal"] < 20, order
    log = agent_log(machines, "_BOOT_ID=" + before.replace("-", ""))
    assert "the host may go down" in log
    assert "NodeShutdown: Pod was rejected as the node is shutting down." in log

    # What containers said until their end is to be read after the boot.
    for name in names:
        logs = machines.shell(NODE, f"cat /var/log/pods/default_{old[name]}_*/main/0.log").out
        assert logs.splitlines()[-1].endswith("last words"), logs
    # Offline: what the host took along comes back by itself.
    wait_until(lambda: "3 pods, 3 ready" in machines.status_text(NODE, AGENT), 90,
               "the pods are there again without a coordinator")
    assert "no coordinator" in machines.status_text(NODE, AGENT)
    machines.undo()
    wait_until(machines.answers, 30)
    for name in names:
        machines.wait_ready(name, [NODE], timeout=120)


# Spec: pod/20/inhibitor
def test_a_shutdown_that_does_not_happen_is_told_of_and_the_pods_run_again(graceful):
    """logind waits for the pods, then finds that it cannot: it says so, and everybody goes on."""
    machines = graceful
    machines.apply(told_of("normal"))
    machines.wait_ready("normal", [NODE])
    boot = machines.boot_id(NODE)
    since = machines.now(NODE)
    machines.on(NODE, "systemctl", "reboot", check=False)
    wait_until(lambda: "the host is shutting down" in agent_log(machines, since=since), 15)
    # While it waits, so that what it was asked for it no longer can do.
    machines.undoings.append(
        lambda: machines.on(NODE, "systemctl", "unmask", "--runtime", "reboot.target"))
    machines.on(NODE, "systemctl", "mask", "--runtime", "reboot.target")
    wait_until(lambda: "the host does not shut down after all" in agent_log(machines, since=since),
               40)
    wait_until(lambda: inhibitors(machines), 20, "the delay lock is taken anew")
    machines.wait_nodes_ready(NODE)
    machines.wait_ready("normal", [NODE], timeout=60)
    assert machines.boot_id(NODE) == boot


def test_without_the_setting_a_shutdown_waits_for_nothing(machines):
    assert not inhibitors(machines)
    drop_in = machines.host_root(NODE) / "etc/systemd/logind.conf.d/99-muster-agent.conf"
    assert not drop_in.exists()
