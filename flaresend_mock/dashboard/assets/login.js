// A link to the login page may have the token behind its #, which browsers send to no server.
"use strict";

if (location.hash.length > 1) {
  document.getElementById("token").value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  document.querySelector("form").submit();
}
