"""What goes between a training process and the one that started it.

To it, once:     one line of JSON (what to do, parameters, names, numbers of rows and columns) || features (IEEE 754
                 binary64, big-endian, row by row) || labels (1 byte each) || comparisons (binary64, likewise)
From it:         frames of kind (1 byte) || length (8 bytes, big-endian) || content
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from analytics.errors import RowsError, TrainingChildError
from analytics.parameters import Parameters
from analytics.plain import figures, plain
from analytics.rows import Row, matrix
from analytics.subgroups import Group

TOLD: Final = b"T"
MODEL: Final = b"M"
EVALUATION: Final = b"E"
GATE: Final = b"G"
REFUSED: Final = b"X"
_HEAD: Final = struct.Struct(">cQ")
_LONGEST: Final = 2**32


@dataclass(frozen=True, slots=True)
class Order:
    """What a training process is to do: fit, and unless `only_fit` evaluate and examine too."""

    rows: tuple[Row, ...]
    parameters: Parameters
    comparisons: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    only_fit: bool = False


def to_bytes(order: Order) -> bytes:
    """Write an order; raise `RowsError` when its rows are not alike."""
    features = matrix(order.rows)
    beside = len(order.rows[0].comparisons)
    if any(len(row.comparisons) != beside for row in order.rows):
        raise RowsError("all rows need the same number of comparisons")
    head = {
        "only_fit": order.only_fit,
        "parameters": order.parameters.to_json(),
        "comparisons": list(order.comparisons),
        "groups": [plain(group, None) for group in order.groups],
        "shape": [*features.shape, beside],
    }
    others = np.array([row.comparisons for row in order.rows], dtype=">f8")
    labels = bytes(row.label for row in order.rows)
    return json.dumps(head).encode() + b"\n" + features.astype(">f8").tobytes() + labels + others.tobytes()


def from_stream(stream: IO[bytes]) -> Order:
    """Read an order; raise `TrainingChildError` when the stream ends before it."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise _short()
    head = json.loads(line)
    people, width, beside = head["shape"]
    features = np.frombuffer(_exactly(stream, 8 * people * width), ">f8").reshape(people, width)
    labels = _exactly(stream, people)
    others = np.frombuffer(_exactly(stream, 8 * people * beside), ">f8").reshape(people, beside)
    rows = tuple(map(Row, map(tuple, features.tolist()), labels, map(tuple, others.tolist())))
    groups = tuple(figures(Group, group) for group in head["groups"])
    parameters = Parameters.from_json(head["parameters"])
    return Order(rows, parameters, tuple(head["comparisons"]), groups, head["only_fit"])


def write_frame(stream: IO[bytes], kind: bytes, content: bytes) -> None:
    """Write one frame, and send it off."""
    stream.write(_HEAD.pack(kind, len(content)) + content)
    stream.flush()


def read_frames(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each frame until the stream ends; raise `TrainingChildError` inside a frame."""
    while head := stream.read(_HEAD.size):
        if len(head) != _HEAD.size:
            raise _short()
        kind, length = _HEAD.unpack(head)
        if length > _LONGEST:
            raise _short()
        yield kind, _exactly(stream, length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise _short()
    return content


def _short() -> TrainingChildError:
    return TrainingChildError("what goes between training and its parent ended early: look at memory, then try again")
