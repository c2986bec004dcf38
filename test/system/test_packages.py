"""Installing, joining, removing and purging, as an administrator does it."""

import re

import pytest
from machines import AGENT, COORDINATOR
from testbed import daemonset, identity, only_on, wait_until


@pytest.fixture
def spare(machines):
    """A host that has nothing of Muster yet; it is thrown away after the test."""
    machines.testbed("add", "node-3", "--no-join", timeout=180)
    yield "node-3"
    machines.testbed("remove", "node-3")
    machines.ctl("delete", "node", "node-3", check=False)


def test_installed_it_waits_for_being_joined_and_says_so(machines, spare):
    machines.install(spare, "muster-agent")
    shown = machines.show(spare, AGENT, "ActiveState", "UnitFileState")
    assert shown == {"ActiveState": "inactive", "UnitFileState": "disabled"}

    # Whoever starts it anyway reads why it does not, once.
    assert machines.on(spare, "systemctl", "start", AGENT, check=False).code != 0
    shown = machines.show(spare, AGENT, "ActiveState", "NRestarts", "ExecMainStatus")
    assert shown == {"ActiveState": "failed", "NRestarts": "0", "ExecMainStatus": "78"}
    assert "join" in machines.journal(spare, f"_SYSTEMD_UNIT={AGENT}")

    doctor = machines.on(spare, "muster-agent", "doctor", check=False)
    assert doctor.code == 1 and "has not joined" in doctor.out, doctor
    assert "container runtime: containerd 1." in doctor.out, doctor

    line = machines.ctl("token", "create").out.split()
    joined = machines.on(spare, *line)
    assert "This host is node node-3 of the coordinator at control:7440" in joined.out, joined
    assert "container runtime: containerd 1." in joined.out, joined
    assert "systemctl enable --now muster-agent" in joined.out, joined
    machines.on(spare, "systemctl", "enable", "--now", AGENT)
    machines.wait_nodes_ready(spare)
    doctor = machines.on(spare, "muster-agent", "doctor", check=False)
    assert doctor.code == 0 and "0 problems" in doctor.out, doctor


def test_init_says_what_it_found_and_what_comes_next(machines):
    said = machines.on("control", "muster-coordinator", "init")
    assert "Agents: will look for it at control:7440" in said.out, said
    assert "a coordinator is running" in said.out and "musterctl token create" in said.out, said
    machines.on("control", "systemctl", "stop", COORDINATOR)
    try:
        said = machines.on("control", "muster-coordinator", "init")
        assert "starts at each boot, but does not run now" in said.out, said
        assert "systemctl enable --now muster-coordinator" in said.out, said
    finally:
        machines.on("control", "systemctl", "start", COORDINATOR)


def test_a_removed_package_leaves_the_pods_and_one_installed_again_finds_them(machines):
    machines.apply(daemonset("web", nodeSelector=only_on("node-1")))
    before = identity(machines.wait_ready("web", ["node-1"])["node-1"])
    tasks = machines.tasks("node-1")
    removed = machines.on("node-1", "dpkg", "-r", "muster-agent", timeout=120)
    try:
        assert "keep running" in removed.text, removed
        assert machines.tasks("node-1") == tasks
        assert machines.on("node-1", "test", "-e", "/var/lib/muster/agent/pki/node.key").code == 0
    finally:
        machines.install("node-1", "muster-agent")
        machines.on("node-1", "systemctl", "enable", "--now", AGENT)
    machines.wait_nodes_ready("node-1")
    assert machines.tasks("node-1") == tasks
    assert identity(machines.wait_ready("web", ["node-1"])["node-1"]) == before


def test_an_upgrade_starts_the_daemons_anew_and_touches_no_pod(machines):
    machines.apply(daemonset("web"))
    nodes = ["node-1", "node-2"]
    before = {n: identity(p) for n, p in machines.wait_ready("web", nodes).items()}
    for host, unit in (("node-1", AGENT), ("control", COORDINATOR)):
        pid = machines.pid(host, unit)
        machines.install(host, unit.removesuffix(".service"))
        machines.await_new_pid(host, unit, pid)
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*nodes)
    assert {n: identity(p) for n, p in machines.wait_ready("web", nodes).items()} == before


def test_a_purge_leaves_nothing(machines, spare):
    def files():
        return set(machines.shell(spare, """
            find / -xdev \\( -iname '*muster*' -o -path '*/multi-user.target.wants/*' \\) \\
              -not -path '/proc/*' -not -path '/var/tmp/*' -not -path '/var/log/journal/*' \\
              2>/dev/null; find /run -iname '*muster*' 2>/dev/null; true""").out.split())

    before = files()
    machines.install(spare, "muster-agent", "muster-coordinator", "muster-ctl")
    machines.on(spare, *machines.ctl("token", "create").out.split())
    machines.on(spare, "systemctl", "enable", "--now", AGENT)
    machines.wait_nodes_ready(spare)
    assert machines.is_active(spare, COORDINATOR)
    assert files() - before
    machines.on(spare, "dpkg", "--purge", "muster-agent", "muster-coordinator", "muster-ctl",
                timeout=120)
    assert files() - before == set()
    for unit in (AGENT, COORDINATOR, "muster-agent.socket", "muster-coordinator.socket"):
        shown = machines.show(spare, unit, "LoadState", "ActiveState")
        assert shown == {"LoadState": "not-found", "ActiveState": "inactive"}, unit


