"""A figure of matplotlib that notebooks show without a backend."""

from io import BytesIO

from matplotlib.figure import Figure

__all__ = ["NotebookFigure"]


class NotebookFigure(Figure):
    """A `Figure` outside pyplot, so that nothing keeps it; notebooks show what has `_repr_png_`."""

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=110)
        return out.getvalue()
