"""Services: endpoints, names, addresses, on three real hosts, seen from hosts and from pods."""

import re
import subprocess

import pytest

from testbed import REPO, container_status, daemonset, run, wait_until

DNS = "169.254.20.10"
DNS6 = "fd6d:7573:7465:72::a"
DOMAIN = "svc.cluster.local"
TABLE = "/var/lib/muster/agent/network/table"  # On a node's disk.

# Answers with the name of its pod.
SERVER = "mkdir -p /www && echo $HOSTNAME > /www/index.html && exec httpd -f -p 8080 -h /www"
# The same over UDP: busybox has no such server, so the host runs it in the network of the pod.
UDP_SERVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 5353))
print("ready", flush=True)
while True:
    server.sendto(sys.argv[1].encode(), server.recvfrom(100)[1])
"""


def web(name="web"):
    return daemonset(name, ["sh", "-c", SERVER], container={
        "ports": [{"name": "http", "containerPort": 8080},
                  {"name": "udp", "containerPort": 5353, "protocol": "UDP"}],
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}})


def service(name, app="web", ports=None, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": app},
                     "ports": ports or [{"name": "http", "port": 80, "targetPort": "http"}],
                     **spec}}


def dig(cluster, host, name, kind="A", *options, server=DNS):
    answer = cluster.on(host, "dig", "+short", "+time=2", "+tries=1", *options, f"@{server}", name,
                        kind, check=False)
    return sorted(line for line in answer.out.splitlines() if not line.startswith(";"))


def dig_status(cluster, host, name, kind="A"):
    return re.search(r"status: (\w+)", cluster.on(
        host, "dig", "+time=2", "+tries=1", f"@{DNS}", name, kind).out).group(1)


def in_pod(cluster, pod, *command, check=True):
    return cluster.ctl("exec", pod["metadata"]["name"], "--", *command, check=check)


def addresses(cluster, name="web"):
    return {pod["spec"]["nodeName"]: pod["status"]["podIP"] for pod in cluster.pods(name).values()}


@pytest.fixture
def fleet(cluster, nodes):
    """The daemon on all nodes, with a Service that has an address and one that has none."""
    cluster.apply(web(), service("web"), service("names", clusterIP="None"))
    cluster.wait_ready("web", nodes)
    for host in nodes:
        wait_until(lambda: len(dig(cluster, host, f"names.default.{DOMAIN}")) == len(nodes), 20,
                   f"{host} knows all places")
    return cluster


@pytest.fixture
def udp_servers(fleet):
    servers = []
    for host, pod in fleet.pods("web").items():
        container = container_status(pod)["containerID"].split("//")[1]
        servers.append(subprocess.Popen(
            [REPO / "test/testbed/cluster.sh", "exec", host, "--", "timeout", "120", "nsenter",
             "-t", str(fleet.tasks(host)[container]), "-n",
             "python3", "-c", UDP_SERVER, pod["metadata"]["name"]],
            stdout=subprocess.PIPE, env=fleet.env, text=True))
        assert servers[-1].stdout.readline() == "ready\n"
    yield
    for server in servers:
        server.kill()
        server.wait()


def test_endpoints_are_to_be_read(fleet, nodes):
    ips = addresses(fleet)
    row = fleet.row("services", "web")
    assert row[1] == "ClusterIP" and row[2].startswith("10.") and row[4] == "80/TCP"
    assert fleet.row("services", "names")[2] == "None"
    endpoints = fleet.row("endpoints", "web")
    assert sorted(endpoints[1].split(",")) == sorted(f"{ip}:8080" for ip in ips.values())
    slices = [item for item in fleet.list("endpointslices")
              if item["metadata"]["labels"]["kubernetes.io/service-name"] == "web"]
    assert [item["addressType"] for item in slices] == ["IPv4"]
    assert {place["nodeName"]: place["addresses"][0] for place in slices[0]["endpoints"]} == ips
    assert all(place["conditions"]["ready"] for place in slices[0]["endpoints"])
    # What is deleted takes them with it.
    fleet.ctl("delete", "service", "web")
    wait_until(lambda: not any(item["metadata"]["name"] == "web"
                               for item in fleet.list("endpoints")), 10, "no endpoints are left")


def test_names_on_every_host(fleet, nodes):
    ips = addresses(fleet)
    for host in nodes:
        assert dig(fleet, host, f"names.default.{DOMAIN}") == sorted(ips.values())
        assert dig(fleet, host, f"names.default.{DOMAIN}", "A", "+tcp") == sorted(ips.values())
        assert dig(fleet, host, f"names.default.{DOMAIN}", server=DNS6) == sorted(ips.values())
        assert dig(fleet, host, f"local.names.default.{DOMAIN}") == [ips[host]]
        for other in nodes:
            assert dig(fleet, host, f"{other}.names.default.{DOMAIN}") == [ips[other]]
        address = fleet.get("service", "web")["spec"]["clusterIP"]
        assert dig(fleet, host, f"web.default.{DOMAIN}") == [address]
        assert dig(fleet, host, f"web.default.{DOMAIN}", "AAAA") == []
        assert dig(fleet, host, f"_http._tcp.web.default.{DOMAIN}", "SRV") == [
            f"0 100 80 web.default.{DOMAIN}."]
        ports = dig(fleet, host, f"_http._tcp.names.default.{DOMAIN}", "SRV")
        assert len(ports) == len(nodes) and all(line.split()[2] == "8080" for line in ports)
        reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        assert dig(fleet, host, reverse, "PTR") == [f"web.default.{DOMAIN}."]
    assert dig_status(fleet, "node-1", f"web.default.{DOMAIN}", "TXT") == "NOERROR"
    assert dig_status(fleet, "node-1", f"nobody.default.{DOMAIN}") == "NXDOMAIN"


def test_a_name_of_its_own_and_names_of_others(fleet):
    named = daemonset("named", ["sh", "-c", SERVER], hostname="db", subdomain="named",
                      nodeSelector={"kubernetes.io/hostname": "node-3"},
                      enableServiceLinks=False)
    fleet.apply(named, service("named", app="named", clusterIP="None", ports=[
        {"name": "http", "port": 80, "targetPort": 8080}]))
    pod = fleet.wait_ready("named", ["node-3"])["node-3"]
    ip = pod["status"]["podIP"]
    for host in ("node-1", "node-3"):
        wait_until(lambda: dig(fleet, host, f"db.named.default.{DOMAIN}") == [ip], 20, "by it")
        assert dig(fleet, host, f"{pod['metadata']['name']}.named.default.{DOMAIN}") == [ip]
        assert dig(fleet, host, f"_http._tcp.named.default.{DOMAIN}", "SRV") == [
            f"0 100 8080 db.named.default.{DOMAIN}."]
        reverse = ".".join(reversed(ip.split("."))) + ".in-addr.arpa"
        assert dig(fleet, host, reverse, "PTR") == [f"db.named.default.{DOMAIN}."]
    variables = in_pod(fleet, pod, "env").out
    assert "WEB_SERVICE_HOST" not in variables, "enableServiceLinks is false"
    # What the answer may have in bytes is the asker's to say (EDNS).
    full = fleet.on("node-1", "dig", "+bufsize=1400", f"@{DNS}", f"names.default.{DOMAIN}").out
    assert re.search(r"EDNS: version: 0, flags:; udp: \d+", full), full
    assert "EDNS" not in fleet.on("node-1", "dig", "+noedns", f"@{DNS}",
                                  f"names.default.{DOMAIN}").out


def test_a_pod_that_is_not_ready_has_no_name(fleet, nodes):
    ips = addresses(fleet)
    pod = fleet.pod("web", "node-2")
    in_pod(fleet, pod, "mv", "/www/index.html", "/www/away")
    others = sorted(ip for node, ip in ips.items() if node != "node-2")
    for host in nodes:
        wait_until(lambda: dig(fleet, host, f"names.default.{DOMAIN}") == others, 20,
                   f"{host} does not name it")
    fleet.apply(service("names", clusterIP="None", publishNotReadyAddresses=True))
    for host in nodes:
        wait_until(lambda: dig(fleet, host, f"names.default.{DOMAIN}") == sorted(ips.values()), 20,
                   f"{host} names it all the same")
    in_pod(fleet, pod, "mv", "/www/away", "/www/index.html")


def test_addresses_from_hosts_and_pods(fleet, nodes):
    address = fleet.get("service", "web")["spec"]["clusterIP"]
    names = {pod["metadata"]["name"] for pod in fleet.pods("web").values()}

    def who(host):
        return fleet.on(host, "curl", "-s", "-m", "3", f"http://{address}/",
                        check=False).out.strip()

    for host in nodes:
        wait_until(lambda: who(host) in names, 10, f"{address} answers on {host}")
        assert {who(host) for _ in range(30)} == names
    # Pods find it by its name, and reach it: also themselves. From their network by a program of
    # the host: those of a static busybox cannot connect (its libc would load what is not there).
    for host in nodes:
        pod = fleet.pod("web", host)
        assert f"nameserver {DNS}" in in_pod(fleet, pod, "cat", "/etc/resolv.conf").out
        assert address in in_pod(fleet, pod, "nslookup", f"web.default.{DOMAIN}", DNS).out
        container = container_status(pod)["containerID"].split("//")[1]
        inside = ("nsenter", "-t", str(fleet.tasks(host)[container]), "-n")
        seen = {fleet.on(host, *inside, "curl", "-s", "-m", "3", f"http://{address}/").out.strip()
                for _ in range(12)}
        assert seen <= names and len(seen) > 1
        local = in_pod(fleet, pod, "nslookup", f"local.names.default.{DOMAIN}", DNS).out
        assert pod["status"]["podIP"] in local


@pytest.mark.usefixtures("udp_servers")
def test_own_pods_only_node_ports_udp_and_affinity(fleet, nodes):
    fleet.apply(
        service("own", internalTrafficPolicy="Local"),
        service("near", trafficDistribution="PreferSameNode"),
        service("sticky", sessionAffinity="ClientIP"),
        service("outside", type="NodePort", ports=[
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "udp", "port": 53, "targetPort": "udp", "protocol": "UDP"}]),
        service("nobody", app="nobody"))

    def ip(name):
        return fleet.get("service", name)["spec"]["clusterIP"]

    def who(host, where):
        return fleet.on(host, "curl", "-s", "-m", "3", f"http://{where}/", check=False).out.strip()

    by_node = {node: pod["metadata"]["name"] for node, pod in fleet.pods("web").items()}
    for host in nodes:
        wait_until(lambda: who(host, ip("own")) == by_node[host], 10, f"its own pod on {host}")
        assert {who(host, ip("own")) for _ in range(8)} == {by_node[host]}
        assert {who(host, ip("near")) for _ in range(8)} == {by_node[host]}
        assert len({who(host, ip("sticky")) for _ in range(12)}) == 1
        refused = fleet.on(host, "curl", "-s", "-m", "3", f"http://{ip('nobody')}/", check=False)
        assert refused.code == 7  # Refused at once, not timed out (28).
    ports = {port["name"]: port["nodePort"]
             for port in fleet.get("service", "outside")["spec"]["ports"]}
    # From another host, and from this machine, which is none.
    at = f"{fleet.host_address('node-2')}:{ports['http']}"
    assert {who("node-1", at) for _ in range(30)} == set(by_node.values())
    assert run("curl", "-s", "-m", "3", f"http://{at}/").out.strip() in by_node.values()
    udp = fleet.on("node-1", "sh", "-c",
                   f"echo | nc -u -w 1 {fleet.host_address('node-3')} {ports['udp']}").out.strip()
    assert udp in by_node.values()
    udp = fleet.on("node-1", "sh", "-c", f"echo | nc -u -w 1 {ip('outside')} 53").out.strip()
    assert udp in by_node.values()


def test_variables_of_services(fleet):
    fleet.apply(web("late"))
    fleet.wait_ready("late", ["node-1", "node-2", "node-3"])
    variables = in_pod(fleet, fleet.pod("late", "node-1"), "env").out
    address = fleet.get("service", "web")["spec"]["clusterIP"]
    assert f"WEB_SERVICE_HOST={address}\n" in variables
    assert "WEB_SERVICE_PORT_HTTP=80\n" in variables
    assert f"WEB_PORT_80_TCP_ADDR={address}\n" in variables


def test_a_host_cut_off_keeps_answering(fleet, nodes):
    ips = addresses(fleet)
    fleet.testbed("cut", "node-3")
    own = ips["node-3"]
    wait_until(lambda: fleet.on("node-3", "dig", "+short", f"@{DNS}",
                                f"names.default.{DOMAIN}").out.split()[0] == own, 30,
               "its own pod comes first")
    assert dig(fleet, "node-3", f"names.default.{DOMAIN}") == sorted(ips.values())
    # And a new agent answers from what was kept.
    fleet.testbed("kill", "node-3", "agent")
    wait_until(lambda: dig(fleet, "node-3", f"names.default.{DOMAIN}") == sorted(ips.values()), 20,
               "a new agent answers")
    assert dig(fleet, "node-3", f"local.names.default.{DOMAIN}") == [own]
    fleet.testbed("heal", "node-3")
    fleet.wait_nodes_ready(*nodes)


def test_a_host_that_boots_alone_answers_for_its_own_pods(fleet, nodes):
    """Its pods get other addresses by that, which nobody can have told it."""
    host = "node-2"
    ips = addresses(fleet)
    others = sorted(ip for node, ip in ips.items() if node != host)
    name = fleet.pod("web", host)["metadata"]["name"]
    fleet.apply(service("own", internalTrafficPolicy="Local"),
                service("outside", type="NodePort", externalTrafficPolicy="Local"))
    own_service = f"http://{fleet.get('service', 'own')['spec']['clusterIP']}/"
    node_port = fleet.get("service", "outside")["spec"]["ports"][0]["nodePort"]
    from_outside = f"http://{fleet.host_address(host)}:{node_port}/"

    def get(url):
        return fleet.on(host, "curl", "-s", "-m", "2", url, check=False).out.strip()

    def get_from_here():
        return run("curl", "-s", "-m", "2", from_outside).out.strip()

    wait_until(lambda: get(own_service) == name, 20, "the Service is known")
    wait_until(lambda: get_from_here() == name, 20, "and the node port")

    def processes():
        """Of its sandbox and its container, whichever is which."""
        return fleet.tasks(host).values()

    def address():
        """Of its pod, as the pod has it."""
        for pid in processes():
            shown = fleet.on(host, "nsenter", "-t", str(pid), "-n", "ip", "-4", "-o", "addr",
                             "show", "dev", "eth0", check=False).out.split()
            if shown:
                return shown[3].split("/")[0]
        return None

    def local():
        return dig(fleet, host, f"local.names.default.{DOMAIN}")

    # What was told in the last second may not be on the disk yet.
    wait_until(lambda: fleet.on(host, "grep", "-q", "outside", TABLE, check=False).code == 0, 10,
               "all of it is kept")
    fleet.testbed("stop", "control", "coordinator")
    # Unlike after a real boot the hosts of the tests have the kernel's tables of before.
    fleet.on(host, "nft", "delete", "table", "inet", "muster")
    fleet.testbed("kill", host)
    fleet.testbed("start", host)
    wait_until(lambda: dig(fleet, host, f"names.default.{DOMAIN}"), 30, "it answers")
    seen = []

    def knows():
        answer = local()
        seen.extend(answer)
        return answer and answer == [address()]
    wait_until(knows, 60, "its own pod has its new address")
    new = address()
    assert new != ips[host]
    assert set(seen) == {new}, "the old one is nobody's any more"
    assert dig(fleet, host, f"names.default.{DOMAIN}") == sorted([*others, new])
    first = fleet.on(host, "dig", "+short", f"@{DNS}", f"names.default.{DOMAIN}").out.split()[0]
    assert first == new
    wait_until(lambda: get(own_service) == name, 10, "so does its Service")
    wait_until(lambda: get_from_here() == name, 10, "and its node port")

    # Another agent knows it again, and changes nothing meanwhile.
    before = fleet.on(host, "nft", "-a", "list", "table", "inet", "muster").out
    fleet.testbed("kill", host, "agent")
    wait_until(lambda: local() == [new], 20, "a new agent answers")
    assert fleet.on(host, "nft", "-a", "list", "table", "inet", "muster").out == before

    # Whether it is ready is known here first, too.
    inside = ("nsenter", "-t", str(max(processes())), "-m", "-r", "-w")
    fleet.on(host, *inside, "/bin/busybox", "mv", "/www/index.html", "/www/away")
    wait_until(lambda: dig(fleet, host, f"names.default.{DOMAIN}") == others, 20, "not ready")
    assert local() == []
    wait_until(lambda: get(own_service) == "", 10, "nobody is behind its Service")
    fleet.on(host, *inside, "/bin/busybox", "mv", "/www/away", "/www/index.html")
    wait_until(lambda: local() == [new], 20, "ready again")
    wait_until(lambda: get(own_service) == name, 10, "and behind its Service")

    # And when its sandbox is made anew.
    for pid in processes():
        fleet.on(host, "kill", "-9", str(pid))
    wait_until(lambda: local() and local() == [address()] != [new], 60, "another address again")

    fleet.testbed("start", "control", "coordinator")
    wait_until(fleet.answers, 30)
    fleet.wait_nodes_ready(*nodes)
    fleet.wait_ready("web", nodes)
    wait_until(lambda: addresses(fleet)[host] == address(), 20, "the coordinator has heard of it")
    for each in nodes:
        wait_until(lambda: dig(fleet, each, f"names.default.{DOMAIN}") ==
                   sorted([*others, address()]), 20, f"and {each}")
    assert fleet.pod("web", host)["metadata"]["name"] == name


def test_what_is_in_nftables_survives_the_agent(fleet):
    def rules():
        """With handles, which are others when something was written again."""
        return fleet.on("node-1", "nft", "-a", "list", "table", "inet", "muster").out

    before = rules()
    assert "svc4-default/web-tcp-80" in before
    fleet.testbed("kill", "node-1", "agent")
    wait_until(lambda: dig(fleet, "node-1", f"names.default.{DOMAIN}"), 20, "a new agent answers")
    fleet.wait_nodes_ready("node-1")
    assert rules() == before
    # Others' tables are theirs.
    fleet.on("node-1", "nft", "add", "table", "inet", "others")
    fleet.ctl("delete", "service", "web")
    wait_until(lambda: "inet muster" not in fleet.on("node-1", "nft", "list", "tables").out, 10,
               "our table is gone")
    assert "inet others" in fleet.on("node-1", "nft", "list", "tables").out
    fleet.on("node-1", "nft", "delete", "table", "inet", "others")
