"""Into a running container from afar: logs, exec, attach, port-forward, top; one connection out."""

import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import termios
import threading
import time

import pytest

from testbed import daemonset, only_on, wait_until


class Terminal:
    """A program on a terminal of its own, as somebody sits before it."""

    def __init__(self, command, env, rows=24, columns=80):
        self.main, inner = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            [str(word) for word in command], env=env, stdin=inner, stdout=inner, stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(inner)
        self.seen = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.main, text.encode())

    def read(self, seconds):
        """What comes within so long; False at the end."""
        ready, _, _ = select.select([self.main], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.main, 4096)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, timeout=20):
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.seen!r}"
            if not self.read(0.2):
                break
        assert re.search(pattern, self.seen), f"no {pattern!r} in {self.seen!r}"

    def end(self, timeout=20):
        deadline = time.monotonic() + timeout
        while self.read(0.2) and time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
        return self.process.wait(timeout)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.main)


def ready_pod(cluster, name, node="node-1"):
    return cluster.wait_ready(name, [node])[node]["metadata"]["name"]


def test_exec_on_a_terminal_knows_its_size_and_its_exit_code(cluster):
    cluster.apply(daemonset("term", nodeSelector=only_on("node-1")))
    ready_pod(cluster, "term")
    terminal = Terminal(cluster.ctl_command("exec", "-it", "ds/term", "--", "sh"), cluster.env,
                        rows=33, columns=101)
    try:
        terminal.type("stty size\n")
        terminal.expect(r"33 101\s")
        terminal.type("tty\n")
        terminal.expect(r"/dev/pts/\d+")
        terminal.resize(50, 120)
        # The size is there a moment after the signal.
        terminal.type("until stty size | grep -q '^50 120'; do sleep 0.1; done; echo re''sized\n")
        terminal.expect("resized")
        terminal.type("exit 17\n")
        assert terminal.end() == 17, terminal.seen
        assert "command terminated with exit code 17" in terminal.seen
    finally:
        terminal.close()


def test_attach_joins_what_runs_and_leaves_it_running(cluster):
    echo = ["sh", "-c", "while read line; do echo heard $line; done; echo over; sleep 100000"]
    container = {"stdin": True, "tty": True}
    cluster.apply(daemonset("typist", command=echo, container=container,
                            nodeSelector=only_on("node-1")))
    name = ready_pod(cluster, "typist")
    terminal = Terminal(cluster.ctl_command("attach", "-it", name), cluster.env)
    try:
        terminal.expect("If you don't see a command prompt, try pressing enter.")
        terminal.type("one\n")
        terminal.expect("heard one")
    finally:
        terminal.close()
    wait_until(lambda: "heard one" in cluster.ctl("logs", name).out, 10)
    # With the end of what is typed it lets go, and the process goes on.
    cluster.apply(daemonset("lines", command=echo, container={"stdin": True},
                            nodeSelector=only_on("node-1")))
    name = ready_pod(cluster, "lines")
    said = cluster.ctl("attach", "-i", name, stdin="two\n", timeout=30)
    assert said.code == 0, said
    wait_until(lambda: "heard two" in cluster.ctl("logs", name).out, 10, "it was heard")
    assert "over" not in cluster.ctl("logs", name).out
    cluster.wait_ready("lines", ["node-1"])


def test_attach_ends_with_the_process_and_says_what_it_cannot(cluster):
    cluster.apply(daemonset("brief", command=["sh", "-c", "trap 'exit 0' TERM; sleep 4; echo bye"],
                            nodeSelector=only_on("node-1")))
    name = wait_until(lambda: cluster.ctl("get", "pods", "-l", "app=brief", "-o", "name",
                                          check=False).out.strip()[4:], 20)
    wait_until(lambda: cluster.ctl("get", "pod", name, "--no-headers").out.split()[2] == "Running",
               20)
    said = cluster.ctl("attach", "-t", name, timeout=30)
    assert said.code == 0 and "bye" in said.out, said
    assert "Unable to use a TTY - container main did not allocate one" in said.err
    gone = cluster.ctl("attach", "nobody", check=False)
    assert gone.code == 1 and '"nobody" not found' in gone.err


