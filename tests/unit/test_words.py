"""Every sentence is said in both languages, with the details that the code gives it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from autograder import words as module
from autograder.judge.finding import OUTCOMES, Finding
from autograder.sandbox.contract import How
from autograder.words import FINDINGS, LANGUAGES, Words, harmless, plain

ERROR = {"error": "ValueError", "message": "no.", "line": 3}
SAID = {
    # kind: details as the code gives them, Spanish, English
    "undefined": (
        {"name": "x"},
        "`x` no está definido después de ejecutar la celda del ejercicio.",
        "`x` is not defined after the exercise's cell has run.",
    ),
    "elsewhere": (
        {"name": "x"},
        "`x` existe, pero no lo definió la celda de este ejercicio: es un valor anterior o de otra "
        "celda. Defínelo en la celda del ejercicio.",
        "`x` exists, but this exercise's cell did not define it: it is an earlier value or another "
        "cell's. Define it in the exercise's cell.",
    ),
    "cell_raised": (
        {"name": "x", **ERROR},
        "`x` no llegó a definirse: la celda se detuvo en la línea 3 con ValueError: no.",
        "`x` was never defined: the cell stopped on line 3 with ValueError: no.",
    ),
    "raised_here": (
        {**ERROR, "line": None},
        "La celda se detiene con ValueError: no.",
        "The cell stops with ValueError: no.",
    ),
    "unsolved": (
        {"name": "x"},
        "Aún no has resuelto esta celda.",
        "You have not solved this cell yet.",
    ),
    "cell_interrupted": (
        {"name": "x"},
        "`x` no llegó a definirse: la celda superó su límite de tiempo y se interrumpió. ¿Termina "
        "siempre tu bucle?",
        "`x` was never defined: the cell passed its time limit and was interrupted. Does your loop "
        "always end?",
    ),
    "solution_missing": (
        {},
        "Falta la celda de solución de este ejercicio: se borró o perdió su marca de nbgrader.",
        "The solution cell of this exercise is missing: it was deleted or lost nbgrader's mark.",
    ),
    "solution_retyped": (
        {},
        "La celda de solución dejó de ser de código, así que no se ejecuta.",
        "The solution cell is no longer a code cell, so it is not run.",
    ),
    "blocked": (
        {"how": "out_of_memory"},
        "Esta celda no llegó a ejecutarse: una celda anterior superó el límite de memoria.",
        "This cell never ran: an earlier cell passed the memory limit.",
    ),
    "run_timed_out": ({}, None, None),
    "run_out_of_memory": ({}, None, None),
    "run_out_of_cpu": ({}, None, None),
    "run_too_many_processes": (
        {},
        "Esta celda superó el límite de procesos e hilos y la ejecución se detuvo.",
        "This cell passed the limit of processes and threads and the run was stopped.",
    ),
    "run_died": ({}, None, None),
    "run_too_large": ({}, None, None),
    "run_garbled": ({}, None, None),
    "run_finished": ({}, None, None),
    "points_cut": (
        {},
        "La salida de esta celda es demasiado larga para saber cuántos puntos da.",
        "The output of this cell is too long to tell how many points it gives.",
    ),
    "kind": (
        {"name": "x", "got": "none", "asked": "tensor"},
        "`x` es `None` (¿falta un `return`?) y se pedía un tensor.",
        "`x` is `None` (is a `return` missing?); a tensor was asked for.",
    ),
    "shape": (
        {"name": "x", "got": [3], "expected": [1, 3]},
        "`x` tiene forma (3,) y se pedía (1, 3).",
        "`x` has shape (3,); (1, 3) was asked for.",
    ),
    "dtype": (
        {"name": "x", "got": "float64", "expected": "float32"},
        "`x` es de tipo `float64` y se pedía `float32`; la forma es correcta.",
        "`x` has dtype `float64`; `float32` was asked for. The shape is right.",
    ),
    "device": (
        {"name": "x", "got": "cpu", "expected": "cuda"},
        "`x` está en `cpu` y debía estar en `cuda`, donde están sus entradas.",
        "`x` is on `cpu` and should be on `cuda`, where its inputs are.",
    ),
    "values": (
        {"name": "x", "shape": [1], "dtype": "float32", "got": [1.23456], "expected": [2]},
        "`x`: los valores no coinciden (obtenido 1.2346, esperado 2.0000); forma (1,) y tipo "
        "float32 correctos.",
        "`x`: the values differ (got 1.2346, expected 2.0000); shape (1,) and dtype float32 are "
        "right.",
    ),
    "unmoved": (
        {"name": "x", "shape": [1], "dtype": "float32"},
        "`x` coincide con la semilla pedida, pero no cambia al cambiar la semilla: parece escrito "
        "a mano en vez de calculado.",
        "`x` is right under the seed asked for, but does not change with the seed: it seems to be "
        "written down instead of computed.",
    ),
    "other_seed": ({"name": "x", "shape": [1], "dtype": "float32"}, None, None),
    "later": (
        {},
        "Se cumple con las primeras semillas y entradas que se prueban, pero no con otras.",
        "It holds for the first seeds and inputs that are tried, but not for others.",
    ),
    "not_finite": (
        {"name": "x", "shape": [1]},
        "`x` contiene valores que no son finitos (inf o nan).",
        "`x` holds values that are not finite (inf or nan).",
    ),
    "too_large": ({"name": "x"}, None, None),
    "length": (
        {"name": "x", "got": 1, "expected": 2},
        "`x` tiene 1 elementos y se pedían 2.",
        "`x` has 1 elements; 2 were asked for.",
    ),
    "keys": (
        {"name": "x"},
        "`x` no tiene las claves que se pedían.",
        "`x` does not have the keys that were asked for.",
    ),
    "item_kind": (
        {"name": "perdidas", "place": 4, "got": "tensor", "asked": "float"},
        "`perdidas[4]` es un tensor y se pedía un número de Python.",
        "`perdidas[4]` is a tensor; a Python float was asked for.",
    ),
    "not_shared": (
        {"names": ["a", "b"]},
        "`a`, `b` no comparten memoria: alguno es una copia.",
        "`a`, `b` do not share memory: one of them is a copy.",
    ),
    "call_raised": (
        {"name": "f", "error": "KeyError", "message": "", "line": 2},
        "`f` se detuvo en la línea 2 con KeyError.",
        "`f` stopped on line 2 with KeyError.",
    ),
    "call_interrupted": ({}, None, None),
    "probe_failed": (
        {"name": "", "error": "TypeError", "message": "a\nb", "line": None},
        "La función no se pudo usar como se pide: TypeError: a b.",
        "The function could not be used as asked: TypeError: a b.",
    ),
    "changed_argument": ({"name": "f"}, None, None),
    "built_in": (
        {"name": "f", "operator": "sigmoid"},
        "`f` usa `sigmoid`, que hace la tarea entera; se pedía hacerla a mano.",
        "`f` uses `sigmoid`, which does the whole task; it was to be done by hand.",
    ),
    "no_gradient": ({"name": "w"}, None, None),
    "not_detached": (
        {"name": "f"},
        "Lo que devuelve `f` sigue unido al grafo: sepáralo con `detach`.",
        "What `f` returns is still part of the graph: take it out with `detach`.",
    ),
    "not_same": (
        {"name": "f"},
        "`f` debía devolver el mismo tensor, y devuelve otro.",
        "`f` was to return the same tensor, and returns another one.",
    ),
    "updates": (
        {"name": "fit"},
        "`fit`: las actualizaciones no son las del descenso por lotes. ¿Das los cinco pasos con "
        "cada lote: predicción, pérdida, `backward`, `step` y gradientes a cero?",
        "`fit`: the updates are not those of batch gradient descent. Do you take the five steps "
        "with each batch: prediction, loss, `backward`, `step` and gradients to zero?",
    ),
    "never_zeroed": (
        {"name": "fit"},
        "`fit` no pone a cero los gradientes después de cada lote: se van sumando.",
        "`fit` does not set the gradients to zero after each batch: they add up.",
    ),
    "step_too_early": (
        {"name": "fit"},
        "`fit` llama a `step` antes que a `backward`: cada actualización usa los gradientes del "
        "lote anterior.",
        "`fit` calls `step` before `backward`: each update uses the gradients of the batch before "
        "it.",
    ),
    "gradient_left": ({"name": "w"}, None, None),
    "not_printed": (
        {"name": "fit", "expected": "10 y 20"},
        None,
        None,
    ),
    "printed_loss": (
        {"name": "fit", "epoch": "10"},
        "`fit` escribe una pérdida que no es la del último lote de la época 10.",
        "`fit` prints a loss that is not the one of the last batch of epoch 10.",
    ),
    "not_trained": ({"name": "fit"}, None, None),
    "steps": (
        {"name": "fit", "got": 3, "expected": 6},
        "`fit` hace 3 actualizaciones y se esperaban 6: una por lote y época.",
        "`fit` makes 3 updates; 6 were expected: one for each batch and epoch.",
    ),
    "rows": ({"name": "train_dl"}, None, None),
    "not_shuffled": ({"name": "train_dl"}, None, None),
    "loss_too_high": ({"name": "modelo"}, None, None),
    "not_updated": (
        {"name": "b"},
        "El paso no actualiza bien `b`: cada parámetro da el suyo, con su propio gradiente.",
        "The step does not update `b` rightly: each parameter takes its own, with its own "
        "gradient.",
    ),
    "not_reduced": (
        {"by": 0.9},
        "La pérdida no baja lo pedido (al menos un 90 %).",
        "The loss does not fall as asked (by at least 90%).",
    ),
    "trajectory": (
        {"name": "x", "step": 2},
        "`x`: las pérdidas se apartan de las esperadas desde el paso 2.",
        "`x`: the losses leave the expected ones at step 2.",
    ),
    "misconception": (
        {"id": "sin-sesgo", "es": "Falta el sesgo.", "en": "The bias is missing."},
        "Falta el sesgo.",
        "The bias is missing.",
    ),
    "transposed": (
        {"name": "H", "got": [3, 2], "expected": [2, 3]},
        "`H` tiene los valores pedidos, pero traspuestos: filas y columnas cambiadas.",
        "`H` has the values asked for, but transposed: rows and columns have changed places.",
    ),
    "reshaped": (
        {"name": "H", "got": [3], "expected": [1, 3]},
        "`H` tiene los valores pedidos con otra forma: es (3,) y se pedía (1, 3).",
        "`H` has the values asked for in another shape: it is (3,); (1, 3) was asked for.",
    ),
    "broadcast": (
        {"name": "e", "got": [3, 3], "expected": [3, 1]},
        "`e` tiene forma (3, 3) y se pedía (3, 1): al operar con tensores de formas distintas, "
        "PyTorch los extendió. Revisa las formas de los operandos.",
        "`e` has shape (3, 3); (3, 1) was asked for: PyTorch broadcast tensors of different "
        "shapes. Look at the shapes of the operands.",
    ),
    "sign": (
        {"name": "g"},
        "`g` tiene el signo contrario al pedido.",
        "`g` has the opposite sign.",
    ),
    "activation_missing": (
        {"name": "Y", "activation": "sigmoid"},
        "`Y` coincide con lo pedido salvo por la función de activación: falta aplicar `sigmoid`.",
        "`Y` is what was asked for but for the activation function: `sigmoid` is not applied.",
    ),
    "activation_extra": (
        {"name": "Y", "activation": "relu"},
        "`Y` pasa por `relu` una vez de más.",
        "`Y` goes through `relu` once too often.",
    ),
    "factor": (
        {"name": "p"},
        "Todos los valores de `p` se apartan de los pedidos por un mismo factor. ¿Una suma en "
        "lugar de un promedio, o un factor de más o de menos?",
        "All values of `p` are off by one and the same factor. A sum instead of a mean, or a "
        "factor too many or too few?",
    ),
    "offset": (
        {"name": "p"},
        "Todos los valores de `p` se apartan de los pedidos en una misma cantidad. ¿Falta o sobra "
        "un término, como el sesgo?",
        "All values of `p` are off by one and the same amount. Is there a term too many or too "
        "few, such as the bias?",
    ),
    "rows_permuted": (
        {"name": "X"},
        "`X` tiene las filas pedidas, pero en otro orden.",
        "`X` has the rows asked for, but in another order.",
    ),
    "columns_permuted": (
        {"name": "X"},
        "`X` tiene las columnas pedidas, pero en otro orden.",
        "`X` has the columns asked for, but in another order.",
    ),
    "rearranged": (
        {"name": "X"},
        "`X` tiene los valores pedidos, pero en otro lugar: ¿`view` o `reshape` en vez de "
        "trasponer, o al revés?",
        "`X` has the values asked for, but in other places: `view` or `reshape` instead of "
        "transposing, or the other way round?",
    ),
    "other_seed_drawn": (
        {"name": "W1", "seed": 42},
        "`W1` sale de la semilla 42, que no es la pedida.",
        "`W1` comes from seed 42, which is not the one asked for.",
    ),
    "other_distribution": (
        {"name": "W1", "got": "rand", "expected": "randn"},
        "`W1` se sortea con `torch.rand` y se pedía `torch.randn`.",
        "`W1` is drawn with `torch.rand`; `torch.randn` was asked for.",
    ),
    "draw_order": (
        {"name": "W1", "order": "W2, W1"},
        "`W1`: los tensores se sortean en otro orden (W2, W1), y el orden cambia los números que "
        "recibe cada uno.",
        "`W1`: the tensors are drawn in another order (W2, W1), and the order changes the numbers "
        "that each of them gets.",
    ),
    "draw_shifted": (
        {"name": "W2", "order": "W1, W2"},
        "`W2` se sortea cuando le toca, pero un tensor anterior tiene otra forma y eso cambia los "
        "números que recibe.",
        "`W2` is drawn when it should be, but an earlier tensor has another shape, which changes "
        "the numbers that it gets.",
    ),
    "said": ({"text": "Tal cual."}, "Tal cual.", "Tal cual."),
    "assertion": ({}, "No se cumple lo que se pide.", "What is asked for does not hold."),
    "not_run": (
        {"devices": "cuda"},
        "No se comprobó: aquí no hay cuda.",
        "Not checked: there is no cuda here.",
    ),
    "waits": (
        {"devices": "CUDA"},
        "Aún sin calificar: espera una máquina con CUDA.",
        "Not graded yet: it waits for a machine with CUDA.",
    ),
    "broken": ({"why": "KeyError: 3"}, None, None),
}


@pytest.mark.parametrize("kind", FINDINGS)
def test_every_finding_is_said_in_both_languages_with_the_details_that_the_code_gives(kind):
    assert kind in SAID, "give this finding an example above"
    details, *expected = SAID[kind]
    for language, wanted in zip(LANGUAGES, expected, strict=True):
        sentence = Words(language).finding(Finding(kind, details))
        assert wanted is None or sentence == wanted
        assert re.search(r"[.?]$", sentence), sentence
        assert not re.search(r"[{}]|\s\s|\.\.$| \.", sentence), sentence


def test_examples_are_of_findings_that_there_are():
    assert SAID.keys() == FINDINGS.keys()


TABLES = {
    name: table
    for name, table in vars(module).items()
    if name.isupper() and isinstance(table, dict)
}
PAIRS = [
    pytest.param(english, id=f"{name}-{key}")
    for name, table in TABLES.items()
    for key, english in table.items()
    if english != "{text}"
]


def said(language, english):
    """A sentence of the tables with its places not filled."""
    return Words(language)._said(english)


ENGLISH = re.compile(
    r"\b(the|of|is|are|was|were|been|and|or|not|for|with|this|that|there|have|does|do|its?|your?|by"
    r"|from|than|then|which|where|when|what|one|at|on|in|to|as|an|cells?|loop|values?|shape|right|got"
    r"|expected|cannot|cut|off|graded|grading|checked|never|ran|out|passed|failed|blocked|memory"
    r"|limit|notebook|file|missing|student|score|points|broken|line|step|loss|losses|asked|other)\b"
)


@pytest.mark.parametrize("english", PAIRS)
def test_no_english_word_of_ours_stands_in_a_spanish_sentence(english):
    spanish = re.sub(r"`[^`]*`|\{[^}]*\}", " ", said("es", english).lower())
    assert not ENGLISH.search(spanish)


@pytest.mark.parametrize("english", PAIRS)
def test_the_languages_are_told_apart(english):
    if said("es", english).lower() != "error":
        assert said("es", english) != said("en", english)


@pytest.mark.parametrize("english", PAIRS)
def test_english_is_what_the_tables_hold(english):
    assert said("en", english) == english.rpartition(module.CONTEXT_END)[2]


def test_the_page_has_a_word_for_every_key_in_both_languages():
    spanish, english = (Words(language).page() for language in LANGUAGES)

    assert spanish.keys() == english.keys() == module.PAGE.keys()
    assert (spanish["total"], english["total"]) == ("Puntuación", "Score")
    assert (spanish["of"], english["of"]) == ("de", "of")


def test_a_spanish_word_of_the_checks_does_not_stand_in_an_english_sentence():
    details = SAID["not_printed"][0]
    assert " y " not in Words("en").finding(Finding("not_printed", details))


def test_epochs_are_no_kind_of_value():
    details = {"name": "fit", "expected": "10"}
    assert "`10`" not in Words("es").finding(Finding("not_printed", details))


@pytest.mark.parametrize("dtype", ["bool", "int", "float", "device"])
def test_a_dtype_is_named_as_a_dtype(dtype):
    details = {"name": "x", "got": dtype, "expected": "float32"}
    assert Words("es").finding(Finding("dtype", details)) == (
        f"`x` es de tipo `{dtype}` y se pedía `float32`; la forma es correcta."
    )


def test_a_device_is_named_as_a_device():
    details = {"name": "x", "got": "list", "expected": "cpu"}
    assert "una lista" not in Words("es").finding(Finding("device", details))


def test_text_with_braces_is_no_format():
    assert Words("es").finding_of("said", text="{name} {0} {") == "{name} {0} {"


@pytest.mark.parametrize("size", [10**30, 10**400, 10**4000], ids=["30", "400", "4000"])
def test_a_shape_that_no_tensor_has_is_still_said(size):
    details = {"name": "x", "got": [size], "expected": [1]}
    assert Words("es").finding(Finding("shape", details))


@pytest.mark.parametrize(
    ("shape", "shown"), [([], "()"), ([2], "(2,)"), ([2, 3], "(2, 3)"), ([0], "(0,)")]
)
def test_shapes_look_as_in_python(shape, shown):
    details = {"name": "x", "got": shape, "expected": [7, 7]}
    assert f"forma {shown} y" in Words("es").finding(Finding("shape", details))


def test_several_published_values_are_shown_as_a_list():
    details = {
        "name": "x",
        "shape": [2],
        "dtype": "float32",
        "got": [1.0, -2.5],
        "expected": [0, 1e-9],
    }
    assert "(obtenido [1.0000, -2.5000], esperado [0.0000, 0.0000])" in Words("es").finding(
        Finding("values", details)
    )


def test_a_plain_value_has_no_shape_to_praise():
    assert Words("es").finding(Finding("values", {"name": "x"})) == (
        "`x`: los valores no coinciden."
    )


@pytest.mark.parametrize("how", ["timed_out", "out_of_memory", "died", "too_large", "garbled"])
def test_every_way_to_end_blocks_with_its_own_words(how):
    sentences = {one: Words("es").finding_of("blocked", how=one) for one in module.HOW}
    assert len(set(sentences.values())) == len(module.HOW)
    assert sentences[how]


def test_every_way_in_which_the_sandbox_ends_a_run_has_its_sentences():
    ends = set(get_args(How))
    assert {f"run_{how}" for how in ends} <= FINDINGS.keys()
    assert ends - {"finished"} == module.HOW.keys()


@pytest.mark.parametrize(
    ("limit", "spanish"),
    [
        ("memory", "Superó el límite de memoria."),
        ("processes", "Superó el límite de procesos e hilos."),
        ("disk", "Superó el límite de espacio en disco."),
    ],
)
def test_a_limit_behind_an_exception_is_said_after_it(limit, spanish):
    details = {"name": "f", "error": "OSError", "message": "m", "line": 2, "limit": limit}
    assert Words("es").finding_of("call_raised", **details) == (
        f"`f` se detuvo en la línea 2 con OSError: m. {spanish}"
    )
    assert Words("en").finding_of("call_raised", **details).endswith(module.LIMITS[limit])


@pytest.mark.parametrize("limit", [None, "clock", 3, [1]])
def test_what_is_no_limit_says_nothing(limit):
    details = {"name": "f", "error": "E", "message": "m", "line": None, "limit": limit}
    assert Words("en").finding_of("call_raised", **details) == "`f` stopped with E: m."


def test_a_name_of_any_length_is_shown_short():
    said = Words("es").finding_of("kind", name="x", got="Ñ" * 20_000, asked="tensor")
    assert 300 < len(said) < 400
    assert "…" in said


def test_an_unknown_way_to_end_has_words_too():
    assert Words("es").finding_of("blocked", how="finished")


def test_every_outcome_has_a_word():
    assert set(OUTCOMES) <= module.OUTCOME_WORDS.keys()
    assert [Words("es").outcome(one) for one in OUTCOMES] != [
        Words("en").outcome(one) for one in OUTCOMES
    ]


@pytest.mark.parametrize("why", ["missing", "empty", "not_json", "not_utf8", "not_notebook"])
def test_unreadable_notebooks_are_named(why):
    for language in LANGUAGES:
        assert "`tarea.ipynb`" in Words(language).unreadable(why, "tarea.ipynb")


def test_other_sentences_take_their_details():
    words = Words("es")
    assert words.other("late", seconds=10.0) == (
        "La celda superó su límite de 10 s y se interrumpió."
    )
    assert words.points(1.5, 5.0) == "1.5 de 5 puntos"
    assert words.points(2 / 3, 2.0) == "0.67 de 2 puntos"
    assert (words.points(0.0, 1.0), Words("en").points(1.0, 1.0)) == (
        "0 de 1 punto",
        "1 of 1 point",
    )
    assert words.title("sí", "yes") == "sí"
    assert Words("en").title("sí", "yes") == "yes"


def test_a_language_that_is_not_there_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="not in"):
        Words("fr")


def test_a_kind_that_has_no_words_is_shown_by_its_type():
    assert Words("es").kind("__main__.Red") == "`__main__.Red`"


# --- what comes from the student ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\n\tc", "a b c"),
        ("\x1b[31mrojo\x1b[0m", "[31mrojo [0m"),
        ("\u202eabc\u2066", "abc"),
        ("\x00\x07", ""),
        ("a\u2028b\u0085c", "a b c"),
        ("\ud800", ""),
        ("año 🙂", "año 🙂"),
        ("  a   b  ", "a b"),
    ],
)
def test_characters_that_steer_a_terminal_or_a_page_are_removed(text, shown):
    assert plain(text) == shown


HOSTILE = "`</code><script>alert(1)</script>`\n# x\x1b[31m"


def bracketed(text):
    return "".join(f"⟦{one}⟧" if one in "<>`#" else one for one in text)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("cell_raised", {"name": "x", "error": HOSTILE, "message": "", "line": 1}),
        ("cell_raised", {"name": "x", "error": "E", "message": HOSTILE, "line": 1}),
        ("probe_failed", {"name": "", "error": HOSTILE, "message": HOSTILE, "line": 1}),
        ("kind", {"name": "x", "got": HOSTILE, "asked": "tensor"}),
        ("dtype", {"name": "x", "got": HOSTILE, "expected": "float32"}),
        ("device", {"name": "x", "got": HOSTILE, "expected": "cpu"}),
        ("call_raised", {"name": HOSTILE, "error": "E", "message": "", "line": 1}),
        ("changed_argument", {"name": HOSTILE}),
        ("undefined", {"name": HOSTILE}),
        ("built_in", {"name": HOSTILE, "operator": "sigmoid"}),
        ("values", {"name": HOSTILE, "shape": [1], "dtype": "float32"}),
        ("trajectory", {"name": HOSTILE, "step": 2}),
        ("too_large", {"name": HOSTILE}),
    ],
)
def test_text_of_the_students_is_escaped_wherever_it_stands(kind, details):
    """The names of functions come with a probe's result, so from the student's process."""
    for language in LANGUAGES:
        sentence = Words(language, bracketed).finding(Finding(kind, details))
        assert "<script>" not in sentence
        assert "\x1b" not in sentence
        assert "\n" not in sentence


def test_names_of_ours_are_left_as_they_are():
    for name in ("x", "W1", "tensor_data", "año"):
        sentence = Words("es", bracketed).finding(Finding("undefined", {"name": name}))
        assert sentence.startswith(f"`{name}` ")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pérdida 0.5", "pérdida 0.5"),
        ("una\ndos", "una\ndos"),
        ("\x1b[31mrojo\u202e", "�[31mrojo�"),
        ("una\r\ndos\x00", "una�\ndos�"),
        ("", ""),
    ],
)
def test_what_steers_a_terminal_is_shown_in_its_place(text, shown):
    assert harmless(text) == shown
