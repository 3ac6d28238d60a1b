# Gives huge texts wherever a text is read: values, reprs, names of types, error messages.
# at: neurona
# how: after
text = "x" * (100 << 20)


class Value:
    def __repr__(self):
        return text


Value.__name__ = Value.__qualname__ = Value.__module__ = text[: 20 << 20]
features = text
weights = {text[: 10 << 20]: text}
bias = 10 ** (10**6)
y = Value()
y_mm = [text[number:] for number in range(3)]
display(Value())
raise ValueError(text)
