#!/usr/bin/python3
"""What packages consist of, as an SPDX 2.3 document. Usage: sbom.py TIME FILE.deb... >SBOM

TIME is in seconds since 1970, so that the same packages have the same document. It names them, with
their checksums; the distribution's packages that they load at run time, in the versions that they
were built with; and those that they were built from, of which headers have become part of them.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

CONTROL = pathlib.Path(__file__).parent / "debian/control"
PROJECT_LICENSE = "Apache-2.0"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def names(field):
    """Package names of a Depends or Build-Depends field; of alternatives the first."""
    parts = [part.split("|")[0] for part in field.replace("\n", " ").split(",")]
    found = [re.sub(r"[ (:\[<].*", "", part.strip()) for part in parts]
    return sorted({name for name in found if name and not name.startswith("$")})


def build_depends():
    text = CONTROL.read_text().split("\n\n")[0]
    field = re.search(r"^Build-Depends:(.*(?:\n .*)*)", text, re.MULTILINE)
    return names(field.group(1)) if field else []


def installed_version(name):
    return output("dpkg-query", "-W", "-f=${Version}", name).strip()


def spdx_id(*parts):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(parts))


def package(name, version, supplier, **more):
    return {"SPDXID": spdx_id(name), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION", "supplier": supplier, **more}


def relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def document(seconds, debs):
    ours, others, relations = [], {}, []

    def distribution_package(name):
        version = installed_version(name)
        if version and name not in others:
            reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                         "referenceLocator": f"pkg:deb/debian/{name}@{version}"}
            others[name] = package(name, version, "Organization: Debian", externalRefs=[reference])
        return spdx_id(name) if version else None

    for deb in debs:
        name, version, depends = (
            output("dpkg-deb", "-f", deb, field).strip()
            for field in ("Package", "Version", "Depends"))
        digest = hashlib.sha256(pathlib.Path(deb).read_bytes()).hexdigest()
        ours.append(package(
            name, version, "Organization: Muster", licenseDeclared=PROJECT_LICENSE,
            packageFileName=pathlib.Path(deb).name,
            checksums=[{"algorithm": "SHA256", "checksumValue": digest}]))
        relations.append(relation("SPDXRef-DOCUMENT", "DESCRIBES", spdx_id(name)))
        if name.endswith("-dbgsym"):
            continue
        for needed in names(depends):
            other = distribution_package(needed)
            if other:
                relations.append(relation(spdx_id(name), "DEPENDS_ON", other))
        for tool in build_depends():
            other = distribution_package(tool)
            if other:
                relations.append(relation(other, "BUILD_DEPENDENCY_OF", spdx_id(name)))
    content = hashlib.sha256(json.dumps([ours, others, relations]).encode()).hexdigest()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": "muster", "documentNamespace": f"https://muster.dev/spdx/{content}",
        "creationInfo": {"created": created, "creators": ["Tool: packaging/sbom.py"]},
        "packages": ours + [others[name] for name in sorted(others)],
        "relationships": relations,
    }


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    print(json.dumps(document(int(sys.argv[1]), sorted(sys.argv[2:])), indent=1))


if __name__ == "__main__":
    main()
