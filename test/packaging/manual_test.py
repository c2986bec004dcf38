"""Manual pages come out of --help as they should. Run by meson."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(__file__), "../..")
sys.path.insert(0, os.path.join(ROOT, "packaging"))
sys.dont_write_bytecode = True

import manual  # noqa: E402

HELP = """\
Sets things.
Usage: tool set [OPTIONS] SUBCOMMAND

Positionals:
  what TEXT ...               KIND/NAME...; '*' is all

Options:
  -h,--help                   Print this help message and exit
  --endpoint unix:///PATH
                              Socket of
                              the runtime
  --no-headers{false}         Only the rows

Subcommands:
  image                       Change images

A hint:
  tool set image x
"""


class ParseHelp(unittest.TestCase):
    def setUp(self):
        self.page = manual.parse_help(HELP)

    def test_every_part_is_found(self):
        self.assertEqual(self.page["summary"], "Sets things.")
        self.assertEqual(self.page["usage"], "tool set [OPTIONS] SUBCOMMAND")
        self.assertEqual(self.page["Positionals"],
                         [["what TEXT ...", "KIND/NAME...; '*' is all"]])
        self.assertEqual(self.page["Options"], [
            ["-h,--help", "Print this help message and exit"],
            ["--endpoint unix:///PATH", "Socket of the runtime"],
            ["--no-headers{false}", "Only the rows"]])
        self.assertEqual(self.page["Subcommands"], [["image", "Change images"]])

    def test_a_command_of_several_names_has_its_page_under_the_first(self):
        page = manual.parse_help("Does it.\nUsage: tool SUBCOMMAND\n\nSubcommands:\n"
                                 "  pods, pod, po          What pods use\n")
        self.assertEqual(page["Subcommands"],
                         [["pods", "What pods use; also called pod and po"]])
        self.assertEqual([line for line in self.page["rest"] if line],
                         ["A hint:", "  tool set image x"])

    def test_the_page_is_roff(self):
        text = manual.render(["tool", "set"], self.page, "1", "1.0", "2026-11-30")
        self.assertTrue(text.startswith('.TH TOOL-SET 1 "2026-11-30" "muster 1.0" "Muster"\n'))
        self.assertIn(".SH NAME\ntool\\-set \\- sets things\n", text)
        self.assertIn(".B \\-\\-endpoint unix:///PATH\nSocket of the runtime.\n", text)
        self.assertIn(".BR tool\\-set\\-image (1)\n", text)
        self.assertIn(".BR tool (1)", text)

    def test_a_line_that_begins_with_a_dot_is_text(self):
        self.assertEqual(manual.roff(".spec\n'x"), "\\&.spec\n\\&'x")


class Program(unittest.TestCase):
    """A program with a command, and one whose command has no help of its own."""

    def pages(self, script):
        with tempfile.TemporaryDirectory() as directory:
            program = os.path.join(directory, "tool")
            with open(program, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + script)
            os.chmod(program, 0o755)
            done = subprocess.run(
                [sys.executable, os.path.join(ROOT, "packaging/manual.py"), directory, "1.0", "8",
                 program],
                env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "0"},
                capture_output=True, text=True, check=False)
            folder = os.path.join(directory, "man8")
            names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
            pages = {}
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    pages[name] = file.read()
            return done, pages

    TOP = "Does it.\\nUsage: tool [OPTIONS]\\n\\nOptions:\\n  -h  Help\\n\\nSubcommands:\\n  go  Go"

    def test_each_command_has_a_page(self):
        done, pages = self.pages(f"""
            if [ "$1" = go ]; then printf "Goes.\\nUsage: tool go [OPTIONS]\\n"
            else printf "{self.TOP}\\n"; fi""")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(pages), ["tool-go.8", "tool.8"])
        self.assertIn("1970-01-01", pages["tool.8"])
        self.assertIn(".BR tool\\-go (8)", pages["tool.8"])

    def test_a_command_without_help_is_an_error(self):
        done, _ = self.pages(f'printf "{self.TOP}\\n"')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("tool go has no help of its own", done.stderr)


if __name__ == "__main__":
    unittest.main()
