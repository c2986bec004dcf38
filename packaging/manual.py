#!/usr/bin/python3
"""Writes the manual pages of programs from what they say about themselves.

Usage: manual.py OUT_DIR VERSION SECTION PROGRAM_FILE [SECTION PROGRAM_FILE]...

A page for each program and each of its commands, all from their --help. What no help can say
(files, exit codes) is in EXTRA below.
"""

import os
import re
import subprocess
import sys
import time

EXTRA = {
    "musterctl": {
        "ENVIRONMENT": [
            ("MUSTER_SERVER", "Address of the coordinator, unless \\fB\\-\\-server\\fP is given."),
            ("MUSTERCONFIG", "The file to read in place of \\fI~/.config/muster/config.yaml\\fP."),
            ("NO_COLOR", "When set, nothing is coloured."),
        ],
        "FILES": [
            ("~/.config/muster/config.yaml", "Where the coordinator is, and a certificate."),
            ("/run/muster/coordinator.sock", "Asked when nothing else says where; for root."),
        ],
        "EXIT STATUS": [
            ("0", "Done."),
            ("1", "Error."),
            ("2", "A rollout failed or went back."),
            ("3", "The time was over, and it still goes on."),
            ("4", "Nothing matched."),
            ("64", "Wrong command line."),
        ],
    },
    "muster-agent": {
        "FILES": [
            ("/etc/muster/agent.yaml", "Settings; each is explained there."),
            ("/var/lib/muster/agent", "Key, certificate, the saved assignment, volumes of pods."),
            ("/run/muster-agent/gate", "What muster-node-ready.target waits for."),
            ("/var/log/pods", "Logs of containers."),
        ],
        "SIGNALS": [
            ("SIGTERM", "Ends the agent. The pods run on."),
            ("SIGHUP", "Reads the settings again: logLevel changes, the log names what else did."),
        ],
        "EXIT STATUS": [
            ("0", "Ended by a signal."),
            ("1", "Error."),
            ("64", "Wrong command line."),
            ("78", "Wrong settings, or the host has not joined."),
        ],
    },
    "muster-coordinator": {
        "FILES": [
            ("/etc/muster/coordinator.yaml", "Settings; each is explained there."),
            ("/var/lib/muster/coordinator", "The store, and the certificate authority's keys."),
            ("/run/muster/coordinator.sock", "For musterctl of this host; root only."),
        ],
        "SIGNALS": [
            ("SIGTERM", "Ends the coordinator. Agents and pods go on."),
            ("SIGHUP", "Reads the settings again: logLevel changes, the log names what else did."),
        ],
        "EXIT STATUS": [
            ("0", "Ended by a signal."),
            ("1", "Error."),
            ("64", "Wrong command line."),
            ("78", "Wrong settings."),
        ],
    },
}
SEE_ALSO = {"musterctl": [], "muster-agent": ["musterctl(1)", "muster-coordinator(8)"],
            "muster-coordinator": ["musterctl(1)", "muster-agent(8)"]}
SECTIONS = ("Positionals", "Options", "Subcommands")


def help_of(command):
    done = subprocess.run(command + ["--help"], capture_output=True, text=True, check=True,
                          env={"LANG": "C.UTF-8", "PATH": os.environ.get("PATH", "")})
    return done.stdout


def parse_help(text):
    """{'summary', 'usage', 'Positionals': [(term, meaning)], ..., 'rest': [line]}"""
    page = {"summary": "", "usage": "", "rest": [], **{name: [] for name in SECTIONS}}
    section = None
    for line in text.splitlines():
        if line.startswith("Usage: "):
            page["usage"] = line.removeprefix("Usage: ")
        elif line.rstrip(":") in SECTIONS and line.endswith(":"):
            section = line.rstrip(":")
        elif not page["usage"]:
            page["summary"] = (page["summary"] + " " + line).strip()
        elif not line.strip():
            section = None if section == "Subcommands" else section
        elif section and (item := re.match(r"  (\S.*?)(?:  +(.*))?$", line)):
            page[section].append([item.group(1), item.group(2) or ""])
        elif section and line.startswith("   ") and page[section]:
            entry = page[section][-1]
            entry[1] = (entry[1] + " " + line.strip()).strip()
        else:
            section = None
            page["rest"].append(line)
    # "pods, pod, po": the page is that of the first name.
    for entry in page["Subcommands"]:
        entry[0], *others = entry[0].split(", ")
        if others:
            entry[1] += f"; also called {' and '.join(others)}"
    return page


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def sentence(text):
    return text if text.endswith((".", ")")) or not text else text + "."


def items(out, entries):
    for term, meaning in entries:
        out.append(f".TP\n.B {roff(term)}\n{roff(sentence(meaning)) or '.br'}")


def render(words, page, section, version, date):
    name = "-".join(words)
    summary = page["summary"].rstrip(".")
    out = [f'.TH {name.upper()} {section} "{date}" "muster {version}" "Muster"']
    out.append(f".SH NAME\n{roff(name)} \\- {roff(summary[:1].lower() + summary[1:])}")
    out.append(".SH SYNOPSIS\n.nf")
    out.append(f".B {roff(page['usage'])}\n.fi")
    out.append(f".SH DESCRIPTION\n{roff(sentence(page['summary']))}")
    # A list of examples or hints below the flags keeps its lines.
    rest = "\n".join(page["rest"]).strip()
    if rest:
        out.append(f".PP\n.nf\n{roff(rest)}\n.fi")
    if page["Positionals"]:
        out.append(".SH ARGUMENTS")
        items(out, page["Positionals"])
    out.append(".SH OPTIONS")
    items(out, page["Options"])
    if page["Subcommands"]:
        out.append(".SH COMMANDS")
        for command, meaning in page["Subcommands"]:
            out.append(f".TP\n.BR {roff(name + '-' + command)} ({section})\n"
                       f"{roff(sentence(meaning))}")
    for title, entries in (EXTRA.get(name) or {}).items():
        out.append(f".SH {title}")
        for term, meaning in entries:
            out.append(f".TP\n.I {roff(term)}\n{meaning}")
    see = list(SEE_ALSO.get(name, []))
    if len(words) > 1:
        see = [f"{'-'.join(words[:-1])}({section})"]
    if len(words) == 1 and page["Subcommands"]:
        see = [f"{name}-{command}({section})" for command, _ in page["Subcommands"]] + see
    if see:
        out.append(".SH SEE ALSO")
        out.append(",\n".join(f".BR {roff(s.split('(')[0])} ({s.split('(')[1]}" for s in see))
    return "\n".join(out) + "\n"


def write_pages(out_dir, version, section, program, words, command, date):
    page = parse_help(help_of(command))
    if not page["usage"].startswith(" ".join(words)):
        sys.exit(f"manual.py: {' '.join(words)} has no help of its own")
    path = os.path.join(out_dir, f"man{section}", f"{'-'.join(words)}.{section}")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(render(words, page, section, version, date))
    for name, _ in page["Subcommands"]:
        write_pages(out_dir, version, section, program, words + [name], command + [name], date)


def main():
    out_dir, version, *programs = sys.argv[1:]
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    date = time.strftime("%Y-%m-%d", time.gmtime(int(epoch))) if epoch else ""
    for section, program in zip(programs[::2], programs[1::2]):
        name = os.path.basename(program)
        write_pages(out_dir, version, section, program, [name], [os.path.abspath(program)], date)


if __name__ == "__main__":
    main()
