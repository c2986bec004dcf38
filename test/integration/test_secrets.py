"""A Secret is where its pods read it, and in nothing that somebody else reads or keeps."""

import base64
import json

from testbed import daemonset, only_on, wait_until

MARK = "sEcReT-mArKeR-4711-xyzzy"
# Its text, and what base64 makes of it whatever stands before it.
FORMS = [MARK.encode()] + [
    base64.b64encode(b"x" * shift + MARK.encode())[4 if shift else 0:-8] for shift in range(3)
]


def found_in(data, where):
    data = data.encode() if isinstance(data, str) else data
    return [where for form in FORMS if form in data]


def files_below(path):
    for each in sorted(path.rglob("*")):
        if each.is_file() and not each.is_symlink():
            try:
                yield each, each.read_bytes()
            except OSError:  # It went, or is none that can be read.
                continue


def secret(value):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "marked"},
            "stringData": {"password": value}}


def test_a_secret_is_in_no_log_event_description_or_file(cluster):
    node = "node-1"
    reference = {"secretKeyRef": {"name": "marked", "key": "password"}}
    container = {
        "env": [{"name": "PASSWORD", "valueFrom": reference}],
        "envFrom": [{"secretRef": {"name": "marked"}}],
        "volumeMounts": [{"name": "marked", "mountPath": "/marked"}],
    }
    volumes = [{"name": "marked", "secret": {"secretName": "marked"}}]
    # This one never starts, for which there are events; that one ends, and is started again.
    wrong = {"env": [{"name": "A", "valueFrom": {
        "secretKeyRef": {"name": "marked", "key": "no-such-key"}}}]}
    logs_from = {host: {name: len(cluster.logs_of(host, name)) for name in names}
                 for host, names in (("control", ["coordinator"]), (node, ["agent"]))}
    cluster.apply(
        secret(MARK),
        daemonset("marked", container=container, volumes=volumes, nodeSelector=only_on(node)),
        daemonset("wrong", container=wrong, nodeSelector=only_on(node)),
        daemonset("ends", container=container, volumes=volumes, command=["false"],
                  nodeSelector=only_on(node)))
    cluster.wait_ready("marked", [node])
    pod = cluster.pod("marked", node)["metadata"]["name"]
    for command in (["cat", "/marked/password"], ["sh", "-c", "echo -n $PASSWORD"]):
        assert cluster.ctl("exec", pod, "--", *command).out == MARK, "its own pod has to see it"
    wait_until(lambda: cluster.events("wrong"), 30, "the one that cannot start is told of")

    shown = []
    for words in (["describe", "secret", "marked"], ["describe", "pod", pod],
                  ["describe", "ds", "marked"], ["describe", "node", node],
                  ["get", "events", "-A", "-o", "yaml"], ["events", "-A"],
                  ["get", "pods", "-A", "-o", "yaml"], ["get", "ds", "-A", "-o", "yaml"],
                  ["get", "secrets", "-A", "-o", "wide"], ["get", "node", node, "-o", "yaml"],
                  ["get", "controllerrevisions", "-A", "-o", "yaml"],
                  ["why", "ds/wrong", "--node", node], ["rollout", "history", "ds/marked"]):
        shown += found_in(cluster.ctl(*words, check=False).text, " ".join(words))
    # What differs is said, not what it is.
    other = json.dumps(secret(MARK + "-other"))
    for words in (["diff", "-f", "-"], ["plan", "-f", "-"]):
        shown += found_in(cluster.ctl(*words, stdin=other, check=False).text, " ".join(words))
    # What is wrong with a manifest is said without it.
    for bad in ({**secret(MARK), "data": {"password": MARK + "!"}, "stringData": {}},
                {**secret(MARK), "stringData": {"password": [MARK]}},
                {**secret(MARK), "stringData": {"a/b": MARK}},
                {**secret(MARK), "type": "kubernetes.io/dockerconfigjson"}):
        refused = cluster.ctl("apply", "-f", "-", stdin=json.dumps(bad), check=False)
        assert refused.code == 1, refused
        shown += found_in(refused.text, f"apply of {sorted(bad)}")

    cluster.apply(secret(MARK))
    for host, names in logs_from.items():
        for name, start in names.items():
            shown += found_in(cluster.logs_of(host, name)[start:], f"log of {name} on {host}")
    kept = [(cluster.host_root("control") / "var/lib/muster", "control"),
            (cluster.host_root(node) / "var/lib/muster/agent/checkpoint", node),
            (cluster.host_root(node) / "var/lib/muster/agent/pki", node),
            (cluster.host_root(node) / "var/log", node)]
    seen = 0
    for folder, host in kept:
        for path, data in files_below(folder):
            seen += 1
            shown += found_in(data, f"{path} of {host}")
    assert seen > 5, "it looked at nothing"
    assert any(b"audit" in str(path).encode() for path, _ in files_below(kept[0][0]))
    assert not shown, shown
    # Pods read it from memory.
    mounts = cluster.on(node, "cat", "/proc/mounts").out
    uid = cluster.pod("marked", node)["metadata"]["uid"]
    assert any(uid in line and line.split()[2] == "tmpfs" for line in mounts.splitlines()), mounts
