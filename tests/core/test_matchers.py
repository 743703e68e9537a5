"""Matchers: every operator, what is refused and where, and that no text and no nesting brings them down."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flaresend_mock.core.errors import InvalidMatcher
from flaresend_mock.core.faults import MAX_FAULTS
from flaresend_mock.core.matchers import matchers
from flaresend_mock.core.matchers.matchers import MAX_COMPILED, MAX_MEMORY, MAX_PATTERN, Miss
from flaresend_mock.core.matchers.parser import (
    CALL_FIELDS,
    MAX_TESTS,
    OPERATORS,
    Field,
    Matcher,
    as_object,
    compile_matcher,
)
from tests.defaults import ANN, BEN, CARA

FIELDS = {
    "text": Field(),
    "to": Field(number=True),
    "type": Field(words=("text", "image", "document")),
    "number": Field(lambda item: item.get("numbers", []), number=True, many=True),
    "tags": Field(lambda item: item.get("tags", []), many=True),
    "template": Field(free=True),
    "headers": Field(fold=True, free=True),
    "body": Field(known=("recipients", "type", "text", "template", "data")),
}
DEEP = 5000


def matcher(**spec: Any) -> Matcher:
    return compile_matcher(spec, FIELDS)


def fits(spec: dict[str, Any], **item: Any) -> bool:
    """Tell whether an item fits, by both ways of asking."""
    compiled = compile_matcher(spec, FIELDS)
    assert compiled.holds(item) == (not compiled.misses(item))
    return compiled.holds(item)


def refused(spec: Any) -> str:
    with pytest.raises(InvalidMatcher) as refusal:
        compile_matcher(spec, FIELDS)
    return str(refusal.value)


def wrapped(inner: Any, wrap: Callable[[Any], Any], times: int = DEEP) -> Any:
    for _ in range(times):
        inner = wrap(inner)
    return inner


# Values


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("hi", "hi"),
        (1, 1),
        (1, 1.0),
        (1.0, 1),
        (0, 0.0),
        (None, None),
        (True, True),
        ([], []),
        ([1, [2]], [1.0, [2]]),
        (["a"], ("a",)),
        ("", ""),
    ],
)
def test_what_is_the_same_json_fits(expected: Any, actual: Any) -> None:
    assert fits({"text": expected}, text=actual)
    assert fits({"text": {"equal": expected}}, text=actual)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("hi", "Hi"),
        ("1", 1),
        (1, True),
        (True, 1),
        (0, False),
        (False, 0),
        (False, None),
        ("", None),
        ([1], [True]),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ([], {}),
        ([], None),
        (["a"], "a"),
    ],
)
def test_what_is_other_json_does_not_fit(expected: Any, actual: Any) -> None:
    assert not fits({"text": expected}, text=actual)
    assert not fits({"text": {"equal": expected}}, text=actual)


def test_equal_compares_objects_through_and_through() -> None:
    spec = {"template": {"equal": {"a": {"b": [1, {"c": True}]}}}}

    assert fits(spec, template={"a": {"b": [1.0, {"c": True}]}})
    assert not fits(spec, template={"a": {"b": [1, {"c": 1}]}})
    assert not fits(spec, template={"a": {"b": [1, {"c": True}]}, "more": 1})


@pytest.mark.parametrize("operator", ["subset", "equal"])
def test_names_of_fields_are_compared_as_they_are_written(operator: str) -> None:
    assert fits({"template": {operator: {"orderId": 1}}}, template={"orderId": 1})
    assert not fits({"template": {operator: {"orderId": 1}}}, template={"orderid": 1})


def test_equal_takes_operators_as_data() -> None:
    assert fits({"template": {"equal": {"regex": "("}}}, template={"regex": "("})


def test_an_empty_matcher_fits_everything() -> None:
    assert fits({}, text="hi")
    assert fits({})


def test_all_fields_must_fit() -> None:
    assert fits({"text": "hi", "to": ANN}, text="hi", to=ANN)
    assert not fits({"text": "hi", "to": ANN}, text="hi", to=BEN)


def test_a_field_that_is_not_there_is_null() -> None:
    assert fits({"text": None})
    assert fits({"text": {"not": "hi"}})
    assert not fits({"text": "hi"})


# Operators


@pytest.mark.parametrize(
    ("operation", "actual"),
    [
        ({"contains": "ell"}, "hello"),
        ({"contains": ""}, "hello"),
        ({"contains": 2}, [1, 2.0]),
        ({"contains": "b"}, ["a", "b"]),
        ({"contains": {"a": 1}}, [{"a": 2}, {"a": 1, "b": 2}]),
        ({"contains": {"regex": "^b"}}, ["a", "bc"]),
        ({"contains": [1]}, [[1], [2]]),
        ({"contains": None}, [None]),
        ({"regex": "^h.*o$"}, "hello"),
        ({"regex": "ll"}, "hello"),
        ({"regex": r"\d{2}"}, "a12"),
        ({"subset": {"a": 1}}, {"a": 1, "b": 2}),
        ({"subset": {}}, {"b": 2}),
        ({"subset": {"a": {"contains": "x"}}}, {"a": "xyz"}),
        ({"one_of": ["hi", {"contains": "ell"}]}, "hello"),
        ({"one_of": [None, 1]}, 1.0),
        ({"not": "hi"}, "hello"),
        ({"not": {"contains": "x"}}, "hello"),
        ({"not": {"not": "hello"}}, "hello"),
        ({"contains": "h", "regex": "o$"}, "hello"),
    ],
)
def test_an_operator_fits(operation: dict[str, Any], actual: Any) -> None:
    assert fits({"text": operation}, text=actual)


@pytest.mark.parametrize(
    ("operation", "actual"),
    [
        ({"contains": "ELL"}, "hello"),
        ({"contains": 1}, "hello 1"),
        ({"contains": 1}, [True]),
        ({"contains": "b"}, {"b": 1}),
        ({"contains": "b"}, None),
        ({"contains": {"a": 1}}, [{"b": 1}]),
        ({"regex": "^ello"}, "hello"),
        ({"regex": "1"}, 1),
        ({"regex": ""}, None),
        ({"subset": {"a": 1}}, {"b": 1}),
        ({"subset": {"a": None}}, {}),
        ({"subset": {}}, []),
        ({"subset": {}}, None),
        ({"one_of": ["hi", "ho"]}, "hello"),
        ({"one_of": [1]}, True),
        ({"not": "hello"}, "hello"),
        ({"contains": "h", "regex": "x$"}, "hello"),
    ],
)
def test_an_operator_does_not_fit(operation: dict[str, Any], actual: Any) -> None:
    assert not fits({"text": operation}, text=actual)


def test_operators_nest() -> None:
    spec = {"template": {"components": {"contains": {"parameters": {"contains": {"text": {"regex": "^A"}}}}}}}

    assert fits(spec, template={"components": [{"parameters": []}, {"parameters": [{"text": "Ann"}]}]})
    assert not fits(spec, template={"components": [{"parameters": [{"text": "Ben"}]}]})


def test_operators_stand_inside_lists() -> None:
    assert fits({"template": [{"contains": "n"}, {"a": 1}]}, template=["Ann", {"a": 1, "b": 2}])
    assert not fits({"template": [{"contains": "n"}]}, template=["Ann", "Ben"])


# Numbers, words and fields with several values


@pytest.mark.parametrize(
    "spelling", [ANN, int(ANN), f"+{ANN}", "+254 712-345.678", f"{ANN}@s.whatsapp.net", f"{ANN}@c.us"]
)
def test_a_number_is_the_same_however_it_is_written(spelling: str | int) -> None:
    assert fits({"to": spelling}, to=ANN)
    assert fits({"to": {"equal": spelling}}, to=f"{ANN}@s.whatsapp.net")
    assert fits({"to": {"one_of": [BEN, spelling]}}, to=ANN)
    assert not fits({"to": {"not": spelling}}, to=ANN)
    assert fits({"number": spelling}, numbers=[BEN, ANN])


@pytest.mark.parametrize("other", ["", "12", None, True, [], "254712345679", 1.5, -1, 10**400])
def test_another_number_or_none_at_all_does_not_fit(other: Any) -> None:
    assert not fits({"to": other}, to=ANN)
    assert not fits({"to": ANN}, to=other)


def test_a_jid_that_is_no_number_is_compared_as_it_is() -> None:
    assert fits({"to": "1203@g.us"}, to="1203@g.us")


def test_one_of_many_values_must_fit() -> None:
    assert fits({"tags": {"contains": "b"}}, tags=["aa", "ab"])
    assert not fits({"tags": {"contains": "b"}}, tags=["aa"])
    assert not fits({"tags": {"contains": "b"}}, tags=[])


def test_not_means_none_of_many_values() -> None:
    assert fits({"number": {"not": ANN}}, numbers=[BEN, CARA])
    assert fits({"number": {"not": ANN}}, numbers=[])
    assert not fits({"number": {"not": ANN}}, numbers=[BEN, ANN])
    assert fits({"number": {"not": {"not": ANN}}}, numbers=[BEN, ANN])
    assert not fits({"number": {"not": {"one_of": [CARA, ANN]}}}, numbers=[BEN, ANN])


def test_a_word_that_is_none_is_a_mistake_wherever_it_stands() -> None:
    assert "did you mean 'image'?" in refused({"type": "imgae"})
    assert "did you mean 'image'?" in refused({"type": {"equal": "imgae"}})
    assert refused({"type": {"one_of": ["text", "imgae"]}}).startswith("match.type.one_of[1]: 'imgae'")
    assert refused({"type": {"not": "imgae"}}).startswith("match.type.not: 'imgae'")


def test_words_are_searched_as_any_text_is() -> None:
    assert fits({"type": {"contains": "mag"}}, type="image")
    assert fits({"type": {"regex": "^(text|image)$"}}, type="image")


# Objects


def test_a_body_is_written_as_the_fields_it_must_have() -> None:
    assert fits({"body": {"type": "text"}}, body={"type": "text", "text": "hi"})
    assert fits({"body": {"text": {"contains": "h"}}}, body={"text": "hi"})
    assert not fits({"body": {"type": "text"}}, body={"text": "hi"})
    assert not fits({"body": {"type": "text"}}, body=None)
    assert not fits({"body": {"type": None}}, body={})


def test_a_body_may_be_any_object_or_none() -> None:
    assert fits({"body": {}}, body={"type": "text"})
    assert not fits({"body": {}}, body=None)
    assert fits({"body": None}, body=None)


def test_a_field_that_no_body_has_is_refused_unless_it_is_in_a_subset() -> None:
    assert refused({"body": {"typ": "text"}}).startswith("match.body: 'typ' is not known; did you mean 'type'?")
    assert fits({"body": {"subset": {"typ": "text"}}}, body={"typ": "text"})
    assert "match.body.not: 'typ'" in refused({"body": {"not": {"typ": "text"}}})
    assert "match.body.one_of[1]: 'typ'" in refused({"body": {"one_of": [{"type": "text"}, {"typ": 1}]}})


def test_not_stands_before_the_fields_of_a_body() -> None:
    assert fits({"body": {"not": {"type": "text"}}}, body={"type": "image"})
    assert not fits({"body": {"not": {"type": "text"}}}, body={"type": "text", "text": "hi"})


def test_a_field_of_a_body_that_holds_no_object_takes_operators_only() -> None:
    assert "match.body.text: 'contain' is not known; did you mean 'contains'?" in refused(
        {"body": {"text": {"contain": "hi"}}}
    )


def test_a_template_is_written_as_the_fields_it_must_have_at_every_level() -> None:
    spec = {"body": {"template": {"name": "hello", "language": {"code": "en"}}}}

    assert fits(spec, body={"template": {"name": "hello", "language": {"code": "en", "policy": 1}, "more": 1}})
    assert not fits(spec, body={"template": {"name": "hello", "language": {"code": "de"}}})
    assert not fits(spec, body={"template": {"name": "hello", "language": "en"}})


def test_an_object_of_operators_alone_is_an_operation() -> None:
    assert fits({"template": {"contains": 1}}, template=[1])
    assert fits({"template": {"contains": 1, "more": 2}}, template={"contains": 1, "more": 2})


def test_names_of_headers_are_the_same_in_upper_and_lower_case() -> None:
    headers = {"X-Api-Key": "k", "Content-Type": "application/json"}

    assert fits({"headers": {"x-api-key": "k"}}, headers=headers)
    assert fits({"headers": {"CONTENT-TYPE": {"contains": "json"}}}, headers=headers)
    assert not fits({"headers": {"x-api-key": "K"}}, headers=headers)
    assert not fits({"headers": {"not": {"X-API-KEY": "k"}}}, headers=headers)
    assert fits({"headers": {"one_of": [{"X-API-KEY": "k"}]}}, headers=headers)


@pytest.mark.parametrize("operator", ["subset", "equal"])
def test_names_of_headers_are_the_same_in_upper_and_lower_case_inside_operators(operator: str) -> None:
    assert fits({"headers": {operator: {"X-Api-Key": "k"}}}, headers={"X-Api-Key": "k"})


# What is missed


def test_misses_name_the_fields_and_what_is_there() -> None:
    misses = matcher(text="hi", to=ANN, template={"a": {"b": 1}, "c": [1, {"d": 2}]}).misses(
        {"text": "ho", "to": BEN, "template": {"a": {"b": 2}, "c": [1, {"d": 3}]}}
    )

    assert misses == [
        Miss("text", "hi", "ho"),
        Miss("to", ANN, BEN),
        Miss("template.a.b", 1, 2),
        Miss("template.c[1].d", 2, 3),
    ]


def test_a_miss_tells_whether_something_is_null_or_not_there_at_all() -> None:
    misses = matcher(template={"a": 1, "b": 1, "c": {"d": {"contains": "x"}}}).misses({"template": {"b": None}})

    assert misses == [
        Miss("template.a", 1, missing=True),
        Miss("template.b", 1, None),
        Miss("template.c.d", {"contains": "x"}, missing=True),
    ]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"contains": "x"}, {"contains": "x"}),
        ({"regex": "x"}, {"regex": "x"}),
        ({"one_of": ["x", "y"]}, {"one_of": ["x", "y"]}),
        ({"not": "hello"}, {"not": "hello"}),
        ({"equal": "x"}, "x"),
    ],
)
def test_a_miss_shows_what_was_expected_as_it_was_written(operation: dict[str, Any], expected: Any) -> None:
    assert matcher(text=operation).misses({"text": "hello"}) == [Miss("text", expected, "hello")]


@pytest.mark.parametrize(("expected", "actual"), [([1], [1, 2]), ([1], "x"), ({}, "x")])
def test_a_miss_of_a_list_or_an_object_shows_all_of_it(expected: Any, actual: Any) -> None:
    assert matcher(template=expected).misses({"template": actual}) == [Miss("template", expected, actual)]


def test_a_miss_of_a_path_shows_it_as_it_was_written() -> None:
    misses = compile_matcher({"path": "/group%73"}, CALL_FIELDS).misses({"path": "/send-message"})

    assert misses == [Miss("path", "/group%73", "/send-message")]


def test_a_miss_of_many_values_shows_all_of_them() -> None:
    assert matcher(number=ANN).misses({"numbers": [BEN, CARA]}) == [Miss("number", ANN, [BEN, CARA])]


# What is refused


@pytest.mark.parametrize("spec", [None, [1], "text", 1, True, 1.5])
def test_a_matcher_is_an_object(spec: Any) -> None:
    assert refused(spec) == "match: a matcher is an object of fields, such as {} for everything"


def test_errors_begin_with_what_the_matcher_is_called() -> None:
    with pytest.raises(InvalidMatcher, match=r"^in_order\[2\]\.text: 'contain' is not known"):
        compile_matcher({"text": {"contain": 1}}, FIELDS, "in_order[2]")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"txt": 1}, "match: 'txt' is not known; did you mean 'text'?"),
        ({"zzz": 1}, "match: 'zzz' is not known; known here: text, to, "),
        ({"": 1}, "match: '' is not known; known here: "),
        ({"z" * 100: 1}, f"match: '{'z' * 100}' is not known; "),
        ({"z" * 101: 1}, f"match: '{'z' * 100}…' is not known; "),
        ({"text": {"contain": 1}}, "match.text: 'contain' is not known; did you mean 'contains'?"),
        ({"text": {"zzz": 1}}, "match.text: 'zzz' is not known; known here: equal, contains, "),
        ({"text": {"equal": 1, "regx": 1}}, "match.text: 'regx' is not known; did you mean 'regex'?"),
        ({"text": {"not": {"subse": 1}}}, "match.text.not: 'subse' is not known; did you mean 'subset'?"),
        ({"text": {"one_of": [1, {"eqal": 1}]}}, "match.text.one_of[1]: 'eqal' is not known"),
        ({"number": {"not": {"eqal": 1}}}, "match.number.not: 'eqal' is not known"),
        ({"headers": {"x": {"regx": 1}}}, "match.headers.x: 'regx' is not known"),
        ({"text": {}}, "match.text: an operator is expected: equal, contains, "),
        ({"number": {"not": {}}}, "match.number.not: an operator is expected"),
        ({"text": {"subset": [1]}}, "match.text.subset: an object is expected"),
        ({"text": {"subset": None}}, "match.text.subset: an object is expected"),
        ({"text": {"one_of": []}}, "match.text.one_of: a list with at least one item is expected"),
        ({"text": {"one_of": "ab"}}, "match.text.one_of: a list with at least one item is expected"),
        ({"text": {"regex": 1}}, "match.text.regex: a regular expression of at most 1000 characters"),
        ({"text": {"regex": None}}, "match.text.regex: a regular expression of at most 1000 characters"),
        ({"text": {"regex": "("}}, "match.text.regex: not a regular expression: missing )"),
        ({"template": {"a": {"b": {"regex": "["}}}}, "match.template.a.b.regex: not a regular expression"),
        ({"template": [0, {"regex": "["}]}, "match.template[1].regex: not a regular expression"),
        ({"text": {"subset": {"a": {"one_of": 1}}}}, "match.text.subset.a.one_of: a list with at least one item"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_place_and_a_hint(spec: dict[str, Any], message: str) -> None:
    assert refused(spec).startswith(message)


def test_a_matcher_has_a_bounded_number_of_conditions() -> None:
    most = list(range(MAX_TESTS - 1))

    assert fits({"text": {"one_of": most}}, text=MAX_TESTS - 2)
    assert "at most 1000 conditions" in refused({"text": {"one_of": [*most, 0]}})
    assert "at most 1000 conditions" in refused({"template": [[0, 0]] * MAX_TESTS})


def test_objects_without_fields_count_as_conditions() -> None:
    assert "at most 1000 conditions" in refused({"template": {str(n): {} for n in range(MAX_TESTS + 1)}})


DEEPLY: dict[str, Callable[[Any], Any]] = {
    "list": lambda inner: [inner],
    "not": lambda inner: {"not": inner},
    "one_of": lambda inner: {"one_of": [inner]},
    "contains": lambda inner: {"contains": inner},
    "subset": lambda inner: {"subset": {"a": inner}},
}


@pytest.mark.parametrize("wrap", DEEPLY)
@pytest.mark.parametrize("field", ["text", "to", "type", "template", "headers"])
def test_deep_nesting_is_refused(field: str, wrap: str) -> None:
    assert "nested too deeply" in refused({field: wrapped({"not": 1}, DEEPLY[wrap])})


@pytest.mark.parametrize(
    ("field", "wrap"),
    [
        ("number", lambda inner: {"not": inner}),
        ("template", lambda inner: {"a": inner}),
        ("template", lambda inner: {"a": {"b": inner}}),
    ],
)
def test_deep_nesting_is_refused_also_where_no_operator_counts(field: str, wrap: Callable[[Any], Any]) -> None:
    assert "nested too deeply" in refused({field: wrapped(1, wrap)})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: {"not": inner}])
def test_a_matcher_has_at_most_39_levels(wrap: Callable[[Any], Any]) -> None:
    assert matcher(template=wrapped(1, wrap, 39))
    assert "nested too deeply" in refused({"template": wrapped(1, wrap, 40)})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_what_equal_compares_has_at_most_20_levels(wrap: Callable[[Any], Any]) -> None:
    assert matcher(template={"equal": wrapped(1, wrap, 20)})
    assert "nested too deeply" in refused({"template": {"equal": wrapped(1, wrap, 21)}})


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_nothing_deep_is_compared_without_end(wrap: Callable[[Any], Any]) -> None:
    deep = wrapped(1, wrap)

    try:
        compiled = matcher(template={"equal": deep})
    except InvalidMatcher:
        return

    assert not compiled.holds({"template": wrapped(2, wrap)})


def test_something_deep_may_be_looked_at() -> None:
    assert not fits({"template": {"a": {"a": 1}}}, template=wrapped(1, lambda inner: {"a": inner}))
    assert not fits({"template": {"equal": [[1]]}}, template=wrapped(1, lambda inner: [inner]))


# Regular expressions


CATASTROPHIC = [
    (r"^(a|aa)+$", "a" * 100_000 + "b"),
    (r"^(a|aa)+$", "a" * 60 + "b"),
    (r"(x+x+)+y", "x" * 100_000),
    (r"(.*?,){11}P", "1,2,3,4,5,6,7,8,9,10,11,12,13" * 1000),
    (r"(a|b|ab)*\bc", "ab" * 1000),
]
ASK: list[Callable[[Matcher, dict[str, Any]], Any]] = [Matcher.holds, Matcher.misses]


@pytest.mark.parametrize(("pattern", "text"), CATASTROPHIC)
@pytest.mark.parametrize("ask", ASK)
def test_a_pattern_that_makes_others_backtrack_takes_linear_time(
    pattern: str, text: str, ask: Callable[[Matcher, dict[str, Any]], Any]
) -> None:
    compiled = matcher(text={"regex": pattern})
    begin = time.process_time()

    ask(compiled, {"text": text})

    assert time.process_time() - begin < 1
    assert not compiled.holds({"text": text})


def test_a_boundary_is_found_in_a_long_text() -> None:
    text = "été_ " * 30_000

    assert fits({"text": {"regex": r"\bété\b"}}, text=f"- {text}été")
    assert not fits({"text": {"regex": r"\bété\b|\bt|\B \B"}}, text=text)


PATTERNS = [
    r"^Order \d+$",
    r"(?i)^STRASSE|siparis|ΌΡΟΣ|ßk",
    r"\w+@\w+",
    r"\bété\b",
    r"\bcaf\B",
    r"(?m)^b$",
    r"(?m)^b\b$",
    r"b\Z",
    r"b$",
    r"\Aa.b",
    r"(?s)a.b",
    r"[^\W\d_]{3}",
    r"[^\S\n]",
    r"[\W\d]{2}",
    r"(?a)\w\b.",
    r"(?ai)[k-s]{2}",
    r"(?i)[^k-s]\s",
    r"(?:ab){,2}c",
    r"(?x) a \s* b  # both",
    r"(?P<who>Ann|Ben)(?#a comment), (hi|)",
    r"\u00e9\x41\101\N{EURO SIGN}",
    r"(?i:ann)(?-i:B)",
    r"a.*?\b\d",
    r"(?:^|\s)\b(?:x|\b\d)",
    r"[\b\]\\^-]",
    r"\Bé\B",
    r"[^\x00-\U0010fffe]",
    "",
]
TEXTS = [
    *["", "\n", "Order 17", "Order 17\n", "order \u0663", "an Order 17", "a\nb", "a\nb\n", "aéb", "ababc", "abc"],
    *["l'été.", "été", "détété", "café", "cafe", "caf", "Straße", "strasse", "SİPARİŞ", "sıparıs", "όρος", "SSK"],
    *["ẞK", "a_b 1", "中文字", "ab1", "Ann, hi", "Ben, ", "ANNB", "annb", "éAA€", "ſk", "\u212as ", "x 1", " \u00a0"],
    "a\U0010ffff",
    "aéb\v",
    *["c", "\x1c", "\b", "ann@é", "\ud800", "a \U0001f389 9", "a9", "a.9", "^", "]"],
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_found_where_python_finds_it(pattern: str) -> None:
    compiled = matcher(text={"regex": pattern})

    assert [text for text in TEXTS if compiled.holds({"text": text})] == [
        text for text in TEXTS if re.search(pattern, text)
    ]


ATOMS = st.sampled_from(
    [*"abéßİıkKſ_1٣ \n.^", *(rf"\{name}" for name in "wWdDsSbBAZ"), "[^a]", r"[^\Wb]", r"[\D_]", "[é-ı]"]
)
PIECES = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("".join, st.lists(inner, max_size=4))
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{,2}", "{1,}?"]))
        | st.builds("(?{}:{})".format, st.sampled_from(["i", "m", "s", "i-s", "-m"]), inner)
    ),
    max_leaves=12,
)
EXPRESSIONS = st.builds(
    "{}{}{}".format, st.sampled_from(["", "(?i)", "(?m)", "(?s)", "(?a)", "(?ai)"]), PIECES, st.sampled_from(["", "$"])
)


@given(EXPRESSIONS, st.text("abéßİıkKſ_1٣ \n\u212a中", max_size=8))
def test_any_pattern_is_found_where_python_finds_it(pattern: str, text: str) -> None:
    assume(text or not re.search(r"\\B", pattern))  # from 3.14 on, Python finds \B in an empty text

    assert fits({"text": {"regex": pattern}}, text=text) == bool(re.search(pattern, text))


CASED = "".join(one for one in map(chr, range(0x20000)) if one != one.lower() or one != one.upper())


@pytest.mark.parametrize(
    ("flags", "pattern"),
    [
        *[("", one) for one in (r"\w", r"\d", r"\s", r"\W", r"[^\W\d_]", r"[\W\d]", r"[^\S\n]", ".")],
        *[("(?i)", one) for one in ("[a-z]", "[^À-ÿ]", r"[\Wk]", "[^k]", "[İ]")],
        *[("(?a)", one) for one in (r"\w", r"\s", r"\D")],
        *[("(?ai)", one) for one in ("[a-z]", "é", "k", "\u212a")],
    ],
)
def test_a_class_has_the_characters_that_it_has_in_python(flags: str, pattern: str) -> None:
    everything = "".join(map(chr, range(0x11000)))
    found = "".join(re.findall(flags + pattern, everything))

    assert fits({"text": {"regex": rf"{flags}\A(?:{pattern})+\Z"}}, text=found)
    assert not fits({"text": {"regex": flags + pattern}}, text=re.sub(flags + pattern, "", everything))


@pytest.mark.slow
def test_a_character_has_the_cases_that_it_has_in_python() -> None:
    for character in CASED:
        found = "".join(re.findall(f"(?i){character}", CASED))
        assert fits({"text": {"regex": rf"(?i)\A{character}+\Z"}}, text=found)
        assert not fits({"text": {"regex": f"(?i){character}"}}, text=re.sub(f"(?i){character}", "", CASED))


@pytest.mark.parametrize(
    "pattern",
    [
        *["a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?!)", r"(a)\1", "(?P<x>a)(?P=x)", "(a)?(?(1)b|c)"],
        *["(?>a)", "a*+", "a{2}+", "(?:x|(?i:(?=a)))", r"(a)(?i:\1)"],
    ],
)
def test_what_cannot_be_matched_in_linear_time_is_refused(pattern: str) -> None:
    assert refused({"text": {"regex": pattern}}) == (
        "match.text.regex: look-around, back-references, conditions and possessive quantifiers are not supported"
    )


@pytest.mark.parametrize("pattern", [r"(?a:\b)x", r"(?a)(?u:\b)x"])
def test_a_boundary_of_other_letters_than_the_rest_is_refused(pattern: str) -> None:
    assert refused({"text": {"regex": pattern}}).endswith(r"\b needs (?a) or (?u) for the whole expression")


def test_the_patterns_of_a_matcher_have_a_bounded_size() -> None:
    assert fits({"text": {"one_of": [{"regex": r"\w{20}$"}] * 7}}, text="é" * 20)
    message = "match.text.one_of[7].regex: the regular expressions of this matcher are too large together"
    assert refused({"text": {"one_of": [{"regex": r"\w{20}$"}] * 8}}) == message
    assert fits({"text": {"one_of": [{"regex": "x"}] * 100}}, text="x")
    assert refused({"text": {"one_of": [{"regex": "x"}] * 101}}).endswith("are too large together")


def test_a_matcher_of_many_conditions_takes_little_memory() -> None:
    tracemalloc.start()
    kept = matcher(text={"one_of": [f"x{number}" for number in range(MAX_TESTS - 20)]})
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept.holds({"text": "x1"})
    assert MAX_FAULTS * size < 64 * 1024 * 1024


@pytest.mark.parametrize(
    "pattern", [r"^[\w\s]{1,100}$", r"^\w{1,50}$", r"^[\w.%+-]+@[\w.-]+\.\w{2,}$", r"(?i)^(\S+\s?){1,30}$"]
)
def test_patterns_of_words_are_small_enough(pattern: str) -> None:
    assert fits({"text": {"regex": pattern}}, text="ana@example.com" if "@" in pattern else "é" * 50)


def test_a_pattern_has_few_classes_of_characters() -> None:
    assert fits({"text": {"regex": r"\w" * 15}}, text="é" * 15)
    message = r"match.text.regex: not a regular expression: it has too many classes of characters, such as \w"
    assert refused({"text": {"regex": r"\w" * 100}}) == message


def test_few_patterns_are_kept_compiled_however_many_there_are() -> None:
    tests = [matcher(text={"regex": rf"\w x{number}\b"}) for number in range(MAX_COMPILED * 2)]

    for number, test in enumerate(tests):
        assert test.holds({"text": f"é x{number}"})
        assert not test.holds({"text": f"é x{number}é"})
    assert matchers._compiled.cache_info().currsize == MAX_COMPILED
    assert MAX_COMPILED * MAX_MEMORY <= 128 * 1024 * 1024


def test_a_pattern_has_a_bounded_size() -> None:
    for pattern in (r"\w{1000}", r"(?:\w{50}){10}"):
        message = "match.text.regex: not a regular expression that is small enough"
        assert refused({"text": {"regex": pattern}}) == message
    assert "it repeats more than 1000 times" in refused({"text": {"regex": "a{1001}"}})


def test_a_pattern_has_a_bounded_length() -> None:
    assert fits({"text": {"regex": "x" * MAX_PATTERN}}, text="x" * MAX_PATTERN)
    assert "at most 1000 characters" in refused({"text": {"regex": "x" * (MAX_PATTERN + 1)}})


@pytest.mark.parametrize(
    "pattern", ["(" * 500 + ")" * 500, "(?:" * 250 + ")" * 250, "[" * 1000, "(" * 1000, "a{,99999999999}", "(?1)"]
)
def test_a_monstrous_pattern_is_refused(pattern: str) -> None:
    assert "not a regular expression" in refused({"text": {"regex": pattern}})


def test_a_pattern_has_at_most_100_groups() -> None:
    assert fits({"text": {"regex": "(a)" * 100}}, text="a" * 100)
    message = "match.text.regex: not a regular expression: it has more than 100 opening parentheses"
    assert refused({"text": {"regex": "(a)" * 101}}) == message


def test_a_pattern_that_unfolds_into_a_huge_one_is_refused() -> None:
    refused({"text": {"regex": "(a{500}){500}"}})


# Whatever comes

NAMES = st.sampled_from([*OPERATORS, *FIELDS, "a", "X-A", "numbers"]) | st.text(max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.integers(10**6, 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["text", "image", ANN, f"+{ANN}", "a+", "^(a|aa)+$", "[", "a" * 30 + "b"])
    | st.text(max_size=5)
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)
SPECS = st.dictionaries(st.sampled_from(list(FIELDS)), JSON, max_size=4) | JSON
OPERATIONS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(lambda name, operand: {name: operand}, st.sampled_from(["contains", "equal", "not"]), inner)
        | st.builds(lambda operands: {"one_of": operands}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda fields: {"subset": fields}, st.dictionaries(NAMES, inner, max_size=3))
    ),
    max_leaves=10,
)
GOOD_SPECS = st.dictionaries(st.sampled_from(["text", "to", "template", "tags", "number"]), OPERATIONS, max_size=4)
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, JSON),
        "numbers": st.lists(st.none() | st.text(max_size=5) | st.just(ANN), max_size=3),
        "tags": st.lists(JSON, max_size=3),
    },
)


@given(SPECS)
def test_any_json_is_a_matcher_or_is_refused_as_none(spec: Any) -> None:
    try:
        compiled = compile_matcher(spec, FIELDS)
    except InvalidMatcher:
        return

    assert compiled.spec == as_object(spec)


@pytest.mark.parametrize("spec", [{"headers": []}, {"text": {"subset": []}}])
def test_an_empty_list_is_an_empty_object_of_php(spec: Any) -> None:
    assert fits(spec, headers={"a": "b"}, text={"c": "d"})


@given(SPECS | GOOD_SPECS, ITEMS)
def test_any_matcher_can_be_asked_about_any_item_and_says_the_same_twice(spec: Any, item: dict[str, Any]) -> None:
    try:
        compiled = compile_matcher(spec, FIELDS)
    except InvalidMatcher:
        return

    assert compiled.holds(item) == (not compiled.misses(item))


@given(JSON)
def test_everything_equals_itself_and_not_its_contrary(value: Any) -> None:
    assert fits({"template": {"equal": value}}, template=value)
    assert not fits({"template": {"not": {"equal": value}}}, template=value)
