"""Ports of the host: by the runtime's mappings and by the agent's own (zero-gap), seen from the
host itself, from another host and from pods."""

import json
import re
import subprocess

import pytest

from testbed import (REPO, container_status, daemonset, is_ready, only_on, run, stays, wait_until)

HOST, OTHER = "node-1", "node-2"
PORT, UDP_PORT = 18090, 18053
ZERO_GAP = "muster.dev/zero-gap"

# Answers with the name of its pod. As process 1 it takes no notice of SIGTERM, and so goes on until
# the grace period is over.
SERVER = "mkdir -p /www && echo $HOSTNAME > /www/index.html && exec httpd -f -p 8080 -h /www"
# A program in a host is out of reach once it runs: it has to end by itself.
ENDS_WITH_ITS_INPUT = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
"""
# The same over UDP, by a program of the host in the network of the pod.
UDP_SERVER = ENDS_WITH_ITS_INPUT + """
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 5353))
print("ready", flush=True)
while True:
    server.sendto(sys.argv[1].encode(), server.recvfrom(100)[1])
"""
# Sends from one port all the time, and prints each answer that is another one than before.
UDP_CLIENT = ENDS_WITH_ITS_INPUT + """
import socket, time
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(0.2)
client.connect((sys.argv[1], int(sys.argv[2])))
last = None
while True:
    try:
        client.send(b"x")
        answer = client.recv(100).decode()
    except OSError:
        continue
    if answer != last:
        print(answer, flush=True)
    last = answer
    time.sleep(0.02)
"""


def web(name="web", zero_gap=True, surge=True, version="1", node=HOST, **port):
    ports = [{"name": "http", "containerPort": 8080, "hostPort": PORT, **port},
             {"name": "udp", "containerPort": 5353, "hostPort": UDP_PORT, "protocol": "UDP",
              **port}]
    made = daemonset(
        name, ["sh", "-c", SERVER], nodeSelector=only_on(node), container={
            "ports": ports, "env": [{"name": "VERSION", "value": version}],
            "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}})
    if surge:
        made["spec"]["updateStrategy"] = {
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    if zero_gap:
        made["spec"]["template"]["metadata"]["annotations"] = {ZERO_GAP: "true"}
    return made


def fetch(cluster, host, url, *inside):
    return cluster.on(host, *inside, "curl", "-sf", "-g", "-m", "3", url, check=False).out.strip()


def network_of(cluster, host, pod):
    """To run a program of the host in a pod's network."""
    container = container_status(pod)["containerID"].split("//")[1]
    return ("nsenter", "-t", str(cluster.tasks(host)[container]), "-n")


def rules(cluster, host=HOST):
    return cluster.on(host, "nft", "-a", "list", "table", "inet", "muster", check=False).out


def led_to(cluster, host=HOST):
    """Where the agent's own mapping of the port leads; "" when there is none."""
    found = re.search(rf"tcp \. {PORT} : ([0-9.]+) \. 8080", rules(cluster, host))
    return found.group(1) if found else ""


