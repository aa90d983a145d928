"""The renderer of reports: sections in, one page out that stands alone, in light and dark, on a screen or a telephone.

In: sections, each made of its template and of plain values. Out: HTML as text. Nothing is loaded and nothing runs: the
page holds no script and no address of its own, forbids both, and every text from a post or a model is escaped.

    write_text(path, render_page("owl: report", [make_section("fit", "Fit", plots=plots, gain=None)]))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Plot = tuple[str, Markup, str]
"""A title, a drawing and its explanation; without a drawing nothing of it is shown."""


@dataclass(frozen=True)
class Section:
    """A part of a page. One without a title is no part of the list of sections."""

    id: str
    title: str
    content: Markup
    folded: bool = False
    """Whether it stands under "For those who want to know"."""


def make_section(name: str, title: str, **values: Any) -> Section:
    """The section that the template `name`.html.j2 makes of the values."""
    return Section(name, title, Markup(_environment().get_template(f"{name}.html.j2").render(values)))


def render_page(title: str, sections: Sequence[Section], heading: str = "", intro: str = "") -> str:
    """The whole page; its heading is the title where no other is given."""
    template = _environment().get_template("report.html.j2")
    return template.render(title=title, heading=heading or title, intro=intro, sections=sections)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("penname.judge"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["number"] = format
    return made
