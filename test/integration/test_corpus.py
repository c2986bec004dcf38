"""Manifests as people write them, run on a host and looked at from inside; and who does that."""

import corpus
import corpus_check
import pytest
import yaml
from corpus_translate import DONE, PATIENT, translate, translate_host_path
from testbed import REPO

FIXTURES = sorted((REPO / "test/data/corpus").glob("*.yaml"))
EXPECTED = {"not-here": "refused"}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_manifest_runs_as_it_asks_and_leaves_nothing(cluster, path):
    # Spec: pod/14.4/propagation, pod/15/capabilities, pod/15/groups, pod/15/run-as-user
    # Spec: pod/16/namespaces, pod/16/hosts, pod/13/order, pod/13/command, pod/10/cleanup
    # Spec: pod/14.4/read-only-volumes, pod/14.4/sub-path, pod/14.2/memory
    verdict, said = corpus.Trial(cluster, corpus.Host(cluster), path).run()
    assert verdict == EXPECTED.get(path.stem, "ok"), said


class NoHost:
    """A host that has nothing, may do little, and has a /usr that nobody can write to."""

    @staticmethod
    def may_give(capability):
        return capability != "CAP_NET_RAW"

    @staticmethod
    def exists(path):
        return path == "/"

    @staticmethod
    def could_make(path):
        return not path.startswith("/usr")

    @staticmethod
    def stand_in(path):
        return "/var/lib/corpus" + path


def translated(name):
    path = REPO / f"test/data/corpus/{name}.yaml"
    return translate(list(yaml.safe_load_all(path.read_text())), NoHost())


@pytest.mark.parametrize("path, kind, made", [
    ("/var/lib/thing", "Directory", ("/var/lib/thing", "DirectoryOrCreate")),
    ("/usr/lib/thing", "File", ("/var/lib/corpus/usr/lib/thing", "FileOrCreate")),
    ("/dev/thing", "CharDevice", ("/var/lib/corpus/dev/thing", "FileOrCreate")),
    ("/dev/thing", "", ("/var/lib/corpus/dev/thing", ""))])
def test_what_the_host_lacks_is_made_where_it_disturbs_nobody(path, kind, made):
    source = {"path": path, "type": kind}
    translate_host_path(source, NoHost())
    assert (source["path"], source["type"]) == made


def test_the_translation_keeps_what_is_asked_for():
    before, daemonset = translated("hardened")
    spec = daemonset["spec"]["template"]["spec"]
    serve = spec["containers"][0]
    assert serve["image"] == "busybox" and serve["command"] == PATIENT
    assert serve["resources"] == {"limits": {"cpu": "20m", "memory": "16Mi"}, "requests": {}}
    assert spec["securityContext"]["runAsUser"] == 1234
    assert [o["kind"] for o in before] == ["Secret"]

    before, daemonset = translated("with-sidecar")
    spec = daemonset["spec"]["template"]["spec"]
    assert spec["initContainers"][0]["command"][:3] == PATIENT[:3]
    assert spec["initContainers"][1]["command"] == DONE + ["--once"]
    assert "startupProbe" not in spec["initContainers"][0]
    assert spec["containers"][0]["command"] == PATIENT + ["/main", "$(NAME)"]
    assert [(o["kind"], o["metadata"]["name"]) for o in before] == [
        ("ConfigMap", "unknown-settings"), ("Secret", "unknown-keys")]
    assert list(before[0]["data"]) == ["a"]


def test_the_translation_makes_what_the_host_lacks():
    _, daemonset = translated("network-agent")
    volumes = {v["name"]: v["hostPath"] for v in daemonset["spec"]["template"]["spec"]["volumes"]}
    assert volumes["namespaces"] == {"path": "/run/netns", "type": "DirectoryOrCreate"}
    assert volumes["root"] == {"path": "/"}
    watcher = daemonset["spec"]["template"]["spec"]["containers"][1]
    assert watcher["securityContext"]["capabilities"]["add"] == ["NET_ADMIN", "sys_time"]
    documents = [{"kind": "DaemonSet", "metadata": {"name": "x"}, "spec": {"template": {"spec": {
        "containers": [], "volumes": [{"name": "v", "hostPath": {"path": "/usr/x",
                                                                 "type": "Socket"}}]}}}}]
    _, daemonset = translate(documents, NoHost())
    (volume,) = daemonset["spec"]["template"]["spec"]["volumes"]
    assert volume["hostPath"] == {"path": "/var/lib/corpus/usr/x", "type": "FileOrCreate"}


@pytest.mark.parametrize("asked, wanted", [
    ({}, corpus_check.DEFAULT_CAPABILITIES),
    ({"drop": ["ALL"]}, []),
    ({"drop": ["all"], "add": ["CAP_NET_ADMIN"]}, ["NET_ADMIN"]),
    ({"add": ["ALL"], "drop": ["CHOWN"]}, set(corpus_check.CAPABILITIES) - {"CHOWN"}),
    ({"drop": ["*"]}, corpus_check.DEFAULT_CAPABILITIES),
])
def test_capabilities_are_counted_as_the_runtime_does(asked, wanted):
    container = {"securityContext": {"capabilities": asked}}
    everything = (1 << 41) - 1
    assert corpus_check.wanted_capabilities(container, everything) == corpus_check.mask(wanted)
    assert corpus_check.wanted_capabilities(container, 1) == corpus_check.mask(wanted) & 1


def test_a_check_finds_what_is_wrong():
    container = {"name": "a", "volumeMounts": [
        {"name": "v", "mountPath": "/v", "readOnly": True}, {"name": "v", "mountPath": "/w"}]}
    spec = {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [container]}
    seen = {"mountinfo": "1 0 0:1 / / rw - overlay overlay rw\n"
                         "2 1 0:2 / /v rw,nosuid master:5 - ext4 /dev/x rw\n",
            "environ": "A=1\0B=2\0"}
    check = corpus_check.ContainerCheck(spec, container, seen, None)
    assert check.check_mounts() == 2
    assert check.problems == ["a: /v read-only is False, not True",
                              "a: propagation of /v is master, not ",
                              "a: nothing is mounted at /w"]
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "status": {"podIP": "1"},
           "spec": {"nodeName": "x"}}
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)1 $$(A)"}]
    check.problems.clear()
    check.check_environment(corpus_check.Facts(pod, "1", []))
    assert check.problems == ["a: $B is 2, not 11 $(A)"]
