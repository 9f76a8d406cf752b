{#
    How often the rarer of two classes occurs, over rows of one scope with a
    labeled_count per label; null for models of more classes, which have no such rule.
#}
{% macro rarest_label_count() -%}
    case
        when max(class_count) > 2 then null
        when sum(case when labeled_count > 0 then 1 else 0 end) < 2 then 0
        else min(case when labeled_count > 0 then labeled_count end)
    end
{%- endmacro %}
