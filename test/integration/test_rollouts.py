"""Rollouts on real hosts: how they go, and how they stop."""

import subprocess

import pytest
from testbed import daemonset, identity, is_ready, stays, wait_until

CRASHES = ["sh", "-c", "exit 3"]


def release(name, version, annotations=None, strategy=None, command=None):
    """The DaemonSet with a version in its template; another version is another revision.

    A container without a probe is ready as soon as it runs, so what crashes is given a moment.
    """
    made = daemonset(name, command=command, container={"env": [{"name": "V", "value": version}]},
                     meta={"annotations": annotations or {}})
    made["spec"]["minReadySeconds"] = 2
    if strategy:
        made["spec"]["updateStrategy"] = strategy
    return made


def versions(cluster, name):
    """{node: version} of the pods that stay."""
    return {
        pod["spec"]["nodeName"]: pod["spec"]["containers"][0]["env"][0]["value"]
        for pod in cluster.list("pods", "-l", f"app={name}")
        if not pod["metadata"].get("deletionTimestamp")
    }


def condition(cluster, name, kind):
    conditions = cluster.get("daemonset", name)["status"].get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def start(cluster, nodes, name, **kwargs):
    """Version 1 everywhere, and done with."""
    cluster.apply(release(name, "1", **kwargs))
    pods = cluster.wait_ready(name, nodes)
    cluster.ctl("rollout", "status", f"ds/{name}", "--timeout=60s", timeout=90)
    return pods


def status(cluster, name, *flags, check=True):
    return cluster.ctl("rollout", "status", f"ds/{name}", "--timeout=90s", *flags, check=check,
                       timeout=120)


def test_a_rolling_update_goes_node_by_node_in_order(cluster, nodes):
    start(cluster, nodes, "rolling")
    cluster.apply(release("rolling", "2"))
    said = status(cluster, "rolling", "--nodes").out
    assert said.splitlines()[-1] == 'daemon set "rolling" successfully rolled out'
    assert 'rollout to finish: 1 out of 3 new pods have been updated...' in said
    done = [line.split(":")[0] for line in said.splitlines() if ": done: " in line]
    assert done == nodes, said
    assert versions(cluster, "rolling") == dict.fromkeys(nodes, "2")


def test_with_surge_the_old_pod_serves_until_the_new_one_does(cluster, nodes):
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    start(cluster, nodes, "surging", strategy=surge)
    watch = subprocess.Popen(
        [str(w) for w in cluster.ctl_command("get", "ds", "surging", "-w", "--no-headers")],
        env=cluster.env, text=True, stdout=subprocess.PIPE)
    try:
        cluster.apply(release("surging", "2", strategy=surge))
        status(cluster, "surging")
    finally:
        watch.terminate()
        seen = watch.communicate(timeout=10)[0].splitlines()
    available = [int(line.split()[5]) for line in seen]
    assert len(available) > 2 and min(available) == 3, seen
    assert versions(cluster, "surging") == dict.fromkeys(nodes, "2")


def test_under_on_delete_a_pod_changes_when_somebody_deletes_it(cluster, nodes):
    on_delete = {"type": "OnDelete"}
    cluster.apply(release("manual", "1", strategy=on_delete))
    cluster.wait_ready("manual", nodes)
    cluster.apply(release("manual", "2", strategy=on_delete))
    stays(lambda: versions(cluster, "manual") == dict.fromkeys(nodes, "1"), 2, "a pod was touched")
    refused = status(cluster, "manual", check=False)
    assert refused.code == 1
    assert "rollout status is only available for RollingUpdate strategy type" in refused.err
    pod = cluster.pod("manual", "node-2")["metadata"]["name"]
    cluster.ctl("delete", "pod", pod, timeout=60)
    cluster.wait_ready("manual", nodes)
    assert versions(cluster, "manual") == {"node-1": "1", "node-2": "2", "node-3": "1"}


