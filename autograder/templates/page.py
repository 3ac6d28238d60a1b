"""Turn what a student wrote or printed into HTML that can neither run nor fetch anything.

Used by the template `retroalimentacion`, whose conf.json names `SafePage`; knows nothing of points.
Three walls, each enough alone: raw HTML in Markdown is escaped where it is parsed, what is left
passes an allowlist, and the page's Content-Security-Policy forbids scripts and the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape, unescape
from typing import Any

import nh3
from bs4 import BeautifulSoup, Tag
from markupsafe import Markup
from mistune.plugins.table import render_table_cell
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor

from autograder.words import Words

__all__ = ["Page", "SafePage"]

# Pictures that a browser draws without asking anyone. SVG is not among them: the template shows
# SVG outputs through <img>, where it cannot run, but nothing else may bring its own.
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
PICTURE_KINDS = ("image/png", "image/jpeg", "image/gif", "image/webp")
LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
PLAIN_TAG = re.compile(r"</?(?:br|sub|sup|kbd|b|i|em|strong|u|mark) ?/?>", re.IGNORECASE)

# fmt: off
TEXT_TAGS = frozenset(
    {
        "a", "b", "blockquote", "br", "code", "del", "div", "em", "h2", "h3", "h4", "h5",
        "h6", "hr", "i", "img", "kbd", "li", "mark", "ol", "p", "pre", "s", "span",
        "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
    }
)
OUTPUT_TAGS = TEXT_TAGS - {"h2", "h3", "h4", "h5", "h6", "hr"} | {"caption", "tfoot", "small"}
# Elements whose text is not meant to be read: they go with all that is in them.
SILENT_TAGS = {
    "applet", "audio", "base", "embed", "frame", "frameset", "iframe", "link", "math",
    "meta", "noembed", "noframes", "noscript", "object", "script", "select", "style",
    "svg", "template", "textarea", "title", "video", "xmp",
}
# fmt: on
# A parser opens these anew in every paragraph and cell after one that was not closed.
REOPENED = re.compile(
    r"<(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)\b", re.IGNORECASE
)
CELL = {"colspan", "rowspan", "style"}
ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt"},
    "ol": {"start"},
    "td": CELL,
    "th": CELL | {"scope"},
}
SPAN = re.compile(r"[1-9][0-9]?")
CLASSES_OURS = re.compile(r"(?:highlight|formula|formula display|scroll|[a-z]{1,3}[0-9]?)")
# Deeper than any honest notebook; a parser's recursion ends not far beyond.
MAX_DEPTH = 100
# Parsers of text that is made to be slow take seconds for what an honest notebook never has:
# a Markdown cell beyond this is shown as it was written, an HTML output beyond it not at all.
MAX_MARKDOWN = 50_000
MAX_PAGE = 400_000
MAX_TAGS, MAX_ALL_TAGS, MAX_REOPENED = 20_000, 40_000, 100
# Of the outputs a page shows as much as anybody reads; each counts for some characters by itself,
# and colours, each of which is an element, have a number of their own.
MAX_SHOWN = 500_000
EACH = 300
MAX_COLOURS, MAX_ALL_COLOURS = 2_000, 10_000


class SafePage(Preprocessor):
    """Hand the template the functions that make a student's content safe, as `resources.page`.

    A preprocessor, because conf.json can name one: the template then brings its own protection,
    and there is no line of configuration whose absence would take it away.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        resources["page"] = Page()
        return nb, resources


class Page:
    """One page: what it shows of a student's, and how deep its headings are.

    Unless it ``draws_formulas`` itself, as their LaTeX, they stay between dollars for MathJax.
    """

    def __init__(self, *, draws_formulas: bool = True) -> None:
        self._level = 1
        self._left = MAX_PAGE
        self._tags = MAX_ALL_TAGS
        self._renderer = _Renderer if draws_formulas else _MathRenderer
        self._room = MAX_SHOWN
        self._colours = MAX_ALL_COLOURS

    def words(self, language: str) -> dict[str, str]:
        """What the page itself says, in one of the languages."""
        return Words(language).page()

    def markdown(self, source: object, attachments: object = None, figure: str = "") -> Markup:
        """A notebook's Markdown. Its headings go one level down (h1 is ours) and skip none."""
        self._left -= len(str(source))
        if len(str(source)) > MAX_MARKDOWN or self._left < 0:
            return Markup("<pre>{}</pre>").format(source)
        return self._render(str(source), attachments, figure, self._notebook_heading)

    def comment(self, source: object) -> Markup:
        """A grader's comment; not trusted, because it quotes a student's names and messages."""
        return self._render(str(source), None, "", lambda _: self.below(3))

    def markdown_output(self, source: object) -> Markup:
        """An output of the kind text/markdown."""
        self._left -= len(str(source))
        if len(str(source)) > MAX_MARKDOWN or self._left < 0:
            return Markup("<pre>{}</pre>").format(self.text(source))
        return self.comment(source)

    def outputs(self, outputs: Iterable[Any]) -> Iterator[Any]:
        """Those outputs of a cell for which the page has room."""
        for output in outputs:
            if self.is_full:
                return
            self._room -= EACH
            yield output

    @property
    def is_full(self) -> bool:
        """Whether the page shows no more outputs."""
        return self._room <= 0

    def text(self, text: object) -> str:
        """An output's text, as far as the page has room for it."""
        shown = str(text)[: max(self._room, 0)]
        self._room -= len(str(text))
        return shown

    def has_colours(self, text: str) -> bool:
        """Whether the colours of a terminal's text are few enough to be shown."""
        count = text.count("\x1b")
        if count > min(MAX_COLOURS, self._colours):
            return False
        self._colours -= count
        return True

    def html(self, source: object, figure: str = "") -> Markup:
        """An output of the kind text/html: its tables, text and own pictures, nothing that acts."""
        if not self._has_room(str(source)):
            return Markup("")
        # Once to have HTML that every parser reads alike, and again because it was changed.
        soup = BeautifulSoup(_clean(str(source), OUTPUT_TAGS, allow_class=False), "html.parser")
        if _depth(soup) > MAX_DEPTH:
            return Markup("")
        for header in soup("th"):
            if not header.get_text(strip=True):
                header.name = "td"
        for image in soup("img"):
            if image.get("src"):
                image["alt"] = image.get("alt") or figure
            else:
                image.replace_with(str(image.get("alt", "")))
        return _clean(str(soup), OUTPUT_TAGS, allow_class=False)

    def _has_room(self, html: str) -> bool:
        """Whether the page may show an HTML output; only counts, for it was made to be slow."""
        tags = html.count("<")
        self._left -= len(html)
        self._tags -= tags
        if self._left < 0 or self._tags < 0 or tags > MAX_TAGS:
            return False
        return len(REOPENED.findall(html)) <= MAX_REOPENED

    def picture(self, kind: str, data: object) -> str:
        """The address of a picture output, or nothing if its data are not a picture's."""
        address = f"data:{kind};base64,{str(data).strip()}"
        return address if PICTURE.fullmatch(address) else ""

    def below(self, depth: int) -> int:
        """The level of a heading that stands so many levels below the notebook's last one."""
        return min(self._level + depth, 6)

    def _notebook_heading(self, level: int) -> int:
        self._level = min(level + 1, self._level + 1, 6)
        return self._level

    def _render(self, source: str, attachments: object, figure: str, heading: Any) -> Markup:
        renderer = self._renderer(heading, attachments, figure)
        try:
            html = _Markdown(renderer=renderer).render(source)
        except RecursionError:
            html = f"<pre>{escape(source)}</pre>"
        return _clean(html, TEXT_TAGS, allow_class=True)


