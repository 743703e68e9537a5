import { Configuration, MessagesApi } from "./client/index.ts";

const configuration = new Configuration({ basePath: process.argv[2], accessToken: "YOUR_API_KEY" });
const file = new File(["menu"], "menu.txt", { type: "text/plain" });
const recipients = ["254712345678", "254798765432"];
const sent = await new MessagesApi(configuration).sendMessage({ recipients, type: "document", file });
console.log("uploaded", sent.totalRecipients);
