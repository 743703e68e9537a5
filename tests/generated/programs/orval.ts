import { groupInfo, scheduleMessage, sendMessage, type WebhookEvent } from "./client.ts";

const text = { recipients: ["254712345678"], type: "text" as const, text: "hi" };

const sent = await sendMessage(text);
if (sent.status === 200) console.log("sent", sent.data.success, sent.data.total_recipients);

const to = ["254712345678", "254798765432"];
const form = new FormData();
for (const one of to) form.append("recipients[]", one);
form.append("type", "document");
form.append("file", new File(["menu"], "menu.txt", { type: "text/plain" }));
const options: RequestInit & { form: FormData } = { form };
const uploaded = await sendMessage({ "recipients[]": to, type: "document" }, options);
if (uploaded.status === 200) console.log("uploaded", uploaded.data.total_recipients);

const scheduled = await scheduleMessage({ ...text, sendAt: "2099-01-01 10:00:00" });
if (scheduled.status === 200) console.log("scheduled", scheduled.data.task_id.slice(0, 6));
const group = await groupInfo("120363403582097887@g.us");
if (group.status === 200) console.log("group", group.data.data.name);
const refused = await scheduleMessage({ ...text, sendAt: "2001-01-01 10:00:00" });
if (refused.status === 400) console.log("refused", refused.status, refused.data.message);

const words = (event: WebhookEvent) => event.data.message.imageMessage?.caption;
const body = JSON.stringify({ from: "254712345678", type: "image", caption: "the garden" });
const headers = { "Content-Type": "application/json" };
const inbound = await fetch(`${process.argv[2]}/_mock/inbound`, { method: "POST", headers, body });
console.log("received", words((await inbound.json()).event));
