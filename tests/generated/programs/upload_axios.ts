import { Configuration, MessagesApi } from "./client/index.ts";

const configuration = new Configuration({ basePath: process.argv[2], accessToken: "YOUR_API_KEY" });
const file = new File(["menu"], "menu.txt", { type: "text/plain" });
const to = ["254712345678", "254798765432"];
const sent = await new MessagesApi(configuration).sendMessage(to, "document", undefined, file);
console.log("uploaded", sent.data.total_recipients);
