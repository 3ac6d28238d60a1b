# Shows HTML, SVG, Markdown, LaTeX, JSON and colours of the kinds that renderers are slow at.
from IPython.display import HTML, JSON, SVG, Latex, Markdown, display

size = 40_000
deep = "<div>" * size
texts = {
    "text/html": (
        deep,
        "<b " * size,
        "<a href='" * size,
        "<!--" * size,
        "<table>" + "<tr><td>" * size,
        "&" * size + "&amp;" * size,
        "<p" + " x" * size + ">",
        "<style>" + "{" * size,
    ),
    "text/markdown": (
        "[" * size,
        "*a_" * size,
        "> " * size,
        "`" * size + "a",
        "![[]](" * size,
        "<" * size,
        "- " * size,
        "|a" * size + "\n" + "|-" * size,
        "[a]: b\n" * size,
    ),
    "text/latex": ("$" * size, "{" * size, "\\frac{" * size),
    "image/svg+xml": ("<svg>" + "<g>" * size, "<svg " + "a=" * size),
    "text/plain": ("\x1b[31ma" * size, "\x1b[" * size, "\x1b]8;;" * size, "\r" * size, "\x08" * size),
    "image/png": ("A" * size * 4, "=" * size),
    "application/json": ([[[[]]]] * size,),
}
for kind, shown in texts.items():
    for text in shown:
        display({kind: text}, raw=True)
print("\x1b[31mx\x1b[0m" * size)
raise ValueError("\x1b[1m" * size)