class Forward:
    """musterctl port-forward while it runs."""

    def __init__(self, cluster, *args):
        self.process = subprocess.Popen(
            [str(word) for word in cluster.ctl_command("port-forward", *args)], env=cluster.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.errors = []
        self.threads = [threading.Thread(target=self._keep, args=pair)
                        for pair in ((self.process.stdout, self.lines),
                                     (self.process.stderr, self.errors))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _keep(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def port(self):
        """The local one, once it listens."""
        def found():
            match = self.lines and re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> \d+$",
                                            self.lines[0])
            assert self.process.poll() is None, self.errors
            return match and int(match.group(1))
        return wait_until(found, 20, "it listens")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(20)
        for thread in self.threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def talk(port, question, half_close=True):
    """What comes back until the end; None when the connection was broken off."""
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        try:
            peer.sendall(question)
            if half_close:
                peer.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := peer.recv(65536):
                answer += piece
            return answer
        except (ConnectionResetError, BrokenPipeError):
            return None


# Answers only when the question is over: a half-closed connection has to stay one.
COUNT = "nc -ll -p 7000 -e sh -c 'echo $(wc -c) bytes'"


@pytest.fixture
def counting(cluster):
    # And something that only the pod itself can reach.
    page = "mkdir /www; echo inside >/www/index.html; httpd -p 127.0.0.1:7080 -h /www"
    command = ["sh", "-c", f"trap 'exit 0' TERM; {page}; {COUNT} & wait"]
    cluster.apply(daemonset("count", command=command, nodeSelector=only_on("node-1")))
    return ready_pod(cluster, "count")


def test_port_forward_carries_many_connections_both_ways(cluster, counting):
    forward = Forward(cluster, f"pod/{counting}", ":7000")
    try:
        port = forward.port()
        assert forward.lines[0] == f"Forwarding from 127.0.0.1:{port} -> 7000"
        wait_until(lambda: talk(port, b"hello") == b"5 bytes\n", 20, "the server listens")
        assert f"Handling connection for {port}" in forward.lines
        # Several at once, none of which waits for another.
        open_ones = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(8)]
        assert talk(port, b"x" * 3_000_000) == b"3000000 bytes\n"
        for i, peer in enumerate(open_ones):
            peer.sendall(b"y" * (i + 1))
            peer.shutdown(socket.SHUT_WR)
        for i, peer in enumerate(open_ones):
            assert peer.makefile().read() == f"{i + 1} bytes\n"
            peer.close()
    finally:
        forward.close()


def test_port_forward_reaches_what_listens_on_loopback_in_the_pod(cluster, counting):
    forward = Forward(cluster, counting, ":7080")
    try:
        port = forward.port()
        answer = wait_until(lambda: talk(port, b"GET / HTTP/1.0\r\n\r\n", half_close=False), 20)
        assert answer.startswith(b"HTTP/1.") and answer.endswith(b"inside\n"), answer
    finally:
        forward.close()


def test_port_forward_into_the_network_of_the_host(cluster):
    page = "mkdir /www; echo on $NODE >/www/index.html; httpd -p 127.0.0.1:7090 -h /www"
    container = {"env": [{"name": "NODE",
                          "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}
    cluster.apply(daemonset("hosted", hostNetwork=True, container=container,
                            command=["sh", "-c", f"trap 'exit 0' TERM; {page}; sleep 9999 & wait"],
                            nodeSelector=only_on("node-2")))
    forward = Forward(cluster, ready_pod(cluster, "hosted", "node-2"), ":7090")
    try:
        port = forward.port()
        answer = wait_until(lambda: talk(port, b"GET / HTTP/1.0\r\n\r\n", half_close=False), 20)
        assert answer.endswith(b"on node-2\n"), answer
    finally:
        forward.close()


def test_port_forward_names_a_closed_port_and_goes_on(cluster, counting):
    forward = Forward(cluster, "ds/count", ":7001", ":7000")
    try:
        port = forward.port()
        assert talk(port, b"", half_close=False) is None
        wait_until(lambda: any(f"an error occurred forwarding {port} -> 7001" in line
                               and "Connection refused" in line for line in forward.errors), 10)
        good = [int(re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> 7000", line).group(1))
                for line in forward.lines if "127.0.0.1" in line and "-> 7000" in line]
        wait_until(lambda: talk(good[0], b"abc") == b"3 bytes\n", 20)
    finally:
        forward.close()


def test_port_forward_ends_with_its_pod(cluster, counting):
    forward = Forward(cluster, counting, ":7000")
    try:
        port = forward.port()
        idle = socket.create_connection(("127.0.0.1", port), 20)
        cluster.ctl("delete", "ds", "count")
        assert forward.process.wait(30) == 1
        assert "error: lost connection to pod" in forward.errors, forward.errors
        idle.close()
    finally:
        forward.close()


def test_port_forward_says_what_it_cannot(cluster, counting):
    none = cluster.ctl("port-forward", "nobody", "80", check=False)
    assert none.code == 1 and '"nobody" not found' in none.err, none
    word = cluster.ctl("port-forward", counting, "http", check=False)
    assert word.code == 64 and "does not have a named port 'http'" in word.err, word
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = cluster.ctl("port-forward", "--address=127.0.0.1", counting, f"{port}:80",
                           check=False)
        assert busy.code == 1 and "unable to listen on any of the requested ports" in busy.err, busy


def memory_of(cluster, host, program):
    """Resident bytes of muster's program on a host."""
    text = cluster.on(host, "sh", "-c",
                      f"cat /proc/$(pidof muster-{program})/status").out
    return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) << 10


def test_a_slow_reader_costs_a_bounded_amount_of_memory_everywhere(cluster):
    """A pod that sends without end, and a program here that reads nothing."""
    command = ["sh", "-c", "trap 'exit 0' TERM; "
                           "nc -ll -p 7000 -e cat /dev/zero & wait"]
    cluster.apply(daemonset("flood", command=command, nodeSelector=only_on("node-1")))
    name = ready_pod(cluster, "flood")
    forward = Forward(cluster, name, ":7000")
    try:
        port = forward.port()

        def flows():
            with socket.create_connection(("127.0.0.1", port), 20) as peer:
                try:
                    return bool(peer.recv(1))
                except ConnectionResetError:
                    return False
        wait_until(flows, 20, "the server listens")

        def memory():
            text = open(f"/proc/{forward.process.pid}/status", encoding="utf-8").read()
            return (memory_of(cluster, "node-1", "agent"),
                    memory_of(cluster, "control", "coordinator"),
                    int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) << 10)

        before = memory()
        with socket.create_connection(("127.0.0.1", port), 20) as peer:
            assert peer.recv(1)
            time.sleep(5)  # At full speed this would be gigabytes.
            after = memory()
            for who, then, now in zip(("agent", "coordinator", "musterctl"), before, after):
                assert now - then < 48 << 20, f"{who}: {then >> 20} MiB, then {now >> 20} MiB"
            # And it still flows.
            got = 0
            while got < 32 << 20:
                piece = peer.recv(1 << 20)
                assert piece
                got += len(piece)
    finally:
        forward.close()


def test_top_shows_what_pods_and_nodes_use(cluster, nodes):
    busy = ["sh", "-c", "trap 'exit 0' TERM; (while :; do :; done) & wait"]
    cluster.apply(daemonset("busy", command=busy, nodeSelector=only_on("node-1"),
                            container={"resources": {"limits": {"cpu": "200m"}}}),
                  daemonset("calm"))
    cluster.wait_ready("busy", ["node-1"])
    cluster.wait_ready("calm", nodes)
    lines = cluster.ctl("top", "pods", "--sort-by=cpu").out.splitlines()
    assert lines[0].split() == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert len(lines) == 5, lines
    name, cpu, memory = lines[1].split()
    assert name.startswith("busy-"), lines
    # It is held to a fifth of a core; a window of half a second sees periods of a tenth.
    assert 50 <= int(cpu.removesuffix("m")) <= 350, lines
    assert re.fullmatch(r"\d+Mi", memory)
    for line in lines[2:]:
        assert int(line.split()[1].removesuffix("m")) < 50, lines
    row = cluster.ctl("top", "pod", name, "--containers", "--no-headers").out.split()
    assert row[:2] == [name, "main"] and row[2].endswith("m"), row
    assert cluster.ctl("top", "pods", "-A", "-l", "app=busy").out.split()[:2] == \
        ["NAMESPACE", "NAME"]
    assert cluster.ctl("top", "pods", "-n", "empty", check=False).code == 4

    lines = cluster.ctl("top", "nodes").out.splitlines()
    assert lines[0].split() == ["NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"]
    assert [line.split()[0] for line in lines[1:]] == list(nodes)
    for line in lines[1:]:
        assert re.fullmatch(r"node-\d +\d+m +\d+% +\d+Mi +\d+%", line), line


def test_top_does_not_wait_for_a_node_that_is_silent(cluster, nodes):
    cluster.apply(daemonset("calm"))
    cluster.wait_ready("calm", nodes)
    pid = cluster.on("node-2", "pidof", "muster-agent").out.strip()
    cluster.on("node-2", "kill", "-STOP", pid)
    try:
        begin = time.monotonic()
        said = cluster.ctl("top", "nodes")
        assert time.monotonic() - begin < 8
        rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines()[1:]}
        assert rows["node-2"] == ["<unknown>"] * 4, said
        assert rows["node-1"][0].endswith("m") and rows["node-3"][0].endswith("m"), said
        assert 'node "node-2": did not answer' in said.err, said
        pods = cluster.ctl("top", "pods").out.splitlines()
        assert sum("<unknown>" in line for line in pods) == 1 and len(pods) == 4, pods
    finally:
        cluster.on("node-2", "kill", "-CONT", pid)
    cluster.wait_nodes_ready(*nodes)


def test_logs_of_a_daemonset_come_from_all_nodes_in_the_order_of_time(cluster, nodes):
    script = "trap 'exit 0' TERM; while :; do echo at $NODE; sleep 0.5; done"
    container = {"env": [{"name": "NODE",
                          "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}
    cluster.apply(daemonset("chatty", command=["sh", "-c", script], container=container))
    cluster.wait_ready("chatty", nodes)

    def stamps(text):
        return [line.split()[0] for line in text.splitlines()]

    def all_speak():
        text = cluster.ctl("logs", "ds/chatty", "--timestamps").out
        return all(f"at {node}\n" in text for node in nodes) and text
    text = wait_until(all_speak, 20, "every node is heard")
    assert stamps(text) == sorted(stamps(text))
    one = cluster.ctl("logs", "ds/chatty", "--all-pods=false")
    assert len({line for line in one.out.splitlines()}) == 1
    assert re.search(r"^Found 3 pods, using pod/chatty-", one.err)
    limited = cluster.ctl("logs", "-l", "app=chatty", "--prefix", "--limit-bytes=3").out
    assert re.findall(r"\[pod/chatty-\w+/main\] at ", limited) and len(limited.split("[pod")) == 4

    follow = subprocess.Popen(
        [str(w) for w in cluster.ctl_command("logs", "-f", "--timestamps", "--tail=1",
                                             "ds/chatty")],
        env=cluster.env, stdout=subprocess.PIPE, text=True)
    try:
        seen = [follow.stdout.readline() for _ in range(20)]
    finally:
        follow.terminate()
        follow.wait(10)
        follow.stdout.close()
    assert {line.split()[-1] for line in seen} == set(nodes), seen
    assert stamps("".join(seen)) == sorted(stamps("".join(seen))), seen
    few = cluster.ctl("logs", "-f", "ds/chatty", "--max-log-requests=2", check=False)
    assert few.code == 1 and "use --max-log-requests to increase the limit" in few.err, few

    # A node that is away is told of, and hides nobody unless that is wanted.
    cluster.testbed("stop", "node-3", "agent")
    away = cluster.ctl("logs", "ds/chatty", "--tail=1", check=False)
    assert away.code == 1 and "node-3" in away.err and "at node-1" in away.out, away
    ignored = cluster.ctl("logs", "ds/chatty", "--tail=1", "--ignore-errors")
    assert "node-3" in ignored.err and "at node-2" in ignored.out, ignored
    cluster.testbed("start", "node-3", "agent")
    cluster.wait_nodes_ready(*nodes)


def test_nobody_listens_on_a_node(cluster, counting):
    """All of this goes over the connection that the agent opened; what it listens at is where names
    are asked for, which no other host can reach."""
    forward = Forward(cluster, counting, ":7000")
    try:
        forward.port()
        listening = cluster.on("node-1", "ss", "-Hltnp").out
        places = [line.split()[3] for line in listening.splitlines() if "muster-agent" in line]
        assert set(places) <= {"169.254.20.10:53", "[fd6d:7573:7465:72::a]:53"}, listening
    finally:
        forward.close()


def test_cp_copies_folders_both_ways_and_nothing_elsewhere(cluster, tmp_path):
    cluster.apply(daemonset("files", nodeSelector=only_on("node-1")))
    name = ready_pod(cluster, "files")
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "large").write_bytes(os.urandom(5_000_000))
    (source / "sub/run").write_text("#!/bin/sh\necho copied\n")
    (source / "sub/run").chmod(0o755)
    assert cluster.ctl("cp", source, f"{name}:/tmp/there").code == 0
    assert cluster.ctl("exec", name, "--", "/tmp/there/sub/run").out == "copied\n"
    # Into a folder that is there, as cp does.
    cluster.ctl("cp", source / "sub/run", f"default/{name}:/tmp")
    assert cluster.ctl("exec", name, "--", "/tmp/run").out == "copied\n"

    back = tmp_path / "back"
    cluster.ctl("cp", f"{name}:/tmp/there", back)
    assert (back / "large").read_bytes() == (source / "large").read_bytes()
    assert (back / "sub/run").stat().st_mode & 0o777 == 0o755
    cluster.ctl("cp", f"{name}:/tmp/there/sub/run", tmp_path)
    assert (tmp_path / "run").read_text() == (source / "sub/run").read_text()

    # What a container plants does not come out of the folder.
    cluster.ctl("exec", name, "--", "sh", "-c",
                "mkdir /tmp/trap; ln -s /tmp /tmp/trap/out; echo ok >/tmp/trap/plain")
    trap = cluster.ctl("cp", f"{name}:/tmp/trap", tmp_path / "trap")
    assert 'warning: skipping symlink: "tmp/trap/out" -> "/tmp"' in trap.err, trap
    assert [entry.name for entry in (tmp_path / "trap").iterdir()] == ["plain"]

    missing = cluster.ctl("cp", f"{name}:/nothing", tmp_path / "x", check=False)
    assert missing.code == 1 and "nothing" in missing.err, missing
    none = cluster.ctl("cp", tmp_path / "none", f"{name}:/tmp", check=False)
    assert none.code == 1 and "doesn't exist in local filesystem" in none.err, none
    both = cluster.ctl("cp", "a:x", "b:y", check=False)
    assert both.code == 64 and "one of src or dest must be a local file" in both.err, both
