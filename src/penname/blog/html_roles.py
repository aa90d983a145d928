"""What the walk over HTML does with each element: drop it, end a line, end a paragraph, look at it more closely.

    role, tag = roles().get(node.tag_id) or role_of(node.tag)

Lexbor numbers the elements that it knows; asking for the number is many times quicker than asking for the name.
"""

import functools

from penname.blog.html_skip import DROPPED, names

BLOCKS = names(
    "html body p div section article header footer main aside nav address blockquote figure figcaption "
    "details summary h1 h2 h3 h4 h5 h6 hr ul ol menu dir li dl dt dd table caption thead tbody tfoot tr "
    "td th colgroup col form fieldset label legend hgroup center search dialog"
)
_SPECIAL_BLOCKS = names(
    "h1 h2 h3 h4 h5 h6 ul ol menu dir li table form label legend figcaption figure blockquote details dialog"
)
INLINE_CODE = names("code tt kbd samp")
_SPECIAL_INLINES = names("img a pre xmp listing plaintext sup sub q math") | INLINE_CODE
_PLAIN_NAMES = names(
    "b strong i em u s strike del ins small big span font var cite abbr acronym dfn mark time bdi "
    "bdo ruby rb wbr nobr data slot picture source track area"
)
LISTS = frozenset(["ul", "ol", "menu", "dir"])
TEXT, COMMENT = 2, 4  # Lexbor's numbers for text and comments
MOST_KNOWN = 1000  # larger numbers are addresses: elements that HTML does not know
DROP, LINE_END, PLAIN, INLINE, BLOCK, BLOCK_PLUS = range(6)


@functools.cache
def roles() -> dict[int, tuple[int, str]]:
    """Return what is to be done with each element that Lexbor knows, by its number there."""
    from selectolax.lexbor import LexborHTMLParser

    parser, tags = LexborHTMLParser("<p>"), [*BLOCKS, *DROPPED, *_SPECIAL_INLINES, *_PLAIN_NAMES, "br"]
    numbered = {parser.create_node(tag).tag_id: role_of(tag) for tag in tags}
    return {number: role for number, role in numbered.items() if number < MOST_KNOWN}


def role_of(tag: str) -> tuple[int, str]:
    """Return what is to be done with an element, and its name."""
    if tag in _SPECIAL_INLINES or tag == "script":
        return INLINE, tag
    if tag in DROPPED or tag[:1] in ("-", "!"):
        return DROP, tag
    if tag == "br":
        return LINE_END, tag
    if tag in BLOCKS:
        return (BLOCK_PLUS if tag in _SPECIAL_BLOCKS else BLOCK), tag
    return PLAIN, tag
