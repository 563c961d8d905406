"""Places in the log, a bit each: a hundred million entries take 13 MB."""

from collections.abc import Iterator


class Indices:
    """A set of indices below `size`, which come out in order."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._bits = bytearray((size + 7) // 8)

    def add(self, index: int) -> None:
        """Put an index in; one that is not below the size is left out."""
        if 0 <= index < self.size:
            self._bits[index >> 3] |= 1 << (index & 7)

    def __contains__(self, index: int) -> bool:
        return 0 <= index < self.size and bool(self._bits[index >> 3] >> (index & 7) & 1)

    def __iter__(self) -> Iterator[int]:
        for place, byte in enumerate(self._bits):
            if byte:
                yield from (place * 8 + bit for bit in range(8) if byte >> bit & 1)

    def __len__(self) -> int:
        return sum(map(int.bit_count, self._bits))
