"""The network of pods that agents make themselves (`network: bridge`), IPv4 and IPv6, on three
hosts without any CNI configuration: seen from pods and from hosts, with dig, curl and nc."""

import ipaddress
import json
import subprocess

import pytest

from conftest import INDEX, STATE, KEEP
from testbed import (REPO, Cluster, container_status, daemonset, is_ready, run, stays,
                     wait_until)

NODES = ["node-1", "node-2", "node-3"]
DNS, DNS6 = "169.254.20.10", "fd6d:7573:7465:72::a"
DOMAIN = "svc.cluster.local"
FLEET = [ipaddress.ip_network(text) for text in ("10.60.0.0/16", "fd00:60::/56")]
CONFIG = "/etc/cni/net.d/10-muster-bridge.conflist"

SERVER = "mkdir -p /www && echo $HOSTNAME > /www/index.html && exec httpd -f -p 8080 -h /www"
# Tells who asks, by TCP (HTTP) and UDP, in both families, until its input ends: whoever kills the
# shell in front of it does not reach it. Arguments: the port.
ECHO = """
import os, socket, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
port = int(sys.argv[1])
def text(address):
    return address[0].removeprefix("::ffff:").encode() + b"\\n"
def datagrams():
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    while True:
        _, peer = server.recvfrom(100)
        server.sendto(text(peer), peer)
server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
threading.Thread(target=datagrams, daemon=True).start()
print("ready", flush=True)
while True:
    peer, address = server.accept()
    peer.recv(4096)
    body = text(address)
    peer.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    peer.close()
"""


@pytest.fixture(scope="module")
def bridged(tmp_path_factory):
    """Beside the other tests' hosts, under another number."""
    cluster = Cluster(STATE + "-bridge", (int(INDEX) + 50) % 100)
    if not KEEP:
        cluster.testbed("down")
    config = tmp_path_factory.mktemp("config") / "coordinator.yaml"
    config.write_text("podGcQuarantine: 5s\n"
                      "serviceClusterIPRange: 10.61.0.0/16,fd00:61::/112\n"
                      f"clusterCIDR: {','.join(map(str, FLEET))}\n")
    cluster.testbed("up", "-n", "3", "--network", "bridge", "--coordinator-config", config,
                    timeout=300)
    yield cluster
    if not KEEP:
        cluster.testbed("down")


@pytest.fixture
def cluster(bridged):
    yield bridged
    for host in NODES:
        bridged.testbed("heal", host)
    wait_until(bridged.answers, 30)
    for kind in ("daemonsets", "services"):
        names = bridged.ctl("get", kind, "-o", "name").out.split()
        if names:
            bridged.ctl("delete", *names, timeout=90)
    bridged.wait_nodes_ready(*NODES)
    wait_until(lambda: not bridged.list("pods", "-A"), 60, "no pod is left")


def web(name="web", **container):
    return daemonset(name, ["sh", "-c", SERVER], container={
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in (
            ("POD_IPS", "status.podIPs"), ("HOST_IPS", "status.hostIPs"),
            ("NODE_NAME", "spec.nodeName"), ("HOST_IP", "status.hostIP"),
            ("POD_IP", "status.podIP"))],
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1},
        **container})


def service(name, app="web", ports=None, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": app},
                     "ports": ports or [{"name": "http", "port": 80, "targetPort": "http"}],
                     **spec}}


@pytest.fixture
def fleet(cluster):
    cluster.apply(web(),
                  service("web", ipFamilyPolicy="RequireDualStack"),
                  service("names", clusterIP="None", ipFamilyPolicy="RequireDualStack"))
    cluster.wait_ready("web", NODES)
    for host in NODES:
        for kind in ("A", "AAAA"):
            wait_until(lambda: len(dig(cluster, host, f"names.default.{DOMAIN}", kind)) == 3, 20,
                       f"{host} knows all places")
    return cluster


