{{ config(materialized='view') }}
{%- set settings = log_loss.configuration() -%}
{%- set columns = log_loss.input_columns('log_loss_predictions') %}

-- Each accepted prediction with the label in force and its loss.
with

{{ log_loss.scored_history(now=true) }}

select
    request_id,
    model_name,
    model_version,
    predicted_at,
    recorded_at,
    {% for cohort in settings.cohorts -%}
    cohort_{{ loop.index }} as {{ log_loss.input_column(cohort, columns) }},
    {% endfor -%}
    weight,
    {{ log_loss.probability_columns() | join(', ') }},
    score,
    label,
    labeled_at,
    label_recorded_at,
    probability_of_label,
    loss,
    brier_score,
    focal_loss,
    {{ log_loss.class_label('predicted_class_index') }} as predicted_label,
    is_correct = 1 as is_correct,
    is_clipped = 1 as is_clipped,
    is_label_before_prediction = 1 as is_label_before_prediction,
    entropy as expected_loss
from scored
