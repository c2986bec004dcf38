"""docs/operations.md: all of its commands, as they stand there, on hosts of their own."""

import json

import pytest
from machines import AGENT, COORDINATOR, HOST_SETTINGS
from operations_page import PAGE, Story, blocks
from testbed import daemonset, wait_until, with_settings

CONTROL, NODE, NEW = HOSTS = ("node-3", "node-4", "node-5")
DATABASE = "/var/lib/muster/coordinator/muster.db"


def test_a_block_of_commands_without_its_host_is_found():
    assert blocks(PAGE.read_text())
    for bad in ("```sh\nls\n```\n", "```console\n$ ls\n```\n", "```sh somewhere\nls\n```\n",
                "text:\n\n    ls\n"):
        with pytest.raises(ValueError):
            blocks(bad)
    (block,) = blocks("# One\n```sh node\nls\n```\n")
    assert (block.section, block.host, block.text) == ("One", "node", "ls\n")


@pytest.fixture
def bare(machines):
    """Three hosts without Muster, with its packages of two versions and its tarball."""
    for host in HOSTS:
        machines.testbed("add", host, "--no-join", timeout=180)
        # The administrator's yes.
        machines.write(host, "/etc/apt/apt.conf.d/99yes", 'APT::Get::Assume-Yes "true";\n')
        for name, debs in (("now", machines.debs()), ("next", machines.next_debs())):
            for package in ("muster-agent", "muster-coordinator", "muster-ctl"):
                machines.copy(host, debs[package], f"/root/{name}")
    for tarball in machines.packages("deb").parent.glob("muster-*.tar.gz"):
        machines.copy(NEW, tarball, "/root/now")
    yield machines
    for host in HOSTS:
        machines.testbed("remove", host)


class Fleet(Story):
    """The story's own fleet, which the testbed knows nothing of."""

    def ctl(self, *args, timeout=90):
        return self.machines.on(self.hosts["control"], "musterctl", *args, timeout=timeout).out

    def run_daemons(self):
        self.machines.write(self.hosts["control"], "/root/web.json", json.dumps(daemonset("web")))
        self.ctl("apply", "-f", "/root/web.json")
        self.await_daemons()

    def await_daemons(self):
        self.ctl("wait", f"node/{NODE}", "--for=condition=Ready", "--timeout=60s")
        self.ctl("rollout", "status", "ds/web", "--timeout=60s")

    def tasks(self):
        found = self.machines.tasks(NODE)
        assert found
        return found

    def join(self, printed):
        """The line that `token create` printed, run on the node as it is."""
        said = self.machines.on(NODE, *printed.split()).out
        assert f"This host is node {NODE}" in said, said


def test_every_command_of_the_page_does_what_it_says(bare):
    machines = bare
    fleet = Fleet(machines, {"control": CONTROL, "node": NODE, "new": NEW})
    fleet.words = {"node-1": NODE, "new-host": NEW}
    install_and_join(machines, fleet)
    look_and_set(machines, fleet)
    go_up_and_down_a_version(machines, fleet)
    lose_and_restore(machines, fleet)
    leave(machines, fleet)
    assert not fleet.left, f"never run: {fleet.left}"


def install_and_join(machines, fleet):
    assert f"Agents: will look for it at {CONTROL}:7440" in fleet.tell("Install")
    settings = machines.host_root(NODE) / "etc/muster/agent.yaml"
    settings.write_text(with_settings(settings.read_text(), HOST_SETTINGS.read_text()))
    fleet.join(fleet.tell("Join", 1))
    said = fleet.tell("Join")
    assert "0 problems" in said and f"{NODE}   Ready" in said, said
    fleet.run_daemons()

    said = fleet.tell("Without packages", 1)
    assert f"muster-agent join {NEW}:7440" in said, said
    assert machines.is_active(NEW, COORDINATOR)
    fleet.tell("Without packages")
    for unit in (AGENT, COORDINATOR):
        assert machines.show(NEW, unit, "LoadState")["LoadState"] == "not-found"


