#!/usr/bin/python3
"""Each rule of tidy.py finds what breaks it and lets pass what does not."""

import unittest

import tidy

CLEAN = {
    "common/model/meson.build": ["static_library('model', 'taint.cc')"],
    "common/model/taint.h": ["#pragma once", "#include <string>"],
    "common/model/taint.cc": ['#include "common/model/taint.h"', "int x = 1;"],
    "agent/link/meson.build": ["static_library('link', 'link.cc')"],
    "agent/link/link.cc": ["#include <grpcpp/grpcpp.h>", '#include "common/model/taint.h"'],
}


def found(path, *lines, recipe=None):
    tree = dict(CLEAN)
    if recipe:
        tree[recipe[0]] = [recipe[1]]
    tree[path] = list(lines)
    return list(tidy.problems(tree))


class Tidy(unittest.TestCase):
    def test_a_clean_tree_has_no_problems(self):
        self.assertEqual(list(tidy.problems(CLEAN)), [])

    def assert_one(self, problems, text):
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(text, problems[0])

    def test_programs_do_not_include_each_other(self):
        header = found("agent/a.h", "#pragma once", '#include "coordinator/store/store.h"')
        self.assert_one(header, "agent/a.h:2: agent must not include coordinator")

    def test_common_includes_no_program(self):
        header = found("common/base/a.h", "#pragma once", '#include "ctl/table.h"')
        self.assert_one(header, "common must not include ctl")

    def test_what_ships_includes_no_tests(self):
        header = found("ctl/a.h", "#pragma once", '#include "test/fakes/clock.h"')
        self.assert_one(header, "must not include tests")

    def test_pure_folders_have_no_files_threads_logs_or_grpc(self):
        for name in ("fstream", "thread", "unistd.h", "sys/stat.h", "spdlog/spdlog.h", "random"):
            with self.subTest(name):
                header = found("agent/workload/a.h", "#pragma once", f"#include <{name}>")
                self.assert_one(header, f"a pure folder must not include {name}")

    def test_pure_folders_read_no_clock(self):
        header = found("coordinator/nodes/a.h", "#pragma once",
                       "auto t = std::chrono::steady_clock::now();")
        self.assert_one(header, "reads no clock")

    def test_wire_messages_stay_at_the_edges(self):
        for name in ("grpcpp/grpcpp.h", "cri/api.pb.h", "muster/admin/v1/admin.pb.h"):
            with self.subTest(name):
                header = found("agent/loop/a.h", "#pragma once", f'#include "{name}"')
                self.assert_one(header, "belongs to the edges only")
        for path in ("ctl/a.h", "common/pki/grpc_credentials.h", "coordinator/rpc/status.h"):
            self.assertEqual(found(path, "#pragma once", "#include <grpcpp/grpcpp.h>"), [])
        session = '#include "muster/session/v1/session.pb.h"'
        self.assertEqual(found("coordinator/tunnel/a.h", "#pragma once", session), [])
        self.assert_one(found("coordinator/table/a.h", "#pragma once", session), "edges only")

    def test_words_that_promise_something_later(self):
        word = "TO" "DO"
        self.assert_one(found("docs/a.md", f"{word}: write"), f"'{word}' has no place")

    def test_nothing_sleeps(self):
        header = found("agent/a.h", "#pragma once", "std::this_thread::sleep_for(1s);")
        self.assert_one(header, "wait for an event")
        self.assert_one(found("agent/a.h", "#pragma once", "usleep(3);"), "wait for an event")
        self.assertEqual(found("test/unit/a.h", "#pragma once", "sleep_for(1s);"), [])
        self.assertEqual(found("agent/a.h", "#pragma once", "hook.sleep();"), [])

    def test_tests_are_not_switched_off(self):
        header = found("test/unit/a.h", "#pragma once", "TEST(A, DISABLED_B) {}")
        self.assert_one(header, "not switched off")

    def test_long_files_and_long_lines(self):
        self.assert_one(found("ctl/a.h", "#pragma once", *["int x;"] * 600), "601 lines")
        self.assertEqual(found("ctl/a.h", "#pragma once", *["int x;"] * 599), [])
        self.assert_one(found("test/a.sh", "#" * 101), "101 columns")

    def test_headers_have_pragma_once(self):
        self.assert_one(found("ctl/a.h", "int x;"), "#pragma once")

    def test_there_is_no_util(self):
        self.assert_one(found("common/util/a.h", "#pragma once"), "name the subject")
        self.assert_one(found("ctl/utils.h", "#pragma once"), "name the subject")

    def test_sources_that_nobody_builds(self):
        self.assert_one(found("ctl/dead.cc", "int x;"), "no meson.build names this file")
        self.assertEqual(
            found("ctl/a.cc", "int x;", recipe=("ctl/meson.build", "executable('a', 'a.cc')")), [])

    def test_folders_do_not_go_round_in_a_circle(self):
        tree = dict(CLEAN)
        tree["agent/a/x.h"] = ["#pragma once", '#include "agent/b/y.h"']
        tree["agent/b/y.h"] = ["#pragma once", '#include "agent/c/z.h"']
        tree["agent/c/z.h"] = ["#pragma once"]
        self.assertEqual(list(tidy.problems(tree)), [])
        tree["agent/c/z.h"] = ["#pragma once", '#include "agent/a/x.h"']
        self.assert_one(list(tidy.problems(tree)), "agent/a -> agent/b -> agent/c -> agent/a")


if __name__ == "__main__":
    unittest.main()
