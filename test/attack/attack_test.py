#!/usr/bin/python3
"""Attacks on a running coordinator over its sockets.

Usage: attack_test.py COORDINATOR MUSTERCTL AGENT

Each attack is made by somebody who can reach the port and has no rights. While it goes on, others
have to be served within SERVED_WITHIN seconds, the coordinator may not grow by more than
GROWTH_MAX, and it has to be there afterwards.
"""

import contextlib
import gzip
import os
import pathlib
import resource
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

COORDINATOR, MUSTERCTL, AGENT = (os.path.abspath(path) for path in sys.argv[1:4])
SERVED_WITHIN = 5.0  # Seconds, beyond ten times what it takes just before the attack.
GROWTH_MAX = 128 << 20  # Bytes of memory.
HALF_OPEN = 10_000
# Seven seconds for each 1024 of an address, and what a busy machine takes for it.
HALF_OPEN_GONE_WITHIN = 90
HALF_OPEN_EACH = 100 << 10  # Bytes of memory until it is closed.
FEW_DESCRIPTORS = 400
# Seconds until others get in, until a node's session says what it has to, and until a heartbeat of
# a node was taken in, while somebody takes every descriptor there is. One is due every four
# seconds, and a node is lost after nine.
SERVED_WITHOUT_DESCRIPTORS = 5.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, CONTINUATION = 0, 1, 3, 4, 9
END_STREAM, END_HEADERS = 1, 4
ENROL = b"/muster.session.v1.AgentSession/Enrol"
RENEW = b"/muster.session.v1.AgentSession/Renew"
# What may be written to a disk for what nobody in particular asks, whatever they ask.
WRITTEN_FOR_NOBODY = 64 << 10
SESSION = b"/muster.session.v1.AgentSession/Session"


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return some.getsockname()[1]


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **more)


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def header(name, value):
    """A literal that is not kept."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def field(number, content):
    """One of a protobuf message, that has bytes."""
    length, size = b"", len(content)
    while size > 0x7f:
        length += bytes([size & 0x7f | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def call(path, *more):
    pairs = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", path),
             (b":authority", b"muster"), (b"content-type", b"application/grpc"),
             (b"te", b"trailers"), *more]
    return b"".join(header(name, value) for name, value in pairs)


class Coordinator:
    """The program with a fleet of its own, and what an attacker sees of it."""

    def __init__(self, folder, descriptors=None):
        self.folder = folder
        self.descriptors_max = descriptors
        os.makedirs(folder, exist_ok=True)
        self.port = free_port()
        self.socket = f"{folder}/admin.sock"
        self.config = f"{folder}/coordinator.yaml"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"stateDir: {folder}/state\nlisten: 127.0.0.1:{self.port}\n"
                       f"adminSocket: {self.socket}\nmetricsListen: \"\"\nremoteAdmin: true\n"
                       "advertiseAddresses: [127.0.0.1]\n")
        self.start()

    def start(self):
        # As a shell starts it: the limit of open files is a soft one, and small.
        def limit():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            if self.descriptors_max:
                hard = min(hard, self.descriptors_max)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))

        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [COORDINATOR, "--config", self.config], stderr=log, preexec_fn=limit)
        until = time.monotonic() + 30
        while self.ctl("version", check=False).returncode != 0:
            assert self.process.poll() is None and time.monotonic() < until, self.said()
            select_wait(0.05)

    def said(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def ctl(self, *words, check=True, text=None):
        return subprocess.run([MUSTERCTL, "--server", f"unix:{self.socket}", *words], check=check,
                              capture_output=True, text=True, timeout=60, input=text)

    def memory(self, what="VmRSS"):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith(what))

    def forget_peak(self):
        """From now on VmHWM is the most that it had since now."""
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, certificate=None, timeout=30.0, source=None):
        """A connection with TLS; `certificate` is a file with key and certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        if certificate:
            context.load_cert_chain(certificate)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout,
                                       source_address=(source, 0) if source else None)
        return context.wrap_socket(raw)

    def speaks(self, certificate=None, timeout=30.0, source=None):
        """Does it speak HTTP/2 with who shows this certificate?"""
        try:
            with self.connect(certificate, timeout, source) as tls:
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
                return len(tls.recv(9)) > 0
        except OSError:
            return False

    def answers(self, certificate, path):
        """The gRPC status of a call without a message; None when there is no answer."""
        with self.connect(certificate) as tls:
            tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") +
                        frame(HEADERS, END_HEADERS | END_STREAM, 1, call(path)))
            return ended(tls)


