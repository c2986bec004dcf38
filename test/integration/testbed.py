"""A cluster on real hosts as the tests drive it: the testbed's verbs, musterctl, and waiting."""

import json
import os
import pathlib
import socket
import struct
import subprocess
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", REPO / "build/debug"))


class Result:
    """What a finished command said."""

    def __init__(self, finished):
        self.code = finished.returncode
        self.out = finished.stdout
        self.err = finished.stderr
        self.text = finished.stdout + finished.stderr

    def __repr__(self):
        return f"exit {self.code}\n{self.text}"


def run(*command, stdin=None, timeout=60, env=None, cwd=None):
    finished = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
        cwd=cwd,
        check=False,
        **({} if stdin is not None else {"stdin": subprocess.DEVNULL}),
    )
    return Result(finished)


def wait_until(condition, timeout=30, what=None):
    """Returns what `condition` returns as soon as that is true."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {timeout} s: {what or condition.__doc__ or condition.__name__}"
            )
        time.sleep(0.1)


def stays(condition, seconds, what):
    """Fails as soon as `condition` is no longer true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(0.2)


def with_settings(before, added):
    """A settings file with these lines, one a key, in the place of its own lines of these keys."""
    keys = {line.split(":")[0] for line in added.splitlines() if not line.startswith("#")}
    kept = [line for line in before.splitlines() if line.split(":")[0] not in keys]
    return "\n".join(kept) + "\n" + added


