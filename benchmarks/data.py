"""Synthetic inputs: text ids of 20 characters, two versions, 20 countries, late labels.

Per prediction 0.87 label events: 85 of 100 predictions are labelled, on average two
days later, and one in fifty of those is revised a month later.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

COLUMNS = "request_id, model_name, model_version, predicted_at, probability, country"


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute(
        "set preserve_insertion_order = false; set memory_limit = '8GB'"
    )
    return connection


def generate(
    path: Path, predictions_a_day: int, days: int, later_days: int = 0
) -> None:
    """raw.* holds so many days, later.* the days after them."""
    all_days = days + later_days
    with connect(path) as connection:
        connection.execute(
            f"""
            create schema raw;
            create schema later;
            create table later.predictions as
            select
                substr(md5(number::varchar), 1, 20) as request_id,
                'churn' as model_name,
                case when hash(number, 1) % 2 = 0 then 'v1' else 'v2' end
                    as model_version,
                timestamp '2024-01-01'
                + to_microseconds(number * (86400000000 // {predictions_a_day}))
                    as predicted_at,
                hash(number, 2) % 1000000 / 1000000.0::double as probability,
                'c' || hash(number, 3) % 20 as country
            from range({predictions_a_day * all_days}) as numbers(number);

            create table later.labels as
            with labelled as (
                select
                    *,
                    hash(request_id, 5) % 10000 / 10000.0 as delay,
                    hash(request_id, 6) % 100 < 2 as is_revised,
                    hash(request_id, 7) % 1000000 / 1000000.0 < probability
                        as is_positive
                from later.predictions
                where hash(request_id, 8) % 100 < 85
            )
            select
                request_id,
                model_name,
                is_positive::int::varchar as label,
                predicted_at + to_seconds((4320 - 172800 * ln(1 - delay))::int)
                    as labeled_at
            from labelled
            union all
            select
                request_id,
                model_name,
                (not is_positive)::int::varchar as label,
                predicted_at + to_seconds((2592000 + 432000 * delay)::int)
                    as labeled_at
            from labelled
            where is_revised
            """
        )
        # rows lie in the order they came in
        for table, time in [("predictions", "predicted_at"), ("labels", "labeled_at")]:
            until = f"timestamp '2024-01-01' + to_days({days})"
            connection.execute(
                f"""
                create table raw.{table} as
                from later.{table} where {time} < {until} or {later_days} = 0
                order by {time}::date;
                delete from later.{table} where {time} < {until} or {later_days} = 0
                """
            )
        connection.execute("checkpoint")


def append_day(path: Path, day: int) -> None:
    """The rows of one later day arrive."""
    with connect(path) as connection:
        for table, time in [("predictions", "predicted_at"), ("labels", "labeled_at")]:
            connection.execute(
                f"""
                insert into raw.{table}
                from later.{table}
                where {time}::date = date '2024-01-01' + {day}
                """
            )
        connection.execute("checkpoint")


def export(path: Path, directory: Path) -> int:
    """The inputs as Parquet, also joined and deduplicated; the bytes of the inputs."""
    directory.mkdir(exist_ok=True)
    scored = """
        select cast(predicted_at as date) as metric_date, *
        from raw.predictions
        inner join (
            select request_id, arg_max(label, labeled_at) as label
            from raw.labels
            group by request_id
        ) using (request_id)
    """
    with connect(path) as connection:
        for name, query in [
            ("predictions", "from raw.predictions"),
            ("labels", "from raw.labels"),
            ("scored", scored),
        ]:
            connection.execute(
                f"copy ({query}) to '{directory / name}.parquet' (format parquet)"
            )
    return sum(
        (directory / f"{name}.parquet").stat().st_size
        for name in ("predictions", "labels")
    )
