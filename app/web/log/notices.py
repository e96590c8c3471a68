"""What the log says about itself, for everybody: each notice as a receipt with all of its event (docs/log-format.md)."""

from __future__ import annotations

from flask import Response

from app.web.house import house
from app.web.log import TEXT, _absent, _file, bp
from app.web.login import public
from ledger.stores.notices import published_notices

NOTICE_CACHE = "public, max-age=300"


@bp.get("/ledger/notices/<nth>.tlog-proof")
@public
def notice(nth: str) -> Response:
    """The receipt of a notice; 404 where the published log has no such."""
    found = published_notices(house().engine).get(f"notices/{nth}.tlog-proof")
    return _absent() if found is None else _file(found, TEXT, NOTICE_CACHE)
