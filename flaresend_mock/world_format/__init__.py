"""A world as JSON: world files and exports have one format, of which a file may leave out nearly everything."""

from flaresend_mock.world_format.read import WorldFileError, give_key, load_file, load_world

__all__ = ["WorldFileError", "give_key", "load_file", "load_world"]
