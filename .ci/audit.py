"""Look up the locked packages in the lists of known vulnerabilities.

Ends with 1 where a package is vulnerable, or could not be looked up though others could. Where no list can be reached
at all, this says so and ends with 0: a change must not fail for a network that is not there.
"""

import json
import subprocess
import sys
from typing import Any

SERVICES = ("pypi", "osv")
AWAY = ("ConnectionError", "Timeout", "ProxyError", "SSLError", "HTTPError", "ServiceError")


def look_up(path: str, service: str) -> tuple[list[dict[str, Any]], str]:
    """Return what a service says of each package, or else why it says nothing."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", path, "--require-hashes", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return [], "no answer within 300 s"
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        if any(word in reason for word in AWAY):
            return [], reason[:200]
        sys.exit(f"{path}: pip-audit failed: {reason}")


def audit(path: str) -> bool:
    """Tell what is known of the packages of one lock file; return whether that is fine."""
    for service in SERVICES:
        found, problem = look_up(path, service)
        unknown = [package for package in found if "skip_reason" in package]
        if len(unknown) == len(found):
            # A mirror of PyPI without its lists knows no package at all.
            print(
                f"{path}: {service} cannot be reached from here: {problem or 'it knows none of the packages'}"
            )
            continue
        flaws = [(package, flaw) for package in found for flaw in package.get("vulns", ())]
        for package, flaw in flaws:
            fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
            print(f"{path}: {package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}")
        for package in unknown:
            print(f"{path}: {package['name']} could not be looked up: {package['skip_reason']}")
        print(
            f"{path}: {len(found)} packages looked up, {len(flaws)} flaws known, {len(unknown)} packages unknown"
        )
        return not flaws and not unknown
    print(f"{path}: NOT LOOKED UP: no list of vulnerabilities can be reached")
    return True


if __name__ == "__main__":
    fine = [audit(path) for path in sys.argv[1:]]
    sys.exit(0 if all(fine) else 1)
