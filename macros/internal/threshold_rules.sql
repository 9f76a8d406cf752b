{#
    The rules that a thresholds relation may name, and on which side of its limits a
    value is bad.
#}
{% macro threshold_rules() %}
    {{ return(adapter.dispatch('threshold_rules', 'log_loss')()) }}
{% endmacro %}

{% macro default__threshold_rules() %}
    {{ return({
        'mean_log_loss': 'above',
        'cohort_log_loss': 'above',
        'class_log_loss': 'above',
        'clipped_loss_share': 'above',
        'correction_rate': 'above',
        'label_coverage': 'below',
        'rejected_share': 'above',
        'rejected_label_share': 'above',
        'non_finite_count': 'above',
    }) }}
{% endmacro %}