class Program:
    """A Python program on a host, or in a pod's network."""

    def __init__(self, cluster, host, *command):
        self.process = subprocess.Popen(
            [REPO / "test/testbed/cluster.sh", "exec", host, "--", "timeout", "300",
             *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=cluster.env, text=True)

    def line(self):
        return self.process.stdout.readline().strip()

    def finish(self):
        """Ends its input, and so the program; returns what it prints then."""
        out, _ = self.process.communicate(timeout=60)
        return out


@pytest.fixture
def programs(cluster):
    started = []

    def start(host, *command):
        started.append(Program(cluster, host, *command))
        return started[-1]

    yield start
    for program in started:
        if program.process.poll() is None:
            program.finish()


@pytest.fixture
def load(programs):
    """Starts asking places from a host at a steady rate; its finish() says what came of it."""

    def start(host, places, rate=50, inside=()):
        asking = programs(host, *inside, "python3", REPO / "test/integration/http_load.py", rate,
                          *places)
        assert asking.line() == "started"
        return asking

    return start


@pytest.fixture
def udp_server(programs, cluster):
    def start(host, pod):
        server = programs(host, *network_of(cluster, host, pod), "python3", "-c", UDP_SERVER,
                          pod["metadata"]["name"])
        assert server.line() == "ready"

    return start


@pytest.fixture
def dual(cluster):
    """IPv6 for the pods and the addresses of two hosts."""
    before = {}
    for host, number in ((HOST, 1), (OTHER, 2)):
        path = cluster.state / "hosts" / host / "etc-own/cni/net.d/10-muster.conflist"
        before[path] = path.read_text()
        conflist = json.loads(before[path])
        conflist["plugins"][0]["ipam"]["ranges"].append([{"subnet": f"fd42:{number}::/64"}])
        conflist["plugins"][0]["ipam"]["routes"].append({"dst": "::/0"})
        path.write_text(json.dumps(conflist))
        cluster.on(host, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0",
                   "net.ipv6.conf.all.forwarding=1")
        cluster.on(host, "ip", "addr", "add", f"fd41::{number}/64", "dev", "eth0", "nodad")
        other = 3 - number
        cluster.on(host, "ip", "route", "replace", f"fd42:{other}::/64", "via", f"fd41::{other}")
    yield f"[fd41::1]:{PORT}"
    for path, text in before.items():
        path.write_text(text)
    for host, number in ((HOST, 1), (OTHER, 2)):
        cluster.on(host, "ip", "route", "del", f"fd42:{3 - number}::/64")
        cluster.on(host, "ip", "addr", "del", f"fd41::{number}/64", "dev", "eth0")


@pytest.mark.parametrize("zero_gap", [False, True])
def test_a_port_of_the_host_from_everywhere(cluster, udp_server, dual, zero_gap):
    cluster.apply(web(zero_gap=zero_gap, surge=zero_gap), daemonset("client"))
    pod = cluster.wait_ready("web", [HOST])[HOST]
    name = pod["metadata"]["name"]
    clients = cluster.wait_ready("client", ["node-1", "node-2", "node-3"])
    udp_server(HOST, pod)
    address = cluster.host_address(HOST)
    assert len(pod["status"]["podIPs"]) == 2, pod["status"]
    assert bool(led_to(cluster)) == zero_gap

    wait_until(lambda: fetch(cluster, OTHER, f"http://{address}:{PORT}/") == name, 10, "it answers")
    assert fetch(cluster, OTHER, f"http://{dual}/") == name
    for place in (f"127.0.0.1:{PORT}", f"{address}:{PORT}", dual):
        assert fetch(cluster, HOST, f"http://{place}/") == name, place
    # From a pod beside it, from one elsewhere, and from itself.
    for host, client in ((HOST, clients[HOST]), (OTHER, clients[OTHER]), (HOST, pod)):
        inside = network_of(cluster, host, client)
        assert fetch(cluster, host, f"http://{address}:{PORT}/", *inside) == name, (host, client)
    # From this machine, which is none of the fleet.
    assert run("curl", "-s", "-m", "3", f"http://{address}:{PORT}/").out.strip() == name
    beside = network_of(cluster, OTHER, clients[OTHER])
    for host, place, inside in ((OTHER, address, ()), (HOST, address, ()), (HOST, "127.0.0.1", ()),
                                (OTHER, address, beside), (OTHER, "fd41::1", ()),
                                (HOST, "fd41::1", ()), (OTHER, "fd41::1", beside)):
        answer = cluster.on(host, *inside, "sh", "-c",
                            f"echo | nc -u -w 1 {place} {UDP_PORT}").out.strip()
        assert answer == name, (host, place, inside)
    assert fetch(cluster, OTHER, f"http://{dual}/", *beside) == name
    # Other ports of the host are its own.
    assert cluster.on(OTHER, "curl", "-s", "-m", "3", f"http://{address}:{PORT + 1}/",
                      check=False).code == 7


@pytest.mark.parametrize("zero_gap", [False, True])
def test_on_one_address_of_the_host(cluster, zero_gap):
    address = cluster.host_address(HOST)
    cluster.on(HOST, "ip", "addr", "add", "10.254.7.1/32", "dev", "lo")
    try:
        cluster.apply(web(zero_gap=zero_gap, surge=zero_gap, hostIP=address))
        name = cluster.wait_ready("web", [HOST])[HOST]["metadata"]["name"]
        wait_until(lambda: fetch(cluster, OTHER, f"http://{address}:{PORT}/") == name, 10, "there")
        assert fetch(cluster, HOST, f"http://{address}:{PORT}/") == name
        for place in ("127.0.0.1", "10.254.7.1"):
            assert fetch(cluster, HOST, f"http://{place}:{PORT}/") == "", place
        # Another one may have the port on another address.
        cluster.apply(web("also", zero_gap=zero_gap, surge=zero_gap, hostIP="10.254.7.1"))
        also = cluster.wait_ready("also", [HOST])[HOST]["metadata"]["name"]
        wait_until(lambda: fetch(cluster, HOST, f"http://10.254.7.1:{PORT}/") == also, 10, "also")
        assert fetch(cluster, OTHER, f"http://{address}:{PORT}/") == name
    finally:
        cluster.on(HOST, "ip", "addr", "del", "10.254.7.1/32", "dev", "lo")


@pytest.mark.usefixtures("dual")
@pytest.mark.parametrize("zero_gap", [False, True])
def test_on_one_address_of_the_host_in_ipv6(cluster, zero_gap):
    cluster.on(HOST, "ip", "addr", "add", "fd41::77/128", "dev", "eth0", "nodad")
    cluster.on(OTHER, "ip", "route", "add", "fd41::77/128", "dev", "eth0")
    try:
        cluster.apply(web(zero_gap=zero_gap, surge=zero_gap, hostIP="fd41::77"))
        name = cluster.wait_ready("web", [HOST])[HOST]["metadata"]["name"]
        for host in (OTHER, HOST):
            wait_until(lambda: fetch(cluster, host, f"http://[fd41::77]:{PORT}/") == name, 10,
                       f"from {host}")
            for place in ("[fd41::1]", cluster.host_address(HOST)):
                assert fetch(cluster, host, f"http://{place}:{PORT}/") == "", (host, place)
    finally:
        cluster.on(HOST, "ip", "addr", "del", "fd41::77/128", "dev", "eth0")
        cluster.on(OTHER, "ip", "route", "del", "fd41::77/128", "dev", "eth0")


def test_a_surge_under_load_loses_nothing(cluster, load):
    cluster.apply(web(version="0"), daemonset("client", nodeSelector=only_on(HOST)))
    cluster.wait_ready("web", [HOST])
    client = cluster.wait_ready("client", [HOST])[HOST]
    address = cluster.host_address(HOST)
    place = f"{address}:{PORT}"
    asking = [load(HOST, [f"127.0.0.1:{PORT}", place]), load(OTHER, [place]),
              load(HOST, [place], inside=network_of(cluster, HOST, client))]
    for version in range(1, 6):
        cluster.apply(web(version=str(version)))
        cluster.ctl("rollout", "status", "daemonset/web", "--timeout=60s", timeout=70)
    for each in asking:
        for where, figures in json.loads(each.finish()).items():
            assert figures["failed"] == [], (where, figures)
            assert len(figures["answers"]) == 6, (where, figures)
            assert figures["asked"] > 100


def test_what_is_connected_stays_until_the_old_pod_ends(cluster, programs):
    """The old pod's grace period is two seconds, which its server uses up."""
    cluster.apply(web())
    old = cluster.wait_ready("web", [HOST])[HOST]
    wait_until(lambda: led_to(cluster) == old["status"]["podIP"], 10, "the port leads there")
    talk = programs(OTHER, "python3", "-c", """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
sys.stdin.read()
connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(connection.makefile().read().split()[-1])
""", cluster.host_address(HOST), PORT)
    assert talk.line() == "connected"
    cluster.apply(web(version="2"))
    wait_until(lambda: led_to(cluster) not in ("", old["status"]["podIP"]), 30,
               "the port leads to the new one")
    assert talk.finish().strip() == old["metadata"]["name"]


def test_udp_clients_follow(cluster, programs, udp_server):
    cluster.apply(web())
    old = cluster.wait_ready("web", [HOST])[HOST]
    wait_until(lambda: led_to(cluster) == old["status"]["podIP"], 10, "the port leads there")
    udp_server(HOST, old)
    client = programs(OTHER, "python3", "-c", UDP_CLIENT, cluster.host_address(HOST), UDP_PORT)
    assert client.line() == old["metadata"]["name"]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "udp"},
               "spec": {"selector": {"app": "web"}, "ports": [
                   {"port": 53, "protocol": "UDP", "targetPort": 5353}]}}
    cluster.apply(service)
    address = cluster.get("service", "udp")["spec"]["clusterIP"]
    by_service = programs(OTHER, "python3", "-c", UDP_CLIENT, address, 53)
    assert by_service.line() == old["metadata"]["name"]

    cluster.apply(web(version="2"))

    def new():
        pods = cluster.list("pods", "-l", "app=web")
        return next((p for p in pods if p["metadata"]["uid"] != old["metadata"]["uid"]
                     and container_status(p).get("state", {}).get("running")), None)

    pod = wait_until(new, 30, "the new pod runs")
    udp_server(HOST, pod)
    # Both have sent from one port all the time.
    assert client.line() == pod["metadata"]["name"]
    assert by_service.line() == pod["metadata"]["name"]