def test_the_rpms_do_with_systemd_what_the_debs_do(machines, spare):
    rpms = machines.rpms()
    for name in ("muster-agent", "muster-coordinator"):
        (machines.host_root(spare) / f"var/tmp/{name}.rpm").write_bytes(rpms[name].read_bytes())
    rpm = ["rpm", "--force-debian", "--nodeps"]
    machines.on(spare, *rpm, "-i", "/var/tmp/muster-agent.rpm", "/var/tmp/muster-coordinator.rpm")
    shown = machines.show(spare, AGENT, "ActiveState", "UnitFileState")
    assert shown == {"ActiveState": "inactive", "UnitFileState": "disabled"}
    shown = machines.show(spare, COORDINATOR, "ActiveState", "UnitFileState")
    assert shown == {"ActiveState": "active", "UnitFileState": "enabled"}

    machines.on(spare, *machines.ctl("token", "create").out.split())
    machines.on(spare, "systemctl", "enable", "--now", AGENT)
    machines.wait_nodes_ready(spare)
    removed = machines.on(spare, *rpm, "-e", "muster-agent", "muster-coordinator")
    assert "keep running" in removed.text, removed
    for unit in (AGENT, COORDINATOR, "muster-agent.socket", "muster-coordinator.socket"):
        assert machines.show(spare, unit, "LoadState", "ActiveState") == {
            "LoadState": "not-found", "ActiveState": "inactive"}


# Each prints what the shell would offer after the words that it is given.
COMPLETION = {
    "bash": """
        . /usr/share/bash-completion/completions/musterctl
        COMP_LINE="musterctl $1" COMP_POINT=$((10 + ${#1}))
        _musterctl
        printf '%s\\n' "${COMPREPLY[@]}" """,
    # What zsh would show is what the function describes to it.
    "zsh": """
        _describe() { print -l -- "${(@P)2}" }
        _files() { }
        words=(musterctl ${(z)1}) CURRENT=$#words
        source /usr/share/zsh/vendor-completions/_musterctl""",
    "fish": """
        source /usr/share/fish/vendor_completions.d/musterctl.fish
        complete -C "musterctl $argv[-1]" """,
}


@pytest.mark.parametrize("shell", list(COMPLETION))
def test_the_shell_completes_names_of_what_there_is(machines, shell):
    machines.apply(daemonset("web", nodeSelector=only_on("node-1")))
    machines.wait_ready("web", ["node-1"])

    def completed(words):
        said = machines.on("control", shell, "-c", COMPLETION[shell], "-", words).out
        start = words.split()[-1].split("=")[-1]
        found = [re.split("[:\t]", line)[0].split("=")[-1] for line in said.splitlines()]
        return [word for word in found if word.startswith(start)]  # As zsh does afterwards.

    assert completed("rollout pau") == ["pause"]
    assert completed("rollout undo ds/w") == ["ds/web"]
    assert completed("drain node-") == ["node-1", "node-2"]
    assert completed("get pods -n def") == ["default"]
    if shell == "bash":
        assert completed("get pods --output=ya") == ["yaml"]


def test_every_program_and_command_has_its_manual_page(machines):
    def pages(host, package):
        listed = machines.on(host, "dpkg", "-L", package).out
        return {match[1] for match in re.finditer(r"/man[18]/(.*)\.[18]\.gz$", listed, re.M)}

    def commands(program):
        """What may follow, all the way down, as its own help lists it."""
        help_text = machines.on("control", *program, "--help").out
        listed = re.search(r"^Subcommands:\n((?:  .*\n|\n)+)", help_text, re.M)
        found = {"-".join(program)}
        for line in listed[1].splitlines() if listed else []:
            if match := re.match(r"  ([a-z][a-z-]*)", line):
                found |= commands((*program, match[1]))
        return found

    wanted = commands(("musterctl",))
    assert {"musterctl-get", "musterctl-rollout-status"} <= wanted
    assert wanted - pages("control", "muster-ctl") == set()
    assert "muster-coordinator" in pages("control", "muster-coordinator")
    assert {"muster-agent", "muster-agent-doctor"} <= pages("node-1", "muster-agent")
    shown = machines.shell("control", "MANPAGER=cat man musterctl-rollout-status").out
    assert "--timeout" in shown, shown
