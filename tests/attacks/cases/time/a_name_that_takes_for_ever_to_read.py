# Binds what is asked for to values whose repr, signature, dictionary and error text never end.
# how: after
import time


def forever(*arguments, **named):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


class Slow(type):
    __repr__ = __eq__ = __hash__ = __instancecheck__ = __subclasscheck__ = forever


class Value(Exception, metaclass=Slow):
    __repr__ = __str__ = __len__ = __iter__ = __eq__ = forever
    __array__ = __torch_function__ = __getattr__ = forever


activation.__signature__ = Value()
raise Value()
