"""What differs between engines lives in macros; here each gives the same everywhere."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone

import pytest

from engines.conftest import Projects
from harness import PROJECT, messages


def instant(text: str, utc: str, type_: str = "TIMESTAMPTZ") -> str:
    """Whether a column of a type, as the engine's suite names it, is that time in UTC."""
    return (
        "case when {{ log_loss.utc_timestamp("
        f"\"cast('{text}' as <{type_}>)\", '<{type_}>'"
        f") }}}} = cast('{utc}' as {{{{ log_loss.type_utc_timestamp() }}}})"
        " then 1 else 0 end"
    )


# expressions of 0 or 1 for what must hold, else the value
GAPS = {
    # the double type, and how numbers are written
    "a double has 53 bits": (
        "case when {{ log_loss.double(1) }} - {{ log_loss.double('1e-15') }} < {{ log_loss.double(1) }}"
        " then 1 else 0 end",
        1,
    ),
    "infinity is beyond the largest double": (
        "case when {{ log_loss.cast_text(\"'inf'\", log_loss.type_double()) }} > {{ log_loss.largest_double() }}"
        " then 1 else 0 end",
        1,
    ),
    "an exact sum of decimals is a sum of doubles": (
        "{{ log_loss.double('0.1') }} + {{ log_loss.double('0.2') }}",
        0.1 + 0.2,
    ),
    "tiny products are zero": ("{{ log_loss.multiply(log_loss.double('1e-200'), log_loss.double('-1e-200')) }}", 0),
    "a tiny factor is kept": ("{{ log_loss.multiply(log_loss.double('1e-300'), log_loss.double('0.5')) }}", 5e-301),
    "and with a large one": ("{{ log_loss.multiply(log_loss.double('-1e9'), log_loss.double('1e-300')) }}", -1e-291),
    "a subnormal product": ("{{ log_loss.multiply(log_loss.double('1e-160'), log_loss.double('1e-160')) }}", 1e-320),
    "nothing times zero": ("{{ log_loss.multiply(log_loss.double('1e-300'), log_loss.double(0)) }}", 0),
    "products": ("{{ log_loss.multiply(log_loss.double('-0.5'), log_loss.double('0.25')) }}", -0.125),
    # division, logarithms and NaN
    "whole numbers divide to a fraction": ("{{ log_loss.safe_divide('1', '2') }}", 0.5),
    "nothing divides by zero": ("{{ log_loss.safe_divide('1', '0') }}", None),
    "the logarithm of zero is clipped": (
        "{{ log_loss.row_log_loss(\"'1'\", log_loss.double(0)) }}",
        -math.log(1e-15),
    ),
    "the loss of a certain model": (
        "{{ log_loss.row_log_loss(\"'1'\", log_loss.double(1)) }}",
        -math.log(1 - 1e-15),
    ),
    "NaN is no probability": (
        "case when {{ log_loss.cast_text(\"'nan'\", log_loss.type_double()) }} >= 0"
        " and {{ log_loss.cast_text(\"'nan'\", log_loss.type_double()) }} <= 1 then 1 else 0 end",
        0,
    ),
    "a clipped null is null": ("{{ log_loss.clip_probability(log_loss.cast_text('null', log_loss.type_double())) }}", None),
    # labels
    "true is a label": ("{{ log_loss.normalize_label('cast(1 = 1 as boolean)') }}", "1"),
    "a double is a label": ("{{ log_loss.normalize_label(log_loss.double(1)) }}", "1"),
    "so is a text of it": ("{{ log_loss.normalize_label(\"' 0.00'\") }}", "0"),
    "zeros elsewhere stay": ("{{ log_loss.strip_zero_decimals(\"'10.50'\") }}", "10.50"),
    "and so does a ten": ("{{ log_loss.strip_zero_decimals(\"'10'\") }}", "10"),
    "a text with everything in it": (
        r"""{{ log_loss.text_literal('a\\b\'c"d%') }}""",
        """a\\b'c"d%""",
    ),
    # dates
    "a leap day": ("{{ log_loss.add_days(log_loss.date_literal('2024-02-28'), 1) }}", date(2024, 2, 29)),
    "days back": ("{{ log_loss.add_days(log_loss.date_literal('2024-03-01'), -1) }}", date(2024, 2, 29)),
    "a date that is none": ("{{ log_loss.add_days('cast(null as date)', 1) }}", None),
    "a spring with 23 hours in a day": (
        "{{ log_loss.days_between(log_loss.date_literal('2024-03-09'), log_loss.date_literal('2024-03-11')) }}",
        2,
    ),
    "days between nothing": (
        "{{ log_loss.days_between('cast(null as date)', log_loss.date_literal('2024-03-11')) }}",
        None,
    ),
    "the later first": (
        "{{ log_loss.days_between(log_loss.date_literal('2024-03-01'), log_loss.date_literal('2024-02-28')) }}",
        -2,
    ),
    "no date": ("{{ log_loss.undated() }}", date(1970, 1, 1)),
    "a day later, in the hour that a clock skips": (
        "case when {{ log_loss.day_after("
        "\"cast('2024-03-09 02:30:00' as \" ~ log_loss.type_utc_timestamp() ~ ')'"
        ") }} = cast('2024-03-10 02:30:00' as {{ log_loss.type_utc_timestamp() }})"
        " then 1 else 0 end",
        1,
    ),
    "a date as text": ("{{ log_loss.date_text(log_loss.date_literal('2024-02-29')) }}", "2024-02-29"),
    # clocks
    "a time with time zone, in winter": (instant("2024-01-10 08:30:00-03:30", "2024-01-10 12:00:00"), 1),
    "one that no local clock shows in UTC": (instant("2024-03-10 02:30:00+00:00", "2024-03-10 02:30:00"), 1),
    "the hour that local clocks show twice": (instant("2024-11-03 01:30:00-02:30", "2024-11-03 04:00:00"), 1),
    "and the second time": (instant("2024-11-03 01:30:00-03:30", "2024-11-03 05:00:00"), 1),
    "a UTC time like it": (instant("2024-11-03 01:30:00+00:00", "2024-11-03 01:30:00"), 1),
    "a time without time zone": (instant("2024-03-10 02:30:00", "2024-03-10 02:30:00", "TIMESTAMP"), 1),
    # bins
    "an edge belongs to the bin below": ("{{ log_loss.score_bin(log_loss.double('0.07')) }}", 24),
    "also where arithmetic misses it": ("{{ log_loss.score_bin(log_loss.double('0.55')) }}", 72),
    "the smallest bin": ("{{ log_loss.score_bin(log_loss.double('1e-8')) }}", 0),
    "the largest bin": ("{{ log_loss.score_bin(log_loss.double(1)) }}", 135),
    "no loss": ("{{ log_loss.loss_bin(log_loss.double(0)) }}", -1000),
    "the loss of a coin": (
        "{{ log_loss.loss_bin(log_loss.double(0.6931471805599453)) }}",
        math.ceil(math.log(math.log(2)) / math.log(1.02 / 0.98)),
    ),
    "a hash is of all columns": (
        "case when {{ log_loss.key_hash([\"'a'\", \"'b'\"]) }} = {{ log_loss.key_hash([\"'a'\", \"'b'\"]) }}"
        " and {{ log_loss.key_hash([\"'a'\", \"'b'\"]) }} <> {{ log_loss.key_hash([\"'a'\", \"'c'\"]) }}"
        " and {{ log_loss.key_hash([\"'a'\", \"'b'\"]) }} <> {{ log_loss.key_hash([\"'c'\", \"'b'\"]) }}"
        " then 1 else 0 end",
        1,
    ),
}


