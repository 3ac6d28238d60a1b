"""The sentences that students read, in Spanish and English. One pure function a thing to say.

A finding becomes one sentence; it never holds a hidden input or a value of the reference's that
the statement does not publish.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from autograder.judge.finding import Finding

__all__ = ["LANGUAGES", "Words", "plain"]

LANGUAGES = ("es", "en")
PLAIN_NAME = re.compile(r"[\w .,()-]*")

FINDINGS: dict[str, tuple[str, str]] = {
    "undefined": (
        "`{name}` no está definido después de ejecutar la celda del ejercicio.",
        "`{name}` is not defined after the exercise's cell has run.",
    ),
    "elsewhere": (
        "`{name}` existe, pero no lo definió la celda de este ejercicio: es un valor anterior o "
        "de otra celda. Defínelo en la celda del ejercicio.",
        "`{name}` exists, but this exercise's cell did not define it: it is an earlier value or "
        "another cell's. Define it in the exercise's cell.",
    ),
    "cell_raised": (
        "`{name}` no llegó a definirse: la celda se detuvo{at} con {error}.",
        "`{name}` was never defined: the cell stopped{at} with {error}.",
    ),
    "raised_here": (
        "La celda se detiene{at} con {error}.",
        "The cell stops{at} with {error}.",
    ),
    "unsolved": (
        "Aún no has resuelto esta celda.",
        "You have not solved this cell yet.",
    ),
    "cell_interrupted": (
        "`{name}` no llegó a definirse: la celda superó su límite de tiempo y se interrumpió. "
        "¿Termina siempre tu bucle?",
        "`{name}` was never defined: the cell passed its time limit and was interrupted. Does "
        "your loop always end?",
    ),
    "solution_missing": (
        "Falta la celda de solución de este ejercicio: se borró o perdió su marca de nbgrader.",
        "The solution cell of this exercise is missing: it was deleted or lost nbgrader's mark.",
    ),
    "solution_retyped": (
        "La celda de solución dejó de ser de código, así que no se ejecuta.",
        "The solution cell is no longer a code cell, so it is not run.",
    ),
    "blocked": (
        "Esta celda no llegó a ejecutarse: una celda anterior {how}.",
        "This cell never ran: an earlier cell {how}.",
    ),
    "run_timed_out": (
        "La ejecución superó su tiempo límite en esta celda. ¿Termina siempre tu bucle?",
        "The run passed its time limit in this cell. Does your loop always end?",
    ),
    "run_out_of_memory": (
        "Esta celda superó el límite de memoria y la ejecución se detuvo.",
        "This cell passed the memory limit and the run was stopped.",
    ),
    "run_died": (
        "Esta celda terminó el proceso de Python, y con él la ejecución.",
        "This cell ended the Python process, and the run with it.",
    ),
    "run_too_large": (
        "Esta celda produjo más datos de los que se admiten y la ejecución se detuvo.",
        "This cell produced more data than is allowed and the run was stopped.",
    ),
    "run_garbled": (
        "Esta celda interfirió con la observación y la ejecución se detuvo.",
        "This cell interfered with the observation and the run was stopped.",
    ),
    "run_finished": (
        "Esta celda no dejó nada que observar.",
        "This cell left nothing to observe.",
    ),
    "kind": (
        "`{name}` es {got} y se pedía {asked}.",
        "`{name}` is {got}; {asked} was asked for.",
    ),
    "shape": (
        "`{name}` tiene forma {got} y se pedía {expected}.",
        "`{name}` has shape {got}; {expected} was asked for.",
    ),
    "dtype": (
        "`{name}` es de tipo {got} y se pedía {expected}; la forma es correcta.",
        "`{name}` has dtype {got}; {expected} was asked for. The shape is right.",
    ),
    "device": (
        "`{name}` está en {got} y debía estar en {expected}, donde están sus entradas.",
        "`{name}` is on {got} and should be on {expected}, where its inputs are.",
    ),
    "values": (
        "`{name}`: los valores no coinciden{shown}{right}.",
        "`{name}`: the values differ{shown}{right}.",
    ),
    "unmoved": (
        "`{name}` coincide con la semilla pedida, pero no cambia al cambiar la semilla: parece "
        "escrito a mano en vez de calculado.",
        "`{name}` is right under the seed asked for, but does not change with the seed: it seems "
        "to be written down instead of computed.",
    ),
    "other_seed": (
        "`{name}` coincide con la semilla pedida, pero no con otras: algo del cálculo no depende "
        "de los valores que lo preceden.",
        "`{name}` is right under the seed asked for, but not under others: something in the "
        "computation does not depend on the values before it.",
    ),
    "not_finite": (
        "`{name}` contiene valores que no son finitos (inf o nan).",
        "`{name}` holds values that are not finite (inf or nan).",
    ),
    "too_large": (
        "`{name}` no se pudo registrar: es demasiado grande o de un tipo sin valores.",
        "`{name}` could not be recorded: it is too large or of a kind without values.",
    ),
    "length": (
        "`{name}` tiene {got} elementos y se pedían {expected}.",
        "`{name}` has {got} elements; {expected} were asked for.",
    ),
    "keys": (
        "`{name}` no tiene las claves que se pedían.",
        "`{name}` does not have the keys that were asked for.",
    ),
    "item_kind": (
        "`{name}[{place}]` es {got} y se pedía {asked}.",
        "`{name}[{place}]` is {got}; {asked} was asked for.",
    ),
    "not_shared": (
        "{names} no comparten memoria: alguno es una copia.",
        "{names} do not share memory: one of them is a copy.",
    ),
    "call_raised": (
        "`{name}` se detuvo{at} con {error}.",
        "`{name}` stopped{at} with {error}.",
    ),
    "call_interrupted": (
        "La función superó el límite de tiempo. ¿Termina siempre tu bucle?",
        "The function passed its time limit. Does your loop always end?",
    ),
    "probe_failed": (
        "La función no se pudo usar como se pide: {error}.",
        "The function could not be used as asked: {error}.",
    ),
    "changed_argument": (
        "`{name}` cambia los tensores que recibe (sus valores, su gradiente o `requires_grad`): "
        "usa operaciones que creen tensores nuevos.",
        "`{name}` changes the tensors that it is given (values, gradient or `requires_grad`): "
        "use operations that make new tensors.",
    ),
    "built_in": (
        "`{name}` usa `{operator}`, que hace la tarea entera; se pedía hacerla a mano.",
        "`{name}` uses `{operator}`, which does the whole task; it was to be done by hand.",
    ),
    "no_gradient": (
        "`{name}` no permite calcular gradientes (`requires_grad`).",
        "`{name}` does not let gradients be computed (`requires_grad`).",
    ),
    "not_detached": (
        "Lo que devuelve `{name}` sigue unido al grafo: sepáralo con `detach`.",
        "What `{name}` returns is still part of the graph: take it out with `detach`.",
    ),
    "not_same": (
        "`{name}` debía devolver el mismo tensor, y devuelve otro.",
        "`{name}` was to return the same tensor, and returns another one.",
    ),
    "updates": (
        "`{name}`: las actualizaciones no son las del descenso por lotes. ¿Das los cinco pasos "
        "con cada lote: predicción, pérdida, `backward`, `step` y gradientes a cero?",
        "`{name}`: the updates are not those of batch gradient descent. Do you take the five "
        "steps with each batch: prediction, loss, `backward`, `step` and gradients to zero?",
    ),
    "never_zeroed": (
        "`{name}` no pone a cero los gradientes después de cada lote: se van sumando.",
        "`{name}` does not set the gradients to zero after each batch: they add up.",
    ),
    "step_too_early": (
        "`{name}` llama a `step` antes que a `backward`: cada actualización usa los gradientes "
        "del lote anterior.",
        "`{name}` calls `step` before `backward`: each update uses the gradients of the batch "
        "before it.",
    ),
    "gradient_left": (
        "El gradiente de `{name}` no volvió a cero: se sumaría al del paso siguiente.",
        "The gradient of `{name}` did not go back to zero: it would add to the next step's.",
    ),
    "not_printed": (
        "`{name}` no escribe las líneas pedidas: se esperaban las épocas {expected} con el "
        "formato `Epoch [10/100], Loss: 12.3456`.",
        "`{name}` does not print the lines asked for: epochs {expected} were expected, in the "
        "form `Epoch [10/100], Loss: 12.3456`.",
    ),
    "printed_loss": (
        "`{name}` escribe una pérdida que no es la del último lote de la época {epoch}.",
        "`{name}` prints a loss that is not the one of the last batch of epoch {epoch}.",
    ),
    "not_trained": (
        "`{name}` no cambia los parámetros del modelo que recibe.",
        "`{name}` does not change the parameters of the model that it is given.",
    ),
    "steps": (
        "`{name}` hace {got} actualizaciones y se esperaban {expected}: una por lote y época.",
        "`{name}` makes {got} updates; {expected} were expected: one for each batch and epoch.",
    ),
    "rows": (
        "Los lotes de `{name}` no recorren las 15 filas, de 5 en 5, una vez por época.",
        "The batches of `{name}` do not go over the 15 rows, 5 at a time, once an epoch.",
    ),
    "not_shuffled": (
        "`{name}` recorre las filas siempre en el mismo orden: falta barajar.",
        "`{name}` goes over the rows in the same order always: they are not shuffled.",
    ),
    "loss_too_high": (
        "El error de `{name}` sobre las 15 filas sigue siendo demasiado alto: no está entrenado.",
        "The error of `{name}` over the 15 rows is still too high: it is not trained.",
    ),
    "not_updated": (
        "El paso no actualiza bien `{name}`: cada parámetro da el suyo, con su propio gradiente.",
        "The step does not update `{name}` rightly: each parameter takes its own, with its own "
        "gradient.",
    ),
    "not_reduced": (
        "La pérdida no baja lo pedido (al menos un {by}).",
        "The loss does not fall as asked (by at least {by}).",
    ),
    "trajectory": (
        "`{name}`: las pérdidas se apartan de las esperadas desde el paso {step}.",
        "`{name}`: the losses leave the expected ones at step {step}.",
    ),
    "misconception": ("{text}", "{text}"),
    "transposed": (
        "`{name}` tiene los valores pedidos, pero traspuestos: filas y columnas cambiadas.",
        "`{name}` has the values asked for, but transposed: rows and columns have changed places.",
    ),
    "reshaped": (
        "`{name}` tiene los valores pedidos con otra forma: es {got} y se pedía {expected}.",
        "`{name}` has the values asked for in another shape: it is {got}; {expected} was asked "
        "for.",
    ),
    "broadcast": (
        "`{name}` tiene forma {got} y se pedía {expected}: al operar con tensores de formas "
        "distintas, PyTorch los extendió. Revisa las formas de los operandos.",
        "`{name}` has shape {got}; {expected} was asked for: PyTorch broadcast tensors of "
        "different shapes. Look at the shapes of the operands.",
    ),
    "sign": (
        "`{name}` tiene el signo contrario al pedido.",
        "`{name}` has the opposite sign.",
    ),
    "activation_missing": (
        "`{name}` coincide con lo pedido salvo por la función de activación: falta aplicar "
        "`{activation}`.",
        "`{name}` is what was asked for but for the activation function: `{activation}` is not "
        "applied.",
    ),
    "activation_extra": (
        "`{name}` pasa por `{activation}` una vez de más.",
        "`{name}` goes through `{activation}` once too often.",
    ),
    "factor": (
        "Todos los valores de `{name}` se apartan de los pedidos por un mismo factor. ¿Una suma "
        "en lugar de un promedio, o un factor de más o de menos?",
        "All values of `{name}` are off by one and the same factor. A sum instead of a mean, or a "
        "factor too many or too few?",
    ),
    "offset": (
        "Todos los valores de `{name}` se apartan de los pedidos en una misma cantidad. ¿Falta o "
        "sobra un término, como el sesgo?",
        "All values of `{name}` are off by one and the same amount. Is there a term too many or "
        "too few, such as the bias?",
    ),
    "rows_permuted": (
        "`{name}` tiene las filas pedidas, pero en otro orden.",
        "`{name}` has the rows asked for, but in another order.",
    ),
    "columns_permuted": (
        "`{name}` tiene las columnas pedidas, pero en otro orden.",
        "`{name}` has the columns asked for, but in another order.",
    ),
    "rearranged": (
        "`{name}` tiene los valores pedidos, pero en otro lugar: ¿`view` o `reshape` en vez de "
        "trasponer, o al revés?",
        "`{name}` has the values asked for, but in other places: `view` or `reshape` instead of "
        "transposing, or the other way round?",
    ),
    "other_seed_drawn": (
        "`{name}` sale de la semilla {seed}, que no es la pedida.",
        "`{name}` comes from seed {seed}, which is not the one asked for.",
    ),
    "other_distribution": (
        "`{name}` se sortea con `torch.{got}` y se pedía `torch.{expected}`.",
        "`{name}` is drawn with `torch.{got}`; `torch.{expected}` was asked for.",
    ),
    "draw_order": (
        "`{name}`: los tensores se sortean en otro orden ({order}), y el orden cambia los números "
        "que recibe cada uno.",
        "`{name}`: the tensors are drawn in another order ({order}), and the order changes the "
        "numbers that each of them gets.",
    ),
    "draw_shifted": (
        "`{name}` se sortea cuando le toca, pero un tensor anterior tiene otra forma y eso cambia "
        "los números que recibe.",
        "`{name}` is drawn when it should be, but an earlier tensor has another shape, which "
        "changes the numbers that it gets.",
    ),
    "said": ("{text}", "{text}"),
    "assertion": (
        "No se cumple lo que se pide.",
        "What is asked for does not hold.",
    ),
    "not_run": (
        "No se comprobó: aquí no hay {devices}.",
        "Not checked: there is no {devices} here.",
    ),
    "broken": (
        "No se pudo corregir por un problema del sistema, que no es tuyo; se volverá a corregir.",
        "Grading failed through a fault of the system, not of yours; it will be graded again.",
    ),
}

UNREADABLE: dict[str, tuple[str, str]] = {
    "missing": (
        "No se entregó el cuaderno: falta el archivo `{file}`.",
        "The notebook was not handed in: the file `{file}` is missing.",
    ),
    "empty": ("El archivo `{file}` está vacío.", "The file `{file}` is empty."),
    "not_json": (
        "El archivo `{file}` no se puede leer: está cortado o no es un cuaderno (no es JSON).",
        "The file `{file}` cannot be read: it is cut off or not a notebook (not JSON).",
    ),
    "not_utf8": (
        "El archivo `{file}` no se puede leer: no es texto UTF-8.",
        "The file `{file}` cannot be read: it is not UTF-8 text.",
    ),
    "not_notebook": (
        "El archivo `{file}` es JSON, pero no un cuaderno de Jupyter.",
        "The file `{file}` is JSON, but not a Jupyter notebook.",
    ),
    "too_large": (
        "El archivo `{file}` es demasiado grande para un cuaderno.",
        "The file `{file}` is too large for a notebook.",
    ),
}

OWN: dict[str, tuple[str, str]] = {
    "passed": ("bien", "fine"),
    "cell": ("celda {cell}", "cell {cell}"),
    "elsewhere": ("otras celdas", "other cells"),
    "all_passed": (
        "Todo lo que se puede comprobar aquí está bien. Al corregir se prueban también otras "
        "semillas y otras entradas.",
        "All that can be checked here is fine. Grading also tries other seeds and other inputs.",
    ),
    "no_exercises": (
        "El cuaderno no tiene ejercicios marcados: ¿es el que se publicó?",
        "The notebook has no marked exercises: is it the one that was released?",
    ),
    "ended_here": (
        "Esta celda terminó el proceso de Python o no acabó nunca.",
        "This cell ended the Python process or never came to an end.",
    ),
    "never_ran": (
        "No llegó a ejecutarse: una celda anterior terminó el proceso de Python o no acabó nunca.",
        "It never ran: an earlier cell ended the Python process or never came to an end.",
    ),
    "works_for_me": (
        "¿«Funciona en mi máquina»? La celda {cell} tiene guardada una salida sin error, pero al "
        "ejecutar todo de arriba abajo falla ({message}): quizá ejecutaste las celdas en otro "
        "orden, o borraste o cambiaste una celda después. Prueba «Reiniciar el núcleo y ejecutar "
        "todas las celdas».",
        "«Works on my machine»? Cell {cell} has a saved output without an error, but running "
        "everything from top to bottom fails ({message}): you may have run the cells in another "
        "order, or deleted or changed one afterwards. Try «Restart kernel and run all cells».",
    ),
    "out_of_order": (
        "Las celdas se ejecutaron en otro orden que el del cuaderno (lo dicen sus números). "
        "Prueba «Reiniciar el núcleo y ejecutar todas las celdas».",
        "The cells were run in another order than the notebook's (their numbers say so). Try "
        "«Restart kernel and run all cells».",
    ),
}

KINDS: dict[str, tuple[str, str]] = {
    "tensor": ("un tensor", "a tensor"),
    "array": ("un arreglo de NumPy", "a NumPy array"),
    "scalar": ("un número de NumPy", "a NumPy number"),
    "int": ("un entero de Python", "a Python integer"),
    "float": ("un número de Python", "a Python float"),
    "bool": ("un valor lógico de Python", "a Python bool"),
    "str": ("un texto", "a string"),
    "none": ("`None` (¿falta un `return`?)", "`None` (is a `return` missing?)"),
    "list": ("una lista", "a list"),
    "tuple": ("una tupla", "a tuple"),
    "dict": ("un diccionario", "a dictionary"),
    "function": ("una función", "a function"),
    "module": ("un módulo de torch", "a torch module"),
    "size": ("un `torch.Size`", "a `torch.Size`"),
    "dtype": ("un `torch.dtype`", "a `torch.dtype`"),
    "device": ("un `torch.device`", "a `torch.device`"),
}

HOW: dict[str, tuple[str, str]] = {
    "timed_out": ("superó el tiempo límite", "passed the time limit"),
    "out_of_memory": ("superó el límite de memoria", "passed the memory limit"),
    "died": ("terminó el proceso de Python", "ended the Python process"),
    "too_large": ("produjo demasiados datos", "produced too much data"),
    "garbled": ("interfirió con la observación", "interfered with the observation"),
}

OUTCOME_WORDS: dict[str, tuple[str, str]] = {
    "passed": ("correcto", "passed"),
    "failed": ("incorrecto", "failed"),
    "errored": ("error", "error"),
    "timed_out": ("tiempo agotado", "timed out"),
    "blocked": ("no se ejecutó", "never ran"),
    "not_run": ("sin comprobar", "not checked"),
    "broken": ("sin corregir", "not graded"),
    "graded": ("corregido", "graded"),
}

OTHER: dict[str, tuple[str, str]] = {
    "question": (
        "input() no está disponible al corregir: nadie puede responder.",
        "input() is not available while grading: nobody can answer.",
    ),
    "late": (
        "La celda superó su límite de {seconds:g} s y se interrumpió.",
        "The cell passed its limit of {seconds:g} s and was interrupted.",
    ),
    "cut": ("… la salida es demasiado larga y se cortó aquí", "… the output is too long: cut here"),
    "carried": ("Calculado a partir de tus valores.", "Computed from your own values."),
    "at": (" en la línea {line}", " on line {line}"),
    "right": (
        "; forma {shape} y tipo {dtype} correctos",
        "; shape {shape} and dtype {dtype} are right",
    ),
    "shown": (" (obtenido {got}, esperado {expected})", " (got {got}, expected {expected})"),
    "and": (" y ", " and "),
    "percent": ("{number} %", "{number}%"),
    "score": ("{score:g} de {max_score:g} puntos", "{score:g} of {max_score:g} points"),
    "unprotected": (
        "Corregido sin el aislamiento habitual.",
        "Graded without the usual isolation.",
    ),
}


class Words:
    """Everything that is said, in one language."""

    def __init__(self, language: str, escape: Callable[[str], str] = str) -> None:
        """``escape`` is applied to what comes from the student: names, types, messages."""
        self._column = LANGUAGES.index(language)
        self._escape = escape

    def finding(self, finding: Finding) -> str:
        """The sentence of a finding."""
        return FINDINGS[finding.kind][self._column].format(**self._details(finding))

    def finding_of(self, kind: str, **details: Any) -> str:
        """The sentence of a finding that is made here and now."""
        return self.finding(Finding(kind, details))

    def unreadable(self, why: str, file: str) -> str:
        return UNREADABLE[why][self._column].format(file=file)

    def outcome(self, outcome: str) -> str:
        return OUTCOME_WORDS[outcome][self._column]

    def other(self, key: str, **details: Any) -> str:
        return OTHER[key][self._column].format(**details)

    def own(self, key: str, **details: Any) -> str:
        """What ``autograder check`` says besides findings."""
        return OWN[key][self._column].format(**details)

    def title(self, spanish: str, english: str) -> str:
        return (spanish, english)[self._column]

    def kind(self, kind: str) -> str:
        return KINDS[kind][self._column] if kind in KINDS else self._code(kind)

    def _details(self, finding: Finding) -> dict[str, Any]:
        """What a sentence's places are filled with: data turned into words."""
        details = finding.details
        words: dict[str, Any] = {key: self._shown(value) for key, value in details.items()}
        match finding.kind:
            case "kind" | "item_kind":
                words.update({key: self.kind(str(details[key])) for key in ("got", "asked")})
            case "dtype" | "device":
                words.update({key: self._code(details[key]) for key in ("got", "expected")})
            case "values":
                words.update(self._difference(details))
            case "not_printed":
                words["expected"] = self._epochs(details["expected"])
            case "blocked":
                words["how"] = HOW.get(str(details["how"]), HOW["died"])[self._column]
            case "not_reduced":
                words["by"] = self.other("percent", number=f"{details['by']:.0%}"[:-1])
            case "not_shared":
                words["names"] = ", ".join(map(self._code, details["names"]))
            case "misconception":
                # Its author's own words, in Markdown.
                words["text"] = details[LANGUAGES[self._column]]
            case "said":
                words["text"] = plain(str(details["text"]))
        if "error" in details:
            error, message = (
                self._escape(plain(str(details.get(key) or ""))) for key in ("error", "message")
            )
            words["error"] = (f"{error}: {message}" if message else error).rstrip(".")
            line = details.get("line")
            words["at"] = self.other("at", line=line) if line else ""
        return words

    def _difference(self, details: Mapping[str, Any]) -> dict[str, str]:
        """What is shown of values that differ: a tensor's shape and dtype, a published value."""
        got, expected = details.get("got"), details.get("expected")
        shape, dtype = details.get("shape"), details.get("dtype")
        shown = got is not None and expected is not None
        right = shape is not None and dtype is not None
        return {
            "shown": self.other("shown", got=_numbers(got), expected=_numbers(expected))
            if shown
            else "",
            "right": self.other("right", shape=self._shown(shape), dtype=self._shown(dtype))
            if right
            else "",
        }

    def _epochs(self, epochs: Any) -> str:
        """Numbers of epochs in words, whatever language the check wrote them down in."""
        return self.other("and").join(re.findall(r"\d+", str(epochs)))

    def _code(self, text: object) -> str:
        return f"`{self._shown(str(text))}`"

    def _shown(self, value: Any) -> Any:
        """Text without markup, a shape as Python writes a tuple, a number as it is."""
        if isinstance(value, str):
            text = plain(value)
            # Between backticks a backslash would be seen; names and types need none.
            return text if PLAIN_NAME.fullmatch(text) else self._escape(text)
        if isinstance(value, list):
            return f"({', '.join(map(str, value))}{',' if len(value) == 1 else ''})"
        return value


def plain(text: str) -> str:
    """``text`` on one line, without characters that steer a terminal or a page's direction."""
    kept = (one if one.isprintable() else " " for one in text)
    return " ".join("".join(kept).split())


def _numbers(values: Any) -> str:
    numbers = [f"{one:.4f}" for one in values]
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"
