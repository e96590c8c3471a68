"""What the tests of the API's door share."""

from tests.calling import li as li
from tests.calling import wechat as wechat
