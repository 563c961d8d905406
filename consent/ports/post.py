"""How the installation writes to people."""

from typing import Protocol


class Post(Protocol):
    """Whoever takes letters."""

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand over one letter in plain text.

        Raises `PostError` where it was not taken, and `InvalidMailError` for an address or a subject that is none.
        """
