// Shows one of the two documents. Calls go to where this page is from, whatever address the document names.
"use strict";

(async () => {
  const isControl = new URLSearchParams(location.search).get("of") === "control";
  const links = document.querySelectorAll("nav a");
  links[isControl ? 1 : 0].setAttribute("aria-current", "page");
  const response = await fetch(isControl ? "control/openapi.json" : "openapi.json");
  if (!response.ok) {
    const said = document.createElement("p");
    said.textContent = `The document could not be read: ${response.status} ${await response.text()}`;
    document.getElementById("docs").append(said);
    return;
  }
  const spec = await response.json();
  spec.servers = [{ url: new URL("..", document.baseURI).href.replace(/\/$/, "") }];
  SwaggerUIBundle({
    spec,
    domNode: document.getElementById("docs"),
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
})();
