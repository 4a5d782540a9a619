"""Who asks: a browser by a random cookie that `delivery.py` sets, and the address from which it comes.

A limit per visitor holds for the browser. For its address the same limit holds `SHARING`-fold: a class may sit
behind one address, and a visitor who drops the cookie gains no more than that.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

COOKIE = "lm-visitor"
SHARING = 10  # visitors of one address for whom there is room
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Visitor:
    """A browser and its address; a browser that refuses cookies has no name, and the address stands for it."""

    name: str = ""
    address: str = ""


NOBODY = Visitor()  # for runs without a page: nothing is counted for it


def visitor_of(request: Any) -> Visitor:
    """The visitor of a request, Gradio's or Starlette's; `NOBODY` if there is none."""
    if request is None or request.client is None:
        return NOBODY
    name = request.cookies[COOKIE] if has_name(request.cookies) else ""
    return Visitor(name, address_of(request.client.host, request.headers))


def has_name(cookies: Mapping[str, str]) -> bool:
    """Whether a browser has brought a cookie such as we make them."""
    return bool(_NAME.fullmatch(cookies.get(COOKIE) or ""))


def address_of(peer: str, headers: Mapping[str, str]) -> str:
    """The address of the browser: of the peer, or if that is a proxy, the last that it has forwarded.

    Only a peer on this machine or a private network counts as a proxy: others could write any header. Of an
    IPv6 address the first 64 bits are kept, because a household has all the others.
    """
    forwarded = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        proxied = forwarded and ipaddress.ip_address(peer).is_private
        address = ipaddress.ip_address(forwarded if proxied else peer)
    except ValueError:  # a proxy that writes something else, or a peer without an address
        return peer
    if address.version == 6 and not address.is_loopback:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def over(visitor: Visitor, holders: Iterable[Visitor], most: int) -> bool:
    """Whether those who hold a thing leave this visitor no further one, of `most` for each; 0: no limit."""
    if visitor == NOBODY or not most:
        return False
    holders = list(holders)
    own = sum(bool(visitor.name) and other.name == visitor.name for other in holders)
    near = sum(other.address == visitor.address for other in holders)
    return own >= most or near >= most * SHARING
