"""The past of the shipped world `demo`: conversations that took place by calls and webhooks, as all others do."""

import json
import logging
from contextlib import closing
from datetime import datetime, timedelta

from flaresend_mock import app, package_data
from flaresend_mock.api import request_log
from flaresend_mock.background import applications, posting
from flaresend_mock.core import models, store, worlds
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.http.context import AppServices

_PAST = "the past"  # no other world has a space in its name

logging.getLogger(request_log.__name__).addFilter(lambda record: f" in {_PAST}" not in (record.args or ()))


def with_conversations(state: State, now: datetime, host: store.HostServices[World]) -> State:
    """Return a state with the sample conversations, of the days before `now`. It changes the caller's context."""
    moment = now - timedelta(days=30)
    ports = store.HostServices[World](public_url=host.public_url, sample_media=host.sample_media)
    world = World(_PAST, state.copy(), lambda: moment, ports)
    instance, group = world.instances.first(), next(iter(world.state.groups.values()))
    api = app.Application(AppServices(worlds.Worlds(world), strict=False, version="", health=dict, uptime=float))
    client, headers = api.test_client(), {"Authorization": f"Bearer {instance.api_keys[0]}", "User-Agent": "shop/2.3"}
    text = (package_data.FIXTURES / "demo" / "conversations.json").read_text("utf-8").replace("GROUP", group.id)
    text = text.replace("MEMBER", next(number for number in group.members if number != instance.number))
    applications.origin.set((api, world))
    with closing(posting.Poster()) as poster:
        for line in [*json.loads(text), {"minutes_ago": 0}]:
            until = now - timedelta(minutes=line["minutes_ago"])
            while True:
                while job := world.deliveries.claim(instance.id):
                    moment += timedelta(seconds=1)
                    outcome = poster.post(job.webhook, job.delivery.webhook_id, moment, job.delivery.body)
                    outcome |= {"milliseconds": 12.0, "accepted": True}  # real times differ from start to start
                    world.deliveries.complete(job, models.Attempt(at=moment, **outcome))
                if (due := world.state.timers.next_at() or now) >= until:
                    break
                moment = max(moment, due)
                world.timeline.run_due()
            moment = until
            if "path" in line:
                client.post(line["path"], json=line["body"], base_url=host.public_url(""), headers=headers)
    return world.state.copy()
