"""What was said before the demonstration began: a few conversations, from some days ago until just now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from flaresend_mock.core.inbound_messages import InboundMessage
from flaresend_mock.core.models import Content
from flaresend_mock.core.ports import HostServices
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World

ECHO, BRIAN, AMINA = "254711000001", "254711000002", "254711000003"
APP = ""
"""Who writes what the application sends."""

Line = tuple[float, str, str]

CONVERSATIONS: dict[str, tuple[Line, ...]] = {
    BRIAN: (
        (2 * 1440 + 300, BRIAN, "Hi! Do you have *sourdough* today?"),
        (2 * 1440 + 299, APP, "Good morning Brian! Yes, fresh since 7. How many?"),
        (2 * 1440 + 297, BRIAN, "Two please 🙏"),
        (2 * 1440 + 296, APP, "Noted: *2 × sourdough*, KES 700. Pick them up until 6 pm."),
        (2 * 1440 + 20, BRIAN, "Got them, thanks!"),
        (90, BRIAN, "What does the chocolate cake cost?"),
        (89, APP, "The chocolate cake is KES 1,800. Write *order cake* if you want one."),
    ),
    AMINA: (
        (1440 + 240, APP, "Hello Amina, your birthday cake is ready tomorrow at 10:00. Reply 1 to confirm."),
        (1440 + 232, AMINA, "1"),
        (1440 + 231, APP, "Confirmed ✅ See you tomorrow!"),
        (95, AMINA, "On my way, with ~five~ six people 😄"),
    ),
    ECHO: (
        (3 * 1440 + 60, ECHO, "Are you open on Sunday?"),
        (3 * 1440 + 59, APP, "Yes, from 8 to 13. The way here: https://maps.example/demo-shop"),
    ),
}


def lived(state: State, now: datetime, host: HostServices) -> State:
    """Return a world in which these conversations took place before now; it has no webhook yet that heard of them."""
    people = dict(state.people)
    state = state.copy()
    for number, somebody in people.items():  # nobody answers by themselves what is only told
        state.people[number] = replace(somebody, rules=())
    moment = now
    world = World("demo", state, lambda: moment, replace(host, on_timer_changed=lambda world: None))
    instance = world.instances.first()
    lines = [
        (minutes, person, sender, text)
        for person, said in CONVERSATIONS.items()
        if person in people
        for minutes, sender, text in said
    ]
    for minutes, person, sender, text in sorted(lines, reverse=True):
        moment = now - timedelta(minutes=minutes)
        if sender == APP:
            world.sending.send(instance.id, [person], Content("text", text=text))
        else:
            world.inbound.receive(InboundMessage(sender, text=text))
    moment = now - timedelta(minutes=30)
    for group in list(world.state.groups.values())[:1]:
        member = next((number for number in group.members if number != instance.number), None)
        if member is not None and not group.announce:
            world.inbound.receive(
                InboundMessage(member, text="Who brings the bread on Saturday?", group=group.id)
            )
    moment = now
    lived_in = world.state.copy()
    for number, somebody in people.items():
        # who answers everything would talk to the bot for ever, and into what is written in their name
        rules = tuple(rule for rule in somebody.rules if rule.when is not None)
        lived_in.people[number] = replace(somebody, rules=rules)
    return lived_in
