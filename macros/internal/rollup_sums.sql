{#
    The additive sums of the roll-up: what each one sums over the rows of the ledger
    (none: it counts entries, all or those of one kind), its type, whether it is known
    without a label, and the grains that keep it (none: all). Bin rows keep only what a
    mart reads of them; they are most of the table. `same_as` names the sum that has the
    number already: without a weight column every row weighs 1, and of two classes the
    event that a score predicts is the label itself.
#}
{% macro rollup_sums() %}
    {% set count = dbt.type_bigint() %}
    {% set double = log_loss.type_double() %}
    {% set wide = ['overall', 'cohort'] %}
    {% set scored = wide + ['score_bin', 'cohort_score_decile'] %}
    {% set settings = log_loss.configuration() %}
    {% set same_as = {} if settings.weight else {
        'weighted_count': 'entry_count',
        'weight_sum': 'entry_count',
        'weighted_loss_sum': 'loss_sum',
    } %}
    {% if settings.class_counts == [2] %}
        {% do same_as.update({'event_loss_sum': 'loss_sum'}) %}
    {% endif %}
    {% set sums = [] %}
    {% for name, of, type, grains in [
        ('entry_count', none, count, none),
        ('first_label_count', none, count, wide),
        ('new_label_count', none, count, wide),
        ('revised_label_count', none, count, wide),
        ('withdrawn_label_count', none, count, wide),
        ('label_before_prediction_count', 'is_label_before_prediction', count, wide),
        ('correct_count', 'is_correct', count, wide),
        ('clipped_count', 'is_clipped', count, wide),
        ('weighted_count', 'case when weight > 0 then 1 else 0 end', count, wide),
        ('loss_sum', 'loss', double, none),
        ('event_loss_sum', 'event_loss', double, wide + ['score_bin']),
        ('loss_squared_sum', 'loss * loss', double, wide),
        ('weighted_loss_sum', log_loss.multiply('weight', 'loss'), double, wide),
        ('brier_sum', 'brier_score', double, wide),
        ('focal_loss_sum', 'focal_loss', double, wide),
        ('weight_sum', 'weight', double, wide),
        ('entropy_sum', 'entropy', double, wide),
        ('entropy_variance_sum', 'entropy_variance', double, wide),
        ('score_sum', 'score', double, scored),
        ('score_squared_sum', log_loss.multiply('score', 'score'), double, scored),
    ] %}
        {% do sums.append({
            'name': name, 'of': of, 'type': type, 'grains': grains,
            'same_as': same_as.get(name),
            'needs_label': name not in [
                'entry_count', 'weight_sum', 'entropy_sum', 'entropy_variance_sum',
                'score_sum', 'score_squared_sum',
            ],
        }) %}
    {% endfor %}
    {{ return(sums) }}
{% endmacro %}
