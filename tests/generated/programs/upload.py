import sys

import openapi_client as api

client = api.ApiClient(api.Configuration(host=sys.argv[1], access_token="YOUR_API_KEY"))
file = ("menu.txt", b"menu")
sent = api.MessagesApi(client).send_message(recipients=["254712345678", "254798765432"], type="document", file=file)
print("uploaded", sent.total_recipients)
