"""Resources of data classes."""

from flaresend_mock.core.model import model, told
from flaresend_mock.http.resources import instance, of_model


@model
class Inner:
    kept: int = told("A part.")
    left_out: int = told("Another part.")


@model
class Outer:
    inner: Inner = told("The whole.")


def test_a_field_shows_the_whole_of_a_model_of_which_another_resource_shows_parts() -> None:
    of_model(Inner, "A part.", "kept", "Part")
    whole = of_model(Inner, "All parts.")
    of_model(Inner, "A part.", "left_out", "OtherPart")

    outer = of_model(Outer, "A model with another one in it.")

    assert outer().fields["inner"].of is whole
    assert instance(outer).dump(Outer(Inner(1, 2))) == {"inner": {"kept": 1, "left_out": 2}}
