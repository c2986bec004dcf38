"""A manifest of somebody else's daemon as one that can run anywhere, and says as much as possible.

What is translated, and nothing else is:

- Images are busybox with `imagePullPolicy: IfNotPresent`. Containers and sidecars run a shell that
  waits, plain init containers one that ends; the original command line, in which `$(NAME)` is still
  expanded, is its arguments.
- Probes and hooks are dropped: nothing in busybox would answer them.
- nodeSelector and node affinity are dropped, and whoever runs it chooses the node; but manifests
  that want Windows keep them, and are to run nowhere.
- Requests and limits are capped to what a small host has; extended resources are dropped.
- A hostPath that the host lacks, of a type that may not be missing, becomes one that is made; one
  that would have to be made on a read-only file system, or among the devices of the machine, which
  its hosts share, lies below /var/lib/corpus.
- ConfigMaps, Secrets and PriorityClasses that are mentioned and not in the file are made up, with
  the keys that are mentioned.
- runAsNonRoot without a user, which the image would have had, gets one.
- Capabilities are not added that the host has not got itself.
"""

import copy

PATIENT = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait", "--"]
DONE = ["sh", "-c", ":", "--"]
CAPS = {"cpu": "20m", "memory": "16Mi", "ephemeral-storage": "64Mi"}
MADE_INSTEAD = {
    "Directory": "DirectoryOrCreate",
    "File": "FileOrCreate",
    "Socket": "FileOrCreate",
    "CharDevice": "FileOrCreate",
    "BlockDevice": "FileOrCreate",
}
BUILT_IN_PRIORITIES = ("system-node-critical", "system-cluster-critical")
OURS = ("ConfigMap", "Secret", "ServiceAccount")


def flatten(documents):
    for document in documents:
        if not isinstance(document, dict):
            continue
        if document.get("kind", "").endswith("List"):
            yield from flatten(document.get("items") or [])
        else:
            yield document


def daemonset_of(documents):
    (found,) = [d for d in flatten(documents) if d.get("kind") == "DaemonSet"]
    return found


def wants_windows(spec):
    selector = spec.get("nodeSelector") or {}
    return "windows" in (selector.get("kubernetes.io/os"), (spec.get("os") or {}).get("name"))


def containers_of(spec):
    """(container, ends by itself) of all, in the order in which they start."""
    for container in spec.get("initContainers") or []:
        yield container, container.get("restartPolicy") != "Always"
    for container in spec.get("containers") or []:
        yield container, False


def translate_container(container, ends, pod_security, host):
    original = (container.get("command") or []) + (container.get("args") or [])
    container["image"] = "busybox"
    container["imagePullPolicy"] = "IfNotPresent"
    container["command"] = (DONE if ends else PATIENT) + [str(word) for word in original]
    container.pop("args", None)
    for field in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
        container.pop(field, None)
    resources = container.get("resources") or {}
    for kind in ("limits", "requests"):
        amounts = resources.get(kind) or {}
        resources[kind] = {name: CAPS[name] for name in amounts if name in CAPS}
    container["resources"] = resources
    own = container.get("securityContext") or {}
    non_root = own.get("runAsNonRoot", pod_security.get("runAsNonRoot"))
    if non_root and not own.get("runAsUser", pod_security.get("runAsUser")):
        container["securityContext"] = own = dict(own, runAsUser=65534)
    capabilities = own.get("capabilities") or {}
    if capabilities.get("add"):
        capabilities["add"] = [name for name in capabilities["add"] if host.may_give(name)]


def translate_host_path(source, host):
    path, kind = source.get("path", ""), source.get("type") or ""
    if host.exists(path):
        return
    if path.startswith("/dev/") or not host.could_make(path):
        source["path"] = host.stand_in(path)
    if kind in MADE_INSTEAD:
        source["type"] = MADE_INSTEAD[kind]


class References:
    """ConfigMaps and Secrets that a pod cannot do without, with the keys it names."""

    def __init__(self):
        self.keys = {}

    def add(self, kind, name, keys=(), optional=False):
        if name and not optional:
            self.keys.setdefault((kind, name), set()).update(k for k in keys if k)

    def of_source(self, kind, source, name_field, sub_paths=()):
        items = [item["key"] for item in source.get("items") or []]
        self.add(kind, source.get(name_field), items or sub_paths, source.get("optional"))


def references_of(spec):
    found = References()
    sub_paths = {}
    for container, _ in containers_of(spec):
        for mount in container.get("volumeMounts") or []:
            if mount.get("subPath"):
                sub_paths.setdefault(mount["name"], []).append(mount["subPath"])
        for variable in container.get("env") or []:
            source = variable.get("valueFrom") or {}
            for kind in ("ConfigMap", "Secret"):
                ref = source.get(kind[0].lower() + kind[1:] + "KeyRef")
                if ref:
                    found.add(kind, ref["name"], [ref["key"]], ref.get("optional"))
        for source in container.get("envFrom") or []:
            for kind in ("ConfigMap", "Secret"):
                ref = source.get(kind[0].lower() + kind[1:] + "Ref")
                if ref:
                    found.add(kind, ref["name"], (), ref.get("optional"))
    for volume in spec.get("volumes") or []:
        paths = sub_paths.get(volume["name"], ())
        sources = [volume] + ((volume.get("projected") or {}).get("sources") or [])
        for source in sources:
            if source.get("configMap"):
                found.of_source("ConfigMap", source["configMap"], "name", paths)
            if source.get("secret"):
                field = "secretName" if source is volume else "name"
                found.of_source("Secret", source["secret"], field, paths)
    return found.keys


def made_up(kind, name, namespace, keys):
    data = {key: f"made up for {key}\n" for key in sorted(keys) or ["KEY"]}
    field = "data" if kind == "ConfigMap" else "stringData"
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            field: data}


def translate(documents, host):
    """(objects to apply before it, the DaemonSet). `host` answers exists(), could_make() and
    may_give() a capability."""
    documents = list(flatten(copy.deepcopy(documents)))
    daemonset = daemonset_of(documents)
    namespace = daemonset["metadata"].setdefault("namespace", "default")
    spec = daemonset["spec"]["template"]["spec"]
    if not wants_windows(spec):
        spec.pop("nodeSelector", None)
        (spec.get("affinity") or {}).pop("nodeAffinity", None)
    for container, ends in containers_of(spec):
        translate_container(container, ends, spec.get("securityContext") or {}, host)
    for volume in spec.get("volumes") or []:
        if volume.get("hostPath"):
            translate_host_path(volume["hostPath"], host)

    others = [d for d in documents if d.get("kind") in OURS]
    there = {(d["kind"], d["metadata"]["name"]) for d in others}
    for (kind, name), keys in sorted(references_of(spec).items()):
        if (kind, name) not in there:
            others.append(made_up(kind, name, namespace, keys))
    for other in others:
        other["metadata"].setdefault("namespace", namespace)
    priority = spec.get("priorityClassName")
    if priority and priority not in BUILT_IN_PRIORITIES:
        others.append({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                       "metadata": {"name": priority}, "value": 1000})
    if namespace not in ("default", "kube-system"):
        others.insert(0, {"apiVersion": "v1", "kind": "Namespace",
                          "metadata": {"name": namespace}})
    return others, daemonset
