"""Where the control token is entered, if the emulator has one."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, render_template, request

from flaresend_mock.dashboard.pages import shown
from flaresend_mock.http.auth import cookie_of, pass_for
from flaresend_mock.http.context import emulator

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def login() -> Response:
    """Ask for the token."""
    return _page("")


@blueprint.post("/login")
def enter() -> Response:
    """Let a browser in that brings the token."""
    token = emulator().token or ""
    given = request.form.get("token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        return _page("This is not the token that the emulator was started with.", 401)
    response = Response(status=303, headers={"Location": "./"})
    response.set_cookie(
        cookie_of(token), pass_for(token), httponly=True, samesite="Strict", secure=request.is_secure
    )
    return response


def _page(problem: str, status: int = 200) -> Response:
    text = render_template("dashboard/login.html", ui="./", problem=problem)
    return shown(text, status)
