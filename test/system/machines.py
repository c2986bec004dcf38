"""Hosts with systemd as the tests drive them."""

import pathlib
import shlex
import shutil

from testbed import REPO, Cluster, run, wait_until, with_settings

AGENT = "muster-agent.service"
COORDINATOR = "muster-coordinator.service"
HOST_SETTINGS = REPO / "test/testbed/agent.yaml"


class Machines(Cluster):
    """A cluster whose hosts run systemd: units, journals, packages."""

    def __init__(self, state, index):
        super().__init__(state, index)
        self.undoings = []
        self.first_settings = {}  # By host and unit.

    # Muster: musterctl is that of the package, and the admin socket lies in the host's own /run.

    def shell_environment(self):
        words = shlex.split(self.testbed("env").out)
        return dict(word.split("=", 1) for word in words if "=" in word)

    def ctl_command(self, *args):
        program = self.state / "musterctl/usr/bin/musterctl"
        return [program, "--server", self.shell_environment()["MUSTER_SERVER"], *args]

    # Packages: those of `package.sh deb`, in $MUSTER_DEBS, and the other kinds beside them.

    def packages(self, kind):
        debs = self.env.get("MUSTER_DEBS") or REPO / "build/package/deb"
        return pathlib.Path(debs).parent / kind

    def debs(self, kind="deb"):
        return {path.name.split("_")[0]: path for path in self.packages(kind).glob("muster-*.deb")}

    def next_debs(self):
        """The same programs under a higher version, as `package.sh deb-next` makes them."""
        return self.debs("deb-next")

    def rpms(self):
        return {path.name.rsplit("-", 2)[0]: path
                for path in self.packages("rpm").glob("muster-*.rpm")}

    # Hosts.

    def find_as_first(self, host, unit):
        """Puts right what a test that failed left of a daemon: each finds it as the first did."""
        package = unit.removesuffix(".service")
        settings = f"/etc/muster/{package.removeprefix('muster-')}.yaml"
        if not self.boot_id(host):
            self.testbed("start", host)
        deb = self.debs()[package]
        if self.shell(host, f"dpkg-query -W -f '${{Version}}' {package}",
                      check=False).out != deb.name.split("_")[1]:
            self.install(host, package)
        file = self.host_root(host) / settings.lstrip("/")
        text = file.read_text() if file.exists() else ""
        wrong = self.shell(host, f"""
            rm -rf /run/systemd/system/{unit}.d; systemctl daemon-reload
            systemctl --quiet is-active {unit} || echo down""", check=False).out
        if text != self.first_settings.setdefault((host, unit), text):
            file.write_text(self.first_settings[host, unit])
            wrong += "settings"
        if wrong:
            self.shell(host, f"systemctl reset-failed {unit} || true; systemctl restart {unit}")

    def shell(self, host, script, check=True, timeout=60):
        return self.on(host, "sh", "-ec", script, check=check, timeout=timeout)

    def show(self, host, unit, *properties, check=True):
        """Properties of a unit as systemd has them now: {name: text}."""
        names = ",".join(properties)
        lines = self.on(host, "systemctl", "show", "-p", names, unit, check=check).out
        return dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)

    def status_text(self, host, unit):
        """What a daemon tells systemd; empty while the host reboots."""
        return self.show(host, unit, "StatusText", check=False).get("StatusText", "")

    def pid(self, host, unit):
        return int(self.show(host, unit, "MainPID")["MainPID"])

    def is_active(self, host, unit):
        return self.show(host, unit, "ActiveState")["ActiveState"] == "active"

    def journal(self, host, *matches, since=None):
        args = ["journalctl", "-q", "--no-pager", "-o", "cat", *matches]
        if since:
            args += ["--since", f"@{since}"]
        return self.on(host, *args).out

    def now(self, host):
        return float(self.on(host, "date", "+%s.%N").out)

    def write(self, host, path, text):
        """Writes a file on a host and returns what it held; None when it was not there."""
        target = self.host_root(host) / path.lstrip("/")
        before = target.read_text() if target.exists() else None
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return before

    def copy(self, host, file, directory):
        """Puts a file of this machine into a directory of a host."""
        target = self.host_root(host) / directory.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)

    def drop_in(self, host, unit, text):
        """Settings of a unit for one test."""
        path = f"/run/systemd/system/{unit}.d/test.conf"
        self.shell(host, f"mkdir -p {path.rsplit('/', 1)[0]}; cat >{path} <<'E'\n{text}\nE\n"
                         "systemctl daemon-reload")
        self.undoings.append(
            lambda: self.shell(host, f"rm -f {path}; systemctl daemon-reload", check=False))

    def undo(self):
        while self.undoings:
            self.undoings.pop()()

    def boot_id(self, host):
        """Another one after each boot; empty while the host is down."""
        return self.on(host, "cat", "/proc/sys/kernel/random/boot_id", check=False).out.strip()

    def reboot(self, host):
        """As its administrator does it. Returns as soon as the next boot has begun."""
        before = self.boot_id(host)
        self.on(host, "systemctl", "reboot", check=False)  # It may be gone before it answers.
        wait_until(lambda: self.boot_id(host) not in ("", before), 120, f"{host} boots anew")

    def install(self, host, *names, debs=None):
        for name in names:
            target = self.host_root(host) / f"var/tmp/{name}.deb"
            target.write_bytes((debs or self.debs())[name].read_bytes())
        files = [f"/var/tmp/{name}.deb" for name in names]
        done = self.on(host, "env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", *files,
                       timeout=120)
        if "muster-agent" in names:
            settings = self.host_root(host) / "etc/muster/agent.yaml"
            settings.write_text(with_settings(settings.read_text(), HOST_SETTINGS.read_text()))
        return done

    def await_new_pid(self, host, unit, before, timeout=60):
        def restarted():
            pid = self.pid(host, unit)
            return pid not in (0, before) and self.is_active(host, unit) and pid

        return wait_until(restarted, timeout, f"{unit} on {host} runs again")


__all__ = ["AGENT", "COORDINATOR", "Machines", "run"]
