import { formDataBodySerializer } from "./client/client/index.ts";
import { client } from "./client/client.gen.ts";
import {
  groupInfo,
  scheduleMessage,
  sendMessage,
  type SendMessageForm,
  type SendMessageResponses,
  type WebhookEvent,
} from "./client/index.ts";

client.setConfig({ baseUrl: process.argv[2], auth: "YOUR_API_KEY" });
const text = { recipients: ["254712345678"], type: "text" as const, text: "hi" };

const sent = await sendMessage({ body: text });
console.log("sent", sent.data?.success, sent.data?.total_recipients);
const form: SendMessageForm = {
  "recipients[]": ["254712345678", "254798765432"],
  type: "document",
  file: new File(["menu"], "menu.txt", { type: "text/plain" }),
};
const uploaded = await client.post<SendMessageResponses>({
  ...formDataBodySerializer,
  url: "/send-message",
  security: [{ scheme: "bearer", type: "http" }],
  body: form,
  headers: { "Content-Type": null },
});
console.log("uploaded", uploaded.data?.total_recipients);
const scheduled = await scheduleMessage({ body: { ...text, sendAt: "2099-01-01 10:00:00" } });
console.log("scheduled", scheduled.data?.task_id.slice(0, 6));
const group = await groupInfo({ path: { group_id: "120363403582097887@g.us" } });
console.log("group", group.data?.data.name);
const refused = await scheduleMessage({ body: { ...text, sendAt: "2001-01-01 10:00:00" } });
console.log("refused", refused.response?.status, refused.error && "message" in refused.error && refused.error.message);
const words = (event: WebhookEvent) => event.data.message.imageMessage?.caption;
const body = JSON.stringify({ from: "254712345678", type: "image", caption: "the garden" });
const headers = { "Content-Type": "application/json" };
const inbound = await fetch(`${process.argv[2]}/_mock/inbound`, { method: "POST", headers, body });
console.log("received", words((await inbound.json()).event));