def look_and_set(machines, fleet):
    pod = fleet.ctl("get", "pods", "-o", "name").split("/")[1].strip()
    fleet.words["web-x7k2p"] = pod
    said = fleet.tell("What is going on")
    for expected in ("1 agent connected", "session of agent", f"pod default/{pod}: Started",
                     "1 pod, 1 ready; coordinator connected", "Checkpoint:"):
        assert expected in said, said
    assert "muster_agent_pods_ready 1" in fleet.tell("Metrics")
    before = fleet.tasks()
    fleet.tell("Settings")
    said = fleet.tell("What has to wait for the daemons of a host")
    assert "active" in said, said

    settings = machines.host_root(NODE) / "etc/muster/agent.yaml"
    settings.write_text(settings.read_text() + fleet.settings("Shutdown"))
    fleet.tell("Shutdown")
    wait_until(lambda: "muster-agent" in machines.on(NODE, "systemd-inhibit", "--list").out, 20)
    fleet.await_daemons()
    assert fleet.tasks() == before


def go_up_and_down_a_version(machines, fleet):
    before = fleet.tasks()
    fleet.directory = "/root/next"
    fleet.tell("Upgrade", 2)
    fleet.await_daemons()
    assert "0.9.9" in fleet.tell("Upgrade", 1)
    fleet.directory = "/root/now"
    fleet.tell("Upgrade")
    fleet.await_daemons()
    assert "0.9.9" not in fleet.ctl("get", "nodes", "-o", "wide")
    assert fleet.tasks() == before


def lose_and_restore(machines, fleet):
    before = fleet.tasks()
    assert "objects at revision" in fleet.tell("Backup")
    machines.copy(NEW, machines.host_root(CONTROL) / "var/backups/fleet", "/var/backups")
    machines.testbed("kill", CONTROL)
    fleet.tell("Restore")
    fleet.hosts["control"] = NEW
    fleet.await_daemons()
    assert fleet.tasks() == before

    machines.on(NEW, "systemctl", "stop", COORDINATOR)
    store = machines.host_root(NEW) / DATABASE.lstrip("/")
    text = store.read_bytes()
    store.write_bytes(text[:4096] + b"?" * 2000 + text[6096:])
    machines.on(NEW, "systemctl", "start", COORDINATOR, check=False)
    section = "A coordinator that does not start says why"
    assert "is damaged" in fleet.tell(section, 1)
    assert "objects at revision" in fleet.tell(section)
    fleet.await_daemons()
    assert fleet.tasks() == before

    machines.on(NEW, "apt", "purge", "muster-coordinator", timeout=120)
    fleet.again("Install")
    section = "A fleet whose store is lost, without a backup"
    assert fleet.tasks() == before, "the nodes run on until they are brought over"
    assert "No pod is left" in fleet.tell(section, 1)
    fleet.join(fleet.tell(section, 1))
    fleet.tell(section)
    fleet.run_daemons()

    machines.testbed("kill", NODE)
    fleet.tell("A node that does not come back")
    machines.testbed("start", NODE)
    wait_until(lambda: "was removed from the cluster" in machines.journal(
        NODE, "-b", f"_SYSTEMD_UNIT={AGENT}"), 60)
    wait_until(lambda: not machines.tasks(NODE), 60)


def leave(machines, fleet):
    fleet.join(fleet.ctl("token", "create"))
    machines.on(NODE, "systemctl", "restart", AGENT)
    fleet.await_daemons()
    assert "keep running" in fleet.tell("Uninstall", 1)
    assert fleet.tasks()
    assert "No pod is left" in fleet.tell("Uninstall", 1)
    assert not machines.tasks(NODE)
    fleet.tell("Uninstall", 1)

    # The control host is also one to try it on; then nothing of it is left.
    fleet.tell("One host to try it on")
    fleet.ctl("wait", f"node/{NEW}", "--for=condition=Ready", "--timeout=60s")
    fleet.ctl("rollout", "status", "ds/web", "--timeout=60s")
    assert machines.tasks(NEW)
    assert "No pod is left" in fleet.tell("Uninstall")
    assert not machines.tasks(NEW)
    for path in ("/var/lib/muster", "/etc/muster"):
        assert machines.on(NEW, "test", "-e", path, check=False).code == 1
