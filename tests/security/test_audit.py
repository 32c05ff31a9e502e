"""What becomes of a change when a dependency has a known flaw, or nobody can be asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = '{"name": "good", "version": "1", "vulns": []}'
FLAWED = '{"name": "flawed", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}'
UNKNOWN = '{"name": "unknown", "skip_reason": "not found"}'


@pytest.fixture
def audit(tmp_path):
    """Run the step with a stand-in for pip-audit, whose answers depend on the network."""

    def run(pypi, osv="raise SystemExit('ConnectionError: no such host')"):
        package = tmp_path / "pip_audit"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(
            f"import sys\nif 'pypi' in sys.argv:\n    {pypi}\nelse:\n    {osv}\n"
        )
        return subprocess.run(
            [sys.executable, ROOT / ".ci" / "audit.py", "run.txt"],
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return run


def answer(*packages):
    return f"""print('{{"dependencies": [{", ".join(packages)}]}}')"""


def test_packages_without_a_known_flaw_pass(audit):
    done = audit(answer(GOOD, GOOD))
    assert (done.returncode, done.stdout) == (
        0,
        "run.txt: 2 packages looked up, 0 flaws known, 0 packages unknown\n",
    )


def test_a_known_flaw_fails_with_its_remedy(audit):
    done = audit(answer(GOOD, FLAWED))
    assert done.returncode == 1
    assert "run.txt: flawed 1: CVE-1, fixed in 2\n" in done.stdout


def test_a_package_that_cannot_be_looked_up_fails_where_others_can(audit):
    done = audit(answer(GOOD, UNKNOWN))
    assert done.returncode == 1
    assert "unknown could not be looked up: not found" in done.stdout


def test_another_list_is_asked_where_the_first_one_knows_nothing(audit):
    done = audit(answer(UNKNOWN, UNKNOWN), answer(GOOD, FLAWED))
    assert done.returncode == 1
    assert "pypi cannot be reached from here" in done.stdout


def test_without_a_network_it_says_that_nothing_was_looked_up(audit):
    done = audit("raise SystemExit('ConnectionError: no such host')")
    assert done.returncode == 0
    assert done.stdout.endswith("run.txt: NOT LOOKED UP: no list of vulnerabilities can be reached\n")


def test_a_lock_file_that_cannot_be_read_fails(audit):
    done = audit("raise SystemExit('ERROR: invalid requirement')")
    assert done.returncode == 1
    assert "run.txt: pip-audit failed: ERROR: invalid requirement" in done.stderr


@pytest.mark.parametrize("name", ["run", "dev", "build"])
def test_every_locked_package_has_a_hash(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    assert all("==" in line and "--hash=sha256:" in line for line in lines)
    assert "--index-url" not in text