def select_wait(seconds):
    """Until something of somebody else's may have happened."""
    nobody, other = socket.socketpair()
    with nobody, other:
        nobody.settimeout(seconds)
        with contextlib.suppress(OSError):
            nobody.recv(1)


def ended(tls, stream=1):
    """Reads frames until the stream or the connection ends; whether it did in time."""
    data = b""
    try:
        while True:
            while len(data) >= 9:
                length = int.from_bytes(data[:3], "big")
                if len(data) < 9 + length:
                    break
                kind, flags, of = data[3], data[4], int.from_bytes(data[5:9], "big")
                data = data[9 + length:]
                if of == stream and (kind == RST or flags & END_STREAM):
                    return True
            more = tls.recv(65536)
            if not more:
                return True
            data += more
    except TimeoutError:
        return False
    except OSError:
        return True


class Node:
    """An agent's session, spoken by hand."""

    def __init__(self, coordinator, name):
        self.name = name
        state = f"{coordinator.folder}/{name}"
        words = coordinator.ctl("token", "create").stdout.split()
        run(AGENT, "join", f"127.0.0.1:{coordinator.port}", "--node-name", name, "--config",
            f"{state}.yaml", "--state-dir", state, *words[words.index("--token"):])
        with open(f"{state}.pem", "w", encoding="ascii") as file:
            for part in ("node.key", "node.crt"):
                with open(f"{state}/pki/{part}", encoding="ascii") as source:
                    file.write(source.read())
        self.tls = coordinator.connect(f"{state}.pem")
        self.tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") +
                         frame(HEADERS, END_HEADERS, 1, call(SESSION)))
        # FromAgent.hello.tunnels
        self.say(b"\x0a\x07\x2a\x05stats")
        self.await_message(30)

    def say(self, message):
        self.tls.sendall(frame(DATA, 0, 1, b"\0" + struct.pack(">I", len(message)) + message))

    def beat(self):
        self.say(b"\x2a\0")  # FromAgent.heartbeat

    def tell(self, reason):
        """An event about the node itself, which comes into the store."""
        about = field(1, b"Node") + field(3, self.name.encode())
        self.say(field(4, field(4, about) + field(5, reason.encode()) + field(6, b"It says so.") +
                       field(11, b"Normal")))

    def await_message(self, timeout):
        """The next message of the coordinator; None when none comes."""
        until, data = time.monotonic() + timeout, b""
        while time.monotonic() < until:
            self.tls.settimeout(max(0.01, until - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                more = self.tls.recv(65536)
                assert more, "the session was cut"
                data += more
            while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
                length = int.from_bytes(data[:3], "big")
                if data[3] == DATA and length > 0:
                    return data[9:9 + length]
                data = data[9 + length:]
        return None

    def drain(self):
        while self.await_message(0.3):
            pass


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.place = tempfile.TemporaryDirectory(prefix="muster-attack-")
        cls.coordinator = Coordinator(cls.place.name)

    @classmethod
    def tearDownClass(cls):
        cls.coordinator.process.terminate()
        cls.coordinator.process.wait(30)
        cls.place.cleanup()

    def setUp(self):
        self.before = self.coordinator.memory()
        self.growth_max = GROWTH_MAX
        # What a machine with other work to do takes for it in any case.
        start = time.monotonic()
        self.coordinator.ctl("get", "nodes")
        self.coordinator.speaks()
        self.served_within = SERVED_WITHIN + 10 * (time.monotonic() - start)
        self.connected_within = self.served_within

    def tearDown(self):
        self.assertIsNone(self.coordinator.process.poll(), self.coordinator.said())
        self.serves("afterwards")

    def serves(self, when):
        """Others get their answers: a person on this host, and who comes over the network."""
        start = time.monotonic()
        self.coordinator.ctl("get", "nodes")
        middle = time.monotonic()
        # Who is not served at once tries again, as an agent does.
        while not self.coordinator.speaks():
            self.assertLess(time.monotonic() - middle, self.connected_within, when)
        end = time.monotonic()
        growth = self.coordinator.memory() - self.before
        print(f"{self.id().split('.')[-1]}: {when} a command took {middle - start:.3f} s, "
              f"a connection {end - middle:.3f} s; {growth / (1 << 20):.1f} MiB more", flush=True)
        self.assertLess(middle - start, self.served_within, when)
        self.assertLess(end - middle, self.connected_within, when)
        self.assertLess(growth, self.growth_max, when)

    def certificate(self, name, subject, days=None, dates=None, authority=None):
        """A file with key and certificate, signed by the fleet's CA or another one."""
        path = f"{self.place.name}/{name}"
        authority = authority or f"{self.coordinator.folder}/state/pki/ca.pem"
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", path + ".key", "-out", path + ".csr", "-subj", subject)
        folder = tempfile.mkdtemp(dir=self.place.name)
        open(f"{folder}/index", "w", encoding="ascii").close()
        with open(f"{folder}/conf", "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nnew_certs_dir={folder}\n"
                       "rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\n"
                       "commonName=supplied\norganizationName=optional\n")
        when = ["-days", str(days)] if days else ["-startdate", dates[0], "-enddate", dates[1]]
        run("openssl", "ca", "-batch", "-notext", "-config", f"{folder}/conf", "-cert", authority,
            "-keyfile", authority, "-in", path + ".csr", "-out", path + ".crt", *when)
        with open(path + ".pem", "w", encoding="ascii") as file:
            for part in (".key", ".crt"):
                with open(path + part, encoding="ascii") as source:
                    file.write(source.read())
        return path + ".pem"

    def test_certificates_that_are_not_good(self):
        good = self.certificate("good", "/O=muster:users/CN=somebody", days=1)
        self.assertTrue(self.coordinator.speaks(good), "this one has to be let in to the calls")
        other = f"{self.place.name}/other-ca.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", other + ".key", "-out", other + ".crt", "-subj", "/CN=other",
            "-days", "1")
        with open(other, "w", encoding="ascii") as file:
            for part in (".key", ".crt"):
                with open(other + part, encoding="ascii") as source:
                    file.write(source.read())
        for what, bad in {
                "of another CA": self.certificate("foreign", "/O=system:nodes/CN=system:node:n1",
                                                  days=1, authority=other),
                "expired": self.certificate("expired", "/O=system:nodes/CN=system:node:n1",
                                            dates=("20200101000000Z", "20200102000000Z")),
                "not valid yet": self.certificate("early", "/O=system:nodes/CN=system:node:n1",
                                                  dates=("20900101000000Z", "20900102000000Z")),
        }.items():
            self.assertFalse(self.coordinator.speaks(bad), what)

    def test_half_open_handshakes(self):
        before = self.coordinator.descriptors()
        self.growth_max = HALF_OPEN * HALF_OPEN_EACH
        sockets = []
        try:
            for number in range(HALF_OPEN):
                some = socket.socket()
                some.setblocking(False)
                sockets.append(some)
                # Each address has its own ports.
                some.bind((f"127.0.0.{2 + number // 5_000}", 0))
                with contextlib.suppress(BlockingIOError):
                    some.connect(("127.0.0.1", self.coordinator.port))
            for some in sockets:
                # A record is announced, and never comes.
                with contextlib.suppress(OSError):
                    some.send(b"\x16\x03\x01\x02\x00\x01")
            self.serves(f"with {HALF_OPEN} handshakes half done")
            # They are closed although nobody closes them from here.
            until = time.monotonic() + HALF_OPEN_GONE_WITHIN
            while self.coordinator.descriptors() > before + 100:
                self.assertLess(time.monotonic(), until, "half-open connections stay")
                select_wait(0.2)
        finally:
            for some in sockets:
                some.close()

    def test_no_descriptors_left(self):
        coordinator = Coordinator(f"{self.place.name}/few", FEW_DESCRIPTORS)
        self.addCleanup(coordinator.stop)
        node = Node(coordinator, "n1")
        node.drain()
        sockets = []
        self.addCleanup(lambda: [some.close() for some in sockets])

        def half_open(address, count):
            for _ in range(count):
                some = socket.socket()
                some.setblocking(False)
                sockets.append(some)
                some.bind((address, 0))
                with contextlib.suppress(BlockingIOError):
                    some.connect(("127.0.0.1", coordinator.port))
                with contextlib.suppress(OSError):
                    some.send(b"\x16\x03\x01\x02\x00\x01")

        # From everywhere, one of them the address that the others come from.
        for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"):
            half_open(address, 5 * FEW_DESCRIPTORS // 4)
        worst_in = worst_session = worst_beat = 0.0
        for number in range(10):
            half_open("127.0.0.2", FEW_DESCRIPTORS // 4)  # It goes on.
            start = time.monotonic()
            source = f"127.0.1.{number + 1}"
            while not coordinator.speaks(timeout=SERVED_WITHOUT_DESCRIPTORS, source=source):
                self.assertLess(time.monotonic() - start, SERVED_WITHOUT_DESCRIPTORS, source)
            worst_in = max(worst_in, time.monotonic() - start)
            # A node is heard: what it says after a heartbeat is taken in after it, so when that is
            # there the heartbeat was.
            start = time.monotonic()
            node.beat()
            node.tell(f"Round{number}")
            while f"Round{number}" not in coordinator.ctl("get", "events").stdout:
                self.assertLess(time.monotonic() - start, SERVED_WITHOUT_DESCRIPTORS,
                                "a heartbeat is delayed")
            worst_beat = max(worst_beat, time.monotonic() - start)
            # And is told what is wanted of it.
            start = time.monotonic()
            with subprocess.Popen([MUSTERCTL, "--server", f"unix:{coordinator.socket}", "top",
                                   "node", "n1"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as asks:
                told = node.await_message(SERVED_WITHOUT_DESCRIPTORS)
                asks.kill()
            self.assertIsNotNone(told, "the session is delayed")
            worst_session = max(worst_session, time.monotonic() - start)
        self.assertLess(worst_beat, SERVED_WITHOUT_DESCRIPTORS)
        self.assertLessEqual(coordinator.descriptors(), FEW_DESCRIPTORS)
        # From the address of an attacker it takes until its connections have had their time.
        start = time.monotonic()
        while not coordinator.speaks(timeout=10):
            self.assertLess(time.monotonic() - start, 30, "not from the attacker's address either")
        print(f"without descriptors: others get in within {worst_in:.3f} s, a heartbeat is taken "
              f"in within {worst_beat:.3f} s, a session says what it has to within "
              f"{worst_session:.3f} s, the attacker's own address gets in within "
              f"{time.monotonic() - start:.3f} s", flush=True)
        for some in sockets:
            some.close()
        self.assertTrue(coordinator.speaks(), "afterwards")
        self.assertIsNone(coordinator.process.poll(), coordinator.said())

    def test_nobody_stays_without_saying_who_it_is(self):
        with self.coordinator.connect(timeout=60) as tls:
            tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
            start = time.monotonic()
            self.assertTrue(ended(tls), "a connection that says nothing stays")
            self.assertLess(time.monotonic() - start, 45)

    def test_what_is_no_text_fills_no_journal(self):
        before = os.path.getsize(f"{self.coordinator.folder}/log")
        body = b"\x12\x02\xff\xfe"  # EnrolRequest.node_name
        for _ in range(20):
            with self.coordinator.connect() as tls:
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
                for stream in range(1, 200, 2):
                    tls.sendall(frame(HEADERS, END_HEADERS, stream, call(ENROL)) +
                                frame(DATA, END_STREAM, stream,
                                      b"\0" + struct.pack(">I", len(body)) + body))
                self.assertTrue(ended(tls, 199))
        with open(f"{self.coordinator.folder}/log", encoding="utf-8", errors="replace") as file:
            file.seek(before)
            self.assertNotIn("UTF-8", file.read())

    def written(self):
        """Bytes of the coordinator's log and of its audit log."""
        folder = f"{self.coordinator.folder}/state/audit"
        files = [f"{self.coordinator.folder}/log"] + [f"{folder}/{name}"
                                                      for name in os.listdir(folder)]
        return sum(os.path.getsize(path) for path in files)

    def test_nobody_fills_the_logs_or_writes_lines_of_its_own_into_them(self):
        before = self.written()
        log_from = os.path.getsize(f"{self.coordinator.folder}/log")
        name = b"n\n2026-01-01T00:00:00.000Z info forged \x1b[2J" + b"x" * 3_000
        bodies = [(ENROL, field(2, name)),  # No name of a node.
                  (ENROL, field(1, b"a.b") + field(2, b"n1")),  # No request for a certificate.
                  (ENROL, field(2, b"n1") + field(4, field(1, name) + field(2, name))),
                  (RENEW, field(1, name) + field(2, b"none")),
                  (RENEW, field(1, name))]
        calls = 0
        for _ in range(10):
            with self.coordinator.connect() as tls:
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
                # No more than the coordinator's window for one connection takes.
                for stream in range(1, 2 * 15, 2):
                    path, body = bodies[calls % len(bodies)]
                    calls += 1
                    tls.sendall(frame(HEADERS, END_HEADERS, stream, call(path)) +
                                frame(DATA, END_STREAM, stream,
                                      b"\0" + struct.pack(">I", len(body)) + body))
                self.assertTrue(ended(tls, 29))
        self.serves(f"after {calls} requests of nobody")
        print(f"{calls} requests of nobody: {self.written() - before} bytes were written",
              flush=True)
        self.assertLess(self.written() - before, WRITTEN_FOR_NOBODY)
        with open(f"{self.coordinator.folder}/log", encoding="utf-8", errors="replace") as file:
            file.seek(log_from)
            lines = file.read()
        self.assertIn("forged", lines, "nothing was told of it")
        self.assertFalse([line for line in lines.splitlines() if line.startswith("2026-01-01T")])
        self.assertNotIn("\x1b", lines)

    def test_slow_senders(self):
        streams = []
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                tls = stack.enter_context(self.coordinator.connect())
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") +
                            frame(HEADERS, 0, 1, call(SESSION)))
                streams.append(tls)
            for _ in range(5):
                for tls in streams:
                    # A header that never ends, a byte at a time.
                    with contextlib.suppress(OSError):
                        tls.sendall(frame(CONTINUATION, 0, 1, b"\0"))
                self.serves("with 200 headers that do not end")

    def test_headers_without_end(self):
        with self.coordinator.connect() as tls:
            tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, 0, 1, call(SESSION)))
            with contextlib.suppress(OSError):
                for _ in range(5_000):
                    tls.sendall(frame(CONTINUATION, 0, 1, header(b"x" * 100, b"y" * 100) * 50))
            self.serves("with 50 MB of headers")

    def test_what_is_no_http(self):
        noise = os.urandom(1 << 16)
        for start in (b"", PREFACE, PREFACE + frame(SETTINGS, 0, 0, b"")):
            for cut in range(0, 1 << 16, 1 << 13):
                with self.coordinator.connect() as tls, contextlib.suppress(OSError):
                    tls.sendall(start + noise[cut:cut + (1 << 13)])
        with socket.create_connection(("127.0.0.1", self.coordinator.port), 5) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n" + noise)
        self.serves("after noise")

    def test_a_message_that_lies_about_its_length(self):
        for length in (0xffffffff, 0x7fffffff, 64 << 20):
            with self.coordinator.connect() as tls:
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") +
                            frame(HEADERS, END_HEADERS, 1, call(ENROL)) +
                            frame(DATA, 0, 1, b"\0" + struct.pack(">I", length) + b"x" * 1000))
                self.assertTrue(ended(tls), f"a message of {length} bytes is waited for")
            self.serves(f"after a message of {length} bytes was announced")

    def test_what_becomes_large_by_being_unpacked(self):
        # As large as fits into what may be sent without being asked for more.
        bomb = gzip.compress(bytes(48 << 20), 9)
        self.assertLess(len(bomb), 60_000)
        self.coordinator.forget_peak()
        before = self.coordinator.memory()
        for encoding in (b"gzip", b"deflate"):
            with self.coordinator.connect() as tls:
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(
                    HEADERS, END_HEADERS, 1, call(ENROL, (b"grpc-encoding", encoding))))
                body = b"\1" + struct.pack(">I", len(bomb)) + bomb
                with contextlib.suppress(OSError):
                    for at in range(0, len(body), 16_000):
                        last = END_STREAM if at + 16_000 >= len(body) else 0
                        tls.sendall(frame(DATA, last, 1, body[at:at + 16_000]))
                self.assertTrue(ended(tls), "a compressed message is not refused")
            self.serves("after a bomb")
        self.assertLess(self.coordinator.memory("VmHWM") - before, 24 << 20, "it was unpacked")

    def test_protobuf_that_is_none(self):
        for body in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x07x", b"\x0b" * 5_000,
                     os.urandom(5_000)):
            with self.coordinator.connect() as tls:
                tls.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") +
                            frame(HEADERS, END_HEADERS, 1, call(ENROL)) +
                            frame(DATA, END_STREAM, 1,
                                  b"\0" + struct.pack(">I", len(body)) + body))
                self.assertTrue(ended(tls))
        self.serves("after malformed messages")

    def refused(self, manifest, says):
        start = time.monotonic()
        result = self.coordinator.ctl("apply", "-f", "-", check=False, text=manifest)
        self.assertLess(time.monotonic() - start, self.served_within)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(says, result.stderr)

    def test_manifests(self):
        bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
        self.refused(bomb, "too large")
        self.refused("- " * 100_000, "error")
        self.refused("[" * 100_000, "error")
        self.refused("{a: " * 100_000, "error")
        ds = """
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
  annotations:
    muster.dev/overrides: |
%s
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: busybox}]}
"""
        # These are read by the coordinator.
        self.refused(ds % "".join(f"      {line}\n" for line in bomb.splitlines()), "too large")
        self.refused(ds % ("      " + "[" * 100_000), "of the annotation")
        for key in ("../../etc/passwd", "a/b", "..", ".", "a\\0b"):
            self.refused(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: "
                         f"{{\"{key}\": x}}\n", "Invalid value" if "0" not in key else "")
        self.refused("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"m\\e[31m\"}\n", "m^[[31m")

    def test_a_terminal_is_not_written_to_by_others(self):
        self.coordinator.ctl("apply", "-f", "-", text="""
apiVersion: v1
kind: ConfigMap
metadata: {name: evil, annotations: {a: "\\e]0;owned\\a\\e[2J\\u202e"}}
data: {key: "\\e[2Jx"}
""")
        for words in (("describe", "cm", "evil"), ("get", "cm", "evil", "-o", "wide")):
            shown = self.coordinator.ctl(*words).stdout
            self.assertFalse([c for c in shown if ord(c) < 32 and c not in "\n\t"], repr(shown))
            self.assertNotIn("\u202e", shown)
        # A program gets it as it is.
        raw = self.coordinator.ctl("get", "cm", "evil", "-o", "jsonpath={.data.key}").stdout
        self.assertEqual(raw, "\x1b[2Jx")

    def test_the_audit_log_shows_what_was_done_to_it(self):
        folder = f"{self.coordinator.folder}/state/audit"
        verify = lambda: subprocess.run(  # noqa: E731
            [MUSTERCTL, "audit", "verify", folder], capture_output=True, text=True, timeout=60,
            check=False)
        self.coordinator.ctl("create", "-f", "-", text="apiVersion: v1\nkind: Secret\nmetadata: "
                             "{name: s}\nstringData: {password: hunter2}\n")
        # The log waits for nobody, and nobody for the log: what was asked for is in it soon after.
        until = time.monotonic() + SERVED_WITHIN
        name = '"resource":"secrets","namespace":"default","name":"s"'
        while name not in pathlib.Path(f"{folder}/audit.log").read_text(encoding="utf-8"):
            self.assertLess(time.monotonic(), until, "it is not remembered")
            select_wait(0.02)
        # With no chance to write anything more.
        self.coordinator.process.kill()
        self.coordinator.process.wait(30)
        self.coordinator.start()
        good = verify()
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        with open(f"{folder}/audit.log", encoding="utf-8") as file:
            text = file.read()
        self.assertIn('"rpc":"Apply"', text)
        self.assertIn(name, text)
        self.assertNotIn("hunter2", text)
        self.assertNotIn("aHVudGVyMg", text)
        number = next(n for n, line in enumerate(text.splitlines(), 1) if '"name":"s"' in line)
        with open(f"{folder}/audit.log", "w", encoding="utf-8") as file:
            file.write(text.replace('"name":"s"', '"name":"t"', 1))
        bad = verify()
        self.assertEqual(bad.returncode, 1)
        self.assertIn(f"audit.log:{number}: this line was changed", bad.stderr)
        with open(f"{folder}/audit.log", "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[4:]])
