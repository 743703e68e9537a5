import sys

import httpx
from api import ReceivedData, ScheduleMessageText, SendMessageForm, SendMessageResponse, SendMessageText

http = httpx.Client(base_url=sys.argv[1], headers={"Authorization": "Bearer YOUR_API_KEY"})
to = ["254712345678"]


def body(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def send(**how):
    return SendMessageResponse.model_validate(http.post("/send-message", **how).json())


sent = send(json=body(SendMessageText(recipients=to, type="text", text="hi")))
print("sent", str(sent.success).lower(), sent.total_recipients)
form = SendMessageForm.model_validate({"recipients[]": [*to, "254798765432"], "type": "document"})
print("uploaded", send(data=body(form), files={"file": ("menu.txt", b"menu", "text/plain")}).total_recipients)
later = ScheduleMessageText(recipients=to, type="text", text="hi", sendAt="2099-01-01 10:00:00")
print("scheduled", http.post("/schedule-message", json=body(later)).json()["task_id"][:6])
image = {"from": "254712345678", "type": "image", "caption": "the garden"}
event = httpx.post(f"{sys.argv[1]}/_mock/inbound", json=image).json()["event"]
print("received", ReceivedData.model_validate(event["data"]).message.imageMessage.caption)