def dig(cluster, host, name, kind="A", *options, server=DNS, inside=()):
    answer = cluster.on(host, *inside, "dig", "+short", "+time=2", "+tries=1", *options,
                        f"@{server}", name, kind, check=False)
    return sorted(line for line in answer.out.splitlines() if not line.startswith(";"))


def inside(cluster, host, pod):
    """The beginning of a command in the pod's network, with the host's programs."""
    container = container_status(pod)["containerID"].split("//")[1]
    return ("nsenter", "-t", str(cluster.tasks(host)[container]), "-n")


def ips(pod):
    """By family: {4: ..., 6: ...}."""
    texts = [each["ip"] for each in pod["status"]["podIPs"]]
    return {ipaddress.ip_address(text).version: text for text in texts}


def url(ip, port=80):
    return f"http://[{ip}]:{port}/" if ":" in ip else f"http://{ip}:{port}/"


def curl(cluster, host, where, *before):
    return cluster.on(host, *before, "curl", "-s", "-g", "-m", "3", where, check=False).out.strip()


def curls(cluster, host, where, count, *before):
    """Who answers when it is asked so often."""
    script = f"for i in $(seq {count}); do curl -s -g -m 3 '{where}'; done"
    return set(cluster.on(host, *before, "sh", "-c", script, check=False).out.split())


# So many that each of three is among them, but for once in a million times.
OFTEN = 40


def subnets(cluster, node):
    return [ipaddress.ip_network(text) for text in cluster.get("node", node)["spec"]["podCIDRs"]]


def condition(cluster, node):
    conditions = cluster.get("node", node)["status"]["conditions"]
    return next((c for c in conditions if c["type"] == "NetworkUnavailable"), {})


def host_ips(cluster, node):
    return {ipaddress.ip_address(a["address"]).version: a["address"]
            for a in cluster.get("node", node)["status"]["addresses"] if a["type"] == "InternalIP"}


def addresses_outside(cluster):
    """Those of this machine, which is none of the fleet."""
    return {4: cluster.host_address("node-1").rsplit(".", 1)[0] + ".1",
            6: f"fd00:10:123:{cluster.env['MUSTER_TESTBED_INDEX']}::1"}


def routes(cluster, host):
    """Ours: {subnet: gateway}."""
    found = {}
    for family in ("-4", "-6"):
        for route in json.loads(cluster.on(host, "ip", "-j", family, "route", "show", "proto",
                                           "109").out or "[]"):
            found[route["dst"]] = route["gateway"]
    return found


def routes_wanted(cluster, host, nodes):
    return {str(subnet): host_ips(cluster, node)[subnet.version]
            for node in nodes if node != host for subnet in subnets(cluster, node)}


@pytest.fixture
def echo(cluster):
    """Starts programs that tell who asks: on this machine, or in the network of a pod."""
    running = []

    def start(port, host=None, before=()):
        command = ["timeout", "300", *before, "python3", "-c", ECHO, str(port)]
        if host:
            command = [str(REPO / "test/testbed/cluster.sh"), "exec", host, "--", *command]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=cluster.env, text=True))
        assert running[-1].stdout.readline() == "ready\n"
    yield start
    for program in running:
        program.stdin.close()
        program.wait()


