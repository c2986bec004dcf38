"""DaemonJobs on real hosts: once per node, whatever is killed or deleted meanwhile."""

import json

from testbed import stays, wait_until

# On every host its own; a line for each run, which nobody but the test takes away.
RUNS = "/run/daemonjob-test"
RAN = 'echo "$(date +%s) $POD" >> /runs/$JOB.runs'


def daemonjob(name, command, policy="Never", meta=None, template=None, **spec):
    """A DaemonJob with one busybox container that knows its node and may leave lines behind."""

    def field(path):
        return {"fieldRef": {"fieldPath": path}}

    container = {
        "name": "main",
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", command],
        "env": [{"name": "JOB", "value": name},
                {"name": "POD", "valueFrom": field("metadata.name")},
                {"name": "NODE", "valueFrom": field("spec.nodeName")}],
        "volumeMounts": [{"name": "runs", "mountPath": "/runs"}],
    }
    return {
        "apiVersion": "muster.dev/v1",
        "kind": "DaemonJob",
        "metadata": {"name": name, **(meta or {})},
        "spec": {
            **spec,
            "template": {
                "spec": {
                    "restartPolicy": policy,
                    "terminationGracePeriodSeconds": 2,
                    "containers": [container],
                    "volumes": [{"name": "runs", "hostPath": {
                        "path": RUNS, "type": "DirectoryOrCreate"}}],
                    **(template or {}),
                },
            },
        },
    }


def runs(cluster, node, name):
    """Names of the pods that ran on a node, one for each run."""
    listed = cluster.on(node, "cat", f"{RUNS}/{name}.runs", check=False)
    return [line.split()[1] for line in listed.out.splitlines()] if listed.code == 0 else []


def status(cluster, name):
    return cluster.get("daemonjob", name).get("status", {})


def records(cluster, name):
    return {record["node"]: record for record in status(cluster, name).get("nodes", [])}


def condition(cluster, name, kind):
    found = [c for c in status(cluster, name).get("conditions", []) if c["type"] == kind]
    return found[0] if found else {}


def wait_for(cluster, name, kind, timeout=60):
    cluster.ctl("wait", f"dj/{name}", f"--for=condition={kind}", f"--timeout={timeout}s",
                timeout=timeout + 30)


def pods_of(cluster, name):
    return cluster.list("pods", "-l", f"muster.dev/daemonjob={name}")


def forget_runs(cluster, nodes, name):
    for node in nodes:
        cluster.on(node, "rm", "-f", f"{RUNS}/{name}.runs")


def reasons(cluster, name):
    return [event["reason"] for event in cluster.events(name)]


