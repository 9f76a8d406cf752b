{#
    1 where a version had been a canary or a shadow by a date, and no more; 0 otherwise, and
    where nobody declared it. A young version borrows its past from such a one last.

    trials: a left join of int_log_loss__version_trials.
#}
{% macro was_only_tried(trials, date) -%}
case
    when
        {{ trials }}.tried_on <= {{ date }}
        and coalesce({{ trials }}.adopted_on > {{ date }}, 1 = 1)
    then 1
    else 0
end
{%- endmacro %}