def compiled(engine: Projects, inline: str) -> str:
    """SQL as a user's project compiles it."""
    result = engine.project(PROJECT).invoke("compile", "--inline", inline)
    assert result.success, messages(result)
    return result.result.results[0].node.compiled_code


@pytest.fixture(scope="module")
def queries(engine: Projects) -> dict[str, str]:
    """One for each gap, compiled together."""
    mark = "\n/* next */\n"
    inline = mark.join(f"select {expression} as value" for expression, _ in GAPS.values())
    for name in ("timestamp", "timestamptz"):
        inline = inline.replace(f"<{name.upper()}>", engine.warehouse.types[name])
    return dict(zip(GAPS, compiled(engine, inline).split(mark), strict=True))


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_is_bridged(gap: str, queries: dict[str, str], engine: Projects) -> None:
    [row] = engine.warehouse.rows(queries[gap])
    expected = GAPS[gap][1]
    if isinstance(expected, float):
        assert row["value"] == pytest.approx(expected, rel=1e-15, abs=0)
    else:
        assert row["value"] == expected


def test_the_clock_is_utc(engine: Projects) -> None:
    """To the minute, whatever the session's time zone."""
    inline = (
        "select {{ log_loss.utc_now() }} as now,"
        " cast({{ log_loss.utc_now() }} as {{ log_loss.type_utc_timestamp() }}) as typed"
    )
    [row] = engine.warehouse.rows(compiled(engine, inline))
    utc = datetime.now(timezone.utc).replace(tzinfo=None)
    assert abs(row["now"] - utc) < timedelta(minutes=1)
    assert row["typed"] == row["now"]


def test_text_that_is_no_number(engine: Projects) -> None:
    """Null where an engine can say so; Postgres stops and names the text."""
    inline = "select {{ log_loss.cast_text(\"'so-so'\", log_loss.type_double()) }} as x"
    sql = compiled(engine, inline)
    if engine.warehouse.casts_stop:
        with pytest.raises(Exception, match="so-so"):
            engine.warehouse.rows(sql)
    else:
        assert engine.warehouse.rows(sql) == [{"x": None}]
