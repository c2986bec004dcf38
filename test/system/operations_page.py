"""docs/operations.md as a program: its blocks of commands, each with the host that it is for."""

import re

from testbed import REPO

PAGE = REPO / "docs/operations.md"
HOSTS = ("control", "node", "new")
FENCE = re.compile(r"^```(\S*) *(.*)$")
HEADING = re.compile(r"^#+ (.*)$")


class Block:
    def __init__(self, section, language, host, line):
        self.section, self.language, self.host, self.line = section, language, host, line
        self.text = ""

    def __repr__(self):
        return f"docs/operations.md:{self.line} ({self.section}, {self.host})"


def blocks(text):
    """Fenced blocks in their order. ValueError for what might be commands and says no host."""
    found, open_block, section = [], None, ""
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if open_block:
            if fence:
                open_block = None
            else:
                open_block.text += line + "\n"
        elif fence:
            language, host = fence.groups()
            if language in ("bash", "console", "shell") or (language == "sh") != (host in HOSTS):
                raise ValueError(f"line {number}: commands are ```sh with one of {HOSTS}")
            open_block = Block(section, language, host, number)
            found.append(open_block)
        elif heading := HEADING.match(line):
            section = heading.group(1)
        elif line.startswith("    ") and line.strip():
            raise ValueError(f"line {number}: commands are in ```sh blocks, with their host")
    return found


class Story:
    """Runs the commands of the page, section by section, and knows which were not run."""

    def __init__(self, machines, hosts):
        self.machines, self.hosts = machines, dict(hosts)
        self.words = {}  # What stands in the page for something of this fleet.
        self.directory = "/root/now"
        self.blocks = blocks(PAGE.read_text())
        self.left = [block for block in self.blocks if block.language == "sh"]

    def run(self, block):
        text = block.text
        for word, meant in self.words.items():
            text = text.replace(word, meant)
        done = self.machines.on(self.hosts[block.host], "bash", "-ec",
                                f"cd {self.directory}\n{text}", check=False, timeout=180)
        assert done.code == 0, f"{block}\n{text}{done}"
        return done.text

    def tell(self, section, count=None):
        """The next blocks of a section, or all that are left of it. What they printed."""
        mine = [block for block in self.left if block.section == section][:count]
        assert mine, f"{section} has no commands that were not run yet"
        said = ""
        for block in mine:
            said += self.run(block)
            self.left.remove(block)
        return said

    def again(self, section):
        """The first block of a section, once more."""
        return self.run(next(b for b in self.blocks
                             if b.section == section and b.language == "sh"))

    def settings(self, section):
        return "".join(b.text for b in self.blocks
                       if b.section == section and b.language == "yaml")
