{#
    The additive sums of the roll-up: what each one sums over the rows of the ledger
    (none: it counts postings, all or those of one type), its type, whether it is known
    without a label, and the grains that keep it (none: all). Bin rows keep only what a
    mart reads of them; they are most of the table.
#}
{% macro rollup_sums() %}
    {{ return(adapter.dispatch('rollup_sums', 'log_loss')()) }}
{% endmacro %}

{% macro default__rollup_sums() %}
    {% set count = dbt.type_bigint() %}
    {% set double = log_loss.type_double() %}
    {% set wide = "('overall', 'cohort')" %}
    {% set score = "('overall', 'cohort', 'score_bin')" %}
    {% set every = none %}
    {{ return([
        {'name': 'entry_count', 'of': none, 'type': count, 'grains': every,
         'needs_label': false},
        {'name': 'first_label_count', 'of': none, 'type': count, 'grains': wide,
         'needs_label': true},
        {'name': 'revised_label_count', 'of': none, 'type': count, 'grains': wide,
         'needs_label': true},
        {'name': 'label_before_prediction_count', 'of': 'is_label_before_prediction',
         'type': count, 'grains': wide, 'needs_label': true},
        {'name': 'correct_count', 'of': 'is_correct', 'type': count, 'grains': wide,
         'needs_label': true},
        {'name': 'clipped_count', 'of': 'is_clipped', 'type': count, 'grains': wide,
         'needs_label': true},
        {'name': 'loss_sum', 'of': 'loss', 'type': double, 'grains': every,
         'needs_label': true},
        {'name': 'loss_squared_sum', 'of': 'loss * loss', 'type': double,
         'grains': wide, 'needs_label': true},
        {'name': 'clipped_loss_sum', 'of': 'is_clipped * loss', 'type': double,
         'grains': wide, 'needs_label': true},
        {'name': 'weighted_loss_sum', 'of': 'weight * loss', 'type': double,
         'grains': wide, 'needs_label': true},
        {'name': 'brier_sum', 'of': 'brier_score', 'type': double, 'grains': wide,
         'needs_label': true},
        {'name': 'weight_sum', 'of': 'weight', 'type': double, 'grains': wide,
         'needs_label': false},
        {'name': 'entropy_sum', 'of': 'entropy', 'type': double, 'grains': wide,
         'needs_label': false},
        {'name': 'entropy_variance_sum', 'of': 'entropy_variance', 'type': double,
         'grains': wide, 'needs_label': false},
        {'name': 'score_sum', 'of': 'score', 'type': double, 'grains': score,
         'needs_label': false},
        {'name': 'score_squared_sum', 'of': 'score * score', 'type': double,
         'grains': score, 'needs_label': false},
        {'name': 'score_variance_sum', 'of': 'score * (1 - score)', 'type': double,
         'grains': score, 'needs_label': false},
    ]) }}
{% endmacro %}