def test_a_host_that_is_cut_off_is_left_for_later(cluster, nodes):
    start(cluster, nodes, "partial")
    before = cluster.pods("partial")["node-2"]
    cluster.testbed("cut", "node-2")
    wait_until(lambda: not is_ready(cluster.get("node", "node-2")), 90, "the node is missed")

    cluster.apply(release("partial", "2"))
    said = status(cluster, "partial")
    assert said.out.splitlines()[-2:] == [
        "1 node left for later, unreachable: node-2",
        'daemon set "partial" successfully rolled out',
    ]
    assert versions(cluster, "partial") == {"node-1": "2", "node-2": "1", "node-3": "2"}
    untouched = cluster.pods("partial")["node-2"]["metadata"]
    assert untouched["uid"] == before["metadata"]["uid"] and "deletionTimestamp" not in untouched
    waits = cluster.ctl("rollout", "status", "ds/partial", "--all-nodes", "--timeout=1s",
                        check=False)
    assert waits.code == 3 and "node-2" in waits.out, waits

    cluster.testbed("heal", "node-2")
    status(cluster, "partial", "--all-nodes")
    cluster.wait_ready("partial", nodes)
    assert versions(cluster, "partial") == dict.fromkeys(nodes, "2")


def test_a_release_that_crashes_is_paused(cluster, nodes):
    policy = {"muster.dev/max-failed": "1"}
    before = start(cluster, nodes, "crashing", annotations=policy)
    cluster.apply(release("crashing", "2", annotations=policy, command=CRASHES))
    said = status(cluster, "crashing", check=False)
    assert said.code == 2, said
    assert 'daemon set "crashing" rollout was halted: TooManyFailures: 1 node failed' in said.err
    assert "node-1 (Crashed: container main ended: exit code 3" in said.err
    stays(lambda: versions(cluster, "crashing") ==
          {"node-1": "2", "node-2": "1", "node-3": "1"}, 3, "it went on")
    for node in ("node-2", "node-3"):
        assert identity(cluster.pods("crashing")[node]) == identity(before[node])
    progressing = condition(cluster, "crashing", "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "TooManyFailures")
    assert "TooManyFailures" in cluster.ctl("describe", "ds", "crashing").out

    # The verdict is in the store: a coordinator that starts anew does not try its luck again.
    cluster.testbed("kill", "control", "coordinator")
    wait_until(cluster.answers, 30)
    assert status(cluster, "crashing", check=False).code == 2
    stays(lambda: versions(cluster, "crashing")["node-2"] == "1", 3, "it went on")


def test_a_halted_rollout_goes_on_when_somebody_says_so(cluster, nodes):
    policy = {"muster.dev/max-failed": "1"}
    start(cluster, nodes, "stubborn", annotations=policy)
    picky = release("stubborn", "2", annotations=policy,
                    command=["sh", "-c", "test -e /licence/ok || exit 3; exec sleep 100000"])
    pod = picky["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "licence", "hostPath": {"path": "/run/licence",
                                                       "type": "DirectoryOrCreate"}}]
    pod["containers"][0]["volumeMounts"] = [{"name": "licence", "mountPath": "/licence"}]
    for node in ("node-2", "node-3"):
        cluster.on(node, "sh", "-c", "mkdir -p /run/licence && touch /run/licence/ok")
    cluster.apply(picky)
    said = status(cluster, "stubborn", check=False)
    assert said.code == 2 and "TooManyFailures" in said.err, said

    cluster.on("node-1", "touch", "/run/licence/ok")
    said = cluster.ctl("rollout", "resume", "ds/stubborn")
    assert said.out == "daemonset.apps/stubborn resumed\n"
    assert status(cluster, "stubborn").code == 0
    assert versions(cluster, "stubborn") == dict.fromkeys(nodes, "2")
    events = {e["reason"]: e["message"] for e in cluster.events("stubborn")}
    assert "in spite of its failures" in events["RolloutResumed"]
    again = cluster.ctl("rollout", "resume", "ds/stubborn", check=False)
    assert again.code == 1, again


def test_a_release_that_crashes_is_rolled_back(cluster, nodes):
    policy = {"muster.dev/on-failure": "rollback", "muster.dev/progress-deadline": "60s"}
    before = start(cluster, nodes, "returning", annotations=policy)
    bad = release("returning", "2", annotations=policy, command=CRASHES)
    cluster.apply(bad)
    said = status(cluster, "returning", check=False)
    assert said.code == 2, said
    assert 'daemon set "returning" was rolled back from revision ' in said.err
    cluster.wait_ready("returning", nodes)
    assert versions(cluster, "returning") == dict.fromkeys(nodes, "1")
    for node in ("node-2", "node-3"):
        assert identity(cluster.pods("returning")[node]) == identity(before[node])
    assert "RolledBack" in {e["reason"] for e in cluster.events("returning")}

    # The same file once more changes the spec and no node, until somebody says otherwise.
    cluster.apply(bad)
    said = status(cluster, "returning", check=False)
    assert said.code == 2 and "RejectedRevision" in said.err, said
    assert versions(cluster, "returning") == dict.fromkeys(nodes, "1")
    cluster.apply(release("returning", "3", annotations=policy))
    assert status(cluster, "returning").code == 0
    assert versions(cluster, "returning") == dict.fromkeys(nodes, "3")


