// A client of Flaresend that hard-codes its host: sends, uploads, receives over https, and downloads media.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import https from "node:https";

const URL_ = "https://api.flaresend.com/send-message";
const headers = { Authorization: "Bearer YOUR_API_KEY" };
const text = { recipients: ["254712345678"], type: "text", text: "Hello" };
const [folder, client] = process.argv.slice(2);

function form() {
  const form = new FormData();
  form.append("recipients[]", "254712345678");
  form.append("type", "document");
  form.append("file", new Blob(["%PDF-1.7 menu"], { type: "application/pdf" }), "menu.pdf");
  return form;
}

// axios comes from the folder that npm has put it in
const axios = () => createRequire(`${process.env.NODE_FOLDER}/`)("axios");

async function posted(body, more) {
  const response = await fetch(URL_, { method: "POST", body, headers: { ...headers, ...more } });
  if (!response.ok) throw new Error(await response.text());
}

function requested(body, type) {
  return new Promise((resolve, reject) => {
    const request = https.request(URL_, { method: "POST", headers: { ...headers, "Content-Type": type } }, (response) => {
      response.resume();
      response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(response.statusCode))));
    });
    request.on("error", reject);
    request.end(body);
  });
}

const json = "application/json";
const clients = {
  async fetch() {
    await posted(JSON.stringify(text), { "Content-Type": json });
    await posted(form());
  },
  async https() {
    await requested(JSON.stringify(text), json);
    const encoded = new Response(form());
    await requested(Buffer.from(await encoded.arrayBuffer()), encoded.headers.get("Content-Type"));
  },
  async axios() {
    await axios().post(URL_, text, { headers });
    await axios().post(URL_, form(), { headers });
  },
  async "axios-agent"() {
    const own = axios().create({ headers, proxy: false, httpsAgent: new https.Agent({ keepAlive: true }) });
    await own.post(URL_, text);
    await own.post(URL_, form());
  },
};

function receive() {
  const pem = readFileSync(`${folder}/server.pem`);
  return new Promise((resolve) => {
    const server = https.createServer({ key: pem, cert: pem }, async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      response.end();
      resolve(JSON.parse(Buffer.concat(pieces)));
    });
    server.listen(0, "127.0.0.1", () => console.log("PORT", server.address().port));
  });
}

await clients[client]();
const event = await receive();
const media = await fetch(event.data.message.imageMessage.url);
console.log("MEDIA", (await media.arrayBuffer()).byteLength);
process.exit(0);
