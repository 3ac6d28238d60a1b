# Is source code that nests deeper than a parser likes, given to the shell as more code.
deep = "(" * 100_000 + ")" * 100_000
for text in (deep, "-" * 500_000 + "1", "x = " + "[" * 150 + "]" * 150, "a" + ".a" * 200_000):
    try:
        get_ipython().run_cell(text)
    except BaseException:
        pass
