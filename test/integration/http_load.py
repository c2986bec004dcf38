#!/usr/bin/python3
"""Asks places over HTTP at a steady rate, each time by a new connection, until standard input ends.

    http_load.py RATE HOST:PORT...     requests a second of each place

Prints "started" once every place has answered, and in the end, as JSON, by place: how many were
asked, which were not answered (seconds since the start, why), the longest time between two answers,
and how often each answer came.
"""

import collections
import json
import socket
import sys
import threading
import time

PATIENCE = 5.0


def ask(host, port):
    with socket.create_connection((host, port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := connection.recv(4096):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] + b" ":
        raise OSError(f"answered {head[:40]!r}")
    return body.decode(errors="replace").strip()


class Place:
    """One place, asked by a thread of its own."""

    def __init__(self, text, rate):
        host, _, port = text.rpartition(":")
        self.address = host.strip("[]"), int(port)
        self.pause = 1 / rate
        self.asked, self.failed, self.longest = 0, [], 0.0
        self.answers = collections.Counter()
        self.first = threading.Event()

    def run(self, began, over):
        last = None
        due = time.monotonic()
        while not over.is_set():
            self.asked += 1
            try:
                answer = ask(*self.address)
            except OSError as error:
                self.failed.append((round(time.monotonic() - began, 3), str(error)))
            else:
                now = time.monotonic()
                self.longest = max(self.longest, now - (last or now))
                last = now
                self.answers[answer] += 1
                self.first.set()
            due = max(due + self.pause, time.monotonic() - self.pause)
            over.wait(max(0.0, due - time.monotonic()))

    def report(self):
        return {"asked": self.asked, "failed": self.failed, "longest": round(self.longest, 4),
                "answers": self.answers}


def main():
    rate, names = float(sys.argv[1]), sys.argv[2:]
    places = {name: Place(name, rate) for name in names}
    over, began = threading.Event(), time.monotonic()
    threads = [threading.Thread(target=place.run, args=(began, over)) for place in places.values()]
    for thread in threads:
        thread.start()
    if all(place.first.wait(60) for place in places.values()):
        print("started", flush=True)
        sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({name: place.report() for name, place in places.items()}), flush=True)


if __name__ == "__main__":
    main()
