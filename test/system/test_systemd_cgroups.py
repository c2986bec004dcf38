"""A runtime whose control groups systemd manages (containerd with SystemdCgroup = true)."""

import json

import pytest
from machines import AGENT
from testbed import container_status, daemonset, identity, only_on, wait_until

HOST = "node-3"
RUNC = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc'
SETTINGS = f"""
{RUNC}]
  runtime_type = "io.containerd.runc.v2"
{RUNC}.options]
  SystemdCgroup = true
"""
FILES = {"shares": ("cpu", "cpu.shares", "cpu.weight"),
         "quota": ("cpu", "cpu.cfs_quota_us", "cpu.max"),
         "memory": ("memory", "memory.limit_in_bytes", "memory.max")}


@pytest.fixture
def node(machines):
    """A node of its own with that runtime, thrown away after the test."""
    machines.testbed("add", HOST, "--no-join", timeout=180)
    config = (machines.host_root(HOST) / "etc/containerd/config.toml").read_text()
    machines.write(HOST, "/etc/containerd/config.toml", config + SETTINGS)
    machines.on(HOST, "systemctl", "restart", "containerd")
    machines.install(HOST, "muster-agent")
    machines.on(HOST, *machines.ctl("token", "create").out.split())
    machines.on(HOST, "systemctl", "enable", "--now", AGENT)
    machines.wait_nodes_ready(HOST)
    yield machines
    machines.testbed("remove", HOST)
    machines.ctl("delete", "node", HOST, check=False)


def slice_of(pod, class_=""):
    """As kubelet names it: what is before the last dash is the slice that it is in."""
    return f"kubepods{class_}-pod{pod['metadata']['uid'].replace('-', '_')}.slice"


def group_of(machines, unit):
    return machines.show(HOST, unit, "ControlGroup")["ControlGroup"]


def read(machines, group, what):
    """The value in the kernel; -1 where there is no limit, None where there is no group."""
    controller, v1, v2 = FILES[what]
    text = machines.shell(HOST, f"cat /sys/fs/cgroup/{controller}{group}/{v1} 2>/dev/null || "
                                f"cat /sys/fs/cgroup{group}/{v2}", check=False).out
    if not text:
        return None
    value = -1 if text.startswith("max") else int(text.split()[0])
    return -1 if what == "memory" and value > 1 << 60 else value


def expect(machines, group, shares, quota, memory):
    found = None

    def there():
        nonlocal found
        found = tuple(read(machines, group, what) for what in FILES)
        return found == (shares, quota, memory)

    try:
        wait_until(there, 20)
    except AssertionError:
        raise AssertionError(f"{group}: {found}, not {(shares, quota, memory)}") from None


def pods_of(name, *resources):
    wanted = daemonset(name, nodeSelector=only_on(HOST))
    (main,) = wanted["spec"]["template"]["spec"]["containers"]
    wanted["spec"]["template"]["spec"]["containers"] = [
        {**main, "name": f"c{n}", "resources": r} for n, r in enumerate(resources)]
    return wanted


def slices(machines):
    """Slices of pods that systemd has now."""
    listed = machines.on(HOST, "systemctl", "list-units", "--all", "--plain", "--no-legend",
                         "kubepods*.slice").out
    return {line.split()[0] for line in listed.splitlines() if "-pod" in line}


# Spec: pod/17.2/place, pod/17.2/values, pod/24/resize
def test_pods_are_in_slices_that_have_their_values_and_go_with_them(node):
    machines = node
    half = {"cpu": "500m", "memory": "32Mi"}
    machines.apply(
        pods_of("sure", {"requests": half, "limits": half}, {"requests": half, "limits": half}),
        pods_of("some", {"requests": {"cpu": "100m", "memory": "16Mi"},
                         "limits": {"cpu": "200m", "memory": "32Mi"}}),
        pods_of("none", {}))
    pods = {name: machines.wait_ready(name, [HOST])[HOST] for name in ("sure", "some", "none")}
    units = {"sure": slice_of(pods["sure"]), "some": slice_of(pods["some"], "-burstable"),
             "none": slice_of(pods["none"], "-besteffort")}
    assert slices(machines) == set(units.values())
    groups = {name: group_of(machines, unit) for name, unit in units.items()}
    assert groups["sure"] == f"/kubepods.slice/{units['sure']}"
    assert groups["some"] == f"/kubepods.slice/kubepods-burstable.slice/{units['some']}"
    expect(machines, groups["sure"], 1024, 100_000, 64 << 20)
    expect(machines, groups["some"], 102, 20_000, 32 << 20)
    expect(machines, groups["none"], 2, -1, -1)
    expect(machines, "/kubepods.slice/kubepods-burstable.slice", 102, -1, -1)
    expect(machines, "/kubepods.slice/kubepods-besteffort.slice", 2, -1, -1)

    # The containers are scopes of the runtime in these slices.
    def scope_of(name):
        status = container_status(machines.pod(name, HOST))
        return f"{groups[name]}/cri-containerd-{status['containerID'].split('://')[1]}.scope"

    pid = next(iter(machines.tasks(HOST).values()))
    assert "/kubepods.slice/" in machines.on(HOST, "cat", f"/proc/{pid}/cgroup").out
    expect(machines, scope_of("some"), 102, 20_000, 32 << 20)

    # More in place: the container goes on, within its slice.
    before = identity(machines.pod("some", HOST))
    pod = machines.get("pod", pods["some"]["metadata"]["name"])
    del pod["metadata"]["resourceVersion"], pod["status"]
    pod["spec"]["containers"][0]["resources"] = {
        "requests": {"cpu": "200m", "memory": "16Mi"}, "limits": {"cpu": "400m", "memory": "64Mi"}}
    machines.ctl("replace", "-f", "-", stdin=json.dumps(pod))
    expect(machines, groups["some"], 204, 40_000, 64 << 20)
    expect(machines, scope_of("some"), 204, 40_000, 64 << 20)
    expect(machines, "/kubepods.slice/kubepods-burstable.slice", 204, -1, -1)
    assert identity(machines.pod("some", HOST)) == before

    # systemd keeps the values when it is told to read its units again, and so does another agent.
    machines.on(HOST, "systemctl", "daemon-reload")
    expect(machines, groups["some"], 204, 40_000, 64 << 20)
    old = machines.pid(HOST, AGENT)
    machines.on(HOST, "systemctl", "kill", "-s", "KILL", AGENT)
    machines.await_new_pid(HOST, AGENT, old)
    machines.wait_nodes_ready(HOST)
    expect(machines, groups["some"], 204, 40_000, 64 << 20)
    assert identity(machines.pod("some", HOST)) == before

    machines.ctl("delete", "daemonset", "some", "none", timeout=90)
    wait_until(lambda: slices(machines) == {units["sure"]}, 30, "slices go with their pods")
    expect(machines, "/kubepods.slice/kubepods-burstable.slice", 2, -1, -1)
    for name in ("some", "none"):
        assert read(machines, groups[name], "shares") is None
    expect(machines, groups["sure"], 1024, 100_000, 64 << 20)

    # And a host that is no node any more has none of them.
    done = machines.on(HOST, "muster-agent", "reset", "--yes", "--stop", timeout=120)
    assert "No pod is left" in done.out, done
    left = machines.on(HOST, "systemctl", "list-units", "--all", "--plain", "--no-legend",
                       "kubepods*.slice").out
    assert not left, left
    assert not machines.shell(HOST, "find /sys/fs/cgroup -type d -name 'kubepods*'").out