def test_it_runs_once_on_every_node_and_says_so(cluster, nodes):
    forget_runs(cluster, nodes, "once")
    job = daemonjob("once", f"{RAN}; echo hello from $NODE")
    assert cluster.apply(job).out == "daemonjob.muster.dev/once created\n"
    wait_for(cluster, "once", "Complete")

    name, state, completions, active, failed, *_ = cluster.row("dj", "once")
    assert (name, state, completions, active, failed) == ("once", "Complete", "3/3", "0", "0")
    assert [len(runs(cluster, node, "once")) for node in nodes] == [1, 1, 1]
    for node in nodes:
        record = records(cluster, "once")[node]
        assert (record["outcome"], record["exitCode"], record["pod"]) == \
            ("Succeeded", 0, runs(cluster, node, "once")[0])
    said = cluster.ctl("logs", "dj/once", "--all-pods").out
    assert sorted(said.splitlines()) == [f"hello from {node}" for node in nodes]
    assert {pod["status"]["phase"] for pod in pods_of(cluster, "once")} == {"Succeeded"}
    assert [row.split()[2] for row in cluster.ctl(
        "get", "pods", "--no-headers").out.splitlines()] == ["Completed"] * 3
    assert reasons(cluster, "once").count("SuccessfulCreate") >= 1
    assert "Completed" in reasons(cluster, "once")
    assert cluster.ctl("get", "dj", "-o", "name").out == "daemonjob.muster.dev/once\n"
    assert "daemonjobs" in cluster.ctl("api-resources").out
    assert "3 Succeeded / 0 Failed / 3 Desired" in cluster.ctl("describe", "dj", "once").out
    why = cluster.ctl("why", "dj/once", "--node", "node-1").out
    assert why.startswith("succeeded ") and "not run again" in why, why

    # Nothing is left of it but the record and the logs, and nothing makes it run again.
    assert cluster.apply(job).out == "daemonjob.muster.dev/once unchanged\n"
    changed = json.loads(json.dumps(job))
    changed["spec"]["template"]["spec"]["containers"][0]["command"] = ["true"]
    refused = cluster.apply(changed, check=False)
    assert refused.code == 1 and "spec.template: Invalid value" in refused.err, refused
    assert "field is immutable" in refused.err

    cluster.ctl("delete", "pods", "-l", "muster.dev/daemonjob=once")
    cluster.testbed("kill", "control", "coordinator")
    cluster.testbed("kill", "node-1", "agent")
    cluster.testbed("start", "node-1", "agent")
    wait_until(cluster.answers, 30)
    cluster.wait_nodes_ready(*nodes)
    stays(lambda: not pods_of(cluster, "once"), 3, "it runs a second time")
    assert [len(runs(cluster, node, "once")) for node in nodes] == [1, 1, 1]
    assert condition(cluster, "once", "Complete")["status"] == "True"


def test_finished_pods_and_their_logs_outlive_the_agent(cluster, nodes):
    cluster.apply(daemonjob("lasting", "echo said by $NODE", policy="OnFailure"))
    wait_for(cluster, "lasting", "Complete")
    before = {pod["metadata"]["name"]: pod["status"] for pod in pods_of(cluster, "lasting")}
    for _ in range(3):
        cluster.testbed("kill", "node-2", "agent")
        cluster.testbed("start", "node-2", "agent")
        cluster.wait_nodes_ready(*nodes)
    stays(lambda: {p["metadata"]["name"]: p["status"]
                   for p in pods_of(cluster, "lasting")} == before, 3, "a finished pod changed")
    said = cluster.ctl("logs", "dj/lasting", "--all-pods").out
    assert sorted(said.splitlines()) == [f"said by {node}" for node in nodes]


def test_a_node_that_joins_later_runs_it_and_takes_its_record_away(cluster, nodes):
    cluster.apply(daemonjob("joined", "echo $NODE"))
    wait_for(cluster, "joined", "Complete")
    cluster.testbed("add", "node-4")
    wait_until(lambda: status(cluster, "joined")["succeeded"] == 4, 60, "node-4 ran it")
    assert cluster.row("dj", "joined")[1:3] == ["Complete", "4/4"]

    cluster.testbed("remove", "node-4")
    cluster.ctl("delete", "node", "node-4")
    wait_until(lambda: "node-4" not in records(cluster, "joined"), 20, "its record is gone")
    assert condition(cluster, "joined", "Complete")["message"] == "3 of 3 nodes succeeded"