def test_who_never_becomes_ready_takes_nothing_over(cluster):
    cluster.apply(web())
    old = cluster.wait_ready("web", [HOST])[HOST]
    place = f"http://{cluster.host_address(HOST)}:{PORT}/"
    wait_until(lambda: fetch(cluster, OTHER, place) == old["metadata"]["name"], 10, "it answers")
    lame = web(version="2")
    lame["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpGet"]["path"] = "/no"
    cluster.apply(lame)
    wait_until(lambda: len(cluster.list("pods", "-l", "app=web")) == 2, 20, "both are there")
    wait_until(lambda: all(container_status(p).get("state", {}).get("running")
                           for p in cluster.list("pods", "-l", "app=web")), 20, "both run")
    stays(lambda: fetch(cluster, OTHER, place) == old["metadata"]["name"], 4, "the old one answers")
    crashing = web(version="3")
    crashing["spec"]["template"]["spec"]["containers"][0]["command"] = ["false"]
    cluster.apply(crashing)
    stays(lambda: fetch(cluster, OTHER, place) == old["metadata"]["name"], 4, "the old one answers")
    cluster.apply(web(version="4"))
    pods = wait_until(lambda: [p for p in cluster.list("pods", "-l", "app=web") if is_ready(p)
                               and p["metadata"]["uid"] != old["metadata"]["uid"]], 60,
                      "a good one")
    wait_until(lambda: fetch(cluster, OTHER, place) == pods[0]["metadata"]["name"], 20, "it has it")


