"""Four-letter words: the embedded server's answers look like a real one's."""

import re
import socket

import pytest

from tests.server.stories import Pair
from tests.server.wireclient import WireClient
from zc.zk import operations as ops
from zc.zk.codes import AddWatchMode, CreateFlag

pytestmark = pytest.mark.real

WATCH = ops.Watch()
# In this order: the last ones reset what the others tell.
WORDS = "ruok isro stat conf cons dirs dump gtmk hash wchc wchp wchs srvr mntr crst cons srst srvr"


def ask(port: int, word: str) -> str:
    with socket.create_connection(("127.0.0.1", port), 10.0) as connection:
        connection.sendall(word.encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def shape(text: str) -> list[str]:
    """Give the lines without what differs by nature: numbers that measure, versions, folders."""
    text = re.sub(r"(lzxid=)0x(?!f{16})[0-9a-f]+,", r"\1,", text)  # but not -1
    text = re.sub(r"\b0x[0-9a-f]{9,}", "ID", text)
    text = re.sub(r"(Zookeeper version: ).*", r"\1", text)
    text = re.sub(r"(Zxid: ).*", r"\1", text)
    # Sessions that begin in the same tick share a set, and Apache shows sets that all have left.
    text = re.sub(r"(Session Sets )\(\d+\)", r"\1(N)", text)
    text = re.sub(r"\d+ expire at .*:\n", "", text)
    text = re.sub(r"(127\.0\.0\.1:)\d+", r"\1PORT", text)
    text = re.sub(r"(est|lresp|llat|minlat|avglat|maxlat)=\d+", r"\1=N", text)
    text = re.sub(r"(Latency min/avg/max: )\d+/\d+\.\d+/\d+", r"\1", text)
    text = re.sub(r"((?:[Pp]ort|Dir|Size|Backlog|_size)[=:]) ?.*", r"\1", text)
    text = re.sub(r"(Connections Sets|Connections dump).*(\n.*)*", r"\1", text)
    return text.splitlines()


def tell(port: int) -> dict[str, list[str]]:
    with WireClient(port) as first, WireClient(port) as second:
        first.call(ops.Create("/words", b"x"))
        first.call(ops.Create("/words/e", b"", flags=CreateFlag.EPHEMERAL))
        first.call(ops.GetData("/words", WATCH))
        second.call(ops.AddWatch("/words/e", WATCH, AddWatchMode.PERSISTENT))
        second.call(ops.GetChildren("/", WATCH))
        told, is_anew = {}, False
        for at, word in enumerate(WORDS.split()):
            lines = shape(ask(port, word))
            if word == "stat" or (
                word == "srvr" and not is_anew
            ):  # before `srst` others have been counted as well
                lines = [line for line in lines if not line.startswith(("Received", "Sent"))]
            if word in ("cons", "stat", "wchc", "wchp", "conf"):  # in no order
                lines.sort()
            told[f"{at} {word}"] = lines
            is_anew |= word == "srst"
    return told


def test_each_word_is_answered_alike(pair: Pair) -> None:
    real, ours = tell(pair.apache.port), tell(pair.embedded.port)

    own = [line.split("\t")[0] for line in ours.pop("13 mntr")]
    assert set(own) <= {line.split("\t")[0] for line in real.pop("13 mntr")}
    assert ours == real
