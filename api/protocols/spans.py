"""For how long an order stands that came by a protocol, none of which has a word for it."""

from api.writes.terms import Terms
from revocation.orders import Order
from revocation.record import Scope

USUAL_LIFE_S = 3600
"""How long an access token lives of whose issuer nothing is set."""


def span_ms(order: Order, terms: Terms) -> int:
    """As long as a decision by hand; a single token's need not outlast the longest that an access token lives."""
    target = order.target
    if target.scope is Scope.TOKEN:
        return terms.lives.get(target.iss, USUAL_LIFE_S) * 1000
    return terms.span_ms(None, order.state, target.iss)
