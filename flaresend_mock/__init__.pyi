"""What the package offers, for editors and type checkers."""

from flaresend_mock.server import CannotStart as CannotStart
from flaresend_mock.server import FlaresendMock as FlaresendMock
from flaresend_mock.settings import Settings as Settings
from flaresend_mock.testing.redirection import redirect as redirect
from flaresend_mock.version import __version__ as __version__

__all__ = ["CannotStart", "FlaresendMock", "Settings", "__version__", "redirect"]
