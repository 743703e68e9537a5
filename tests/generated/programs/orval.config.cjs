const mutator = { path: "./orval_http.ts", name: "http" };
module.exports = { flaresend: { input: "api.json", output: { target: "client.ts", client: "fetch", override: { mutator } } } };
