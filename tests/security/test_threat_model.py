"""What SECURITY.md says is tested is tested where it says."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_the_tests_that_are_named_are_there():
    named = set(re.findall(r"`([a-z_/]*test_\w+\.py)`", TEXT))
    assert len(named) > 10
    places = [ROOT / "tests" / "security", ROOT / "tests", ROOT]
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_all_our_tests_are_named():
    ours = {path.name for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert ours - {Path(__file__).name} == set(re.findall(r"`(test_\w+\.py)`", TEXT))
