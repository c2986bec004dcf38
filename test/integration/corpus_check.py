"""Whether the containers of a pod are what its specification asks for, seen from inside."""

import base64
import re

from corpus_translate import containers_of

# What containerd gives a container that says nothing, by capabilities(7)'s numbers.
CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
).split()
DEFAULT_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
    "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
).split()
NAMESPACES = ("net", "pid", "ipc", "uts")

# Everything in one go: each section is a name and, in base64, what was found. The environment is
# that of the shell itself, which passes on only what is a name to it.
LOOK = """
say() { echo "$1 $(base64 | tr -d '\\n')"; }
cat /proc/self/status | say status
cat /proc/self/mountinfo | say mountinfo
cat /proc/$$/environ | say environ
for n in net pid ipc uts; do readlink /proc/self/ns/$n | say ns-$n; done
cat /etc/hosts | say hosts
hostname | say hostname
"""


def sections(text):
    found = {}
    for line in text.splitlines():
        name, _, content = line.partition(" ")
        found[name] = base64.b64decode(content).decode(errors="replace")
    return found


def number_after(status, field):
    return int(re.search(rf"^{field}:\s*(\w+)", status, re.MULTILINE)[1], 16)


def words_after(status, field):
    return re.search(rf"^{field}:(.*)$", status, re.MULTILINE)[1].split()


def mounts_of(mountinfo):
    """The topmost mount of each place: {path: (options, propagation, type)}."""
    found = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        path = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), fields[4])
        options = fields[5].split(",")
        propagation = " ".join(field.split(":")[0] for field in fields[6:])
        found[path] = (options, propagation, after.split()[0])
    return found


def mask(names):
    return sum(1 << CAPABILITIES.index(name) for name in names)


def wanted_capabilities(container, of_host):
    """The bounding set that a container should have, as far as the host has it itself."""
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        return of_host
    asked = context.get("capabilities") or {}

    def names(key):
        return [n.upper().removeprefix("CAP_") for n in asked.get(key) or [] if n != "*"]

    add, drop = names("add"), names("drop")
    kept = set() if "ALL" in drop else set(DEFAULT_CAPABILITIES)
    if "ALL" in add and "ALL" not in drop:
        kept = set(CAPABILITIES)
    kept |= set(add) - {"ALL"}
    return mask(kept - set(drop)) & of_host


def expand(text, known):
    return re.sub(r"\$(\$)|\$\(([^)]*)\)",
                  lambda m: "$" if m[1] else known.get(m[2], m[0]), text)


class Facts:
    """What variables may refer to: the pod as the API has it, its node, its configuration."""

    def __init__(self, pod, node_ip, objects):
        self.pod = pod
        self.node_ip = node_ip
        self.objects = {(o["kind"], o["metadata"]["name"]): o for o in objects}

    def data_of(self, kind, name):
        found = self.objects.get((kind, name), {})
        data = {k: str(v) for k, v in (found.get("data") or {}).items()}
        if kind == "Secret":
            data = {k: base64.b64decode(v).decode(errors="replace") for k, v in data.items()}
        data.update({k: str(v) for k, v in (found.get("stringData") or {}).items()})
        return data

    def field(self, path):
        meta, status = self.pod["metadata"], self.pod["status"]
        subscript = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path)
        if subscript:
            return meta.get(subscript[1], {}).get(subscript[2], "")
        return {
            "metadata.name": meta["name"], "metadata.namespace": meta["namespace"],
            "metadata.uid": meta["uid"], "spec.nodeName": self.pod["spec"]["nodeName"],
            "spec.serviceAccountName": self.pod["spec"].get("serviceAccountName"),
            "status.podIP": status["podIP"], "status.podIPs": status["podIP"],
            "status.hostIP": self.node_ip, "status.hostIPs": self.node_ip,
        }.get(path)

    def variables(self, container):
        """{name: value}; None for what this does not foretell (amounts of resources)."""
        known = {}
        for source in container.get("envFrom") or []:
            for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if source.get(field):
                    data = self.data_of(kind, source[field]["name"])
                    known.update({(source.get("prefix") or "") + k: v for k, v in data.items()})
        for variable in container.get("env") or []:
            source = variable.get("valueFrom") or {}
            if variable.get("value") or not source:
                value = expand(str(variable.get("value") or ""), known)
            elif source.get("fieldRef"):
                value = self.field(source["fieldRef"]["fieldPath"])
            elif source.get("resourceFieldRef"):
                value = None
            else:
                kind = "ConfigMap" if "configMapKeyRef" in source else "Secret"
                ref = source["configMapKeyRef" if kind == "ConfigMap" else "secretKeyRef"]
                data = self.data_of(kind, ref["name"])
                if ref["key"] not in data:
                    continue  # Optional, or the pod would not run.
                value = data[ref["key"]]
            known[variable["name"]] = value
        return known


