#!/usr/bin/python3
"""rows.py finds a rule without a test, and what else is wrong with the lists."""

import unittest

import rows

FIRST, SECOND = rows.ROWS
ROWS = "# Comment.\n\n1.1/taints   taints\n6/hash   the hash\n"
TEST = "// Spec: 1.1/taints, 6/hash\nTEST(A, B) {}\n"


def check(text, untested, files):
    return rows.check({FIRST: text}, untested, files)


class Rows(unittest.TestCase):
    def assert_one(self, problems, text):
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(text, problems[0])

    def test_every_rule_with_a_test_is_fine(self):
        self.assertEqual(check(ROWS, "", {"test/a.cc": TEST}), [])
        python = "def test_a():\n    # Spec: 1.1/taints\n    # Spec: 6/hash. Words.\n    pass\n"
        self.assertEqual(check(ROWS, "", {"test/a.py": python}), [])

    def test_a_rule_without_a_test(self):
        one = {"test/a.cc": TEST.replace(", 6/hash", "")}
        self.assert_one(check(ROWS, "", one), "daemonset_rows.txt:4: no test names 6/hash")
        self.assertEqual(check(ROWS, "6/hash\n", one), [])

    def test_the_list_of_untested_rules_only_shrinks(self):
        problems = check(ROWS, "6/hash\n", {"test/a.cc": TEST})
        self.assert_one(problems, "untested.txt:1: 6/hash has a test (test/a.cc:1)")
        problems = check(ROWS, "6/ash\n", {"test/a.cc": TEST})
        self.assert_one(problems, "untested.txt:1: there is no rule 6/ash")

    def test_a_tag_without_a_rule(self):
        problems = check(ROWS, "", {"test/a.cc": TEST + "// Spec: 6/hush\n"})
        self.assert_one(problems, "test/a.cc:3: there is no rule '6/hush'")

    def test_a_tag_where_there_is_no_test(self):
        problems = check(ROWS, "1.1/taints\n6/hash\n", {"test/a.h": "// Spec: 6/hash\n"})
        self.assertIn("test/a.h:1: there is no test in this file", problems[0])

    def test_every_list_has_its_own_prefix(self):
        pod = {"test/a.cc": TEST + "// Spec: pod/1.1/taints\n"}
        self.assertEqual(rows.check({FIRST: ROWS, SECOND: "pod/1.1/taints x\n"}, "", pod), [])
        two = {FIRST: ROWS, SECOND: "pod/1.1/taints x\n"}
        self.assert_one(rows.check(two, "", {"test/a.cc": TEST}),
                        "pod_lifecycle_rows.txt:1: no test names pod/1.1/taints")
        for first, second in ((ROWS + "pod/1/x\n", ""), (ROWS, "1/x\n")):
            problems = rows.check({FIRST: first, SECOND: second}, "pod/1/x\n1/x\n", pod)
            self.assertTrue(any("belongs into another list" in p for p in problems), problems)

    def test_ids_are_well_formed_and_unique(self):
        problems = check(ROWS + "6/hash again\nhash\n", "", {"test/a.cc": TEST})
        self.assertIn("daemonset_rows.txt:5: 6/hash stands here twice", problems[0])
        self.assertIn("daemonset_rows.txt:6: 'hash' is no rule's id", problems[1])


if __name__ == "__main__":
    unittest.main()
