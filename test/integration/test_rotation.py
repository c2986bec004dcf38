"""Certificates, their CA and the sealing key change while everything runs, and nobody notices."""

import datetime
import re

import pytest
from testbed import BUILD, container_status, daemonset, identity, run, with_settings, wait_until

LIFETIME = 60  # Seconds that a node's certificate is good for in these tests.
GAP_MAX = 2.0  # Seconds that a node may be without a session.
PASSWORD = "hunter2-hunter2"


@pytest.fixture(name="hasty")
def fixture_hasty(cluster):
    """The cluster with certificates that live for a minute; each node has one."""
    config = cluster.host_etc("control") / "coordinator.yaml"
    before = config.read_text() if config.exists() else ""
    config.write_text(with_settings(
        before, f"nodeCertificateLifetime: {LIFETIME}s\nnodeReturnWindow: 1h\n"))
    restart(cluster)
    # People have certificates of the old CA for as long as they are; those of other tests do.
    for line in cluster.ctl("user", "list").out.splitlines()[1:]:
        cluster.ctl("user", "delete", line.split()[0])
    yield cluster
    config.write_text(before)
    restart(cluster)


def restart(cluster):
    cluster.testbed("kill", "control", "coordinator")
    wait_until(cluster.answers, 30)
    cluster.wait_nodes_ready("node-1", "node-2", "node-3")


def pki(cluster, node, name):
    return cluster.host_root(node) / "var/lib/muster/agent/pki" / name


def certificate(cluster, node):
    return pki(cluster, node, "node.crt").read_text()


def has_expired(cluster, node):
    return run("openssl", "x509", "-checkend", "0", "-noout",
               "-in", pki(cluster, node, "node.crt")).code != 0


def trusted(cluster, node):
    return pki(cluster, node, "ca.crt").read_text().count("BEGIN CERTIFICATE")


def sealing_key(cluster, node):
    """By what its Node says, which is what its agent said last."""
    return cluster.get("node", node)["metadata"]["annotations"]["muster.dev/sealing-key"]


def steady(cluster, nodes):
    """What must stay as it is of the pods that have nothing to do with any of this."""
    return {node: identity(cluster.pod("steady", node)) for node in nodes}


def end_container(cluster, node, expected):
    """Ends the container of `bouncy` behind the agent's back; the restart has to be told of."""
    container = container_status(cluster.pod("bouncy", node))["containerID"].split("//")[1]
    cluster.on(node, "ctr", "-n", "k8s.io", "tasks", "kill", "-s", "KILL", container)
    wait_until(lambda: container_status(cluster.pod("bouncy", node))["restartCount"] == expected,
               60, f"restart {expected} of bouncy on {node} is told of")


def session_gaps(log):
    """Seconds between the end of each session and the next one of that node, from the log."""
    ended, gaps = {}, []
    for line in log.splitlines():
        match = re.match(r"(\S+Z) \S+ node (\S+): session (ends|of agent)", line)
        if not match:
            continue
        when = datetime.datetime.fromisoformat(match[1].rstrip("Z"))
        if match[3] == "ends":
            ended[match[2]] = when
        elif match[2] in ended:
            gaps.append((when - ended.pop(match[2])).total_seconds())
        else:  # It took over from one that had not been noticed to have ended.
            gaps.append(0.0)
    assert not ended, f"no session again: {ended}"
    return gaps


