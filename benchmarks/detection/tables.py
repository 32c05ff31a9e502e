"""Print figures with their targets beside them."""

from judging import Figure

__all__ = ["beside", "show"]


def show(title: str, figures: list[Figure]) -> int:
    """Print a table; return how many targets are missed."""
    print(f"\n{title}")
    for figure in figures:
        target = ""
        if figure.at_least is not None:
            target = f">= {_short(figure.at_least)}"
        elif figure.at_most is not None:
            target = f"<= {_short(figure.at_most)}"
        kept = "MISSED" if figure.missed else "ok" if target else ""
        print(
            f"  {figure.name:<42}{_short(figure.value):>10}  {target:<12}{kept:<8}{figure.detail}".rstrip(),
            flush=True,
        )
    return sum(figure.missed for figure in figures)


def beside(peers: dict[str, list[Figure]]) -> None:
    """Print what others make of the same rows, a line a figure."""
    if not peers:
        return
    print(f"  {'':<42}" + "".join(f"{name:>22}" for name in peers))
    for figures in zip(*peers.values(), strict=True):
        print(
            f"  {figures[0].name:<42}" + "".join(f"{_short(figure.value):>22}" for figure in figures),
            flush=True,
        )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"
