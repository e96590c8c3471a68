"""Being inside the clinic's fence, and nothing more about where somebody is.

A phone says where it is and how sure it is of that; the hospital compares once and forgets both. What stays, on the
receipt, is a band of distance: "within 150 m". Latitude and longitude are degrees (WGS 84), distances metres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.errors import Refused, RuleMalformed

EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 (IUGG; Moritz, Geodetic Reference System 1980)
BANDS_M = (50, 150, 300, 1000)
MICRO = 1_000_000


class PlaceTooFar(Refused):
    """Outside the fence. `within_m` is the band, None beyond the widest."""

    code = "place_too_far"


class PlaceUnsure(Refused):
    """The phone does not know well enough where it is."""

    code = "place_unsure"
    is_recorded = False


class PlaceNotUsed(Refused):
    """This clinic does not let people check in by where their phone is."""

    code = "place_not_used"
    is_recorded = False


@dataclass(frozen=True)
class Fence:
    """A clinic's fence: its middle in millionths of a degree, how far it reaches, and how unsure a phone may be."""

    latitude_e6: int
    longitude_e6: int
    radius_m: int = 300
    accuracy_max_m: int = 100


def distance_m(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Return the great-circle distance between two points in metres (haversine formula)."""
    phi, to_phi = math.radians(latitude), math.radians(to_latitude)
    half_dphi, half_dlambda = (to_phi - phi) / 2, math.radians(to_longitude - longitude) / 2
    h = math.sin(half_dphi) ** 2 + math.cos(phi) * math.cos(to_phi) * math.sin(half_dlambda) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def band_of(metres: float) -> int | None:
    """Return the smallest of `BANDS_M` that holds the distance, or None beyond the widest."""
    return next((band for band in BANDS_M if metres <= band), None)


def require_inside(fence: Fence | None, latitude: float, longitude: float, accuracy_m: float) -> int:
    """Return the band of distance of somebody inside the fence.

    Raises PlaceNotUsed without a fence, PlaceUnsure where the phone is less sure than the fence allows or says what no phone
    says, PlaceTooFar outside.
    """
    if fence is None:
        raise PlaceNotUsed()
    numbers = (latitude, longitude, accuracy_m)
    if not all(map(math.isfinite, numbers)) or abs(latitude) > 90 or abs(longitude) > 180 or accuracy_m < 0:
        raise PlaceUnsure()
    if accuracy_m > fence.accuracy_max_m:
        raise PlaceUnsure()
    metres = distance_m(latitude, longitude, fence.latitude_e6 / MICRO, fence.longitude_e6 / MICRO)
    band = band_of(metres)
    if metres > fence.radius_m:
        raise PlaceTooFar(within_m=band)
    return band if band is not None else BANDS_M[-1]


def format_fence(fence: Fence | None) -> dict[str, int] | None:
    """Return the fence as JSON holds it; None stands for "not used"."""
    return None if fence is None else {**vars(fence)}


def parse_fence(value: Mapping[str, object] | None) -> Fence | None:
    """Return the fence that `format_fence` wrote. Raises RuleMalformed, naming the first field that is wrong."""
    if value is None:
        return None
    limits = {
        "latitude_e6": (-90 * MICRO, 90 * MICRO),
        "longitude_e6": (-180 * MICRO, 180 * MICRO),
        "radius_m": (20, BANDS_M[-1]),
        "accuracy_max_m": (5, 1000),
    }
    if strange := value.keys() ^ limits.keys():
        raise RuleMalformed(min(strange))
    numbers: dict[str, int] = {}
    for name, (least, most) in limits.items():
        number = value[name]
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise RuleMalformed(name)
        numbers[name] = number
    return Fence(**numbers)
