"""The people page: search, pages and forms of people, groups and channels."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from werkzeug.test import Client

from flaresend_mock.core.models import Rule
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.people import CHOICES, PAGE, find
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, FAMILY, INSTANCE, NOBODY, OUR_NUMBER, OWNED, OWNED_INVITE

PEOPLE = "/_mock/ui/w/default/people"
PARTS = "/_mock/ui/w/default/parts/people"
EVIL = '<script>alert("x")</script>'

Show = Callable[[str], str]


@pytest.fixture
def show(client: Client) -> Show:
    """Return a function that gets a page or a part, with white space collapsed."""

    def shown(path: str = PEOPLE) -> str:
        response = client.get(path)
        assert response.status_code == 200, response.text
        return " ".join(response.text.split())

    return shown


def put(world: World, number: str, name: str = "", *, there: bool = True, rules: tuple[Rule, ...] = ()) -> None:
    world.people.put(number, name=name, lid=None, on_whatsapp=there, rules=rules)


def entry(shown: str, id_: str) -> str:
    found = re.search(rf'<li class="box entry" id="entry-{re.escape(id_)}">(.*?)</li>', shown)
    assert found is not None, f"{id_} is not shown"
    return found[1]


def entries(shown: str) -> list[str]:
    return re.findall(r' id="entry-([^"]+)"', shown)


def crowd(world: World, count: int) -> None:
    for n in range(count):
        put(world, f"25479000{n:04}", f"Guest {n:04}")


def test_people_are_shown_with_face_name_number_and_lid(show: Show, world: World) -> None:
    put(world, ANN, "Ann Example", rules=(Rule("hi", "hello"), Rule()))

    ann = entry(show(PEOPLE), ANN)

    assert f'src="../../faces/face/{ANN}.svg"' in ann
    assert '<h2 dir="auto">Ann Example</h2>' in ann
    assert f"<p>+{ANN}</p>" in ann
    assert f"<code>{ANN_LID}</code>" in ann
    assert "2 auto-replies" in ann
    assert "not on WhatsApp" not in ann
    assert f'href="../../w/default/chats/{INSTANCE}/{ANN}%40s.whatsapp.net"' in ann


def test_who_is_not_on_whatsapp_is_marked_and_cannot_be_written_with(show: Show) -> None:
    nobody = entry(show(PEOPLE), NOBODY)

    assert "not on WhatsApp" in nobody
    assert "chats/" not in nobody


def test_aliases_and_privacy_are_shown_found_and_edited(show: Show, world: World) -> None:
    world.people.put(BEN, name="Ben", aliases=["5531988561070", "553188561070"], addable=False)

    ben = entry(show(f"{PARTS}/people?q=98856"), BEN)
    assert f"<p>+{BEN}, +5531988561070, +553188561070</p>" in ben
    assert "not added to groups" in ben
    assert "not added to groups" not in entry(show(), ANN)
    form = show(f"{PARTS}/people/{BEN}")
    assert 'value="5531988561070, 553188561070"' in form
    assert '<input name="addable" type="checkbox">' in form
    assert '<input name="addable" type="checkbox" checked>' in show(f"{PARTS}/people/new")


def test_a_closed_directory_is_said(show: Show, world: World) -> None:
    assert "Any other number is on WhatsApp too." in show()
    assert "The number stays on WhatsApp" in show(f"{PARTS}/people/{ANN}")

    world.pairing.change_settings(directory="closed")

    assert "no other number is on WhatsApp" in show()
    assert "The number is not on WhatsApp then" in show(f"{PARTS}/people/{ANN}")


def test_an_instance_is_marked_and_comes_first(show: Show, world: World) -> None:
    shown = show(PEOPLE)

    assert entries(shown)[0] == OUR_NUMBER
    assert ">instance<" in entry(shown, OUR_NUMBER)
    assert "chats/" not in entry(shown, OUR_NUMBER)  # it does not write with itself
    assert ">instance<" not in entry(shown, ANN)

    world.instances.create(number="254700111222", status="connected")
    assert "chats/" in entry(show(PEOPLE), OUR_NUMBER)


def test_people_are_paged_by_sixty(show: Show, world: World) -> None:
    crowd(world, 130)
    total = len(world.state.people)

    pages = [show(f"{PEOPLE}?page={n}") for n in (1, 2, 3)]

    assert [len(entries(one)) for one in pages] == [PAGE, PAGE, total - 2 * PAGE]
    everybody = [number for one in pages for number in entries(one)]
    assert len(set(everybody)) == total
    assert f"1 to 60 of {total}" in pages[0]
    assert f"121 to {total} of {total}" in pages[2]
    assert 'rel="prev"' not in pages[0]
    assert 'rel="next"' not in pages[2]
    assert unescape(pages[1]).count("people?q=&page=") == 2


@pytest.mark.parametrize(("wanted", "first"), [("0", 1), ("-1", 1), ("x", 1), ("²", 1), ("9" * 40, 1), ("999", 3)])
def test_a_page_that_is_none_is_the_nearest(show: Show, world: World, wanted: str, first: int) -> None:
    crowd(world, 130)

    assert f'name="page" value="{first}"' in show(f"{PARTS}/people?page={wanted}")


def test_search_finds_names_and_numbers_and_pages_what_it_found(show: Show, world: World) -> None:
    crowd(world, 130)
    put(world, "254711999888", "Zoë Müller")

    assert entries(show(f"{PARTS}/people?q=zoë")) == ["254711999888"]
    assert entries(show(f"{PARTS}/people?q=711+999+888")) == ["254711999888"]
    assert entries(show(f"{PARTS}/people?q=%2B254711999888")) == ["254711999888"]
    guests = show(f"{PARTS}/people?q=guest&page=3")
    assert len(entries(guests)) == 10
    assert "121 to 130 of 130" in guests
    assert "q=guest&page=2" in unescape(guests)
    assert entries(show(f"{PARTS}/people?q=nobody-at-all")) == []
    assert f'value="{EVIL}"' not in show(f"{PEOPLE}?q={EVIL}")


def test_what_is_looked_for_and_not_found_is_text(show: Show) -> None:
    for path in (PEOPLE, f"{PARTS}/people", f"{PEOPLE}/groups", f"{PARTS}/channels"):
        shown = show(f"{path}?q=%3Cscript%3Ealert(1)")
        assert "No match for “&lt;script&gt;alert(1)”." in shown
        assert "<script>alert" not in shown


def test_a_part_brings_the_counts_along(show: Show, world: World) -> None:
    shown = show(f"{PARTS}/groups")

    for kind, many in (("people", world.state.people), ("groups", world.state.groups)):
        assert f'<span id="count-{kind}" hx-swap-oob="true">{len(many)}</span>' in shown
    assert "hx-swap-oob" not in show(PEOPLE)


def test_the_form_of_somebody_holds_what_is_known(show: Show, world: World) -> None:
    put(world, ANN, "Ann", there=False, rules=(Rule("price", "10 'each'", 2.5), Rule()))

    form = show(f"{PARTS}/people/{ANN}")

    assert 'data-form="person"' in form
    assert f'value="{ANN}" readonly' in form
    assert f'value="{ANN_LID}"' in form
    assert 'type="checkbox">' in form
    rules = form.partition("</template>")[2]
    assert rules.count('class="rule"') == 2
    assert 'name="when" value="price"' in rules
    assert 'name="reply" value="10 &#39;each&#39;"' in rules
    assert 'value="2.5"' in rules
    assert f'data-do="DELETE people/{ANN}"' in form


def test_the_form_for_somebody_new_is_empty(show: Show) -> None:
    form = show(f"{PARTS}/people/new")

    assert "New person" in form
    assert "readonly" not in form
    assert 'type="checkbox" checked' in form
    assert "DELETE people" not in form


def test_who_belongs_to_an_instance_cannot_be_deleted(show: Show) -> None:
    assert "DELETE people" not in show(f"{PARTS}/people/{OUR_NUMBER}")


def test_groups_are_shown_with_their_size_and_owner(show: Show, world: World) -> None:
    put(world, ANN, "Ann Example")
    group = world.state.groups[ANNS_GROUP]
    world.state.groups[ANNS_GROUP] = replace(group, announce=True)
    members = {number: one for number, one in group.members.items() if number != OUR_NUMBER}
    world.state.groups[FAMILY] = replace(world.state.groups[FAMILY], members=members)

    shown = show(f"{PEOPLE}/groups")

    assert set(entries(shown)) == set(world.state.groups)
    anns = entry(shown, ANNS_GROUP)
    assert f'src="../../../faces/emblem/{ANNS_GROUP.replace("@", "%40")}.svg"' in anns
    assert f"{len(group.members)} members, owned by <bdi>Ann Example</bdi>" in anns
    assert "only admins write" in anns
    assert f"chats/{INSTANCE}/{ANNS_GROUP.replace('@', '%40')}" in anns
    assert "no instance in it" in entry(shown, FAMILY)
    assert "chats/" not in entry(shown, FAMILY)


def test_members_of_a_group_are_shown_by_rank(show: Show, world: World) -> None:
    put(world, ANN, "Ann Example")

    shown = show(f"{PARTS}/groups/{ANNS_GROUP}")

    rows = re.findall(r"<li>(.*?)</li>", shown)
    assert len(rows) == len(world.state.groups[ANNS_GROUP].members)
    assert "Ann Example" in rows[0]
    assert ">Creator<" in rows[0]
    assert f"+{OUR_NUMBER}" in rows[1]
    assert ">Admin<" in rows[1]
    assert ">instance<" in rows[1]
    assert not any(">Admin<" in row or ">Creator<" in row for row in rows[2:])


def test_a_creator_is_the_owner_or_marked_as_superadmin(show: Show, world: World) -> None:
    group = world.state.groups[FAMILY]
    members = group.members | {ANN: replace(group.members[ANN], admin="superadmin")}
    world.state.groups[FAMILY] = replace(group, members=members)

    rows = re.findall(r"<li>(.*?)</li>", show(f"{PARTS}/groups/{FAMILY}"))

    creators = {re.findall(r"\+(\d+)", row)[0] for row in rows if ">Creator<" in row}
    assert creators == {OUR_NUMBER, ANN}


def test_a_new_group_offers_those_who_can_be_in_it(show: Show, world: World) -> None:
    form = show(f"{PARTS}/groups/new")
    offered = re.findall(r'name="participant" value="(\d+)"', form)

    assert {ANN, BEN} <= set(offered)
    assert OUR_NUMBER not in offered
    assert NOBODY not in offered
    assert f'<option value="{INSTANCE}">' in form

    crowd(world, CHOICES)
    form = show(f"{PARTS}/groups/new")
    assert len(re.findall(r'name="participant"', form)) == CHOICES
    assert f"{len(offered)} more people" in form


def test_channels_are_shown_with_invite_and_role(show: Show, world: World) -> None:
    channel = replace(world.state.channels[OWNED], description=EVIL, subscribers=1234)
    world.state.channels[OWNED] = channel

    shown = show(f"{PEOPLE}/channels")

    assert set(entries(shown)) == set(world.state.channels)
    owned = entry(shown, OWNED)
    assert "1,234 subscribers" in owned
    assert OWNED_INVITE in owned
    assert "<dd>owner</dd>" in owned
    assert "&lt;script&gt;alert" in owned
    world.state.channels.clear()
    assert "No channels yet." in show(f"{PEOPLE}/channels")


def test_what_others_wrote_is_text(show: Show, world: World) -> None:
    put(world, ANN, EVIL, rules=(Rule(EVIL, EVIL),))
    world.state.groups[ANNS_GROUP] = replace(world.state.groups[ANNS_GROUP], subject=EVIL, description=EVIL)
    world.state.channels[OWNED] = replace(world.state.channels[OWNED], name=EVIL)

    for path in (
        PEOPLE,
        f"{PEOPLE}/groups",
        f"{PEOPLE}/channels",
        f"{PARTS}/people/{ANN}",
        f"{PARTS}/groups/{ANNS_GROUP}",
        f"{PARTS}/groups/new",
        f"{PARTS}/channels/{OWNED}",
    ):
        shown = show(path)
        assert "<script>alert" not in shown, path
        assert "&lt;script&gt;alert" in shown, path
        assert "style=" not in shown, path


def test_nothing_for_what_is_not_there(client: Client) -> None:
    for path in (
        f"{PEOPLE}/cats",
        f"{PARTS}/cats",
        f"{PARTS}/people/254799999999",
        f"{PARTS}/groups/1@g.us",
        f"{PARTS}/channels/1@newsletter",
        "/_mock/ui/w/nowhere/people",
    ):
        assert client.get(path).status_code == 404, path


def test_pages_of_what_there_is_follow_the_world(world: World) -> None:
    crowd(world, 61)
    found = find(world, "people", "guest", 2)

    assert [found[name] for name in ("first", "last", "total", "pages")] == [61, 61, 61, 2]
    assert find(world, "people", "254790000060", 1)["entries"][0].title == "Guest 0060"
    assert all("6" in one.title for one in find(world, "people", "6", 1)["entries"])  # numbers from 3 digits on
