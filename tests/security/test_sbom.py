"""The bill of materials names all that the image installs."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_it_has_each_locked_package_with_its_version_hashes_and_licence(tmp_path):
    lock, bill = ROOT / "requirements" / "run.txt", tmp_path / "sbom.json"
    command = [sys.executable, "-W", "error", ROOT / ".ci" / "sbom.py", lock, bill]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(bill.read_text())["components"]
    # Of some packages another version is for another Python.
    locked = re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.MULTILINE)
    assert {(part["name"], part["version"]) for part in found} == set(locked)
    assert all(part["hashes"] for part in found)
    (msgspec,) = (part for part in found if part["name"] == "msgspec")
    assert [next(iter(one.values())) for one in msgspec["licenses"]] == [{"id": "BSD-3-Clause"}]
    assert f"{len(locked)} packages" in done.stdout
