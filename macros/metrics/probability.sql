{% macro clip_probability(probability, epsilon=none) %}
    {{- return(adapter.dispatch('clip_probability', 'log_loss')(
        probability, epsilon
    )) -}}
{% endmacro %}

{#
    Written with `case`, because engines differ on nulls and NaN in least/greatest. NaN,
    which some engines hold larger than every number, stays what it is.
#}
{% macro default__clip_probability(probability, epsilon) -%}
    {%- set epsilon = log_loss._epsilon(epsilon) -%}
    {%- set probability = '(' ~ probability ~ ')' -%}
    {%- set lowest = log_loss.double(epsilon) -%}
    {%- set highest = log_loss.double(1) ~ ' - ' ~ lowest -%}
    case
        when {{ probability }} < {{ lowest }} then {{ lowest }}
        when
            {{ probability }} > {{ highest }}
            and {{ probability }} <= {{ log_loss.largest_double() }}
        then {{ highest }}
        else cast({{ probability }} as {{ log_loss.type_double() }})
    end
{%- endmacro %}


{% macro _epsilon(epsilon) %}
    {%- if not execute -%}
        {{- return(1e-15) -}}
    {%- elif epsilon is not none -%}
        {%- if epsilon is not number or not 0 < epsilon < 0.5 -%}
            {%- do exceptions.raise_compiler_error(
                'log_loss: the argument `epsilon` of a macro is not usable. Received: '
                ~ epsilon ~ '. Fix: give a number greater than 0 and less than 0.5.'
            ) -%}
        {%- endif -%}
        {{- return(epsilon) -}}
    {%- endif -%}
    {{- return(log_loss._number(
        'log_loss_epsilon', above=0, below=0.5, default=1e-15
    )) -}}
{% endmacro %}


{% macro probability_of_label(label, probability, classes=none) %}
    {{- return(adapter.dispatch('probability_of_label', 'log_loss')(
        label, probability, classes
    )) -}}
{% endmacro %}

{% macro default__probability_of_label(label, probability, classes) -%}
    case {{ log_loss._comparable_label(label, classes) }}
    {%- for class in log_loss._classes(probability, classes) %}
        when {{ class.literal }} then {{ class.probability }}
    {%- endfor %}
    end
{%- endmacro %}


{# Without declared classes 1, 1.0, true and '1' are all the positive one. #}
{% macro _comparable_label(label, classes) %}
    {{- return(label if classes else log_loss.normalize_label(label)) -}}
{% endmacro %}


{#
    One entry per class: the label as a SQL literal and the expression of its
    probability. A single probability is that of the second of two classes.
#}
{% macro _classes(probability, classes) %}
    {% set binary = probability is string %}
    {% set labels = classes or (['0', '1'] if binary else none) %}
    {% set class_count = 2 if binary else probability | length %}
    {% if execute and (labels or []) | length != class_count %}
        {% do exceptions.raise_compiler_error(
            'log_loss: `classes` must list one label per probability (two labels for '
            ~ 'a single probability, the positive one last). Received classes '
            ~ classes ~ ' with probability ' ~ probability ~ '.'
        ) %}
    {% endif %}
    {% set double = log_loss.type_double() %}
    {% if binary %}
        {% set positive = 'cast(' ~ probability ~ ' as ' ~ double ~ ')' %}
        {% set probabilities = [log_loss.double(1) ~ ' - ' ~ positive, positive] %}
    {% else %}
        {% set probabilities = [] %}
        {% for column in probability %}
            {% do probabilities.append('cast(' ~ column ~ ' as ' ~ double ~ ')') %}
        {% endfor %}
    {% endif %}
    {% set paired = [] %}
    {% for label in labels or [] %}
        {% do paired.append({
            'literal': log_loss.text_literal(label) if label is string else label,
            'probability': probabilities[loop.index0],
        }) %}
    {% endfor %}
    {{ return(paired) }}
{% endmacro %}
