#!/usr/bin/python3
"""Runs the DaemonSets of other people on a real host, one after the other, and looks at them.

    ./dev corpus DIR [PATTERN...]    every manifest in DIR, or those whose name has a PATTERN in it

Each manifest that `apply` accepts is translated (corpus_translate.py says how) and started. When
all its containers run they are looked at from inside: mounts, variables, rights, users, namespaces,
command lines. Then it is deleted, and nothing may be left on the host: no container, mount, control
group, network namespace, log or file. Prints one line for each manifest.
"""

import base64
import json
import os
import pathlib
import sys

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import corpus_check  # noqa: E402
from corpus_translate import daemonset_of, translate, wants_windows  # noqa: E402
from testbed import Cluster, wait_until  # noqa: E402

NODE = "node-1"


class Host:
    """The host that the pods run on, as a process of its own sees it."""

    def __init__(self, cluster):
        self.cluster = cluster
        status = cluster.on(NODE, "cat", "/proc/self/status").out
        self.capabilities = corpus_check.number_after(status, "CapBnd")
        self.namespaces = {name: self.shell(f"readlink /proc/self/ns/{name}").strip()
                           for name in corpus_check.NAMESPACES}
        self.address = cluster.host_address(NODE)

    def shell(self, script, *args, check=True):
        return self.cluster.on(NODE, "sh", "-c", script, "sh", *args, check=check).out

    def exists(self, path):
        return self.cluster.on(NODE, "test", "-e", path, check=False).code == 0

    def could_make(self, path):
        script = ('p=$1; while [ ! -e "$p" ]; do p=$(dirname "$p"); done; '
                  '[ -d "$p" ] && [ -w "$p" ] && touch "$p/.try" && rm "$p/.try"')
        return self.cluster.on(NODE, "sh", "-c", script, "sh", path, check=False).code == 0

    def stand_in(self, path):
        """Where something can be made in the place of what cannot be there."""
        self.shell('mkdir -p "/var/lib/corpus$(dirname "$1")"', path)
        return "/var/lib/corpus" + path

    def may_give(self, capability):
        name = capability.upper().removeprefix("CAP_")
        return name == "ALL" or bool(self.capabilities & corpus_check.mask([name]))

    def is_read_only(self, path):
        """Whether nobody can write there, as below /usr of the testbed's hosts."""
        options = self.shell('findmnt -nro OPTIONS -T "$(realpath "$1")"', path).split(",")
        return "ro" in options

    def belongings(self):
        """Everything that a pod may leave behind, by kind."""
        script = """
            ctr -n k8s.io containers ls -q | sed 's/^/container /'
            ctr -n k8s.io tasks ls -q | sed 's/^/task /'
            cut -d' ' -f5 /proc/self/mountinfo | sed 's/^/mount /'
            find /sys/fs/cgroup -type d -path '*kubepods*/pod*' | sed 's/^/cgroup /'
            ls /run/netns | sed 's/^/netns /'
            ls /var/log/pods /var/log/containers 2>/dev/null | grep -v -e : -e '^$' \
                | sed 's/^/log /'
            ls /var/lib/muster/agent/pods 2>/dev/null | sed 's/^/files /'
            ls /var/lib/cni/networks/*/ 2>/dev/null | grep '^[0-9.]*$' | sed 's/^/address /'
        """
        return set(self.shell(script).splitlines())


class Failure(Exception):
    """What was found wrong with one manifest, in a line."""


