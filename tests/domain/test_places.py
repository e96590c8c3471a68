"""The fence: distances as others compute them, and nothing but a band comes out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import RuleMalformed
from app.domain.places import (
    BANDS_M,
    EARTH_RADIUS_M,
    Fence,
    PlaceNotUsed,
    PlaceTooFar,
    PlaceUnsure,
    band_of,
    distance_m,
    format_fence,
    parse_fence,
    require_inside,
)  # fmt: skip

CLINIC = Fence(31_216_540, 121_473_701, radius_m=300, accuracy_max_m=100)
NORTH = 1 / 111_195  # degrees of latitude in a metre, on a sphere of the mean radius
LATITUDES = st.floats(-89, 89)
LONGITUDES = st.floats(-180, 180)


def test_known_distances():
    # A degree of a great circle, a quarter of the earth, and its antipode, on a sphere of the mean radius.
    assert distance_m(0, 0, 0, 1) == pytest.approx(math.pi * EARTH_RADIUS_M / 180)
    assert distance_m(0, 0, 90, 0) == pytest.approx(math.pi * EARTH_RADIUS_M / 2)
    assert distance_m(31, 121, -31, -59) == pytest.approx(math.pi * EARTH_RADIUS_M)
    # The worked example of Chris Veness, Movable Type Scripts (Land's End to John o' Groats): 968.9 km.
    assert distance_m(50 + 3 / 60 + 59 / 3600, -(5 + 42 / 60 + 53 / 3600), 58 + 38 / 60 + 38 / 3600, -(3 + 4 / 60 + 12 / 3600)) == (
        pytest.approx(968_900, rel=1e-3)
    )  # fmt: skip


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_a_distance_is_the_same_both_ways_and_never_more_than_half_way_round(a, b, c, d):
    there = distance_m(a, b, c, d)
    assert there == pytest.approx(distance_m(c, d, a, b), abs=1e-3)
    assert 0 <= there <= math.pi * EARTH_RADIUS_M * (1 + 1e-9)


@pytest.mark.parametrize(("metres", "band"), [(0, 50), (50, 50), (51, 150), (299, 300), (1000, 1000), (1001, None)])
def test_bands(metres, band):
    assert band_of(metres) == band


@pytest.mark.parametrize(("metres", "band"), [(10, 50), (120, 150), (299, 300)])
def test_inside_gives_the_band_and_nothing_finer(metres, band):
    assert require_inside(CLINIC, 31.216540 + metres * NORTH, 121.473701, 20) == band


@pytest.mark.parametrize(("metres", "band"), [(302, 1000), (990, 1000), (5000, None)])
def test_outside_is_refused_with_the_band(metres, band):
    with pytest.raises(PlaceTooFar) as refused:
        require_inside(CLINIC, 31.216540 + metres * NORTH, 121.473701, 20)
    assert refused.value.facts == {"within_m": band}


def test_across_the_date_line_is_near():
    fence = Fence(0, 179_999_900)
    assert require_inside(fence, 0, -179.9999, 10) == 50


@pytest.mark.parametrize(
    ("latitude", "longitude", "accuracy"),
    [
        (31.21654, 121.473701, 101), (31.21654, 121.473701, -1), (math.nan, 121.4, 10), (31.2, math.inf, 10), (91, 0, 1), (0, 181, 1),
        (31.21654, 121.473701, math.nan),
    ],
)  # fmt: skip
def test_a_phone_that_is_unsure_or_says_what_no_phone_says(latitude, longitude, accuracy):
    with pytest.raises(PlaceUnsure):
        require_inside(CLINIC, latitude, longitude, accuracy)


def test_without_a_fence_there_is_nothing_to_be_inside_of():
    with pytest.raises(PlaceNotUsed):
        require_inside(None, 0, 0, 1)


@given(
    st.builds(
        Fence,
        st.integers(-90_000_000, 90_000_000),
        st.integers(-180_000_000, 180_000_000),
        st.integers(20, BANDS_M[-1]),
        st.integers(5, 1000),
    )
)
def test_a_fence_is_written_and_read_back(fence):
    assert parse_fence(format_fence(fence)) == fence


def test_no_fence_is_written_and_read_back():
    assert parse_fence(format_fence(None)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latitude_e6", 90_000_001),
        ("longitude_e6", 1.5),
        ("radius_m", 19),
        ("radius_m", True),
        ("accuracy_max_m", 4),
        ("more", 1),
    ],
)
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(RuleMalformed) as refused:
        parse_fence({**format_fence(CLINIC), field: value})
    assert refused.value.field == field