def test_the_mapping_outlives_the_agent(cluster, load):
    cluster.apply(web())
    pod = cluster.wait_ready("web", [HOST])[HOST]
    wait_until(lambda: led_to(cluster) == pod["status"]["podIP"], 10, "the port leads there")
    asking = load(OTHER, [f"{cluster.host_address(HOST)}:{PORT}"])
    before = rules(cluster)  # With handles, which are others when something was written again.
    for _ in range(3):
        cluster.testbed("kill", HOST, "agent")
        cluster.wait_nodes_ready(HOST)
        stays(lambda: rules(cluster) == before, 2, "nothing is written again")
    # Also beside Services that changed meanwhile.
    cluster.testbed("stop", HOST, "agent")
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                   "spec": {"selector": {"app": "web"},
                            "ports": [{"port": 80, "targetPort": 8080}]}})
    cluster.testbed("start", HOST, "agent")
    wait_until(lambda: "svc4-default/web" in rules(cluster), 20, "the Service is there")
    assert led_to(cluster) == pod["status"]["podIP"]
    figures = list(json.loads(asking.finish()).values())[0]
    assert figures["failed"] == [] and len(figures["answers"]) == 1, figures


def test_it_goes_with_its_pod(cluster):
    # Without a surge it is a host port as any other.
    cluster.apply(web(surge=False))
    cluster.wait_ready("web", [HOST])
    wait_until(lambda: led_to(cluster), 10, "the port leads there")
    cluster.apply(web(surge=False, version="2"))
    cluster.ctl("rollout", "status", "daemonset/web", "--timeout=60s", timeout=70)
    pod = cluster.wait_ready("web", [HOST])[HOST]
    address = cluster.host_address(HOST)
    wait_until(lambda: fetch(cluster, OTHER, f"http://{address}:{PORT}/")
               == pod["metadata"]["name"], 10, "the next one has it")
    setting = "/proc/sys/net/ipv4/conf/cni0/route_localnet"
    cluster.ctl("delete", "daemonset", "web")
    wait_until(lambda: not rules(cluster), 20, "nothing is left in nftables")
    assert cluster.on(HOST, "cat", setting).out in ("0\n", "1\n")
    assert cluster.on(OTHER, "curl", "-s", "-m", "3", f"http://{address}:{PORT}/",
                      check=False).code == 7


