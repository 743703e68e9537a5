// Leads connections of this Node process for api.flaresend.com to the emulator. NODE_OPTIONS loads it first.
"use strict";

const net = require("net");

const HOST = "api.flaresend.com";
const emulator = address(process.env.FLARESEND_MOCK_REDIRECT);
const proxy = address(process.env.HTTPS_PROXY);

function address(url) {
  try {
    const { protocol, hostname, port } = new URL(url);
    return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (protocol === "https:" ? 443 : 80) };
  } catch {
    return null;
  }
}

const isHermetic = Boolean(proxy && process.env.FLARESEND_MOCK_HERMETIC);
const near = (process.env.NO_PROXY || "").toLowerCase().split(",").map((one) => one.trim().replace(/^\*?\./, ""));

function isDirect(name) {
  return name.startsWith("127.") || near.some((one) => one && `.${name.toLowerCase()}`.endsWith(`.${one}`));
}

// Asks the proxy, which records that it refuses, and fails as for a host that does not exist.
function refuse(socket, connect, target) {
  const probe = connect.call(new net.Socket(), proxy);
  probe.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  const end = () => {
    probe.destroy();
    const message = `flaresend-mock refuses calls of other hosts, such as ${target}`;
    socket.destroy(Object.assign(new Error(message), { code: "ENOTFOUND" }));
  };
  probe.once("data", end).once("error", end);
  return socket;
}

const isOurs = (name) => typeof name === "string" && name.replace(/\.$/, "").toLowerCase() === HOST;

if (emulator) {
  // fetch, undici, axios, got, http and https all end here, and TLS keeps the name that it checks
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...given) {
    const normalized = Array.isArray(given[0]) ? given[0] : given;
    const [first, second] = normalized;
    if (first && typeof first === "object") {
      if (!first.path && (isOurs(first.host) || isOurs(first.servername))) {
        normalized[0] = { ...first, ...emulator, lookup: undefined, family: undefined };
      } else if (isHermetic && Number(first.port) === 443 && first.host && !isDirect(first.host)) {
        return refuse(this, connect, `${first.host}:443`);
      }
    } else if (typeof first !== "function" && isOurs(second)) {
      normalized.splice(0, 2, emulator.port, emulator.host);
    }
    return connect.apply(this, given);
  };
}

if (proxy) {
  // axios asks a proxy for https URLs over plain http, which proxies do not answer
  const http = require("http");
  const request = http.request;
  http.request = function (...given) {
    const [options] = given;
    const path = options && typeof options === "object" && !(options instanceof URL) ? options.path : "";
    const isProxied = /^https:\/\//i.test(path) && Number(options.port) === proxy.port;
    if (!isProxied || ![options.hostname, options.host].includes(proxy.host)) {
      return request.apply(this, given);
    }
    const { hostname, port, pathname, search } = new URL(path);
    const { host, agent, agents, ...kept } = options;
    const direct = { protocol: "https:", hostname, port: port || 443, path: pathname + search, agent: agents?.https };
    return require("https").request({ ...kept, ...direct }, ...given.slice(1));
  };
  require("module").syncBuiltinESMExports();
}
