"""The model card of one release: what it is, how good, for whom, what it gives away, and TRIPOD+AI item by item.

    page = card_html(card)
    for name, content in figures(card).items(): ...

| module | holds |
| --- | --- |
| `contents` | `Card`, plain values |
| `margins` | how the people differ from all of a hospital's, by figures that the operator supplies |
| `tripod` | the 27 items of TRIPOD+AI, filled from the evidence or left to the author |
| `rendering` | HTML, Markdown, SVG and PNG |
"""

from analytics.card.contents import Card
from analytics.card.margins import Margins
from analytics.card.rendering import card_html, card_markdown, figures

__all__ = ["Card", "Margins", "card_html", "card_markdown", "figures"]
