import { isAxiosError } from "axios";
import { Configuration, GroupsApi, MessagesApi, ScheduleApi } from "./client/index.ts";

const configuration = new Configuration({ basePath: process.argv[2], accessToken: "YOUR_API_KEY" });
const text = { recipients: ["254712345678"], type: "text" as const, text: "hi" };

const sent = await new MessagesApi(configuration).sendMessage(text);
console.log("sent", sent.data.success, sent.data.total_recipients);
const schedule = new ScheduleApi(configuration);
const scheduled = await schedule.scheduleMessage({ ...text, sendAt: "2099-01-01 10:00:00" });
console.log("scheduled", scheduled.data.task_id.slice(0, 6));
const group = await new GroupsApi(configuration).groupInfo("120363403582097887@g.us");
console.log("group", group.data.data.name);
try {
  await schedule.scheduleMessage({ ...text, sendAt: "2001-01-01 10:00:00" });
} catch (error) {
  if (!isAxiosError(error)) throw error;
  console.log("refused", error.response?.status, error.response?.data.message);
}