def test_a_canary_waits_to_be_promoted_or_aborted(cluster, nodes):
    policy = {"muster.dev/canary": "{selector: test/tier=canary}"}
    cluster.ctl("label", "node", "node-3", "test/tier=canary")
    start(cluster, nodes, "careful", annotations=policy)
    cluster.apply(release("careful", "2", annotations=policy))

    def phase(wanted):
        return lambda: cluster.get("daemonset", "careful")["status"]["rollout"]["phase"] == wanted

    wait_until(phase("AwaitingPromotion"), 60, "the canary is done")
    assert versions(cluster, "careful") == {"node-1": "1", "node-2": "1", "node-3": "2"}
    assert cluster.ctl("rollout", "abort", "ds/careful").out == "daemonset.apps/careful aborted\n"
    assert status(cluster, "careful", check=False).code == 2
    assert versions(cluster, "careful") == dict.fromkeys(nodes, "1")

    cluster.apply(release("careful", "3", annotations=policy))
    wait_until(phase("AwaitingPromotion"), 60, "the canary is done")
    cluster.ctl("rollout", "promote", "ds/careful")
    status(cluster, "careful")
    assert versions(cluster, "careful") == dict.fromkeys(nodes, "3")
    again = cluster.ctl("rollout", "promote", "ds/careful", check=False)
    assert again.code == 1
    assert 'daemonsets.apps "careful" has no rollout in progress' in again.err


def test_a_rollout_can_be_paused_and_resumed(cluster, nodes):
    start(cluster, nodes, "patient")
    assert cluster.ctl("rollout", "pause", "ds/patient").out == "daemonset.apps/patient paused\n"
    cluster.apply(release("patient", "2"))
    stays(lambda: versions(cluster, "patient") == dict.fromkeys(nodes, "1"), 3, "it went on")
    said = cluster.ctl("rollout", "status", "ds/patient", "--watch=false")
    assert "paused, 0 out of 3 new pods have been updated..." in said.out
    cluster.ctl("rollout", "resume", "ds/patient")
    status(cluster, "patient")
    assert versions(cluster, "patient") == dict.fromkeys(nodes, "2")


def test_a_suspended_daemonset_runs_nowhere_until_it_is_resumed(cluster, nodes):
    start(cluster, nodes, "sleeping")
    cluster.ctl("annotate", "ds", "sleeping", "muster.dev/suspend=true")
    said = status(cluster, "sleeping")
    assert said.out.splitlines()[-1] == 'daemon set "sleeping" is suspended'
    wait_until(lambda: not cluster.pods("sleeping"), 30, "all pods are gone")
    assert all(not cluster.tasks(node) for node in nodes)
    cluster.ctl("annotate", "ds", "sleeping", "muster.dev/suspend-")
    cluster.wait_ready("sleeping", nodes)


@pytest.mark.parametrize("key, value, meant", [
    ("max-failed", "some", "expected a number of nodes such as 3, or a percentage such as 10%"),
    ("canary", "first two", "expected one of selector and count"),
])
def test_a_policy_that_says_nothing_is_refused(cluster, key, value, meant):
    refused = cluster.apply(release("vague", "1", annotations={f"muster.dev/{key}": value}),
                            check=False)
    assert refused.code == 1
    assert f"metadata.annotations[muster.dev/{key}]" in refused.err
    assert meant in refused.err
    assert cluster.ctl("get", "ds", "vague", check=False).code == 1


def test_an_annotation_nobody_reads_is_a_warning(cluster):
    said = cluster.apply(release("typo", "1", annotations={"muster.dev/max-fail": "1"}))
    assert 'did you mean "muster.dev/max-failed"?' in said.err
