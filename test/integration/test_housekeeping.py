"""What a node tidies up."""

import contextlib
import os
import subprocess

from testbed import daemonset, identity, only_on, wait_until


def own_etc(cluster, host):
    """The host's /etc/muster, as this machine sees it."""
    return cluster.state / "hosts" / host / "etc-own/muster"


@contextlib.contextmanager
def agent_settings(cluster, host, text):
    """Runs the host's agent with these settings, and after that as it was."""
    path = own_etc(cluster, host) / "agent.yaml"
    before = path.read_text()

    def restart(content):
        cluster.testbed("stop", host, "agent")
        path.write_text(content)
        cluster.testbed("start", host, "agent")
        cluster.wait_nodes_ready(host)

    restart(before + text)
    try:
        yield
    finally:
        restart(before)


# Numbered lines of some length, about fifty in a second.
COUNTING = ("trap 'exit 0' TERM; i=0; pad=$(printf '%0400d' 0); "
            "while :; do i=$((i+1)); echo $i $pad; sleep 0.02; done")


def numbers(text):
    return [int(line.split()[0]) for line in text.splitlines() if line]


def test_logs_are_rotated_and_a_follower_loses_and_repeats_nothing(cluster):
    with agent_settings(cluster, "node-1", "containerLogMaxSize: 32Ki\n"
                        "containerLogMaxFiles: 3\ncontainerLogMonitorInterval: 1s\n"):
        cluster.apply(daemonset("counting", ["sh", "-c", COUNTING],
                                nodeSelector=only_on("node-1")))
        pod = cluster.wait_ready("counting", ["node-1"])["node-1"]
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        logs = cluster.host_root("node-1") / f"var/log/pods/default_{name}_{uid}/main"

        seen = []
        with subprocess.Popen(cluster.ctl_command("logs", "-f", name), text=True,
                              stdout=subprocess.PIPE, env=cluster.env) as follower:
            for line in follower.stdout:
                seen.append(int(line.split()[0]))
                if seen[-1] >= 800:
                    break
            follower.kill()
        assert seen == list(range(1, 801))

        def settled():
            files = sorted(os.listdir(logs))
            packed = [f for f in files if f.endswith(".gz")]
            return len(files) == 3 and len(packed) == 1 and files[0] == "0.log" and files

        files = wait_until(settled, 20, "three files, the oldest of them compressed")
        assert all((logs / f).stat().st_size < 200 << 10 for f in files), files
        # Nothing between the file that is written and the one before it.
        wait_until(lambda: (logs / "0.log").exists(), 5)
        tail = numbers(cluster.ctl("logs", name, "--tail=3").out)
        assert tail == list(range(tail[0], tail[0] + len(tail))) and len(tail) <= 3

        # An agent that is killed between renaming and opening anew leaves this to the next one.
        cluster.testbed("kill", "node-1", "agent")
        os.rename(logs / "0.log", logs / "0.log.20200101-000000")
        cluster.testbed("start", "node-1", "agent")
        cluster.wait_nodes_ready("node-1")
        wait_until(lambda: (logs / "0.log").exists(), 20, "the log is there again")
        assert identity(cluster.pod("counting", "node-1")) == identity(pod)


def test_previous_log_of_a_container_that_waits_for_its_restart(cluster):
    cluster.apply(daemonset("failing", ["sh", "-c", "echo last words; exit 1"],
                            nodeSelector=only_on("node-1")))
    name = wait_until(lambda: cluster.pod("failing", "node-1"), 20)["metadata"]["name"]
    wait_until(lambda: cluster.row("pods", "-l", "app=failing")[2] == "CrashLoopBackOff", 30)
    wait_until(lambda: cluster.ctl("logs", "-p", name, check=False).out == "last words\n", 10)
