#!/usr/bin/python3
"""Every message that a peer on the network can send has a fuzz target that reads it.

Usage: coverage_test.py REPO

What there is comes from the descriptors' sources; what is tried from those of the targets that
test/fuzz/meson.build builds. So an RPC with a request that no target names fails here.
"""

import pathlib
import re
import sys
import unittest

REPO = pathlib.Path(sys.argv[1])
# Answers that are read as something else: the target that reads that.
READ_AS = {
    # Certificates, and nothing else.
    "EnrolResponse": "certificate",
    "RenewResponse": "certificate",
}


def rpcs():
    for path in sorted((REPO / "proto/muster").glob("*/v1/*.proto")):
        for match in re.finditer(
                r"^  rpc (\w+)\((?:stream )?(\w+)\) returns \((?:stream )?(\w+)\);",
                path.read_text(encoding="utf-8"), re.M):
            yield (path.parent.parent.name, *match.groups())


def targets():
    """Name of each target that is built: its source."""
    build = (REPO / "test/fuzz/meson.build").read_text(encoding="utf-8")
    return {name: (REPO / "test/fuzz" / f"{name}_fuzz.cc").read_text(encoding="utf-8")
            for name in re.findall(r"'(\w+)_fuzz\.cc'", build)}


class Coverage(unittest.TestCase):
    def test_every_request_is_read_by_a_target(self):
        found = list(rpcs())
        self.assertGreaterEqual(len(found), 37, "the RPCs are not found any more")
        self.assertEqual({service for service, *_ in found}, {"admin", "session"})
        sources = targets()
        for _, rpc, request, _ in found:
            by = [name for name, text in sources.items() if re.search(rf"\b{request}\b", text)]
            self.assertTrue(by, f"rpc {rpc}: no target of test/fuzz reads {request}")

    def test_every_answer_to_an_agent_is_read_by_a_target(self):
        sources = targets()
        for service, rpc, _, answer in rpcs():
            if service != "session":
                continue
            name = READ_AS.get(answer)
            by = [name] if name in sources else [
                target for target, text in sources.items() if re.search(rf"\b{answer}\b", text)]
            self.assertTrue(by, f"rpc {rpc}: no target of test/fuzz reads {answer}")

    def test_every_target_has_something_to_begin_with(self):
        for name in targets():
            seeds = REPO / "test/fuzz/corpus" / name
            self.assertTrue(seeds.is_dir() and any(seeds.iterdir()), seeds)

    def test_every_request_of_people_is_answered_in_the_target(self):
        """Each is tried by its own type, and what is not there ends the target."""
        text = targets()["admin_request"]
        for service, rpc, request, _ in rpcs():
            if service == "admin":
                self.assertIn(f"Try<admin::v1::{request}>", text, rpc)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