class _Markdown(MarkdownWithMath):
    """Without task lists, whose boxes have no label: `[x]` stays as it was written."""

    DEFAULT_PLUGINS = ("strikethrough", "table", "url")


class _Renderer(IPythonRenderer):
    """Markdown to HTML. Raw HTML becomes text, a formula its LaTeX, a far picture a link."""

    def __init__(self, heading: Any, attachments: object, figure: str) -> None:
        super().__init__(escape=False, allow_harmful_protocols=False, exclude_anchor_links=True)
        self._heading = heading
        self._pictures = attachments if isinstance(attachments, Mapping) else {}
        self._figure = figure

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        level = self._heading(level)
        return f"<h{level}>{text}</h{level}>\n"

    def inline_html(self, html: str) -> str:
        return html if PLAIN_TAG.fullmatch(html) else escape(html)

    def block_html(self, html: str) -> str:
        return f"<p>{escape(html.strip())}</p>\n"

    def block_mermaidjs(self, code: str) -> str:
        return f"<pre><code>{escape(code)}</code></pre>\n"

    def table(self, text: str) -> str:
        return f'<div class="scroll"><table>\n{text}</table></div>\n'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        # An empty corner is the header of nothing.
        return render_table_cell(self, text, align, head and bool(text.strip()))

    def inline_math(self, body: str) -> str:
        return f'<code class="formula">{escape(body.strip())}</code>'

    def block_math(self, body: str) -> str:
        return f'<code class="formula display">{escape(body.strip())}</code>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        address = self._attached(url)
        if PICTURE.fullmatch(address):
            alt = unescape(re.sub(r"<[^>]*>", "", text)) or self._figure
            return f'<img src="{escape(address)}" alt="{escape(alt)}">'
        return f'<a href="{escape(url)}">{text or escape(url)}</a>'

    def _attached(self, url: str) -> str:
        """An attachment's data; a missing attachment is no reason to fail."""
        if not url.startswith("attachment:"):
            return url
        found = self._pictures.get(url.removeprefix("attachment:"))
        if not isinstance(found, Mapping):
            return ""
        kind = next((kind for kind in PICTURE_KINDS if kind in found), None)
        return f"data:{kind};base64,{found[kind]}" if kind else ""


class _MathRenderer(_Renderer):
    """Leaves formulas to whoever draws them in the page."""

    def inline_math(self, body: str) -> str:
        return f"${escape(body)}$"

    def block_math(self, body: str) -> str:
        return f"$${escape(body)}$$"


def _clean(html: str, tags: frozenset[str], allow_class: bool) -> Markup:
    def allowed(tag: str, name: str, value: str) -> str | None:
        fits = {
            "href": LINK.fullmatch,
            "src": PICTURE.fullmatch,
            "class": CLASSES_OURS.fullmatch,
            "colspan": SPAN.fullmatch,
            "rowspan": SPAN.fullmatch,
        }
        return value if name not in fits or fits[name](value) else None

    cleaned = nh3.clean(
        html,
        tags=set(tags),
        clean_content_tags=SILENT_TAGS,
        attributes={**ATTRIBUTES, "*": {"class"}} if allow_class else ATTRIBUTES,
        attribute_filter=allowed,
        filter_style_properties={"text-align"},
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )
    # Cleaned by an allowlist just now: this is what Markup says.
    return Markup(cleaned)


def _depth(soup: BeautifulSoup) -> int:
    """How deep elements are nested, as far as it matters."""
    level, elements = 0, [element for element in soup.contents if isinstance(element, Tag)]
    while elements and level <= MAX_DEPTH:
        level += 1
        elements = [
            child for element in elements for child in element.contents if isinstance(child, Tag)
        ]
    return level
