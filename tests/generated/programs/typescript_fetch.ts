import { Configuration, GroupsApi, MessagesApi, ResponseError, ScheduleApi } from "./client/index.ts";

const configuration = new Configuration({ basePath: process.argv[2], accessToken: "YOUR_API_KEY" });
const text = { recipients: ["254712345678"], type: "text" as const, text: "hi" };

const sent = await new MessagesApi(configuration).sendMessage({ sendMessageRequest: text });
console.log("sent", sent.success, sent.totalRecipients);

const schedule = new ScheduleApi(configuration);
const later = { ...text, sendAt: "2099-01-01 10:00:00" };
const scheduled = await schedule.scheduleMessage({ scheduleMessageRequest: later });
console.log("scheduled", scheduled.taskId.slice(0, 6));

const group = await new GroupsApi(configuration).groupInfo({ groupId: "120363403582097887@g.us" });
console.log("group", group.data.name);

try {
  await schedule.scheduleMessage({ scheduleMessageRequest: { ...later, sendAt: "2001-01-01 10:00:00" } });
} catch (error) {
  if (!(error instanceof ResponseError)) throw error;
  console.log("refused", error.response.status, (await error.response.json()).message);
}
