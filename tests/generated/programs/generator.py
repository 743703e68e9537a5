import sys

import openapi_client as api

client = api.ApiClient(api.Configuration(host=sys.argv[1], access_token="YOUR_API_KEY"))
text = {"recipients": [api.PhoneNumber("254712345678")], "type": "text", "text": "hi"}

sent = api.MessagesApi(client).send_message(api.SendMessageRequest(api.SendMessageText(**text)))
print("sent", str(sent.success).lower(), sent.total_recipients)


def later(time):
    body = api.ScheduleMessageText(**text, sendAt=time)
    return api.ScheduleApi(client).schedule_message(api.ScheduleMessageRequest(body))


print("scheduled", later("2099-01-01 10:00:00").task_id[:6])
print("group", api.GroupsApi(client).group_info("120363403582097887@g.us").data.name)
try:
    later("2001-01-01 10:00:00")
except api.ApiException as error:
    print("refused", error.status, error.data.message)
event = api.WebhookEvent.from_dict(
    {
        "event": "message_received",
        "instanceId": "one",
        "data": {"from": "1@s.whatsapp.net", "id": "A", "timestamp": 1, "message": {"conversation": "the garden"}},
        "timestamp": "2025-10-17T12:47:59.689Z",
    }
)
print("received", event.data.message.conversation)
