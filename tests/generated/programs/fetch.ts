import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./api.ts";

type Event = webhooks["message_received"]["post"]["requestBody"]["content"]["application/json"];
type Content = components["schemas"]["MessageContent"];

const url = process.argv[2];
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: "Bearer YOUR_API_KEY" } });

const sent = await api.POST("/send-message", { body: { recipients: ["254712345678"], type: "text", text: "hi" } });
console.log("sent", sent.data?.success, sent.data?.total_recipients);

const form = new FormData();
for (const to of ["254712345678", "254798765432"]) form.append("recipients[]", to);
form.append("type", "document");
form.append("file", new File(["menu"], "menu.txt", { type: "text/plain" }));
const uploaded = await api.POST("/send-message", {
  body: { "recipients[]": ["254712345678", "254798765432"], type: "document" },
  bodySerializer: () => form,
});
console.log("uploaded", uploaded.data?.total_recipients);

const text = { recipients: ["254712345678"], type: "text" as const, text: "later" };
const scheduled = await api.POST("/schedule-message", { body: { ...text, sendAt: "2099-01-01 10:00:00" } });
console.log("scheduled", scheduled.data?.task_id.slice(0, 6));

const group = await api.GET("/groups/{group_id}", { params: { path: { group_id: "120363403582097887@g.us" } } });
console.log("group", group.data?.data.name);

const refused = await api.POST("/schedule-message", { body: { ...text, sendAt: "2001-01-01 10:00:00" } });
console.log("refused", refused.response.status, refused.error && "message" in refused.error && refused.error.message);

const words = (content: Content) => content.conversation ?? content.imageMessage?.caption;
const event: Event = await (
  await fetch(`${url}/_mock/inbound`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ from: "254712345678", type: "image", caption: "the garden" }),
  })
).json().then((response) => response.event);
console.log("received", words(event.data.message));
