"""What goes wrong at the pretend platform.

MockError
├── RefusedToStart   the settings cannot be used; the operator's to mend
├── PageRefused      an authorize link that the platform would not open; shown to the person as a page
└── Refusal          an API call that fails: `errcode` and `errmsg` in the body, HTTP status 200 as always
"""


class MockError(Exception):
    """Base of everything this neighbour raises."""


class RefusedToStart(MockError):
    """The mock cannot run with these settings; the text is one sentence for the operator."""


class PageRefused(MockError):
    """The authorize link is wrong; `reason_zh` and `reason_en` say how, for the developer who sees the page."""

    def __init__(self, reason_zh: str, reason_en: str) -> None:
        super().__init__(reason_en)
        self.reason_zh = reason_zh
        self.reason_en = reason_en


class Refusal(MockError):
    """An API call that fails with `errcode`; its text comes from TEXTS."""

    def __init__(self, errcode: int, *, hinted: bool = False, more: str = "") -> None:
        super().__init__(TEXTS[errcode] + more)
        self.errcode = errcode
        self.text = TEXTS[errcode] + more
        self.hinted = hinted


_NOT_LATEST = "invalid credential, access_token is invalid or not latest"
NOT_LATEST_ADVICE = ", could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"

# Texts as captured from the platform or as its documentation prints them, without the request id.
TEXTS = {
    40001: _NOT_LATEST,
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40037: "invalid template_id",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    42001: "access_token expired",
    42002: "refresh_token expired",
    43002: "require POST method",
    43101: "user refuse to accept the msg",
    44002: "empty post data",
    45009: "reach max api daily quota limit",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    87008: "invalid sig_method",
    87009: "invalid signature",
}