class ContainerCheck:
    """One running container against its specification. `problems` is what was found wrong."""

    def __init__(self, spec, container, seen, host):
        self.spec, self.container, self.seen, self.host = spec, container, seen, host
        self.context = container.get("securityContext") or {}
        self.of_pod = spec.get("securityContext") or {}
        self.mounts = mounts_of(seen["mountinfo"])
        self.problems = []

    def expect(self, what, found, wanted):
        if found != wanted:
            self.problems.append(f"{self.container['name']}: {what} is {found}, not {wanted}")

    def check_mounts(self):
        volumes = {v["name"]: v for v in self.spec.get("volumes") or []}
        wanted = {"/" + m["mountPath"].strip("/"): m
                  for m in self.container.get("volumeMounts") or []}
        for path, mount in wanted.items():
            if path not in self.mounts:
                self.problems.append(f"{self.container['name']}: nothing is mounted at {path}")
                continue
            options, propagation, kind = self.mounts[path]
            volume = volumes[mount["name"]]
            fixed = any(volume.get(k) for k in ("configMap", "secret", "downwardAPI", "projected"))
            of_host = (volume.get("hostPath") or {}).get("path")
            self.expect(f"{path} read-only", "ro" in options,
                        bool(mount.get("readOnly")) or fixed or
                        bool(of_host and self.host.is_read_only(of_host)))
            self.expect(f"propagation of {path}", propagation,
                        {"HostToContainer": "master", "Bidirectional": "shared"}.get(
                            mount.get("mountPropagation"), ""))
            if (volume.get("emptyDir") or {}).get("medium") == "Memory":
                self.expect(f"type of {path}", kind, "tmpfs")
        self.expect("root read-only", "ro" in self.mounts["/"][0],
                    bool(self.context.get("readOnlyRootFilesystem")))
        return len(wanted)

    def check_environment(self, facts):
        found = dict(v.split("=", 1) for v in self.seen["environ"].split("\0") if "=" in v)
        wanted = facts.variables(self.container)
        for name, value in wanted.items():
            if value is None:
                self.expect(f"${name}", bool(re.fullmatch(r"\d+", found.get(name, ""))), True)
            else:
                self.expect(f"${name}", found.get(name), value)
        return len(wanted)

    def check_rights(self):
        status = self.seen["status"]
        user = self.context.get("runAsUser", self.of_pod.get("runAsUser", 0))
        group = self.context.get("runAsGroup", self.of_pod.get("runAsGroup", 0))
        self.expect("user", words_after(status, "Uid"), [str(user)] * 4)
        self.expect("group", words_after(status, "Gid"), [str(group)] * 4)
        groups = set(words_after(status, "Groups"))
        for extra in (self.of_pod.get("supplementalGroups") or []) + \
                [g for g in [self.of_pod.get("fsGroup")] if g is not None]:
            self.expect(f"group {extra} is there", str(extra) in groups, True)
        bounding = wanted_capabilities(self.container, self.host.capabilities)
        self.expect("CapBnd", f"{number_after(status, 'CapBnd'):x}", f"{bounding:x}")
        effective = bounding if user == 0 else 0
        self.expect("CapEff", f"{number_after(status, 'CapEff'):x}", f"{effective:x}")
        privileged = bool(self.context.get("privileged"))
        self.expect("NoNewPrivs", number_after(status, "NoNewPrivs"),
                    int(self.context.get("allowPrivilegeEscalation") is False))
        profile = self.context.get("seccompProfile") or self.of_pod.get("seccompProfile") or {}
        confined = profile.get("type") in ("RuntimeDefault", "Localhost") and not privileged
        self.expect("Seccomp", number_after(status, "Seccomp"), 2 if confined else 0)

    def check_namespaces(self, sandbox_shared):
        hosts = {"net": self.spec.get("hostNetwork"), "pid": self.spec.get("hostPID"),
                 "ipc": self.spec.get("hostIPC"), "uts": self.spec.get("hostNetwork")}
        for name in NAMESPACES:
            own = self.seen[f"ns-{name}"].strip()
            self.expect(f"{name} namespace is the host's", own == self.host.namespaces[name],
                        bool(hosts[name]))
            if name != "pid" or hosts["pid"] or self.spec.get("shareProcessNamespace"):
                sandbox_shared.setdefault(name, own)
                self.expect(f"{name} namespace is the pod's", own, sandbox_shared[name])

    def check_names(self, pod):
        for alias in self.spec.get("hostAliases") or []:
            line = "\t".join([alias["ip"]] + (alias.get("hostnames") or []))
            self.expect(f"{line!r} is in /etc/hosts",
                        line in self.seen["hosts"].splitlines(), True)
        if not self.spec.get("hostNetwork"):
            name = self.spec.get("hostname") or pod["metadata"]["name"]
            self.expect("host name", self.seen["hostname"].strip(), name[:63].rstrip("-."))


def check_command(container, seen_command, facts):
    """`$(NAME)` in the arguments, which are all that is left of the original command line."""
    known = {k: v for k, v in facts.variables(container).items() if v is not None}
    wanted = [expand(word, known) for word in container["command"]]
    if seen_command != wanted:
        return [f"{container['name']}: runs {seen_command}, not {wanted}"]
    return []


def running_containers(spec):
    return [container for container, ends in containers_of(spec) if not ends]