def test_the_rollout_that_brings_it_and_the_one_that_takes_it_away(cluster, load):
    cluster.apply(web(zero_gap=False, surge=False))
    cluster.wait_ready("web", [HOST])
    address = cluster.host_address(HOST)
    asking = load(OTHER, [f"{address}:{PORT}"])
    for zero_gap, version in ((True, "2"), (False, "3")):
        cluster.apply(web(zero_gap=zero_gap, version=version))
        cluster.ctl("rollout", "status", "daemonset/web", "--timeout=60s", timeout=70)
        wait_until(lambda: len(cluster.list("pods", "-l", "app=web")) == 1, 20,
                   "the old one is gone")
        wait_until(lambda: bool(led_to(cluster)) == zero_gap, 20, "led by whom it should be")
    figures = list(json.loads(asking.finish()).values())[0]
    assert figures["failed"] == [] and len(figures["answers"]) == 3, figures


def test_what_is_taken_is_found_before_anything_is_made(cluster, programs):
    # By a process of the host.
    listener = programs(HOST, "python3", "-c", f"""
import socket, sys
server = socket.create_server(("127.0.0.1", {PORT}))
print("ready", flush=True)
sys.stdin.read()
""")
    assert listener.line() == "ready"
    cluster.apply(web())

    def said():
        pods = cluster.list("pods", "-l", "app=web")
        return pods and [e["message"] for e in cluster.events(pods[0]["metadata"]["name"])]

    taken = f"host port {PORT}/TCP is taken: a process of this host listens there"
    wait_until(lambda: any(taken in message for message in said() or []), 20, taken)
    assert not cluster.containers(HOST)
    listener.finish()
    cluster.wait_ready("web", [HOST])
    # By another DaemonSet, zero-gap or not: that is for pods of one only.
    cluster.apply(web("rival"))
    pending = wait_until(lambda: cluster.list("pods", "-l", "app=rival"), 10, "the rival's pod")[0]
    wait_until(lambda: any("free ports" in e["message"]
                           for e in cluster.events(pending["metadata"]["name"])), 10, "it is told")
    why = cluster.ctl("why", "ds/rival", "--node", HOST, check=False).text
    assert f"host port taken: {PORT}/TCP is held by pod default/web-" in why, why


def test_a_static_pod_finds_a_port_taken(cluster):
    host = "node-3"
    cluster.apply(web(node=host))
    web_pod = cluster.wait_ready("web", [host])[host]
    folder = cluster.host_etc(host) / "static-pods"
    folder.mkdir(exist_ok=True)
    fixed = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fixed"}, "spec": {
        "containers": [{"name": "main", "image": "busybox", "imagePullPolicy": "IfNotPresent",
                        "command": ["sleep", "1000"],
                        "ports": [{"containerPort": 80, "hostPort": PORT}]}]}}
    try:
        (folder / "fixed.yaml").write_text(json.dumps(fixed))
        shown = wait_until(lambda: [p for p in cluster.list("pods") if p["metadata"]["name"] ==
                                    f"fixed-{host}" and p["status"].get("reason")], 30, "refused")
        assert shown[0]["status"]["reason"] == "NodePorts", shown[0]["status"]
        assert is_ready(cluster.get("pod", web_pod["metadata"]["name"]))
    finally:
        (folder / "fixed.yaml").unlink()
        wait_until(lambda: not [p for p in cluster.list("pods")
                                if p["metadata"]["name"] == f"fixed-{host}"], 30, "it is gone")
        folder.rmdir()
