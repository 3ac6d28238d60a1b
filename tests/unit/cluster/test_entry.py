"""How a cluster is named: in the config and on the command line, each mistake one sentence."""

from __future__ import annotations

import pytest

from autograder.cluster.entry import Cluster, choose
from autograder.config import parse_config
from autograder.errors import AuthorError

REST = "assignments:\n  a:\n"
TLS = "{ca_file: ca.pem, cert: me.pem, key: me.key}"


def parsed(text):
    return parse_config(f"clusters:\n{text}{REST}")


def test_a_cluster_is_an_address_and_how_long_to_wait_for_workers():
    config = parsed(f"  aula:\n    scheduler: tls://10.0.0.5:8786\n    tls: {TLS}\n")

    aula = config.clusters["aula"]
    assert aula.scheduler == "tls://10.0.0.5:8786"
    assert (aula.tls.ca_file, aula.wait_seconds) == ("ca.pem", 300.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "  aula:\n    sheduler: tcp://10.0.0.5:8786\n",
            "3: clusters.aula.sheduler: there is no setting 'sheduler'; did you mean 'scheduler'?",
        ),
        (
            "  aula:\n    scheduler: tls://a:1\n    tls:\n      ca: x\n",
            "5: clusters.aula.tls.ca: there is no setting 'ca'; there are ca_file, cert, key.",
        ),
        (
            "  aula:\n    scheduler: 10.0.0.5\n",
            "3: clusters.aula.scheduler: a scheduler's address, such as tcp://10.0.0.5:8786, is "
            "needed here, not '10.0.0.5'.",
        ),
        (
            "  aula:\n    wait_seconds: 5\n",
            "2: clusters.aula: either scheduler (an address) or scheduler_file is needed.",
        ),
        (
            "  aula:\n    scheduler: tcp://a:1\n    scheduler_file: s.json\n",
            "2: clusters.aula: either scheduler (an address) or scheduler_file is needed.",
        ),
        (
            f"  aula:\n    scheduler: tcp://a:1\n    tls: {TLS}\n",
            "2: clusters.aula: with tls the scheduler's address begins with tls://.",
        ),
        (
            "  aula:\n    scheduler: tls://a:1\n",
            "2: clusters.aula: a tls:// scheduler needs tls: {ca_file: …, cert: …, key: …}.",
        ),
        (
            "  aula:\n    scheduler: tcp://a:1\n    wait_seconds: soon\n",
            "4: clusters.aula.wait_seconds: input should be a valid number, not 'soon'.",
        ),
        (
            "  'mi aula':\n    scheduler: tcp://a:1\n",
            "2: clusters.mi aula: a name without spaces, / and : is needed here, not 'mi aula'.",
        ),
        ("  aula: tcp://a:1\n", "2: clusters.aula: "),
    ],
)
def test_a_mistake_is_one_sentence_with_file_line_and_nearest_name(text, sentence):
    with pytest.raises(AuthorError) as caught:
        parsed(text)

    said = str(caught.value)
    assert said.startswith(f"grading_config.yaml:{sentence}")
    assert "\n" not in said


AULA, SALA = Cluster(scheduler="tcp://a:1"), Cluster(scheduler="tcp://b:1")


def test_the_only_cluster_need_not_be_named():
    assert choose({"aula": AULA}, None) is AULA
    assert choose({"aula": AULA, "sala": SALA}, "sala") is SALA


@pytest.mark.parametrize("address", ["tcp://10.0.0.5:8786", "tls://cola.example.org:443"])
def test_an_address_needs_no_config(address):
    assert choose({}, address).scheduler == address


@pytest.mark.parametrize(
    ("clusters", "asked", "sentence"),
    [
        (
            {},
            None,
            "--executor dask: name the cluster with --cluster (its address), or describe it in "
            "grading_config.yaml below 'clusters:'.",
        ),
        (
            {"aula": AULA, "sala": SALA},
            None,
            "--executor dask: name the cluster with --cluster (one of aula, sala).",
        ),
        (
            {"aula": AULA},
            "aual",
            "--cluster aual: grading_config.yaml has no such cluster; did you mean 'aula'?",
        ),
        (
            {},
            "aula",
            "--cluster aula: grading_config.yaml has no such cluster; the config has none below "
            "'clusters:'.",
        ),
        (
            {},
            "http://10.0.0.5:8786",
            "--cluster http://10.0.0.5:8786: a scheduler's address is needed here, such as "
            "tcp://10.0.0.5:8786.",
        ),
    ],
)
def test_what_names_no_cluster_is_told(clusters, asked, sentence):
    with pytest.raises(AuthorError) as caught:
        choose(clusters, asked)
    assert str(caught.value) == sentence
