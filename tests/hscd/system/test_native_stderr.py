"""What is written to file descriptor 2 is collected, and the stream comes back."""

import os

import pytest

from hscd.system import native_stderr


def test_what_is_written_during_the_block_is_collected(capfd):
    os.write(2, b"before, ")
    with native_stderr.collected():
        os.write(2, b"held back")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before, after"


def test_the_block_reads_what_was_said():
    with native_stderr.collected() as said:
        os.write(2, b"held back")
        said.seek(0)
        assert said.read() == b"held back"


def test_the_stream_comes_back_after_an_exception(capfd):
    with pytest.raises(ValueError, match="in the block"), native_stderr.collected():
        raise ValueError("in the block")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_without_a_stream_the_block_runs():
    kept = os.dup(2)
    os.close(2)
    try:
        with native_stderr.collected() as said:
            said.seek(0)
            assert said.read() == b""
    finally:
        os.dup2(kept, 2)
        os.close(kept)
