#!/usr/bin/python3
"""The list of what packages consist of, made of a package with known contents."""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SBOM = pathlib.Path(__file__).resolve().parents[2] / "packaging/sbom.py"
CONTROL = """Package: sample
Version: 1.2-3
Architecture: all
Maintainer: Nobody <nobody@example.org>
Depends: libc6 (>= 2.36), nosuchpackage | libc6
Description: For a test
"""


class SbomTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        root = pathlib.Path(self.directory.name) / "sample"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN/control").write_text(CONTROL)
        root.chmod(0o755)
        (root / "DEBIAN").chmod(0o755)
        self.deb = pathlib.Path(self.directory.name) / "sample.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", root, self.deb], check=True,
                       capture_output=True)

    def made(self):
        return subprocess.run([sys.executable, SBOM, "1700000000", self.deb], check=True,
                              capture_output=True, text=True).stdout

    def test_names_the_package_and_what_it_needs(self):
        document = json.loads(self.made())
        self.assertEqual(document["spdxVersion"], "SPDX-2.3")
        self.assertEqual(document["creationInfo"]["created"], "2023-11-14T22:13:20Z")
        packages = {package["name"]: package for package in document["packages"]}
        digest = hashlib.sha256(self.deb.read_bytes()).hexdigest()
        self.assertEqual(packages["sample"]["checksums"],
                         [{"algorithm": "SHA256", "checksumValue": digest}])
        self.assertEqual(packages["sample"]["versionInfo"], "1.2-3")
        self.assertTrue(packages["libc6"]["versionInfo"])
        self.assertNotIn("nosuchpackage", packages)
        self.assertIn("libgrpc++-dev", packages, "it is built with that")
        related = {(r["spdxElementId"], r["relationshipType"], r["relatedSpdxElement"])
                   for r in document["relationships"]}
        self.assertIn(("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-sample"), related)
        self.assertIn(("SPDXRef-sample", "DEPENDS_ON", "SPDXRef-libc6"), related)
        known = {p["SPDXID"] for p in document["packages"]} | {"SPDXRef-DOCUMENT"}
        for one, _, other in related:
            self.assertLessEqual({one, other}, known)
        self.assertEqual(len(known), len(document["packages"]) + 1, "every id is there once")

    def test_is_the_same_when_made_again(self):
        self.assertEqual(self.made(), self.made())


if __name__ == "__main__":
    unittest.main()
