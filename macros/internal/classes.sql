{#
    Expressions that differ between the declared models: a `case` on `model_name` whose
    `else` is the undeclared, binary model. `branches` maps each position in
    configuration().models to SQL; equal branches need no case.
#}
{% macro case_model(branches) -%}
    {%- set models = log_loss.configuration().models -%}
    {%- if branches | unique | list | length == 1 -%}
    {{ branches[0] }}
    {%- else -%}
    case
    {%- for model in models %}
        {%- if branches[loop.index0] != branches[0] %}
        when model_name = {{ log_loss.text_literal(model.name) }}
        then {{ branches[loop.index0] }}
        {%- endif %}
    {%- endfor %}
        else {{ branches[0] }}
    end
    {%- endif -%}
{%- endmacro %}


{# The number of classes of the row's model. #}
{% macro class_count() %}
    {%- set branches = [] -%}
    {%- for model in log_loss.configuration().models -%}
        {%- do branches.append(model.classes | length | string) -%}
    {%- endfor -%}
    {{- return(log_loss.case_model(branches)) -}}
{% endmacro %}


{# The names probability_1 .. probability_K, K the largest number of classes. #}
{% macro probability_columns(class_count=none) %}
    {% set count = class_count or log_loss.configuration().class_counts[-1] %}
    {% set names = [] %}
    {% for position in range(1, count + 1) %}
        {% do names.append('probability_' ~ position) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{#
    An expression that differs with the number of classes: `expressions` has one entry
    for each of configuration().class_counts. Reads the column `class_count`.
#}
{% macro case_class_count(expressions) -%}
    {%- if expressions | length == 1 -%}
    {{ expressions[0] }}
    {%- else -%}
    case class_count
    {%- for class_count in log_loss.configuration().class_counts %}
        when {{ class_count }} then {{ expressions[loop.index0] }}
    {%- endfor %}
    end
    {%- endif -%}
{%- endmacro %}


{#
    The probability of the class at a position (0 is the first) as a double; null for
    a model with fewer classes. A class without a column has one minus the other's.
#}
{% macro class_probability(position, columns) %}
    {#- with every model declared, the undeclared ones' column may be left out -#}
    {%- set has_probability = columns is none or 'probability' in columns -%}
    {%- set double = log_loss.type_double() -%}
    {%- set null_double = 'cast(null as ' ~ double ~ ')' -%}
    {%- set branches = [] -%}
    {%- for model in log_loss.configuration().models -%}
        {%- set class = model.classes[position]
            if position < model.classes | length else none -%}
        {%- if class is none or (model.name is none and not has_probability) -%}
            {%- do branches.append(null_double) -%}
        {%- elif class.column is none -%}
            {%- do branches.append(
                log_loss.double(1) ~ ' - '
                ~ log_loss.input_value(model.classes[1].column, columns, double)
            ) -%}
        {%- else -%}
            {%- do branches.append(
                log_loss.input_value(class.column, columns, double)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(log_loss.case_model(branches)) -}}
{% endmacro %}


{# True where a two-class model gives a column for each of its classes. #}
{% macro has_two_column_model() %}
    {% for model in log_loss.configuration().models %}
        {% if model.classes | length == 2 and model.classes[0].column is not none %}
            {{ return(true) }}
        {% endif %}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{# The position (from 1) of a normalised label among its model's classes, else null. #}
{% macro class_index(spelling) %}
    {%- set branches = [] -%}
    {%- for model in log_loss.configuration().models -%}
        {%- set whens = [] -%}
        {%- for class in model.classes -%}
            {%- do whens.append(
                'when ' ~ log_loss.text_literal(class.spelling) ~ ' then ' ~ loop.index
            ) -%}
        {%- endfor -%}
        {%- do branches.append(
            'case ' ~ spelling ~ ' ' ~ whens | join(' ') ~ ' end'
        ) -%}
    {%- endfor -%}
    {{- return(log_loss.case_model(branches)) -}}
{% endmacro %}


{# The declared label of a class position; null for a withdrawal. #}
{% macro class_label(class_index) %}
    {%- set branches = [] -%}
    {%- for model in log_loss.configuration().models -%}
        {%- set whens = [] -%}
        {%- for class in model.classes -%}
            {%- do whens.append(
                'when ' ~ loop.index ~ ' then ' ~ log_loss.text_literal(class.label)
            ) -%}
        {%- endfor -%}
        {%- do branches.append(
            'case ' ~ class_index ~ ' ' ~ whens | join(' ') ~ ' end'
        ) -%}
    {%- endfor -%}
    {{- return(log_loss.case_model(branches)) -}}
{% endmacro %}


{#
    Whether what a score predicts has come true, as 1 or 0: of two classes that the label
    is the positive one, of more that it is the likeliest. Null without a label.
#}
{% macro is_event(label, predicted_label) %}
    {%- set likeliest = 'case when ' ~ label ~ ' is null then null when ' ~ label
        ~ ' = ' ~ predicted_label ~ ' then 1 else 0 end' -%}
    {%- set branches = [] -%}
    {%- for model in log_loss.configuration().models -%}
        {%- set positive = log_loss.text_literal(model.classes[-1].label) -%}
        {%- do branches.append(
            'case when ' ~ label ~ ' is null then null when ' ~ label ~ ' = '
            ~ positive ~ ' then 1 else 0 end' if model.classes | length == 2
            else likeliest
        ) -%}
    {%- endfor -%}
    {{- return(log_loss.case_model(branches)) -}}
{% endmacro %}


{#
    How many events there are among the entries of a label that the ledger has added up:
    of two classes those of the positive one, of more those whose likeliest class it was.
#}
{% macro event_count(label, entry_count, correct_count) %}
    {%- set branches = [] -%}
    {%- for model in log_loss.configuration().models -%}
        {%- set positive = log_loss.text_literal(model.classes[-1].label) -%}
        {%- do branches.append(
            'case when ' ~ label ~ ' = ' ~ positive ~ ' then ' ~ entry_count
            ~ ' else 0 end' if model.classes | length == 2
            else correct_count
        ) -%}
    {%- endfor -%}
    {{- return(log_loss.case_model(branches)) -}}
{% endmacro %}


{#
    How often the rarer of two classes occurs, over rows of one scope with a count per
    label; null for models of more classes, which have no such rule.
#}
{% macro rarest_label_count(count='labeled_count') -%}
    case
        when max(class_count) > 2 then null
        when sum(case when {{ count }} > 0 then 1 else 0 end) < 2 then 0
        else min(case when {{ count }} > 0 then {{ count }} end)
    end
{%- endmacro %}
