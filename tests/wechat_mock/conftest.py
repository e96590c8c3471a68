import pytest
from flask.testing import FlaskClient

from app.wechat_mock import create_mock
from app.wechat_mock.platform import App
from tests.wechat_mock.process import (
    APPID,
    OTHER_APPID,
    OTHER_SECRET,
    SECRET,
    Clock,
    authorize_path,
    query_of,
    running_mock,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Wire:
    """The mock's doors below its prefix, met in this process."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **query):
        return self.client.get(f"/wechat-mock{path}", query_string=query or None)

    def post(self, path: str, **how):
        return self.client.post(f"/wechat-mock{path}", **how)

    def json(self, path: str, **query):
        return self.get(path, **query).get_json(force=True)

    def oauth_code(self, account: str = "lin", **how) -> str:
        return query_of(self.post(authorize_path(**how), data={"account": account}).location)["code"]

    def js_code(self, account: str = "lin", appid: str = APPID) -> str:
        return self.json("/_demo/js-code", account=account, appid=appid)["code"]

    def exchange(self, code: str, **other):
        query = {"appid": APPID, "secret": SECRET, "code": code, "grant_type": "authorization_code"} | other
        return self.json("/sns/oauth2/access_token", **query)

    def session(self, js_code: str, **other):
        query = {"appid": APPID, "secret": SECRET, "js_code": js_code, "grant_type": "authorization_code"} | other
        return self.json("/sns/jscode2session", **query)

    def plain_token(self, **other):
        query = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET} | other
        return self.json("/cgi-bin/token", **query)

    def stable_token(self, *, force_refresh: bool = False, **other):
        body = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET, "force_refresh": force_refresh}
        return self.post("/cgi-bin/stable_token", json=body | other).get_json()

    def ticket(self, token: str):
        return self.json("/cgi-bin/ticket/getticket", access_token=token, type="jsapi")


@pytest.fixture
def wire(clock) -> Wire:
    apps = [App.registered(APPID, SECRET), App.registered(OTHER_APPID, OTHER_SECRET)]
    return Wire(create_mock(":memory:", apps=apps, clock=clock).test_client())


@pytest.fixture(scope="session")
def mock_base(tmp_path_factory):
    with running_mock(tmp_path_factory.mktemp("wechat") / "mock.sqlite3") as base:
        yield base