def test_each_node_has_subnets_of_its_own_and_a_way_to_the_others(fleet):
    given = [subnet for node in NODES for subnet in subnets(fleet, node)]
    assert len(given) == 6
    for i, one in enumerate(given):
        assert any(one.version == whole.version and one.subnet_of(whole) for whole in FLEET)
        assert not any(one.version == other.version and one.overlaps(other)
                       for other in given[:i])
    for host in NODES:
        told = condition(fleet, host)
        assert (told["status"], told["reason"]) == ("False", "BridgeIsUp"), told
        assert routes(fleet, host) == routes_wanted(fleet, host, NODES)
        pod = fleet.pod("web", host)
        for subnet in subnets(fleet, host):
            assert ipaddress.ip_address(ips(pod)[subnet.version]) in subnet
        assert [a["ip"] for a in pod["status"]["hostIPs"]] == list(host_ips(fleet, host).values())
        env = dict(line.split("=", 1) for line in fleet.ctl(
            "exec", pod["metadata"]["name"], "--", "env").out.splitlines())
        assert env["POD_IPS"] == ",".join(a["ip"] for a in pod["status"]["podIPs"])
        assert env["HOST_IPS"] == ",".join(host_ips(fleet, host).values())
        assert (env["NODE_NAME"], env["POD_IP"], env["HOST_IP"]) == (
            host, pod["status"]["podIP"], pod["status"]["hostIP"])
    # Every pod from every host and from every pod, itself too.
    for host in NODES:
        own = inside(fleet, host, fleet.pod("web", host))
        for pod in fleet.pods("web").values():
            for ip in ips(pod).values():
                for before in ((), own):
                    assert curl(fleet, host, url(ip, 8080), *before) == pod["metadata"]["name"]


def test_pods_push_to_the_outside_and_to_each_other(fleet, echo):
    pod, other = fleet.pod("web", "node-1"), fleet.pod("web", "node-2")
    own = inside(fleet, "node-1", pod)
    outside = addresses_outside(fleet)
    echo(18080)
    echo(18080, "node-2", inside(fleet, "node-2", other))
    for version in (4, 6):
        # Nobody outside has a way to a pod: there it is the host that asks.
        assert curl(fleet, "node-1", url(outside[version], 18080), *own) == \
            host_ips(fleet, "node-1")[version]
        # Within the fleet everybody is known by his own address.
        assert curl(fleet, "node-1", url(ips(other)[version], 18080), *own) == ips(pod)[version]
        said = fleet.on("node-1", *own, "sh", "-c",
                        f"echo | nc -u -w 1 {ips(other)[version]} 18080").out.strip()
        assert said == ips(pod)[version]
    # And it finds others by name, by the resolvers that it was given.
    resolvers = fleet.ctl("exec", pod["metadata"]["name"], "--", "cat", "/etc/resolv.conf").out
    assert f"nameserver {DNS}\n" in resolvers and f"nameserver {DNS6}\n" in resolvers
    for server in (DNS, DNS6):
        for kind, version in (("A", 4), ("AAAA", 6)):
            for options in ((), ("+tcp",)):
                assert dig(fleet, "node-1", f"node-2.names.default.{DOMAIN}", kind, *options,
                           server=server, inside=own) == [ips(other)[version]]