class Cluster:
    """Three nodes, a coordinator and a registry. Every method fails loudly unless told not to."""

    def __init__(self, state, index):
        self.state = pathlib.Path(state)
        self.env = dict(
            os.environ,
            MUSTER_TESTBED=str(state),
            MUSTER_TESTBED_INDEX=str(index),
            MUSTER_BUILD=str(BUILD),
            NO_COLOR="1",
        )

    # Hosts.

    def testbed(self, *args, check=True, timeout=180):
        result = run(REPO / "test/testbed/cluster.sh", *args, timeout=timeout, env=self.env)
        assert not check or result.code == 0, f"cluster {args}: {result}"
        return result

    def host_root(self, host):
        """The host's own "/", seen from this machine."""
        return self.state / "hosts" / host / "root"

    def host_etc(self, host):
        """The host's /etc/muster, as this machine sees it."""
        return self.state / "hosts" / host / "etc-own/muster"

    def host_address(self, host):
        for line in self.testbed("status").out.splitlines():
            if line.startswith(host + " "):
                return line.split()[1]
        raise AssertionError(f"no host {host}")

    def on(self, host, *command, check=True, timeout=60):
        """Runs a command inside a host."""
        return self.testbed("exec", host, "--", *command, check=check, timeout=timeout)

    def tasks(self, host):
        """Containers that run according to the host's runtime: {container id: pid}."""
        lines = self.on(host, "ctr", "-n", "k8s.io", "tasks", "ls").out.splitlines()[1:]
        rows = [line.split() for line in lines]
        return {row[0]: int(row[1]) for row in rows if row[2] == "RUNNING"}

    def containers(self, host):
        """Every container the host's runtime knows, running or not, sandboxes too."""
        return self.on(host, "ctr", "-n", "k8s.io", "containers", "ls", "-q").out.split()

    def push(self, name, rootfs, *entrypoint):
        self.testbed("push", name, rootfs, *entrypoint)

    # Muster.

    def admin_socket(self):
        return self.host_root("control") / "run/muster/coordinator.sock"

    def coordinator_pid(self):
        """As this machine counts: of whoever listens on the admin socket."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(self.admin_socket()))
            credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.unpack("3i", credentials)[0]

    def ctl_command(self, *args):
        return [BUILD / "ctl/musterctl", "--server", f"unix:{self.admin_socket()}", *args]

    def ctl(self, *args, stdin=None, check=True, timeout=60, cwd=None):
        result = run(*self.ctl_command(*args), stdin=stdin, timeout=timeout, env=self.env, cwd=cwd)
        assert not check or result.code == 0, f"musterctl {args}: {result}"
        return result

    def apply(self, *objects, check=True):
        """Applies objects given as Python values (a JSON document is YAML too)."""
        text = "".join("---\n" + json.dumps(item, indent=1) + "\n" for item in objects)
        return self.ctl("apply", "-f", "-", stdin=text, check=check)

    def get(self, kind, name, namespace="default"):
        return json.loads(self.ctl("get", kind, name, "-n", namespace, "-o", "json").out)

    def list(self, kind, *args):
        return json.loads(self.ctl("get", kind, *args, "-o", "json").out)["items"]

    def pods(self, daemonset):
        """Pods of a DaemonSet made by `daemonset()` below, by node (or by name when unbound)."""
        pods = self.list("pods", "-l", f"app={daemonset}")
        return {pod["spec"].get("nodeName") or pod["metadata"]["name"]: pod for pod in pods}

    def pod(self, daemonset, node):
        return self.pods(daemonset).get(node)

    def row(self, *args):
        """Cells of the one row that `get ARGS --no-headers` prints."""
        lines = self.ctl("get", *args, "--no-headers").out.splitlines()
        assert len(lines) == 1, lines
        return lines[0].split()

    def events(self, name):
        return [e for e in self.list("events", "-A") if e["involvedObject"].get("name") == name]

    def wait_ready(self, daemonset, nodes, timeout=60):
        """Waits until exactly these nodes have a ready pod of it; returns the pods by node."""

        def settled():
            pods = self.pods(daemonset)
            return sorted(pods) == sorted(nodes) and all(map(is_ready, pods.values())) and pods

        try:
            return wait_until(settled, timeout, f"{daemonset} ready on exactly {sorted(nodes)}")
        except AssertionError as late:
            table = self.ctl("get", "pods", "-A", "-o", "wide", check=False).text
            raise AssertionError(f"{late}\n{table}") from None

    def wait_nodes_ready(self, *names, timeout=60):
        def ready():
            nodes = {n["metadata"]["name"]: n for n in self.list("nodes")}
            return all(name in nodes and is_ready(nodes[name]) for name in names)

        wait_until(ready, timeout, f"nodes {names} are Ready")

    def answers(self):
        """the coordinator answers"""
        return self.ctl("get", "nodes", check=False).code == 0

    def logs_of(self, host, service):
        path = self.host_root(host) / f"var/log/{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def is_ready(thing):
    if thing["metadata"].get("deletionTimestamp"):
        return False
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def container_status(pod, index=0):
    statuses = pod.get("status", {}).get("containerStatuses", [])
    return statuses[index] if len(statuses) > index else {}


def waiting_reason(pod):
    return container_status(pod).get("state", {}).get("waiting", {}).get("reason")


def identity(pod):
    """What has to stay the same when nothing was restarted."""
    status = container_status(pod)
    ready = [c for c in pod["status"]["conditions"] if c["type"] == "Ready"][0]
    return {
        "uid": pod["metadata"]["uid"],
        "container": status["containerID"],
        "restarts": status["restartCount"],
        "started": status["state"]["running"]["startedAt"],
        "ready since": ready["lastTransitionTime"],
        "ip": pod["status"]["podIP"],
    }


# Ends at once on SIGTERM, so that deleting it does not take the whole grace period.
RUN_FOREVER = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"]


def daemonset(name, command=None, container=None, meta=None, **pod_spec):
    """A DaemonSet with one busybox container, labelled app=NAME."""
    main = {
        "name": "main",
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "command": command or RUN_FOREVER,
    }
    main.update(container or {})
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, **(meta or {})},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 2, "containers": [main], **pod_spec},
            },
        },
    }


def only_on(node):
    return {"kubernetes.io/hostname": node}
