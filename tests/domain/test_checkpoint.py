"""Checkpoints: three strict lines, and nothing that merely looks like them."""

from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.domain.checkpoint import Checkpoint, CheckpointError

Junk = Any  # what a stranger may send

ROOT: Final = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT: Final = f"consentry.example/log\n20852163\n{ROOT}\n"


def test_the_example_of_the_format_reads_and_writes_back() -> None:
    checkpoint = Checkpoint.from_text(TEXT)
    assert (checkpoint.origin, checkpoint.size) == ("consentry.example/log", 20852163)
    assert checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    assert checkpoint.to_text() == TEXT


@given(
    st.from_regex(r"[!-*,-~][!-*,-~é☂]{0,40}", fullmatch=True),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_every_checkpoint_reads_back_as_itself(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert Checkpoint.from_text(checkpoint.to_text()) == checkpoint


@given(st.text())
def test_any_text_is_refused_or_is_exactly_what_would_be_written(text: str) -> None:
    with suppress(CheckpointError):
        assert Checkpoint.from_text(text).to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        TEXT[:-1],
        TEXT + "\n",
        "\n" + TEXT,
        TEXT + "an extension line\n",
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\u2028"),
        "\ufeff" + TEXT,
        TEXT + TEXT,
    ],
)
def test_it_is_three_lines_each_ending_in_a_line_feed(text: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(text)


@pytest.mark.parametrize(
    "size",
    ["", "00", "007", "+7", "-7", " 7", "7 ", "7.0", "7e3", "0x7", "1_000", "seven", "٧", "²", str(2**63), "9" * 5000],  # noqa: RUF001  # the foreign digit is the point
)
def test_a_size_is_decimal_in_its_one_spelling(size: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(f"consentry.example/log\n{size}\n{ROOT}\n")


@pytest.mark.parametrize(
    "root",
    [
        "",
        ROOT[:-1],
        ROOT + "=",
        ROOT + " ",
        " " + ROOT,
        ROOT.replace("/", "_"),
        ROOT.replace("I=", "J="),
        "é" + ROOT[1:],
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2Ix",
        "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62",
    ],
)
def test_a_root_is_32_bytes_of_base64_in_its_one_spelling(root: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(f"consentry.example/log\n7\n{root}\n")


@pytest.mark.parametrize(
    "origin",
    ["", " ", "a log", "a+log", "a\tlog", "a\x00log", "a\x7flog", "a\u00a0log", "a\u202elog", "a\nlog", "\ud800"],
)
def test_an_origin_is_printable_without_spaces_and_plus_signs(origin: str) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint(origin, 7, bytes(32))
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(f"{origin}\n7\n{ROOT}\n")


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        (None, 7, bytes(32)),
        (b"log", 7, bytes(32)),
        ("log", -1, bytes(32)),
        ("log", True, bytes(32)),
        ("log", 7.0, bytes(32)),
        ("log", "7", bytes(32)),
        ("log", 2**63, bytes(32)),
        ("log", 7, bytes(31)),
        ("log", 7, bytes(33)),
        ("log", 7, "0" * 32),
        ("log", 7, None),
    ],
)
def test_a_checkpoint_cannot_hold_what_it_could_not_write(origin: Junk, size: Junk, root: Junk) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint(origin, size, root)


@pytest.mark.parametrize("junk", [None, 7, TEXT.encode(), [TEXT]], ids=lambda junk: type(junk).__name__)
def test_what_is_no_text_is_no_checkpoint(junk: Junk) -> None:
    with pytest.raises(CheckpointError):
        Checkpoint.from_text(junk)


def test_an_error_repeats_nothing_of_the_text() -> None:
    with pytest.raises(CheckpointError) as refused:
        Checkpoint.from_text("canary-origin\ncanary-size\ncanary-root\n")
    assert "canary" not in str(refused.value)
