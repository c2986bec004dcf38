"""Who may do what, as an operator of a fleet meets it: users, roles, rights, tokens."""

import os
import stat

import pytest
from testbed import BUILD, daemonset, run, wait_until


def served_remotely(cluster):
    """Turns remoteAdmin on and waits for the coordinator to be back."""
    config = cluster.host_etc("control") / "coordinator.yaml"
    text = config.read_text() if config.exists() else ""
    if "remoteAdmin" in text:
        return
    config.write_text(text + "remoteAdmin: true\nviewerGroup: games\n")
    cluster.testbed("kill", "control", "coordinator")
    wait_until(cluster.answers, 30)


class Person:
    """A user with the file that `user create` wrote."""

    def __init__(self, cluster, folder, name, *flags):
        served_remotely(cluster)
        self.cluster = cluster
        self.file = folder / f"{name}.yaml"
        self.file.unlink(missing_ok=True)  # The command touches no file that is there.
        cluster.ctl("user", "create", name, *flags, "--replace", "--out", self.file)

    def ctl(self, *args, stdin=None):
        server = f"{self.cluster.host_address('control')}:7440"
        return run(BUILD / "ctl/musterctl", "--config", self.file, "--server", server, *args,
                   stdin=stdin, env=self.cluster.env, timeout=40)


@pytest.fixture(name="person")
def fixture_person(cluster, tmp_path):
    return lambda *args: Person(cluster, tmp_path, *args)


def test_an_operator_runs_daemons_and_is_shown_no_secret(cluster, person):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"},
              "stringData": {"password": "hidden-from-otto"}}
    cluster.apply(secret, daemonset("web"))
    cluster.wait_ready("web", ["node-1", "node-2", "node-3"])
    otto = person("otto", "--role", "operator")
    assert stat.S_IMODE(os.stat(otto.file).st_mode) == 0o600
    assert "otto" in otto.ctl("auth", "whoami").out
    assert otto.ctl("get", "nodes").code == 0
    assert otto.ctl("rollout", "restart", "ds/web").code == 0
    assert otto.ctl("cordon", "node-1").code == 0
    assert otto.ctl("uncordon", "node-1").code == 0
    denied = otto.ctl("get", "secret", "key", "-o", "yaml")
    assert denied.code == 1, denied
    assert denied.err == (
        'Error from server (Forbidden): secrets "key" is forbidden: User "otto" cannot get '
        'resource "secrets" in API group "" in the namespace "default"\n'), denied
    for words in (("get", "secrets", "-A"), ("describe", "secret", "key"), ("get", "secrets", "-w"),
                  ("token", "create"), ("user", "list"), ("delete", "node", "node-1")):
        denied = otto.ctl(*words)
        assert denied.code == 1 and "is forbidden: User \"otto\" cannot" in denied.err, denied
        assert "hidden-from-otto" not in denied.text
    assert otto.ctl("auth", "can-i", "delete", "ds").out == "yes\n"
    no = otto.ctl("auth", "can-i", "list", "secrets")
    assert (no.code, no.out) == (1, "no\n"), no


def test_exec_is_a_right_of_its_own(cluster, person):
    cluster.apply(daemonset("web"))
    pod = cluster.wait_ready("web", ["node-1", "node-2", "node-3"])["node-1"]["metadata"]["name"]
    words = ("exec", pod, "--", "echo", "inside")
    denied = person("otto", "--role", "operator").ctl(*words)
    assert denied.code == 1 and 'the right "exec" is missing' in denied.err, denied
    allowed = person("otto", "--role", "operator", "--allow", "exec").ctl(*words)
    assert (allowed.code, allowed.out) == (0, "inside\n"), allowed


def test_a_viewer_of_one_namespace_sees_that_and_no_more(cluster, person):
    cluster.apply(daemonset("web"))
    vera = person("vera", "--role", "viewer", "-n", "default")
    assert "web" in vera.ctl("get", "ds").out
    for words in (("get", "ds", "-A"), ("get", "ds", "-n", "kube-system"), ("get", "nodes"),
                  ("delete", "ds", "web"), ("label", "ds", "web", "a=b")):
        denied = vera.ctl(*words)
        assert denied.code == 1 and "is forbidden: User \"vera\"" in denied.err, denied


def test_a_user_that_is_deleted_or_replaced_is_refused_at_once(cluster, person, tmp_path):
    vera = person("vera", "--role", "viewer")
    old = tmp_path / "old.yaml"
    os.rename(vera.file, old)
    new = person("vera", "--role", "viewer")
    vera.file = old
    refused = vera.ctl("get", "ds")
    assert refused.code == 1 and "Unauthorized" in refused.err, refused
    assert new.ctl("get", "ds").code == 0
    cluster.ctl("user", "delete", "vera")
    refused = new.ctl("get", "ds")
    assert refused.code == 1 and "Unauthorized" in refused.err, refused


def test_members_of_the_group_look_through_the_local_socket(cluster):
    served_remotely(cluster)  # And the group is set.
    musterctl = (BUILD / "ctl/musterctl", "--server", "unix:/run/muster/coordinator.sock")
    member = ("env", "HOME=/nonexistent",
              "setpriv", "--reuid", "65534", "--regid", "60", "--clear-groups")
    who = cluster.on("control", *member, *musterctl, "auth", "whoami")
    assert "viewer" in who.out, who
    assert cluster.on("control", *member, *musterctl, "get", "nodes").code == 0
    denied = cluster.on("control", *member, *musterctl, "delete", "node", "node-1", check=False)
    assert denied.code == 1 and "is forbidden" in denied.err, denied
    stranger = ("env", "HOME=/nonexistent",
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    refused = cluster.on("control", *stranger, *musterctl, "get", "nodes", check=False)
    assert refused.code == 1 and "may not use the socket" in refused.err, refused
