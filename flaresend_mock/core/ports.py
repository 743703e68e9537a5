"""What a world needs from outside of it: every way in which it touches the machine it runs on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flaresend_mock.core.models import Picture, Upload

if TYPE_CHECKING:
    from flaresend_mock.core.world import World

DEFAULT_PUBLIC_URL = "http://127.0.0.1:3577"


def _nothing(*_: object) -> None:
    """Nobody is there to do it."""


def _no_sample(kind: str) -> Upload:
    return Upload(kind.encode(), "", "")


@dataclass(frozen=True, slots=True)
class HostServices:
    """What others do for a world. By default nobody does anything: time passes only when it is advanced.

    Args:
        on_timer_changed: is called when what falls due next may have changed.
        delay: keeps a caller waiting for so many real seconds, or until there is no more reason to.
        on_delivery_ready: is called when an instance, by its id, has something to deliver.
        on_world_closed: is called when the world is given up.
        key_is_free: tells whether an API key belongs to nobody in any other world.
        drain_deliveries: waits until everything that was delivered has come to its end, or waits for its retry.
        lend: has somebody else serve as long as the current thread only waits.
        public_url: tells where applications reach this emulator, without a slash at the end.
        sample_media: returns a small file of a kind of media.
        image_info: tells what a picture is like; None where it is none.

    None of them may take the world's lock, but for `drain_deliveries`, which is never called with it.
    """

    on_timer_changed: Callable[[World], None] = _nothing
    delay: Callable[[float, Callable[[], bool]], None] = _nothing
    on_delivery_ready: Callable[[World, str], None] = _nothing
    on_world_closed: Callable[[World], None] = _nothing
    key_is_free: Callable[[str, World], bool] = lambda key, world: True
    drain_deliveries: Callable[[World], None] = _nothing
    lend: Callable[[], AbstractContextManager[object]] = nullcontext
    public_url: Callable[[], str] = lambda: DEFAULT_PUBLIC_URL
    sample_media: Callable[[str], Upload] = _no_sample
    image_info: Callable[[bytes], Picture | None] = _nothing
