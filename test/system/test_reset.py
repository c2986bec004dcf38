"""A host that is to be no node any more: what `reset` and `purge` take away."""

import re

import pytest
from machines import AGENT
from testbed import daemonset, only_on, wait_until

# Everything on a host that a pod or the agent can leave behind, a line each.
TRACES = r"""
    ctr -n k8s.io containers ls -q | sed 's/^/container /'
    ctr -n k8s.io tasks ls -q | sed 's/^/task /'
    grep -E 'muster|kubepods|volume-subpaths' /proc/self/mountinfo | cut -d' ' -f5 |
      grep -v '^/sys/fs/cgroup' | sed 's/^/mount /'
    find /sys/fs/cgroup -type d -path '*kubepods*' | sed 's/^/cgroup /'
    find /var/lib/cni -type f -name '10.*' 2>/dev/null | sed 's/^/lease /'
    ls /run/netns 2>/dev/null | sed 's/^/netns /'
    ip -o link | grep -o ' veth[0-9a-z]*' | sed 's/^/link/'
    find /var/log/pods /var/log/containers -mindepth 1 2>/dev/null | sed 's/^/log /'
    find /var/lib/muster /run/muster-agent -mindepth 1 2>/dev/null | sed 's/^/file /'
    find /etc/systemd/logind.conf.d -name '*muster*' 2>/dev/null | sed 's/^/file /'
    nft list tables 2>/dev/null | grep muster | sed 's/^/nft /'
    iptables-save 2>/dev/null | grep -E 'CNI-(DN|SN)-' | sed 's/^/rule /'
    true"""


@pytest.fixture
def spare(machines):
    """A host of its own, thrown away after the test."""
    machines.testbed("add", "node-3", "--no-join", timeout=180)
    yield "node-3"
    machines.testbed("remove", "node-3")
    machines.ctl("delete", "node", "node-3", check=False)


def traces(machines, host):
    return set(machines.shell(host, TRACES).out.splitlines())


def kinds(found):
    return {line.split()[0] for line in found}


def join(machines, host):
    machines.on(host, *machines.ctl("token", "create").out.split())
    machines.on(host, "systemctl", "enable", "--now", AGENT)
    machines.wait_nodes_ready(host)


def litter(machines, host):
    """A node with a pod that leaves traces wherever a pod can. Returns what was there before."""
    before = traces(machines, host)
    machines.install(host, "muster-agent")
    join(machines, host)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
              "stringData": {"key": "value"}}
    machines.apply(secret, daemonset(
        "litter", ["sh", "-c", "echo hello; trap 'exit 0' TERM; sleep 1000000 & wait"],
        container={
            "ports": [{"containerPort": 80, "hostPort": 8099}],
            "volumeMounts": [
                {"name": "memory", "mountPath": "/memory"},
                {"name": "disk", "mountPath": "/disk", "subPath": "sub"},
                {"name": "secret", "mountPath": "/secret"}],
        },
        nodeSelector=only_on(host),
        volumes=[{"name": "memory", "emptyDir": {"medium": "Memory"}},
                 {"name": "disk", "emptyDir": {}},
                 {"name": "secret", "secret": {"secretName": "key"}}]))
    machines.undoings.append(lambda: machines.ctl("delete", "secret", "key"))
    led = daemonset("led", container={"ports": [{"containerPort": 80, "hostPort": 8098}]},
                    nodeSelector=only_on(host))
    led["spec"]["template"]["metadata"]["annotations"] = {"muster.dev/zero-gap": "true"}
    machines.apply(led)
    machines.wait_ready("led", [host])
    machines.wait_ready("litter", [host])
    there = traces(machines, host) - before
    assert kinds(there) >= {"container", "task", "mount", "cgroup", "lease", "netns", "link", "log",
                            "file", "nft"}, there
    return before


def test_reset_leaves_nothing_and_asks_before(machines, spare):
    before = litter(machines, spare)
    asked = machines.on(spare, "muster-agent", "reset", check=False)
    assert asked.code == 1 and "--yes" in asked.text, asked
    refused = machines.on(spare, "muster-agent", "reset", "--yes", check=False)
    assert refused.code == 1 and "systemctl stop muster-agent" in refused.text, refused
    assert "task" in kinds(traces(machines, spare) - before)

    done = machines.on(spare, "muster-agent", "reset", "--yes", "--stop", timeout=120)
    assert "No pod is left" in done.out and "no node any more" in done.out, done
    assert traces(machines, spare) - before == set()
    again = machines.on(spare, "muster-agent", "reset", "--yes")
    assert "No pod is left" in again.out, again
    assert traces(machines, spare) - before == set()

    # It can be a node again.
    machines.ctl("delete", "node", spare)
    join(machines, spare)
    machines.wait_ready("litter", [spare])
    machines.on(spare, "muster-agent", "reset", "--yes", "--stop", timeout=120)


def test_reset_goes_on_where_it_was_killed_and_needs_the_runtime(machines, spare):
    before = litter(machines, spare)
    machines.on(spare, "systemctl", "disable", "--now", AGENT)
    machines.on(spare, "systemctl", "stop", "containerd")
    away = machines.on(spare, "muster-agent", "reset", "--yes", check=False)
    assert away.code == 1 and "Nothing was removed" in away.text, away
    assert "mount" in kinds(traces(machines, spare) - before)
    machines.on(spare, "systemctl", "start", "containerd")
    machines.on(spare, "timeout", "-s", "KILL", "0.3", "muster-agent", "reset", "--yes",
                check=False)
    machines.on(spare, "muster-agent", "reset", "--yes", timeout=120)
    assert traces(machines, spare) - before == set()


def test_with_its_state_lost_reset_knows_the_pods_by_their_marks(machines, spare):
    before = litter(machines, spare)
    machines.on(spare, "systemctl", "disable", "--now", AGENT)
    machines.shell(spare, "rm -rf /var/lib/muster/agent/checkpoint")
    machines.on(spare, "muster-agent", "reset", "--yes", timeout=120)
    assert traces(machines, spare) - before == set()


def test_a_purge_takes_the_pods_along(machines, spare):
    before = litter(machines, spare)
    removed = machines.on(spare, "dpkg", "-r", "muster-agent", timeout=120)
    assert "keep running" in removed.text, removed
    assert {"task", "container"} <= kinds(traces(machines, spare) - before)
    purged = machines.on(spare, "dpkg", "--purge", "muster-agent", timeout=180)
    assert "No pod is left" in purged.text, purged
    assert traces(machines, spare) - before == set()
    wait_until(lambda: machines.show(spare, AGENT, "LoadState")["LoadState"] == "not-found", 10)


def test_a_node_that_was_deleted_while_it_was_down_is_told_and_cleans_up(machines, spare):
    before = litter(machines, spare)
    machines.testbed("stop", spare, timeout=120)
    machines.ctl("delete", "node", spare)
    machines.testbed("start", spare, timeout=120)

    def left():
        # The groups of the classes are the agent's, which goes on.
        return kinds(line for line in traces(machines, spare) - before
                     if not re.search(r"^cgroup .*/kubepods(/besteffort|/burstable)?$", line))

    # Its state and its daemon stay, to be joined again or reset.
    wait_until(lambda: left() <= {"file"}, 60, "only files are left")
    wait_until(lambda: machines.status_text(spare, AGENT).startswith("0 pods"), 20)
    assert "was removed from the cluster" in machines.journal(spare, f"_SYSTEMD_UNIT={AGENT}")
