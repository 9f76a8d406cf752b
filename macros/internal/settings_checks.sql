{# A setting as a finite number within its bounds. #}
{% macro _number(
    name, above=none, at_least=none, below=none, at_most=none, default=none
) %}
    {% set value = log_loss.setting(name, default) %}
    {% set number = value | float(default=none) if value is not boolean else none %}
    {% set bounds = [] %}
    {% for words, bound in [
        ('greater than ', above), ('at least ', at_least),
        ('less than ', below), ('at most ', at_most),
    ] if bound is not none %}
        {% do bounds.append(words ~ bound) %}
    {% endfor %}
    {# a NaN is unequal to itself; 1e300 stands for infinity #}
    {% if number is none or number != number or number > 1e300
        or (above is not none and not number > above)
        or (at_least is not none and not number >= at_least)
        or (below is not none and not number < below)
        or (at_most is not none and not number <= at_most) %}
        {% do log_loss.configuration_error(
            name, value, 'set it to a number ' ~ bounds | join(' and ') ~ '.'
        ) %}
    {% endif %}
    {{ return(number) }}
{% endmacro %}


{% macro _whole_number(name, minimum) %}
    {% set number = log_loss._number(name, at_least=minimum) %}
    {% if number != number | int %}
        {% do log_loss.configuration_error(
            name, number, 'set it to a whole number of days, at least ' ~ minimum ~ '.'
        ) %}
    {% endif %}
    {{ return(number | int) }}
{% endmacro %}


{% macro _switch(name) %}
    {% set value = log_loss.setting(name) %}
    {% if value is not boolean %}
        {% do log_loss.configuration_error(
            name, value, 'set it to true or false, without quotes.'
        ) %}
    {% endif %}
    {{ return(value) }}
{% endmacro %}


{# A setting that is one of some words. #}
{% macro _choice(name, words) %}
    {% set value = log_loss.setting(name) %}
    {% if value not in words %}
        {% do log_loss.configuration_error(
            name, value, 'set it to ' ~ words | join(' or ') ~ '.'
        ) %}
    {% endif %}
    {{ return(value) }}
{% endmacro %}


{# A setting as YYYY-MM-DD, or none. #}
{% macro _date(name) %}
    {{ return(log_loss._date_of(name, log_loss.setting(name))) }}
{% endmacro %}


{# YAML reads an unquoted date as a date. #}
{% macro _date_of(name, value) %}
    {% if value is none %}
        {{ return(none) }}
    {% endif %}
    {% set text = value | string %}
    {% set parts = text.split('-') %}
    {% set digits = parts | join('') %}
    {% if text | length != 10 or parts | length != 3 or parts[0] | length != 4
        or parts[1] | length != 2 or not digits.isdigit()
        or not 1 <= parts[1] | int <= 12
        or not 1 <= parts[2] | int <= log_loss._days_of_month(
            parts[0] | int, parts[1] | int
        ) %}
        {% do log_loss.configuration_error(
            name, text, 'set it to a date as YYYY-MM-DD, or leave it null.'
        ) %}
    {% endif %}
    {{ return(text) }}
{% endmacro %}


{% macro _days_of_month(year, month) %}
    {% if month == 2 %}
        {% set is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) %}
        {{ return(29 if is_leap else 28) }}
    {% endif %}
    {{ return(30 if month in (4, 6, 9, 11) else 31) }}
{% endmacro %}


{#
    Which days of a version are its normal: its first ones, the last ones before a gap,
    or those of given dates; `validation` takes what training measured of a version, and
    its first days for all that training has not. From half of the days on the first two
    are good enough.
#}
{% macro _baseline() %}
    {% set variable = 'log_loss_baseline' %}
    {% set value = log_loss.setting(variable) %}
    {% set days = log_loss._whole_number('log_loss_baseline_days', 14) %}
    {% if value in ('first', 'trailing', 'validation') %}
        {{ return({
            'is_trailing': value == 'trailing', 'is_validation': value == 'validation',
            'days': days,
            'min_days': (days / 2) | round(0, 'ceil') | int,
            'gap_days': 14 if value == 'trailing' else 0,
            'start_date': none, 'end_date': none,
        }) }}
    {% elif value is not mapping or value.keys() | sort | list
        != ['end_date', 'start_date'] %}
        {% do log_loss.configuration_error(
            variable, value,
            'set it to first, trailing, validation, or {start_date: YYYY-MM-DD, end_date: '
            ~ 'YYYY-MM-DD}.'
        ) %}
    {% endif %}
    {% set start_date = log_loss._date_of(variable, value.start_date) %}
    {% set end_date = log_loss._date_of(variable, value.end_date) %}
    {% if start_date is none or end_date is none or end_date < start_date %}
        {% do log_loss.configuration_error(
            variable, value, 'let end_date be start_date or later.'
        ) %}
    {% endif %}
    {{ return({
        'is_trailing': false, 'is_validation': false, 'days': 100000, 'min_days': 7,
        'gap_days': 0,
        'start_date': start_date, 'end_date': end_date,
    }) }}
{% endmacro %}


{# The cohort column within which versions are compared: by default the first. #}
{% macro _stratum() %}
    {% set stratum = log_loss.setting('log_loss_stratum') %}
    {% set cohorts = log_loss._cohorts() %}
    {% if stratum is none %}
        {{ return(cohorts[0] if cohorts else 'all') }}
    {% elif stratum not in cohorts + ['all'] %}
        {% do log_loss.configuration_error(
            'log_loss_stratum', stratum,
            'set it to one of log_loss_cohorts, or to all.'
        ) %}
    {% endif %}
    {{ return(stratum) }}
{% endmacro %}


{% macro _default_error_budget() %}
    {{ return({
        'relative': 0.10, 'absolute': 0.01, 'days': 28,
        'page': {'long_days': 7, 'short_days': 1, 'factor': 3},
        'ticket': {'long_days': 14, 'short_days': 3, 'factor': 1.5},
    }) }}
{% endmacro %}


{#
    How much more loss than the baseline's is accepted over 28 days, and how much faster
    than that it may burn, in a long window and still in a short one. Keys that are left
    out keep their defaults. What could never fire, or always would, is refused.
#}
{% macro _error_budget() %}
    {% set variable = 'log_loss_error_budget' %}
    {% set defaults = log_loss._default_error_budget() %}
    {% set given = log_loss.setting(variable) or {} %}
    {% set budget = {'days': defaults.days} %}
    {% set unknown = [] %}
    {% for part, names in {
        none: ['relative', 'absolute'],
        'page': ['long_days', 'short_days', 'factor'],
        'ticket': ['long_days', 'short_days', 'factor'],
    }.items() %}
        {% set before = defaults[part] if part else defaults %}
        {% set now = (given.get(part) or {}) if part and given is mapping else given %}
        {% set found = {} %}
        {% if now is not mapping %}
            {% do log_loss.configuration_error(
                variable, now, 'set it to a mapping, as in the table of variables.'
            ) %}
        {% endif %}
        {% for name in now if name not in names + ([] if part else ['page', 'ticket']) %}
            {% do unknown.append(name) %}
        {% endfor %}
        {% for name in names %}
            {% set value = now.get(name, before[name]) %}
            {% if value is not number or value is boolean or not 0 <= value < 1e6
                or (name.endswith('days') and (value != value | int or value < 1)) %}
                {% do log_loss.configuration_error(
                    variable, name ~ ' ' ~ value,
                    'set it to a number of at least 0, days to whole ones.'
                ) %}
            {% endif %}
            {% do found.update({name: value}) %}
        {% endfor %}
        {% do budget.update({part: found} if part else found) %}
    {% endfor %}
    {% set wrong = [] %}
    {% if unknown %}
        {% do wrong.append((unknown | join(', '), 'leave it out')) %}
    {% endif %}
    {% if budget.relative == 0 and budget.absolute == 0 %}
        {% do wrong.append((
            'a target no higher than the baseline', 'let relative or absolute be more than 0'
        )) %}
    {% endif %}
    {% for part in ['page', 'ticket'] %}
        {% set windows = budget[part] %}
        {% if windows.short_days >= windows.long_days %}
            {% do wrong.append((
                part ~ ' windows of ' ~ windows.long_days ~ ' and '
                ~ windows.short_days ~ ' days', 'let short_days be less than long_days'
            )) %}
        {% elif windows.long_days > budget.days %}
            {% do wrong.append((
                part ~ ' window of ' ~ windows.long_days ~ ' days',
                'let long_days be at most ' ~ budget.days
            )) %}
        {% elif windows.factor * windows.long_days > budget.days %}
            {% do wrong.append((
                part ~ ' factor ' ~ windows.factor ~ ' over ' ~ windows.long_days
                ~ ' days, more than the budget of ' ~ budget.days ~ ' days',
                'let factor times long_days be at most ' ~ budget.days
            )) %}
        {% endif %}
    {% endfor %}
    {% if budget.ticket.factor >= budget.page.factor %}
        {% do wrong.append((
            'ticket factor ' ~ budget.ticket.factor ~ ', page factor '
            ~ budget.page.factor, 'let the page factor be higher'
        )) %}
    {% endif %}
    {% for received, fix in wrong %}
        {% do log_loss.configuration_error(variable, received, fix ~ '.') %}
    {% endfor %}
    {{ return(budget) }}
{% endmacro %}


{% macro _weight() %}
    {% set weight = log_loss.setting('log_loss_weight') %}
    {% if weight is not none and (weight is not string or weight | trim == '') %}
        {% do log_loss.configuration_error(
            'log_loss_weight', weight,
            'set it to the name of a numeric column of the predictions, or to null.'
        ) %}
    {% endif %}
    {{ return(weight) }}
{% endmacro %}


{% macro _cohorts() %}
    {% set cohorts = log_loss.setting('log_loss_cohorts') %}
    {% set reserved = ['all'] + log_loss.scored_prediction_columns() %}
    {% for position in range(1, 100) %}
        {% do reserved.append('probability_' ~ position) %}
    {% endfor %}
    {% if cohorts is string or cohorts is mapping or cohorts is not iterable %}
        {% do log_loss.configuration_error(
            'log_loss_cohorts', cohorts, 'set it to a list of column names.'
        ) %}
    {% endif %}
    {% set seen = [] %}
    {% for cohort in cohorts %}
        {% if cohort is not string or cohort | trim == '' %}
            {% do log_loss.configuration_error(
                'log_loss_cohorts', cohort, 'list the names of columns, as text.'
            ) %}
        {% elif cohort | lower in seen %}
            {% do log_loss.configuration_error(
                'log_loss_cohorts', '`' ~ cohort ~ '` twice',
                'list each cohort column once.'
            ) %}
        {% elif cohort | lower in reserved %}
            {% do log_loss.configuration_error(
                'log_loss_cohorts', '`' ~ cohort ~ '`, a name the package uses itself',
                'give the column another name in the predictions model.'
            ) %}
        {% endif %}
        {% do seen.append(cohort | lower) %}
    {% endfor %}
    {{ return(cohorts) }}
{% endmacro %}


{#
    The declared features, each {column, type, bin_width}. Numeric ones are counted in
    bins of a relative width, or of a width of their own where their values lie far from
    zero.
#}
{% macro _features() %}
    {% set variable = 'log_loss_features' %}
    {% set declared = log_loss.setting(variable) %}
    {% if declared is string or declared is mapping or declared is not iterable %}
        {% do log_loss.configuration_error(
            variable, declared, 'set it to a list of {column, type}.'
        ) %}
    {% endif %}
    {% set features = [] %}
    {% set seen = [] %}
    {% for feature in declared %}
        {% if feature is not mapping or feature.get('column') is not string
            or feature.get('type') not in ('numeric', 'categorical')
            or feature | list | reject('in', ['column', 'type', 'bin_width']) | list %}
            {% do log_loss.configuration_error(
                variable, feature,
                'give each feature a `column` and a `type`, numeric or categorical; a '
                ~ 'numeric one may have a `bin_width`.'
            ) %}
        {% endif %}
        {% set width = feature.get('bin_width') %}
        {% if feature.column | lower in seen %}
            {% do log_loss.configuration_error(
                variable, 'column `' ~ feature.column ~ '` twice',
                'declare each feature once.'
            ) %}
        {% elif width is not none and (
            feature.type != 'numeric' or width is not number or width is boolean
            or not 1e-100 < width < 1e100
        ) %}
            {% do log_loss.configuration_error(
                variable, 'column `' ~ feature.column ~ '` with bin_width ' ~ width,
                'set bin_width to a number greater than 0, of a numeric feature.'
            ) %}
        {% endif %}
        {% do seen.append(feature.column | lower) %}
        {% do features.append({
            'column': feature.column, 'is_numeric': feature.type == 'numeric',
            'bin_width': width,
        }) %}
    {% endfor %}
    {{ return(features) }}
{% endmacro %}


{#
    The declared models. Each class is {label, column} and exactly one class of a
    two-class model may leave its column out: its probability is one minus the other.
#}
{% macro _declared_models() %}
    {% set variable = 'log_loss_models' %}
    {% set declared = log_loss.setting(variable) %}
    {% if declared is string or declared is mapping or declared is not iterable %}
        {% do log_loss.configuration_error(
            variable, declared, 'set it to a list of {name, classes}.'
        ) %}
    {% endif %}
    {% set models = [] %}
    {% set names = [] %}
    {% for model in declared %}
        {% if model is not mapping or model.get('name') is not string %}
            {% do log_loss.configuration_error(
                variable, model, 'give each model a `name` (text) and `classes`.'
            ) %}
        {% elif model.name in names %}
            {% do log_loss.configuration_error(
                variable, 'model `' ~ model.name ~ '` declared twice',
                'declare each model once.'
            ) %}
        {% endif %}
        {% do names.append(model.name) %}
        {% do models.append({
            'name': model.name,
            'classes': log_loss._declared_classes(model.name, model.get('classes')),
        }) %}
    {% endfor %}
    {{ return(models) }}
{% endmacro %}


{% macro _declared_classes(model_name, declared) %}
    {% set variable = 'log_loss_models' %}
    {% set where = 'model `' ~ model_name ~ '`' %}
    {% if declared is none or declared is string or declared is mapping
        or declared is not iterable or declared | length < 2 %}
        {% do log_loss.configuration_error(
            variable, where ~ ' with classes ' ~ declared,
            'list at least two classes as {label, column}.'
        ) %}
    {% endif %}
    {% set classes = [] %}
    {% set spellings = [] %}
    {% set columns = [] %}
    {% for class in declared %}
        {% if class is not mapping or class.get('label') is none %}
            {% do log_loss.configuration_error(
                variable, where ~ ' with class ' ~ class,
                'write each class as {label: ..., column: ...}.'
            ) %}
        {% elif class.label is boolean %}
            {% do log_loss.configuration_error(
                variable, where ~ ' with the label ' ~ class.label ~ ', not text',
                'put the label in quotes: YAML reads yes, no, true and false '
                ~ 'as booleans.'
            ) %}
        {% endif %}
        {% set spelling = log_loss.normalized_spelling(class.label) %}
        {% set column = class.get('column') %}
        {% if spelling in spellings %}
            {% do log_loss.configuration_error(
                variable, where ~ ' with two classes that read `' ~ spelling ~ '`',
                'give each class a label of its own; labels compare lowercase, '
                ~ 'trimmed, with true as 1, false as 0 and 1.0 as 1.'
            ) %}
        {% elif column is none and (declared | length > 2 or none in columns) %}
            {% do log_loss.configuration_error(
                variable,
                where ~ ' with the class `' ~ class.label ~ '` without a column',
                'name the column that holds its probability (only one class of a '
                ~ 'two-class model may go without).'
            ) %}
        {% elif column is not none and column in columns %}
            {% do log_loss.configuration_error(
                variable, where ~ ' with the column `' ~ column ~ '` for two classes',
                'give each class a column of its own.'
            ) %}
        {% endif %}
        {% do spellings.append(spelling) %}
        {% do columns.append(column) %}
        {% do classes.append({
            'label': class.label | string, 'column': column, 'spelling': spelling
        }) %}
    {% endfor %}
    {# the positive class, the last, is the one whose probability is given #}
    {% if columns[-1] is none %}
        {% set classes = [classes[1], classes[0]] %}
    {% endif %}
    {{ return(classes) }}
{% endmacro %}
