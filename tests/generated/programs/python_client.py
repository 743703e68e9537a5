import sys
from io import BytesIO

from flaresend_api_client import AuthenticatedClient
from flaresend_api_client.api.groups import group_info
from flaresend_api_client.api.messages import send_message
from flaresend_api_client.api.schedule import schedule_message
from flaresend_api_client.models import (
    ScheduleMessageText,
    ScheduleMessageTextType,
    SendMessageForm,
    SendMessageFormType,
    SendMessageText,
    SendMessageTextType,
)
from flaresend_api_client.types import File


def with_boundary(request):
    """Name the boundary, which the client omits where a call takes JSON and forms (its issue 947)."""
    if request.headers.get("Content-Type") == "multipart/form-data":
        request.headers["Content-Type"] = request.stream.content_type


hooks = {"event_hooks": {"request": [with_boundary]}}
client = AuthenticatedClient(base_url=sys.argv[1], token="YOUR_API_KEY", httpx_args=hooks)
to = ["254712345678"]

sent = send_message.sync(client=client, body=SendMessageText(to, SendMessageTextType.TEXT, "hi"))
print("sent", str(sent.success).lower(), sent.total_recipients)
file = File(BytesIO(b"menu"), "menu.txt", "text/plain")
form = SendMessageForm([*to, "254798765432"], SendMessageFormType.DOCUMENT, file=file)
print("uploaded", send_message.sync(client=client, body=form).total_recipients)


def later(time):
    body = ScheduleMessageText(recipients=to, type_=ScheduleMessageTextType.TEXT, text="hi", send_at=time)
    return schedule_message.sync_detailed(client=client, body=body)


print("scheduled", later("2099-01-01 10:00:00").parsed.task_id[:6])
print("group", group_info.sync("120363403582097887@g.us", client=client).data.name)
refused = later("2001-01-01 10:00:00")
print("refused", int(refused.status_code), refused.parsed.message)