def test_services_of_both_families(fleet, echo):
    fleet.apply(
        service("six", ipFamilies=["IPv6"], ipFamilyPolicy="SingleStack"),
        service("own", ipFamilyPolicy="RequireDualStack", internalTrafficPolicy="Local"),
        service("sticky", ipFamilyPolicy="RequireDualStack", sessionAffinity="ClientIP"),
        service("near", ipFamilyPolicy="RequireDualStack", trafficDistribution="PreferSameNode"),
        service("nobody", app="nobody", ipFamilyPolicy="RequireDualStack"),
        service("direct", type="NodePort", ipFamilyPolicy="RequireDualStack",
                externalTrafficPolicy="Local", ports=[
                    {"name": "http", "port": 80, "targetPort": 18053}]),
        service("outside", type="NodePort", ipFamilyPolicy="RequireDualStack", ports=[
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "udp", "port": 53, "targetPort": 18053, "protocol": "UDP"}]))
    pods = fleet.pods("web")
    names = {pod["metadata"]["name"] for pod in pods.values()}
    for host, pod in pods.items():
        echo(18053, host, inside(fleet, host, pod))

    def addresses(name):
        spec = fleet.get("service", name)["spec"]
        return {ipaddress.ip_address(ip).version: ip for ip in spec["clusterIPs"]}

    assert fleet.get("service", "web")["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    assert set(addresses("web")) == {4, 6} and set(addresses("six")) == {6}
    slices = {item["addressType"]: item for item in fleet.list("endpointslices")
              if item["metadata"]["labels"]["kubernetes.io/service-name"] == "web"}
    for kind, version in (("IPv4", 4), ("IPv6", 6)):
        assert {e["nodeName"]: e["addresses"][0] for e in slices[kind]["endpoints"]} == {
            node: ips(pod)[version] for node, pod in pods.items()}
    ports = {port["name"]: port["nodePort"]
             for port in fleet.get("service", "outside")["spec"]["ports"]}
    direct = fleet.get("service", "direct")["spec"]["ports"][0]["nodePort"]
    outside = addresses_outside(fleet)
    for host in NODES:
        own = inside(fleet, host, pods[host])
        for version, kind in ((4, "A"), (6, "AAAA")):
            web_ip = addresses("web")[version]
            wait_until(lambda: curl(fleet, host, url(addresses("own")[version])) ==
                       pods[host]["metadata"]["name"], 20, f"{host} knows all Services")
            assert dig(fleet, host, f"web.default.{DOMAIN}", kind) == [web_ip]
            assert dig(fleet, host, f"names.default.{DOMAIN}", kind) == sorted(
                ips(pod)[version] for pod in pods.values())
            assert dig(fleet, host, f"local.names.default.{DOMAIN}", kind) == [
                ips(pods[host])[version]]
            reverse = ipaddress.ip_address(web_ip).reverse_pointer
            assert dig(fleet, host, reverse, "PTR") == [f"web.default.{DOMAIN}."]
            for before in ((), own):
                assert curls(fleet, host, url(web_ip), OFTEN, *before) == names
                assert curls(fleet, host, url(addresses("own")[version]), 8, *before) == {
                    pods[host]["metadata"]["name"]}
                assert curls(fleet, host, url(addresses("near")[version]), 8, *before) == {
                    pods[host]["metadata"]["name"]}
                assert len(curls(fleet, host, url(addresses("sticky")[version]), 12,
                                 *before)) == 1
                refused = fleet.on(host, *before, "curl", "-s", "-g", "-m", "3",
                                   url(addresses("nobody")[version]), check=False)
                assert refused.code == 7
                said = fleet.on(host, *before, "sh", "-c", "echo | nc -u -w 1 "
                                f"{addresses('outside')[version]} 53", check=False).out
                assert said.strip()
            # Node ports: of another node, from the host, from a pod and from this machine.
            other = host_ips(fleet, "node-2" if host == "node-1" else "node-1")[version]
            for before in ((), own):
                assert curls(fleet, host, url(other, ports["http"]), OFTEN, *before) == names
            at = url(host_ips(fleet, host)[version], ports["http"])
            assert run("curl", "-s", "-g", "-m", "3", at).out.strip() in names
            for before in ((), own):
                assert fleet.on(host, *before, "sh", "-c",
                                f"echo | nc -u -w 1 {other} {ports['udp']}").out.strip()
            # With externalTrafficPolicy Local the pod sees who really asks.
            at = url(host_ips(fleet, host)[version], direct)
            assert run("curl", "-s", "-g", "-m", "3", at).out.strip() == outside[version]
        assert dig(fleet, host, f"six.default.{DOMAIN}", "A") == []
        assert curl(fleet, host, url(addresses("six")[6])) in names
        ports_told = dig(fleet, host, f"_http._tcp.names.default.{DOMAIN}", "SRV")
        # One for each address.
        assert len(ports_told) == 6 and all(line.split()[2] == "8080" for line in ports_told)


def test_known_ports_of_nodes_in_both_families(cluster, echo):
    cluster.apply(web("known", ports=[{"name": "http", "containerPort": 8080, "hostPort": 18081},
                                      {"name": "udp", "containerPort": 18053, "hostPort": 18083,
                                       "protocol": "UDP"}]),
                  daemonset("hosted", ["sh", "-c", SERVER.replace("8080", "18082")],
                            hostNetwork=True))
    known, hosted = cluster.wait_ready("known", NODES), cluster.wait_ready("hosted", NODES)
    for host in NODES:
        echo(18053, host, inside(cluster, host, known[host]))
    for host in NODES:
        assert [a["ip"] for a in hosted[host]["status"]["podIPs"]] == list(
            host_ips(cluster, host).values())
        for ip in host_ips(cluster, host).values():
            name = known[host]["metadata"]["name"]
            assert run("curl", "-s", "-g", "-m", "3", url(ip, 18081)).out.strip() == name
            own = inside(cluster, "node-1", known["node-1"])
            for before in ((), own):
                assert curl(cluster, "node-1", url(ip, 18081), *before) == name
                # Its name is the host's.
                assert curl(cluster, "node-1", url(ip, 18082), *before) == host
                assert cluster.on("node-1", *before, "sh", "-c",
                                  f"echo | nc -u -w 1 {ip} 18083").out.strip()


def test_routes_are_kept_in_step_and_others_left_alone(cluster):
    wanted = routes_wanted(cluster, "node-1", NODES)
    cluster.on("node-1", "ip", "route", "add", "10.60.200.0/24", "via",
               cluster.host_address("node-2"))
    for subnet, gateway in wanted.items():
        cluster.on("node-1", "ip", "route", "del", subnet, "via", gateway)
        wait_until(lambda: routes(cluster, "node-1") == wanted, 10,
                   f"the route to {subnet} is back")
    # One that nobody wants any more, of before we were killed.
    cluster.on("node-1", "ip", "route", "add", "10.60.201.0/24", "via",
               cluster.host_address("node-2"), "proto", "109")
    wait_until(lambda: routes(cluster, "node-1") == wanted, 10, "only those that are wanted")
    cluster.testbed("add", "node-4", timeout=120)
    try:
        for host in NODES:
            more = routes_wanted(cluster, host, [*NODES, "node-4"])
            assert len(more) == 6
            wait_until(lambda: routes(cluster, host) == more, 10, f"{host} has a way to node-4")
        # It comes back as what it was.
        before = subnets(cluster, "node-4")
        cluster.testbed("kill", "node-4", "agent")
        cluster.wait_nodes_ready("node-4")
        assert subnets(cluster, "node-4") == before
    finally:
        cluster.testbed("remove", "node-4")
        cluster.ctl("delete", "node", "node-4")
    for host in NODES:
        wait_until(lambda: routes(cluster, host) == routes_wanted(cluster, host, NODES), 10,
                   f"{host} has none to node-4 any more")
    assert "10.60.200.0/24" in cluster.on("node-1", "ip", "route").out
    cluster.on("node-1", "ip", "route", "del", "10.60.200.0/24")


def state_of(cluster, host):
    """What changes when it is written again, too."""
    return (cluster.on(host, "stat", "-c", "%i %z", CONFIG).out, routes(cluster, host),
            cluster.on(host, "nft", "-a", "list", "table", "inet", "muster").out,
            cluster.on(host, "ip", "-o", "link", "show", "muster0").out.split()[:2])


def test_nothing_is_written_again_when_the_agent_is_killed(fleet):
    before = state_of(fleet, "node-1")
    fleet.testbed("kill", "node-1", "agent")
    wait_until(lambda: dig(fleet, "node-1", f"names.default.{DOMAIN}"), 20, "a new agent answers")
    fleet.wait_nodes_ready("node-1")
    assert state_of(fleet, "node-1") == before


def test_a_host_cut_off_keeps_its_network_and_what_it_knew(fleet):
    pods = fleet.pods("web")
    own = ips(pods["node-3"])
    fleet.testbed("cut", "node-3")
    for kind, version in (("A", 4), ("AAAA", 6)):
        wait_until(lambda: fleet.on("node-3", "dig", "+short", f"@{DNS}",
                                    f"names.default.{DOMAIN}", kind).out.split()[0] ==
                   own[version], 30, "its own pod comes first")
        assert dig(fleet, "node-3", f"names.default.{DOMAIN}", kind) == sorted(
            ips(pod)[version] for pod in pods.values())
    # As after a boot: nothing is left but what is on the disk.
    fleet.on("node-3", "sh", "-c", "ip route flush proto 109; ip -6 route flush proto 109; "
             "nft delete table inet muster; ip link del muster0; sysctl -qw net.ipv4.ip_forward=0")
    fleet.testbed("reboot", "node-3")
    wanted = routes_wanted(fleet, "node-3", NODES)
    wait_until(lambda: routes(fleet, "node-3") == wanted, 20, "the routes are back")
    assert fleet.on("node-3", "sysctl", "-n", "net.ipv4.ip_forward").out.strip() == "1"
    wait_until(lambda: "own-pods4" in fleet.on("node-3", "nft", "list", "table", "inet", "muster",
                                               check=False).out, 20, "the rules are back")
    # Its pod runs again, on the bridge, with other addresses of the same subnets.
    name, own_subnets = pods["node-3"]["metadata"]["name"], subnets(fleet, "node-3")

    def addresses_there():
        tasks = fleet.tasks("node-3").values()
        shown = [json.loads(fleet.on("node-3", "nsenter", "-t", str(pid), "-n", "ip", "-j", "addr",
                                     "show", "dev", "eth0", "scope", "global", check=False).out or
                            "[]") for pid in tasks]
        return {a["local"] for links in shown for link in links for a in link["addr_info"]
                if "local" in a and any(ipaddress.ip_address(a["local"]) in s
                                        for s in own_subnets)}

    def both_answer():
        there = addresses_there()
        return len(there) == 2 and all(curl(fleet, "node-3", url(ip, 8080)) == name
                                       for ip in there)
    wait_until(both_answer, 60, "its pod answers by both of its addresses")
    # And its names have them, though nobody has told it.
    there = {ipaddress.ip_address(ip).version: ip for ip in addresses_there()}
    for kind, version in (("A", 4), ("AAAA", 6)):
        assert there[version] != own[version]
        wait_until(lambda: dig(fleet, "node-3", f"local.names.default.{DOMAIN}", kind) ==
                   [there[version]], 20, f"{kind} is the new one")
        assert dig(fleet, "node-3", f"names.default.{DOMAIN}", kind) == sorted(
            [there[version], *(ips(pods[node])[version] for node in NODES[:2])])
    fleet.testbed("heal", "node-3")
    fleet.wait_nodes_ready("node-3")
    fleet.wait_ready("web", NODES)


def test_another_cni_configuration_has_the_host_to_itself(fleet):
    # The lowest priority that a name can have: it is not about who is first.
    other = "/etc/cni/net.d/99-other.conflist"
    text = json.dumps({"cniVersion": "0.4.0", "name": "other", "plugins": [
        {"type": "bridge", "bridge": "other0", "ipam": {
            "type": "host-local", "ranges": [[{"subnet": "10.62.0.0/24"}]]}}]})
    fleet.on("node-2", "sh", "-c", f"echo '{text}' > {other}")
    try:
        wait_until(lambda: condition(fleet, "node-2").get("reason") == "OtherNetwork", 15,
                   "the node says so")
        assert other in condition(fleet, "node-2")["message"]
        assert fleet.on("node-2", "test", "-e", CONFIG, check=False).code == 1
        doctor = fleet.on("node-2", "muster-agent", "doctor", check=False).out
        assert "99-other.conflist is there, so 'network: bridge' does nothing" in doctor
        # Pods of before go on.
        pod = fleet.pod("web", "node-2")
        for ip in ips(pod).values():
            assert curl(fleet, "node-1", url(ip, 8080)) == pod["metadata"]["name"]
        assert routes(fleet, "node-2") == routes_wanted(fleet, "node-2", NODES)
        fleet.ctl("delete", "daemonset", "web")
        wait_until(lambda: not routes(fleet, "node-2"), 30, "nothing is left when they are gone")
        wait_until(lambda: fleet.on("node-2", "ip", "link", "show", "muster0",
                                    check=False).code != 0, 10, "nor the bridge")
    finally:
        fleet.on("node-2", "rm", other)
    wait_until(lambda: condition(fleet, "node-2").get("reason") == "BridgeIsUp", 15, "it is back")
    wait_until(lambda: routes(fleet, "node-2") == routes_wanted(fleet, "node-2", NODES), 10,
               "with its routes")
    fleet.apply(web())
    fleet.wait_ready("web", NODES)


def test_reset_leaves_nothing_behind(fleet):
    def links(host):
        return {line.split()[1].split("@")[0].rstrip(":")
                for line in fleet.on(host, "ip", "-o", "link").out.splitlines()
                if "veth" not in line}

    def traces():
        return (
            links("node-4"),
            fleet.on("node-4", "sh", "-c", "ip -o addr show scope global; ip -o addr show lo | "
                     "sed 's/ valid_lft.*//'; ip route; ip -6 route | grep -v '^fe80'; "
                     "nft list tables; find /etc/cni/net.d /var/lib/cni/networks -mindepth 1 "
                     "2>/dev/null; true").out)

    fleet.testbed("add", "node-4", "--no-join", timeout=120)
    try:
        before = traces()
        fleet.testbed("add", "node-4", timeout=120)
        led = daemonset("led", ["sh", "-c", SERVER], nodeSelector={
            "kubernetes.io/hostname": "node-4"}, container={
                "ports": [{"containerPort": 8080, "hostPort": 18084}]})
        led["metadata"]["annotations"] = {"muster.dev/zero-gap": "true"}
        fleet.apply(led)
        name = fleet.wait_ready("led", ["node-4"])["node-4"]["metadata"]["name"]
        wait_until(lambda: curl(fleet, "node-4", url("127.0.0.1", 18084)) == name, 20,
                   "its host port is led")
        pod = fleet.wait_ready("web", [*NODES, "node-4"])["node-4"]
        for ip in ips(pod).values():
            assert curl(fleet, "node-4", url(ip, 8080)) == pod["metadata"]["name"]
        assert "muster0" in links("node-4") and traces() != before
        fleet.testbed("stop", "node-4", "agent")
        fleet.on("node-4", "muster-agent", "reset", "--yes", timeout=120)
        after = traces()
        assert after[0] == before[0]
        # The plug-in portmap's chains are iptables', and the runtime's business.
        ours = [text for text in after[1].splitlines() if "table ip" not in text]
        assert ours == before[1].splitlines()
    finally:
        fleet.testbed("remove", "node-4")
        fleet.ctl("delete", "node", "node-4", check=False)
        fleet.ctl("delete", "daemonset", "led", check=False)
        wait_until(lambda: len(fleet.pods("web")) == 3, 30, "its pod is forgotten")


def test_nothing_goes_on_at_rest(fleet):
    """What the agent does because of others' changes must not be a change itself."""
    pid = fleet.on("node-1", "pidof", "muster-agent").out.strip()

    def ticks():
        fields = fleet.on("node-1", "cat", f"/proc/{pid}/stat").out.rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    stays(lambda: True, 2, "time passes")
    begin = ticks()
    stays(lambda: is_ready(fleet.pod("web", "node-1")), 5, "all is well")
    assert ticks() - begin < 50  # A tenth of a core, for builds without optimization.