def test_certificates_ca_and_sealing_key_change_and_nobody_notices(hasty, nodes):
    cluster = hasty
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
              "stringData": {"password": PASSWORD}}
    volume = {"name": "db", "secret": {"secretName": "db"}}
    mount = {"volumeMounts": [{"name": "db", "mountPath": "/db"}]}
    cluster.apply(secret, daemonset("steady", container=mount, volumes=[volume]),
                  daemonset("bouncy"))
    cluster.wait_ready("steady", nodes)
    cluster.wait_ready("bouncy", nodes)
    before = steady(cluster, nodes)
    log_from = len(cluster.logs_of("control", "coordinator"))
    first = {node: certificate(cluster, node) for node in nodes}

    # The CA: both are trusted, every node gets a certificate of the new one.
    old_hash = cluster.ctl("token", "create").out.split("--ca-hash ")[1].split()[0]
    cluster.ctl("ca", "rotate")
    refused = cluster.ctl("ca", "rotate", "--finish", check=False)
    assert refused.code == 1 and "depend on the old CA" in refused.err, refused
    assert "Node node-1" in refused.err, refused
    end_container(cluster, "node-1", 1)
    wait_until(lambda: "Nobody depends on the old CA" in cluster.ctl("ca", "status").out, 90,
               "every node has a certificate of the new CA")
    assert all(trusted(cluster, node) == 2 for node in nodes)
    second = {node: certificate(cluster, node) for node in nodes}
    assert all(first[node] != second[node] for node in nodes)
    cluster.ctl("ca", "rotate", "--finish")
    wait_until(lambda: all(trusted(cluster, node) == 1 for node in nodes), 30,
               "the nodes trust the old CA no longer")
    new_hash = cluster.ctl("token", "create").out.split("--ca-hash ")[1].split()[0]
    assert new_hash != old_hash
    end_container(cluster, "node-2", 1)

    # The sealing key.
    keys = cluster.ctl("seal", "status").out
    assert "1 Secret is sealed" in cluster.ctl("seal", "rotate").out
    assert cluster.ctl("seal", "status").out != keys
    state = cluster.host_root("control") / "var/lib/muster/coordinator"
    for path in state.glob("muster.db*"):
        assert PASSWORD.encode() not in path.read_bytes(), path
    for node in nodes:
        checkpoint = cluster.host_root(node) / "var/lib/muster/agent/checkpoint/assignment.log"
        assert PASSWORD.encode() not in checkpoint.read_bytes(), node
        assert b"\0MSEAL1" in checkpoint.read_bytes(), node

    # The nodes' own.
    node_keys = {node: sealing_key(cluster, node) for node in nodes}
    assert "3 nodes asked" in cluster.ctl("seal", "rotate", "--nodes").out
    wait_until(lambda: all(sealing_key(cluster, node) != node_keys[node] for node in nodes), 10,
               "every node seals with a new key")
    wait_until(lambda: "being replaced" not in cluster.ctl("seal", "status").out, 10)
    for node in nodes:
        checkpoint = cluster.host_root(node) / "var/lib/muster/agent/checkpoint/assignment.log"
        content = checkpoint.read_bytes()
        assert node_keys[node].encode() not in content, "something is sealed with the old key"
        assert sealing_key(cluster, node).encode() in content
        assert PASSWORD.encode() not in content
        key_file = pki(cluster, node, "sealing.key").read_text()
        assert len([line for line in key_file.splitlines() if not line.startswith("#")]) == 1
    # The nodes' certificates, by age alone.
    wait_until(lambda: all(certificate(cluster, node) != second[node] for node in nodes),
               LIFETIME, "every certificate is renewed before it ends")
    end_container(cluster, "node-3", 1)
    wait_until(lambda: cluster.ctl("seal", "status").out.count("seals") == 1, 10)

    assert steady(cluster, nodes) == before
    assert cluster.get("secret", "db")["data"]["password"]
    gaps = session_gaps(cluster.logs_of("control", "coordinator")[log_from:])
    assert len(gaps) >= 2 * len(nodes), gaps
    print(f"{len(gaps)} sessions were opened anew, the longest gap {max(gaps):.3f} s; "
          "0 pod restarts, 3 of 3 restarts of bouncy were told of")
    assert max(gaps) < GAP_MAX, gaps

    # What they kept can be opened by the next agents.
    sealed_with = sealing_key(cluster, "node-1")
    cluster.testbed("kill", "node-1", "agent")
    cluster.wait_nodes_ready("node-1")
    assert sealing_key(cluster, "node-1") == sealed_with
    assert steady(cluster, nodes) == before


def test_a_node_that_was_off_for_longer_than_its_certificate_comes_back(hasty, nodes):
    cluster = hasty
    # With one that lives for a minute.
    seen = certificate(cluster, "node-3")
    cluster.ctl("ca", "rotate")
    wait_until(lambda: certificate(cluster, "node-3") != seen, 90, "a short certificate is there")
    cluster.apply(daemonset("steady"))
    cluster.wait_ready("steady", nodes)
    before = steady(cluster, ["node-3"])
    cluster.testbed("stop", "node-3", "agent")
    wait_until(lambda: has_expired(cluster, "node-3"), LIFETIME + 10, "the certificate is over")
    cluster.testbed("start", "node-3", "agent")
    cluster.wait_nodes_ready("node-3", timeout=30)
    assert not has_expired(cluster, "node-3")
    cluster.wait_ready("steady", nodes, timeout=30)
    after = steady(cluster, ["node-3"])
    for each in (before, after):  # It was away, so it was not ready meanwhile.
        each["node-3"].pop("ready since")
    assert after == before
    wait_until(lambda: "Nobody depends" in cluster.ctl("ca", "status").out, 90)
    cluster.ctl("ca", "rotate", "--finish")


def test_a_revoked_node_is_cut_off_at_once_and_comes_back_with_a_token_only(cluster):
    log_from = len(cluster.logs_of("node-2", "agent"))
    assert "node/node-2 revoked" in cluster.ctl("node", "revoke", "node-2").out
    wait_until(lambda: "lost the coordinator" in cluster.logs_of("node-2", "agent")[log_from:], 5,
               "its session is cut")
    wait_until(lambda: "belongs to another key" in cluster.logs_of("node-2", "agent")[log_from:],
               15, "its certificate is refused")
    target, words = cluster.host_address("control"), cluster.ctl("token", "create").out.split()
    join = (BUILD / "agent/muster-agent", "join", f"{target}:7440", "--node-name", "node-2")
    refused = cluster.on("node-2", *join, *words[words.index("--token"):], check=False)
    assert refused.code == 1 and "exists already" in refused.text, refused
    words = cluster.ctl("token", "create", "--replace").out.split()
    cluster.on("node-2", *join, *words[words.index("--token"):])
    cluster.testbed("kill", "node-2", "agent")
    cluster.wait_nodes_ready("node-2", timeout=60)


def test_nobody_speaks_an_older_tls(cluster):
    address = f"{cluster.host_address('control')}:7440"

    def handshake(version):
        # What comes after the handshake is HTTP/2, which is no text.
        return run("bash", "-c", "set -o pipefail; openssl s_client -alpn h2 -connect "
                   f"{address} {version} 2>&1 | tr -cd '[:print:]\\n'", stdin="Q\n", timeout=20)

    new = handshake("-tls1_3")
    assert "Cipher is TLS_" in new.out, new
    old = handshake("-tls1_2")
    assert old.code != 0 and "Cipher is (NONE)" in old.out, old
