"""A shop's application: it confirms orders by WhatsApp, and replies to customers. It knows nothing of the emulator."""

import os

import requests
from flask import Flask, request

FLARESEND = "https://api.flaresend.com"

app = Flask(__name__)


def send(number: str, text: str) -> None:
    response = requests.post(
        f"{FLARESEND}/send-message",
        headers={"Authorization": f"Bearer {os.environ['FLARESEND_API_KEY']}"},
        json={"recipients": [number], "type": "text", "text": text},
        timeout=10,
    )
    response.raise_for_status()


@app.post("/orders")
def order():
    wanted = request.get_json()
    send(wanted["number"], f"Thank you for your order: {wanted['article']}")
    return {"status": "ordered"}, 201


@app.post("/webhook")
def webhook():
    event = request.get_json()
    if event["event"] == "message_received":
        send(event["data"]["from"], "We will call you back.")
    return {"status": "received"}