def test_a_failing_node_is_tried_again_and_then_named_with_its_exit_code(cluster, nodes):
    forget_runs(cluster, nodes, "flaky")
    cluster.apply(daemonjob(
        "flaky", f"{RAN}; [ $NODE != node-2 ] || {{ echo no disk here; exit 7; }}",
        backoffLimit=1))
    wait_until(lambda: records(cluster, "flaky").get("node-2", {}).get("failures") == 1, 30,
               "the first failure is written down")
    assert condition(cluster, "flaky", "Failed")["status"] == "False"
    assert cluster.ctl("why", "dj/flaky", "--node=node-2").out.startswith("tried again in ")
    wait_for(cluster, "flaky", "Failed")

    assert cluster.row("dj", "flaky")[1:5] == ["Failed", "2/3", "0", "1"]
    record = records(cluster, "flaky")["node-2"]
    assert (record["outcome"], record["failures"], record["exitCode"], record["container"]) == \
        ("Failed", 2, 7, "main")
    assert len(runs(cluster, "node-2", "flaky")) == 2
    failed = condition(cluster, "flaky", "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert failed["message"] == "1 node failed: node-2 (container main: exit code 7)"
    assert "BackoffLimitExceeded" in reasons(cluster, "flaky")
    assert any(line.split()[:4] == ["node-2", "Failed", "2", "7"]
               for line in cluster.ctl("describe", "dj", "flaky").out.splitlines())
    why = cluster.ctl("why", "dj/flaky", "--node=node-2").out
    assert why.startswith("failed: 2 runs failed, the last one with container main: exit code 7")
    assert "no disk here" in why, why

    # Another try, for which there is no other way than a higher limit.
    cluster.apply(daemonjob(
        "flaky", f"{RAN}; [ $NODE != node-2 ] || {{ echo no disk here; exit 7; }}",
        backoffLimit=2))
    wait_until(lambda: len(runs(cluster, "node-2", "flaky")) == 3, 30, "node-2 got its try")
    wait_for(cluster, "flaky", "Failed")
    assert [len(runs(cluster, node, "flaky")) for node in ("node-1", "node-3")] == [1, 1]


def test_with_on_failure_the_container_is_started_again_in_place(cluster, nodes):
    forget_runs(cluster, nodes, "again")
    cluster.apply(daemonjob("again", f"{RAN}; [ $(wc -l < /runs/again.runs) -ge 2 ] || exit 4",
                            policy="OnFailure"),
                  daemonjob("never", "exit 9", policy="OnFailure", backoffLimit=0,
                            template={"nodeSelector": {"kubernetes.io/hostname": "node-3"}}))
    wait_for(cluster, "again", "Complete")
    for node in nodes:
        assert len(runs(cluster, node, "again")) == 2
        assert len(set(runs(cluster, node, "again"))) == 1, "it was another pod"
    # Its pod would go on for ever, so it is stopped.
    wait_for(cluster, "never", "Failed")
    assert records(cluster, "never")["node-3"]["exitCode"] == 9
    wait_until(lambda: not pods_of(cluster, "never"), 30, "the pod was stopped")


def test_a_coordinator_that_is_killed_in_the_middle_changes_nothing(cluster, nodes):
    def kill():
        cluster.testbed("kill", "control", "coordinator")
        wait_until(cluster.answers, 30)

    for node in nodes:
        cluster.on(node, "rm", "-f", f"{RUNS}/slow.runs", f"{RUNS}/slow.go")
    cluster.apply(daemonjob(
        "slow", f"{RAN}; while [ ! -e /runs/slow.go ]; do sleep 0.1; done; {RAN}", parallelism=1))
    for done, node in enumerate(nodes):
        # While it is started, while it runs, and while its end is written down.
        kill()
        wait_until(lambda node=node: len(runs(cluster, node, "slow")) == 1, 60, f"{node} runs it")
        kill()
        assert [len(runs(cluster, other, "slow")) for other in nodes[done + 1:]] == \
            [0] * (len(nodes) - done - 1), "two ran at once"
        cluster.on(node, "touch", f"{RUNS}/slow.go")
        kill()
    wait_for(cluster, "slow", "Complete")
    kill()
    for node in nodes:
        ran = runs(cluster, node, "slow")
        assert len(ran) == 2 and ran[0] == ran[1] == records(cluster, "slow")[node]["pod"], ran
        cluster.on(node, "rm", "-f", f"{RUNS}/slow.go")
    assert len(pods_of(cluster, "slow")) == 3


def test_suspending_stops_it_and_resuming_runs_what_is_left(cluster, nodes):
    forget_runs(cluster, nodes, "paused")
    command = f"trap 'exit 0' TERM; {RAN}; [ $NODE = node-1 ] || {{ sleep 1000 & wait; }}"
    cluster.apply(daemonjob("paused", command))
    wait_until(lambda: status(cluster, "paused").get("succeeded") == 1
               and len(runs(cluster, "node-3", "paused")) == 1
               and len(runs(cluster, "node-2", "paused")) == 1, 30, "node-1 is done")
    cluster.apply(daemonjob("paused", command, suspend=True))
    wait_until(lambda: len(pods_of(cluster, "paused")) == 1, 30, "the others are stopped")
    assert cluster.row("dj", "paused")[1:4] == ["Suspended", "1/3", "0"]
    # They ended with exit code 0, but it was we who ended them.
    assert "node-2" not in records(cluster, "paused")

    cluster.apply(daemonjob("paused", command, suspend=False))
    wait_until(lambda: len(runs(cluster, "node-2", "paused")) == 2
               and len(runs(cluster, "node-3", "paused")) == 2, 30, "they run anew")
    assert len(runs(cluster, "node-1", "paused")) == 1
    assert {"Suspended", "Resumed"} <= set(reasons(cluster, "paused"))

    # What is deleted goes with all its pods.
    cluster.ctl("delete", "dj", "paused", "--cascade=foreground", "--timeout=60s", timeout=90)
    assert not pods_of(cluster, "paused")


def test_a_run_that_a_power_loss_ended_is_repeated(cluster, nodes):
    forget_runs(cluster, nodes, "power")
    cluster.apply(daemonjob("power", f"{RAN}; [ -e /runs/power.go ] || sleep 1000",
                            template={"nodeSelector": {"kubernetes.io/hostname": "node-2"}}))
    wait_until(lambda: len(runs(cluster, "node-2", "power")) == 1, 30, "it runs")
    cluster.testbed("kill", "node-2")
    cluster.testbed("start", "node-2")
    # The host's /run is new after the boot.
    wait_until(lambda: records(cluster, "power").get("node-2", {}).get("failures") == 1, 90,
               "the run counts as failed")
    cluster.on("node-2", "mkdir", "-p", RUNS)
    cluster.on("node-2", "touch", f"{RUNS}/power.go")
    wait_for(cluster, "power", "Complete")
    cluster.on("node-2", "rm", "-f", f"{RUNS}/power.go")


def test_it_goes_when_its_time_is_over_and_plan_tells_before(cluster, nodes):
    job = daemonjob("brief", "true", parallelism="50%", ttlSecondsAfterFinished=3)
    text = json.dumps(job)
    planned = cluster.ctl("plan", "-f", "-", stdin=text).out
    assert planned.startswith("daemonjob.muster.dev/brief would be created (2 of 3 nodes at once)")
    assert "in all: create 3" in planned
    dry = cluster.ctl("apply", "-f", "-", "--dry-run=server", stdin=text).out
    assert dry == "daemonjob.muster.dev/brief created (server dry run)\n"
    cluster.ctl("apply", "-f", "-", stdin=text)
    wait_for(cluster, "brief", "Complete")
    cluster.ctl("wait", "dj/brief", "--for=delete", "--timeout=30s")
    wait_until(lambda: not pods_of(cluster, "brief"), 20, "its pods went with it")


def test_what_makes_no_sense_is_refused_all_at_once(cluster):
    job = daemonjob("bad", "true", policy="Always", parallelism="many", backoffLimit=-1)
    refused = cluster.apply(job, check=False)
    assert refused.code == 1
    for problem in ('spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", '
                    '"Never"', "spec.parallelism: Invalid value", "spec.backoffLimit: Invalid"):
        assert problem in refused.err, refused
    unknown = dict(daemonjob("odd", "true"))
    unknown["spec"]["paralelism"] = 1
    refused = cluster.apply(unknown, check=False)
    assert refused.code == 1 and "parallelism" in refused.err, refused