class Trial:
    """One manifest from its file to its deletion."""

    def __init__(self, cluster, host, path):
        self.cluster, self.host, self.path = cluster, host, path
        text = path.read_text()
        self.documents = list(yaml.safe_load_all(text))
        self.before, self.daemonset = translate(self.documents, host)
        self.name = self.daemonset["metadata"]["name"]
        self.namespace = self.daemonset["metadata"]["namespace"]
        self.spec = self.daemonset["spec"]["template"]["spec"]
        if not wants_windows(self.spec):
            self.spec["nodeSelector"] = {"kubernetes.io/hostname": NODE}

    def refusal(self):
        """Why `apply` does not take the original; None when it does."""
        said = self.cluster.ctl("apply", "-f", self.path, "--dry-run=server", check=False)
        if said.code == 0:
            return None
        lines = [line for line in said.err.splitlines() if "warning" not in line.lower()]
        return " ".join(lines)[:160] or said.err[:160]

    def pods(self):
        pods = self.cluster.list("pods", "-n", self.namespace)
        return [p for p in pods if any(
            o["kind"] == "DaemonSet" and o["name"] == self.name
            for o in p["metadata"].get("ownerReferences", []))]

    def runs(self):
        pods = self.pods()
        if len(pods) != 1:
            return None
        status = pods[0].get("status", {})
        if any(c["type"] == "Ready" and c["status"] == "True"
               for c in status.get("conditions", [])):
            return pods[0]
        return None

    def start(self):
        self.cluster.apply(*self.before, self.daemonset)
        try:
            pod = wait_until(self.runs, 60, "every container runs")
        except AssertionError:
            found = self.pods()
            states = [c.get("state") for p in found for c in
                      p.get("status", {}).get("initContainerStatuses", []) +
                      p.get("status", {}).get("containerStatuses", [])]
            events = [e["message"] for p in found
                      for e in self.cluster.events(p["metadata"]["name"])
                      if e["type"] == "Warning"]
            raise Failure(f"does not run: {json.dumps(states)[:300]} {events[-2:]}") from None
        return pod

    def look(self, pod):
        facts = corpus_check.Facts(pod, self.host.address, self.before)
        shared, problems, mounts, variables = {}, [], 0, 0
        containers = corpus_check.running_containers(self.spec)
        for container in containers:
            said = self.cluster.ctl("exec", "-n", self.namespace, pod["metadata"]["name"], "-c",
                                    container["name"], "--", "sh", "-c", corpus_check.LOOK)
            seen = corpus_check.sections(said.out)
            check = corpus_check.ContainerCheck(self.spec, container, seen, self.host)
            mounts += check.check_mounts()
            variables += check.check_environment(facts)
            check.check_rights()
            check.check_namespaces(shared)
            check.check_names(pod)
            problems += check.problems
            problems += corpus_check.check_command(container, self.command_of(pod, container),
                                                   facts)
        restarts = [c["restartCount"] for c in pod["status"]["containerStatuses"]]
        if any(restarts):
            problems.append(f"restarted: {restarts}")
        if problems:
            raise Failure("; ".join(problems))
        return f"{len(containers)} containers, {mounts} mounts, {variables} variables"

    def command_of(self, pod, container):
        """The command line of the container's own process, as the host sees it."""
        statuses = pod["status"].get("initContainerStatuses", []) + \
            pod["status"]["containerStatuses"]
        (id_,) = [c["containerID"].split("://")[1] for c in statuses
                  if c["name"] == container["name"]]
        pid = self.cluster.tasks(NODE)[id_]
        line = base64.b64decode(self.host.shell("base64 < /proc/$1/cmdline", str(pid)))
        return line.decode(errors="replace").split("\0")[:-1]

    def delete(self):
        names = [f"{o['kind'].lower()}/{o['metadata']['name']}" for o in self.before
                 if o["kind"] in ("ConfigMap", "Secret", "ServiceAccount")]
        self.cluster.ctl("delete", "-n", self.namespace, f"daemonset/{self.name}", *names,
                         "--ignore-not-found", timeout=120)
        wait_until(lambda: not self.pods(), 60, "its pods are gone")

    def run(self):
        """One line for the table: (verdict, what there is to say)."""
        refused = self.refusal()
        if refused:
            return "refused", refused
        left_before = self.host.belongings()
        try:
            if wants_windows(self.spec):
                self.cluster.apply(*self.before, self.daemonset)
                wait_until(self.is_observed, 20, "the controller has seen it")
                if self.pods():
                    raise Failure("it runs on a node that is not Windows")
                said = "runs nowhere, since it asks for Windows"
            else:
                said = self.look(self.start())
        finally:
            self.delete()
        try:
            wait_until(lambda: self.host.belongings() <= left_before, 30)
        except AssertionError:
            left = sorted(self.host.belongings() - left_before)
            raise Failure(f"left on the host: {left}") from None
        return "ok", said

    def is_observed(self):
        found = self.cluster.get("daemonset", self.name, self.namespace)
        return found.get("status", {}).get("observedGeneration")


def run_one(cluster, host, path):
    try:
        return Trial(cluster, host, path).run()
    except (Failure, AssertionError) as problem:
        return "FAILED", str(problem)


def run_all(cluster, paths):
    host = Host(cluster)
    counts = {"ok": 0, "refused": 0, "FAILED": 0}
    for path in paths:
        verdict, said = run_one(cluster, host, path)
        counts[verdict] += 1
        print(f"{path.name:<44} {verdict:<8} {said}", flush=True)
    print(f"\n{len(paths)} manifests: {counts['ok']} ok, {counts['refused']} refused by apply, "
          f"{counts['FAILED']} failed")
    return counts["FAILED"] == 0


def is_manifest(path):
    try:
        daemonset_of(yaml.safe_load_all(path.read_text()))
        return True
    except (ValueError, yaml.YAMLError):
        return False


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: ./dev corpus DIR [PATTERN...]")
    patterns = sys.argv[2:] or [""]
    paths = [p for p in sorted(pathlib.Path(sys.argv[1]).iterdir())
             if p.suffix in (".yaml", ".yml", ".json") and any(x in p.name for x in patterns)]
    paths = [p for p in paths if is_manifest(p)]
    if not paths:
        sys.exit(f"no manifest with a DaemonSet in {sys.argv[1]}")
    cluster = Cluster(os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-corpus"),
                      os.environ.get("MUSTER_TESTBED_INDEX", "93"))
    cluster.testbed("down")
    try:
        cluster.testbed("up", "-n", "1", timeout=300)
        good = run_all(cluster, paths)
    finally:
        if not os.environ.get("MUSTER_KEEP_CLUSTER"):
            cluster.testbed("down")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
