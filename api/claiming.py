"""Stand-in of `revocation.claims.claims_of`."""

from collections.abc import Mapping

from revocation.claims import Claims


def claims_of(payload: Mapping[str, object], kid: str | None = None, ip: str | None = None) -> Claims:
    """From a JWT's payload; wrong types count as absent."""

    def text(name: str) -> str | None:
        value = payload.get(name)
        return value if isinstance(value, str) else None

    def number(name: str) -> int | float | None:
        value = payload.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    cnf = payload.get("cnf")
    jkt = cnf.get("jkt") if isinstance(cnf, dict) else None
    return Claims(
        iss=text("iss"),
        sub=text("sub"),
        sid=text("sid"),
        jti=text("jti"),
        iat=number("iat"),
        auth_time=number("auth_time"),
        client_id=text("client_id") or text("azp"),
        device=jkt if isinstance(jkt, str) else text("device_id"),
        kid=kid,
        ip=ip,
    )
