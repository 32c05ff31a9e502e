"""Write a software bill of materials of what the image installs, in the format of CycloneDX, and print its licences.

``python .ci/sbom.py requirements/run.txt build/sbom.json``. Versions and hashes are those of the lock file; licences are
what the installed packages say of themselves.
"""

import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from pip_requirements_parser import InstallRequirement, RequirementsFile

UNKNOWN = "not installed here"
CLASSIFIER = "License :: OSI Approved :: "


def licence(name: str) -> str:
    """Return the licence that an installed package names: as an expression, a classifier, or in its own words."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return UNKNOWN
    own = (said.get("License") or "").strip().splitlines()
    classified = [
        c.removeprefix(CLASSIFIER) for c in said.get_all("Classifier", []) if c.startswith(CLASSIFIER)
    ]
    return said.get("License-Expression") or " OR ".join(classified) or (own[0] if own else "not named")


def component(requirement: InstallRequirement) -> tuple[Component, str]:
    """Make the entry of a locked package, and return its licence beside it."""
    name, version = requirement.name, requirement.get_pinned_version
    told = licence(name)
    hashes = [
        HashType(alg=HashAlgorithm.SHA_256, content=value.removeprefix("sha256:"))
        for value in requirement.hash_options
    ]
    known = [] if told == UNKNOWN else [LicenseFactory().make_from_string(told)]
    package = PackageURL("pypi", name=name, version=version)
    found = Component(
        name=name, version=version, purl=package, bom_ref=str(package), hashes=hashes, licenses=known
    )
    return found, told


def main(lock: str, output: str) -> None:
    """Write the bill."""
    bom = Bom()
    bom.metadata.component = Component(name="streamgauge", type=ComponentType.APPLICATION)
    licences: Counter[str] = Counter()
    for requirement in RequirementsFile.from_file(lock).requirements:
        found, told = component(requirement)
        bom.components.add(found)
        licences[told] += 1
    bom.register_dependency(bom.metadata.component, bom.components)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_to_file(
        output, allow_overwrite=True, indent=2
    )
    for told, count in licences.most_common():
        print(f"{count:4}  {told}")
    print(f"{output}: {len(bom.components)} packages")


main(*sys.argv[1:])
