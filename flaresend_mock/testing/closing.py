"""What is held until a block ends."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Something to be closed; as a `with`, it is closed when that ends."""

    def close(self) -> None:
        """Give up what is held. Closing twice does nothing more."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
